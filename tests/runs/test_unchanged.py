"""What is asked for again is computed again only where it could come out otherwise."""

import re
import shutil
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from journey_platform.defs.partitions import RECOMPUTE_TAG
from journey_platform.demo.vendors.server import Served
from journey_platform.lake import Lake
from journey_platform.sources import archive_of, connector_of
from journey_platform.tables import (
    FUNNELS,
    GATE_VERDICTS,
    IDENTIFIERS_TABLE,
    PROFILES_TABLE,
    SESSIONS,
    kpis_table,
)
from tests.runs import contents
from tests.runs.conftest import FIRST, install
from tests.runs.running import Installation, Order

DAYS = [FIRST + timedelta(days=n) for n in range(3)]
VALUES = {"kpis__early", "kpis__middle", "kpis__late", "kpis__business", "kpis__bridges"}
STEPS = {"touchpoints__matomo", "journeys__touchpoints", "journeys__sessions", *VALUES}
WHOLE = {
    "whole__customers__identity": 3,
    "whole__customers__profiles": 3,
    "whole__customers__accounts": 2,
    "whole__journeys__accounts": 3,
    "whole__insights": 8,
    "whole__insights__heard_about_us": 1,
}
"""Steps of tables that are not daily, with how many."""
TOLD_BY = (SESSIONS, kpis_table("middle"), IDENTIFIERS_TABLE, PROFILES_TABLE, FUNNELS)


@pytest.fixture(scope="module")
def made(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """Three days of one vendor."""
    installation = install(tmp_path_factory.mktemp("made"), served, JOURNEY_SOURCES="matomo")
    assert installation.run(Order(DAYS[0], DAYS[-1], is_recorded=True)).failures == {}
    return installation


@pytest.fixture
def again(made: Installation, tmp_path: Path) -> Installation:
    """A copy of it, to be changed."""
    shutil.copytree(made.folder / "dagster", tmp_path / "dagster")
    own = {"JOURNEY_ROOT": str(tmp_path / "lake"), "DAGSTER_HOME": str(tmp_path / "dagster")}
    return Installation(tmp_path, {**made.environment, **own}).with_lake_of(made)


def computed(installation: Installation, **tags: str) -> tuple[dict[str, int], dict[str, int]]:
    """A run from the raw archives on over all days; how many days each daily step computed, where it was any,
    and how many tables each of the others left as they stand."""
    order = Order(DAYS[0], DAYS[-1], job="rederive", is_recorded=True, tags=tags)
    started = installation.start(order)
    assert started.outcome().failures == {}
    output = started.output.read_text()
    left = re.findall(r"- (\w+) - (\d+) tables left as they stand", output)
    said = re.findall(r"- (\w+) - (\d+) days computed, .* left as they stand", output)
    counts = {step: int(days) for step, days in said if step in STEPS}
    assert counts.keys() == STEPS
    days = {step: days for step, days in counts.items() if days}
    return days, {step: int(tables) for step, tables in left}


def told(installation: Installation) -> dict[tuple[str, date], dict[str, Any]]:
    assets = (
        "kpis/middle",
        "kpis/bridges",
        "journeys/touchpoints",
        "journeys/sessions",
        "touchpoints/matomo",
    )
    return {(asset, DAYS[1]): installation.told(asset, DAYS[1]) for asset in assets}


def test_an_unchanged_run_computes_nothing_and_tells_what_a_full_one_tells(again: Installation) -> None:
    before = contents.fingerprints(again.lake)
    versions = {table: Lake(str(again.lake)).version(table) for table in TOLD_BY}
    assert computed(again) == ({}, WHOLE)
    assert {table: Lake(str(again.lake)).version(table) for table in versions} == versions
    kept = told(again)
    days, left = computed(again, **{RECOMPUTE_TAG: "yes"})
    assert (days.keys(), left) == (STEPS, {})
    assert told(again) == kept
    assert {table: Lake(str(again.lake)).version(table) for table in versions} == versions
    assert kept["kpis/middle", DAYS[1]]["visits"] > 0
    assert contents.differences(contents.fingerprints(again.lake), before) == {}


@pytest.mark.chaos
def test_the_next_day_computes_what_looks_at_the_clock(again: Installation) -> None:
    tomorrow = {"JOURNEY_NOW": (again_at(again) + timedelta(days=1)).isoformat()}
    days, left = computed(replace(again, environment={**again.environment, **tomorrow}))
    assert days.keys() == VALUES
    assert WHOLE.keys() - left.keys() == {"whole__customers__profiles", "whole__insights"}


def again_at(installation: Installation) -> datetime:
    return datetime.fromisoformat(installation.environment["JOURNEY_NOW"])


@pytest.mark.chaos
def test_another_input_computes_what_follows_from_it(again: Installation) -> None:
    lake, visits = Lake(str(again.lake)), archive_of("matomo", connector_of("matomo").stream("visits"))
    rows = lake.read(visits, [DAYS[1]])
    lake.replace_days(visits, rows.slice(1), [DAYS[1]], run_id="by hand")
    shown = told(again)
    days, left = computed(again)
    assert (days.keys(), left) == (STEPS, {})
    assert told(again)["kpis/middle", DAYS[1]]["visits"] < shown["kpis/middle", DAYS[1]]["visits"]


@pytest.mark.chaos
def test_days_whose_verdict_is_missing_are_judged_again(again: Installation) -> None:
    """As a run leaves them that is killed between its rows and what is said of them."""
    lake = Lake(str(again.lake))
    before = contents.fingerprints(again.lake)

    def without(_: date, rows: pa.Table) -> pa.Table:
        return rows.filter(pc.not_equal(rows["table"], SESSIONS.name))

    lake.rewrite_days(GATE_VERDICTS, [DAYS[0]], without, run_id="by hand")
    assert computed(again) == ({"journeys__sessions": 1}, WHOLE)
    assert contents.differences(contents.fingerprints(again.lake), before) == {}
