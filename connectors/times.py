"""The times that vendors write, as aware UTC datetimes, and the local days in which they count.

Eight forms: `Z`; `+00:00` or another offset; no zone (UTC, or a zone that the caller names); a space instead
of the T; RFC 1123 with UTC, GMT or an offset; epoch seconds whole, with a fraction, or as text. What is none
of them is a ValueError, never a guess.
"""

import math
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from email.utils import parsedate_to_datetime

from connectors.base import Window

# 2100: a number beyond it is not epoch seconds (milliseconds, say).
_EPOCH_END_S = 4_102_444_800.0


def utc(value: str | int | float, zone: tzinfo = UTC) -> datetime:
    """The moment that `value` names; a text without a zone is read in `zone`.

    Raises ValueError, whose message does not repeat the value.
    """
    if not isinstance(value, str):
        return _from_epoch(value)
    text = value.strip()
    moment = (_from_iso(text) if "-" in text else _from_number(text)) or _from_rfc(text)
    if moment is None:
        raise ValueError("not a time")
    try:
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    except OverflowError:
        raise ValueError("not a time of the calendar") from None


def local_days(window: Window, zone: tzinfo, *, and_one: bool = False) -> Iterator[date]:
    """The local days that the window touches; `and_one`: and the day after them."""
    day = window.start.astimezone(zone).date()
    last = (window.end - timedelta(microseconds=1)).astimezone(zone).date() + timedelta(days=and_one)
    while day <= last:
        yield day
        day += timedelta(days=1)


def day_start(day: date, zone: tzinfo) -> datetime:
    """The moment at which a local day begins, in UTC."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _from_epoch(seconds: float) -> datetime:
    if not math.isfinite(seconds) or not 0 <= seconds < _EPOCH_END_S:
        raise ValueError("not epoch seconds")
    return datetime.fromtimestamp(seconds, UTC)


def _from_number(text: str) -> datetime | None:
    if not text.replace(".", "", 1).isdecimal():
        return None
    return _from_epoch(float(text))


def _from_iso(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _from_rfc(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
