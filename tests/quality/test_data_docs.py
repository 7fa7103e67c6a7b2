"""The site of the suites: made of what the gate said of real rows, and without anything that a row held."""

import re
from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pytest

from journey_platform.defs.data_docs import data_docs_asset
from journey_platform.defs.platform import Platform
from journey_platform.quality.data_docs import build_site
from journey_platform.quality.gate import evaluate
from journey_platform.quality.suites import suite_of
from journey_platform.tables import GATE_VERDICTS, raw_table
from tests.quality.conftest import InstalledFor

MEMBERS = raw_table("mailchimp", "members", "member", is_entity=True)
VISITS = raw_table("matomo", "visits", "visit", is_entity=False)
EMAIL = "canary.person@mail.example"
FIRST, SECOND = date(2026, 3, 1), date(2026, 3, 2)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    suites = {table.name: suite_of(table) for table in (MEMBERS, VISITS)}
    rows = [verdict for day in (FIRST, SECOND) for verdict in judged(day, is_bad=day == SECOND)]
    verdicts = pa.Table.from_pylist(rows, schema=GATE_VERDICTS.schema)
    folder = tmp_path_factory.mktemp("docs") / "data_docs"
    folder.mkdir()
    (folder / "stale.html").write_text("from the last time")
    assert build_site(suites, verdicts, folder) == folder / "index.html"
    return folder


def judged(day: date, *, is_bad: bool) -> list[dict[str, object]]:
    """The verdicts on three members, of whom one has his address where his status should be."""
    at = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    bodies = [f'{{"status": "{status}", "email_address": "{EMAIL}"}}' for status in ("subscribed", "cleaned")]
    bodies.append(f'{{"status": "{EMAIL}", "email_address": "{EMAIL}"}}' if is_bad else bodies[0])
    rows = [
        {"day": day, "record_key": f"{EMAIL}{n}", "occurred_at": at, "extracted_at": at, "body": body}
        for n, body in enumerate(bodies)
    ]
    verdict = evaluate(pa.Table.from_pylist(rows, schema=MEMBERS.schema), suite_of(MEMBERS))
    assert bool(verdict.rejected()) == is_bad
    return [
        {
            "day": day,
            "table": MEMBERS.name,
            "rule": result.rule,
            "field": result.field,
            "severity": result.severity,
            "checked": result.checked,
            "failed": result.failed,
            "verdict": "failed" if result.failed else "passed",
            "observed": EMAIL,
            "error": EMAIL,
        }
        for result in verdict.results
    ]


def text(page: Path) -> str:
    """What a reader sees of a page."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.read_text()))


def test_no_file_of_the_site_holds_a_value_of_a_row(site: Path) -> None:
    files = [path for path in site.rglob("*") if path.is_file()]
    assert len(files) > 5
    assert [path for path in files if b"canary" in path.read_bytes()] == []


def test_every_suite_has_a_page_and_every_table_that_was_judged_its_results(site: Path) -> None:
    suites = {
        str(path.relative_to(site / "expectations")) for path in (site / "expectations").rglob("*.html")
    }
    assert suites == {"raw/mailchimp/members.html", "raw/matomo/visits.html"}
    results = {path.parts[-3] for path in (site / "validations").rglob("*.html")}
    assert len(results) == 2
    assert {path.parts[-5:-3] for path in (site / "validations").rglob("*.html")} == {
        ("mailchimp", "members")
    }
    assert not (site / "stale.html").exists()


def test_the_counts_are_those_of_the_gate(site: Path) -> None:
    pages = {path.stem: text(path) for path in (site / "validations").rglob("*.html")}
    whole, bad_day = pages["all days"], pages["2026-03-02"]
    assert re.search(r"1 unexpected values? found\. ≈16\.67% of 6 total rows", whole)
    assert re.search(r"1 unexpected values? found\. ≈33\.33% of 3 total rows", bad_day)
    assert "2026-03-01" not in pages


def test_a_site_is_built_again_only_for_other_verdicts(tmp_path: Path) -> None:
    suites, folder = {MEMBERS.name: suite_of(MEMBERS)}, tmp_path / "data_docs"
    good = pa.Table.from_pylist(judged(FIRST, is_bad=False), schema=GATE_VERDICTS.schema)
    (page := build_site(suites, good, folder)).write_text("still there")
    assert build_site(suites, good, folder).read_text() == "still there"
    bad = pa.Table.from_pylist(judged(FIRST, is_bad=True), schema=GATE_VERDICTS.schema)
    build_site(suites, bad, folder)
    assert page.read_text() != "still there"


def test_a_suite_that_was_never_used_is_shown_all_the_same(tmp_path: Path) -> None:
    nothing = GATE_VERDICTS.schema.empty_table()
    page = build_site({VISITS.name: suite_of(VISITS)}, nothing, tmp_path / "new" / "docs")
    assert "raw" in text(page)
    assert list(tmp_path.joinpath("new").iterdir()) == [tmp_path / "new" / "docs"]


def test_the_asset_writes_the_site_beside_the_lake_and_shows_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installed_for: InstalledFor
) -> None:
    lake = installed_for("mailchimp")
    verdicts = pa.Table.from_pylist(judged(SECOND, is_bad=True), schema=GATE_VERDICTS.schema)
    lake.replace_days(GATE_VERDICTS, verdicts, [SECOND], run_id="test")
    asset = data_docs_asset(["mailchimp"])
    done = dg.materialize([asset], resources={"platform": Platform()})
    [made] = done.asset_materializations_for_node(asset.node_def.name)
    first_page = made.metadata["site"].value
    assert first_page == str(tmp_path / "lake" / "data_docs" / "index.html")
    assert Path(first_page).exists()
    monkeypatch.setenv("JOURNEY_DATA_DOCS_URL", "https://ui.example/quality/")
    done = dg.materialize([asset], resources={"platform": Platform()})
    [made] = done.asset_materializations_for_node(asset.node_def.name)
    assert made.metadata["site"] == dg.MetadataValue.url("https://ui.example/quality/index.html")
