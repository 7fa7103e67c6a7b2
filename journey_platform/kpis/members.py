"""Who and what stands behind one value: its units with what each adds, their records, and what was left out.

The units are the very rows that `parts` counts, so that the value can be computed again from the list.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from journey_platform.kpis.definition import UNASSIGNED, Kpi, Period
from journey_platform.kpis.grains.people import OUTBOUND
from journey_platform.kpis.grains.registry import GRAINS
from journey_platform.kpis.grains.scope import Read, Scope, Source
from journey_platform.kpis.parts import units_of
from journey_platform.kpis.periods import days_of
from journey_platform.kpis.quantiles import SHARES, SURVIVAL, survival
from journey_platform.kpis.trails import TRAILS, Trail
from journey_platform.tables import JOURNEY_TOUCHPOINTS, PROFILES_TABLE
from journey_platform.touchpoints.files import VENDOR as FILES

if TYPE_CHECKING:
    import ibis.expr.types as ir

UNITS = pa.schema(
    [
        pa.field("unit", pa.string()),
        pa.field("person_key", pa.int64()),
        pa.field("above", pa.float64()),
        pa.field("below", pa.float64()),
    ]
)
"""One row per unit: its name within the period, whose it is, and what it adds above and below the line."""

RECORDS = pa.schema([pa.field("unit", pa.string()), pa.field("touchpoint_id", pa.string())])
"""One row per unit and touchpoint behind it; its id leads to the raw record."""

EXCLUDED = pa.schema([pa.field("touchpoint_id", pa.string()), pa.field("reason", pa.string())])
"""One row per touchpoint of the kind and the days in question that is behind no unit."""

_OTHERWISE = "another counts instead, or it belongs to another period, or its time is not over"


@dataclass(frozen=True)
class Cell:
    """Which value: the KPI's of the period that begins on `start`, for one value of a dimension."""

    kpi: Kpi
    period: Period
    start: date
    dimension: str
    dimension_value: str


@dataclass(frozen=True)
class Members:
    """`units` as `UNITS`, `records` as `RECORDS`, `excluded` as `EXCLUDED`, each sorted."""

    units: pa.Table
    records: pa.Table
    excluded: pa.Table


@dataclass(frozen=True)
class Recomputed:
    """A value from its units."""

    numerator: float
    denominator: float | None
    value: float | None


def members(cell: Cell, source: Source, *, as_of: date, segments: pa.Table | None = None) -> Members:
    """What the value is made of; `as_of` is today.

    `segments` (person_key, segment) says who is in which declared segment.
    """
    import ibis

    kpi, period = cell.kpi, cell.period
    read = Read(source)
    scope = Scope(read, days_of([cell.start], period), "day" if kpi.is_additive else period, as_of)
    trail = TRAILS[kpi.grain]
    rows = units_of(kpi, scope, cell.dimension, segments)
    is_it = rows.dimension_value == cell.dimension_value
    if not kpi.is_share:
        rows = rows.filter(is_it)
    above = kpi.above(rows).cast("float64")
    named = rows.mutate(
        unit=_named(rows, trail),
        person_key=rows.person_key if "person_key" in rows.columns else ibis.null("int64"),
        above=ibis.ifelse(rows.dimension_value == cell.dimension_value, above, 0.0)
        if kpi.is_share
        else above,
        below=kpi.below(rows).cast("float64"),
    )
    behind = _behind(scope, kpi, trail, named)
    counted = source.arrow(named.select(*UNITS.names))
    records = source.arrow(behind.select(*RECORDS.names).distinct())
    excluded = _excluded(scope, kpi, trail, source, set(records["touchpoint_id"].to_pylist()))
    return Members(_sorted(counted, UNITS), _sorted(records, RECORDS), excluded)


def recompute(kpi: Kpi, units: pa.Table) -> Recomputed:
    """The value's parts and the value, from its units alone."""
    above = np.asarray(units["above"].to_numpy(zero_copy_only=False), dtype=np.float64)
    known = above[~np.isnan(above)]
    if kpi.statistic in SURVIVAL:
        longest = survival(np.sort(np.where(np.isnan(above), np.inf, above)), SURVIVAL[kpi.statistic])
        return Recomputed(longest or 0.0, None, None if longest is None else kpi.scale * longest)
    if kpi.statistic != "ratio":
        if not len(known):
            return Recomputed(0.0, None, None)
        found = _quantile(np.sort(known), SHARES[kpi.statistic])
        return Recomputed(found, None, kpi.scale * found)
    total = float(known.sum())
    if kpi.denominator is None:
        return Recomputed(total, None, total)
    below = float(np.nansum(np.asarray(units["below"].to_numpy(zero_copy_only=False), dtype=np.float64)))
    value = kpi.scale * (total + sum(kpi.prior)) / (below + len(kpi.prior)) if below else None
    return Recomputed(total, below, value)


