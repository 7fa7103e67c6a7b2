"""Identity as a pure function of the set of observations, against a brute-force oracle and bad shapes."""

import random
import time

import numpy as np
import pyarrow as pa
import pytest

from journey_platform.identity.keys import KeyCollision, check_distinct, identifier_key
from journey_platform.identity.resolve import resolve
from journey_platform.tables import IDENTIFIERS_TABLE, LINKS_TABLE
from tests.identity.people import SECRET, START, Record, brute_force, groups, observed, persons, statuses

ANN, BO = ("user_id", "u-ann"), ("user_id", "u-bo")
MAIL = ("email", "ann@shop.example")
COOKIE = ("cookie_id", "c0ffee")


def random_records(seed: int) -> list[Record]:
    """A few people, spelled in several ways, on shared devices, with placeholders and blanks among them."""
    rng = random.Random(seed)
    pool = [
        *(("user_id", f"u{i}") for i in range(5)),
        *(("cookie_id", f"c{i}") for i in range(8)),
        *(("email", spelled) for i in range(5) for spelled in (f"p{i}@x.example", f" P{i}@X.example ")),
        *(("phone", spelled) for i in range(3) for spelled in (f"+3161234567{i}", f"0031 6 1234 567{i}")),
        ("social_handle", "@Ann@Social.example"),
        ("social_handle", "ann@social.example"),
        ("email", "test@x.example"),
        ("user_id", "null"),
        ("cookie_id", "0000000000000000"),
        ("email", "no address"),
    ]
    return [
        (f"v{rng.randrange(2)}/s/{i}", rng.randrange(6), rng.sample(pool, rng.choice((1, 2, 2, 3, 4))))
        for i in range(rng.randrange(1, 25))
    ]


@pytest.mark.parametrize("block", range(10))
def test_random_graphs_agree_with_brute_force(block: int) -> None:
    for seed in range(block * 40, block * 40 + 40):
        records = random_records(seed)
        found = resolve(observed(records), secret=SECRET)
        status, expected = brute_force(records)
        assert statuses(found) == status, f"seed {seed}"
        assert groups(found) == expected, f"seed {seed}"


@pytest.mark.parametrize("seed", range(25))
def test_order_repetition_and_batches_change_nothing(seed: int) -> None:
    rng = random.Random(seed)
    table = observed(random_records(seed))
    expected = resolve(table, secret=SECRET)
    order = [*range(table.num_rows), *rng.choices(range(table.num_rows), k=5)]
    rng.shuffle(order)
    shuffled = table.take(order)
    cut = rng.randrange(len(order))
    batches = pa.concat_tables([shuffled.slice(cut), shuffled.slice(0, cut)])
    found = resolve(batches, secret=SECRET)
    assert found.identifiers.equals(expected.identifiers), f"seed {seed}"
    assert found.links.equals(expected.links), f"seed {seed}"
    assert found.revision == expected.revision, f"seed {seed}"


def test_nothing_observed_gives_empty_tables() -> None:
    found = resolve(observed([]), secret=SECRET)
    assert found.identifiers.equals(IDENTIFIERS_TABLE.empty())
    assert found.links.equals(LINKS_TABLE.empty())


