"""The days that a change of identity touches are told exactly, and enough to be as if made anew."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from journey_platform.engine import Engine
from journey_platform.identity.assign import assign
from journey_platform.identity.decisions import BLOCK, LINK, UNBLOCK, UNLINK, decision
from journey_platform.identity.normalise import DEFAULT_SPELLING
from journey_platform.identity.observations import observations
from journey_platform.identity.resolve import resolve
from journey_platform.lake import Lake
from journey_platform.settings import load
from journey_platform.stewardship.hands import days_changing_hands
from journey_platform.stewardship.preview import preview
from journey_platform.tables import DECISIONS, JOURNEY_TOUCHPOINTS, touchpoints_table
from tests.identity.shop import DAY, SECRET, Identifier, environment, key, moment, touch

DAYS = [DAY + timedelta(days=8 * n) for n in range(6)]
"""Each in a week of its own."""
ACCOUNT, EMAIL, LOGIN = ("shopify_customer_id", "55"), ("email", "ann@x.example"), ("user_id", "u-ann")
STRANGER, NOBODY = ("email", "bo@x.example"), ("cookie_id", "0000")
SEEN: tuple[tuple[Identifier, ...], ...] = (
    (ACCOUNT, ("email", " Ann@X.example")),
    (EMAIL, LOGIN),
    (ACCOUNT,),
    (STRANGER,),
    (NOBODY,),
    (ACCOUNT, NOBODY),
)
"""One order's identifiers for each day; the last one's is placed by a robot."""
ORDERS = touchpoints_table("shopify")

Step = tuple[str, tuple[Identifier, ...]]
APART: Step = (UNLINK, (ACCOUNT, EMAIL))
HIDDEN: Step = (BLOCK, (ACCOUNT,))


def decided(*steps: Step) -> pa.Table:
    rows = [
        decision(
            action,
            [key(*one) for one in named],
            who="kim",
            why="asked",
            decided_at=moment(0) + timedelta(minutes=n),
            day=DAY,
        )
        for n, (action, named) in enumerate(steps)
    ]
    return pa.concat_tables(rows)


@pytest.fixture(scope="module")
def orders() -> pa.Table:
    rows = [touch("shopify", "orders", "purchase", f"o{n}", 8 * n, carried) for n, carried in enumerate(SEEN)]
    rows[-1]["is_bot"] = True
    return pa.Table.from_pylist(rows, schema=ORDERS.schema)


@pytest.fixture
def lake(tmp_path: Path, orders: pa.Table) -> Lake:
    made = Lake(str(tmp_path))
    made.replace_days(ORDERS, orders, DAYS, run_id="fill")
    return made


@pytest.fixture
def engine(lake: Lake) -> Iterator[Engine]:
    with Engine(lake) as opened:
        yield opened


@pytest.mark.parametrize(
    ("before", "step", "days"),
    [
        # The account's orders were the mailbox's meanwhile where they carry both, and nobody's otherwise.
        pytest.param((APART, HIDDEN), (UNBLOCK, (ACCOUNT,)), [0, 2, 5], id="unblocked, and kept apart"),
        pytest.param((HIDDEN,), (UNBLOCK, (ACCOUNT,)), [2, 5], id="unblocked, and one with the mailbox"),
        pytest.param((APART,), HIDDEN, [0, 2, 5], id="blocked"),
        pytest.param((APART,), (LINK, (ACCOUNT, STRANGER)), [3], id="linked"),
    ],
)
def test_days_are_those_of_touchpoints_that_change_hands(
    lake: Lake, engine: Engine, orders: pa.Table, before: tuple[Step, ...], step: Step, days: list[int]
) -> None:
    seen = observations([orders], [])
    was, now = (
        resolve(seen, secret=SECRET.encode(), decisions=decided(*steps)).identifiers
        for steps in (before, (*before, step))
    )
    old, new = (assign(orders, found, secret=SECRET.encode()) for found in (was, now))
    lake.replace_days(JOURNEY_TOUCHPOINTS, old, DAYS, run_id="before")
    given = {"secret": SECRET.encode(), "spelling": DEFAULT_SPELLING}
    found = days_changing_hands(lake, engine, was, now, sources=("shopify",), **given)
    asked = sorted(found)
    rows = new.filter(pc.is_in(new["day"], pa.array(asked, pa.date32())))
    written = lake.replace_days(JOURNEY_TOUCHPOINTS, rows, asked, run_id="after")
    assert lake.read(JOURNEY_TOUCHPOINTS).equals(new)
    assert [DAYS.index(one.day) for one in written if one.is_changed] == days
    assert not found & {DAYS[3], DAYS[4]} - {DAYS[n] for n in days}


def test_a_preview_tells_the_days_that_an_unblocked_identifier_takes_back(
    lake: Lake, engine: Engine, orders: pa.Table
) -> None:
    shop = {"JOURNEY_SOURCES": "shopify", "SHOPIFY_BASE_URL": "http://127.0.0.1:1", "SHOPIFY_TOKEN": "token"}
    settings = load({**environment(Path(lake.root)), **shop})
    lake.add_versions(DECISIONS, decided(APART, HIDDEN), run_id="decided", cursor=None)
    was = resolve(observations([orders], []), secret=SECRET.encode(), decisions=decided(APART, HIDDEN))
    placed = assign(orders, was.identifiers, secret=SECRET.encode())
    lake.replace_days(JOURNEY_TOUCHPOINTS, placed, DAYS, run_id="before")
    undone = decision(
        UNBLOCK, [key(*ACCOUNT)], who="kim", why="asked", decided_at=moment(0) + timedelta(hours=1), day=DAY
    )
    told = preview(lake, engine, settings, secret=SECRET.encode(), decisions=undone)
    assert told.days == (DAYS[0], DAYS[2], DAYS[5])
