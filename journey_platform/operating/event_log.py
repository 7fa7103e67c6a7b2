"""Dagster's event log in SQLite, as it is, written with less ado. Named in deploy/dagster.yaml.

Dagster's own prepares the database anew for every statement, commits every event of a run over ninety days by
itself, and waits for the disk three times for each: together longer than all that the run computes. Tables,
files and what is in them are the same, so that an installation may go from one to the other. What a machine
that loses its power had not written yet is the log of its last seconds. PostgreSQL has no use for this.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import dagster as dg

# Where a storage comes from has no public name; it is configured by this one, too.
from dagster._core.events import ASSET_CHECK_EVENTS, ASSET_EVENTS  # noqa: TID251
from dagster._core.storage.event_log import SqliteEventLogStorage  # noqa: TID251
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy.pool import QueuePool

_EVENTS_AT_ONCE = 500
_PATIENCE_S = 30


class EventLog(SqliteEventLogStorage):
    """One database a run and one for all, in `history/runs` under `home`, where Dagster's own are."""

    def __init__(self, base_dir: str, inst_data: Any = None) -> None:
        # Without it Dagster hands over one event at a time.
        os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", str(_EVENTS_AT_ONCE))
        self._tables_there: set[str] = set()
        super().__init__(base_dir, inst_data)

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        return {"home": dg.StringSource}

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Mapping[str, Any]) -> Self:
        return cls(str(Path(config_value["home"]) / "history" / "runs"), inst_data)

    def has_table(self, table_name: str) -> bool:
        if table_name not in self._tables_there and super().has_table(table_name):
            self._tables_there.add(table_name)
        return table_name in self._tables_there

    def store_event(self, event: dg.EventLogEntry) -> None:
        super().store_event(event)
        self._tell_watchers(event.run_id)

    def store_event_batch(self, events: Sequence[dg.EventLogEntry]) -> None:
        """Store events of one run in one transaction for the run's database and one for that of all."""
        with self.run_connection(events[0].run_id) as connection:
            for event in events:
                connection.execute(self.prepare_insert_event(event))
        of_assets, of_checks = (
            [event for event in events if event.dagster_event_type in types]
            for types in (ASSET_EVENTS, ASSET_CHECK_EVENTS)
        )
        with self.index_transaction() as connection:
            ids = [self._mirrored(connection, event) for event in of_assets]
            self._store_asset_event_tags(connection, of_assets, ids)
            # An asset's own row tells of its last event only.
            last = {event.get_dagster_event().asset_key: place for place, event in enumerate(of_assets)}
            for place in last.values():
                self._store_asset_event(connection, of_assets[place], ids[place])
            ids = [self._mirrored(connection, event) for event in of_checks]
        for event, number in zip(of_checks, ids, strict=True):
            self.store_asset_check_event(event, number)
        self._tell_watchers(events[0].run_id)

    def wipe(self) -> None:
        super().wipe()
        _engine.cache_clear()

    def _tell_watchers(self, run_id: str) -> None:
        """Who watches a run watches its file, which a commit to the log ahead of it leaves as it is."""
        os.utime(self.path_for_shard(run_id))

    def _mirrored(self, connection: Connection, event: dg.EventLogEntry) -> int:
        """The event's number in the database of all runs."""
        key = connection.execute(self.prepare_insert_event(event)).inserted_primary_key
        assert key is not None
        return int(key[0])

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            engine = _engine(self.conn_string_for_shard(shard))
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.begin() as connection:
                yield connection


@lru_cache(maxsize=16)
def _engine(database: str) -> Engine:
    """One connection stays open: with the last, SQLite moves all from the log ahead to the database."""
    engine = create_engine(database, poolclass=QueuePool, pool_size=1, connect_args={"timeout": _PATIENCE_S})

    @sqlalchemy_event.listens_for(engine, "connect")
    def _(connection: Any, _: Any) -> None:
        # Consistent whatever happens; see the module for what may be missing after a loss of power.
        connection.execute("pragma synchronous = normal")

    return engine
