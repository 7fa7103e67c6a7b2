"""A code that one person was given: an erasure takes what carries it alone, and commands find its person."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest

from connectors.base import Page, Record
from journey_platform.identity.assign import assign
from journey_platform.identity.declared import declared_links
from journey_platform.identity.observations import observations
from journey_platform.identity.resolve import resolve
from journey_platform.lake import Lake
from journey_platform.landing import land_versions
from journey_platform.settings import load
from journey_platform.stewardship.whom import erased_of
from journey_platform.tables import (
    DECISIONS,
    IDENTIFIERS_TABLE,
    JOURNEY_TOUCHPOINTS,
    LINKS_TABLE,
    contacts_table,
    raw_table,
    touchpoints_table,
)
from journey_platform.touchpoints.vendors import MAPPINGS
from tests.identity.remains import Traces
from tests.identity.shop import SECRET, Say
from tests.identity.test_declared_from_raw import BOB, GIVEN, member, order
from tests.touchpoints.raws import NOON, raw

WHY = ("--why", "asked by letter", "--by", "kim")
ORDERS = raw_table("shopify", "orders", "", is_entity=True)
MEMBERS = [member(**GIVEN), member("bob@work.example", BOB)]
ALONE, HERS = order(1, "ann-7f3k"), order(2, "ANN-7F3K", email="ann@home.example")
OF_OTHERS = [order(3, "SPRING", email="bob@work.example"), order(4, "SPRING")]
PASSED_ON = [order(number, "ANN-7F3K", email=f"friend{number}@home.example") for number in (5, 8)]


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    settings = {
        "JOURNEY_ROOT": str(tmp_path),
        "JOURNEY_ZONE": "UTC",
        "JOURNEY_START_DATE": NOON.date().isoformat(),
        "JOURNEY_SOURCES": "mailchimp,shopify",
        "JOURNEY_PSEUDONYM_KEY": SECRET,
        "MAILCHIMP_API_KEY": "key-us3",
        "SHOPIFY_BASE_URL": "http://127.0.0.1:1",
        "SHOPIFY_TOKEN": "token",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return Lake(str(tmp_path))


def fill(lake: Lake, members: list[dict[str, Any]], orders: list[dict[str, Any]]) -> None:
    """What the two vendors sent, mapped, and resolved."""
    touchpoints, contacts = [], []
    for vendor, stream, bodies in (("mailchimp", "members", members), ("shopify", "orders", orders)):
        rows = raw(vendor, stream, *bodies, keys=[str(body["id"]) for body in bodies])
        archive = raw_table(vendor, stream, "", is_entity=True)
        lake.replace_days(archive, rows, [NOON.date()], run_id="fill")
        touchpoints.append(MAPPINGS[vendor].touchpoints({stream: rows}, zone="UTC").rows)
        contacts.append(MAPPINGS[vendor].contacts({stream: rows}, zone="UTC").rows)
        for table, mapped in (
            (touchpoints_table(vendor), touchpoints[-1]),
            (contacts_table(vendor), contacts[-1]),
        ):
            lake.replace_days(table, mapped, mapped["day"].unique().to_pylist(), run_id="fill")
    secret = SECRET.encode()
    evidence = declared_links(touchpoints, contacts, secret=secret)
    found = resolve(observations(touchpoints, contacts), secret=secret, evidence=evidence)
    lake.replace_all(IDENTIFIERS_TABLE, found.identifiers, run_id="fill")
    lake.replace_all(LINKS_TABLE, found.links, run_id="fill")
    journeys = assign(pa.concat_tables(touchpoints), found.identifiers, secret=secret)
    days = journeys["day"].unique().to_pylist()
    lake.replace_days(JOURNEY_TOUCHPOINTS, journeys, days, run_id="fill")


def orders_in(lake: Lake) -> set[str]:
    """The orders that are left, which are the same in every table."""
    [found] = {
        frozenset(lake.read(ORDERS)["record_key"].to_pylist()),
        frozenset(lake.read(touchpoints_table("shopify"))["record_key"].to_pylist()),
        frozenset(
            text.split("/")[2].partition("#")[0]
            for text in lake.read(JOURNEY_TOUCHPOINTS)["touchpoint_id"].to_pylist()
        ),
    }
    return {*found}


@pytest.mark.parametrize(
    "named", ["email:ann@work.example", "email:ann@home.example", "promo_code: Ann-7F3K"]
)
def test_what_carries_the_code_alone_goes_with_its_person(
    lake: Lake, say: Say, tmp_path: Path, named: str
) -> None:
    fill(lake, MEMBERS, [ALONE, HERS, *OF_OTHERS])
    traces = Traces(("ANN-7F3K", "ann@work.example", "ann@home.example"))
    assert len({word for word, _ in traces.in_folder(tmp_path)}) == 3
    say("erase", named, *WHY)
    assert traces.in_folder(tmp_path) == set()
    assert orders_in(lake) == {"3", "4"}
    say("erase", "promo_code:ANN-7F3K", *WHY)
    assert lake.read(DECISIONS).num_rows == 1, "the code still names who was erased"


@pytest.mark.parametrize(
    ("members", "orders", "left"),
    [
        pytest.param(MEMBERS, [ALONE, *PASSED_ON], {"1", "5", "8"}, id="redeemed by friends"),
        pytest.param(
            [*MEMBERS[:1], member("bob@work.example", BOB, **GIVEN)], [ALONE], {"1"}, id="given to two"
        ),
    ],
)
def test_a_code_that_several_have_names_nobody(
    lake: Lake,
    say: Say,
    members: list[dict[str, Any]],
    orders: list[dict[str, Any]],
    left: set[str],
) -> None:
    fill(lake, members, orders)
    (line,) = say("erase", "promo_code:ANN-7F3K", *WHY, code=2)
    assert "several people have used it" in line
    say("erase", "email:ann@work.example", *WHY)
    assert orders_in(lake) == left


@pytest.mark.parametrize("code", ["SPRING", "NEVER"])
def test_a_code_that_was_given_to_nobody_finds_nobody(lake: Lake, say: Say, code: str) -> None:
    fill(lake, MEMBERS, [ALONE, *OF_OTHERS])
    (line,) = say("erase", f"promo_code:{code}", *WHY, code=2)
    assert "belongs to nobody" in line
    assert code not in line


def test_what_comes_later_with_the_code_alone_is_left_out_and_what_another_buys_with_it_stays(
    lake: Lake, say: Say
) -> None:
    fill(lake, MEMBERS, [ALONE])
    say("erase", "email:ann@work.example", *WHY)
    gone = erased_of(lake, secret=SECRET.encode(), settings=load())
    later = [order(6, "ANN-7F3K"), order(7, "ANN-7F3K", email="bob@work.example")]
    records = [Record(str(body["id"]), NOON, msgspec.json.encode(body)) for body in later]
    about = {"zone": "UTC", "run_id": "r", "extracted_at": datetime(2026, 3, 11, tzinfo=UTC)}
    landed = land_versions(lake, ORDERS, [Page(records)], erased=gone, **about)
    assert (landed.erased, lake.read(ORDERS)["record_key"].to_pylist()) == (1, ["7"])
