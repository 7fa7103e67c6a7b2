"""What changed between two publications of KPI values. Why it changed is in `history`.

A value is published once it stands in the table with its parts. The first publication is no restatement, nor
is a value that only ripens: restated is what readers may have quoted and would now read differently.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa

from journey_platform.kpis.definition import Period

Row = Mapping[str, Any]

_PARTS = ("value", "numerator", "denominator", "n")
_Cell = tuple[str, Period, date, str, str]
_NOTHING: Row = {}


@dataclass(frozen=True)
class Change:
    """One value before and after, as rows of `tables.kpis_table`; an empty row where there was none.

    `was_status`: that of the KPI's values of the period, before.
    """

    kpi: str
    period: Period
    day: date
    dimension: str
    dimension_value: str
    old: Row
    new: Row
    was_status: str

    @property
    def difference(self) -> float | None:
        """New less old, in the value's unit."""
        old, new = self.old.get("value"), self.new.get("value")
        return None if old is None or new is None else new - old

    @property
    def is_significant(self) -> bool | None:
        """Whether the new value lies outside the old one's 95 % interval; None where there is none."""
        lower, upper, new = self.old.get("lower"), self.old.get("upper"), self.new.get("value")
        if lower is None or upper is None or new is None:
            return None
        return bool(not lower <= new <= upper)


def restated(old: pa.Table, new: pa.Table) -> list[Change]:
    """The published values of `old` that read otherwise in `new`, by kpi, period, day and dimension.

    Both hold rows of one `tables.kpis_table`, of the same days. A value of a dimension that was not there
    counts where the KPI of that period was published: it was then told to be nothing.
    """
    before, after = _cells(old), _cells(new)
    published = {cell[:3]: row["status"] for cell, row in before.items() if row["numerator"] is not None}
    changes = [
        Change(*cell, before.get(cell, _NOTHING), after.get(cell, _NOTHING), published[cell[:3]])
        for cell in sorted(before.keys() | after.keys())
        if cell[:3] in published
    ]
    return [change for change in changes if _is_restated(change.old, change.new)]


def _is_restated(old: Row, new: Row) -> bool:
    if old.get("value") is None and new.get("value") is None:
        return False
    return any(old.get(part) != new.get(part) for part in _PARTS)


def _cells(values: pa.Table) -> dict[_Cell, Row]:
    return {
        (row["kpi"], row["period"], row["day"], row["dimension"], row["dimension_value"]): row
        for row in values.to_pylist()
    }
