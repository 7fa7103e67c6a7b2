"""The gate over a million rows with ten rules: seconds and peak memory.

Beside it, on the same rows: Great Expectations alone on the same frame, called as its documentation has it,
and the same ten rules by hand in DuckDB and in pandas. Each run is a process of its own, by turns; all must
find the same bad rows. `python benchmarks/quality.py` prints the table; nothing is kept.
"""

import argparse
import json
import logging
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

ROWS = 1_000_000
SEED = 11
_LATEST = 1_790_000_000_000_000

# Rows that a rule rejects, by rule.
Bad = dict[str, int]


def rows(count: int) -> Any:
    """Touchpoints of which one in a hundred is bad in each of six columns, and one id in a thousand twice."""
    import numpy as np
    import pyarrow as pa

    from journey_platform.tables import touchpoints_table

    chance = np.random.default_rng(SEED)
    numbers = np.arange(count)
    numbers[chance.random(count) < 0.001] = 0

    def mostly(good: list[str], bad: str | None) -> Any:
        picks = chance.integers(0, len(good), count)
        picks[chance.random(count) < 0.01] = len(good)
        return pa.DictionaryArray.from_arrays(pa.array(picks), pa.array([*good, bad])).cast(pa.string())

    value = chance.random(count) * 10.1
    times = chance.integers(_LATEST - 10**15, _LATEST, count)
    made = {
        "day": pa.array([date(2026, 3, 1)]).take(pa.array(np.zeros(count, int))),
        "touchpoint_id": pa.array(np.char.add("matomo/visits/", numbers.astype(str))),
        "occurred_at": pa.array(times, mask=chance.random(count) < 0.01).cast(pa.timestamp("us", "UTC")),
        "channel": mostly(["web", "email", "ticket", "survey", "social"], "carrier pigeon"),
        "type": mostly(["page_view", "order", "open", "click", "search"], "Page View"),
        "unit": mostly(["nps", "EUR", "USD"], None),
        "value": pa.array(value),
        "dwell_s": pa.array(chance.random(count) * 87_000),
        "page": mostly([f"https://shop.example/p/{n}" for n in range(3_000)], "shop"),
        "source": mostly(["google", "newsletter", "direct"], None),
    }
    schema = touchpoints_table("matomo").schema
    columns = [made.get(f.name, pa.nulls(count, f.type)) for f in schema]
    return pa.table([c.cast(f.type) for c, f in zip(columns, schema, strict=True)], schema=schema)


def suite() -> Any:
    """Ten rules: of each kind that the platform's suites have."""
    from journey_platform.quality.rules import Suite, is_between, is_one_of, is_present, is_unique, matches

    return Suite(
        columns={
            "nps": "case when unit = 'nps' then value end",
            "revenue": "case when type = 'order' then value end",
        },
        rules=(
            is_unique("id_unique", "touchpoint_id"),
            is_present("time_present", "occurred_at"),
            is_one_of("channel_known", "channel", ("web", "email", "ticket", "survey", "social")),
            matches("type_named", "type", r"^[a-z][a-z_]*$"),
            is_present("unit_present", "unit"),
            is_one_of("unit_known", "unit", ("nps", "EUR", "USD")),
            is_between("nps_on_its_scale", "nps", 0, 10),
            is_between("revenue_sane", "revenue", 0, 1_000_000),
            is_between("dwell_sane", "dwell_s", 0, 86_400),
            matches("url_like", "page", r"^https?://"),
        ),
    )


def run_gate(table: Any) -> Callable[[], Bad]:
    """`journey_platform.quality.gate.evaluate`: frame, validation and findings."""
    import great_expectations  # noqa: F401, TID251 - imported here so that its import is not timed

    from journey_platform.quality.gate import evaluate

    def run() -> Bad:
        results = evaluate(table, suite()).results
        assert not any(result.error for result in results)
        return {result.rule: result.failed for result in results}

    return run


