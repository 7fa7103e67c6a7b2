"""Which days of those asked for a derived table computes."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from journey_platform.defs.planning import Plan, Surroundings, plan, with_neighbours
from journey_platform.defs.platform import Platform
from journey_platform.lake import Lake
from journey_platform.tables import BRIDGES, DECISIONS, SESSIONS
from tests.operating.made import rows_of

FIRST = date(2026, 3, 1)
DAYS = [FIRST + timedelta(days=n) for n in range(4)]
SPAN = (FIRST, DAYS[-1])


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A table of sessions with its days, from which bridges are told."""
    lake = Lake(str(tmp_path / "lake"))
    write(lake, SESSIONS, DAYS)
    return lake


def write(lake: Lake, table: Any, days: Iterable[date], cursor: str | None = None, *, more: int = 0) -> None:
    rows = pa.concat_tables([table.empty(), *(rows_of(table, day, 1 + more) for day in days)])
    lake.replace_days(table, rows, list(days), run_id="run", cursor=cursor, allow_shrink=True)


AS_EVER = Surroundings("as ever", lambda days: days)
OTHER = Surroundings("another", lambda days: days)


def planned(lake: Lake, asked: Iterable[date], within: Surroundings | None = AS_EVER, **more: Any) -> Plan:
    inputs = {SESSIONS: with_neighbours(lake)}
    return plan(lake, BRIDGES, list(asked), inputs, span=SPAN, within=within, **more)


def done(lake: Lake, asked: Iterable[date], within: Surroundings = AS_EVER) -> tuple[date, ...]:
    """The days that a run over `asked` computes."""
    work = planned(lake, asked, within)
    write(lake, BRIDGES, work.days, work.cursor)
    return work.days


def test_what_was_made_of_the_same_is_left_alone(lake: Lake) -> None:
    assert done(lake, DAYS) == tuple(DAYS)
    work = planned(lake, DAYS)
    assert work.days == ()
    assert work.kept == tuple(DAYS)
    assert json.loads(work.cursor) == json.loads(lake.cursor(BRIDGES) or ""), "so that nothing is committed"


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"within": OTHER}, id="the surroundings"),
        pytest.param({"within": None}, id="surroundings that nobody tells"),
        pytest.param({"rules": "of the house"}, id="the rules"),
        pytest.param({"marks": {"code": "another"}}, id="a mark"),
        pytest.param({"within": replace(AS_EVER, may_stay=lambda days: ())}, id="told to compute"),
    ],
)
def test_with_anything_else_every_day_asked_for_is_computed(lake: Lake, changed: Mapping[str, Any]) -> None:
    done(lake, DAYS)
    assert planned(lake, DAYS, **changed).days == tuple(DAYS)


def test_with_another_version_of_an_input_the_days_that_it_touches_are_computed(lake: Lake) -> None:
    done(lake, DAYS)
    write(lake, SESSIONS, DAYS[:1], more=1)
    work = planned(lake, DAYS[2:])
    assert (work.days, work.kept) == ((DAYS[0],), tuple(DAYS[2:]))
    write(lake, BRIDGES, work.days, work.cursor)
    assert done(lake, DAYS) == ()


def test_only_days_that_were_computed_so_are_left_alone(lake: Lake) -> None:
    """Some days under other surroundings say nothing of the others, which are still those of before."""
    done(lake, DAYS)
    assert done(lake, DAYS[:2], OTHER) == tuple(DAYS[:2])
    assert done(lake, DAYS, OTHER) == tuple(DAYS[2:])
    assert done(lake, DAYS, OTHER) == ()
    assert done(lake, DAYS) == tuple(DAYS), "what was before them is forgotten"


def environment(folder: Path, **more: str) -> dict[str, str]:
    return {
        "JOURNEY_ROOT": str(folder / "lake"),
        "JOURNEY_START_DATE": "2026-03-01",
        "JOURNEY_SOURCES": "mastodon",
        "JOURNEY_PSEUDONYM_KEY": "any",
        "MASTODON_BASE_URL": "https://vendor.example",
        **more,
    }


def surroundings(folder: Path, **more: str) -> str:
    opened = Platform()
    opened._environment = environment(folder, **more)
    return opened.surroundings


def test_the_surroundings_are_the_code_the_settings_what_is_declared_the_key_and_who_was_erased(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared = tmp_path / "journeys.yaml"
    declared.write_text("segments: {}")
    with_file = {"JOURNEY_JOURNEYS": str(declared)}
    found = [surroundings(tmp_path), surroundings(tmp_path, **with_file)]
    assert surroundings(tmp_path, JOURNEY_MEMORY_LIMIT="2GB") == found[0]
    declared.write_text("segments: {} # another")
    found.append(surroundings(tmp_path, **with_file))
    for name, value in {
        "JOURNEY_ZONE": "Europe/Amsterdam",
        "JOURNEY_START_DATE": "2026-03-02",
        "JOURNEY_PHONE_REGION": "NL",
        "JOURNEY_PSEUDONYM_KEY": "another",
        "JOURNEY_PROBABILISTIC_LINKS": "on",
    }.items():
        found.append(surroundings(tmp_path, **{name: value}))
    with monkeypatch.context() as patch:
        patch.setattr("journey_platform.defs.platform.installed_version", lambda: "another")
        found.append(surroundings(tmp_path))
    Lake(str(tmp_path / "lake")).replace_days(DECISIONS, rows_of(DECISIONS, FIRST, 1), [FIRST], run_id="run")
    found.append(surroundings(tmp_path))
    assert len(set(found)) == len(found)
