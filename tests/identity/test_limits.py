"""Limits of a profile whatever the order: by brute force, by NetworkX, and on shapes meant to hurt."""

import random
import time
from collections import Counter
from datetime import UTC, datetime, timedelta

import networkx as nx
import numpy as np
import pyarrow as pa
import pytest

from journey_platform.identity.cut import KEPT_APART, Limits, cut
from journey_platform.identity.decisions import decision
from journey_platform.identity.keys import identifier_key
from journey_platform.identity.links import EVIDENCE
from journey_platform.identity.normalise import Spelling
from journey_platform.identity.policy import POLICIES, with_limit
from journey_platform.identity.resolve import Resolution, resolve
from journey_platform.tables import DECISIONS
from tests.identity.people import (
    SECRET,
    START,
    Identifier,
    Record,
    brute_force,
    groups,
    observed,
    persons,
    statuses,
)
from tests.identity.test_resolve import random_records

TIGHT = with_limit(with_limit(POLICIES, "email", "max_per_profile", 2), "cookie_id", "max_per_profile", 3)


def decided(*rulings: tuple[str, tuple[Identifier, ...]]) -> pa.Table:
    rows = [
        decision(
            action,
            [identifier_key(SECRET, *name) for name in names],
            who="kim",
            why="asked",
            decided_at=START + timedelta(days=n),
            day=START.date(),
        )
        for n, (action, names) in enumerate(rulings)
    ]
    return pa.concat_tables([DECISIONS.empty(), *rows])


@pytest.mark.parametrize("block", range(10))
def test_limits_and_decisions_agree_with_brute_force(block: int) -> None:
    for seed in range(block * 30, block * 30 + 30):
        rng = random.Random(seed)
        records = random_records(seed + 10_000)
        names = sorted({(kind, value) for _, _, pairs in records for kind, value in pairs if kind != "phone"})
        names = [name for name in names if name[1] == name[1].strip().lower().lstrip("@")]
        pairs = [rng.sample(names, 2) for _ in range(2)] if len(names) > 2 else []
        apart = decided(*(("unlink", tuple(pair)) for pair in pairs))
        found = resolve(observed(records), secret=SECRET, decisions=apart, policies=TIGHT)
        status, expected = brute_force(records, [frozenset(pair) for pair in pairs], TIGHT)
        assert statuses(found) == status, f"seed {seed}"
        assert groups(found) == expected, f"seed {seed}"


@pytest.mark.parametrize("seed", range(100))
def test_no_profile_breaks_a_limit_and_no_link_is_refused_without_need(seed: int) -> None:
    """On random graphs of hundreds of identifiers, with NetworkX as the judge of who hangs together."""
    rng = np.random.default_rng(seed)
    count, links = 300, 400
    kind = rng.choice(3, count, p=[0.1, 0.3, 0.6])
    left, right = rng.integers(0, count, links), rng.integers(0, count, links)
    at_most = {0: 1, 1: 4}
    apart = [(int(a), int(b)) for a, b in rng.integers(0, count, (5, 2)) if a != b]
    limits = Limits(kind, at_most, apart, ("user_id", "email", "cookie_id"))
    order = rng.permutation(links)
    refusal, component = cut(left, right, lambda places: order[np.isin(order, places)], limits)
    graph = nx.Graph()
    graph.add_nodes_from(range(count))
    graph.add_edges_from((left[i], right[i]) for i in range(links) if refusal[i] is None)
    together = {frozenset(members) for members in nx.connected_components(graph)}
    by_label = {frozenset(np.flatnonzero(component == label).tolist()) for label in np.unique(component)}
    assert by_label == together, f"seed {seed}"

    def is_broken(members: set[int]) -> bool:
        counts = Counter(kind[list(members)].tolist())
        return any(counts[code] > most for code, most in at_most.items()) or any(
            {a, b} <= members for a, b in apart
        )

    assert not any(map(is_broken, map(set, together))), f"seed {seed}"
    of = {node: members for members in together for node in members}
    for i in range(links):
        is_needed = is_broken(set(of[left[i]] | of[right[i]]))
        assert (refusal[i] is None) != is_needed, f"seed {seed}, link {i}"


@pytest.mark.parametrize("seed", range(100))
def test_without_a_limit_persons_are_the_components(seed: int) -> None:
    rng = random.Random(seed)
    records: list[Record] = [
        (f"a/s/{i}", i, [("cookie_id", f"c{rng.randrange(120)}"), ("cookie_id", f"c{rng.randrange(120)}")])
        for i in range(100)
    ]
    graph = nx.Graph()
    graph.add_edges_from((a, b) for _, _, (a, b) in records)
    expected = {frozenset(members) for members in nx.connected_components(graph)}
    assert groups(resolve(observed(records), secret=SECRET)) == expected, f"seed {seed}"


