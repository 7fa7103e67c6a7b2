"""The peers of `journeys.py`: the scan floor, and the same five questions to DuckDB SQL by hand, Polars,
pandas and chDB.

Each takes a lake's root and the tasks asked, and gives their answers as plain values; what it has no answer
to is left out.
"""

from datetime import date, timedelta
from typing import Any

import pyarrow as pa

from journey_platform.lake import Lake
from journey_platform.tables import JOURNEY_TOUCHPOINTS

FIRST = date(2026, 1, 5)
DAYS = 90
LAST = FIRST + timedelta(days=DAYS - 1)
WEEK_US = 7 * 86_400_000_000

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
    text = engine.query(
        f"""SELECT countIf(d >= 1), countIf(d >= 2), countIf(d >= 3), countIf(d >= 4) FROM (
            SELECT windowFunnel({WEEK_US})(toUInt64(toUnixTimestamp64Micro(occurred_at)), {steps}, type =
            'add_to_cart', type = 'order') AS d FROM file('{folder}/day=*/*.parquet', 'Parquet') GROUP BY
            person_key) SETTINGS max_threads = 2""",
        "CSV",
    )
    return {"funnel": [int(part) for part in str(text).strip().split(",")]}
