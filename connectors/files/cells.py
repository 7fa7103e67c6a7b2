"""One value of a file: what its text says, by the feed's notation.

A text that is not what its column is declared to be is a ValueError, whose message does not repeat it.
"""

import math
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from connectors.files.declaration import ColumnType, Notation
from connectors.times import utc

Value = str | int | float | bool | None | list[Any] | dict[str, Any]

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_SWAPPED = str.maketrans(".,", ",.")
_WORDS = {"true": True, "yes": True, "1": True, "y": True, "t": True}
_WORDS |= {"false": False, "no": False, "0": False, "n": False, "f": False}


def readers(notation: Notation) -> dict[ColumnType, Callable[[str], Value]]:
    """How a text of each type of column is read. Blank text never gets there: it says nothing."""
    zone = ZoneInfo(notation.zone)
    mark, point = re.escape(notation.thousands), re.escape(notation.decimal)
    grouped = re.compile(rf"[+-]?\d{{1,3}}({mark}\d{{3}})+({point}\d*)?") if mark else None

    def moment(text: str) -> Value:
        return written(_moment(text, notation.times, zone))

    def number(text: str) -> Value:
        plain = text.replace("\u00a0", " ")
        if grouped is not None and grouped.fullmatch(plain):
            plain = plain.replace(notation.thousands, "")
        if notation.decimal == ",":
            plain = plain.translate(_SWAPPED)
        if not _NUMBER.fullmatch(plain):
            raise ValueError("not a number")
        return int(plain) if plain.lstrip("+-").isdecimal() and len(plain) < 16 else float(plain)

    return {"text": str, "number": number, "time": moment, "boolean": _boolean}


def typed(value: Any, kind: ColumnType, notation: Notation) -> Value:
    """A value that comes with a type of its own (Parquet), as JSON has it."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, datetime):
        return written(value if value.tzinfo else value.replace(tzinfo=ZoneInfo(notation.zone)))
    if kind == "time" and isinstance(value, int | float):
        return written(utc(value))
    if kind == "time" and isinstance(value, date):
        return written(datetime.combine(value, time(), ZoneInfo(notation.zone)))
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    return value  # type: ignore[no-any-return]


def written(moment: datetime) -> str:
    """A time as JSON has it: ISO 8601 in UTC."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def read_back(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _moment(text: str, formats: tuple[str, ...], zone: ZoneInfo) -> datetime:
    for form in formats:
        try:
            moment = datetime.strptime(text, form)  # noqa: DTZ007 - the zone follows
        except ValueError:
            continue
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    if formats:
        raise ValueError("not a time in a declared format")
    return utc(text, zone)


def _boolean(text: str) -> Value:
    try:
        return _WORDS[text.lower()]
    except KeyError:
        raise ValueError("neither true nor false") from None
