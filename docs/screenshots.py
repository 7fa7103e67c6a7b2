"""Takes the pictures of the docs from a running demo, in a real Chromium: `make screenshots`.

Needs a Chromium on the machine (Debian: apt-get install chromium) and the demo's UI
(JOURNEY_DEMO_PORT, 3000). The demo has no day that is held: for those pictures a company of its own is
pulled, with three bad days, and shown ten ports further. Pictures go to docs/images; those of journeys are
drawn from the demo's lake (below JOURNEY_DEMO_HOME, .demo) and need no browser.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import pyarrow.compute as pc
from playwright.sync_api import Page, sync_playwright

IMAGES = Path(__file__).parent / "images"
PORT = int(os.environ.get("JOURNEY_DEMO_PORT", "3000"))
BASE = f"http://127.0.0.1:{PORT}"
HELD_PORT = PORT + 10
HELD_BASE = f"http://127.0.0.1:{HELD_PORT}"
LAST = date(2026, 11, 20)
EMPTY = LAST - timedelta(days=44)
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_QUIET = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")


def asset_graph(page: Page) -> None:
    """The graph by groups, with the state of each."""
    page.set_viewport_size({"width": 1600, "height": 700})
    page.goto(f"{BASE}/asset-groups")
    page.get_by_role("button", name="Hide navigation").click()
    _wait_for_statuses(page)


def source_asset(page: Page) -> None:
    """A stream: its grain, its columns, what its rows are checked for."""
    page.goto(f"{BASE}/assets/raw/matomo/visits")
    page.wait_for_timeout(6000)


def source_plots(page: Page) -> None:
    """A stream's counts, plotted over its days."""
    source_asset(page)
    _show_plots(page)


def kpi_plots(page: Page) -> None:
    """A stage's KPIs, plotted over the days."""
    page.goto(f"{BASE}/assets/kpis/middle")
    page.wait_for_timeout(6000)
    _show_plots(page)


def path_picture(page: Page) -> None:
    """A picture that an asset put beside its table, as the UI opens it."""
    page.set_viewport_size({"width": 1300, "height": 760})
    page.goto(f"{BASE}/assets/insights/paths")
    page.get_by_text("[Show Markdown]").first.click(timeout=120_000)
    page.wait_for_timeout(3000)


def draw_journeys() -> None:
    """The pictures of docs/journeys.md anew, each named after what is declared."""
    from journey_platform.journeys.answers import TABLES
    from journey_platform.journeys.pictures import picture
    from journey_platform.lake import Lake

    lake = Lake(str(Path(os.environ.get("JOURNEY_DEMO_HOME", ".demo")) / "lake"))
    for table in TABLES.values():
        rows = lake.read(table)
        for name in rows["name"].unique().to_pylist():
            file = IMAGES / "journeys" / f"{name}.svg"
            if file.exists():
                picture(table, rows.filter(pc.equal(rows["name"], name))).write(file)
                print(f"docs/images/journeys/{file.name}")


def held_days(page: Page) -> None:
    """After a backfill of 90 days: the check that names the three that are held, and why."""
    page.goto(f"{HELD_BASE}/assets/raw/matomo/visits?view=checks&checkDetail=every_day_arrived")
    page.get_by_text("days_held").first.wait_for(timeout=120_000)
    page.get_by_text("Show JSON").first.click()
    page.wait_for_timeout(2000)


def held_day(page: Page) -> None:
    """One of them among the days: its metadata say that it is held."""
    page.goto(f"{HELD_BASE}/assets/raw/matomo/visits?view=partitions&partition={EMPTY}")
    page.get_by_text("rows_like_same_weekday").first.wait_for(timeout=120_000)
    page.wait_for_timeout(2000)


