"""A source that was wrong for some days and is then mended: two worlds, and how their KPI values differ."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa

from journey_platform.demo.world import Visit, World
from journey_platform.lake import Lake
from tests.runs import contents
from tests.runs.running import ZONE

_LATE_BY = timedelta(hours=2)
_PARTS = ("value", "numerator", "denominator", "n")

Cell = tuple[str, str, date, str, str]


def with_visits_in_another_zone(world: World, days: Sequence[date]) -> World:
    """The world, its web analytics telling the visits of `days` two hours late."""
    return replace(world, visits=[_late(visit) if _day(visit) in days else visit for visit in world.visits])


def _day(visit: Visit) -> date:
    return visit.actions[0].at.astimezone(ZoneInfo(ZONE)).date()


def _late(visit: Visit) -> Visit:
    actions = [replace(action, at=action.at + _LATE_BY) for action in visit.actions]
    return replace(visit, actions=actions, recorded_at=visit.recorded_at + _LATE_BY)


def values(root: Path) -> dict[Cell, dict[str, Any]]:
    """Every KPI value in a lake."""
    lake = Lake(str(root))
    return {cell: row for table in contents.KPIS for cell, row in values_of(lake.read(table)).items()}


def values_of(rows: pa.Table) -> dict[Cell, dict[str, Any]]:
    """Rows of a table of KPI values by what they are values of."""
    return {
        (row["kpi"], row["period"], row["day"], row["dimension"], row["dimension_value"]): row
        for row in rows.to_pylist()
    }


def differing(before: dict[Cell, dict[str, Any]], after: dict[Cell, dict[str, Any]]) -> set[Cell]:
    """The values that a reader would find changed; both lakes have published the same days."""
    found = set()
    for cell in before.keys() | after.keys():
        old, new = before.get(cell, {}), after.get(cell, {})
        if (old.get("value"), new.get("value")) == (None, None):
            continue
        if any(old.get(part) != new.get(part) for part in _PARTS):
            found.add(cell)
    return found
