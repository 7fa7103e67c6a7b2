"""Values of KPIs: parts divided, with their interval, coverage, maturity and status."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from journey_platform.kpis import intervals
from journey_platform.kpis.catalogue import KPIS, of_stage
from journey_platform.kpis.definition import EVERYTHING, Kpi, Period, Stage
from journey_platform.kpis.parts import SUMS
from journey_platform.kpis.periods import end_of, start_of
from journey_platform.tables import kpis_table

_INTERVALS = ("wilson", "mean", "posterior", "delta", "quantile")
Rows = Sequence[Mapping[str, Any]]
Arrivals = Mapping[str, Set[date]]
"""Per expected stream (vendor/stream) the local days that arrived, rows or none. A stream that belongs to a
vendor in use has an entry even if nothing arrived; one without an entry is not expected. A stream of current
state has arrived for every day up to its latest pull. Of a day that the gate holds, the last good version
has arrived, if there is one."""


@dataclass(frozen=True)
class Standing:
    """What can be said of a KPI's values in one period, whatever they are."""

    coverage: float
    status: str
    matures_on: date


def values(
    stage: Stage,
    parts: pa.Table,
    *,
    days: Sequence[date],
    arrivals: Arrivals,
    as_of: date,
    identity_revision: str,
    holds: Arrivals | None = None,
) -> pa.Table:
    """Rows of `tables.kpis_table(stage)` that stand on `days`, in its order.

    `parts` (`parts.PARTS`) may hold other days; they are left out. Every KPI has a row for each of its
    periods that begins on one of `days`: where nothing was counted, one of zeros under "all", so that
    "nothing happened" can be told from "nothing arrived". `as_of` is today. `holds`: per stream the days that
    the gate holds.
    """
    wanted = {
        (kpi.name, period, day)
        for kpi in of_stage(stage)
        for period in kpi.periods
        for day in days
        if day == start_of(day, period)
    }
    rows = [row for row in parts.to_pylist() if _period_of(row) in wanted]
    counted = {_period_of(row) for row in rows}
    rows += [_nothing(KPIS[name], period, day) for name, period, day in wanted - counted]
    return valued(
        rows, stage, arrivals=arrivals, as_of=as_of, identity_revision=identity_revision, holds=holds
    )


def valued(
    rows: Rows,
    stage: Stage,
    *,
    arrivals: Arrivals,
    as_of: date,
    identity_revision: str,
    holds: Arrivals | None = None,
) -> pa.Table:
    """Rows of `tables.kpis_table(stage)` made of rows of parts of that stage, of any period."""
    kpis = [KPIS[row["kpi"]] for row in rows]
    periods = {_period_of(row) for row in rows}
    standings = {key: standing(KPIS[key[0]], key[1], key[2], arrivals, as_of, holds) for key in periods}
    of_row = [standings[_period_of(row)] for row in rows]
    is_missing = np.array([of.status in ("missing", "held") and not of.coverage for of in of_row], dtype=bool)
    is_count = np.array([kpi.denominator is None for kpi in kpis], dtype=bool)
    scale = np.array([kpi.scale for kpi in kpis])
    sums = {name: _floats(rows, name) for name in SUMS}
    above, below = sums["numerator"], sums["denominator"]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = scale * (above + _prior(kpis, 1)) / (below + _prior(kpis, 0))
        value = np.where(is_count, above, np.where(below == 0, np.nan, ratio))
    lower, upper = _bounds(kpis, rows, sums)
    table = kpis_table(stage)
    columns: dict[str, Any] = {
        **{name: [row[name] for row in rows] for name in table.schema.names if rows and name in rows[0]},
        "definition_version": [kpi.version for kpi in kpis],
        **{name: _known(column, is_missing) for name, column in sums.items()},
        "n": pa.array([row["n"] for row in rows], pa.int64(), mask=is_missing),
        "value": _known(value, is_missing),
        "lower": _known(scale * lower, is_missing),
        "upper": _known(scale * upper, is_missing),
        "unit": [kpi.unit for kpi in kpis],
        "coverage": [of.coverage for of in of_row],
        "status": [of.status for of in of_row],
        "matures_on": [of.matures_on for of in of_row],
        "identity_revision": [identity_revision] * len(rows),
    }
    arrays = [pa.array(columns.get(field.name, []), field.type) for field in table.schema]
    found = pa.table(arrays, schema=table.schema)
    return found.sort_by([(name, "ascending") for name in table.sort_by])


