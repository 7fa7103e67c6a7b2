"""Where one table is stored, and how bytes get there and away.

The one module that knows paths. What the table holds at a version is in `snapshot`.
"""

import contextlib
import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError

from journey_platform.lake.errors import LakeError, WriteFailed, in_words
from journey_platform.lake.files import DataFile, DayState, new_path
from journey_platform.lake.kept import Kept
from journey_platform.lake.snapshot import LOG, METADATA, Snapshot
from journey_platform.tables import Table

MARK = "_readable.json"
"""Beside the log: from which version on a table can be read, where `expiry` let files go."""
_KEY_PART = re.compile(r"^[a-z0-9_]+$")


@dataclass(frozen=True, slots=True)
class Commit:
    """What a commit says of itself: when it was made, in which run, and the cursor it carries."""

    version: int
    at: datetime
    run_id: str | None
    cursor: str | None


class Place:
    """Where one table is stored, and how bytes get there."""

    def __init__(
        self, root: str, table: Table, storage_options: Mapping[str, str] | None, kept: Kept
    ) -> None:
        if not all(_KEY_PART.match(part) for part in table.key):
            raise LakeError(f"{table.name}: a table's key is made of a-z, 0-9 and _")
        self.table = table
        self.uri = "/".join((root, *table.key))
        self.kept = kept
        self._options = dict(storage_options or {})
        self._newest: tuple[tuple[int, int], Snapshot] | None = None

    @cached_property
    def filesystem(self) -> pafs.FileSystem:
        if "://" not in self.uri:
            return pafs.LocalFileSystem()
        from deltalake.fs import DeltaStorageHandler

        return pafs.PyFileSystem(DeltaStorageHandler(self.uri, self._options))

    @property
    def path(self) -> str:
        """The table's folder within `filesystem`."""
        return self.uri if "://" not in self.uri else ""

    def open(self, version: int | None = None) -> Snapshot | None:
        """The table at a version (default the newest), or None where there is no table yet.

        The newest is read again only when the log says that there is a newer one.
        """
        if version is None and self._newest is not None:
            entry, newest = self._newest
            if self._last_entry(newest.opened_at) == entry:
                return newest
        if version is not None and not self._is_readable(version):
            raise LakeError(f"{self.table.name}: version {version} is no more")
        try:
            delta = DeltaTable(self.uri, version=version, storage_options=self._options)
        except TableNotFoundError:
            if version is not None and self.open() is not None:
                raise LakeError(f"{self.table.name}: version {version} is no more") from None
            return None
        except DeltaError as error:
            raise LakeError(f"{self.table.name}: version {version or 'newest'} cannot be read") from error
        snapshot = Snapshot(self.table, self, delta)
        if version is None:
            last = self._last_entry(snapshot.opened_at)
            self._newest = (last, snapshot) if last else None
        return snapshot

    def _last_entry(self, version: int) -> tuple[int, int] | None:
        """Size and time of a version's entry in the log; None where it is not there, or not the last."""
        names = [f"{self.path}/{LOG}/{number:020}.json" for number in (version, version + 1)]
        entry, following = self.filesystem.get_file_info(names)
        is_last = entry.type == pafs.FileType.File and following.type == pafs.FileType.NotFound
        return (entry.size, entry.mtime_ns) if is_last else None

    def readable_from(self) -> tuple[int, frozenset[int]]:
        """The first version whose files are all there, and those before it that were kept besides."""
        try:
            with self.filesystem.open_input_file(f"{self.path}/{MARK}") as told:
                mark = json.loads(told.read())
        except FileNotFoundError:
            return 0, frozenset()
        return mark["first"], frozenset(mark["kept"])

    def _is_readable(self, version: int) -> bool:
        first, kept = self.readable_from()
        return version >= first or version in kept

    def commit(self, version: int) -> Commit | None:
        """What that version's commit says; None where its log entry is not there."""
        # Read from the entry itself: a history asked of an older version numbers the newest commits anew.
        try:
            with self.filesystem.open_input_file(f"{self.path}/_delta_log/{version:020}.json") as entry:
                lines = entry.read().decode().splitlines()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise LakeError(f"{self.table.name}: the log of version {version} cannot be read") from error
        told: dict[str, Any] = next(
            (line["commitInfo"] for line in map(json.loads, lines) if "commitInfo" in line), {}
        )
        ours = told.get(METADATA) or {}
        at = datetime.fromtimestamp(told.get("timestamp", 0) / 1000, UTC)
        return Commit(version, at, ours.get("run_id"), ours.get("cursor"))

    def create(self) -> Snapshot:
        """The table, created empty if it is not there. Only columns that are not personal get statistics."""
        if (snapshot := self.open()) is not None:
            return snapshot
        columns = [c.name for c in self.table.columns if not c.is_personal and not pa.types.is_nested(c.type)]
        settings = {
            "delta.dataSkippingStatsColumns": ",".join(name for name in columns if name != "day"),
            # How long earlier versions can be read is for maintenance to say, not for the writer.
            "delta.enableExpiredLogCleanup": "false",
        }
        partitions = ["day"] if self.table.is_daily else None
        try:
            DeltaTable.create(
                self.uri,
                self.table.schema,
                partition_by=partitions,
                configuration=settings,
                storage_options=self._options,
                # Of two that create it at once one wins; tried again, the other would put its own on top.
                commit_properties=CommitProperties(max_commit_retries=0),
            )
        except (DeltaError, OSError) as error:
            if (snapshot := self.open()) is None:
                raise WriteFailed(f"{self.table.name}: could not be created ({in_words(error)})") from error
            return snapshot
        created = self.open()
        if created is None:
            raise WriteFailed(f"{self.table.name}: vanished after it was created")
        return created

    def write(
        self, day: date | None, content: DayState, version: int, batches: Iterable[pa.Table]
    ) -> DataFile:
        """Write one data file from batches in the table's order, to be committed as `version`. Nobody sees it
        before a commit names it."""
        schema = pa.schema([field for field in self.table.schema if field.name != "day" or day is None])
        state = replace(content, version=version)
        path = new_path(day, state)
        whole = f"{self.path}/{path}"
        with_statistics = [c.name for c in self.table.columns if not c.is_personal and c.name in schema.names]
        # Of numbers and times, a dictionary takes twice the time to write and more room than zstd without it.
        with_dictionary = [name for name in with_statistics if pa.types.is_string(schema.field(name).type)]
        try:
            self.filesystem.create_dir(whole.rpartition("/")[0], recursive=True)
            with (
                self.filesystem.open_output_stream(whole) as sink,
                pq.ParquetWriter(
                    sink,
                    schema,
                    compression="zstd",
                    compression_level=1,
                    write_statistics=with_statistics,
                    use_dictionary=with_dictionary,
                    store_schema=False,
                ) as writer,
            ):
                for batch in batches:
                    writer.write_table(batch.select(schema.names).combine_chunks())
            size = self.filesystem.get_file_info(whole).size
        except OSError as error:
            self.discard([path])
            where = f" on {day}" if day else ""
            raise WriteFailed(f"{self.table.name}: rows not written{where} ({in_words(error)})") from error
        return DataFile(path, day, size, state)

    def read(self, file: DataFile, names: Collection[str]) -> pa.Table:
        """Of these columns, those that the file has."""
        with self.filesystem.open_input_file(f"{self.path}/{file.path}") as source:
            parquet = pq.ParquetFile(source)
            stored = set(parquet.schema_arrow.names)
            return parquet.read(columns=[name for name in names if name in stored])

    def restamp(self, file: DataFile, version: int) -> DataFile:
        """Give a file that lost its commit to another writer the name of the next version."""
        state = replace(file.state, version=version)
        path = new_path(file.day, state)
        try:
            self.filesystem.move(f"{self.path}/{file.path}", f"{self.path}/{path}")
        except OSError as error:
            raise WriteFailed(
                f"{self.table.name}: a file could not be renamed ({in_words(error)})"
            ) from error
        return replace(file, path=path, state=state)

    def paths(self, folder: str = "") -> list[str]:
        """Files under a folder of the table, relative to the table; without a folder, all but the log's."""
        start = "/".join(filter(None, (self.path, folder)))
        found = self.filesystem.get_file_info(pafs.FileSelector(start, recursive=True, allow_not_found=True))
        names = [info.path for info in found if info.type == pafs.FileType.File]
        relative = sorted(name.removeprefix(f"{self.path}/" if self.path else "") for name in names)
        return [name for name in relative if folder or not name.startswith(f"{LOG}/")]

    def remove(self, paths: Iterable[str]) -> int:
        """Remove files that no reader of the newest version needs. Raises `WriteFailed` where one stays."""
        count = 0
        for path in paths:
            try:
                self.filesystem.delete_file(f"{self.path}/{path}")
            except FileNotFoundError:
                continue
            except OSError as error:
                raise WriteFailed(
                    f"{self.table.name}: a file could not be removed ({in_words(error)})"
                ) from error
            count += 1
        return count

    def active_paths(self) -> set[str]:
        """The files that the newest version names."""
        snapshot = self.open()
        return set() if snapshot is None else {file.path for file in snapshot.files.values()}

    def discard(self, paths: Iterable[str]) -> None:
        """Remove those of the files that no commit names. What cannot be removed is left to maintenance."""
        with contextlib.suppress(LakeError):
            for path in set(paths) - self.active_paths():
                with contextlib.suppress(OSError):
                    self.filesystem.delete_file(f"{self.path}/{path}")
