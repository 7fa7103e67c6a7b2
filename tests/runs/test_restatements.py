"""Published values when a source is mended: listed with their causes, and the old ones kept."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from journey_platform.cli import main
from journey_platform.demo.vendors.server import Served, serve
from journey_platform.demo.world import World
from journey_platform.history.published import kpi_named, published
from journey_platform.history.restating import keep_up
from journey_platform.kpis.catalogue import KPIS
from journey_platform.lake import Lake
from journey_platform.operating.maintenance import tidy_lake
from journey_platform.tables import RESTATEMENTS
from tests.runs import contents
from tests.runs.conftest import FIRST, NARROW, WHOLE, Undisturbed, install
from tests.runs.mending import Cell, differing, values, with_visits_in_another_zone
from tests.runs.running import ZONE, Installation, Order

WRONG = [FIRST + timedelta(days=n) for n in range(3, 8)]
# A visit that is told two hours late may stand on the day after.
MENDED = Order(WRONG[0], WRONG[-1] + timedelta(days=1))


@dataclass(frozen=True)
class Mended:
    """A lake filled from the wrong source, and again from the right one; `wrong` holds the lake before."""

    installation: Installation
    wrong: Installation
    between: datetime
    check: dict[str, Any]


@pytest.fixture(scope="module")
def wrongly_served(world: World) -> Iterator[Served]:
    with serve(with_visits_in_another_zone(world, WRONG)) as serving:
        yield serving


@pytest.fixture(scope="module")
def mended(served: Served, wrongly_served: Served, tmp_path_factory: pytest.TempPathFactory) -> Mended:
    wrong = install(tmp_path_factory.mktemp("wrong"), wrongly_served, JOURNEY_SOURCES=NARROW)
    assert wrong.run(WHOLE).failures == {}
    assert wrong.run(WHOLE).failures == {}
    between = datetime.now(UTC)
    right = install(tmp_path_factory.mktemp("right"), served, JOURNEY_SOURCES=NARROW).with_lake_of(wrong)
    outcome = right.run(MENDED)
    assert outcome.failures == {}
    return Mended(right, wrong, between, outcome.failed_checks["kpis/restatements:mature_values_stand"])


def restatements(root: Path) -> dict[Cell, dict[str, Any]]:
    rows = contents.rows(root, RESTATEMENTS)
    found = {
        (row["kpi"], row["period"], row["value_day"], row["dimension"], row["dimension_value"]): row
        for row in rows
    }
    assert len(found) == len(rows), "no value was restated twice"
    return found


def test_a_first_publication_and_an_unchanged_second_run_restate_nothing(mended: Mended) -> None:
    assert contents.rows(mended.wrong.lake, RESTATEMENTS) == []


def test_exactly_the_values_that_changed_are_listed_with_their_old_and_new_numbers(mended: Mended) -> None:
    before, after = values(mended.wrong.lake), values(mended.installation.lake)
    found = restatements(mended.installation.lake)
    assert set(found) == differing(before, after)
    assert {"visits", "traffic_source"} <= {cell[0] for cell in found}
    for cell, row in found.items():
        for name in ("value", "numerator", "denominator", "lower", "upper"):
            assert row[f"old_{name}"] == before.get(cell, {}).get(name)
            assert row[f"new_{name}"] == after.get(cell, {}).get(name)
        if row["change"] is not None:
            assert row["change"] == row["new_value"] - row["old_value"]


def test_only_days_that_were_wrong_are_restated_and_their_cause_is_the_source(mended: Mended) -> None:
    found = restatements(mended.installation.lake)
    # An attempt is followed for days, so that a wrong day changes days before it.
    daily = {cell[2] for cell in found if cell[1] == "day" and not KPIS[cell[0]].window_days}
    assert daily <= {*WRONG, WRONG[-1] + timedelta(days=1)}
    assert len(daily) >= 3
    for cell, row in found.items():
        if cell[1] == "day" and not KPIS[cell[0]].window_days:
            assert [(cause["kind"], cause["name"]) for cause in row["causes"]] == [
                ("source", "matomo/visits")
            ]
            assert row["is_mature"]


@pytest.mark.chaos
def test_mended_values_are_those_of_a_lake_that_was_never_wrong(
    mended: Mended, undisturbed_narrow: Undisturbed
) -> None:
    assert differing(values(mended.installation.lake), values(undisturbed_narrow.installation.lake)) == set()


def test_the_check_says_how_many_mature_values_changed(mended: Mended) -> None:
    mature = [row for row in restatements(mended.installation.lake).values() if row["is_mature"]]
    assert mended.check["values_restated"] == len(mature)
    assert mended.check["because_of_source"] == len(mature)


def test_values_as_of_a_time_are_those_that_were_published_then(mended: Mended) -> None:
    lake, kpi = Lake(str(mended.installation.lake)), kpi_named("visits")
    then, now = published(lake, kpi, at=mended.between), published(lake, kpi)
    wrong = published(Lake(str(mended.wrong.lake)), kpi)
    assert then.rows.equals(wrong.rows)
    assert not then.rows.equals(now.rows)
    assert then.data["raw/matomo/visits"] < now.data["raw/matomo/visits"]
    assert then.code == now.code != ""
    assert then.identity_revision


def test_the_command_shows_the_old_number_the_new_one_and_why(
    mended: Mended, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in mended.installation.environment.items():
        monkeypatch.setenv(name, value)
    row = next(
        row
        for cell, row in restatements(mended.installation.lake).items()
        if cell[0] == "visits" and cell[3] == "all"
    )
    day = ["--day", str(row["value_day"]), "--dimension", "all"]
    assert main(["kpi", "visits", *day, "--as-of", mended.between.isoformat()]) == 0
    assert f"all=all  {row['old_value']:g}  " in capsys.readouterr().out
    assert main(["kpi", "visits", *day]) == 0
    assert f"all=all  {row['new_value']:g}  " in capsys.readouterr().out
    assert main(["kpi", "visits", *day, "--restatements"]) == 0
    told = capsys.readouterr().out
    assert f"{row['old_value']:g} -> {row['new_value']:g}" in told
    assert "source matomo/visits: " in told


def published_ever(lake: Lake, moments: list[datetime]) -> dict[tuple[str, datetime], object]:
    return {(kpi.name, at): published(lake, kpi, at=at) for kpi in KPIS.values() for at in moments}


def test_maintenance_keeps_what_was_published_and_what_it_was_made_from(
    mended: Mended, tmp_path: Path
) -> None:
    copied = tmp_path / "lake"
    shutil.copytree(mended.installation.lake, copied)
    lake, moments = Lake(str(copied)), [mended.between, datetime.now(UTC)]
    before, held = published_ever(lake, moments), contents.fingerprints(copied)
    tidied = tidy_lake(lake, now=datetime.now(UTC) + timedelta(days=365))
    assert tidied.files.keys() >= {"journeys/touchpoints", "touchpoints/matomo"}
    assert tidied.files.keys().isdisjoint(table.name for table in contents.KPIS)
    assert published_ever(lake, moments) == before
    assert contents.fingerprints(copied) == held
    assert tidy_lake(lake, now=datetime.now(UTC) + timedelta(days=365)).files == {}


@pytest.mark.chaos
def test_a_run_after_maintenance_finds_the_same_days_and_causes(
    mended: Mended, served: Served, tmp_path: Path
) -> None:
    again = install(tmp_path, served, JOURNEY_SOURCES=NARROW).with_lake_of(mended.wrong)
    tidy_lake(Lake(str(again.lake)), now=datetime.now(UTC) + timedelta(days=365))
    assert again.run(MENDED).failures == {}
    found, expected = (restatements(root) for root in (again.lake, mended.installation.lake))
    assert {cell: (row["new_value"], row["causes"]) for cell, row in found.items()} == {
        cell: (row["new_value"], row["causes"]) for cell, row in expected.items()
    }


def test_the_log_told_anew_from_the_commits_is_the_same_and_telling_twice_adds_nothing(
    mended: Mended, tmp_path: Path
) -> None:
    copied = tmp_path / "lake"
    shutil.copytree(mended.installation.lake, copied)
    lake, before = Lake(str(copied)), contents.rows(copied, RESTATEMENTS)
    assert keep_up(lake, run_id="again", zone=ZONE).num_rows == 0
    version = lake.version(RESTATEMENTS)
    shutil.rmtree(copied / "kpis" / "restatements")
    assert keep_up(lake, run_id="anew", zone=ZONE).num_rows == len(before)
    assert contents.rows(copied, RESTATEMENTS) == before
    assert version is not None


@pytest.mark.chaos
def test_a_mending_run_killed_after_it_published_something_is_listed_whole_by_the_next(
    mended: Mended, served: Served, tmp_path: Path
) -> None:
    again = install(tmp_path, served, JOURNEY_SOURCES=NARROW).with_lake_of(mended.wrong)
    lake, early = Lake(str(again.lake)), contents.KPIS[0]
    before = lake.version(early)
    run = again.start(MENDED)
    while lake.version(early) == before:
        assert run.process.is_alive(), run.tail()
    run.kill()
    assert contents.rows(again.lake, RESTATEMENTS) == []
    assert again.run(replace(MENDED, job="derive")).failures == {}
    found, expected = (restatements(root) for root in (again.lake, mended.installation.lake))
    assert {cell: row["new_value"] for cell, row in found.items()} == {
        cell: row["new_value"] for cell, row in expected.items()
    }
