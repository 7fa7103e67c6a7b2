"""Journey touchpoints made for tests: the declared schema, filled from short rows."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from journey_platform.tables import JOURNEY_TOUCHPOINTS

DEFAULTS: dict[str, Any] = {
    "vendor": "matomo",
    "stream": "visits",
    "channel": "web",
    "type": "page_view",
    "is_bot": False,
    "is_machine": False,
}


def at(text: str) -> datetime:
    """A UTC instant: "2026-03-01 12:00" with or without seconds."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def touchpoints(rows: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Rows of `tables.JOURNEY_TOUCHPOINTS`, sorted as the sessions kernel wants them.

    `day` is the UTC day of `occurred_at` unless given; ids count up in the order given.
    """
    filled = [
        {
            "day": row["occurred_at"].date(),
            "touchpoint_id": f"{row.get('vendor', 'matomo')}/x/{number:06d}",
            **DEFAULTS,
            **row,
        }
        for number, row in enumerate(rows)
    ]
    filled.sort(key=lambda row: (row["occurred_at"], row["touchpoint_id"]))
    schema = JOURNEY_TOUCHPOINTS.schema
    return pa.table([pa.array([row.get(f.name) for row in filled], f.type) for f in schema], schema=schema)
