"""Which days a daily run reads, and how far back it begins: late rows, and days that never arrived.

A machine that was off, or a vendor that was down for longer than a lookback, leaves days out. The next daily
run begins at the first of them, so that nobody has to notice. No Dagster here.
"""

from collections.abc import Collection, Container, Iterable, Sequence
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
    begins = [last - timedelta(days=lookback_days)]
    for stream in streams:
        missing = gaps(stream.days, last, start=start)
        begins += [day - timedelta(days=stream.lookback_days) for day in missing[:1]]
    return max(min(begins), start)


def gaps(arrived: Collection[date], last: date, *, start: date) -> list[date]:
    """The days up to `last` that are missing after the first one that arrived, in order."""
    known = [day for day in arrived if day <= last]
    if not known:
        return []
    first = max(min(known), start, last - timedelta(days=LONGEST_DAYS))
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    return [day for day in days if day not in arrived]


def days_that_spill(days: Iterable[date], arrived: Container[date], spill_days: int) -> list[date]:
    """The `days` of a backfill, in order, with those before them that are in and of which records are listed
    under the days of the backfill."""
    before = {day - timedelta(days=n) for day in days for n in range(1, spill_days + 1)}
    return sorted({*days, *(day for day in before if day in arrived)})


def days_to_read(days: Sequence[date], arrived: Container[date], lookback_days: int) -> list[date]:
    """Of the `days` of a daily run, in order, those that a stream is asked for: what never arrived, the last
    ones, to which late rows may still come, and those before a gap, to which late rows came meanwhile."""
    late = timedelta(days=lookback_days)
    missing = [day for day in days if day not in arrived]
    wanted = {*missing, *(day for day in days if day >= days[-1] - late)}
    for gap in missing:
        wanted.update(day for day in days if gap - late <= day < gap)
    return sorted(wanted)
