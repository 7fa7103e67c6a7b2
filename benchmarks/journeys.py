"""Journeys: sessions, a funnel, retention, transitions and attribution over 10 million touchpoints of a lake.

This platform's kernels, one task at a time and all five from one sorted read; beside them the scan floor (the
columns of a task, read and summed), DuckDB SQL by hand, pandas, Polars and chDB, where those are installed.
Every answer is compared with DuckDB's. Each runs in a process of its own, from the lake's own files, and
tells its seconds and peak memory. `python benchmarks/journeys.py` prints the table; nothing is kept.
"""

import argparse
import multiprocessing
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from journey_platform.asking import ask, touchpoints
from journey_platform.engine import Engine
from journey_platform.journeys.answers import Asked, Span
from journey_platform.journeys.history import SORT
from journey_platform.journeys.questions import Attribution, Funnel, Paths, Retention
from journey_platform.journeys.sessions import sessions
from journey_platform.lake import Lake
from journey_platform.tables import JOURNEY_TOUCHPOINTS

FIRST = date(2026, 1, 5)
DAYS, PERSONS, TOUCHPOINTS = 90, 300_000, 10_000_000
LAST = FIRST + timedelta(days=DAYS - 1)
ZONE = "UTC"
TYPES = ("page_view", "search", "add_to_cart", "order")
PAGES = tuple(f"/page/{n:03d}" for n in range(40))
CHANNELS = ("Direct", "Email", "Organic Search", "Organic Social", "Paid Search")
DAY_US = 86_400_000_000
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
TRANSITIONS = Paths(where="type = 'page_view'", node="page", unit="session", steps=20, has_repeats=True)
ATTRIBUTION = Attribution(conversion="type = 'order'", touch="type = 'page_view'", lookback="30 days")
QUESTIONS = {"funnel": FUNNEL, "retention": RETENTION, "transitions": TRANSITIONS, "attribution": ATTRIBUTION}
TASKS = ("sessions", *QUESTIONS)


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


# --- this platform ----------------------------------------------------------------------------------------


def ours(root: str, tasks: tuple[str, ...]) -> dict[str, Any]:
    """The platform's answers, from one sorted read for all tasks asked."""
    asked = [Asked(task, QUESTIONS[task], SPANS.get(task, SPAN)) for task in tasks if task in QUESTIONS]
    found: list[pa.Table] = []
    with Engine(Lake(root), memory_limit="700MB", threads=2) as engine:
        if "sessions" in tasks:
            columns = frozenset(SESSION_COLUMNS).union(*(one.columns for one in asked))
            days = [FIRST + timedelta(days=n) for n in range(DAYS)]
            read = touchpoints(engine, columns, days)
            for rows in engine.persons(read, sort_by=SORT):
                found.append(_sessions_by_day(sessions(rows, zone=ZONE)))
                if asked:
                    from journey_platform.journeys.answers import seen_rows

                    events = seen_rows(rows)
                    for one in asked:
                        one.see(rows, events)
            tables = {one.name: one.answer() for one in asked}
        else:
            answered = ask(engine, asked)
            tables = {table["name"][0].as_py(): table for some in answered.values() for table in some}
    results: dict[str, Any] = {}
    if found:
        whole = (
            pa.concat_tables(found).group_by("day").aggregate([(n, "sum") for n in ("n", "bounces", "pages")])
        )
        results["sessions"] = sorted(
            (row["day"].isoformat(), row["n_sum"], row["bounces_sum"], row["pages_sum"])
            for row in whole.to_pylist()
        )
    if "funnel" in tables:
        results["funnel"] = tables["funnel"]["units"].to_pylist()
    if "retention" in tables:
        rows = tables["retention"].to_pylist()
        results["retention"] = sorted(
            (r["cohort"], r["period_from"], r["units"])
            for r in rows
            if r["cohort"] != "all" and r["period_from"] and r["units"] is not None
        )
    if "transitions" in tables:
        rows = tables["transitions"].to_pylist()
        results["transitions"] = sorted(
            (r["source"], r["target"], r["paths"])
            for r in rows
            if r["part"] == "transition" and r["target"] != "(left)"
        )
    if "attribution" in tables:
        results["attribution"] = sorted(
            (r["model"], r["channel"], round(r["conversions"], 6))
            for r in tables["attribution"].to_pylist()
            if r["model"] in ("first", "last", "linear", "time_decay")
        )
    return results


SESSION_COLUMNS = (
    "person_key", "device_key", "visit_id", "occurred_at", "touchpoint_id", "type", "page", "value",
    "device", "dwell_s", "is_bot", "traffic_channel", "source", "campaign", "channel",
)  # fmt: skip


