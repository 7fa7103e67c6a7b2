"""What people decided about identity holds through a rebuild and a backfill of 90 days by the daily job."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from journey_platform.demo.company import build_world
from journey_platform.demo.vendors.server import serve
from journey_platform.identity.decisions import BLOCK, UNLINK
from journey_platform.lake import Lake
from journey_platform.stewardship.ledger import decide
from journey_platform.tables import (
    DECISIONS,
    JOURNEY_TOUCHPOINTS,
    PROFILES_TABLE,
)
from tests.runs import contents
from tests.runs.choosing import chosen, identifiers
from tests.runs.conftest import NARROW
from tests.runs.running import ZONE, Installation, Order

pytestmark = pytest.mark.chaos

LAST = date(2026, 11, 14)
WHOLE = Order(LAST - timedelta(days=89), LAST)
NOW = datetime(2026, 11, 15, 5, tzinfo=UTC)


@dataclass(frozen=True)
class Decided:
    """The lake before any decision, after one was derived, and after all was read again from nothing.

    `apart`: the two identifiers of the unlinked person; `blocked`: the identifier of another.
    """

    before: Lake
    after: Lake
    rebuilt: Lake
    apart: tuple[int, int]
    blocked: int


@pytest.fixture(scope="module")
def decided(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Decided]:
    world = replace(build_world(customers=40, first_day=WHOLE.first, last_day=LAST), outages=[])
    with serve(world) as served:
        settings = {"start": WHOLE.first, "now": served.now, "JOURNEY_SOURCES": NARROW}
        first, second, third = (
            Installation.at(tmp_path_factory.mktemp(name), served.environment, **settings)
            for name in ("before", "after", "rebuilt")
        )
        assert first.run(WHOLE).failures == {}
        second.with_lake_of(first)
        lake = Lake(str(second.lake))
        apart, blocked = chosen(lake)
        for action, keys in ((UNLINK, apart), (BLOCK, (blocked,))):
            decide(lake, action, keys, who="kim", why="asked", now=NOW, zone=ZONE)
        assert second.run(replace(WHOLE, job="derive")).failures == {}
        third.lake.joinpath("customers").mkdir(parents=True)
        shutil.copytree(second.lake.joinpath(*DECISIONS.key), third.lake.joinpath(*DECISIONS.key))
        assert third.run(WHOLE).failures == {}
        yield Decided(*(Lake(str(one.lake)) for one in (first, second, third)), apart, blocked)


def owners(lake: Lake) -> dict[str, tuple[date, int | None]]:
    """The day and person of each touchpoint."""
    rows = lake.read(JOURNEY_TOUCHPOINTS, columns=("touchpoint_id", "day", "person_key")).to_pylist()
    return {row["touchpoint_id"]: (row["day"], row["person_key"]) for row in rows}


def test_exactly_the_persons_concerned_change(decided: Decided) -> None:
    before, after = identifiers(decided.before), identifiers(decided.after)
    concerned = {before[key]["person_key"] for key in (*decided.apart, decided.blocked)}
    assert len(concerned) == 2
    for key, row in before.items():
        if row["person_key"] not in concerned:
            assert after[key] == row
    device, user = (after[key]["person_key"] for key in decided.apart)
    assert None not in (device, user)
    assert device != user
    assert after[decided.blocked]["status"] == "blocked"
    profiles = [
        {r["person_key"]: r for r in one.read(PROFILES_TABLE).to_pylist()}
        for one in (decided.before, decided.after)
    ]
    changed = {
        person
        for person in profiles[0].keys() | profiles[1].keys()
        if profiles[0].get(person) != profiles[1].get(person)
    }
    assert changed <= {row["person_key"] for row in (*before.values(), *after.values())}
    assert {p for p in changed if p in profiles[0]} <= concerned


def test_exactly_the_days_concerned_change(decided: Decided) -> None:
    was, now = owners(decided.before), owners(decided.after)
    assert was.keys() == now.keys()
    moved = {now[name][0] for name in was if was[name] != now[name]}
    states = [lake.day_states(JOURNEY_TOUCHPOINTS) for lake in (decided.before, decided.after)]
    rewritten = {day for day in states[0] if states[0][day] != states[1][day]}
    assert 0 < len(moved) < 45
    assert rewritten == moved


def test_the_decisions_hold_after_a_rebuild_from_90_days_of_sources(decided: Decided) -> None:
    found = identifiers(decided.rebuilt)
    device, user = (found[key]["person_key"] for key in decided.apart)
    assert None not in (device, user)
    assert device != user
    assert found[decided.blocked]["status"] == "blocked"
    assert found == identifiers(decided.after)
    assert owners(decided.rebuilt) == owners(decided.after)
    both = [contents.fingerprints(Path(lake.root)) for lake in (decided.rebuilt, decided.after)]
    assert contents.differences(*both) == {}
