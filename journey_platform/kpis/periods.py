"""Periods of days: days, weeks that begin on Monday, months. All are local days of the reporting zone."""

from collections.abc import Iterable
from datetime import date, timedelta

from journey_platform.kpis.definition import Period

_DAY = timedelta(days=1)


def start_of(day: date, period: Period) -> date:
    """The day on which the period that holds `day` begins; its values stand on it."""
    if period == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if period == "month" else day


def end_of(day: date, period: Period) -> date:
    """The first day after the period that holds `day`."""
    start = start_of(day, period)
    if period == "week":
        return start + timedelta(days=7)
    return start_of(start + timedelta(days=31), "month") if period == "month" else start + _DAY


def periods_touched(days: Iterable[date], period: Period) -> list[date]:
    """The first days of the periods in which `days` lie, sorted: where values have to be written."""
    return sorted({start_of(day, period) for day in days})


def days_of(starts: Iterable[date], period: Period) -> list[date]:
    """Every day of the periods that begin on `starts`, sorted: what has to be read to value them."""
    return sorted({start + n * _DAY for start in starts for n in range((end_of(start, period) - start).days)})
