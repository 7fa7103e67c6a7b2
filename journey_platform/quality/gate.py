"""Rules over a frame, evaluated by Great Expectations and answered position by position.

Great Expectations is imported only here and only when something is checked: its import costs seconds. Every
call has its own context (a shared one gives wrong answers under threads), positions are the index, and a
rule that cannot be evaluated fails closed.
"""

import logging
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from journey_platform.quality.rules import Rule, Suite
from journey_platform.quality.verdict import Finding, RuleResult, Verdict

if TYPE_CHECKING:
    import pandas as pd

NOT_EVALUATED = "the rule could not be evaluated"
# A vendor's own field, taken out of the body once for all rules.
_EXTRACTED = "extracted_fields"
_POSITION = "position_in_batch"


def evaluate(rows: pa.Table, suite: Suite) -> Verdict:
    """Check every row against every rule about rows. `rows` has the guarded table's columns."""
    return judged(check_columns(rows, suite), suite.rules, rows.num_rows)


def check_columns(rows: pa.Table, suite: Suite) -> "pd.DataFrame | None":
    """The suite's check columns and categories in the order of `rows`, indexed by position; None where an
    expression fails."""
    import duckdb

    names = dict.fromkeys([*(rule.column for rule in suite.rules), *suite.categories])
    fields = [f"{_EXTRACTED}[{place}] as {name}" for place, name in enumerate(suite.fields, start=1)]
    paths = ", ".join(f"'{path}'" for path in suite.fields.values())
    source = "batch"
    if fields:
        inner = f"case when json_valid(body) then json_extract_string(body, [{paths}]) end as {_EXTRACTED}"
        source = f"(select * exclude {_EXTRACTED}, {', '.join(fields)} from (select *, {inner} from batch))"
    expressions = ((name, suite.columns.get(name, f'"{name}"')) for name in names)
    select = ", ".join([*(f'{expression} as "{name}"' for name, expression in expressions), _POSITION])
    numbered = rows.append_column(_POSITION, pa.array(np.arange(rows.num_rows)))
    with duckdb.connect(config={"preserve_insertion_order": True, "threads": 2}) as connection:
        connection.execute("set timezone = 'UTC'")
        connection.register("batch", numbered)
        try:
            columns = connection.sql(f"select {select} from {source}").to_arrow_table()
        except duckdb.Error:
            # Its text quotes the value.
            return None
    positions = columns[_POSITION].to_numpy()
    if np.any(positions[1:] < positions[:-1]):
        # An expression with a window gives its rows in the window's order.
        columns = columns.take(np.argsort(positions))
    columns = columns.drop_columns([_POSITION])
    # By way of Arrow: DuckDB's own frame makes an object of every string first, four times as slow.
    frame: pd.DataFrame = columns.to_pandas(date_as_object=False)
    return frame


def judged(frame: "pd.DataFrame | None", rules: Sequence[Rule], count: int) -> Verdict:
    """What `rules` say of a frame of `count` rows; None: that it could not be made, so that all of them fail.

    An empty frame passes every rule about rows: whether a day may be empty is a rule about the day.
    """
    if frame is None:
        return Verdict(
            tuple(RuleResult(r.name, r.column, r.severity, count, 0, NOT_EVALUATED) for r in rules), ()
        )
    if count == 0 or not rules:
        return Verdict(tuple(RuleResult(r.name, r.column, r.severity, 0, 0) for r in rules), ())
    validation = _validate(frame.reset_index(drop=True), rules)
    results: list[RuleResult] = []
    findings: list[Finding] = []
    for rule in rules:
        positions, error = validation.get(rule.name, ([], NOT_EVALUATED))
        results.append(RuleResult(rule.name, rule.column, rule.severity, count, len(positions), error))
        findings += [Finding(position, rule.name, rule.column, rule.severity) for position in positions]
    findings.sort(key=lambda finding: (finding.position, finding.rule))
    return Verdict(tuple(results), tuple(findings))


def _validate(frame: "pd.DataFrame", rules: Sequence[Rule]) -> dict[str, tuple[list[int], str | None]]:
    """Per rule: the positions that failed, and the error if it could not be evaluated."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations as gx  # noqa: TID251 - the one place
    from great_expectations.execution_engine import pandas_execution_engine  # noqa: TID251 - same

    logging.getLogger("great_expectations").setLevel(logging.CRITICAL)
    # Frames below this many bytes are hashed, twice, for a marker that nobody reads: over half of the time.
    pandas_execution_engine.HASH_THRESHOLD = 0
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    asset = context.data_sources.add_pandas("rows").add_dataframe_asset("rows")
    batch = asset.add_batch_definition_whole_dataframe("rows").get_batch({"dataframe": frame})
    answer = batch.validate(
        gx.ExpectationSuite(name="suite", expectations=[_expectation(gx, rule) for rule in rules]),
        result_format={"result_format": "COMPLETE", "return_unexpected_index_query": False},
    )
    return {result.expectation_config.meta["rule"]: _outcome(result) for result in answer.results}


def _expectation(gx: Any, rule: Rule) -> Any:
    return getattr(gx.expectations, rule.expectation)(
        column=rule.column, meta={"rule": rule.name}, **rule.arguments
    )


def _outcome(result: Any) -> tuple[list[int], str | None]:
    """A rule's failed positions, taken whether or not it passed. Its error's own text may quote a value."""
    if "unexpected_index_list" not in result.result:
        return [], NOT_EVALUATED
    return sorted(result.result["unexpected_index_list"]), None