def run_gx(table: Any) -> Callable[[], Bad]:
    """Great Expectations as it comes, on a frame that is already made."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations as gx  # noqa: TID251 - what is measured

    logging.getLogger("great_expectations").setLevel(logging.CRITICAL)
    frame, rules = frame_of(table), suite().rules

    def run() -> Bad:
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = {"globally": False, "metric_calculations": False}
        asset = context.data_sources.add_pandas("rows").add_dataframe_asset("rows")
        batch = asset.add_batch_definition_whole_dataframe("rows").get_batch({"dataframe": frame})
        expectations = [
            getattr(gx.expectations, r.expectation)(column=r.column, meta={"rule": r.name}, **r.arguments)
            for r in rules
        ]
        answer = batch.validate(
            gx.ExpectationSuite(name="suite", expectations=expectations),
            result_format={"result_format": "COMPLETE", "return_unexpected_index_query": False},
        )
        return {
            r.expectation_config.meta["rule"]: len(r.result["unexpected_index_list"]) for r in answer.results
        }

    return run


def run_pandas(table: Any) -> Callable[[], Bad]:
    """The ten rules as boolean masks."""
    frame = frame_of(table)

    def run() -> Bad:
        masks = {
            "id_unique": frame["touchpoint_id"].duplicated(keep=False) & frame["touchpoint_id"].notna(),
            "time_present": frame["occurred_at"].isna(),
            "channel_known": ~frame["channel"].isin(["web", "email", "ticket", "survey", "social"]),
            "type_named": ~frame["type"].str.match(r"^[a-z][a-z_]*$"),
            "unit_present": frame["unit"].isna(),
            "unit_known": frame["unit"].notna() & ~frame["unit"].isin(["nps", "EUR", "USD"]),
            "nps_on_its_scale": frame["nps"].notna() & ~frame["nps"].between(0, 10),
            "revenue_sane": frame["revenue"].notna() & ~frame["revenue"].between(0, 1_000_000),
            "dwell_sane": ~frame["dwell_s"].between(0, 86_400),
            "url_like": ~frame["page"].str.match(r"^https?://"),
        }
        return {rule: len(mask.to_numpy().nonzero()[0]) for rule, mask in masks.items()}

    return run


def run_duckdb(table: Any) -> Callable[[], Bad]:
    """The ten rules in one query, with the positions of the bad rows."""
    import duckdb

    conditions = {
        "id_unique": "count(*) over (partition by touchpoint_id) > 1",
        "time_present": "occurred_at is null",
        "channel_known": "channel not in ('web', 'email', 'ticket', 'survey', 'social')",
        "type_named": "not regexp_matches(type, '^[a-z][a-z_]*$')",
        "unit_present": "unit is null",
        "unit_known": "unit not in ('nps', 'EUR', 'USD')",
        "nps_on_its_scale": "unit = 'nps' and value not between 0 and 10",
        "revenue_sane": "type = 'order' and value not between 0 and 1000000",
        "dwell_sane": "dwell_s not between 0 and 86400",
        "url_like": "not regexp_matches(page, '^https?://')",
    }
    flags = ", ".join(f'({condition}) as "{rule}"' for rule, condition in conditions.items())
    lists = ", ".join(f'list(position) filter ("{rule}") as "{rule}"' for rule in conditions)

    def run() -> Bad:
        with duckdb.connect(config={"threads": 2}) as connection:
            connection.register("batch", table)
            numbered = "select *, row_number() over () - 1 as position from batch"
            query = f"select {lists} from (select position, {flags} from ({numbered}))"
            found = connection.sql(query).to_arrow_table().to_pylist()[0]
            return {rule: len(positions or ()) for rule, positions in found.items()}

    return run


def frame_of(table: Any) -> Any:
    from journey_platform.quality.gate import check_columns

    return check_columns(table, suite())


def measure(name: str, count: int) -> None:
    """Run one of them in this process and print seconds, megabytes and what it found as JSON."""
    table = rows(count)
    run = RUNS[name](table)
    start, cpu_start = time.perf_counter(), time.process_time()
    bad = run()
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu_start
    print(json.dumps({"seconds": seconds, "cpu": cpu, "mb": peak_mb(), "bad": bad}))


def peak_mb() -> float:
    """Most resident memory this program had: of the process since exec, unlike getrusage."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def import_seconds() -> float:
    """Seconds that importing Great Expectations takes in a new process, compiled files present."""
    code = "import time; t = time.perf_counter(); import great_expectations; print(time.perf_counter() - t)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return float(done.stdout)


RUNS = {"gate": run_gate, "gx": run_gx, "pandas": run_pandas, "duckdb": run_duckdb}


def compare(count: int, rounds: int) -> None:
    measured: dict[str, dict[str, list[float]]] = {
        name: {figure: [] for figure in ("seconds", "cpu", "mb")} for name in RUNS
    }
    found: dict[str, Bad] = {}
    for _ in range(rounds):
        for name in RUNS:
            command = [sys.executable, __file__, "--one", name, "--rows", str(count)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            result = json.loads(done.stdout.splitlines()[-1])
            for figure, values in measured[name].items():
                values.append(result[figure])
            found[name] = result["bad"]
    assert all(bad == found["gx"] for bad in found.values()), f"they disagree: {found}"
    print(f"{count:,} rows, ten rules, {sum(found['gx'].values()):,} findings; median of {rounds} rounds")
    medians = {name: {f: statistics.median(v) for f, v in m.items()} for name, m in measured.items()}
    for name, figures in medians.items():
        spent = f"{figures['seconds']:>8.2f} s{figures['cpu']:>8.2f} CPU s"
        print(f"  {name:<8}{spent}{figures['mb']:>8.0f} MB at most")
    ratio = medians["gate"]["cpu"] / medians["gx"]["cpu"]
    print(f"  the gate takes {ratio:.2f} of the CPU time of Great Expectations alone (aim: under 1.33)")
    imports = statistics.median(import_seconds() for _ in range(rounds))
    print(f"  importing Great Expectations: {imports:.1f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", choices=RUNS, help="measure one of them, for this script")
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    if arguments.one:
        sys.path.insert(0, str(Path(__file__).parents[1]))
        measure(arguments.one, arguments.rows)
    else:
        compare(arguments.rows, arguments.rounds)


if __name__ == "__main__":
    main()
