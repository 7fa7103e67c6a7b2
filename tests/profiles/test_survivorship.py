"""Which value of each attribute survives, and where it comes from."""

import random
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest

from journey_platform.identity.keys import profile_id
from journey_platform.identity.observations import observations
from journey_platform.identity.resolve import resolve
from journey_platform.profiles.profiles import profiles
from journey_platform.profiles.survivorship import RULES, survivors
from journey_platform.tables import (
    PROFILE_ATTRIBUTES_TABLE,
    PROFILES_TABLE,
    contacts_table,
    touchpoints_table,
)
from tests.identity.people import SECRET, START

ANN = ("user_id", "u-ann")
Statement = tuple[str, int, dict[str, str]]
"""(vendor, minutes after the start, attributes) said of Ann."""


def contacts(*statements: Statement, who: tuple[str, str] = ANN) -> pa.Table:
    rows = [
        {
            "day": START.date(),
            "contact_id": f"{vendor}/people/{i}",
            "observed_at": START + timedelta(minutes=minute),
            "vendor": vendor,
            "stream": "people",
            "record_key": str(i),
            "identifiers": [{"kind": who[0], "value": who[1]}],
            "attributes": [{"name": name, "value": value} for name, value in said.items()],
        }
        for i, (vendor, minute, said) in enumerate(statements)
    ]
    return pa.Table.from_pylist(rows, schema=contacts_table("any").schema)


def survived(*statements: Statement) -> dict[str, dict[str, Any]]:
    table = contacts(*statements)
    identifiers = resolve(observations([], [table]), secret=SECRET).identifiers
    found = survivors([table], identifiers, secret=SECRET)
    assert found.schema == PROFILE_ATTRIBUTES_TABLE.schema
    return {row["attribute"]: row for row in found.to_pylist()}


@pytest.mark.parametrize(
    ("attribute", "statements", "value", "contact", "candidates"),
    [
        pytest.param(
            "plan",
            [("a", 1, "free"), ("b", 3, "pro"), ("c", 2, "team")],
            "pro",
            "b/people/1",
            3,
            id="the latest",
        ),
        pytest.param(
            "plan",
            [("a", 1, "free"), ("b", 3, "  ")],
            "free",
            "a/people/0",
            1,
            id="never a blank over a value",
        ),
        pytest.param(
            "name",
            [("a", 1, "Ann"), ("b", 2, "Ann"), ("c", 3, "A. Bee")],
            "Ann",
            "b/people/1",
            2,
            id="the most frequent, in its latest statement",
        ),
        pytest.param(
            "name",
            [("a", 1, "Ann"), ("b", 2, "Anna")],
            "Anna",
            "b/people/1",
            2,
            id="the latest of equally frequent",
        ),
        pytest.param(
            "country",
            [("a", 1, "nl"), ("b", 2, "NL"), ("c", 3, "be")],
            "NL",
            "b/people/1",
            2,
            id="one spelling",
        ),
        pytest.param(
            "email",
            [("a", 1, "ann@x.example"), ("b", 2, " Ann@X.example")],
            "ann@x.example",
            "b/people/1",
            1,
            id="spellings of an address are one",
        ),
        pytest.param(
            "email_status",
            [("mailchimp", 1, "unsubscribed"), ("mailchimp", 9, "subscribed")],
            "unsubscribed",
            "mailchimp/people/0",
            2,
            id="a no on one address is a no",
        ),
        pytest.param(
            "company",
            [("a", 9, "Acme"), ("b", 1, "Acme Holding"), ("c", 2, "Acme Works")],
            "Acme Holding",
            "b/people/1",
            3,
            id="the most complete",
        ),
        pytest.param(
            "plan",
            [("mailchimp", 1, "pro"), ("a", 9, "free")],
            "pro",
            "mailchimp/people/0",
            2,
            id="the source that knows goes before the later one",
        ),
        pytest.param(
            "email_status",
            [("other", 9, "subscribed")],
            "subscribed",
            "other/people/0",
            1,
            id="else any source",
        ),
        pytest.param(
            "plan",
            [("b", 1, "pro"), ("a", 1, "free")],
            "free",
            "a/people/1",
            2,
            id="a tie goes to the first by id",
        ),
    ],
)
def test_the_rule_chooses_and_its_choice_leads_back(
    attribute: str, statements: list[tuple[str, int, str]], value: str, contact: str, candidates: int
) -> None:
    row = survived(*((vendor, minute, {attribute: said}) for vendor, minute, said in statements))[attribute]
    assert (row["value"], row["contact_id"], row["candidates"]) == (value, contact, candidates)
    assert row["rule"] == {rule.attribute: rule.name for rule in RULES}[attribute]
    assert row["vendor"] == contact.partition("/")[0]


def test_an_attribute_nobody_states_has_no_row() -> None:
    assert set(survived(("a", 1, {"plan": "pro", "company": ""}))) == {"plan"}