@contextmanager
def three_bad_days() -> Iterator[None]:
    """A small company whose web analytics had three bad days: its visits, pulled by the daily job, in a UI of
    its own."""
    import dagster as dg

    from journey_platform.demo.bad_days import with_bad_days
    from journey_platform.demo.company import build_world
    from journey_platform.demo.vendors.server import serve

    first = LAST - timedelta(days=89)
    world = build_world(customers=300, first_day=first, last_day=LAST)
    world = with_bad_days(world, empty=EMPTY, broken=LAST - timedelta(days=29), cut=LAST - timedelta(days=17))
    with tempfile.TemporaryDirectory() as name, serve(world) as served:
        shutil.copy(IMAGES.parents[1] / "deploy" / "dagster.yaml", name)
        os.environ |= {
            **served.environment,
            "DAGSTER_HOME": name,
            "JOURNEY_ROOT": f"{name}/lake",
            "JOURNEY_ZONE": world.zone,
            "JOURNEY_START_DATE": str(first),
            "JOURNEY_NOW": served.now.isoformat(),
            "JOURNEY_SOURCES": "matomo",
            "JOURNEY_PSEUDONYM_KEY": "for pictures",
        }
        from journey_platform.definitions import defs
        from journey_platform.run_tags import range_tags

        with dg.DagsterInstance.get() as instance:
            job, visits = defs.resolve_job_def("daily"), dg.AssetKey(["raw", "matomo", "visits"])
            quiet = {"loggers": {"console": {"config": {"log_level": "ERROR"}}}}
            tags = range_tags(first, LAST)
            done = job.execute_in_process(
                instance=instance, tags=tags, run_config=quiet, asset_selection=[visits]
            )
            assert done.success
        command = [sys.executable, "-m", "dagster_webserver", "-w", "workspace.yaml", "-p", str(HELD_PORT)]
        with subprocess.Popen(command, cwd=IMAGES.parents[1]) as ui:
            try:
                _wait_for(f"{HELD_BASE}/server_info")
                yield
            finally:
                ui.terminate()


def _wait_for(address: str) -> None:
    for _ in range(120):
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except OSError:
            time.sleep(1)
    raise TimeoutError(f"{address} does not answer")


def _wait_for_statuses(page: Page) -> None:
    page.wait_for_timeout(4000)
    page.get_by_text("fetching statuses").first.wait_for(state="detached", timeout=120_000)
    page.wait_for_timeout(2000)


def _show_plots(page: Page) -> None:
    plots = page.get_by_role("button", name="Plots")
    plots.scroll_into_view_if_needed()
    plots.click()
    page.wait_for_timeout(3000)
    page.mouse.move(600, 600)
    page.mouse.wheel(0, 700)
    page.wait_for_timeout(1500)


SHOTS: dict[str, Callable[[Page], None]] = {
    "asset-graph": asset_graph,
    "source": source_asset,
    "source-plots": source_plots,
    "kpi-plots": kpi_plots,
    "path-picture": path_picture,
}
HELD_SHOTS: dict[str, Callable[[Page], None]] = {"held-days": held_days, "held-day": held_day}


def main() -> None:
    """Take the named pictures, or all."""
    browser_path = next((path for name in _BROWSERS if (path := shutil.which(name))), None)
    if browser_path is None:
        sys.exit("no Chromium found: apt-get install chromium")
    IMAGES.mkdir(exist_ok=True)
    wanted = sys.argv[1:] or ["journeys", *SHOTS, *HELD_SHOTS]
    if "journeys" in wanted:
        draw_journeys()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=list(_QUIET))
        page = browser.new_page()
        _take(page, {name: shot for name, shot in SHOTS.items() if name in wanted})
        if held := {name: shot for name, shot in HELD_SHOTS.items() if name in wanted}:
            with three_bad_days():
                _take(page, held)
        browser.close()


def _take(page: Page, shots: dict[str, Callable[[Page], None]]) -> None:
    for name, shot in shots.items():
        page.set_viewport_size({"width": 1600, "height": 1000})
        shot(page)
        page.screenshot(path=IMAGES / f"{name}.png")
        print(f"docs/images/{name}.png")


if __name__ == "__main__":
    main()
