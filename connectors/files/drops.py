"""The connector of dropped files: the feeds that the folder's declaration names are its streams.

A feed is read when all of its files are whole: not changed in the last seconds, not while they are read, and
none that ends early. Until then nothing of it lands, and what landed before stays. Names that begin with "."
or "_", or end as half-written files do, are no drops: write under such a name and rename.

Files are read in the order of their names, so that of two rows with one key the one in the last file counts.
A file's own name and lines are no part of a record: dropped twice under two names, it is the same records.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from connectors.base import BadRecord, Connector, Page, Record, Stream, StreamKind, Window
from connectors.clock import SYSTEM_CLOCK, Clock
from connectors.config import setting
from connectors.errors import ConfigurationError, NotFound, Truncated
from connectors.files.cells import Value, read_back, readers, typed
from connectors.files.declaration import Declared, Feed, declared
from connectors.files.tables import Broken, Row, rows
from connectors.records import joined

_PAGE_ROWS = 5_000
_SETTLE_S = 5.0
_HALF_WRITTEN = (".part", ".partial", ".filepart", ".tmp", ".crdownload", ".swp")


@dataclass(frozen=True, slots=True)
class FilesConfig:
    """Where files are dropped."""

    folder: str = setting("JOURNEY_FILES", "folder of dropped files, with the files.yaml that declares them")


class _Unusable(ValueError):  # noqa: N818 - a statement about data
    """A row that gives no record, and the column it is about."""

    def __init__(self, reason: str, column: str) -> None:
        super().__init__(reason)
        self.column = column


class FileDrops(Connector):
    """Reads the files of a folder. Made by `of_folder`, which knows the feeds."""

    area: ClassVar[str] = "files"
    vendor: ClassVar[str] = "files"
    config_class: ClassVar[type[Any]] = FilesConfig
    streams: ClassVar[tuple[Stream, ...]] = ()

    def __init__(self, config: FilesConfig, clock: Clock = SYSTEM_CLOCK) -> None:
        self._declared: Declared = declared(config.folder)
        self._clock = clock

    def check(self) -> None:
        """Say whether the folder can be listed."""
        try:
            next(self._declared.folder.iterdir(), None)
        except OSError as error:
            raise NotFound(f"the folder cannot be read: {error.strerror}", where=self.vendor) from None

    def read(self, stream: str, window: Window, cursor: str | None = None) -> Iterator[Page]:
        """Every record of the feed's files; of events, those of the window."""
        del cursor  # a folder is always read whole
        feed = self._feed(stream)
        for file in self.files(stream):
            yield from _pages(_Reading(file, feed, self._clock, self._name(stream)), window)

    def files(self, stream: str) -> list[Path]:
        """The files of a feed, in the order they are read."""
        folder = self._declared.folder
        found = [
            path
            for path in folder.glob(self._feed(stream).files)
            if path.is_file()
            and not path.name.startswith((".", "_"))
            and not path.name.lower().endswith(_HALF_WRITTEN)
            and not (path.parent == folder and path.name == self._declared.file)
        ]
        return sorted(found, key=self.relative)

    def relative(self, file: Path) -> str:
        """A file's name below the folder."""
        return file.relative_to(self._declared.folder).as_posix()

    def span(self, stream: str, file: Path) -> tuple[datetime, datetime] | None:
        """The first and last moment of a file of events; None where no row has a usable time."""
        feed = self._feed(stream)
        reading = _Reading(file, feed, self._clock, self._name(stream))
        moments = [moment for _, row in reading if (moment := reading.moment(row)) is not None]
        return (min(moments), max(moments)) if moments else None

    def _feed(self, stream: str) -> Feed:
        if stream not in self._declared.feeds:
            known = ", ".join(self._declared.feeds)
            raise ConfigurationError(f"no feed {stream!r}; declared are: {known}", where=self.vendor)
        return self._declared.feeds[stream]

    def _name(self, stream: str) -> str:
        return f"{self.vendor}/{stream}"


def of_folder(folder: str) -> type[FileDrops]:
    """The connector class whose streams are the feeds declared in a folder. Raises `ConfigurationError`."""
    streams = tuple(_stream(name, feed) for name, feed in declared(folder).feeds.items())
    return type("FileDrops", (FileDrops,), {"streams": streams, "__doc__": FileDrops.__doc__})


