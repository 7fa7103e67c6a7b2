"""A published value led back to people and raw records, from the lake as it is now."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from journey_platform.engine import Engine
from journey_platform.kpis.definition import Kpi
from journey_platform.kpis.members import Cell, Members, Recomputed, members, recompute
from journey_platform.kpis.periods import days_of
from journey_platform.kpis.trails import TRAILS
from journey_platform.lake import Lake
from journey_platform.tables import QUARANTINE, kpis_table, touchpoints_table


@dataclass(frozen=True)
class Lineage:
    """`published`: the row of `tables.kpis_table`, None where there is none. `refused`: raw records and
    touchpoints of the KPI's sources and days in quarantine, each with its reason. `raw`: of every touchpoint
    named the vendor/stream/record_key of the raw record that told it."""

    members: Members
    raw: dict[str, str]
    again: Recomputed
    published: dict[str, Any] | None
    refused: tuple[tuple[str, str], ...]

    @property
    def is_equal(self) -> bool:
        """Whether the units give the value that is published."""
        told = None if self.published is None else self.published["value"]
        if told is None or self.again.value is None:
            return self.published is not None and told == self.again.value
        return math.isclose(told, self.again.value, rel_tol=1e-12)


def lineage(
    lake: Lake, engine: Engine, cell: Cell, *, as_of: date, segments: pa.Table | None = None
) -> Lineage:
    """The lineage of one value; `as_of` is today, `segments` as for `members`."""
    kpi, found = cell.kpi, members(cell, engine, as_of=as_of, segments=segments)
    rows = lake.read(kpis_table(kpi.stage), [cell.start]).to_pylist()
    asked = (kpi.name, cell.period, cell.dimension, cell.dimension_value)
    names = ("kpi", "period", "dimension", "dimension_value")
    published = next((row for row in rows if tuple(row[name] for name in names) == asked), None)
    refused = tuple(sorted(set(_refused(lake, kpi, days_of([cell.start], cell.period)))))
    return Lineage(found, _told_by(lake, found), recompute(kpi, found.units), published, refused)


def raw_records(kpi: Kpi, found: Lineage) -> dict[str, list[str]]:
    """By unit, the raw records behind it, sorted: those of its touchpoints, and its own where it has one."""
    behind: dict[str, set[str]] = {unit: set() for unit in found.members.units["unit"].to_pylist()}
    for row in found.members.records.to_pylist():
        behind[row["unit"]].add(found.raw[row["touchpoint_id"]])
    own = TRAILS[kpi.grain].record
    if own is not None:
        for unit, records in behind.items():
            records.add(f"{own}/{unit}")
    return {unit: sorted(records) for unit, records in behind.items()}


def _told_by(lake: Lake, found: Members) -> dict[str, str]:
    names = {*found.records["touchpoint_id"].to_pylist(), *found.excluded["touchpoint_id"].to_pylist()}
    told: dict[str, str] = {}
    for vendor in sorted({name.partition("/")[0] for name in names}):
        rows = lake.read(touchpoints_table(vendor), columns=("touchpoint_id", "stream", "record_key"))
        for row in rows.filter(pc.is_in(rows["touchpoint_id"], pa.array(sorted(names)))).to_pylist():
            told[row["touchpoint_id"]] = f"{vendor}/{row['stream']}/{row['record_key']}"
    return told


def _refused(lake: Lake, kpi: Kpi, days: list[date]) -> Iterator[tuple[str, str]]:
    tables = {f"raw/{source}": source for source in kpi.sources}
    tables |= {f"touchpoints/{source.partition('/')[0]}": "" for source in kpi.sources}
    rows = lake.read(QUARANTINE, days, columns=("table", "record_key", "reason", "severity"))
    is_out = pc.is_in(rows["severity"], pa.array(["error", "held", "excluded"]))
    for row in rows.filter(is_out).to_pylist():
        if row["table"] in tables:
            source = tables[row["table"]]
            record = f"{source}/{row['record_key']}" if source else row["record_key"]
            yield record, f"{row['severity']}: {row['reason'].removeprefix('excluded: ')}"
