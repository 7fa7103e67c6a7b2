"""The parts of KPIs: what is above the line, what is below it, and how many units stand behind.

Parts are counted here from units (one row per session, recipient, response ...), for all KPIs of a grain and
dimension at once; what the units are is in `grains`. Values are made of parts in `values`.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from journey_platform.kpis.definition import EVERYTHING, SEGMENT, UNASSIGNED, Kpi, Period, each
from journey_platform.kpis.dimensions import DIMENSIONS
from journey_platform.kpis.grains.registry import GRAINS
from journey_platform.kpis.grains.scope import Read, Scope, Source
from journey_platform.kpis.periods import days_of, start_of
from journey_platform.kpis.quantiles import quantiles
from journey_platform.tables import PROFILES_TABLE

if TYPE_CHECKING:
    import ibis.expr.types as ir

COUNTED_ELSEWHERE = "is_counted_elsewhere"
"""Column of units that stand in several accounts: true where one is not to count in the whole again."""
SUMS = ("numerator", "denominator", "squares", "squares_below", "products")
PARTS = pa.schema(
    [
        pa.field("kpi", pa.string()),
        pa.field("period", pa.string()),
        pa.field("day", pa.date32()),
        pa.field("dimension", pa.string()),
        pa.field("dimension_value", pa.string()),
        *(pa.field(name, pa.float64()) for name in SUMS),
        pa.field("n", pa.int64()),
        pa.field("lower", pa.float64()),
        pa.field("upper", pa.float64()),
    ]
)
"""One row per KPI, period and dimension value; columns as in `tables.kpis_table`. A quantile has itself as
numerator and brings the bounds of its interval; all others have null there."""


def parts(
    kpis: Iterable[Kpi],
    source: Source,
    *,
    days: Sequence[date],
    as_of: date,
    segments: pa.Table | None = None,
) -> pa.Table:
    """`PARTS` of the KPIs in all their periods that begin on one of `days`.

    `as_of` is today. `segments` (person_key, segment) says who is in which declared segment.
    """
    read = Read(source)
    people = _People(read, segments)
    found = [PARTS.empty_table()]
    ordered = sorted(kpis, key=lambda kpi: (kpi.grain, kpi.is_additive, kpi.periods))
    for (grain, is_additive, periods), group in groupby(
        ordered, key=lambda kpi: (kpi.grain, kpi.is_additive, kpi.periods)
    ):
        of_grain = list(group)
        starts = {period: [day for day in days if day == start_of(day, period)] for period in periods}
        if is_additive:
            wanted = sorted({day for period in periods for day in days_of(starts[period], period)})
            scope = Scope(read, wanted, "day", as_of)
            daily = _counted(of_grain, scope, GRAINS[grain].build(scope), people)
            found += [rolled_up(daily, of_grain, period, starts[period]) for period in periods]
            continue
        for period in periods:
            scope = Scope(read, days_of(starts[period], period), period, as_of)
            if starts[period]:
                found.append(_counted(of_grain, scope, GRAINS[grain].build(scope), people))
    return pa.concat_tables(found)


def units_of(kpi: Kpi, scope: Scope, dimension: str, segments: pa.Table | None = None) -> "ir.Table":
    """The units that the KPI's parts are counted from, with their `dimension_value`."""
    units = GRAINS[kpi.grain].build(scope)
    if DIMENSIONS[dimension].is_of_person:
        return _People(Read(scope.source), segments).divided(units, dimension)
    return units.mutate(dimension_value=_value(units, dimension))


def rolled_up(daily: pa.Table, kpis: Sequence[Kpi], period: Period, starts: Sequence[date]) -> pa.Table:
    """Parts per `period` that begins on one of `starts`, summed from the additive KPIs' parts per day."""
    keys = ["kpi", "day", "dimension", "dimension_value"]
    daily = daily.sort_by([(name, "ascending") for name in keys])  # sums of money depend on their order
    days = daily["day"].to_pylist()
    moved = daily.set_column(
        daily.schema.get_field_index("day"), "day", pa.array([start_of(d, period) for d in days], pa.date32())
    )
    moved = moved.filter(pc.is_in(moved["day"], pa.array(starts, pa.date32())))
    sums = moved.group_by(keys, use_threads=False).aggregate([(name, "sum") for name in (*SUMS, "n")])
    named = sums.rename_columns([name.removesuffix("_sum") for name in sums.schema.names])
    shares = [kpi.name for kpi in kpis if kpi.is_share]
    return _as_parts(_with_whole(named, shares), period)


