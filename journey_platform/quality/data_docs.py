"""Great Expectations' own site of the suites and of what they last said. Counts only: no row, no value.

The site is rendered by Great Expectations from the gate's verdicts, so nothing is validated again. What a
rule means is in `suites`; where the site stands is for the caller to say.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import pyarrow as pa

from journey_platform.quality.rules import Rule, Suite
from journey_platform.quality.verdict import ERROR

SHOWN = ("day", "table", "rule", "checked", "failed", "verdict")
"""What is read of a verdict."""
BUILT_FROM = "built_from.txt"
"""The file in the site that names, by a digest, the suites and verdicts it shows."""

_SITE = "data_docs"
# Beside the page over all days, so many of a table's latest days with a failure have a page of their own.
_SHOWN_DAYS = 5
_GX_SEVERITIES = {ERROR: "critical"}


def build_site(suites: Mapping[str, Suite], verdicts: pa.Table, folder: Path) -> Path:
    """Write the site to `folder`, in place of what is there, and return its first page.

    `suites`: by table name. `verdicts`: columns `SHOWN` of `tables.GATE_VERDICTS` and `tables.REFERENCES`;
    those of other tables are left out. A site that shows the same already stays.
    """
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    first_page, mark = folder / "index.html", folder / BUILT_FROM
    folder.parent.mkdir(parents=True, exist_ok=True)
    rows = verdicts.select(SHOWN).to_pylist()
    by_table: dict[str, list[dict[str, Any]]] = {name: [] for name in suites}
    for row in rows:
        if row["table"] in by_table:
            by_table[row["table"]].append(row)
    told = [(name, suite.version, suite.references) for name, suite in suites.items()]
    shown = hashlib.sha256(repr((told, by_table)).encode()).hexdigest()
    if first_page.exists() and mark.exists() and mark.read_text() == shown:
        return first_page
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as made:
        site = Path(made) / "site"
        _render(suites, by_table, Path(made) / "project", site)
        (site / BUILT_FROM).write_text(shown)
        shutil.rmtree(folder, ignore_errors=True)
        site.rename(folder)
    return first_page


def _render(
    suites: Mapping[str, Suite], by_table: Mapping[str, Sequence[dict[str, Any]]], project: Path, site: Path
) -> None:
    import great_expectations as gx  # noqa: TID251 - called where a site is built

    project.mkdir()
    context = gx.get_context(mode="file", project_root_dir=project)
    context.variables.progress_bars = {"globally": False}
    for name in [*context.get_site_names()]:
        context.delete_data_docs_site(name)
    context.add_data_docs_site(
        _SITE,
        {
            "class_name": "SiteBuilder",
            "show_how_to_buttons": False,
            "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(site)},
            "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
        },
    )
    for table, suite in suites.items():
        name = table.replace("/", ".")
        rules = (*suite.rules, *suite.day_rules, *(reference.rule for reference in suite.references))
        expectations = [_expectation(gx, rule, suite) for rule in rules]
        context.suites.add(gx.ExpectationSuite(name=name, expectations=expectations))
        for run, day, rows in _pages(by_table[table]):
            key, result = _result(name, expectations, run, day, rows)
            context.validation_results_store.set(key, result)
    context.build_data_docs()


def _expectation(gx: Any, rule: Rule, suite: Suite) -> Any:
    return getattr(gx.expectations, rule.expectation)(
        column=rule.column,
        severity=_GX_SEVERITIES.get(rule.severity, "warning"),
        notes=f"{rule.name}: {suite.expression(rule.column)}",
        meta={"rule": rule.name},
        **rule.arguments,
    )


def _pages(rows: Sequence[dict[str, Any]]) -> Iterator[tuple[str, date, list[dict[str, Any]]]]:
    """Run name, day and verdicts of each page: all days together, and the latest days with a failure."""
    if not rows:
        return
    yield "all days", max(row["day"] for row in rows), list(rows)
    failing = {row["day"] for row in rows if row["verdict"] != "passed"}
    for day in sorted(failing)[-_SHOWN_DAYS:]:
        yield day.isoformat(), day, [row for row in rows if row["day"] == day]


def _result(
    suite: str, expectations: Sequence[Any], run: str, day: date, rows: Sequence[dict[str, Any]]
) -> tuple[Any, Any]:
    """One validation as Great Expectations stores it, and its key."""
    from great_expectations.core import (  # noqa: TID251 - called where a site is built
        ExpectationSuiteValidationResult,
        RunIdentifier,
    )
    from great_expectations.data_context.types.resource_identifiers import (  # noqa: TID251
        ExpectationSuiteIdentifier,
        ValidationResultIdentifier,
    )

    results = [_rule_result(expectation, rows) for expectation in expectations]
    passed = sum(result.success for result in results)
    run_id = RunIdentifier(run_name=run, run_time=datetime.combine(day, time(), tzinfo=UTC))
    key = ValidationResultIdentifier(
        expectation_suite_identifier=ExpectationSuiteIdentifier(suite), run_id=run_id, batch_identifier=run
    )
    return key, ExpectationSuiteValidationResult(
        success=passed == len(results),
        results=results,
        suite_name=suite,
        statistics={
            "evaluated_expectations": len(results),
            "successful_expectations": passed,
            "unsuccessful_expectations": len(results) - passed,
            "success_percent": 100.0 * passed / len(results) if results else None,
        },
        meta={"run_id": run_id},
    )


def _rule_result(expectation: Any, rows: Sequence[dict[str, Any]]) -> Any:
    from great_expectations.core import ExpectationValidationResult  # noqa: TID251

    own = [row for row in rows if row["rule"] == expectation.meta["rule"]]
    checked, failed = sum(row["checked"] for row in own), sum(row["failed"] for row in own)
    is_broken = any(row["verdict"] == "error" for row in own)
    return ExpectationValidationResult(
        success=not failed and not is_broken,
        expectation_config=expectation.configuration,
        result={
            "element_count": checked,
            "unexpected_count": failed,
            "unexpected_percent": 100.0 * failed / checked if checked else 0.0,
            "missing_count": 0,
            "missing_percent": 0.0,
            "partial_unexpected_list": [],
        },
        exception_info={
            "raised_exception": is_broken,
            "exception_message": "the rule could not be evaluated" if is_broken else None,
            "exception_traceback": None,
        },
    )