def _stream(name: str, feed: Feed) -> Stream:
    is_event = feed.kind == "event"
    return Stream(
        name,
        StreamKind.EVENT if is_event else StreamKind.ENTITY,
        feed.grain or f"row of the files {feed.files}",
        feed.key or ("content",),
        is_replayable=is_event,
        personal_fields=feed.personal,
    )


class _Reading:
    """One file of a feed, whole, as (line, row). Waits until the file has rested."""

    def __init__(self, path: Path, feed: Feed, clock: Clock, where: str) -> None:
        self.path, self.feed, self.name, self.where = path, feed, path.name, where
        self._clock = clock
        self._readers = readers(feed.notation)

    def __iter__(self) -> Iterator[tuple[int, Row]]:
        before = self._rested()
        yield from rows(self.path, self.name, self.feed, self.where)
        if self._state() != before:
            raise Truncated(f"{self.name} changed while it was read", where=self.where)

    def moment(self, row: Row) -> datetime | None:
        """When the row's event was; None where it cannot be told."""
        if isinstance(row, Broken) or self.feed.time is None:
            return None
        try:
            text = self.value(row, self.feed.time)
        except _Unusable:
            return None
        return read_back(text) if isinstance(text, str) else None

    def value(self, row: Any, column: str) -> Value:
        """What a cell says; None for nothing. Raises `_Unusable`."""
        cell, kind = row[column], self.feed.type_of(column)
        try:
            if not isinstance(cell, str):
                return typed(cell, kind, self.feed.notation)
            text = cell.strip()
            if "\x00" in text:
                raise ValueError("NUL in a text")
            if not text.isascii():
                text.encode()
            return self._readers[kind](text) if text else None
        except UnicodeEncodeError:
            reason = "not in the declared encoding"
        except ValueError as error:
            reason = str(error)
        raise _Unusable(reason, column)

    def _rested(self) -> tuple[int, int]:
        state = self._state()
        age_s = self._clock.now().timestamp() - state[1] / 1e9
        if 0 <= age_s < _SETTLE_S:
            self._clock.sleep(_SETTLE_S - age_s)
            if self._state() != state:
                raise Truncated(f"{self.name} is still being written", where=self.where)
        return state

    def _state(self) -> tuple[int, int]:
        try:
            found = self.path.stat()
        except OSError:
            raise Truncated(f"{self.name} went away while it was read", where=self.where) from None
        return found.st_size, found.st_mtime_ns


def _pages(reading: _Reading, window: Window) -> Iterator[Page]:
    page = Page([])
    seen: Counter[str] = Counter()
    is_event = reading.feed.kind == "event"
    for line, row in reading:
        try:
            if isinstance(row, Broken):
                raise _Unusable(row.reason, "")
            moment = reading.moment(row)
            if is_event and moment is not None and moment not in window:
                page.skipped += 1
                continue
            page.records.append(_record(reading, row, moment, seen))
        except _Unusable as why:
            page.bad.append(_bad(reading, line, row, why))
        if len(page.records) + len(page.bad) >= _PAGE_ROWS:
            yield page
            page = Page([])
    yield page


def _record(reading: _Reading, row: Any, moment: datetime | None, seen: Counter[str]) -> Record:
    feed = reading.feed
    values = {column: reading.value(row, column) for column in sorted(row)}
    if feed.kind == "event" and moment is None:
        raise _Unusable("a required time is missing", feed.time or "")
    body = msgspec.json.encode(values)
    if not feed.key:
        digest = hashlib.sha256(body).hexdigest()[:32]
        seen[digest] += 1
        return Record(joined(digest, seen[digest]), moment, body)
    parts = []
    for column in feed.key:
        value = values[column]
        if not isinstance(value, str | int | float):
            raise _Unusable("a part of the key is missing", column)
        parts.append(str(value))
    try:
        return Record(joined(*parts), moment, body)
    except ValueError as error:
        raise _Unusable(str(error), ", ".join(feed.key)) from None


def _bad(reading: _Reading, line: int, row: Row, why: _Unusable) -> BadRecord:
    """The row as it stands in the file, with its place: nothing of it is lost."""
    shown: Any = row.cells if isinstance(row, Broken) else dict(row)
    body = {"file": reading.name, "line": line, "row": shown}
    safe = msgspec.json.encode(_printable(body), enc_hook=str)
    return BadRecord(str(why), why.column or "row", safe, f"{reading.name}:{line}")


def _printable(value: Any) -> Any:
    """The same with bytes that are no text written as escapes."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_printable(name): _printable(item) for name, item in value.items()}
    return [_printable(item) for item in value] if isinstance(value, list) else value
