"""Values of KPIs: parts divided, with their interval, coverage, maturity and status."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from journey_platform.kpis import intervals
from journey_platform.kpis.catalogue import EVERYTHING, KPIS, Kpi, Period, Stage, of_stage
from journey_platform.kpis.periods import end_of, start_of
from journey_platform.tables import kpis_table

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

    `parts` (`parts.PARTS`) may hold other days; they are left out. Every KPI has a row on each of `days` on
    which its period begins: where nothing was counted, one of zeros under "all", so that "nothing happened"
    can be told from "nothing arrived". `as_of` is today. `holds`: per stream the days that the gate holds.
    """
    wanted = {(kpi.name, day) for kpi in of_stage(stage) for day in days if day == start_of(day, kpi.period)}
    rows = [row for row in parts.to_pylist() if (row["kpi"], row["day"]) in wanted]
    counted = {(row["kpi"], row["day"]) for row in rows}
    rows += [_nothing(KPIS[name], day) for name, day in wanted - counted]
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
    periods = {(row["kpi"], row["period"], row["day"]) for row in rows}
    standings = {key: standing(KPIS[key[0]], key[1], key[2], arrivals, as_of, holds) for key in periods}
    of_row = [standings[row["kpi"], row["period"], row["day"]] for row in rows]
    is_missing = np.array([of.status in ("missing", "held") and not of.coverage for of in of_row], dtype=bool)
    is_count = np.array([kpi.denominator is None for kpi in kpis], dtype=bool)
    scale = np.array([kpi.scale for kpi in kpis])
    above, below, squares = (_floats(rows, name) for name in ("numerator", "denominator", "squares"))
    with np.errstate(divide="ignore", invalid="ignore"):
        value = np.where(is_count, above, scale * above / below)
    lower, upper = _bounds(kpis, above, below, squares)
    table = kpis_table(stage)
    columns: dict[str, Any] = {
        **{name: [row[name] for row in rows] for name in table.schema.names if rows and name in rows[0]},
        "definition_version": [kpi.version for kpi in kpis],
        "numerator": _known(above, is_missing),
        "denominator": _known(below, is_missing),
        "squares": _known(squares, is_missing),
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


def _nothing(kpi: Kpi, day: date) -> dict[str, Any]:
    return {
        "kpi": kpi.name,
        "period": kpi.period,
        "day": day,
        "dimension": EVERYTHING,
        "dimension_value": EVERYTHING,
        "numerator": 0.0,
        "denominator": None if kpi.denominator is None else 0.0,
        "squares": 0.0 if kpi.interval == "mean" else None,
        "n": 0,
    }


def _bounds(
    kpis: Sequence[Kpi], above: np.ndarray, below: np.ndarray, squares: np.ndarray
) -> intervals.Bounds:
    kinds = np.array([kpi.interval or "" for kpi in kpis], dtype=np.str_)
    shares, means = intervals.wilson(above, below), intervals.mean(above, squares, below)
    lower, upper = (
        np.select([kinds == "wilson", kinds == "mean"], [share, mean], np.nan)
        for share, mean in zip(shares, means, strict=True)
    )
    return lower, upper


def _floats(rows: Rows, name: str) -> np.ndarray:
    return np.array([row[name] for row in rows], dtype=np.float64)


def _known(numbers: np.ndarray, is_missing: np.ndarray) -> Any:
    return pa.array(numbers, mask=is_missing | np.isnan(numbers))
