"""Raw tables written by hand: bodies in, the archive's schema out."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from journey_platform.tables import raw_table

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


def raw(
    vendor: str, stream: str, *bodies: Any, keys: list[str] | None = None, at: datetime = NOON
) -> pa.Table:
    """One row per body, at the same moment, read an hour later. A `str` is taken as JSON text."""
    schema = raw_table(vendor, stream, "record", is_entity=False).schema
    rows = [
        {
            "day": at.date(),
            "record_key": keys[i] if keys else str(i),
            "occurred_at": at,
            "extracted_at": at + timedelta(hours=1),
            "body": body if isinstance(body, str) else json.dumps(body),
        }
        for i, body in enumerate(bodies)
    ]
    return pa.Table.from_pylist(rows, schema=schema)


def who(row: dict[str, Any]) -> dict[str, str]:
    """The identifiers of a touchpoint or contact, by kind."""
    return {pair["kind"]: pair["value"] for pair in row["identifiers"]}


def about(row: dict[str, Any]) -> dict[str, str]:
    """The attributes of a contact, by name."""
    return {pair["name"]: pair["value"] for pair in row["attributes"]}


def refused(rejected: pa.Table) -> list[tuple[str, str, str]]:
    """(record, field, severity) of rejected rows."""
    return [(row["record_key"], row["field"], row["severity"]) for row in rejected.to_pylist()]
