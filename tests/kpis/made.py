"""Small tables for KPI tests, and a way to run an expression."""

from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from journey_platform.tables import PROFILES_TABLE, SESSIONS

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


def run(expr: Any) -> pa.Table:
    """The rows of an Ibis expression on a DuckDB of its own."""
    import ibis

    return ibis.duckdb.connect().to_pyarrow(expr)


def table(rows: pa.Table) -> Any:
    """Arrow rows as an Ibis table."""
    import ibis

    return ibis.memtable(rows)


def sessions(rows: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Rows of `tables.SESSIONS`: one-page bounces from "Direct" unless said otherwise."""
    filled = [{"session_id": f"s{number}", **_SESSION, **row} for number, row in enumerate(rows)]
    return _rows(filled, SESSIONS.schema)


def profiles(known: Iterable[int], anonymous: Iterable[int] = ()) -> pa.Table:
    """Rows of `tables.PROFILES_TABLE` with these keys."""
    keys = [(key, True) for key in known] + [(key, False) for key in anonymous]
    filled = [{"person_key": key, "profile_id": f"P{key}", "is_known": is_known} for key, is_known in keys]
    return _rows(filled, PROFILES_TABLE.schema)


def counted(parts: pa.Table) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """(kpi, day, dimension value) -> (numerator, denominator, n)."""
    return {
        (row["kpi"], row["day"].isoformat(), row["dimension_value"]): (
            row["numerator"],
            row["denominator"],
            row["n"],
        )
        for row in parts.to_pylist()
    }


def of_kpi(parts: pa.Table, kpi: str) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """The same of one KPI, without its name."""
    return {key[1:]: value for key, value in counted(parts).items() if key[0] == kpi}


def _rows(filled: list[dict[str, Any]], schema: pa.Schema) -> pa.Table:
    return pa.table([pa.array([row.get(f.name) for row in filled], f.type) for f in schema], schema=schema)
