"""Takes the pictures of the docs from a running demo, in a real Chromium: `make screenshots`.

Needs a Chromium on the machine (Debian: apt-get install chromium) and the demo's UI
(JOURNEY_DEMO_PORT, 3000). Pictures go to docs/images.
"""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

IMAGES = Path(__file__).parent / "images"
BASE = f"http://127.0.0.1:{os.environ.get('JOURNEY_DEMO_PORT', '3000')}"
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_QUIET = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")


def asset_graph(page: Page) -> None:
    """The graph by groups, with the state of each."""
    page.set_viewport_size({"width": 1600, "height": 560})
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


def _wait_for_statuses(page: Page) -> None:
    page.wait_for_timeout(4000)
    page.get_by_text("fetching statuses").first.wait_for(state="detached", timeout=120_000)
    page.wait_for_timeout(2000)


def _show_plots(page: Page) -> None:
    plots = page.get_by_role("button", name="Plots")
    plots.scroll_into_view_if_needed()
    plots.click()
    page.wait_for_timeout(4000)


SHOTS: dict[str, Callable[[Page], None]] = {
    "asset-graph": asset_graph,
    "source": source_asset,
    "source-plots": source_plots,
    "kpi-plots": kpi_plots,
}


def main() -> None:
    """Take the named pictures, or all."""
    browser_path = next((path for name in _BROWSERS if (path := shutil.which(name))), None)
    if browser_path is None:
        sys.exit("no Chromium found: apt-get install chromium")
    IMAGES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=list(_QUIET))
        page = browser.new_page(viewport={"width": 1600, "height": 1000})
        for name in sys.argv[1:] or SHOTS:
            page.set_viewport_size({"width": 1600, "height": 1000})
            SHOTS[name](page)
            page.screenshot(path=IMAGES / f"{name}.png")
            print(f"docs/images/{name}.png")
        browser.close()


if __name__ == "__main__":
    main()
