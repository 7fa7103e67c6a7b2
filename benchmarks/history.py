"""A long history: 1,000 days of ten sources, and whether the definitions and the UI's pages stay usable.

Six vendors and four feeds of dropped files. An instance like the demo's (SQLite) or, with `--postgres`, like
production's is told that every day of every daily asset was materialized; then a webserver over it is asked
what the UI asks for the asset graph, for the partitions of an asset and of all, and for the backfill page.
`python benchmarks/history.py` prints seconds; nothing is kept, but a picture of the asset's partitions with
`--picture FILE`, which needs a Chromium.

Dagster writes about fifty events a second. So it is told of the first day of each asset, and the rows of the
other days are copied from that in its database.
"""

import argparse
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
LAST_DAY = date(2026, 11, 20)
AIMS = "aims: definitions in 10 s, each page's question in 5 s"
PORT = 3970

FEED = """  {name}:
    files: {name}/*.csv
    grain: line of {name}
    key: [id]
    time: at
    touchpoints:
      - {{type: event, channel: product, identifiers: {{user_id: $user}}}}
"""
FEEDS = ("tills", "calls", "app", "fair")

GRAPH = """query { assetNodes { id assetKey { path } groupName isPartitioned dependencyKeys { path }
    dependedByKeys { path } partitionStats { numMaterialized numPartitions numFailed numMaterializing }
    assetMaterializations(limit: 1) { timestamp runId partition } } }"""
PARTITIONS = """query($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) { ... on AssetNode { id
    partitionKeysByDimension { name partitionKeys }
    assetPartitionStatuses { ... on TimePartitionStatuses { ranges { startKey endKey status } } } } } }"""
ALL_PARTITIONS = """query { assetNodes { id isPartitioned partitionKeysByDimension { name partitionKeys }
    assetPartitionStatuses { ... on TimePartitionStatuses { ranges { startKey endKey status } } } } }"""
BACKFILLS = """query { partitionBackfillsOrError(limit: 25) { ... on PartitionBackfills { results {
    id status numPartitions timestamp partitionSetName assetSelection { path } } } } }"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--days", type=int, default=1_000)
    parser.add_argument("--postgres", action="store_true", help="the instance in a PostgreSQL of its own")
    parser.add_argument("--picture", type=Path, help="keep a picture of a stream's partitions here")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="journey-benchmark-"))
    try:
        if options.postgres:
            sys.path.insert(0, str(REPOSITORY))
            from tests.deploy.servers import postgres

            with postgres() as database:
                measure(folder, options.days, options.picture, {**database.environment})
        else:
            measure(folder, options.days, options.picture, {})
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def measure(folder: Path, days: int, picture: Path | None, database: Mapping[str, str]) -> None:
    """`database`: how PostgreSQL is reached; empty for SQLite."""
    first = LAST_DAY - timedelta(days=days - 1)
    os.environ.update(environment(folder, first, database))
    loaded = seconds(lambda: subprocess.run([sys.executable, "-c", LOAD], check=True, cwd=REPOSITORY))
    kind = "PostgreSQL" if database else "SQLite"
    print(f"{days} days, 6 vendors and {len(FEEDS)} feeds, {kind}; {AIMS}")
    told("definitions, in a new interpreter", loaded)
    assets, events, filled = fill(first, days, database)
    print(f"{assets} daily assets, {events} materializations told in {filled:.0f} s")
    if not database:
        size = sum(file.stat().st_size for file in folder.rglob("*.db")) / 2**20
        print(f"the instance takes {size:.0f} MB")
    command = [
        sys.executable,
        "-m",
        "dagster_webserver",
        "-m",
        "journey_platform.definitions",
        "-p",
        str(PORT),
    ]
    with subprocess.Popen(
        command, cwd=REPOSITORY, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as web:
        try:
            told("webserver, until it answers", seconds(until_it_answers))
            one = {"key": {"path": ["raw", "matomo", "visits"]}}
            for page, question, variables in (
                ("asset graph, first time", GRAPH, None),
                ("asset graph, again", GRAPH, None),
                ("partitions of one asset", PARTITIONS, one),
                ("partitions of all assets (a backfill of all)", ALL_PARTITIONS, None),
                ("backfill page", BACKFILLS, None),
            ):
                told(page, seconds(lambda q=question, v=variables: ask(q, v)))  # type: ignore[misc]
            known = [node["partitionStats"] for node in ask(GRAPH)["data"]["assetNodes"]]
            assert [stats["numMaterialized"] for stats in known if stats] == [days] * assets
            if picture is not None:
                told("partitions of one asset, in a browser", seconds(lambda: keep(picture)))
        finally:
            web.terminate()


def keep(picture: Path) -> None:
    """The page of a stream's partitions as people see it, once it shows them."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 1400, "height": 700})
        page.goto(f"http://127.0.0.1:{PORT}/assets/raw/matomo/visits?view=partitions")
        page.get_by_text(LAST_DAY.isoformat()).first.wait_for(timeout=120_000)
        page.screenshot(path=picture)
        browser.close()


