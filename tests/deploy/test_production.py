"""Production from deploy's own files, on a real PostgreSQL, driven through GraphQL as the UI does.

A schedule's tick materializes yesterday; a killed worker and a killed code server are recovered from without
anybody's help; the result equals an undisturbed run's; nothing holds a slot afterwards.
"""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from datetime import time as clock
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from journey_platform.demo.vendors.apart import serve_apart
from tests.deploy.driving import SELECTOR, assert_nothing_is_held, finished, launch, runs, try_to_launch
from tests.deploy.production import Production, installed, until
from tests.deploy.servers import Postgres, postgres
from tests.runs import contents

pytestmark = pytest.mark.chaos

# The tick that is due next to have been: last night at three, or the night before.
TICK = datetime.combine(datetime.now(UTC).date(), clock(3), UTC)
if datetime.now(UTC) < TICK:
    TICK -= timedelta(days=1)
YESTERDAY = TICK.date() - timedelta(days=1)
FIRST = YESTERDAY - timedelta(days=2)
DAYS = (FIRST, YESTERDAY)
SECRET = "canary-pseudonym-key-77aa"

STEPS = """query($id: ID!) { runOrError(runId: $id) { ... on Run {
    status stats { ... on RunStatsSnapshot { stepsSucceeded } } } } }"""


@pytest.fixture(scope="module")
def database() -> Iterator[Postgres]:
    with postgres() as server:
        yield server


@pytest.fixture(scope="module")
def production(database: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Production]:
    folder = tmp_path_factory.mktemp("production")
    with (
        serve_apart(seed=7, customers=40, days=14, last_day=YESTERDAY) as served,
        installed(
            folder,
            database.environment,
            served.environment,
            services=("code", "webserver", "viewer"),
            ZONE="UTC",
            START_DATE=FIRST.isoformat(),
            SOURCES="matomo,zendesk",
            PSEUDONYM_KEY=SECRET,
        ) as installation,
    ):
        yield installation


def a_worker_that_works(production: Production, run_id: str) -> Any:
    """The process of the run, once steps of it are done."""

    def found() -> Any:
        told = production.ask(STEPS, id=run_id)["runOrError"]
        return told["status"] == "STARTED" and told["stats"]["stepsSucceeded"] >= 2 and production.workers()

    return until("a run's worker", found, patience_s=180)


