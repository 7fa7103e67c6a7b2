"""Runs that died with their machine are ended, their slots given back, and living ones left alone."""

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.events import EngineEventData  # noqa: TID251 - what a worker says of itself

from journey_platform.operating.clearing import (
    Cleared,
    NotServing,
    await_serving,
    clear_dead_runs,
    dead_runs,
    is_alive,
)
from tests.deploy.servers import free_port

POOL = "zendesk"


@dg.op
def nothing() -> None:
    pass


@dg.job
def working() -> None:
    nothing()


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(tmp_path_factory.mktemp("instance"))) as instance:
        instance.event_log_storage.set_concurrency_slots(POOL, 1)
        yield instance


@pytest.fixture
def instance(storage: dg.DagsterInstance) -> Iterator[dg.DagsterInstance]:
    """Without a run."""
    yield storage
    for run in storage.get_runs():
        storage.event_log_storage.free_concurrency_slots_for_run(run.run_id)
        storage.delete_run(run.run_id)


def begun(instance: dg.DagsterInstance, server: dict[str, object] | None, status: str = "STARTED") -> str:
    """A run under way that holds the pool's slot."""
    tags = {".dagster/grpc_info": json.dumps(server)} if server else {}
    run = instance.create_run_for_job(working, tags=tags, status=dg.DagsterRunStatus[status])
    instance.event_log_storage.claim_concurrency_slot(POOL, run.run_id, "nothing")
    return run.run_id


def status(instance: dg.DagsterInstance, run_id: str) -> str:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status.value


def holders(instance: dg.DagsterInstance) -> set[str]:
    return instance.event_log_storage.get_concurrency_info(POOL).active_run_ids


@pytest.mark.parametrize(
    ("before", "after"),
    [("STARTING", "FAILURE"), ("STARTED", "FAILURE"), ("CANCELING", "CANCELED"), ("SUCCESS", "SUCCESS")],
)
def test_a_run_whose_code_server_is_gone_ends_and_gives_its_slot_back(
    instance: dg.DagsterInstance, before: str, after: str
) -> None:
    run_id = begun(instance, {"host": "127.0.0.1", "port": free_port()}, before)
    assert holders(instance) == {run_id}
    first, second = clear_dead_runs(instance), clear_dead_runs(instance)
    assert status(instance, run_id) == after
    assert holders(instance) == set()
    assert {*first.failed, *first.canceled, *first.freed} == {run_id}
    assert second == Cleared((), (), (), ())


def test_what_was_dead_before_the_server_came_back_is_cleared_and_what_began_since_is_not(
    instance: dg.DagsterInstance,
) -> None:
    port = free_port()
    dead = begun(instance, {"host": "127.0.0.1", "port": port})
    known = dead_runs(instance)
    assert known == (dead,)
    with socket.create_server(("127.0.0.1", port)):
        await_serving("127.0.0.1", port, settling_s=0)
        living = begun(instance, {"host": "127.0.0.1", "port": port})
        done = clear_dead_runs(instance, known)
    assert (done.failed, done.left) == ((dead,), (living,))


def test_a_server_that_does_not_come_up_leaves_the_runs_to_the_next_start() -> None:
    with pytest.raises(NotServing, match="the next start"):
        await_serving("127.0.0.1", free_port(), patience_s=0.1)


def test_a_run_of_a_vanished_socket_is_dead(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    run_id = begun(instance, {"host": "localhost", "socket": str(tmp_path / "gone.sock")})
    assert clear_dead_runs(instance).failed == (run_id,)


def test_a_run_whose_code_server_listens_is_left_alone(instance: dg.DagsterInstance) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        run_id = begun(instance, {"host": "127.0.0.1", "port": server.getsockname()[1]})
        assert clear_dead_runs(instance).left == (run_id,)
    assert (status(instance, run_id), holders(instance)) == ("STARTED", {run_id})


def test_a_server_whose_name_is_not_known_now_is_no_evidence(instance: dg.DagsterInstance) -> None:
    run_id = begun(instance, {"host": "code.invalid", "port": 4000})
    assert clear_dead_runs(instance).left == (run_id,)


def test_a_run_that_works_in_a_process_of_its_own_lives_as_long_as_it(instance: dg.DagsterInstance) -> None:
    process = subprocess.Popen(["sleep", "60"])
    run_id = begun(instance, None)
    run = instance.get_run_by_id(run_id)
    said = EngineEventData({"pid": dg.MetadataValue.text(str(process.pid))})
    instance.report_engine_event("works", run, said)
    assert clear_dead_runs(instance).left == (run_id,)
    process.kill()
    process.wait()
    assert clear_dead_runs(instance).failed == (run_id,)


def test_a_run_that_never_told_its_process_is_left_to_the_maximum_run_time(
    instance: dg.DagsterInstance,
) -> None:
    run_id = begun(instance, None)
    assert clear_dead_runs(instance).left == (run_id,)


def test_another_process_with_the_same_number_is_not_the_one_that_was_seen() -> None:
    assert is_alive(os.getpid(), time.time())
    assert not is_alive(os.getpid(), time.time() - 86_400)