class _People:
    """Who has which value of a person's dimension: rows of `person_key` and `dimension_value`."""

    def __init__(self, source: Source, segments: pa.Table | None) -> None:
        self._source, self._segments = source, segments
        self._found: dict[str, ir.Table] = {}

    def knows(self, dimension: str) -> bool:
        return dimension != SEGMENT or self._segments is not None

    def divided(self, units: "ir.Table", dimension: str) -> "ir.Table":
        """The units with their `dimension_value`; once for each value where a person has several."""
        if dimension not in self._found:
            self._found[dimension] = self._source.memtable(self._values(dimension))
        values = self._found[dimension]
        joined = units.join(values, units.person_key == values.dimension_person, how="left")
        if dimension == SEGMENT:
            return joined.filter(joined.dimension_value.notnull())
        return joined.mutate(dimension_value=joined.dimension_value.fill_null(UNASSIGNED))

    def _values(self, dimension: str) -> pa.Table:
        if dimension == SEGMENT and self._segments is not None:
            return self._segments.rename_columns(["dimension_person", "dimension_value"])
        profiles = self._source.table(PROFILES_TABLE)
        value = DIMENSIONS[dimension].value(profiles)
        named = profiles.select(dimension_person=profiles.person_key, dimension_value=value)
        return self._source.arrow(named.filter(named.dimension_value.notnull()))


def _counted(kpis: Sequence[Kpi], scope: Scope, units: "ir.Table", people: _People) -> pa.Table:
    """The parts of KPIs of one grain, per period of the scope and dimension value.

    What units add and are divided by is computed once, then summed by each dimension.
    """
    dimensions = sorted({name for kpi in kpis for name in kpi.dimensions if people.knows(name)})
    found = [PARTS.empty_table()]
    with scope.source.held(_laid_out(kpis, units, dimensions)) as laid_out:
        for dimension in dimensions:
            shown = [kpi for kpi in kpis if dimension in kpi.dimensions]
            if DIMENSIONS[dimension].is_of_person:
                divided = people.divided(laid_out, dimension)
            else:
                divided = laid_out.mutate(dimension_value=laid_out[f"by {dimension}"])
                divided = divided.filter(divided.dimension_value.notnull())
            sums = [kpi for kpi in shown if kpi.statistic == "ratio"]
            if sums:
                found.append(_as_parts(_sums(sums, scope, divided), scope.period, dimension))
            for amount in dict.fromkeys(kpi.above for kpi in shown if kpi.statistic != "ratio"):
                alike = [kpi for kpi in shown if kpi.statistic != "ratio" and kpi.above is amount]
                rows = quantiles(alike, scope.source, divided, divided[_above(alike[0])])
                found.append(_as_parts(rows, scope.period, dimension))
    return pa.concat_tables(found)


def _value(units: "ir.Table", dimension: str) -> Any:
    """Each unit's value of a dimension that is not its person's; null in no part of the whole."""
    import ibis

    if dimension == EVERYTHING:
        whole = ibis.literal(EVERYTHING)
        if COUNTED_ELSEWHERE not in units.columns:
            return whole
        return units[COUNTED_ELSEWHERE].ifelse(ibis.null("string"), whole)
    return DIMENSIONS[dimension].value(units).fill_null(UNASSIGNED)


def _above(kpi: Kpi) -> str:
    return f"{kpi.name} above"


def _below(kpi: Kpi) -> str:
    return f"{kpi.name} below"


def _laid_out(kpis: Sequence[Kpi], units: "ir.Table", dimensions: Sequence[str]) -> "ir.Table":
    """Of each unit its day, its person if people divide it, its dimensions' values and what it adds."""
    columns: dict[str, Any] = {"day": units.day}
    for name in dimensions:
        if DIMENSIONS[name].is_of_person:
            columns["person_key"] = units.person_key
        else:
            columns[f"by {name}"] = _value(units, name)
    for kpi in kpis:
        columns[_above(kpi)] = _number(kpi.above(units))
        if kpi.below is not each:
            columns[_below(kpi)] = _number(kpi.below(units))
    return units.select(**columns)


