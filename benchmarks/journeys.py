"""Journeys: sessions, a funnel, retention, transitions and attribution over 10 million touchpoints of a lake.

This platform's kernels, one task at a time and all five from one sorted read; beside them the scan floor (the
columns of a task, read and summed), DuckDB SQL by hand, pandas, Polars and chDB, where those are installed.
Every answer is compared with DuckDB's. Each runs in a process of its own, from the lake's own files, and
tells its seconds and peak memory. `python benchmarks/journeys.py` prints the table; nothing is kept.
"""

import argparse
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from journeys_peers import DAYS, FIRST, LAST, chdb, duckdb, floor, pandas, polars

from journey_platform.asking import ask
from journey_platform.engine import Engine
from journey_platform.journeys.answers import Asked, Span
from journey_platform.journeys.paths import LEFT
from journey_platform.journeys.questions import Attribution, Funnel, Paths, Retention, Visits
from journey_platform.lake import Lake
from journey_platform.tables import JOURNEY_TOUCHPOINTS

PERSONS, TOUCHPOINTS = 300_000, 10_000_000
ZONE = "UTC"
TYPES = ("page_view", "search", "add_to_cart", "order")
PAGES = tuple(f"/page/{n:03d}" for n in range(40))
CHANNELS = ("Direct", "Email", "Organic Search", "Organic Social", "Paid Search")
SPAN = Span(FIRST, LAST, ZONE)
# Nothing comes after the data here, so that every attempt counts, as it does for the others.
SPANS = {"funnel": Span(FIRST, LAST + timedelta(days=7), ZONE)}

FUNNEL = Funnel(
    steps=[
        "type = 'page_view' and page = '/page/000'",
        "type = 'page_view' and page = '/page/001'",
        "type = 'add_to_cart'",
        "type = 'order'",
    ],
    attempt="deepest_earliest",
    within="7 days",
    days=DAYS + 7,
)
RETENTION = Retention(start="type = 'page_view'", returning="type = 'page_view'", period="week", periods=8)
TRANSITIONS = Paths(
    where="type = 'page_view'", node="page", unit="session", steps=20, has_repeats=True, parts=["transition"]
)
ATTRIBUTION = Attribution(
    conversion="type = 'order'",
    touch="type = 'page_view'",
    lookback="30 days",
    models=["first", "last", "linear", "time_decay"],
)
QUESTIONS = {
    "sessions": Visits(),
    "funnel": FUNNEL,
    "retention": RETENTION,
    "transitions": TRANSITIONS,
    "attribution": ATTRIBUTION,
}
TASKS = tuple(QUESTIONS)


def make(lake: Lake, rows: int, persons: int) -> None:
    """Visits of a few pages each, a person's visits spread over the days; seven of ten thousand are
    orders."""
    rng = np.random.default_rng(7)
    visits = rows // 5
    owner = rng.integers(1, persons + 1, visits)
    begin = rng.integers(0, DAYS * 86_400 - 3600, visits)
    length = rng.integers(1, 10, visits)
    who, first = np.repeat(owner, length), np.repeat(np.cumsum(length) - length, length)
    second = np.repeat(begin, length) + np.repeat(rng.integers(5, 240, visits), length) * (
        np.arange(len(who)) - first
    )
    # No two at one instant: systems differ in what they make of ties.
    fraction = np.arange(len(who)) % 1_000_000
    channel = np.repeat(rng.integers(0, len(CHANNELS), visits), length)
    kind = rng.choice(len(TYPES), len(who), p=[0.9, 0.0593, 0.04, 0.0007])
    page = np.minimum(rng.geometric(0.12, len(who)) - 1, len(PAGES) - 1)
    epoch = int(datetime.combine(FIRST, datetime.min.time(), ZoneInfo(ZONE)).timestamp())
    day = second // 86_400
    order = np.lexsort((fraction, second, who, day))
    bounds = np.searchsorted(day[order], np.arange(DAYS + 1))
    for number in range(DAYS):
        at = order[bounds[number] : bounds[number + 1]]
        numbers = pc.utf8_lpad(pa.array(at).cast(pa.string()), 9, "0")
        texts = {"type": (TYPES, kind), "page": (PAGES, page), "traffic_channel": (CHANNELS, channel)}
        columns: dict[str, Any] = {
            "day": pa.array(np.full(len(at), number + (FIRST - date(1970, 1, 1)).days, np.int32)).cast(
                pa.date32()
            ),
            "person_key": pa.array(who[at] * 1_000_003),
            "device_key": pa.array(who[at] * 7),
            "occurred_at": pa.array((second[at] + epoch) * 1_000_000 + fraction[at]).cast(
                pa.timestamp("us", tz="UTC")
            ),
            "touchpoint_id": pc.binary_join_element_wise("matomo/visits/", numbers, ""),
            "channel": pa.repeat(pa.scalar("web"), len(at)),
            "vendor": pa.repeat(pa.scalar("matomo"), len(at)),
            "stream": pa.repeat(pa.scalar("visits"), len(at)),
            "is_bot": pa.repeat(pa.scalar(False), len(at)),
            "is_machine": pa.repeat(pa.scalar(False), len(at)),
            "value": pa.array(np.where(kind[at] == 3, 50.0, 0.0)),
            **{name: pa.array(t).take(pa.array(codes[at])) for name, (t, codes) in texts.items()},
        }
        schema = JOURNEY_TOUCHPOINTS.schema
        empty = pa.nulls(len(at))
        table = pa.table([columns.get(f.name, empty).cast(f.type) for f in schema], schema=schema)
        lake.replace_days(JOURNEY_TOUCHPOINTS, table, [FIRST + timedelta(days=number)], run_id="made")


