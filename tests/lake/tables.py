"""Small tables and rows for the tests of storage."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa

from journey_platform.lake import Lake
from journey_platform.tables import IDENTIFIERS, UTC_MICROSECONDS, Column, Table, raw_table

EVENTS = raw_table("shop", "visits", "visit", is_entity=False)
CONTACTS = raw_table("shop", "contacts", "contact", is_entity=True)
ORDERS = Table(
    key=("journeys", "orders"),
    grain="order",
    columns=(
        Column("day", pa.date32(), "day"),
        Column("order_id", pa.string(), "id", is_key=True),
        Column("at", UTC_MICROSECONDS, "when"),
        Column("person_key", pa.int64(), "who"),
        Column("amount", pa.float64(), "how much"),
        Column("is_paid", pa.bool_(), "paid"),
        Column("identifiers", IDENTIFIERS, "who, as sent", is_personal=True),
        Column("email", pa.string(), "address", is_personal=True),
        Column("asked_at", UTC_MICROSECONDS, "when we asked"),
    ),
    sort_by=("day", "at", "order_id"),
    fingerprint_without=("asked_at",),
)
PEOPLE = Table(
    key=("customers", "people"),
    grain="person",
    columns=(Column("person_key", pa.int64(), "who", is_key=True), Column("name", pa.string(), "name")),
    sort_by=("person_key",),
    is_daily=False,
)
D1, D2, D3 = (date(2026, 3, day) for day in (1, 2, 3))


def order(day: date, number: int, **changes: Any) -> dict[str, Any]:
    return {
        "day": day,
        "order_id": f"o{number}",
        "at": datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(minutes=number % 1440),
        "person_key": number % 7,
        "amount": number * 1.5,
        "is_paid": number % 2 == 0,
        "identifiers": [{"kind": "email", "value": f"a{number}@example.org"}],
        "email": f"a{number}@example.org",
        "asked_at": datetime(2026, 4, 1, tzinfo=UTC),
    } | changes


def orders(rows: Iterable[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=ORDERS.schema)


def of_days(*days: date, count: int = 5) -> pa.Table:
    return orders(order(day, number) for day in days for number in range(count))


def contents(lake: Lake, table: Table) -> list[bytes]:
    """The bytes of every active file, in the order of days."""
    return [open(path, "rb").read() for path in lake.files(table)]  # noqa: PTH123
