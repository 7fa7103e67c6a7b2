"""One Delta table at one version: its files, the state of its days, its cursor, and the commit that follows.

What a data file is, and what its name tells, is in `files`; where it lies, in `place`. A commit says which
files go and which come, with no predicate, and succeeds only directly after the version it was computed from:
whoever comes second reads again.
"""

import json
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Field
from deltalake.exceptions import CommitFailedError, DeltaError
from deltalake.transaction import AddAction, RemoveAction

from journey_platform.lake.errors import UnsupportedTable, WriteFailed, in_words
from journey_platform.lake.files import DataFile, DayState, named_in
from journey_platform.lake.kept import SMALL_BYTES
from journey_platform.tables import Table

if TYPE_CHECKING:
    from journey_platform.lake.place import Place

LOG = "_delta_log"
METADATA = "journey"
"""What a commit says of itself stands under this name in the log."""
_ENTRY = re.compile(rf"^{LOG}/(\d{{20}})\.")


def schema_of(table: Table, columns: Sequence[str] | None) -> pa.Schema:
    return table.schema if columns is None else pa.schema([table.schema.field(name) for name in columns])


class Snapshot:
    """A Delta table as of one version."""

    def __init__(self, table: Table, place: "Place", delta: DeltaTable) -> None:
        self.table = table
        self._place = place
        self._delta = delta
        self.opened_at = int(delta.version())
        self._refuse_unreadable()

    @property
    def version(self) -> int:
        return int(self._delta.version())

    @cached_property
    def files(self) -> dict[date | None, DataFile]:
        """The active file of each day, in the order of days."""
        actions = pa.table(self._delta.get_add_actions(flatten=True))
        days = actions.column("partition.day").to_pylist() if self.table.is_daily else [None] * len(actions)
        files: dict[date | None, DataFile] = {}
        paths, sizes, counts = (actions.column(c).to_pylist() for c in ("path", "size_bytes", "num_records"))
        for path, size, rows, day in zip(paths, sizes, counts, days, strict=True):
            named = named_in(path)
            if named is None or rows is None or day in files:
                raise UnsupportedTable(f"{self.table.name}: {path} was not written by this lake")
            version, fingerprint = named
            files[day] = DataFile(path, day, size, DayState(rows, fingerprint, version))
        return dict(sorted(files.items(), key=lambda item: item[0] or date.min))

    def read(self, day: date | None, columns: Sequence[str] | None = None) -> pa.Table:
        """The rows of one day with the declared types; columns that the file is older than are null."""
        schema = schema_of(self.table, columns)
        file = self.files.get(day)
        if file is None:
            return schema.empty_table()
        # What tells of persons is not kept: an erasure takes it from the disk alone.
        if self.table.is_personal or file.size > SMALL_BYTES:
            content = self._place.read(file, schema.names)
        else:
            uri = f"{self._place.uri}/{file.path}"
            content = self._place.kept.rows(uri, lambda: self._place.read(file, self.table.schema.names))
        return pa.table(
            [
                content.column(field.name).cast(field.type)
                if field.name in content.schema.names
                else pa.array([day] * file.state.rows, field.type)
                if field.name == "day"
                else pa.nulls(file.state.rows, field.type)
                for field in schema
            ],
            schema=schema,
        )

    def uris(self, files: Iterable[DataFile]) -> list[str]:
        return [f"{self._place.uri}/{file.path}" for file in files]

    def cursor(self) -> str | None:
        """The cursor of the newest commit that was written by this lake."""
        return next((metadata.get("cursor") for metadata in self._metadata()), None)

    def made_with(self) -> str | None:
        """What the newest commit that was written by this lake says its rows were made with."""
        return next((metadata.get("made_with") for metadata in self._metadata()), None)

    def _metadata(self) -> Iterator[dict[str, Any]]:
        for limit in (1, None):
            found = [c[METADATA] for c in self._delta.history(limit) if METADATA in c]
            if found:
                yield from found
                return

    def version_at(self, moment: datetime) -> int | None:
        """The newest version committed at or before `moment` (with a zone)."""
        until_ms = moment.timestamp() * 1000
        commits = self._delta.history()
        return max((int(c["version"]) for c in commits if c["timestamp"] <= until_ms), default=None)

    def commit(self, coming: Sequence[DataFile], metadata: Mapping[str, Any]) -> bool:
        """Replace the files of the coming files' days. False if another commit came first."""
        now_ms = time.time_ns() // 1_000_000
        going = [self.files[file.day] for file in coming if file.day in self.files]
        actions: list[AddAction | RemoveAction] = [
            RemoveAction(file.path, True, now_ms, file.size, file.partition) for file in going
        ]
        for file in coming:
            statistics = json.dumps({"numRecords": file.state.rows})
            actions.append(AddAction(file.path, file.size, file.partition, now_ms, True, statistics))
        try:
            self._delta.create_write_transaction(
                actions,
                "append",
                self.table.schema,
                ["day"] if self.table.is_daily else None,
                commit_properties=self._properties(metadata),
            )
        except CommitFailedError:
            return False
        except (DeltaError, OSError) as error:
            # What failed may be the checkpoint after the commit.
            if not coming or not {file.path for file in coming} <= self._place.active_paths():
                raise WriteFailed(f"{self.table.name}: the commit failed ({in_words(error)})") from error
        return True

    def shed_history(self) -> tuple[int, int]:
        """Remove what only earlier versions need, and what no version names: (data files, log entries).

        A file that is written for the next version stays, for its commit may still come.
        """
        place = self._place
        self._delta.create_checkpoint()
        active = {file.path for file in self.files.values()}
        files = [path for path in place.paths() if path not in active and not self._is_coming(path)]
        entries = [
            path for path in place.paths(LOG) if (at := _ENTRY.match(path)) and int(at[1]) < self.version
        ]
        return place.remove(files), place.remove(entries)

    def _is_coming(self, path: str) -> bool:
        named = named_in(path)
        return named is not None and named[0] > self.version

    def add_columns(self) -> bool:
        """Add the declared columns that the table does not have yet. They must be nullable; any other
        difference between the declaration and the table is refused. False if another commit came first."""
        declared, stored = self.table.schema, pa.schema(self._delta.schema().to_arrow())
        new = [field for field in declared if field.name not in stored.names]
        gone = sorted(set(stored.names) - set(declared.names))
        changed = [f.name for f in declared if f.name in stored.names and stored.field(f.name).type != f.type]
        narrowed = [field.name for field in new if not field.nullable]
        if gone or changed or narrowed:
            raise UnsupportedTable(
                f"{self.table.name}: the stored table differs from its declaration: columns no longer "
                f"declared {gone}, of another type {changed}, new and not nullable {narrowed}"
            )
        if not new:
            return True
        try:
            self._delta.alter.add_columns(
                [Field.from_arrow(field) for field in new],
                commit_properties=self._properties({"cursor": self.cursor()}),
            )
        except CommitFailedError:
            return False
        return True

    @staticmethod
    def _properties(metadata: Mapping[str, Any]) -> CommitProperties:
        return CommitProperties(custom_metadata={METADATA: dict(metadata)}, max_commit_retries=0)

    def _refuse_unreadable(self) -> None:
        """Files are read as they are: a deletion vector or a column mapping would be ignored silently."""
        protocol, settings = self._delta.protocol(), self._delta.metadata().configuration
        features = {*(protocol.reader_features or ()), *(protocol.writer_features or ())}
        if (
            features & {"deletionVectors", "columnMapping"}
            or settings.get("delta.enableDeletionVectors", "false").lower() == "true"
            or settings.get("delta.columnMapping.mode", "none") != "none"
        ):
            raise UnsupportedTable(f"{self.table.name}: has deletion vectors or a column mapping")
        partitions = self._delta.metadata().partition_columns
        if partitions != (["day"] if self.table.is_daily else []):
            raise UnsupportedTable(f"{self.table.name}: partitioned by {partitions}")
