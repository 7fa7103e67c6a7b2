"""What a shadow would change: KPI values with their causes, rows by table, people merged and split."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from journey_platform.backfills.promotion import changed_tables
from journey_platform.history.causes import Cause, Causes
from journey_platform.history.trace import History, Leap, known_tables
from journey_platform.kpis.catalogue import STAGES
from journey_platform.kpis.restatements import Change, restated
from journey_platform.lake.shadows import Shadow
from journey_platform.tables import IDENTITY_EVENTS, Table, kpis_table


@dataclass(frozen=True)
class RowCounts:
    """How many rows come, go and change on the days that differ; `days` is empty for a whole table."""

    table: str
    days: Sequence[date]
    added: int
    removed: int
    changed: int


@dataclass(frozen=True)
class Difference:
    """`kpis`: published values that would be restated, with why. `identity`: profiles by what would become of
    them (merge, split, rename, release)."""

    kpis: Sequence[tuple[Change, Sequence[Cause]]]
    rows: Sequence[RowCounts]
    identity: Mapping[str, int]


def difference(shadow: Shadow) -> Difference:
    """Between the versions that the shadow began with and its newest."""
    history, tables = History(shadow.lake), known_tables()
    leaps = [
        Leap(tables[name], None if old < 0 else old, new)
        for name, (old, new) in changed_tables(shadow).items()
        if name in tables
    ]
    stages = {kpis_table(stage).name for stage in STAGES}
    kpis = [found for leap in leaps if leap.table.name in stages for found in _kpis(history, leap)]
    rows = [counts for leap in leaps if (counts := _rows(history, leap)) is not None]
    identity = next((_events(history, leap) for leap in leaps if leap.table == IDENTITY_EVENTS), {})
    return Difference(kpis, rows, identity)


def _kpis(history: History, leap: Leap) -> list[tuple[Change, list[Cause]]]:
    days = history.changed(leap)
    old, new = (history.rows(leap.table, version, days) for version in (leap.old, leap.new))
    causes = Causes(history, leap)
    return [(change, causes.of(change)) for change in restated(old, new)]


def _events(history: History, leap: Leap) -> dict[str, int]:
    counts = Counter[str]()
    for version, sign in ((leap.new, 1), (leap.old, -1)):
        for event in history.rows(leap.table, version)["event"].to_pylist():
            counts[event] += sign
    return dict(sorted((+counts).items()))


def _rows(history: History, leap: Leap) -> RowCounts | None:
    days = history.changed(leap) if leap.table.is_daily else None
    if days is not None and not days:
        return None
    old, new = (
        _comparable(leap.table, history.rows(leap.table, version, days)) for version in (leap.old, leap.new)
    )
    added, removed, changed = _counted(leap.table, old, new)
    if not added and not removed and not changed:
        return None
    return RowCounts(leap.table.name, sorted(days or ()), added, removed, changed)


def _comparable(table: Table, rows: pa.Table) -> pa.Table:
    """Without what only says when we asked; lists as text, since rows are grouped by all columns."""
    kept: dict[str, Any] = {}
    for field in table.schema:
        if field.name in table.fingerprint_without and field.name not in table.primary_key:
            continue
        column = rows[field.name]
        if pa.types.is_nested(field.type):
            column = pa.array([repr(value) for value in column.to_pylist()], pa.string())
        kept[field.name] = column
    return pa.table(kept)


def _counted(table: Table, old: pa.Table, new: pa.Table) -> tuple[int, int, int]:
    key = [*(["day"] if table.is_daily else []), *(name for name in table.primary_key if name != "day")]
    sides = [
        side.append_column("side", pa.array([number] * side.num_rows, pa.int8()))
        for number, side in ((0, old), (1, new))
    ]
    both = pa.concat_tables(sides)
    names = [name for name in both.column_names if name != "side"]
    said = both.group_by(names).aggregate([("side", "min"), ("side", "max")])
    told_once = said.filter(pc.equal(said["side_min"], said["side_max"]))
    by_key = told_once.group_by(key).aggregate([("side_min", "min"), ("side_min", "max")])
    first, last = by_key["side_min_min"], by_key["side_min_max"]
    changed = pc.sum(pc.less(first, last)).as_py() or 0
    added = pc.sum(pc.equal(first, 1)).as_py() or 0
    removed = pc.sum(pc.equal(last, 0)).as_py() or 0
    return added, removed, changed
