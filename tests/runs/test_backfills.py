"""A backfill of one source: what is asked of it, what it changes, and how it is tried before it is published.

The source told five days in another time zone, and tells them right now.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from journey_platform.backfills.difference import difference
from journey_platform.backfills.promotion import changed_tables, finish_promotions, promote
from journey_platform.demo.vendors.server import Served, serve
from journey_platform.demo.world import World
from journey_platform.history.published import kpi_named, published
from journey_platform.lake import Lake
from journey_platform.lake.shadows import Refused, Shadow, make, shadows
from journey_platform.tables import RESTATEMENTS, SESSIONS
from tests.runs import contents
from tests.runs.conftest import FIRST, LAST, NARROW, WHOLE, Undisturbed, install
from tests.runs.mending import differing, values, values_of, with_visits_in_another_zone
from tests.runs.running import PROJECT, Installation, Order

WRONG = [FIRST + timedelta(days=n) for n in range(3, 8)]
# A visit that is told two hours late may stand on the day after.
MENDED = (WRONG[0], WRONG[-1] + timedelta(days=1))
ZENDESK_STATE = {"/api/v2/incremental/tickets/cursor.json", "/api/v2/incremental/users/cursor.json"}


def journey(installation: Installation, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command, as an operator runs it."""
    return subprocess.run(
        [sys.executable, "-m", "journey_platform.cli", *arguments],
        env={**installation.environment, "PYTHONPATH": str(PROJECT), "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


def days(first: date, last: date) -> list[str]:
    return ["--from", first.isoformat(), "--to", last.isoformat()]


@pytest.fixture(scope="module")
def wrong(world: World, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """A lake filled from the wrong source."""
    with serve(with_visits_in_another_zone(world, WRONG)) as serving:
        installation = install(tmp_path_factory.mktemp("wrong"), serving, JOURNEY_SOURCES=NARROW)
        assert installation.run(WHOLE).failures == {}
    return installation


@pytest.fixture(scope="module")
def previewed(
    wrong: Installation, served: Served, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Installation, Shadow, str]:
    """The same lake, the source mended, and a preview of its backfill as the command told it."""
    installation = install(tmp_path_factory.mktemp("previewed"), served, JOURNEY_SOURCES=NARROW)
    installation.with_lake_of(wrong)
    done = journey(installation, "backfill", "--source", "matomo", *days(*MENDED), "--preview")
    assert done.returncode == 0, done.stderr[-3000:]
    [shadow] = shadows(Lake(str(installation.lake)))
    return installation, shadow, done.stdout


@pytest.fixture
def copied(previewed: tuple[Installation, Shadow, str], tmp_path: Path) -> Shadow:
    """The lake with its preview, to do with as a test likes."""
    shutil.copytree(previewed[0].lake, tmp_path / "lake")
    return Shadow(tmp_path / "lake", previewed[1].name)


def test_current_state_comes_from_the_archive_and_the_vendor_is_not_asked_for_it(
    served: Served, undisturbed_narrow: Undisturbed, tmp_path: Path
) -> None:
    installation = install(tmp_path, served, JOURNEY_SOURCES=NARROW)
    installation.with_lake_of(undisturbed_narrow.installation)
    shutil.rmtree(installation.lake / "touchpoints" / "zendesk")
    before, versions = dict(served.asked), contents.versions(installation.lake)
    done = journey(installation, "backfill", "--source", "zendesk", *days(FIRST, LAST))
    assert done.returncode == 0, done.stderr[-3000:]
    asked = {path for (_, path), n in served.asked.items() if n > before.get((_, path), 0)}
    assert not asked & ZENDESK_STATE
    assert asked, "its events were asked for again"
    assert {vendor for (vendor, path), n in served.asked.items() if n > before.get((vendor, path), 0)} == {
        "zendesk"
    }
    assert (
        contents.differences(contents.fingerprints(installation.lake), undisturbed_narrow.fingerprints) == {}
    )
    after = contents.versions(installation.lake)
    assert {name for name in after if after[name] != versions[name]} <= {
        "touchpoints/zendesk",
        "journeys/touchpoints",
        "journeys/sessions",
        *(table.name for table in contents.KPIS),
        "contacts/zendesk",
    }
    assert "0 published values restated" in done.stdout


def test_state_is_asked_for_by_the_daily_run_alone_not_by_a_backfill_from_the_asset_graph(
    served: Served, undisturbed_narrow: Undisturbed, tmp_path: Path
) -> None:
    installation = install(tmp_path, served, JOURNEY_SOURCES=NARROW)
    installation.with_lake_of(undisturbed_narrow.installation)
    before = dict(served.asked)
    order = Order(FIRST, LAST, tags={"dagster/backfill": "from the asset graph"})
    assert installation.run(order).failures == {}
    asked = {path for (_, path), n in served.asked.items() if n > before.get((_, path), 0)}
    assert asked
    assert not asked & ZENDESK_STATE
    assert installation.run(WHOLE).failures == {}
    asked = {path for (_, path), n in served.asked.items() if n > before.get((_, path), 0)}
    assert asked >= ZENDESK_STATE


def test_a_preview_publishes_nothing_and_leaves_the_lake_as_it_was(
    previewed: tuple[Installation, Shadow, str], wrong: Installation
) -> None:
    installation, _, _ = previewed
    assert contents.versions(installation.lake) == contents.versions(wrong.lake)
    files = contents.data_files(installation.lake)
    here = {path: digest for path, digest in files.items() if path[0] != "_"}
    assert here == contents.data_files(wrong.lake)
    assert not list((installation.folder / "dagster").rglob("*.db"))


def test_a_preview_names_exactly_the_values_that_a_promotion_changes(
    previewed: tuple[Installation, Shadow, str], wrong: Installation, undisturbed_narrow: Undisturbed
) -> None:
    _, shadow, told = previewed
    found = difference(shadow)
    named = {
        (change.kpi, change.period, change.day, change.dimension, change.dimension_value)
        for change, _ in found.kpis
    }
    expected = differing(values(wrong.lake), values(undisturbed_narrow.installation.lake))
    assert named == expected
    for change, causes in found.kpis:
        if change.period == "day":
            assert change.day in {*WRONG, MENDED[1]}
            assert [cause["name"] for cause in causes] == ["matomo/visits"]
    assert f"KPI values that would be restated: {len(expected)}" in told
    [visits] = [counts for counts in found.rows if counts.table == "raw/matomo/visits"]
    assert (visits.added, visits.removed) != (0, 0) or visits.changed
    assert set(visits.days) <= {MENDED[0] + timedelta(days=n) for n in range(6)}


def test_a_promotion_publishes_lists_what_it_restated_and_keeps_the_old_numbers_readable(
    previewed: tuple[Installation, Shadow, str], undisturbed_narrow: Undisturbed, copied: Shadow
) -> None:
    installation = Installation(
        copied.root.parent, {**previewed[0].environment, "JOURNEY_ROOT": str(copied.root)}
    )
    expected = len(difference(copied).kpis)
    between, before = datetime.now(UTC), values(copied.root)
    done = journey(installation, "backfill", "--promote", copied.name)
    assert done.returncode == 0, done.stderr[-3000:]
    assert f"{expected} values restated" in done.stdout
    assert differing(values(copied.root), values(undisturbed_narrow.installation.lake)) == set()
    apart = contents.differences(contents.fingerprints(copied.root), undisturbed_narrow.fingerprints)
    # A visit's own record also counts the visitor's others: the archive of days not asked again keeps that.
    assert {name for name in apart if not name.startswith("raw/matomo/visits ")} == set()
    rows = contents.rows(copied.root, RESTATEMENTS)
    assert len(rows) == expected
    assert all(row["published_at"] > between for row in rows)
    assert all(cause["kind"] != "unexplained" for row in rows for cause in row["causes"])
    lake = Lake(str(copied.root))
    then = published(lake, kpi_named("visits"), at=between)
    assert values_of(then.rows) == {cell: row for cell, row in before.items() if cell[0] == "visits"}
    assert shadows(lake) == []
    assert journey(installation, "backfill", "--promote", copied.name).returncode == 1


def test_what_a_promotion_published_is_what_the_next_run_finds_done(
    previewed: tuple[Installation, Shadow, str], copied: Shadow
) -> None:
    promote(copied, now=datetime.now(UTC))
    again = Installation(copied.root.parent, {**previewed[0].environment, "JOURNEY_ROOT": str(copied.root)})
    versions = contents.versions(copied.root)
    assert again.run(Order(FIRST, LAST, job="derive")).failures == {}
    assert contents.versions(copied.root) == versions


def test_a_preview_of_a_lake_that_moved_is_refused_and_changes_nothing(copied: Shadow) -> None:
    lake = Lake(str(copied.root))
    day = WRONG[0]
    lake.replace_days(SESSIONS, SESSIONS.empty(), [day], run_id="a daily run", allow_shrink=True)
    versions = contents.versions(copied.root)
    with pytest.raises(Refused, match="journeys/sessions changed since"):
        promote(copied, now=datetime.now(UTC))
    assert contents.versions(copied.root) == versions
    assert [shadow.name for shadow in shadows(lake)] == [copied.name]


def test_a_discarded_preview_leaves_no_trace(
    previewed: tuple[Installation, Shadow, str], copied: Shadow
) -> None:
    installation = Installation(
        copied.root.parent, {**previewed[0].environment, "JOURNEY_ROOT": str(copied.root)}
    )
    versions = contents.versions(copied.root)
    assert journey(installation, "backfill", "--discard", copied.name).returncode == 0
    assert contents.versions(copied.root) == versions
    assert not copied.folder.exists()
    assert journey(installation, "backfill", "--list").stdout == ""


PROMOTES = """
import os, sys
from datetime import UTC, datetime
from pathlib import Path
from journey_platform.backfills import promotion
from journey_platform.lake.shadows import Shadow
steps = int(sys.argv[3])
link = os.link
def counted(*arguments, **options):
    global steps
    steps -= 1
    if steps < 0:
        os.kill(os.getpid(), 9)
    return link(*arguments, **options)
os.link = counted
promotion.promote(Shadow(Path(sys.argv[1]), sys.argv[2]), now=datetime(2026, 11, 20, tzinfo=UTC))
"""


@pytest.mark.parametrize("steps", [1, 2, 8, 21, 34, 41])
def test_a_promotion_killed_at_any_step_is_ended_by_whoever_comes_next(
    undisturbed_narrow: Undisturbed, copied: Shadow, steps: int
) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", PROMOTES, str(copied.root), copied.name, str(steps)],
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        check=False,
    )
    assert killed.returncode == -9, "the promotion takes more steps than that"
    [promoted] = finish_promotions(Lake(str(copied.root)))
    assert promoted.moved is None
    assert differing(values(copied.root), values(undisturbed_narrow.installation.lake)) == set()
    assert shadows(Lake(str(copied.root))) == []
    assert finish_promotions(Lake(str(copied.root))) == []


def test_a_shadow_takes_next_to_no_room_and_no_time(wrong: Installation, tmp_path: Path) -> None:
    shutil.copytree(wrong.lake, tmp_path / "lake")
    lake = Lake(str(tmp_path / "lake"))

    def used() -> int:
        return sum(
            {path.stat().st_ino: path.stat().st_size for path in (tmp_path / "lake").rglob("*.*")}.values()
        )

    before, began = used(), time.monotonic()
    shadow = make(lake, "one", source="matomo", first=FIRST, last=LAST, made_at="now")
    assert time.monotonic() - began < 5
    assert used() - before < 10_000
    assert changed_tables(shadow) == {}
    assert json.loads((shadow.folder / "about.json").read_text())["versions"]
    assert contents.versions(shadow.folder / "lake") == contents.versions(wrong.lake)
