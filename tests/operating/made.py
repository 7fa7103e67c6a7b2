"""Rows of any table, made up from its declaration."""

from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa

from journey_platform.tables import Table

_MOMENT = datetime(2026, 11, 20, 12, tzinfo=UTC)


def rows_of(of: Table, day: date, count: int, **values: object) -> pa.Table:
    """`count` rows of `day`; what is not in `values` differs from row to row."""
    rows = [
        {field.name: values.get(field.name, _sample(field, day, number)) for field in of.schema}
        for number in range(count)
    ]
    return pa.Table.from_pylist(rows, schema=of.schema)


def _sample(field: pa.Field, day: date, number: int) -> Any:
    kind = field.type
    if pa.types.is_date(kind):
        return day
    if pa.types.is_timestamp(kind):
        return _MOMENT
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return number
    if pa.types.is_boolean(kind):
        return False
    if pa.types.is_nested(kind):
        return []
    text = f"{field.name} {number}"
    return text.encode() if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) else text