COPY = """INSERT INTO event_logs
    (run_id, event, dagster_event_type, timestamp, step_key, asset_key, partition)
    SELECT run_id, replace(event, :first, day), dagster_event_type, timestamp, step_key, asset_key, day
    FROM event_logs, days WHERE partition = :first ORDER BY day"""
LOAD = "from journey_platform.definitions import defs; defs.resolve_asset_graph()"


def environment(folder: Path, first: date, database: Mapping[str, str]) -> dict[str, str]:
    """Settings with all vendors, whose addresses are never asked, and a folder with feeds."""
    from connectors.config import settings_of
    from connectors.registry import CONNECTORS

    home, dropped = folder / "dagster", folder / "dropped"
    home.mkdir()
    dropped.mkdir()
    shutil.copy(REPOSITORY / "deploy" / ("production" if database else "") / "dagster.yaml", home)
    (dropped / "files.yaml").write_text("feeds:\n" + "".join(FEED.format(name=name) for name in FEEDS))
    variables = {
        setting.env: "https://vendor.example" if setting.env.endswith("_URL") else "1"
        for connector in CONNECTORS.values()
        for setting in settings_of(connector.config_class).values()
    }
    return {
        **variables,
        **database,
        "JOURNEY_STATE": str(home),
        "DAGSTER_HOME": str(home),
        "JOURNEY_ROOT": str(folder / "lake"),
        "JOURNEY_FILES": str(dropped),
        "JOURNEY_ZONE": "Europe/Amsterdam",
        "JOURNEY_START_DATE": first.isoformat(),
        "JOURNEY_PSEUDONYM_KEY": "benchmark",
        "PYTHONWARNINGS": "ignore",
    }


def fill(first: date, days: int, database: Mapping[str, str]) -> tuple[int, int, float]:
    """Tell the instance of every day of every daily asset: (assets, events, seconds)."""
    import dagster as dg

    from journey_platform.definitions import defs

    graph = defs.resolve_asset_graph()
    daily = sorted(key for key in graph.get_all_asset_keys() if graph.get(key).is_partitioned)
    keys = [(first + timedelta(days=n)).isoformat() for n in range(days)]
    started = time.perf_counter()
    with dg.DagsterInstance.get() as instance:
        for asset in daily:
            instance.report_runless_asset_event(dg.AssetMaterialization(asset, partition=keys[0]))
    others = [(key,) for key in keys[1:]]
    if database:
        _copy_in_postgres(database, keys[0], others)
    else:
        [file] = Path(os.environ["DAGSTER_HOME"]).rglob("index.db")
        with sqlite3.connect(file) as connection:
            connection.execute("CREATE TEMP TABLE days (day TEXT)")
            connection.executemany("INSERT INTO days VALUES (?)", others)
            connection.execute(COPY, {"first": keys[0]})
        connection.close()
    return len(daily), len(daily) * days, time.perf_counter() - started


def _copy_in_postgres(database: Mapping[str, str], first: str, others: Sequence[tuple[str]]) -> None:
    import psycopg2

    connection = psycopg2.connect(
        host=database["DAGSTER_PG_HOST"],
        port=database["DAGSTER_PG_PORT"],
        user=database["DAGSTER_PG_USER"],
        password=database["DAGSTER_PG_PASSWORD"],
        dbname=database["DAGSTER_PG_DB"],
    )
    with connection, connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE days (day TEXT)")
        cursor.executemany("INSERT INTO days VALUES (%s)", others)
        cursor.execute(COPY.replace(":first", "%(first)s"), {"first": first})
    connection.close()


def ask(question: str, variables: Any = None) -> dict[str, Any]:
    body = json.dumps({"query": question, "variables": variables or {}}).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"http://127.0.0.1:{PORT}/graphql", body, headers)
    with urllib.request.urlopen(request, timeout=600) as answer:
        found: dict[str, Any] = json.loads(answer.read())
    if "errors" in found:
        raise RuntimeError(found["errors"])
    return found


def until_it_answers() -> None:
    give_up_at = time.monotonic() + 300
    while True:
        try:
            ask("{ version }")
            return
        except OSError:
            if time.monotonic() > give_up_at:
                raise
            time.sleep(0.2)


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def told(what: str, took: float) -> None:
    print(f"{what:<48}{took:>8.2f} s", flush=True)


if __name__ == "__main__":
    main()