def test_an_identifier_remembers_when_how_often_and_by_whom_it_was_seen() -> None:
    records: list[Record] = [
        ("a/s/1", 5, [MAIL]),
        ("a/s/1", 9, [MAIL]),
        ("b/s/1", 2, [("email", "ANN@shop.example")]),
    ]
    found = resolve(observed(records), secret=SECRET).identifiers
    (row,) = found.to_pylist()
    assert found.schema == IDENTIFIERS_TABLE.schema
    assert (row["value"], row["records"], row["vendors"]) == ("ann@shop.example", 2, ["a", "b"])
    assert [(row[name] - START).seconds // 60 for name in ("first_seen", "last_seen")] == [2, 9]
    assert row["identifier_key"] == identifier_key(SECRET, *MAIL) == row["person_key"]


def test_a_link_remembers_its_records_and_the_earliest_of_them() -> None:
    records: list[Record] = [
        ("b/s/2", 3, [MAIL, COOKIE]),
        ("a/s/9", 3, [COOKIE, MAIL]),
        ("a/s/0", 7, [MAIL, COOKIE]),
    ]
    found = resolve(observed(records), secret=SECRET).links
    (row,) = found.to_pylist()
    assert found.schema == LINKS_TABLE.schema
    assert (row["records"], row["example"], row["is_accepted"], row["reason"]) == (3, "a/s/9", True, None)
    assert row["left_key"] < row["right_key"]
    assert [(row[name] - START).seconds // 60 for name in ("first_seen", "last_seen")] == [3, 7]


@pytest.mark.parametrize(
    ("records", "reason"),
    [
        pytest.param(
            [("a/s/1", 0, [MAIL, ("user_id", "undefined")])], "an end is placeholder", id="placeholder"
        ),
        pytest.param([("a/s/1", 0, [MAIL, ("phone", "12")])], "an end is invalid", id="malformed"),
        pytest.param(
            [("a/s/1", 0, [ANN, COOKIE]), ("a/s/2", 0, [BO, COOKIE])], "an end is shared", id="kiosk's cookie"
        ),
        pytest.param(
            [("a/s/1", 0, [ANN, BO])],
            "a profile holds at most 1 user_id",
            id="two in one record",
        ),
    ],
)
def test_a_refused_link_is_kept_with_its_reason(records: list[Record], reason: str) -> None:
    found = resolve(observed(records), secret=SECRET)
    assert set(found.links["reason"].to_pylist()) == {reason}
    assert not any(found.links["is_accepted"].to_pylist())
    assert all(len(group) == 1 for group in groups(found))


def test_what_does_not_link_belongs_to_nobody_and_says_why() -> None:
    records: list[Record] = [
        ("a/s/1", 0, [ANN, COOKIE, ("email", "test@shop.example")]),
        ("a/s/2", 0, [BO, COOKIE, ("phone", "12")]),
    ]
    rows = {row["kind"]: row for row in resolve(observed(records), secret=SECRET).identifiers.to_pylist()}
    assert {
        kind: (rows[kind]["status"], rows[kind]["person_key"]) for kind in ("cookie_id", "email", "phone")
    } == {
        "cookie_id": ("shared", None),
        "email": ("placeholder", None),
        "phone": ("invalid", None),
    }
    assert rows["cookie_id"]["reason"] == "seen with 2 of user_id, at most 1"
    assert rows["user_id"]["reason"] is None


def test_a_placeholder_user_id_does_not_make_an_identifier_shared() -> None:
    records: list[Record] = [("a/s/1", 0, [ANN, COOKIE]), ("a/s/2", 0, [("user_id", "null"), COOKIE])]
    assert statuses(resolve(observed(records), secret=SECRET))[COOKIE] == "active"


def test_a_person_is_named_by_its_earliest_identifier() -> None:
    records: list[Record] = [("a/s/1", 9, [ANN, MAIL]), ("a/s/2", 4, [MAIL]), ("a/s/3", 6, [ANN, COOKIE])]
    found = persons(resolve(observed(records), secret=SECRET))
    assert set(found.values()) == {identifier_key(SECRET, *MAIL)}


def test_among_equally_early_identifiers_kind_and_value_decide() -> None:
    found = persons(resolve(observed([("a/s/1", 0, [ANN, MAIL, COOKIE])]), secret=SECRET))
    assert set(found.values()) == {identifier_key(SECRET, *COOKIE)}


@pytest.mark.parametrize("seed", range(20))
def test_later_data_keeps_the_keys_of_people_they_do_not_touch(seed: int) -> None:
    """Later records bring their own people, and touch one of the known ones."""
    before = [(record, minute, names) for record, minute, names in random_records(seed)]
    after: list[Record] = [
        ("late/s/1", 99, [("user_id", "new"), ("cookie_id", "new")]),
        ("late/s/2", 99, [before[0][2][0], ("cookie_id", "newer")]),
    ]
    old, new = (resolve(observed(rows), secret=SECRET) for rows in (before, before + after))
    assert groups(old) <= {frozenset(g - {("cookie_id", "newer")}) for g in groups(new)}, f"seed {seed}"
    was, now = persons(old), persons(new)
    assert {name: now[name] for name in was} == was, f"seed {seed}"


def test_a_chain_of_ten_thousand_is_one_person() -> None:
    names = [("cookie_id", f"c{i}") for i in range(10_000)]
    records = [(f"a/s/{i}", i % 7, [names[i], names[i + 1]]) for i in range(len(names) - 1)]
    random.Random(1).shuffle(records)
    found = resolve(observed(records), secret=SECRET)
    assert groups(found) == {frozenset(names)}


def test_a_star_of_ten_thousand_cookies_is_one_person() -> None:
    records: list[Record] = [(f"a/s/{i}", 1, [ANN, ("cookie_id", f"c{i}")]) for i in range(10_000)]
    found = resolve(observed(records), secret=SECRET)
    assert [len(group) for group in groups(found)] == [10_001]
    assert found.links.num_rows == 10_000


def test_a_mailbox_shared_by_many_joins_none_of_them() -> None:
    box = ("email", "family@x.example")
    records: list[Record] = [
        (f"a/s/{i}", 1, [box, ("user_id", f"u{i}"), ("phone", f"+3161234{i:04d}")]) for i in range(500)
    ]
    found = resolve(observed(records), secret=SECRET)
    assert statuses(found)[box] == "shared"
    assert groups(found) == {
        frozenset({("user_id", f"u{i}"), ("phone", f"+3161234{i:04d}")}) for i in range(500)
    }


def test_a_record_with_many_identifiers_is_no_trap() -> None:
    names = [("cookie_id", f"c{i}") for i in range(400)]
    found = resolve(observed([("a/s/1", 0, names)]), secret=SECRET)
    assert found.links.num_rows == 400 * 399 // 2
    assert groups(found) == {frozenset(names)}


def test_another_secret_gives_other_keys_and_the_same_people() -> None:
    table = observed(random_records(3))
    one, other = (resolve(table, secret=secret) for secret in (SECRET, b"another"))
    assert groups(one) == groups(other)
    assert not set(one.identifiers["identifier_key"].to_pylist()) & set(
        other.identifiers["identifier_key"].to_pylist()
    )


def test_two_identifiers_with_one_key_stop_the_run() -> None:
    with pytest.raises(KeyCollision, match="JOURNEY_PSEUDONYM_KEY"):
        check_distinct(np.array([5, -1, 5]))


def test_an_undeclared_kind_is_an_error_of_ours() -> None:
    with pytest.raises(ValueError, match="shoe_size"):
        resolve(observed([("a/s/1", 0, [("shoe_size", "42")])]), secret=SECRET)


@pytest.mark.slow
def test_three_hundred_thousand_observations_resolve_in_seconds() -> None:
    """A guard against anything quadratic; measured at about two seconds."""
    rng = random.Random(7)
    records: list[Record] = []
    for i in range(100_000):
        user = rng.randrange(20_000)
        names = [
            ("cookie_id", f"c{user}-{rng.randrange(3)}"),
            ("user_id", f"u{user}"),
            ("email", f"p{user}@x.example"),
        ]
        records.append((f"a/s/{i}", rng.randrange(1000), names))
    table = observed(records)
    began = time.perf_counter()
    found = resolve(table, secret=SECRET)
    assert time.perf_counter() - began < 30
    assert len(groups(found)) == len({names[1] for _, _, names in records})