def ours(root: str, tasks: tuple[str, ...]) -> dict[str, Any]:
    """The platform's answers, from one sorted read for all tasks asked."""
    asked = [Asked(task, QUESTIONS[task], SPANS.get(task, SPAN)) for task in tasks]
    with Engine(Lake(root), memory_limit="700MB", threads=2) as engine:
        answered = ask(engine, asked)
    tables = {table["name"][0].as_py(): table.to_pylist() for some in answered.values() for table in some}
    return {
        task: sorted(_PLAIN[task](tables[task])) if task != "funnel" else _PLAIN[task](tables[task])
        for task in tasks
    }


_PLAIN: Mapping[str, Callable[[list[dict[str, Any]]], list[Any]]] = {
    "sessions": lambda rows: [
        (r["period"].isoformat(), r["visits"], r["bounces"], r["page_views"]) for r in rows
    ],
    "funnel": lambda rows: [r["units"] for r in rows],
    "retention": lambda rows: [
        (r["cohort"], r["period_from"], r["units"])
        for r in rows
        if r["cohort"] != "all" and r["period_from"] and r["units"] is not None
    ],
    "transitions": lambda rows: [(r["source"], r["target"], r["paths"]) for r in rows if r["target"] != LEFT],
    "attribution": lambda rows: [(r["model"], r["channel"], round(r["conversions"], 6)) for r in rows],
}

RUNNERS: dict[str, Callable[[str, tuple[str, ...]], dict[str, Any]]] = {
    "floor": floor, "ours": ours, "duckdb": duckdb, "polars": polars, "pandas": pandas, "chdb": chdb,
}  # fmt: skip


def _timed(runner: str, root: str, tasks: tuple[str, ...], answers: Any) -> None:
    RUNNERS[runner](root, tasks[:1])  # the first call of a process pays for imports
    began = time.perf_counter()
    found = RUNNERS[runner](root, tasks)
    seconds = time.perf_counter() - began
    answers.put((seconds, _peak_mb(), found))


def _peak_mb() -> float:
    """Of this process alone: what the kernel counts for a child begins with its parent's."""
    with Path("/proc/self/status").open() as lines:
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def timed(runner: str, root: str, tasks: tuple[str, ...]) -> tuple[float, float, dict[str, Any]]:
    """Seconds, peak megabytes and answers of a runner in a process of its own."""
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    process = context.Process(target=_timed, args=(runner, root, tasks, answers))
    process.start()
    found = answers.get(timeout=1800)
    process.join()
    return found  # type: ignore[no-any-return]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--touchpoints", type=int, default=TOUCHPOINTS)
    parser.add_argument("--persons", type=int, default=PERSONS)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    runners = [name for name in RUNNERS if name in ("floor", "ours", "duckdb") or _is_there(name)]
    with tempfile.TemporaryDirectory() as root:
        make(Lake(root), chosen.touchpoints, chosen.persons)
        print(
            f"{chosen.touchpoints:,} touchpoints, {chosen.persons:,} persons, {DAYS} days; seconds (peak MB)"
        )
        for tasks in (*((task,) for task in TASKS), TASKS):
            expected = timed("duckdb", root, tasks)[2]
            cells = []
            for runner in runners:
                rounds = [timed(runner, root, tasks) for _ in range(chosen.rounds)]
                seconds, peak = (
                    statistics.median(column) for column in zip(*[r[:2] for r in rounds], strict=True)
                )
                found = rounds[0][2]
                if runner not in ("floor",) and set(found) != set(tasks):
                    cells.append(f"{runner} -")
                    continue
                wrong = [task for task in found if not _is_equal(found[task], expected[task])]
                cells.append(
                    f"{runner} {seconds:.2f} ({peak:.0f}){' DIFFERS: ' + ', '.join(wrong) if wrong else ''}"
                )
            print(f"{'all five' if len(tasks) > 1 else tasks[0]:<12}", "  ".join(cells), flush=True)


def _is_there(name: str) -> bool:
    import importlib.util

    return importlib.util.find_spec(name) is not None


def _is_equal(found: Any, expected: Any) -> bool:
    """Equal, credits to a hundred thousandth; a channel without credit may be left out."""
    if found and isinstance(found[0], tuple) and isinstance(found[0][-1], float):
        one, other = ({row[:-1]: row[-1] for row in rows if row[-1]} for rows in (found, expected))
        return one.keys() == other.keys() and all(abs(one[key] - other[key]) < 1e-4 for key in one)
    return bool(
        list(map(tuple, found)) == list(map(tuple, expected))
        if found and isinstance(found[0], tuple | list)
        else found == expected
    )


if __name__ == "__main__":
    main()
