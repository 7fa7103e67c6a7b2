"""One file as rows: delimited text by the standard library, Parquet by pyarrow, imported when it is needed.

A file that stops early is `Truncated`, one that is no table at all `UnexpectedResponse`; a row that cannot be
split into its columns comes out as `Broken`. What a cell says is in `cells`.
"""

import csv
import gzip
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from connectors.errors import Truncated, UnexpectedResponse
from connectors.files.declaration import PARQUET, Feed

_ROWS_PER_BATCH = 5_000
_LINE_ENDS = ("\n", "\r")


@dataclass(frozen=True, slots=True)
class Broken:
    """A row that is no row, why, and what there is of it."""

    reason: str
    cells: list[str]


Row = Mapping[str, Any] | Broken


def rows(path: Path, name: str, feed: Feed, where: str) -> Iterator[tuple[int, Row]]:
    """(line, row) of a file: the line of a text on which the row ends, or the number of a Parquet row."""
    if path.suffix.lower() in PARQUET:
        yield from _parquet(path, name, feed, where)
    else:
        yield from _text(path, name, feed, where)


def _needed(feed: Feed) -> list[str]:
    """Columns that a file must have to be read at all."""
    return list(dict.fromkeys([*feed.key, *([feed.time] if feed.time else []), *feed.columns]))


def _check_header(header: list[str], name: str, feed: Feed, where: str) -> None:
    twice = sorted({column for column in header if header.count(column) > 1})
    missing = [column for column in _needed(feed) if column not in header]
    if twice:
        raise UnexpectedResponse(f"{name}: the header names {', '.join(twice)} twice", where=where)
    if missing:
        raise UnexpectedResponse(f"{name}: the header has no {', '.join(missing)}", where=where)


class _Watched:
    """The lines of a text, remembering whether the last one was whole."""

    def __init__(self, lines: IO[str]) -> None:
        self._lines = lines
        self.is_whole = True

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self.is_whole = line.endswith(_LINE_ENDS)
            yield line


def _text(path: Path, name: str, feed: Feed, where: str) -> Iterator[tuple[int, Row]]:
    notation = feed.notation
    encoding = "utf-8-sig" if notation.encoding.lower().replace("_", "-") in {"utf-8", "utf8"} else None
    try:
        with (
            gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as packed,
            io.TextIOWrapper(
                packed,
                encoding or notation.encoding,
                errors="surrogateescape",
                newline="",
            ) as text,
        ):
            lines = _Watched(text)
            reader = csv.reader(
                lines,
                delimiter=notation.delimiter,
                quotechar=notation.quote or None,
                quoting=csv.QUOTE_MINIMAL if notation.quote else csv.QUOTE_NONE,
                strict=True,
            )
            yield from _split(reader, lines, name, feed, where)
    except EOFError:
        raise Truncated(f"{name}: the packed file ends early", where=where) from None
    except (gzip.BadGzipFile, UnicodeError):
        raise UnexpectedResponse(f"{name}: not a file of the declared encoding", where=where) from None


def _split(reader: Any, lines: _Watched, name: str, feed: Feed, where: str) -> Iterator[tuple[int, Row]]:
    header = list(feed.notation.header)
    if header:
        _check_header(header, name, feed, where)
    waiting: tuple[int, list[str]] | None = None
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            line = reader.line_num
            if "unexpected end of data" in str(error):
                raise Truncated(f"{name} line {line}: the file ends in a quote", where=where) from None
            if not header:
                raise UnexpectedResponse(f"{name}: {error} in the header", where=where) from None
            yield line, Broken(str(error), [])
            continue
        if not header:
            header = [cell.strip() for cell in cells]
            if header:
                _check_header(header, name, feed, where)
            continue
        if waiting:
            yield waiting[0], _row(header, waiting[1])
        waiting = (reader.line_num, cells) if cells else None
    if waiting:
        if len(waiting[1]) < len(header) and not lines.is_whole:
            raise Truncated(f"{name} line {waiting[0]}: the file ends within a row", where=where)
        yield waiting[0], _row(header, waiting[1])


def _row(header: list[str], cells: list[str]) -> Row:
    if len(cells) != len(header):
        return Broken(f"{len(cells)} fields where the header has {len(header)}", cells)
    return dict(zip(header, cells, strict=True))


def _parquet(path: Path, name: str, feed: Feed, where: str) -> Iterator[tuple[int, Row]]:
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile

    try:
        with ParquetFile(path) as file:
            _check_header(file.schema_arrow.names, name, feed, where)
            number = 0
            for batch in file.iter_batches(_ROWS_PER_BATCH):
                for row in _in_microseconds(batch).to_pylist():
                    number += 1
                    yield number, row
    except pa.ArrowInvalid:
        raise Truncated(f"{name}: not a whole Parquet file", where=where) from None


def _in_microseconds(batch: Any) -> Any:
    """Times of nanoseconds would come as objects of pandas."""
    import pyarrow as pa

    fields = [
        field.with_type(pa.timestamp("us", field.type.tz)) if pa.types.is_timestamp(field.type) else field
        for field in batch.schema
    ]
    return pa.Table.from_batches([batch]).cast(pa.schema(fields), safe=False)
