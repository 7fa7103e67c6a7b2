"""The log of restatements, kept up with the tables of KPI values, one of their versions after another.

A function of the commits alone: whoever is killed before the log was written tells the same again, and
telling twice adds nothing.
"""

import json
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa

from journey_platform.history.causes import Causes
from journey_platform.history.trace import History, Leap
from journey_platform.kpis.catalogue import STAGES
from journey_platform.kpis.restatements import Change, restated
from journey_platform.lake import Commit, Lake
from journey_platform.lake.rows import union
from journey_platform.tables import RESTATEMENTS, Table, kpis_table

_PARTS = ("value", "numerator", "denominator", "lower", "upper", "status", "definition_version")


def told_until(lake: Lake) -> dict[str, int]:
    """The version of each table of KPI values up to which the log of restatements tells, by its name."""
    told: dict[str, int] = json.loads(lake.cursor(RESTATEMENTS) or "{}")
    return told


def keep_up(lake: Lake, *, run_id: str, zone: str) -> pa.Table:
    """Add to `tables.RESTATEMENTS` what the commits since the last time changed; gives the rows added.

    The versions gone through are committed with the rows. A change stands on the local day of `zone` on
    which it was published.
    """
    told = told_until(lake)
    newest = {table.name: lake.version(table) for table in map(kpis_table, STAGES)}
    cursor = {**told, **{name: version for name, version in newest.items() if version is not None}}
    rows = [
        row
        for table in map(kpis_table, STAGES)
        if table.name in cursor
        for row in _of_table(lake, table, told.get(table.name), cursor[table.name], zone)
    ]
    found = pa.Table.from_pylist(rows, schema=RESTATEMENTS.schema)
    by_day: dict[date, list[dict[str, Any]]] = {}
    for row in rows:
        by_day.setdefault(row["day"], []).append(row)

    def added(day: date, known: pa.Table) -> pa.Table:
        return union(RESTATEMENTS, known, pa.Table.from_pylist(by_day[day], schema=RESTATEMENTS.schema))

    lake.rewrite_days(RESTATEMENTS, by_day, added, run_id=run_id, cursor=json.dumps(cursor, sort_keys=True))
    return found


def _of_table(lake: Lake, table: Table, told: int | None, newest: int, zone: str) -> Iterator[dict[str, Any]]:
    history = History(lake)
    for version in range((told or 0) + 1, newest + 1):
        leap = Leap(table, version - 1, version)
        days = history.changed(leap)
        commit = lake.commit(table, version)
        if not days or commit is None:
            continue
        old, new = (history.rows(table, at, days) for at in (version - 1, version))
        changes = restated(old, new)
        yield from _rows(table, changes, Causes(history, leap), commit, zone)


def _rows(
    table: Table, changes: Iterable[Change], causes: Causes, commit: Commit, zone: str
) -> Iterator[dict[str, Any]]:
    for change in changes:
        yield {
            "day": commit.at.astimezone(ZoneInfo(zone)).date(),
            "stage": table.name,
            "version": commit.version,
            "kpi": change.kpi,
            "period": change.period,
            "value_day": change.day,
            "dimension": change.dimension,
            "dimension_value": change.dimension_value,
            "published_at": commit.at,
            "run_id": commit.run_id,
            "is_mature": change.was_status == "ok",
            **{f"old_{part}": change.old.get(part) for part in _PARTS},
            **{f"new_{part}": change.new.get(part) for part in _PARTS},
            "change": change.difference,
            "is_significant": change.is_significant,
            "causes": causes.of(change),
        }
