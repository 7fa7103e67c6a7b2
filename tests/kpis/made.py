"""Small tables for KPI tests, and a way to run an expression."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from journey_platform.kpis.catalogue import KPIS
from journey_platform.kpis.parts import parts
from journey_platform.tables import PROFILES_TABLE, SESSIONS, Table

_SESSION: dict[str, Any] = {
    "page_views": 1,
    "actions": 1,
    "engaged_s": 0.0,
    "heartbeats": 0,
    "orders": 0,
    "revenue": 0.0,
    "is_bounce_single_page": True,
    "is_engaged_ga4": False,
    "is_engaged_snowplow": False,
    "is_bot": False,
    "traffic_channel": "Direct",
}


class Tables:
    """Tables in memory, read as the engine reads a lake's. One that was not given is empty."""

    def __init__(self, rows: Mapping[Table, pa.Table]) -> None:
        import ibis

        self._rows = {table.name: (table, held) for table, held in rows.items()}
        self._duckdb = ibis.duckdb.connect()
        self._duckdb.raw_sql("SET TimeZone = 'UTC'")
        self._held = 0

    def table(self, table: Table, days: Iterable[date] | None = None) -> Any:
        _, rows = self._rows.get(table.name, (table, table.empty()))
        if days is not None and table.is_daily:
            rows = rows.filter(pc.is_in(rows["day"], pa.array(list(days), pa.date32())))
        return self.memtable(rows)

    def memtable(self, rows: pa.Table) -> Any:
        import ibis

        return ibis.memtable(rows)

    @contextmanager
    def held(self, expr: Any) -> Iterator[Any]:
        self._held += 1
        yield self._duckdb.create_table(f"held_{self._held}", expr, temp=True)

    def arrow(self, expr: Any) -> pa.Table:
        return self._duckdb.to_pyarrow(expr)


def days(first: date, last: date) -> list[date]:
    """All days from the first to the last."""
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def count(
    rows: Mapping[Table, pa.Table],
    kpis: Iterable[str],
    on: Sequence[date],
    *,
    as_of: date = date(2027, 1, 1),
    segments: pa.Table | None = None,
) -> pa.Table:
    """The parts of these KPIs in the periods that begin on these days."""
    return parts([KPIS[name] for name in kpis], Tables(rows), days=on, as_of=as_of, segments=segments)


def sessions(rows: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Rows of `tables.SESSIONS`: one-page bounces from "Direct" unless said otherwise."""
    filled = [{"session_id": f"s{number}", **_SESSION, **row} for number, row in enumerate(rows)]
    return _rows(filled, SESSIONS.schema)


def profiles(known: Iterable[int], anonymous: Iterable[int] = ()) -> pa.Table:
    """Rows of `tables.PROFILES_TABLE` with these keys."""
    keys = [(key, True) for key in known] + [(key, False) for key in anonymous]
    filled = [{"person_key": key, "profile_id": f"P{key}", "is_known": is_known} for key, is_known in keys]
    return _rows(filled, PROFILES_TABLE.schema)


def counted(found: pa.Table, period: str = "day") -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """(kpi, day, dimension value) -> (numerator, denominator, n), of one period."""
    return {
        (row["kpi"], row["day"].isoformat(), row["dimension_value"]): (
            row["numerator"],
            row["denominator"],
            row["n"],
        )
        for row in found.to_pylist()
        if row["period"] == period
    }


def of_kpi(
    found: pa.Table, kpi: str, period: str = "day", dimension: str | None = None
) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """(day, dimension value) -> (numerator, denominator, n) of one KPI; by one dimension and in all."""
    shown = pa.array(["all", *([dimension] if dimension else [])])
    rows = found.filter(pc.is_in(found["dimension"], shown)) if dimension else found
    return {key[1:]: value for key, value in counted(rows, period).items() if key[0] == kpi}


def _rows(filled: list[dict[str, Any]], schema: pa.Schema) -> pa.Table:
    return pa.table([pa.array([row.get(f.name) for row in filled], f.type) for f in schema], schema=schema)
