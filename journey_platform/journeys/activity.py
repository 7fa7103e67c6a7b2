"""Activity by period: stickiness, lifecycle, and churn with and without a contract.

The kernel says on which local days each unit was active; `activity_measures` counts. Definitions, for each
period that lies whole within the data:

* new: active and never before in the data. recurring: active in the period before too. resurrected: not in
  the one before, but earlier. dormant: active in the one before, not in this.
* active_days, at least k: share of the active units that were so on k or more days. stickiness: mean daily
  active units over active units (DAU/MAU where the period is a month).
* churn, without a contract: a unit lapses `lapse_days` after its last activity, if nothing happened until
  then. Of the customers at the begin of the period, those that lapse within it; who came later is not
  counted. Null before the data reach back `lapse_days`.
* contract_churn: of those with a contract at the begin, those whose contract ends within the period.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from journey_platform.days import day_number, local_days
from journey_platform.journeys.conditions import Condition
from journey_platform.journeys.history import History
from journey_platform.journeys.periods import first_day, numbers_of_days

_DAYS = pa.list_(pa.int64())
ACTIVE_DAYS = pa.schema([pa.field(name, _DAYS) for name in ("active", "started", "ended")])
"""One row per unit: the days since 1970, rising and each once, on which it was active, began and ended."""


def active_days(
    events: History,
    active: Condition,
    *,
    zone: str,
    until: int,
    started: Condition | None = None,
    ended: Condition | None = None,
) -> pa.Table:
    """Each unit's days, in `ACTIVE_DAYS`, from whole units."""
    day = local_days(events.at, zone).astype(np.int64)
    units = int(events.unit[-1]) + 1 if len(events) else 0
    columns = []
    for what in (active, started, ended):
        fits = (events.mask(what) if what else np.zeros(len(events), dtype=bool)) & (events.at < until)
        unit, days = events.unit[fits], day[fits]
        is_new = np.ones(len(unit), dtype=bool)
        is_new[1:] = (np.diff(unit) != 0) | (np.diff(days) != 0)
        lengths = np.bincount(unit[is_new], minlength=units)
        offsets = pa.array(np.append(0, np.cumsum(lengths)), pa.int32())
        columns.append(pa.ListArray.from_arrays(offsets, pa.array(days[is_new], pa.int64())))
    return pa.table(columns, schema=ACTIVE_DAYS)


def activity_measures(
    found: pa.Table, *, period: str, lapse_days: int, first: date, last: date, days: int
) -> list[dict[str, Any]]:
    """Per period and measure: period, measure, at_least, numerator, denominator, value. Periods that begin
    within the last `days` days."""
    owner, day = _flat(found, "active")
    number = numbers_of_days(day, period)
    begin = day_number(max(first, last - timedelta(days=days - 1)))
    rows: list[dict[str, Any]] = []
    for period_number in _whole_periods(period, begin, day_number(last) + 1):
        opens, closes = (day_number(first_day(period_number + n, period)) for n in (0, 1))
        told = _Told(first_day(period_number, period), rows)
        is_now = number == period_number
        now, before = np.unique(owner[is_now]), np.unique(owner[number == period_number - 1])
        ever = np.unique(owner[number < period_number])
        told.count("active", len(now))
        told.count("new", len(np.setdiff1d(now, ever)))
        told.count("recurring", len(np.intersect1d(now, before)))
        told.count("resurrected", len(np.setdiff1d(np.intersect1d(now, ever), before)))
        told.count("dormant", len(np.setdiff1d(before, now)))
        told.share("stickiness", int(is_now.sum()) / (closes - opens), len(now))
        active_on = np.bincount(owner[is_now])[now] if len(now) else np.zeros(0, dtype=np.int64)
        for least in range(1, min(closes - opens, 31) + 1) if period != "day" else ():
            told.share("active_days", int((active_on >= least).sum()), len(now), at_least=least)
        if opens >= day_number(first) + lapse_days:
            told.share("churn", *_lapsed(owner, day, opens, closes, lapse_days))
        if found["started"].combine_chunks().flatten():
            told.share("contract_churn", *_contracts_ended(found, opens, closes))
    return rows


class _Told:
    """Puts measures of one period into rows."""

    def __init__(self, period: date, rows: list[dict[str, Any]]) -> None:
        self._period, self._rows = period, rows

    def count(self, measure: str, numerator: float) -> None:
        self._row(measure, 0, float(numerator), None, float(numerator))

    def share(self, measure: str, numerator: float, denominator: float, *, at_least: int = 0) -> None:
        value = numerator / denominator if denominator else None
        self._row(measure, at_least, float(numerator), float(denominator), value)

    def _row(self, measure: str, at_least: int, *parts: float | None) -> None:
        names = ("numerator", "denominator", "value")
        self._rows.append(
            {"period": self._period, "measure": measure, "at_least": at_least}
            | dict(zip(names, parts, strict=True))
        )


def _whole_periods(period: str, begin: int, end: int) -> Sequence[int]:
    """Numbers of the periods that lie whole within the days from `begin` until before `end`."""
    low, high = numbers_of_days(np.array([begin, end]), period)
    starts_whole = day_number(first_day(int(low), period)) == begin
    return range(int(low) + (0 if starts_whole else 1), int(high))


def _flat(found: pa.Table, column: str) -> tuple[np.ndarray, np.ndarray]:
    """(unit, day) of each of a column's days, by unit and day."""
    lists = found[column].combine_chunks()
    lengths = np.diff(lists.offsets.to_numpy()) if len(lists) else np.zeros(0, dtype=np.int64)
    return np.repeat(np.arange(len(lengths)), lengths), lists.flatten().to_numpy()


def _lapsed(owner: np.ndarray, day: np.ndarray, opens: int, closes: int, lapse_days: int) -> tuple[int, int]:
    """Of the units that had not lapsed at the begin, those that lapse before the end."""
    is_last = np.ones(len(owner), dtype=bool)
    is_last[:-1] = np.diff(owner) != 0
    following = np.where(is_last, np.iinfo(np.int64).max, np.append(day[1:], 0))
    lapses = np.where(following - day > lapse_days, day + lapse_days, following)
    is_lapse = following - day > lapse_days
    # Customers at the begin: their last activity before it is younger than the lapse.
    is_customer = (day < opens) & (following >= opens) & (day + lapse_days >= opens)
    customers = np.unique(owner[is_customer])
    gone = np.unique(owner[is_lapse & (lapses >= opens) & (lapses < closes)])
    return len(np.intersect1d(customers, gone)), len(customers)


def _contracts_ended(found: pa.Table, opens: int, closes: int) -> tuple[int, int]:
    """Of the units with a contract at the begin, those with one that ends before the end of the period."""
    (started_by, started), (ended_by, ended) = _flat(found, "started"), _flat(found, "ended")
    units = found.num_rows
    latest = np.full((2, units), -1)
    for place, (owner, day) in enumerate(((started_by, started), (ended_by, ended))):
        np.maximum.at(latest[place], owner[day < opens], day[day < opens])
    has_contract = (latest[0] >= 0) & (latest[0] > latest[1])
    ends = np.zeros(units, dtype=bool)
    ends[ended_by[(ended >= opens) & (ended < closes)]] = True
    return int((has_contract & ends).sum()), int(has_contract.sum())