def standing(
    kpi: Kpi, period: Period, day: date, arrivals: Arrivals, as_of: date, holds: Arrivals | None = None
) -> Standing:
    """Coverage, status and maturity of a KPI's values in the period that begins on `day`.

    Coverage is the share of pairs of a source and a day before `as_of` that arrived. status: "held" where
    the gate holds some of them, "missing" where nothing arrived, "partial" where something did not, "open"
    until `matures_on`, then "ok".
    """
    end = end_of(day, period)
    matures_on = end + timedelta(days=kpi.maturity_days)
    until = matures_on if kpi.is_cohort else end
    due = {day + timedelta(days=n) for n in range((min(until, as_of) - day).days)}
    expected = [arrivals[source] for source in kpi.sources if source in arrivals]
    arrived = sum(len(due & days) for days in expected)
    coverage = arrived / (len(due) * len(expected)) if due and expected else 0.0
    if any(due & days for source, days in (holds or {}).items() if source in kpi.sources):
        status = "held"
    elif coverage == 0:
        status = "missing"
    elif coverage < 1:
        status = "partial"
    else:
        status = "open" if as_of < matures_on else "ok"
    return Standing(coverage, status, matures_on)


def _period_of(row: Mapping[str, Any]) -> tuple[str, Period, date]:
    return row["kpi"], row["period"], row["day"]


def _nothing(kpi: Kpi, period: Period, day: date) -> dict[str, Any]:
    is_sum = kpi.statistic == "ratio"
    has_products = kpi.interval == "delta"
    return {
        "kpi": kpi.name,
        "period": period,
        "day": day,
        "dimension": EVERYTHING,
        "dimension_value": EVERYTHING,
        "numerator": 0.0 if is_sum else None,
        "denominator": None if kpi.denominator is None else 0.0,
        "squares": 0.0 if is_sum and kpi.has_squares else None,
        "squares_below": 0.0 if has_products else None,
        "products": 0.0 if has_products else None,
        "n": 0,
        "lower": None,
        "upper": None,
    }


def _bounds(kpis: Sequence[Kpi], rows: Rows, sums: Mapping[str, np.ndarray]) -> intervals.Bounds:
    """The bounds by the kind of interval; a quantile brings its own."""
    kinds = np.array(
        [kpi.interval or "" if kpi.statistic == "ratio" else "quantile" for kpi in kpis], dtype=np.str_
    )
    above, below, squares = sums["numerator"], sums["denominator"], sums["squares"]
    told = np.where(below == 0, np.nan, below)
    lower, upper = (
        np.select([kinds == kind for kind in _INTERVALS], choices, np.nan)
        for choices in zip(
            intervals.wilson(above, below),
            intervals.mean(above, squares, below),
            intervals.posterior(above + _prior(kpis, 1), squares + _prior(kpis, 2), told + _prior(kpis, 0)),
            intervals.delta(above, below, squares, sums["squares_below"], sums["products"]),
            (_floats(rows, "lower"), _floats(rows, "upper")),
            strict=True,
        )
    )
    return lower, upper


def _prior(kpis: Sequence[Kpi], power: int) -> np.ndarray:
    """Per KPI what its prior adds to the units, to their sum, or to the sum of their squares."""
    return np.array([sum(unit**power for unit in kpi.prior) for kpi in kpis], dtype=np.float64)


def _floats(rows: Rows, name: str) -> np.ndarray:
    return np.array([row[name] for row in rows], dtype=np.float64)


def _known(numbers: np.ndarray, is_missing: np.ndarray) -> Any:
    return pa.array(numbers, mask=is_missing | np.isnan(numbers))
