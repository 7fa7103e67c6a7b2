"""The day that is not over: what was read of it so far, and its KPI values. Replaced as a whole."""

from dataclasses import replace

from journey_platform.tables.kpis import kpis_table
from journey_platform.tables.table import UTC_MICROSECONDS, Column, Table
from journey_platform.tables.touchpoints import touchpoints_table


def today_table(vendor: str) -> Table:
    """One vendor's interactions of the day that is not over."""
    touchpoints = touchpoints_table(vendor)
    return replace(
        touchpoints,
        key=("today", vendor),
        grain=f"interaction of the day that is not over, as {vendor} has recorded it so far",
        is_daily=False,
    )


_VALUES = kpis_table("middle")

KPIS_TODAY = replace(
    _VALUES,
    key=("kpis", "today"),
    grain="KPI and dimension value of the day that is not over",
    columns=(
        *_VALUES.columns,
        Column("read_until", UTC_MICROSECONDS, "up to when the sources were asked; all after it is to come"),
    ),
    is_daily=False,
    fingerprint_without=(*_VALUES.fingerprint_without, "read_until"),
)
