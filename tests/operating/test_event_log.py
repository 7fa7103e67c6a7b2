"""The event log of one machine tells what Dagster's own tells, in fewer transactions."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any
from uuid import uuid4

import dagster as dg
import pytest
from sqlalchemy import Engine, event

from journey_platform.run_tags import RANGE_END_TAG, RANGE_START_TAG
from tests.deploy.servers import DEPLOY

DAYS = 30
PARTITIONS = dg.DailyPartitionsDefinition("2026-03-01", end_date="2026-03-31")
TAGS = {RANGE_START_TAG: "2026-03-01", RANGE_END_TAG: "2026-03-30"}


@dg.multi_asset(
    specs=[dg.AssetSpec("by_day", partitions_def=PARTITIONS)],
    partitions_def=PARTITIONS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    check_specs=[dg.AssetCheckSpec("whole", asset="by_day")],
)
def by_day(context: dg.AssetExecutionContext) -> dg.MaterializeResult:  # type: ignore[type-arg]
    for place, key in enumerate(context.partition_keys):
        context.add_asset_metadata({"rows": place}, asset_key="by_day", partition_key=key)
    return dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=False, metadata={"failed": 3})])


@dg.asset(deps=["by_day"])
def whole() -> dg.MaterializeResult:  # type: ignore[type-arg]
    return dg.MaterializeResult(metadata={"rows": 7}, data_version=dg.DataVersion("as it was"))


JOB = dg.Definitions([by_day, whole], jobs=[dg.define_asset_job("all")]).resolve_job_def("all")


@contextmanager
def instance(home: Path, configured: str) -> Iterator[dg.DagsterInstance]:
    home.mkdir(exist_ok=True)
    (home / "dagster.yaml").write_text(configured)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(home))
        patch.delenv("DAGSTER_EVENT_BATCH_SIZE", raising=False)
        with dg.DagsterInstance.get() as opened:
            yield opened


OURS = (DEPLOY / "dagster.yaml").read_text()
DAGSTERS = "telemetry:\n  enabled: false\n"


def run(opened: dg.DagsterInstance) -> int:
    """A run over the days; how many transactions it took."""
    commits = 0

    def count(_: Any) -> None:
        nonlocal commits
        commits += 1

    event.listen(Engine, "commit", count)
    try:
        assert JOB.execute_in_process(instance=opened, tags=TAGS).success
    finally:
        event.remove(Engine, "commit", count)
    return commits


def told(opened: dg.DagsterInstance) -> dict[str, Any]:
    """What the UI would show of the runs together."""
    keys = [dg.AssetKey("by_day"), dg.AssetKey("whole")]
    runs = [record.dagster_run.run_id for record in opened.get_run_records()]
    checks = opened.event_log_storage.get_asset_check_execution_history(
        dg.AssetCheckKey(keys[0], "whole"), limit=10
    )
    return {
        "runs": sorted(
            sorted(Counter(str(e.dagster_event_type) for e in opened.all_logs(run)).items()) for run in runs
        ),
        "days": [
            sorted(
                (record.partition_key, record.asset_materialization.metadata["rows"].value)
                for record in opened.fetch_materializations(key, limit=1000).records
                if record.asset_materialization
            )
            for key in keys
        ],
        "last": [
            (
                record.asset_entry.last_run_id == runs[0],
                record.asset_entry.last_materialization.asset_materialization.partition,
            )
            for record in opened.get_asset_records(keys)
            if record.asset_entry.last_materialization
        ],
        "tags": {
            day: set(tags)
            for day, tags in opened.event_log_storage.get_latest_tags_by_partition(
                keys[0], dg.DagsterEventType.ASSET_MATERIALIZATION, ["dagster/data_version"]
            ).items()
        },
        "checks": [(check.status, check.event is not None) for check in checks],
    }


def test_it_tells_what_dagsters_own_tells_in_fewer_transactions(tmp_path: Path) -> None:
    with instance(tmp_path / "own", DAGSTERS) as opened:
        slow, expected = run(opened), told(opened)
    with instance(tmp_path / "ours", OURS) as opened:
        fast, found = run(opened), told(opened)
    assert found == expected
    assert len(found["days"][0]) == DAYS
    assert fast < slow / 2


def test_who_watches_a_run_is_told_of_its_events(tmp_path: Path) -> None:
    told_of, is_over = [], Event()

    def look(entry: dg.EventLogEntry, _: str) -> None:
        told_of.append(entry.dagster_event_type)
        if entry.dagster_event_type is dg.DagsterEventType.RUN_SUCCESS:
            is_over.set()

    with instance(tmp_path / "ours", OURS) as opened:
        run_id = str(uuid4())
        opened.watch_event_logs(run_id, None, look)
        JOB.execute_in_process(instance=opened, tags=TAGS, run_id=run_id)
        assert is_over.wait(30)
    assert told_of.count(dg.DagsterEventType.ASSET_MATERIALIZATION) == DAYS + 1


def test_an_installation_goes_from_one_to_the_other_and_back(tmp_path: Path) -> None:
    home = tmp_path / "home"
    for configured in (DAGSTERS, OURS, DAGSTERS):
        with instance(home, configured) as opened:
            run(opened)
    with instance(home, OURS) as opened:
        found = told(opened)
    assert len(found["runs"]) == 3
    assert found["runs"][0] == found["runs"][1] == found["runs"][2]
    assert len(found["days"][0]) == 3 * DAYS
