"""KPI values with their parts."""

import pyarrow as pa

from journey_platform.tables.table import DAY, Column, Table


def kpis_table(stage: str) -> Table:
    """KPI values of one stage of the journey. A value is never alone."""
    return Table(
        key=("kpis", stage),
        grain=f"{stage}-stage KPI, period and dimension value",
        columns=(
            DAY,
            Column("kpi", pa.string(), "name in the catalogue", is_key=True),
            Column("period", pa.string(), "day or week; a week stands on its Monday", is_key=True),
            Column("dimension", pa.string(), "all, or the dimension's name", is_key=True),
            Column("dimension_value", pa.string(), "all, or the dimension's value", is_key=True),
            Column("definition_version", pa.int64(), "version of the definition"),
            Column("numerator", pa.float64(), "part above the line"),
            Column("denominator", pa.float64(), "part below the line; null for a count"),
            Column(
                "squares", pa.float64(), "sum of the units' squares, for the interval of a mean; else null"
            ),
            Column("n", pa.int64(), "units the value rests on"),
            Column("value", pa.float64(), "null where the denominator is zero"),
            Column("lower", pa.float64(), "95 % interval"),
            Column("upper", pa.float64(), "95 % interval"),
            Column("unit", pa.string(), "ratio, count, score or a currency code"),
            Column("coverage", pa.float64(), "share of the sources' days that arrived, 0 to 1"),
            Column("status", pa.string(), "ok, open (may still change), partial, held or missing"),
            Column("matures_on", pa.date32(), "first day on which it no longer changes by itself"),
            Column(
                "identity_revision", pa.string(), "fingerprint of the identity graph it was computed with"
            ),
        ),
        sort_by=("day", "kpi", "period", "dimension", "dimension_value"),
        fingerprint_without=("identity_revision",),
    )
