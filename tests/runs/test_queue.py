"""Who waits for whom: a pool a vendor, so that no API's limit starves another; daily runs pass backfills."""

import json
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import dagster as dg
import pytest

from connectors.registry import CONNECTORS
from journey_platform.demo.vendors.server import Served
from journey_platform.run_tags import range_tags
from tests.runs.conftest import FIRST, LAST, install
from tests.runs.definition_set import definitions
from tests.runs.running import PROJECT


def test_every_pull_takes_a_slot_of_its_vendors_pool_and_nothing_else_takes_any() -> None:
    pools = {
        spec.key.to_user_string(): asset.op.pool  # type: ignore[union-attr]
        for asset in definitions().assets or []
        for spec in asset.specs  # type: ignore[union-attr]
    }
    pulls = {name: pool for name, pool in pools.items() if name.startswith(("raw/", "today/"))}
    assert set(pulls.values()) == set(CONNECTORS)
    assert all(name.split("/")[1] == pool for name, pool in pulls.items())
    assert {pool for name, pool in pools.items() if name not in pulls} == {None}


def test_a_run_that_waits_for_one_vendor_goes_on_with_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another run holds the only slot of the help desk's pool, as deploy/dagster.yaml has it."""
    shutil.copy(PROJECT / "deploy" / "dagster.yaml", tmp_path)
    made: list[str] = []

    def pull(vendor: str) -> dg.AssetsDefinition:
        @dg.asset(name=vendor, pool=vendor)
        def pulled() -> None:
            made.append(vendor)

        return pulled

    defs = dg.Definitions(
        [pull("zendesk"), pull("matomo"), pull("mastodon")],
        jobs=[dg.define_asset_job("daily")],
        executor=dg.in_process_executor,
    )
    job = defs.resolve_job_def("daily")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with dg.DagsterInstance.get() as instance:
        holder = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
        slots = instance.event_log_storage
        slots.initialize_concurrency_limit_to_default("zendesk")
        assert slots.claim_concurrency_slot("zendesk", holder.run_id, "zendesk").is_claimed
        going = threading.Thread(target=job.execute_in_process, kwargs={"instance": instance})
        going.start()
        give_up_at = time.monotonic() + 60
        while len(made) < 2 and time.monotonic() < give_up_at:
            time.sleep(0.05)
        assert sorted(made) == ["mastodon", "matomo"]
        slots.free_concurrency_slots_for_run(holder.run_id)
        going.join(60)
    assert made[2:] == ["zendesk"]


@pytest.mark.chaos
def test_a_daily_run_passes_backfills_that_were_asked_for_before_it(served: Served, tmp_path: Path) -> None:
    """Real queue, real daemon: two backfills wait when the daily run comes; they never run side by side."""
    installation = install(tmp_path, served, JOURNEY_SOURCES="mastodon")
    environment = {**installation.environment, "PYTHONPATH": str(PROJECT), "PYTHONWARNINGS": "ignore"}
    where = ("-m", "journey_platform.definitions")
    dagster = Path(sys.executable).with_name("dagster")
    for job in ("backfill_mastodon", "backfill_mastodon", "daily"):
        tags = json.dumps(range_tags(FIRST, LAST))
        command = [str(dagster), "job", "launch", *where, "-j", job, "--tags", tags]
        subprocess.run(command, env=environment, check=True, capture_output=True, timeout=120)
    log = (tmp_path / "daemon.out").open("wb")
    daemon = subprocess.Popen(
        [str(dagster.with_name("dagster-daemon")), "run", *where], env=environment, stdout=log, stderr=log
    )
    try:
        with installation.instance() as instance:
            give_up_at = time.monotonic() + 300
            while True:
                records = instance.get_run_records()
                if all(record.dagster_run.is_finished for record in records):
                    break
                assert time.monotonic() < give_up_at, (tmp_path / "daemon.out").read_text()[-3000:]
                time.sleep(1)
    finally:
        daemon.terminate()
        daemon.wait(60)
        log.close()
    by_start = sorted(records, key=lambda record: record.start_time or 0)
    asked = [record for record in by_start if record.dagster_run.job_name in ("daily", "backfill_mastodon")]
    assert [record.dagster_run.job_name for record in asked] == [
        "daily",
        "backfill_mastodon",
        "backfill_mastodon",
    ]
    first, second = (record for record in asked if record.dagster_run.job_name != "daily")
    assert (first.end_time or 0) <= (second.start_time or 0)
