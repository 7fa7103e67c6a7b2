"""Runs that died with their machine: failed, so that they are tried again, and their pools' slots given back.

Dagster's launcher cannot tell whether a worker on this machine lives. A run is dead here when the code server
that started it is gone, or, where it ran without one, its process.
"""

import json
import socket
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from journey_platform.lake import LakeError

if TYPE_CHECKING:
    import dagster as dg

_SERVER_TAG = ".dagster/grpc_info"
_PATIENCE_S = 3.0


class NotServing(LakeError):  # noqa: N818 - says what happened
    """A code server did not come up."""


@dataclass(frozen=True)
class Cleared:
    """What was done. `failed`: runs marked as failed; `canceled`: those that were being canceled; `freed`:
    runs that were over and still held slots; `left`: under way, and alive or not known to be dead."""

    failed: tuple[str, ...]
    canceled: tuple[str, ...]
    freed: tuple[str, ...]
    left: tuple[str, ...]


def dead_runs(instance: "dg.DagsterInstance") -> tuple[str, ...]:
    """The runs that are dead now, and still said to be under way."""
    return tuple(run.run_id for run in _under_way(instance) if _is_dead(instance, run))


def clear_dead_runs(instance: "dg.DagsterInstance", known_dead: Collection[str] | None = None) -> Cleared:
    """End the records of dead runs and free their slots. Doing it again changes nothing.

    `known_dead`: what `dead_runs` said before a code server came up again; default: those that are dead now.
    """
    import dagster as dg

    dead = dead_runs(instance) if known_dead is None else known_dead
    failed, canceled, left = [], [], []
    for run in _under_way(instance):
        if run.run_id not in dead:
            left.append(run.run_id)
        elif run.status is dg.DagsterRunStatus.CANCELING:
            instance.report_run_canceled(run, "The worker ended with its machine; it was being canceled.")
            canceled.append(run.run_id)
        else:
            instance.report_run_failed(run, "The worker ended with its machine.")
            failed.append(run.run_id)
    freed = _free_slots(instance)
    return Cleared(tuple(failed), tuple(canceled), tuple(sorted(freed - {*failed, *canceled})), tuple(left))


def await_serving(host: str, port: int, *, patience_s: float = 600.0, settling_s: float = 30.0) -> None:
    """Wait until something listens there, and then until the daemon has taken notice.

    The daemon tries a failed run again once, and not later where it cannot reach the code server then.
    Raises `NotServing`.
    """
    give_up_at = time.monotonic() + patience_s
    while not answers({"host": host, "port": port}):
        if time.monotonic() > give_up_at:
            raise NotServing(f"nothing listens on port {port}: the next start will clear the runs")
        time.sleep(0.5)
    time.sleep(settling_s)


def _under_way(instance: "dg.DagsterInstance") -> Sequence["dg.DagsterRun"]:
    import dagster as dg

    states = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
    return instance.get_runs(filters=dg.RunsFilter(statuses=states))


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
