"""From the raw rows of a page to `Record`s: key and time are read, the rest stays the vendor's own bytes.

The envelope of a page is decoded with its rows as `msgspec.Raw`; of each row only the fields of a small key
struct are decoded (about three times faster than decoding everything, and the bytes stay exact). A row that
cannot be used becomes a `BadRecord`. Which envelope, which key and which time is in the vendor's file.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Generic, TypeVar

import msgspec

from connectors.base import BadRecord, Page, Record, Window
from connectors.decoding import has_half_surrogate, shape_error
from connectors.times import utc

K = TypeVar("K")

_NUL = re.compile(rb"\\\\|(?P<nul>\\u0000)")
_UNUSABLE_IN_TEXT = re.compile(r"[\x00\ud800-\udfff]")
_FIELD_NAME = re.compile(r"[A-Za-z_][\w-]{0,60}")
_LONGEST_KEY = 512


class RowReader(Generic[K]):
    """Reads the rows of one stream.

    `keys`: a msgspec Struct of the fields that `key` and `time` need. `key` joins the primary key with
    `joined`; `time` gives the record's time in UTC, or None. Both may raise ValueError: the row is then
    bad, for that reason, in the field "key" or "time"; `FieldError` names the vendor's own field.
    """

    def __init__(
        self, keys: type[K], key: Callable[[K], str], time: Callable[[K], datetime | None] | None = None
    ) -> None:
        self._decoder = msgspec.json.Decoder(keys)
        self._key = key
        self._time = time

    def page(
        self,
        rows: Iterable[msgspec.Raw | bytes],
        window: Window | None = None,
        *,
        cursor: str | None = None,
    ) -> Page:
        """Split rows into records and bad records; with a window, rows outside it are only counted."""
        page = Page([], cursor=cursor)
        decode, key, time, keep = self._decoder.decode, self._key, self._time, page.records.append
        for body in map(bytes, rows):
            reading = "$"
            try:
                fields = decode(body)
                reading = "time"
                moment = time(fields) if time else None
                if window is not None and moment is not None and moment not in window:
                    page.skipped += 1
                    continue
                reading = "key"
                record = Record(key(fields), moment, body)
            except ValueError as error:
                page.bad.append(_bad(body, error, reading))
                continue
            if not body.isascii() or (b"\\" in body and b"\\u0000" in body):
                bad = _bad_text(record)
                if bad is not None:
                    page.bad.append(bad)
                    continue
            keep(record)
        return page


def joined(*parts: str | int) -> str:
    """A record's key from its parts. Raises ValueError for a part that cannot name anything."""
    key = ":".join([str(part) for part in parts])
    if "" in parts or len(key) > _LONGEST_KEY or not key.isprintable():
        raise ValueError("unusable id")
    return key


class FieldError(ValueError):
    """A row cannot be used because of one field, whose path is `field`."""

    def __init__(self, reason: str, field: str) -> None:
        super().__init__(reason)
        self.field = field


def time_of(value: str | int | float | None, field: str) -> datetime:
    """The time in a row's field, read by `times.utc`. Raises `FieldError` where it is absent or unclear."""
    if value is None or value == "":
        raise FieldError("a required time is missing", f"$.{field}")
    try:
        return utc(value)
    except ValueError as error:
        reason = str(error)
    raise FieldError(reason, f"$.{field}")


def with_fields(row: msgspec.Raw | bytes, fields: Mapping[str, Any]) -> bytes:
    """The row, a JSON object, with fields of ours behind its own, whose bytes stay. Other JSON: as it is."""
    body = bytes(row).strip()
    if not fields or body[:1] != b"{" or body[-1:] != b"}":
        return body
    head = body[:-1].rstrip()
    return head + (b"" if head == b"{" else b",") + msgspec.json.encode(fields)[1:]


def _bad(body: bytes, error: ValueError, reading: str) -> BadRecord:
    if isinstance(error, msgspec.ValidationError):
        reason, path = shape_error(error)
        return BadRecord(reason, path, body)
    if isinstance(error, msgspec.DecodeError):
        if has_half_surrogate(body):
            return BadRecord("half a surrogate pair in a text", _path_of_bad_text(body), body)
        return BadRecord("not JSON", "$", body)
    return BadRecord(str(error), getattr(error, "field", reading), body)


def _bad_text(record: Record) -> BadRecord | None:
    try:
        record.body.decode()
    except UnicodeDecodeError:
        return BadRecord("not UTF-8", _path_of_bad_text(record.body), record.body, record.key)
    if b"\\u0000" in record.body and any(found["nul"] for found in _NUL.finditer(record.body)):
        return BadRecord("NUL in a text", _path_of_bad_text(record.body), record.body, record.key)
    return None


def _path_of_bad_text(body: bytes) -> str:
    """The path of the first text with NUL, half a surrogate pair, or bytes that are not UTF-8."""
    try:
        value = json.loads(body.decode("utf-8", "surrogateescape"))
    except (ValueError, RecursionError):
        return "$"
    return _first_bad_path(value, "$") or "$"


def _first_bad_path(value: Any, path: str) -> str | None:
    if isinstance(value, str):
        return path if _UNUSABLE_IN_TEXT.search(value) else None
    children: Iterable[tuple[str, Any]] = ()
    if isinstance(value, dict):
        # A name that is data (an address as a key, say) is not repeated.
        names = ((f".{name}" if _FIELD_NAME.fullmatch(name) else "[...]", value[name]) for name in value)
        children = ((f"{path}{name}", item) for name, item in names)
    elif isinstance(value, list):
        children = ((f"{path}[{index}]", item) for index, item in enumerate(value))
    return next((found for name, item in children if (found := _first_bad_path(item, name))), None)