def test_a_tick_of_the_schedule_materializes_yesterday(production: Production, database: Postgres) -> None:
    start = """mutation($s: ScheduleSelector!) { startSchedule(scheduleSelector: $s) {
        __typename ... on PythonError { message } } }"""
    answer = production.ask(start, s={**SELECTOR, "scheduleName": "daily_at_three"})["startSchedule"]
    assert answer["__typename"] == "ScheduleStateResult", answer
    # As if it had been switched on before last night: the daemon was away at three, and comes now.
    with (
        psycopg2.connect(
            host="127.0.0.1",
            port=database.environment["DAGSTER_PG_PORT"],
            user="dagster",
            password=database.environment["DAGSTER_PG_PASSWORD"],
            dbname="postgres",
        ) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("select id, instigator_body from instigators")
        for row, body in cursor.fetchall():
            state = json.loads(body)
            if "daily_at_three" not in state["origin"].values():
                continue
            data = state["job_specific_data"]
            data["start_timestamp"] = TICK.timestamp() - 60
            cursor.execute(
                "update instigators set instigator_body = %s where id = %s", (json.dumps(state), row)
            )
    production.start("daemon")
    run = until(
        "the schedule's run",
        lambda: [run for run in runs(production) if run["jobName"] == "daily"],
        patience_s=120,
    )[0]
    tags = {tag["key"]: tag["value"] for tag in run["tags"]}
    assert tags["dagster/asset_partition_range_end"] == YESTERDAY.isoformat()
    assert [run["status"] for run in finished(production, run["runId"])] == ["SUCCESS"]
    asked = """query($k: AssetKeyInput!) { assetNodeOrError(assetKey: $k) { ... on AssetNode {
        assetPartitionStatuses { ... on TimePartitionStatuses { ranges { startKey endKey status } } } } } }"""
    [done] = production.ask(asked, k={"path": ["kpis", "middle"]})["assetNodeOrError"][
        "assetPartitionStatuses"
    ]["ranges"]
    assert (done["startKey"], done["endKey"], done["status"]) == (
        FIRST.isoformat(),
        YESTERDAY.isoformat(),
        "MATERIALIZED",
    )


def test_a_killed_worker_and_a_killed_code_server_are_recovered_from(
    production: Production, tmp_path: Path
) -> None:
    undisturbed = contents.fingerprints(Path(production.code["JOURNEY_ROOT"]))
    assert undisturbed

    run_id = launch(production, "daily", days=DAYS)
    [worker] = a_worker_that_works(production, run_id)
    worker.kill()
    began = time.monotonic()
    statuses = [run["status"] for run in finished(production, run_id)]
    print(f"after the worker: {statuses} in {time.monotonic() - began:.0f} s")
    assert statuses == ["FAILURE", "SUCCESS"]

    run_id = launch(production, "daily", days=DAYS)
    a_worker_that_works(production, run_id)
    production.kill("code")
    began = time.monotonic()
    production.start("code")
    until(
        "the dead run cleared",
        lambda: f"{run_id}: failed, its worker is gone" in production.log("code"),
        patience_s=90,
    )
    statuses = [run["status"] for run in finished(production, run_id)]
    print(f"after the code server: {statuses} in {time.monotonic() - began:.0f} s")
    assert statuses == ["FAILURE", "SUCCESS"]

    assert_nothing_is_held(production)
    assert contents.fingerprints(Path(production.code["JOURNEY_ROOT"])) == undisturbed


def test_a_restarted_database_and_daemon_lose_nothing(production: Production, database: Postgres) -> None:
    run_id = launch(production, "daily", days=DAYS)
    production.kill("daemon")
    database.stop()
    database.start()
    production.start("daemon")
    assert finished(production, run_id)[-1]["status"] == "SUCCESS"
    assert_nothing_is_held(production)


def test_the_figures_are_served(production: Production) -> None:
    production.start("metrics")
    with urllib.request.urlopen(
        f"http://127.0.0.1:{production.ports['metrics']}/metrics", timeout=60
    ) as answer:
        told = answer.read().decode()
    for expected in ('journey_source_rows{source="matomo/visits"} ', 'journey_run_seconds{job="daily"} '):
        assert expected in told
    calls = told.partition('journey_source_api_calls{source="matomo/visits"} ')[2].partition("\n")[0]
    assert float(calls) >= 1


def test_what_runs_said_is_written_as_json_with_run_and_days(production: Production) -> None:
    lines = [json.loads(line) for line in (production.folder / "state" / "runs.jsonl").open()]
    assert {"daily"} <= {line.get("job") for line in lines}
    assert any(line.get("last") == YESTERDAY.isoformat() and line.get("run_id") for line in lines)


def test_who_may_only_look_cannot_launch(production: Production) -> None:
    assert (
        try_to_launch(production, "daily", days=DAYS, service="viewer")["__typename"] == "UnauthorizedError"
    )


def test_the_webserver_itself_would_take_a_change_by_a_link(production: Production) -> None:
    """Why the proxy stands before it: this is what it must not let through."""
    link = f"http://127.0.0.1:{production.ports['webserver']}/graphql?query=mutation%7BsetAutoMaterializePaused(paused%3Atrue)%7D"
    request = urllib.request.Request(link, headers={"Origin": "https://evil.test", "Host": "evil.test"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert "setAutoMaterializePaused" in json.loads(answer.read())["data"]
    except urllib.error.HTTPError as error:
        pytest.fail(f"refused with {error.code}: the proxy's rules could be fewer")


def test_nothing_is_written_beside_the_instance_s_configuration_and_no_secret_anywhere(
    production: Production, database: Postgres
) -> None:
    files = {path.name for path in production.home.rglob("*") if path.is_file()}
    assert files == {"code-server", "dagster.yaml", "workspace.yaml"}
    for path in [*(production.folder / "state").rglob("*"), *production.folder.glob("*.log")]:
        if path.is_file():
            content = path.read_bytes()
            assert SECRET.encode() not in content
            assert database.environment["DAGSTER_PG_PASSWORD"].encode() not in content