@pytest.mark.parametrize("seed", range(60))
def test_daily_growth_and_one_rebuild_give_the_same(seed: int) -> None:
    """Whatever was resolved on the way: the last day knows all records, and nothing else counts."""
    rng = random.Random(seed)
    records = random_records(seed)
    rulings = decided(("block", (("cookie_id", "c1"),)), ("link", (("cookie_id", "c2"), ("cookie_id", "c3"))))
    whole = resolve(observed(records), secret=SECRET, decisions=rulings)
    known: list[Record] = []
    grown: Resolution | None = None
    for record in sorted(records, key=lambda r: (r[1], rng.random())):
        known.insert(rng.randrange(len(known) + 1), record)
    for cut_at in sorted({*rng.sample(range(len(known) + 1), min(3, len(known))), len(known)}):
        shuffled = rulings.take(rng.sample(range(rulings.num_rows), rulings.num_rows))
        grown = resolve(observed(known[:cut_at]), secret=SECRET, decisions=shuffled)
    assert grown is not None
    assert grown.identifiers.equals(whole.identifiers), f"seed {seed}"
    assert grown.links.equals(whole.links), f"seed {seed}"


def test_two_dense_communities_with_one_bridge_part_at_the_bridge() -> None:
    sides = [[("cookie_id", f"{side}{i}") for i in range(30)] for side in "ab"]
    records: list[Record] = [
        (f"a/s/{side[0][1]}{n}", n, [side[n], side[(n * 7 + 1) % 30], ("user_id", f"u-{side[0][1][0]}")])
        for side in sides
        for n in range(30)
    ]
    records.append(("a/s/bridge", 99, [sides[0][3], sides[1][4]]))
    found = resolve(observed(records), secret=SECRET)
    assert sorted(map(len, groups(found))) == [31, 31]
    (refused,) = (row for row in found.links.to_pylist() if not row["is_accepted"])
    assert (refused["example"], refused["reason"]) == ("a/s/bridge", "a profile holds at most 1 user_id")


def test_the_weakest_link_of_a_chain_between_two_users_gives_way() -> None:
    chain = [("user_id", "u1"), ("email", "a@x.example"), ("cookie_id", "c"), ("email", "b@x.example")]
    chain.append(("user_id", "u2"))
    records: list[Record] = [
        (f"a/s/{i}{copy}", 1, [chain[i], chain[i + 1]])
        for i in range(4)
        for copy in range(1 if i == 1 else 3)
    ]
    found = groups(resolve(observed(records), secret=SECRET))
    assert found == {frozenset(chain[:2]), frozenset(chain[2:])}


def test_a_mailbox_of_ten_thousand_joins_none_of_them() -> None:
    """No user id tells them apart: too many phone numbers beside one address do."""
    box = ("email", "sales@x.example")
    records: list[Record] = [(f"a/s/{i}", 1, [box, ("phone", f"+316{i:08d}")]) for i in range(10_000)]
    began = time.perf_counter()
    found = resolve(observed(records), secret=SECRET)
    assert time.perf_counter() - began < 20
    assert statuses(found)[box] == "shared"
    assert Counter(map(len, groups(found))) == {1: 10_000}


def test_a_default_account_that_thousands_are_put_under_is_nobody() -> None:
    """A user id that no list of placeholders knows."""
    records: list[Record] = [
        (f"a/s/{i}", 1, [("user_id", "acme-default"), ("email", f"p{i}@x.example")]) for i in range(3_000)
    ]
    found = resolve(observed(records), secret=SECRET)
    assert statuses(found)[("user_id", "acme-default")] == "shared"


def test_a_recycled_phone_number_goes_to_nobody() -> None:
    number = ("phone", "+31612345678")
    records: list[Record] = [
        *((f"a/s/{i}", i, [number, ("user_id", "u-first")]) for i in range(5)),
        *((f"b/s/{i}", 500 + i, [number, ("user_id", "u-next")]) for i in range(5)),
    ]
    found = resolve(observed(records), secret=SECRET)
    assert persons(found)[number] is None
    assert len(groups(found)) == 2


