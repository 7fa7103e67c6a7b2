"""Runs that died with their machine: failed, so that they are tried again, and their pools' slots given back.

Dagster's launcher cannot tell whether a worker on this machine lives. A run is dead here when the code server
that started it is gone, or, where it ran without one, its process.
"""

import json
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import dagster as dg

_SERVER_TAG = ".dagster/grpc_info"
_PATIENCE_S = 3.0


@dataclass(frozen=True)
class Cleared:
    """What was done. `failed`: runs marked as failed; `canceled`: those that were being canceled; `freed`:
    runs that were over and still held slots; `left`: under way, and alive or not known to be dead."""

    failed: tuple[str, ...]
    canceled: tuple[str, ...]
    freed: tuple[str, ...]
    left: tuple[str, ...]


def clear_dead_runs(instance: "dg.DagsterInstance") -> Cleared:
    """End the records of dead runs and free their slots. Doing it again changes nothing."""
    import dagster as dg

    states = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
    failed, canceled, left = [], [], []
    for run in instance.get_runs(filters=dg.RunsFilter(statuses=states)):
        if not _is_dead(instance, run):
            left.append(run.run_id)
        elif run.status is dg.DagsterRunStatus.CANCELING:
            instance.report_run_canceled(run, "The worker ended with its machine; it was being canceled.")
            canceled.append(run.run_id)
        else:
            instance.report_run_failed(run, "The worker ended with its machine.")
            failed.append(run.run_id)
    freed = _free_slots(instance)
    return Cleared(tuple(failed), tuple(canceled), tuple(sorted(freed - {*failed, *canceled})), tuple(left))


def _free_slots(instance: "dg.DagsterInstance") -> set[str]:
    """Give back what runs that are over hold or wait for; their ids."""
    storage = instance.event_log_storage
    if not storage.supports_global_concurrency_limits:
        return set()
    holders: set[str] = set()
    for pool in storage.get_concurrency_keys():
        known = storage.get_concurrency_info(pool)
        holders |= {slot.run_id for slot in known.claimed_slots}
        holders |= {step.run_id for step in known.pending_steps}
    over = set()
    for run_id in holders:
        run = instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            storage.free_concurrency_slots_for_run(run_id)
            over.add(run_id)
    return over


def _is_dead(instance: "dg.DagsterInstance", run: "dg.DagsterRun") -> bool:
    if _SERVER_TAG in run.tags:
        return not answers(json.loads(run.tags[_SERVER_TAG]))
    told = _process_of(instance, run.run_id)
    return told is not None and not is_alive(*told)


def answers(server: Mapping[str, Any]) -> bool:
    """Whether anything listens where the code server was: a `socket` path, or a `host` and `port`.

    What cannot be asked (a name that is not known now, no answer in time) counts as listening: a run is
    declared dead on evidence only.
    """
    if path := server.get("socket"):
        return _connects(lambda: _unix(path))
    address = (str(server["host"]), int(server["port"]))
    return _connects(lambda: socket.create_connection(address, _PATIENCE_S))


def _unix(path: str) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(_PATIENCE_S)
    connection.connect(path.removeprefix("unix:"))
    return connection


def _connects(connect: Callable[[], socket.socket]) -> bool:
    try:
        connect().close()
    except (ConnectionRefusedError, FileNotFoundError):
        return False
    except OSError:
        return True
    return True


def _process_of(instance: "dg.DagsterInstance", run_id: str) -> tuple[int, float] | None:
    """The process that told last that it works on the run, and when it said so."""
    import dagster as dg

    for entry in reversed(instance.all_logs(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT)):
        event = entry.dagster_event
        metadata = getattr(event.event_specific_data, "metadata", None) if event else None
        if metadata and "pid" in metadata:
            return int(metadata["pid"].value), entry.timestamp
    return None


def is_alive(pid: int, seen_at: float, processes: Path = Path("/proc")) -> bool:
    """Whether process `pid` is the one that was seen at `seen_at`: another may bear its number since."""
    try:
        fields = (processes / str(pid) / "stat").read_text().rpartition(")")[2].split()
        booted = next(
            float(line.split()[1])
            for line in (processes / "stat").read_text().splitlines()
            if line.startswith("btime")
        )
    except FileNotFoundError:
        return False
    # Field 22 of the kernel's list is the start in hundredths of a second since the boot; state Z is over.
    started = booted + int(fields[19]) / 100
    return fields[0] != "Z" and started <= seen_at + 1.0
