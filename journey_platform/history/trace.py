"""From a table at a version to what it was computed from: the cursors of derived tables, followed to the end.

A derived table's commit carries the versions of the inputs it has consumed. So two versions of a table lead
to two versions of each raw archive, and to the days in which those differ.
"""

import json
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import pyarrow as pa

from journey_platform import tables
from journey_platform.kpis.catalogue import STAGES
from journey_platform.lake import Lake
from journey_platform.sources import archives, sources
from journey_platform.tables import (
    Table,
    contacts_table,
    kpis_table,
    today_table,
    touchpoints_table,
)

RULES_MARK = "rules"
CODE_MARK = "code"
MADE_MARK = "made"
HOURS_MARK = "business hours"
"""Names beside those of tables in a derived table's cursor: the definitions and the code it was made with,
which days were computed from these inputs in which surroundings, and the business hours declared then."""


@dataclass(frozen=True)
class Leap:
    """A table at two versions; `old` is None before its first."""

    table: Table
    old: int | None
    new: int | None


class History:
    """The versions of a lake's tables, read once each."""

    def __init__(self, lake: Lake) -> None:
        self.lake = lake
        self._marks: dict[tuple[str, int], dict[str, object]] = {}
        self._leaps: dict[tuple[str, int | None, int | None], list[Leap]] = {}
        self._readable: dict[tuple[str, int], bool] = {}
        self._days: dict[tuple[str, int | None, int | None], frozenset[date] | None] = {}

    @cached_property
    def _tables(self) -> dict[str, Table]:
        return known_tables()

    def marks(self, table: Table, version: int | None) -> dict[str, object]:
        """What the commit says it was computed with: versions by name of table, and marks."""
        if version is None:
            return {}
        key = (table.name, version)
        if key not in self._marks:
            commit = self.lake.commit(table, version)
            self._marks[key] = _decoded(commit.cursor if commit else None)
        return self._marks[key]

    def inputs(self, table: Table, version: int | None) -> dict[str, int]:
        """The version of each input that the table at `version` had consumed, by name; of a raw archive and
        of what keeps no account none."""
        told = self.marks(table, version)
        return {name: at for name, at in told.items() if name in self._tables and isinstance(at, int)}

    def leaps(self, leap: Leap) -> list[Leap]:
        """The inputs of a table whose versions differ between its own two."""
        key = (leap.table.name, leap.old, leap.new)
        if key not in self._leaps:
            self._leaps[key] = self._moved(leap)
        return self._leaps[key]

    def _moved(self, leap: Leap) -> list[Leap]:
        old, new = self.inputs(leap.table, leap.old), self.inputs(leap.table, leap.new)
        return [
            Leap(self._tables[name], old.get(name), version)
            for name, version in sorted(new.items())
            if old.get(name) != version
        ]

    def leaves(self, leap: Leap) -> list[Leap]:
        """The leaps at the end of the way down: raw archives and what is computed from no account."""
        found: dict[str, Leap] = {}
        waiting = [leap]
        while waiting:
            current = waiting.pop()
            below = self.leaps(current)
            if not below and not self.inputs(current.table, current.new):
                found[current.table.name] = current
            waiting.extend(below)
        return [found[name] for name in sorted(found)]

    def through(self, leap: Leap, name: str) -> Leap | None:
        """The leap of the table of that name on the way down, or None where it did not move."""
        waiting = [leap]
        while waiting:
            current = waiting.pop()
            if current.table.name == name:
                return current
            waiting.extend(self.leaps(current))
        return None

    def changed(self, leap: Leap) -> frozenset[date] | None:
        """Days whose content differs; of a whole table those in its column `day`, or None without one."""
        key = (leap.table.name, leap.old, leap.new)
        if key not in self._days:
            self._days[key] = self._compared(leap)
        return self._days[key]

    def _compared(self, leap: Leap) -> frozenset[date] | None:
        sides = [self._content(leap.table, version) for version in (leap.old, leap.new)]
        if leap.table.is_daily:
            return frozenset(
                day
                for day in sides[0].keys() | sides[1].keys()
                if day is not None and sides[0].get(day) != sides[1].get(day)
            )
        if sides[0] == sides[1]:
            return frozenset()
        if "day" not in leap.table.schema.names:
            return None
        old, new = (
            {tuple(row.items()) for row in self.rows(leap.table, version).to_pylist()}
            for version in (leap.old, leap.new)
        )
        return frozenset(dict(row)["day"] for row in old ^ new)

    def gone(self, leap: Leap) -> list[str]:
        """Names of the tables on the way down whose earlier version is no more: an erasure removed it."""
        found: set[str] = set()
        waiting = [leap]
        while waiting:
            for below in self.leaps(waiting.pop()):
                waiting.append(below)
                if below.old is not None and not self._has(below.table, below.old):
                    found.add(below.table.name)
        return sorted(found)

    def _has(self, table: Table, version: int) -> bool:
        key = (table.name, version)
        if key not in self._readable:
            self._readable[key] = self.lake.has_version(table, version)
        return self._readable[key]

    def rows(self, table: Table, version: int | None, days: "frozenset[date] | None" = None) -> pa.Table:
        return table.empty() if version is None else self.lake.read(table, days, version=version)

    def _content(self, table: Table, version: int | None) -> dict[date | None, str]:
        return {} if version is None else self.lake.content(table, version=version)

    def behind(self, table: Table, version: int) -> dict[str, int]:
        """Every table that this version was computed from, over all steps, with its version."""
        found: dict[str, int] = {}
        waiting = [(table, version)]
        while waiting:
            for name, at in self.inputs(*waiting.pop()).items():
                found[name] = max(at, found.get(name, at))
                waiting.append((self._tables[name], at))
        return dict(sorted(found.items()))


def known_tables() -> dict[str, Table]:
    """Every table by its name."""
    declared = [value for value in vars(tables).values() if isinstance(value, Table)]
    made = [make(vendor) for vendor in sources() for make in (touchpoints_table, contacts_table, today_table)]
    return {table.name: table for table in (*declared, *archives().values(), *made, *map(kpis_table, STAGES))}


def _decoded(cursor: str | None) -> dict[str, object]:
    try:
        told = json.loads(cursor or "{}")
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