def _number(amount: Any) -> Any:
    """Money stays decimal, so that its sum does not depend on the order of the units."""
    return amount if amount.type().is_decimal() else amount.cast("float64")


def _total(amounts: Any) -> Any:
    return amounts.sum().cast("float64")


def _sums(kpis: Sequence[Kpi], scope: Scope, units: "ir.Table") -> pa.Table:
    """All KPIs from one aggregate: a row per KPI, day and dimension value."""
    sums = {}
    for kpi in kpis:
        above = units[_above(kpi)]
        sums[f"{kpi.name}/numerator"] = _total(above)
        if kpi.unit in ("money", "conversions") and kpi.denominator is None:
            sums[f"{kpi.name}/units"] = above.count().cast("float64")
        if kpi.denominator is not None:
            is_each = kpi.below is each
            below = units.count().cast("float64") if is_each else _total(units[_below(kpi)])
            sums[f"{kpi.name}/denominator"] = below
            if not is_each and units[_below(kpi)].type().is_decimal():  # money is no number of units
                sums[f"{kpi.name}/units"] = units[_below(kpi)].count().cast("float64")
        if kpi.has_squares:
            sums[f"{kpi.name}/squares"] = _total(above * above)
        if kpi.interval == "delta":
            below = units[_below(kpi)]
            sums[f"{kpi.name}/squares_below"] = _total(below * below)
            sums[f"{kpi.name}/products"] = _total(above * below)
    wide = scope.source.arrow(units.group_by(["day", "dimension_value"]).aggregate(**sums))
    tables = []
    for kpi in kpis:
        columns = {name: wide[name] for name in ("day", "dimension_value")}
        columns["kpi"] = pa.array([kpi.name] * len(wide), pa.string())
        for name in SUMS:
            given = f"{kpi.name}/{name}" in wide.schema.names
            columns[name] = wide[f"{kpi.name}/{name}"] if given else pa.nulls(len(wide), pa.float64())
        part = columns["numerator" if kpi.denominator is None else "denominator"]
        rests_on = wide[f"{kpi.name}/units"] if f"{kpi.name}/units" in wide.schema.names else part
        columns["n"] = rests_on.cast(pa.int64(), safe=False)
        tables.append(pa.table(columns))
    shares = [kpi.name for kpi in kpis if kpi.is_share]
    return _with_whole(pa.concat_tables(tables), shares)


def _with_whole(rows: pa.Table, shares: Sequence[str]) -> pa.Table:
    """The rows with the total of their KPI, day and dimension below the line, where the KPI is a share."""
    is_share = pc.is_in(rows["kpi"], pa.array(shares, pa.string()))
    if not pc.any(is_share).as_py():
        return rows
    keys = [name for name in ("kpi", "day", "dimension") if name in rows.schema.names]
    place = list(zip(*(rows[name].to_pylist() for name in keys), strict=True))
    totals: dict[tuple[object, ...], float] = {}
    above = np.asarray(rows["numerator"].to_numpy())
    for key, amount in zip(place, above, strict=True):
        totals[key] = totals.get(key, 0.0) + float(amount)
    whole = pa.array([totals[key] for key in place], pa.float64())
    given = {
        "denominator": pc.if_else(is_share, whole, rows["denominator"]),
        "n": pc.if_else(is_share, whole.cast(pa.int64(), safe=False), rows["n"]),
    }
    for name, column in given.items():
        rows = rows.set_column(rows.schema.get_field_index(name), name, column)
    return rows


def _as_parts(rows: pa.Table, period: Period, dimension: str | None = None) -> pa.Table:
    constant: Mapping[str, str | None] = {"period": period, "dimension": dimension}
    columns = []
    for field in PARTS:
        if field.name in rows.schema.names:
            columns.append(rows[field.name].cast(field.type))
        else:
            columns.append(pa.array([constant.get(field.name)] * len(rows), field.type))
    return pa.table(columns, schema=PARTS)
