"""Where the records of a pull wait until it is complete: bodies in an unnamed file, the rest in memory.

Memory does not grow with the bodies: about 50 bytes a record stay, for its key, time and place. The file has
no name, so a killed process leaves nothing behind.
"""

import hashlib
import mmap
import os
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from journey_platform.days import as_day, local_days
from journey_platform.lake import DayContent, Lake, WriteFailed
from journey_platform.tables import UTC_MICROSECONDS, Table

# A row group, and what is in memory at a time, holds about this many bytes of rows.
_ROW_GROUP_BYTES = 2 * 1024 * 1024
_ROW_BYTES = 64
# Linux takes no more at once.
_BUFFERS_PER_WRITE = 1024


class Record(Protocol):
    """What is used of a connector's record."""

    key: str
    time: datetime | None
    body: bytes


@dataclass(frozen=True, slots=True)
class Refused:
    """A record that cannot be stored, why, and the field it is about."""

    record: Record
    reason: str
    field: str


class Staging:
    """Records of one pull, added page by page. `needs_time`: a record without a time cannot be placed."""

    def __init__(self, lake: Lake, *, needs_time: bool) -> None:
        folder = None if "://" in lake.root else Path(lake.root)
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 - closed by __exit__
        self._needs_time = needs_time
        self._keys: list[pa.Array] = []
        self._times: list[pa.Array] = []
        self._lengths: list[Any] = []
        self._hashes: list[Any] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, records: Sequence[Record]) -> list[Refused]:
        """Stage records; those that cannot be stored are given back with their reason.

        Raises `WriteFailed` where the disk refuses the bytes.
        """
        bodies = [record.body for record in records]
        lengths = np.fromiter(map(len, bodies), np.int32, len(bodies))
        names = [record.key for record in records]
        times = pa.array([record.time for record in records], UTC_MICROSECONDS)
        try:
            keys = pa.array(names, pa.string())
            if not all(map(bytes.isascii, bodies)):
                pa.array(bodies, pa.binary()).cast(pa.string())
            is_storable = not (self._needs_time and times.null_count)
        except (UnicodeEncodeError, pa.ArrowInvalid):
            is_storable = False
        if not is_storable:
            refused = [Refused(record, *why) for record in records if (why := self._why_refused(record))]
            self.add([record for record in records if not self._why_refused(record)])
            return refused
        try:
            written = sum(
                os.writev(self._file.fileno(), bodies[start : start + _BUFFERS_PER_WRITE])
                for start in range(0, len(bodies), _BUFFERS_PER_WRITE)
            )
        except OSError as error:
            raise WriteFailed("records could not be staged: the disk refuses them") from error
        if written != lengths.sum():
            raise WriteFailed("records could not be staged: the disk is full")
        self._keys.append(keys)
        self._times.append(times)
        self._lengths.append(lengths)
        self._hashes.append(np.fromiter(map(hash, names), np.int64, len(names)))
        return []

    def _why_refused(self, record: Record) -> tuple[str, str] | None:
        if self._needs_time and record.time is None:
            return "no time", "time"
        try:
            field = "key"
            record.key.encode()
            field = "$"
            record.body.decode()
        except UnicodeError:
            return "not UTF-8", field
        return None

    def rows(self, table: Table, zone: str, extracted_at: datetime) -> "StagedRows":
        """What was added, as rows of `table`. A record without a time gets `extracted_at`."""
        keys = pa.chunked_array(self._keys, pa.string()).combine_chunks()
        times = pa.chunked_array(self._times, UTC_MICROSECONDS).combine_chunks()
        lengths = np.concatenate([np.zeros(0, np.int32), *self._lengths])
        hashes = np.concatenate([np.zeros(0, np.int64), *self._hashes])
        return StagedRows(table, zone, extracted_at, keys, times, hashes, lengths, self._file.fileno())