def _quantile(amounts: np.ndarray, share: float) -> float:
    """Linear between ranks."""
    place = (len(amounts) - 1) * share
    under = int(place)
    low, high = amounts[under], amounts[min(under + 1, len(amounts) - 1)]
    return float(low + (high - low) * (place - under))


def _named(rows: "ir.Table", trail: Trail) -> Any:
    first, *rest = (rows[name].cast("string").fill_null(UNASSIGNED) for name in trail.unit)
    name = first
    for part in rest:
        name = name + " " + part
    return name


def _behind(scope: Scope, kpi: Kpi, trail: Trail, units: "ir.Table") -> "ir.Table":
    """`RECORDS` of the units."""
    acts = _candidates(scope, kpi, trail)
    acts = acts.select(*dict.fromkeys(("touchpoint_id", "occurred_at", *trail.on.values())))
    told = {name: units[name] for name in trail.on}
    wanted = {f"unit_{name}": of.unnest() if of.type().is_array() else of for name, of in told.items()}
    if trail.is_between:
        wanted |= {"began_at": units.started_at, "over_at": units.ended_at}
    chosen = units.select("unit", **wanted)
    on: list[Any] = [acts[column] == chosen[f"unit_{name}"] for name, column in trail.on.items()]
    if trail.is_between:
        on += [acts.occurred_at >= chosen.began_at, acts.occurred_at <= chosen.over_at]
    return acts.join(chosen, on)


def _candidates(scope: Scope, kpi: Kpi, trail: Trail) -> "ir.Table":
    grain = GRAINS[kpi.grain]
    if trail.is_anytime:
        acts = scope.whole(JOURNEY_TOUCHPOINTS)
    else:
        # A visit goes on past midnight.
        after = max(grain.after, 1 if trail.is_between else 0)
        acts = scope.rows(JOURNEY_TOUCHPOINTS, before=grain.before, after=after)
    return acts.filter(acts.type.isin(trail.types)) if trail.types else acts


def _excluded(scope: Scope, kpi: Kpi, trail: Trail, source: Source, counted: set[str]) -> pa.Table:
    """`EXCLUDED` of the period's days, as far as they were told by the KPI's own sources, or by files."""
    acts = scope.rows(JOURNEY_TOUCHPOINTS)
    acts = acts.filter(acts.type.isin(trail.types)) if trail.types else acts
    acts = acts.filter(acts.unit.isin(trail.units)) if trail.units else acts
    rows = source.arrow(acts.select(*_JUDGED_BY)).to_pylist()
    known = _known(scope, source) if "not a known customer" in trail.leaves_out else set()
    found = [
        {"touchpoint_id": row["touchpoint_id"], "reason": _reason(row, trail, known)}
        for row in rows
        if row["touchpoint_id"] not in counted and (_is_of(row, kpi.sources) or not trail.types)
    ]
    return _sorted(pa.Table.from_pylist(found, schema=EXCLUDED), EXCLUDED)


def _is_of(row: Mapping[str, Any], sources: tuple[str, ...]) -> bool:
    return row["vendor"] == FILES or f"{row['vendor']}/{row['stream']}" in sources


_JUDGED_BY = ("touchpoint_id", "vendor", "stream", "type", "person_key", "is_bot", "is_machine")


def _known(scope: Scope, source: Source) -> set[int]:
    profiles = scope.whole(PROFILES_TABLE)
    return set(
        source.arrow(profiles.filter(profiles.is_known).select("person_key"))["person_key"].to_pylist()
    )


def _reason(row: Mapping[str, Any], trail: Trail, known: Iterable[int]) -> str:
    holds = {
        "robot": row["is_bot"],
        "machine": row["is_machine"],
        "not their own act": row["type"] in OUTBOUND,
        "belongs to nobody": row["person_key"] is None,
        "not a known customer": row["person_key"] not in known,
    }
    return next((reason for reason in trail.leaves_out if holds[reason]), _OTHERWISE)


def _sorted(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    shaped = rows.select(schema.names).cast(schema)
    return shaped.sort_by([(name, "ascending") for name in schema.names])
