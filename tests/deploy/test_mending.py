"""An operator mends a source on the production instance: in a browser where people do so, else by GraphQL.

Five days were told in another time zone; the source is mended, its backfill tried, looked at and published.
With JOURNEY_PICTURES, a folder, the pages are kept there as pictures: docs/images has them from here.
"""

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, sync_playwright

from journey_platform.demo.company import build_world
from journey_platform.demo.vendors.server import serve
from journey_platform.history.causes import spans
from journey_platform.kpis.catalogue import KPIS
from journey_platform.lake import Lake
from journey_platform.lake.shadows import shadows
from journey_platform.tables import RESTATEMENTS
from tests.deploy.driving import assert_nothing_is_held, finished, launch, runs, told_by
from tests.deploy.pages import Pages
from tests.deploy.production import Production, installed, until
from tests.deploy.servers import postgres
from tests.runs import contents
from tests.runs.conftest import NARROW
from tests.runs.mending import Cell, differing, values, with_visits_in_another_zone
from tests.runs.running import PSEUDONYM_KEY, ZONE

pytestmark = pytest.mark.chaos

# Days that are over, up to yesterday: the UI shows every day since the first.
LAST = datetime.now(ZoneInfo(ZONE)).date() - timedelta(days=1)
FIRST = LAST - timedelta(days=13)
WRONG = [FIRST + timedelta(days=n) for n in range(3, 8)]
# A visit that is told two hours late may stand on the day after.
MENDED = (WRONG[0], WRONG[-1] + timedelta(days=1))


@dataclass
class Story:
    """What the operator knows: the installation, the values before, and what the preview told."""

    production: Production
    root: Path
    pages: Pages
    wrong: dict[Cell, dict[str, Any]]
    between: datetime
    told: dict[str, Any]


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    browser = next((path for name in ("chromium", "google-chrome") if (path := shutil.which(name))), None)
    if browser is None:
        pytest.skip("no Chromium is installed")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox", "--disable-gpu"])
        yield opened.new_page()
        opened.close()


@pytest.fixture(scope="module")
def story(page: Page, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Published wrongly, then tried again with the mended source from the launchpad."""
    folder = tmp_path_factory.mktemp("mending")
    world = build_world(customers=60, first_day=FIRST, last_day=LAST)
    with (
        postgres() as database,
        serve(with_visits_in_another_zone(world, WRONG)) as served,
        installed(
            folder,
            database.environment,
            served.environment,
            services=("code", "webserver", "daemon"),
            ZONE=ZONE,
            START_DATE=FIRST.isoformat(),
            SOURCES=NARROW,
            PSEUDONYM_KEY=PSEUDONYM_KEY,
        ) as production,
    ):
        finished(production, launch(production, "daily", days=(FIRST, LAST)))
        wrong, between = values(folder / "lake"), datetime.now(UTC)

        served.world = world
        served.as_of = served.now
        pictures = Path(os.environ.get("JOURNEY_PICTURES", folder))
        pages = Pages(page, f"http://127.0.0.1:{production.ports['webserver']}", pictures)
        pages.colours()
        pages.days_of_a_backfill(f"[{MENDED[0]}...{MENDED[1]}]")
        run = previewed(production, pages, picture="operating-launchpad")
        pages.preview(run)
        yield Story(production, folder / "lake", pages, wrong, between, told_by(production, run))


def previewed(production: Production, pages: Pages, picture: str | None = None) -> str:
    """The run of a preview that was launched from its launchpad, and is over."""
    first, last = MENDED
    pages.launch("preview_backfill", "try_backfill", picture=picture, source="matomo", first=first, last=last)
    return over(production, "preview_backfill")


def over(production: Production, job: str) -> str:
    """The newest run of the job, once it is over."""

    def newest() -> str | None:
        return next((run["runId"] for run in runs(production) if run["jobName"] == job), None)

    run = str(until(f"a run of {job}", newest, patience_s=30))
    finished(production, run)
    return run


def test_the_preview_publishes_nothing_and_names_the_days_and_the_source(story: Story) -> None:
    assert values(story.root) == story.wrong
    assert {run["jobName"] for run in runs(story.production)} <= {"daily", "preview_backfill"}
    assert sum(row["values"] for row in story.told["kpis"]) == story.told["values_to_restate"]
    daily = {
        row["kpi"]: row["days"]
        for row in story.told["kpis"]
        if row["period"] == "day" and not KPIS[row["kpi"]].window_days
    }
    assert {"visits", "traffic_source", "conversion_rate"} <= daily.keys()
    mended = set(WRONG) | {MENDED[1]}
    for told in daily.values():
        assert {date.fromisoformat(day) for day in re.findall(r"[\d-]{10}", told)} <= mended
    assert {row["because_of"] for row in story.told["values"] if row["kpi"] == "visits"} <= {
        "source matomo/visits"
    }


def test_promoting_publishes_exactly_what_was_named_and_lists_it_and_as_of_still_answers(
    story: Story,
) -> None:
    run = launch(
        story.production,
        "promote_backfill",
        config={"ops": {"publish_preview": {"config": {"name": story.told["name"]}}}},
    )
    finished(story.production, run)
    mended = values(story.root)
    changed = differing(story.wrong, mended)
    days: dict[tuple[str, str], list[date]] = {}
    for kpi, period, day, _, _ in changed:
        days.setdefault((kpi, period), []).append(day)
    assert {(row["kpi"], row["period"]): (row["values"], row["days"]) for row in story.told["kpis"]} == {
        of: (len(found), spans(set(found))) for of, found in days.items()
    }
    listed = contents.rows(story.root, RESTATEMENTS)
    assert {
        (row["kpi"], row["period"], row["value_day"], row["dimension"], row["dimension_value"])
        for row in listed
    } == changed
    assert all(row["causes"] for row in listed)
    assert shadows(Lake(str(story.root))) == []
    story.pages.restatements()

    cell = next(cell for cell in sorted(changed) if cell[0] == "visits" and cell[3] == "all")
    for moment, known in ((["--as-of", story.between.isoformat()], story.wrong), ([], mended)):
        done = story.production.run("journey", "kpi", "visits", "--day", str(cell[2]), *moment)
        assert f"all=all  {known[cell]['value']:g}  " in done.stdout, done.stderr
    assert_nothing_is_held(story.production)


def test_a_preview_is_discarded_from_the_launchpad(story: Story) -> None:
    before, lake = values(story.root), Lake(str(story.root))
    name = told_by(story.production, previewed(story.production, story.pages))["name"]
    assert [shadow.name for shadow in shadows(lake)] == [name]
    story.pages.launch("discard_backfill", "drop_preview", name=name)
    over(story.production, "discard_backfill")
    assert shadows(lake) == []
    assert values(story.root) == before
