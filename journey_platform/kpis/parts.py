"""The parts of a KPI: what is above the line, what is below it, and how many units stand behind.

Parts are counted here from units (one row per session, recipient, response ...); which units count is for the
stages. Values are made of parts in `values`.
"""

from typing import TYPE_CHECKING

import pyarrow as pa

from journey_platform.kpis.catalogue import EVERYTHING, Kpi

if TYPE_CHECKING:
    import ibis.expr.types as ir

PARTS = pa.schema(
    [
        pa.field("kpi", pa.string()),
        pa.field("period", pa.string()),
        pa.field("day", pa.date32()),
        pa.field("dimension", pa.string()),
        pa.field("dimension_value", pa.string()),
        pa.field("numerator", pa.float64()),
        pa.field("denominator", pa.float64()),
        pa.field("squares", pa.float64()),
        pa.field("n", pa.int64()),
    ]
)
"""One row per KPI, period and dimension value; columns as in `tables.kpis_table`."""

UNASSIGNED = "Unassigned"
"""The dimension value of units that have none."""


def counted(
    kpi: Kpi, units: "ir.Table", numerator: "ir.NumericColumn", denominator: "ir.NumericColumn | None" = None
) -> "ir.Table":
    """The KPI's `PARTS`, per day and dimension value.

    `units` has `day` (the first day of the period) and one column per dimension but "all"; `numerator` and
    `denominator` are what each unit adds above and below the line. A count has no denominator.
    """
    import ibis

    above = numerator.cast("float64")
    below = ibis.null("float64") if denominator is None else denominator.cast("float64")
    added = units.mutate(above=above, below=below, units=(above if denominator is None else below))
    found = []
    for dimension in kpi.dimensions:
        value = (
            ibis.literal(EVERYTHING) if dimension == EVERYTHING else added[dimension].fill_null(UNASSIGNED)
        )
        sums = (
            added.mutate(dimension_value=value)
            .group_by(["day", "dimension_value"])
            .aggregate(
                numerator=lambda t: t.above.sum(),
                denominator=lambda t: t.below.sum(),
                squares=lambda t: (t.above * t.above).sum(),
                n=lambda t: t.units.sum().cast("int64"),
            )
        )
        if kpi.is_share:
            total = sums.numerator.sum().over(ibis.window(group_by="day"))
            sums = sums.mutate(denominator=total, n=total.cast("int64"))
        found.append(
            sums.select(
                kpi=ibis.literal(kpi.name),
                period=ibis.literal(kpi.period),
                day=sums.day.cast("date"),
                dimension=ibis.literal(dimension),
                dimension_value=sums.dimension_value,
                numerator=sums.numerator,
                denominator=sums.denominator,
                squares=sums.squares if kpi.interval == "mean" else ibis.null("float64"),
                n=sums.n,
            )
        )
    return ibis.union(*found) if len(found) > 1 else found[0]
