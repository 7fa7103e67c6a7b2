"""The gate: a suite over a batch of rows, evaluated by Great Expectations, answered row by row.

Great Expectations is imported only here and only when a batch is checked: its import costs seconds. Every
call has its own context (a shared one gives wrong answers under threads), positions are the index, and a
rule that cannot be evaluated fails closed.
"""

import logging
import os
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from journey_platform.quality.rules import Rule, Suite
from journey_platform.quality.verdict import Finding, RuleResult, Verdict

if TYPE_CHECKING:
    import pandas as pd


def evaluate(rows: pa.Table, suite: Suite) -> Verdict:
    """Check every row against every rule.

    `rows` has the guarded table's columns. An empty batch passes: whether a day may be empty is decided
    where days are compared, not here.
    """
    if rows.num_rows == 0:
        return Verdict(tuple(RuleResult(r.name, r.column, r.severity, 0, 0) for r in suite.rules), ())
    validation = _validate(_frame(rows, suite), suite)
    results: list[RuleResult] = []
    findings: list[Finding] = []
    for rule in suite.rules:
        positions, error = validation[rule.name]
        results.append(
            RuleResult(rule.name, rule.column, rule.severity, rows.num_rows, len(positions), error)
        )
        findings += [Finding(position, rule.name, rule.column, rule.severity) for position in positions]
    findings.sort(key=lambda finding: (finding.position, finding.rule))
    return Verdict(tuple(results), tuple(findings))


def _frame(rows: pa.Table, suite: Suite) -> "pd.DataFrame":
    """The check columns in the batch's order, indexed by position."""
    import duckdb

    columns = dict.fromkeys(rule.column for rule in suite.rules)
    select = ", ".join(f'{suite.expression(column)} as "{column}"' for column in columns)
    with duckdb.connect(config={"preserve_insertion_order": True, "threads": 2}) as connection:
        connection.execute("set timezone = 'UTC'")
        connection.register("batch", rows)
        frame: pd.DataFrame = connection.execute(f"select {select} from batch").df()
        return frame


def _validate(frame: "pd.DataFrame", suite: Suite) -> dict[str, tuple[list[int], str | None]]:
    """Per rule: the positions that failed, and the error if it could not be evaluated."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations as gx  # noqa: TID251 - the one place

    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    asset = context.data_sources.add_pandas("rows").add_dataframe_asset("rows")
    batch = asset.add_batch_definition_whole_dataframe("rows").get_batch({"dataframe": frame})
    answer = batch.validate(
        gx.ExpectationSuite(name="suite", expectations=[_expectation(gx, rule) for rule in suite.rules]),
        result_format={"result_format": "COMPLETE", "return_unexpected_index_query": False},
    )
    return {result.expectation_config.meta["rule"]: _outcome(result) for result in answer.results}


def _expectation(gx: Any, rule: Rule) -> Any:
    return getattr(gx.expectations, rule.expectation)(
        column=rule.column, meta={"rule": rule.name}, **rule.arguments
    )


def _outcome(result: Any) -> tuple[list[int], str | None]:
    """A rule's failed positions, taken whether or not it passed; its error's type, never its text."""
    if "unexpected_index_list" not in result.result:
        return [], "the rule could not be evaluated"
    return sorted(result.result["unexpected_index_list"]), None