def _sessions_by_day(found: pa.Table) -> pa.Table:
    named = pa.table(
        {
            "day": found["day"],
            "n": pa.array(np.ones(found.num_rows, dtype=np.int64)),
            "bounces": found["is_bounce_single_page"].cast(pa.int64()),
            "pages": found["page_views"],
        }
    )
    return (
        named.group_by("day")
        .aggregate([(n, "sum") for n in ("n", "bounces", "pages")])
        .rename_columns(["day", "n", "bounces", "pages"])
    )


# --- others -----------------------------------------------------------------------------------------------

USED = {
    "sessions": ("person_key", "occurred_at", "type", "device_key"),
    "funnel": ("person_key", "occurred_at", "type", "page"),
    "retention": ("person_key", "occurred_at", "type"),
    "transitions": ("person_key", "occurred_at", "type", "page", "device_key"),
    "attribution": ("person_key", "occurred_at", "type", "traffic_channel", "value"),
}
_SESSIONS_SQL = """
    flagged AS (SELECT *, coalesce(occurred_at - lag(occurred_at) OVER w > INTERVAL 30 MINUTE, true) AS starts
        FROM t WINDOW w AS (PARTITION BY person_key, device_key ORDER BY occurred_at)),
    numbered AS (SELECT *, sum(starts::INT) OVER (PARTITION BY person_key, device_key ORDER BY occurred_at
        ROWS UNBOUNDED PRECEDING) AS session FROM flagged)"""
SQL = {
    "sessions": f"""WITH {_SESSIONS_SQL},
        s AS (SELECT min(occurred_at) AS begun, sum((type = 'page_view')::INT) AS pages
            FROM numbered GROUP BY person_key, device_key, session)
        SELECT strftime(begun::DATE, '%Y-%m-%d'), count(*), sum((pages = 1)::INT)::BIGINT, sum(pages)::BIGINT
        FROM s GROUP BY 1 ORDER BY 1""",
    "funnel": """WITH e AS (SELECT person_key, occurred_at,
            CASE WHEN type = 'order' THEN 4 WHEN type = 'add_to_cart' THEN 3
                 WHEN page = '/page/001' THEN 2 ELSE 1 END AS step
            FROM t WHERE type IN ('order', 'add_to_cart') OR type = 'page_view' AND page IN ('/page/000',
        '/page/001')), one AS (SELECT *, max(CASE WHEN step = 1 THEN occurred_at END) OVER w AS a FROM e
            WINDOW w AS (PARTITION BY person_key ORDER BY occurred_at ROWS UNBOUNDED PRECEDING)),
        two AS (SELECT *, max(CASE WHEN step = 2 AND occurred_at - a <= INTERVAL 7 DAY THEN a END) OVER w AS
            b FROM one WINDOW w AS (PARTITION BY person_key ORDER BY occurred_at ROWS UNBOUNDED PRECEDING)),
        three AS (SELECT *, max(CASE WHEN step = 3 AND occurred_at - b <= INTERVAL 7 DAY THEN b END) OVER w
            AS c FROM two WINDOW w AS (PARTITION BY person_key ORDER BY occurred_at ROWS UNBOUNDED
        PRECEDING)), deep AS (SELECT person_key, max(CASE WHEN step = 4 AND occurred_at - c <= INTERVAL 7 DAY
            THEN 4 WHEN step = 3 AND occurred_at - b <= INTERVAL 7 DAY THEN 3
            WHEN step = 2 AND occurred_at - a <= INTERVAL 7 DAY THEN 2
            WHEN step = 1 THEN 1 ELSE 0 END) AS depth FROM three GROUP BY 1)
        SELECT count(*) FILTER (depth >= 1), count(*) FILTER (depth >= 2), count(*) FILTER (depth >= 3),
            count(*) FILTER (depth >= 4) FROM deep""",
    "retention": f"""WITH w AS (SELECT DISTINCT person_key, date_trunc('week', occurred_at)::DATE AS week
            FROM t WHERE type = 'page_view'),
        c AS (SELECT person_key, min(week) AS cohort FROM w GROUP BY 1)
        SELECT strftime(cohort, '%Y-%m-%d'), (week - cohort) // 7 AS k, count(*) FROM w JOIN c USING
        (person_key) WHERE week > cohort AND (week - cohort) // 7 <= 8 AND week + 6 <= DATE '{LAST}' GROUP BY
        1, 2 ORDER BY 1, 2""",
    "transitions": f"""WITH {_SESSIONS_SQL},
        n AS (SELECT page, lead(page) OVER (PARTITION BY person_key, device_key, session ORDER BY
            occurred_at) AS after FROM numbered)
        SELECT page, after, count(*) FROM n WHERE after IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2""",
    "attribution": """WITH c AS (SELECT person_key, occurred_at AS won, value, row_number() OVER () AS id
            FROM t WHERE type = 'order'),
        p AS (SELECT id, traffic_channel AS channel, epoch_us(won) - epoch_us(occurred_at) AS age, count(*)
            OVER w AS n, row_number() OVER (PARTITION BY id ORDER BY occurred_at) AS place,
            pow(2, -(epoch_us(won) - epoch_us(occurred_at)) / 6048e8) AS decay,
            sum(pow(2, -(epoch_us(won) - epoch_us(occurred_at)) / 6048e8)) OVER w AS decays
            FROM c JOIN (SELECT * FROM t WHERE type = 'page_view') t USING (person_key)
            WHERE occurred_at <= won AND won - occurred_at <= INTERVAL 30 DAY WINDOW w AS (PARTITION BY id)),
        lost AS (SELECT count(*) AS n FROM c WHERE id NOT IN (SELECT id FROM p)),
        m AS (SELECT channel, sum((place = 1)::INT)::DOUBLE AS first, sum((place = n)::INT)::DOUBLE AS last,
            sum(1.0::DOUBLE / n) AS linear, sum(decay / decays) AS time_decay FROM p GROUP BY 1)
        SELECT model, channel, round(credit, 6) FROM (UNPIVOT m ON first, last, linear, time_decay INTO NAME
            model VALUE credit) UNION ALL
        SELECT unnest(['first', 'last', 'linear', 'time_decay']), '(none)', n::DOUBLE FROM lost WHERE n > 0
        ORDER BY 1, 2""",
}


