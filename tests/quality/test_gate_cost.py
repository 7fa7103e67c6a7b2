"""What makes a check cheaper does not change what it says: the same verdicts from frames made either way."""

import random
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pytest

from journey_platform.quality.gate import check_columns, evaluate, judged
from journey_platform.quality.rules import Suite, holds, is_between, is_one_of, is_present, is_unique, matches

SUITE = Suite(
    rules=(
        is_unique("name_unique", "name"),
        is_present("name_present", "name"),
        is_one_of("name_known", "name", ("a", "b", "")),
        matches("name_like", "name", r"^[a-z]"),
        is_unique("number_unique", "number"),
        is_between("number_sane", "number", -1, 1),
        is_present("number_present", "number"),
        is_between("double_sane", "double", 0, 1),
        is_present("double_present", "double"),
        is_present("time_present", "at"),
        is_unique("time_unique", "at"),
        is_present("day_present", "day"),
        holds("flag_holds", "flag"),
        holds("order_holds", "ordered"),
        is_between("sum_sane", "total", None, 2.5),
    ),
    columns={"ordered": "number <= double", "total": "number + double", "at": "occurred_at"},
)
SCHEMA = pa.schema(
    [
        ("name", pa.string()),
        ("number", pa.int64()),
        ("double", pa.float64()),
        ("occurred_at", pa.timestamp("us", "UTC")),
        ("day", pa.date32()),
        ("flag", pa.bool_()),
    ]
)
CHOICES: dict[str, list[Any]] = {
    "name": [None, "a", "b", "", "é", "A b", "\x00"],
    "number": [None, -3, 0, 1, 2, 2**53 + 1],
    "double": [None, -2.0, 0.0, 0.5, 1.5, float("inf")],
    "occurred_at": [None, 0, 1, 2, 1_790_000_000_000_000],
    "day": [None, 20_000, 20_001],
    "flag": [None, True, False],
}


def random_rows(seed: int, count: int) -> pa.Table:
    """Rows of a few values, so that they repeat; of seed 0 all are null."""
    chance = random.Random(seed)
    columns = {name: [chance.choice(values) for _ in range(count)] for name, values in CHOICES.items()}
    if seed == 0:
        columns = dict.fromkeys(CHOICES, [None] * count)
    return pa.table(columns, schema=SCHEMA)


def by_duckdb(rows: pa.Table, suite: Suite) -> pd.DataFrame:
    """The check columns as DuckDB itself makes a frame."""
    names = dict.fromkeys(rule.column for rule in suite.rules)
    select = ", ".join(f'{suite.columns.get(name, name)} as "{name}"' for name in names)
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        connection.register("batch", rows)
        return connection.execute(f"select {select} from batch").df()


FRAMES = [(0, 3), (1, 1), (2, 7), (3, 60), (4, 900)]


@pytest.mark.parametrize(("seed", "count"), FRAMES)
def test_a_frame_made_through_arrow_gets_the_verdicts_of_one_made_by_duckdb(seed: int, count: int) -> None:
    rows = random_rows(seed, count)
    verdict = evaluate(rows, SUITE)
    assert [result.error for result in verdict.results] == [None] * len(SUITE.rules)
    assert verdict == judged(by_duckdb(rows, SUITE), SUITE.rules, count)


@pytest.mark.parametrize(("seed", "count"), FRAMES)
def test_the_fingerprint_that_is_not_made_changes_no_result(
    seed: int, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    import great_expectations as gx  # noqa: TID251 - as its documentation has it, beside the gate
    from great_expectations.execution_engine import pandas_execution_engine  # noqa: TID251

    rows = random_rows(seed, count)
    failed: dict[str, list[int]] = {rule.name: [] for rule in SUITE.rules}
    for finding in evaluate(rows, SUITE).findings:
        failed[finding.rule].append(finding.position)
    monkeypatch.setattr(pandas_execution_engine, "HASH_THRESHOLD", 1e9)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    asset = context.data_sources.add_pandas("rows").add_dataframe_asset("rows")
    frame = check_columns(rows, SUITE)
    batch = asset.add_batch_definition_whole_dataframe("rows").get_batch({"dataframe": frame})
    expectations = [
        getattr(gx.expectations, rule.expectation)(
            column=rule.column, meta={"rule": rule.name}, **rule.arguments
        )
        for rule in SUITE.rules
    ]
    answer = batch.validate(gx.ExpectationSuite("suite", expectations), result_format="COMPLETE")
    found = {r.expectation_config.meta["rule"]: r.result["unexpected_index_list"] for r in answer.results}
    assert {rule: sorted(positions) for rule, positions in found.items()} == failed


def test_no_frame_is_hashed(monkeypatch: pytest.MonkeyPatch) -> None:
    from great_expectations.execution_engine import pandas_execution_engine  # noqa: TID251

    hashed: list[int] = []
    original = pandas_execution_engine.hash_pandas_dataframe
    monkeypatch.setattr(
        pandas_execution_engine,
        "hash_pandas_dataframe",
        lambda frame: hashed.append(len(frame)) or original(frame),
    )
    rows = random_rows(5, 4)
    assert evaluate(rows, SUITE).results
    assert hashed == []