class StagedRows:
    """Rows by position, in the order of arrival, with their `days` (day numbers); `is_timed` says which came
    with a time."""

    def __init__(
        self,
        table: Table,
        zone: str,
        extracted_at: datetime,
        keys: pa.Array,
        times: pa.Array,
        hashes: Any,
        lengths: Any,
        file: int,
    ) -> None:
        self._table = table
        self._extracted_at = pa.scalar(extracted_at, UTC_MICROSECONDS)
        self.keys = keys
        self.is_timed = np.asarray(times.is_valid())
        self.times = times.fill_null(self._extracted_at)
        self.days = local_days(np.asarray(self.times.view(pa.int64())), zone)
        self._hashes = hashes
        self._lengths = lengths
        self._offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)])
        size = int(self._offsets[-1])
        self._map = mmap.mmap(file, size, prot=mmap.PROT_READ) if size else None
        buffers = [None, pa.py_buffer(self._offsets), pa.py_buffer(self._map or b"")]
        self._bodies = pa.Array.from_buffers(pa.large_binary(), len(lengths), buffers)

    def __len__(self) -> int:
        return len(self._lengths)

    def body(self, position: int) -> bytes:
        """One body."""
        return bytes(self._bodies[int(position)].as_py())

    def digest(self, position: int) -> bytes:
        """SHA-256 of one body."""
        return hashlib.sha256(self.body(position)).digest()

    def repeated(self, positions: Any) -> Any:
        """Those of the positions whose key occurs more than once among them, in the same order."""
        hashes = self._hashes[positions]
        ordered = np.sort(hashes)
        again = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
        suspects = positions[np.isin(hashes, again)] if len(again) else positions[:0]
        keys = self.keys.take(pa.array(suspects)).to_pylist()
        counts = Counter(keys)
        return suspects[np.fromiter((counts[key] > 1 for key in keys), bool, len(keys))]

    def in_order(self, positions: Any) -> Any:
        """The positions in the order of the table: by day, key, time and body."""
        by_day = positions[np.argsort(self.days[positions], kind="stable")]
        return np.concatenate([by_day[:0], *map(self._day_in_order, self.by_day(by_day).values())])

    def _day_in_order(self, positions: Any) -> Any:
        where = pa.array(positions)
        rows = pa.table([self.keys.take(where), self.times.take(where)], ["key", "time"])
        order = pc.sort_indices(rows, sort_keys=[("key", "ascending"), ("time", "ascending")])
        rows, positions = rows.take(order), positions[np.asarray(order)]
        is_tied = np.ones(max(len(positions) - 1, 0), bool)
        for column in rows.columns:
            is_tied &= np.asarray(pc.equal(column[1:], column[:-1]))
        for start, end in _runs(is_tied):
            positions[start:end] = sorted(positions[start:end], key=self.body)
        return positions

    def batches(self, positions: Any, most_bytes: int) -> Iterator[Any]:
        """Cut positions into parts of about `most_bytes`: borders follow from the rows, not from arrival."""
        if len(positions):
            part = np.cumsum(self._lengths[positions] + _ROW_BYTES, dtype=np.int64) // most_bytes
            yield from np.split(positions, np.flatnonzero(np.diff(part)) + 1)

    def take(self, positions: Any) -> pa.Table:
        """The rows at some positions, with the table's schema."""
        where = pa.array(positions)
        count = len(positions)
        offsets = np.zeros(count + 1, np.int32)
        np.cumsum(self._lengths[positions], out=offsets[1:])
        characters = self._bodies.take(where).buffers()[2] if count else None
        if self._map is not None:
            # Pages of the file that were looked at would count as this process's memory.
            self._map.madvise(mmap.MADV_DONTNEED)
        columns = {
            "day": pa.array(self.days[positions], pa.int32()).view(pa.date32()),
            "record_key": self.keys.take(where),
            "occurred_at": self.times.take(where),
            "extracted_at": pa.repeat(self._extracted_at, count),
            "body": pa.StringArray.from_buffers(count, pa.py_buffer(offsets), characters),
        }
        return pa.table([columns[name] for name in self._table.schema.names], schema=self._table.schema)

    def by_day(self, ordered: Any) -> dict[date, Any]:
        """Ordered positions of each day."""
        borders = np.flatnonzero(np.diff(self.days[ordered])) + 1
        parts = np.split(ordered, borders) if len(ordered) else []
        return {as_day(self.days[part[0]]): part for part in parts}

    def content(self, ordered: Any) -> DayContent:
        """The rows at ordered positions of one day, read from the file as often as they are needed."""
        return DayContent(
            self._table, len(ordered), lambda: map(self.take, self.batches(ordered, _ROW_GROUP_BYTES))
        )


def _runs(is_tied: Any) -> Iterator[tuple[int, int]]:
    """[start, end) of rows that are tied with their neighbour."""
    edges = np.diff(np.concatenate([[False], is_tied, [False]]).astype(np.int8))
    for start, end in zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True):
        yield int(start), int(end) + 1