def _files(root: str) -> list[str]:
    return Lake(root).files(JOURNEY_TOUCHPOINTS)


def duckdb(root: str, tasks: tuple[str, ...]) -> dict[str, Any]:
    """DuckDB by hand over the same files. Transitions are those of page views, as in the question."""
    import duckdb as engine

    connection = engine.connect(config={"threads": 2, "memory_limit": "1200MB"})
    connection.execute("SET TimeZone = 'UTC'")
    files = "[" + ", ".join(f"'{file}'" for file in _files(root)) + "]"
    found = {}
    for task in tasks:
        where = " WHERE type = 'page_view'" if task == "transitions" else ""
        source = f"SELECT {', '.join(USED[task])} FROM read_parquet({files}){where}"
        rows = connection.execute(f"CREATE OR REPLACE TEMP VIEW t AS {source}").execute(SQL[task]).fetchall()
        found[task] = list(rows[0]) if task == "funnel" else sorted(rows)
    return found


def floor(root: str, tasks: tuple[str, ...]) -> dict[str, Any]:
    """Reads the columns of each task and adds them up."""
    import duckdb as engine

    connection = engine.connect(config={"threads": 2})
    files = "[" + ", ".join(f"'{file}'" for file in _files(root)) + "]"
    for task in tasks:
        sums = {"occurred_at": "max(occurred_at)", "value": "sum(value)", "person_key": "max(person_key)"}
        parts = ", ".join(sums.get(name, f"max({name})") for name in USED[task])
        connection.execute(f"SELECT {parts} FROM read_parquet({files})").fetchall()
    return {}


