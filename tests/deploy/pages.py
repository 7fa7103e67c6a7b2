"""The pages of Dagster's UI that an operator uses, in a real browser; each is kept as a picture."""

from pathlib import Path

from PIL import Image
from playwright.sync_api import Page

_COLOURS = 128
_PATIENCE_MS = 60_000


class Pages:
    """The UI at `address`; pictures go to `folder`."""

    def __init__(self, page: Page, address: str, folder: Path) -> None:
        self._page, self._address, self._folder = page, address, folder
        page.set_default_timeout(_PATIENCE_MS)

    def colours(self) -> None:
        """What an asset is made from, each in its colour."""
        self._open("/assets/kpis/restatements?view=lineage&lineageScope=upstream&lineageDepth=1", 1500, 700)
        self._settle()
        self._keep("operating-colours")

    def days_of_a_backfill(self, days: str) -> None:
        """The dialog of a source's asset that asks which days, as `[FIRST...LAST]`."""
        self._open("/assets/raw/matomo/visits", 1400, 800)
        self._page.get_by_role("button", name="Materialize").first.click()
        self._page.get_by_text("Partition selection").first.wait_for()
        self._settle()
        asked = self._page.get_by_role("dialog").get_by_role("textbox").first
        asked.fill(days)
        asked.press("Enter")
        self._settle()
        self._keep("operating-days")

    def launch(self, job: str, op: str, *, picture: str | None = None, **config: object) -> None:
        """A job from its launchpad, its configuration typed by hand."""
        self._open(f"/locations/journey_platform/jobs/{job}/playground", 1400, 700)
        self._page.locator(".CodeMirror").first.wait_for()
        self._settle()
        lines = [f"ops: {{{op}: {{config: {{"]
        lines.append(", ".join(f'{name}: "{value}"' for name, value in config.items()))
        self._page.locator(".CodeMirror").first.click()
        self._page.keyboard.press("Control+A")
        self._page.keyboard.insert_text("".join(lines) + "}}}")
        self._page.keyboard.press("Escape")
        self._settle()
        if picture:
            self._keep(picture)
        self._page.get_by_role("button", name="Launch run").click()
        self._page.wait_for_url("**/runs/**")

    def preview(self, run: str) -> None:
        """What a preview would change, in the log of its run."""
        self._open(f"/runs/{run}", 1400, 900)
        self._page.get_by_text("View full message").first.click()
        self._settle()
        self._keep("operating-preview")

    def restatements(self) -> None:
        """What the last publication restated: beside the asset, as an event of it."""
        self._open("/assets/kpis/restatements?view=events", 1800, 900)
        self._page.get_by_role("button", name="Hide navigation").click()
        self._settle()
        self._keep("operating-restatements")

    def _open(self, path: str, width: int, height: int) -> None:
        self._page.set_viewport_size({"width": width, "height": height})
        self._page.goto(self._address + path)

    def _settle(self) -> None:
        self._page.wait_for_timeout(4000)

    def _keep(self, name: str) -> None:
        """As a picture of few colours: a page has few."""
        file = self._folder / f"{name}.png"
        self._page.screenshot(path=file)
        with Image.open(file) as picture:
            picture.convert("RGB").quantize(_COLOURS).save(file, optimize=True)
