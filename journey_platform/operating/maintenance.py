"""The weekly round: what old versions leave in the lake, and what old runs leave in Dagster's instance.

KPI values keep every version, since each was published and may be asked for; so does what the next run still
compares with, however long ago that was.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from journey_platform.history.trace import History, known_tables
from journey_platform.kpis.catalogue import STAGES
from journey_platform.lake import Lake
from journey_platform.tables import Table, kpis_table

if TYPE_CHECKING:
    import dagster as dg

KEEP_VERSIONS_DAYS = 90
KEEP_RUNS_DAYS = 90
_AT_ONCE = 500


@dataclass(frozen=True)
class Tidied:
    """By table, the files and bytes let go."""

    files: dict[str, int]
    bytes: int


def tidy_lake(lake: Lake, *, now: datetime, keep_days: int = KEEP_VERSIONS_DAYS) -> Tidied:
    """Let go of versions superseded more than `keep_days` ago, but for those of KPI values and `consumed`."""
    held = consumed(lake)
    forever = {kpis_table(stage).name for stage in STAGES}
    files: dict[str, int] = {}
    size = 0
    for name, table in sorted(known_tables().items()):
        if name in forever or lake.version(table) is None:
            continue
        gone = lake.expire(table, before=now - timedelta(days=keep_days), now=now, keep=held[name])
        if gone.files:
            files[name] = gone.files
            size += gone.bytes
    return Tidied(files, size)


def consumed(lake: Lake) -> dict[str, set[int]]:
    """By table, the versions that what was computed last was made from, over all steps.

    The next run compares with them, and tells the cause of what it restates by them.
    """
    history, tables = History(lake), known_tables()
    found: dict[str, set[int]] = defaultdict(set)
    waiting: list[tuple[Table, int]] = []
    for table in tables.values():
        if (newest := lake.version(table)) is not None:
            waiting.append((table, newest))
    seen = set()
    while waiting:
        table, version = waiting.pop()
        if (table.name, version) in seen:
            continue
        seen.add((table.name, version))
        for name, at in history.inputs(table, version).items():
            found[name].add(at)
            waiting.append((tables[name], at))
    return found


def prune_runs(instance: "dg.DagsterInstance", *, now: datetime, keep_days: int = KEEP_RUNS_DAYS) -> int:
    """Delete the logs of runs that ended more than `keep_days` ago, and those runs; how many of these.

    A run stays, with its events, as long as it is the last to have made a partition of an asset, or the whole
    of one: the UI shows what is materialized by it.
    """
    import dagster as dg

    needed = set(_last_makers(instance))
    over = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
    wanted = dg.RunsFilter(statuses=over, updated_before=now - timedelta(days=keep_days))
    old = [run.run_id for run in instance.get_runs(filters=wanted)]
    for run_id in old:
        instance.compute_log_manager.delete_logs(prefix=[run_id])
        if run_id not in needed:
            instance.delete_run(run_id)
    return len(set(old) - needed)


def _last_makers(instance: "dg.DagsterInstance") -> Iterator[str]:
    import dagster as dg

    made = dg.DagsterEventType.ASSET_MATERIALIZATION
    for key in instance.all_asset_keys():
        last = instance.get_latest_materialization_event(key)
        if last is not None:
            yield last.run_id
        ids = sorted(instance.get_latest_storage_id_by_partition(key, made).values())
        for start in range(0, len(ids), _AT_ONCE):
            wanted = dg.EventRecordsFilter(made, storage_ids=ids[start : start + _AT_ONCE])
            yield from (record.run_id for record in instance.get_event_records(wanted))
