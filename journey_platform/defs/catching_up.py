"""Which days a daily run reads, and how far back it begins: late rows, and days that never arrived.

A machine that was off, or a vendor that was down for longer than a lookback, leaves days out. The next daily
run begins at the first of them, so that nobody has to notice. No Dagster here.
"""

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

# A day that is missing for longer is a source's trouble that stays; it is named by coverage and alerts, and
# asked for by a backfill.
LONGEST_DAYS = 92


@dataclass(frozen=True)
class Arrived:
    """A stream of events: the days that arrived, rows or none, and how long late rows may come."""

    days: frozenset[date]
    lookback_days: int


def first_day(streams: Iterable[Arrived], last: date, *, lookback_days: int, start: date) -> date:
    """Where the run that ends with `last` begins: `lookback_days` before, or where a stream lacks a day.

    A stream that never arrived asks for nothing: its history is read by a backfill. Never before `start`.
    """
    horizon = max(start, last - timedelta(days=LONGEST_DAYS))
    begins = [last - timedelta(days=lookback_days)]
    for stream in streams:
        known = [day for day in stream.days if day <= last]
        if not known:
            continue
        first = max(min(known), horizon)
        missing = (first + timedelta(days=n) for n in range((last - first).days + 1))
        gap = next((day for day in missing if day not in stream.days), None)
        if gap is not None:
            begins.append(gap - timedelta(days=stream.lookback_days))
    return max(min(begins), start)


def days_to_read(days: Sequence[date], arrived: Container[date], lookback_days: int) -> list[date]:
    """Of the `days` of a daily run, in order, those that a stream is asked for: what never arrived, the last
    ones, to which late rows may still come, and those before a gap, to which late rows came meanwhile."""
    late = timedelta(days=lookback_days)
    missing = [day for day in days if day not in arrived]
    wanted = {*missing, *(day for day in days if day >= days[-1] - late)}
    for gap in missing:
        wanted.update(day for day in days if gap - late <= day < gap)
    return sorted(wanted)