def polars(root: str, tasks: tuple[str, ...]) -> dict[str, Any]:
    """Polars, streaming: sessions, retention and transitions."""
    import polars as pl

    found: dict[str, Any] = {}
    for task in tasks:
        rows = pl.scan_parquet(_files(root)).select(USED[task])
        owner = ["person_key", "device_key"]
        gap = pl.duration(minutes=30)
        if task == "sessions":
            found[task] = sorted(
                rows.sort(*owner, "occurred_at")
                .with_columns(
                    ((pl.col("occurred_at").diff() > gap).fill_null(True)).over(owner).alias("starts")
                )
                .with_columns(
                    (pl.col("starts") | (pl.struct(owner) != pl.struct(owner).shift())).cum_sum().alias("s")
                )
                .group_by("s")
                .agg(
                    pl.col("occurred_at").min().dt.date().alias("day"),
                    (pl.col("type") == "page_view").sum().alias("p"),
                )
                .group_by("day")
                .agg(pl.len(), (pl.col("p") == 1).sum().alias("b"), pl.col("p").sum().alias("pages"))
                .with_columns(pl.col("day").cast(pl.String))
                .collect(engine="streaming")
                .rows()
            )
        elif task == "transitions":
            found[task] = sorted(
                rows.filter(pl.col("type") == "page_view")
                .sort(*owner, "occurred_at")
                .with_columns(
                    (
                        (pl.col("occurred_at").diff() <= gap) & (pl.struct(owner) == pl.struct(owner).shift())
                    ).alias("same"),
                    pl.col("page").shift().alias("before"),
                )
                .filter("same")
                .group_by("before", "page")
                .agg(pl.len())
                .collect(engine="streaming")
                .rows()
            )
        elif task == "retention":
            weeks = (
                rows.filter(pl.col("type") == "page_view")
                .select("person_key", pl.col("occurred_at").dt.truncate("1w").dt.date().alias("week"))
                .unique()
            )
            found[task] = sorted(
                weeks.join(
                    weeks.group_by("person_key").agg(pl.col("week").min().alias("cohort")), on="person_key"
                )
                .with_columns(((pl.col("week") - pl.col("cohort")).dt.total_days() // 7).alias("k"))
                .filter((pl.col("k") > 0) & (pl.col("k") <= 8) & (pl.col("week") <= LAST - timedelta(days=6)))
                .group_by("cohort", "k")
                .agg(pl.len())
                .with_columns(pl.col("cohort").cast(pl.String))
                .collect(engine="streaming")
                .rows()
            )
    return found


def pandas(root: str, tasks: tuple[str, ...]) -> dict[str, Any]:
    """pandas: sessions and retention."""
    import pyarrow.parquet as pq

    found: dict[str, Any] = {}
    for task in tasks:
        if task not in ("sessions", "retention"):
            continue
        files = _files(root)
        rows = pa.concat_tables([pq.read_table(file, columns=list(USED[task])) for file in files]).to_pandas()
        if task == "sessions":
            rows = rows.sort_values(["person_key", "device_key", "occurred_at"])
            is_new = (rows["person_key"] != rows["person_key"].shift()) | (
                rows["device_key"] != rows["device_key"].shift()
            )
            session = (is_new | (rows["occurred_at"].diff() > timedelta(minutes=30))).cumsum()
            pages = (rows["type"] == "page_view").groupby(session).sum()
            day = rows.groupby(session)["occurred_at"].min().dt.strftime("%Y-%m-%d")
            by_day = pages.groupby(day)
            counts = zip(by_day.size(), (pages == 1).groupby(day).sum(), by_day.sum(), strict=True)
            found[task] = [
                (name, *map(int, parts)) for name, parts in zip(sorted(set(day)), counts, strict=True)
            ]
        else:
            views = rows[rows["type"] == "page_view"]
            days = views["occurred_at"].dt.tz_localize(None).dt.floor("D")
            week = days - (days.dt.dayofweek * timedelta(days=1)).astype("timedelta64[us]")
            weeks = views[["person_key"]].assign(week=week).drop_duplicates()
            cohort = weeks.groupby("person_key")["week"].transform("min")
            k = (weeks["week"] - cohort).dt.days // 7
            kept = (k > 0) & (k <= 8) & (weeks["week"].dt.date <= LAST - timedelta(days=6))
            counts = weeks[kept].groupby([cohort[kept].dt.strftime("%Y-%m-%d"), k[kept]]).size()
            found[task] = sorted((name, int(number), int(n)) for (name, number), n in counts.items())
    return found


def chdb(root: str, tasks: tuple[str, ...]) -> dict[str, Any]:
    """chDB: windowFunnel over the same files."""
    import chdb as engine

    if "funnel" not in tasks:
        return {}
    folder = _files(root)[0].rsplit("/day=", 1)[0]
    steps = "type = 'page_view' AND page = '/page/000', type = 'page_view' AND page = '/page/001'"
    week = 7 * DAY_US
    text = engine.query(
        f"""SELECT countIf(d >= 1), countIf(d >= 2), countIf(d >= 3), countIf(d >= 4) FROM (
            SELECT windowFunnel({week})(toUInt64(toUnixTimestamp64Micro(occurred_at)), {steps}, type =
            'add_to_cart', type = 'order') AS d FROM file('{folder}/day=*/*.parquet', 'Parquet') GROUP BY
            person_key) SETTINGS max_threads = 2""",
        "CSV",
    )
    return {"funnel": [int(part) for part in str(text).strip().split(",")]}


RUNNERS: dict[str, Callable[[str, tuple[str, ...]], dict[str, Any]]] = {
    "floor": floor, "ours": ours, "duckdb": duckdb, "polars": polars, "pandas": pandas, "chdb": chdb,
}  # fmt: skip


def _timed(runner: str, root: str, tasks: tuple[str, ...], answers: Any) -> None:
    RUNNERS[runner](root, tasks[:1])  # the first call of a process pays for imports
    began = time.perf_counter()
    found = RUNNERS[runner](root, tasks)
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    answers.put((seconds, peak, found))


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
                seconds, peak = (statistics.median(r[n] for r in rounds) for n in (0, 1))
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