def test_an_attribute_without_a_rule_follows_its_latest_statement() -> None:
    found = survived(("a", 1, {"shoe_size": "42"}), ("a", 2, {"shoe_size": "43"}))
    assert set(found) == {"shoe_size"}
    assert found["shoe_size"]["value"] == "43"


@pytest.mark.parametrize("seed", range(15))
def test_order_and_batches_change_nothing(seed: int) -> None:
    rng = random.Random(seed)
    said = [
        (
            rng.choice("abc"),
            rng.randrange(4),
            {rule.attribute: rng.choice(("x", "y", "z", "")) for rule in RULES},
        )
        for _ in range(30)
    ]
    table = pa.concat_tables(
        [
            contacts(*said[i::3], who=("user_id", f"u-{i}")).set_column(1, "contact_id", ids)
            for i, ids in _ids(said)
        ]
    )
    identifiers = resolve(observations([], [table]), secret=SECRET).identifiers
    expected = survivors([table], identifiers, secret=SECRET)
    order = list(range(table.num_rows))
    rng.shuffle(order)
    shuffled, cut = table.take(order), rng.randrange(len(order))
    found = survivors([shuffled.slice(cut), shuffled.slice(0, cut)], identifiers, secret=SECRET)
    assert found.equals(expected), f"seed {seed}"
    assert profiles(identifiers, found).equals(profiles(identifiers, expected)), f"seed {seed}"


def _ids(said: list[Statement]) -> list[tuple[int, list[list[str]]]]:
    """Distinct contact ids for each of three people's statements."""
    return [(i, [[f"v/people/{i}-{n}" for n in range(len(said[i::3]))]]) for i in range(3)]


def test_a_profile_is_one_row_with_what_survived() -> None:
    people = contacts(
        ("zendesk", 5, {"name": "Ann Bee", "phone": "0031612345678"}),
        ("mailchimp", 7, {"plan": "pro", "email_status": "subscribed"}),
    )
    visit = {
        "touchpoint_id": "matomo/visits/1#0000",
        "day": START.date(),
        "occurred_at": START,
        "vendor": "matomo",
        "stream": "visits",
        "record_key": "1",
        "identifiers": [{"kind": "user_id", "value": "u-ann"}, {"kind": "cookie_id", "value": "c1"}],
        "is_bot": False,
    }
    lone = visit | {"record_key": "2", "identifiers": [{"kind": "cookie_id", "value": "c2"}]}
    web = pa.Table.from_pylist([visit, lone], schema=touchpoints_table("matomo").schema)
    identifiers = resolve(observations([web], [people]), secret=SECRET).identifiers
    found = profiles(identifiers, survivors([people], identifiers, secret=SECRET))
    assert found.schema == PROFILES_TABLE.schema
    known = {row["is_known"]: row for row in found.to_pylist()}
    ann, device = known[True], known[False]
    assert ann | {"person_key": 0, "profile_id": ""} == {
        "person_key": 0,
        "profile_id": "",
        "is_known": True,
        "name": "Ann Bee",
        "email": None,
        "phone": "+31612345678",
        "country": None,
        "company": None,
        "job_title": None,
        "plan": "pro",
        "email_status": "subscribed",
        "may_email": True,
        "identifiers": 2,
        "vendors": ["mailchimp", "matomo", "zendesk"],
        "first_seen": START,
        "last_seen": START + timedelta(minutes=7),
    }
    assert ann["profile_id"] == profile_id(ann["person_key"])
    assert (device["vendors"], device["identifiers"], device["name"]) == (["matomo"], 1, None)


def test_nobody_gives_empty_tables() -> None:
    nobody = resolve(observations([], []), secret=SECRET).identifiers
    nothing = survivors([], nobody, secret=SECRET)
    assert nothing.equals(PROFILE_ATTRIBUTES_TABLE.empty())
    assert profiles(nobody, nothing).equals(PROFILES_TABLE.empty())


def test_who_subscribed_again_may_be_mailed_and_who_never_said_is_not_known() -> None:
    again = contacts(
        ("mailchimp", 1, {"email_status": "unsubscribed"}), ("m", 9, {"email_status": "subscribed"})
    )
    ids = pa.array(["mailchimp/members/1@0", "mailchimp/members/1@9"])
    again = again.set_column(again.schema.get_field_index("contact_id"), "contact_id", ids)
    silent = contacts(("mailchimp", 1, {"name": "Bo"}), who=("user_id", "u-bo"))
    tables = [again.cast(silent.schema), silent]
    identifiers = resolve(observations([], tables), secret=SECRET).identifiers
    found = profiles(identifiers, survivors(tables, identifiers, secret=SECRET)).to_pylist()
    assert sorted((row["may_email"], row["name"]) for row in found if row["name"] is None) == [(True, None)]
    assert [row["may_email"] for row in found if row["name"] == "Bo"] == [None]