def test_a_long_chain_through_many_users_is_cut_between_each_two() -> None:
    names = [("user_id", f"u{i // 10}") if i % 10 == 0 else ("cookie_id", f"c{i}") for i in range(5_000)]
    records: list[Record] = [(f"a/s/{i}", 1, [names[i], names[i + 1]]) for i in range(len(names) - 1)]
    random.Random(3).shuffle(records)
    found = groups(resolve(observed(records), secret=SECRET))
    assert len(found) == 500
    assert all(sum(kind == "user_id" for kind, _ in group) == 1 for group in found)


def test_the_latest_decision_about_a_pair_counts() -> None:
    ann, cookie = ("user_id", "u-ann"), ("cookie_id", "c")
    records: list[Record] = [("a/s/1", 0, [ann]), ("a/s/2", 0, [cookie])]
    pair = (ann, cookie)
    joined = frozenset(pair)
    for actions, is_joined in ((("link",), True), (("link", "unlink"), False), (("unlink", "link"), True)):
        rulings = decided(*((action, pair) for action in actions))
        found = groups(resolve(observed(records), secret=SECRET, decisions=rulings))
        assert (joined in found) == is_joined, actions


def test_a_link_by_decision_does_not_put_two_user_ids_into_one_profile() -> None:
    users = (("user_id", "u1"), ("user_id", "u2"))
    records: list[Record] = [(f"a/s/{n}", 0, [user]) for n, user in enumerate(users)]
    found = resolve(observed(records), secret=SECRET, decisions=decided(("link", users)))
    assert len(groups(found)) == 2
    assert found.links["reason"].to_pylist() == ["a profile holds at most 1 user_id"]


def test_an_unlinked_pair_stays_apart_however_many_ways_lead_from_one_to_the_other() -> None:
    mail, cookie = ("email", "a@x.example"), ("cookie_id", "c0")
    others = [("cookie_id", f"c{i}") for i in range(1, 9)]
    records: list[Record] = [(f"a/s/{o[1]}", 0, [mail, o, cookie]) for o in others]
    found = resolve(observed(records), secret=SECRET, decisions=decided(("unlink", (mail, cookie))))
    assert persons(found)[mail] != persons(found)[cookie]
    assert set(found.links["reason"].to_pylist()) == {None, KEPT_APART}


def test_evidence_from_elsewhere_joins_and_is_the_first_to_give_way() -> None:
    ann, bo = ("email", "ann@x.example"), ("email", "bo@x.example")
    users = ("user_id", "u1"), ("user_id", "u2")
    given = [
        {
            "left_key": min(keys),
            "right_key": max(keys),
            "rule": "probabilistic",
            "weight": 12.5,
            "records": 1,
            "example": "a/s/1",
            "first_seen": datetime(2026, 3, 1, tzinfo=UTC),
            "last_seen": datetime(2026, 3, 1, tzinfo=UTC),
        }
        for keys in [
            [identifier_key(SECRET, *ann), identifier_key(SECRET, *bo)],
            [identifier_key(SECRET, *ann), identifier_key(SECRET, "email", "never@seen.example")],
        ]
    ]
    evidence = pa.Table.from_pylist(given, schema=EVIDENCE)
    apart: list[Record] = [("a/s/1", 0, [ann]), ("a/s/2", 0, [bo])]
    assert groups(resolve(observed(apart), secret=SECRET, evidence=evidence)) == {frozenset({ann, bo})}
    known: list[Record] = [("a/s/1", 0, [ann, users[0]]), ("a/s/2", 0, [bo, users[1]])]
    found = resolve(observed(known), secret=SECRET, evidence=evidence)
    assert groups(found) == {frozenset({ann, users[0]}), frozenset({bo, users[1]})}
    reasons = dict(zip(found.links["rule"].to_pylist(), found.links["reason"].to_pylist(), strict=True))
    assert reasons == {"co_observed": None, "probabilistic": "a profile holds at most 1 user_id"}


def test_numbers_without_a_country_are_read_in_the_region_that_is_set() -> None:
    records: list[Record] = [
        ("a/s/1", 0, [("phone", "06 1234 5678"), ("user_id", "u")]),
        ("a/s/2", 0, [("phone", "+31 6 12345678"), ("cookie_id", "c")]),
    ]
    dutch = resolve(observed(records), secret=SECRET, spelling=Spelling("NL"))
    assert len(groups(dutch)) == 1
    nowhere = resolve(observed(records), secret=SECRET)
    assert len(groups(nowhere)) == 2
    (row,) = (row for row in nowhere.identifiers.to_pylist() if row["status"] == "invalid")
    assert row["reason"] == "phone: no country code, and no region is set"
