"""Small raw days of shop visits, and a suite for them."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa

from connectors.base import Page, Record
from journey_platform.lake import Lake
from journey_platform.landing import LandingReport, land_events
from journey_platform.landing.ledger import gate_of
from journey_platform.quality.rules import Suite, is_one_of, is_present
from journey_platform.quality.suites.raw import Stream, raw_suite
from journey_platform.tables import QUARANTINE, raw_table

FIRST = date(2026, 3, 2)
VISITS = raw_table("shop", "visits", "visit", is_entity=False)
SUITE = raw_suite(
    Stream(
        fields={"device": "$.device"},
        rules=(is_present("device_given", "device"), is_one_of("device_known", "device", ("phone", "desk"))),
        categories=("device",),
    ),
    is_entity=False,
)
NOW = datetime(2026, 6, 1, tzinfo=UTC)


def day(number: int) -> date:
    """The first day is number 0."""
    return FIRST + timedelta(days=number)


def visits(number: int, count: int, *, start: int = 0, **changes: Any) -> list[Record]:
    """Visits of one day, two of three on a phone."""
    noon = datetime.combine(day(number), datetime.min.time(), UTC) + timedelta(hours=12)
    return [
        Record(
            f"{number}-{n:05}",
            noon + timedelta(seconds=n % 3600),
            json.dumps({"id": n, "device": "phone" if n % 3 else "desk", "page": "/"} | changes).encode(),
        )
        for n in range(start, start + count)
    ]


def land(
    lake: Lake, days: Sequence[int], *records: Sequence[Record], suite: Suite = SUITE, run_id: str = "run"
) -> LandingReport:
    asked = [day(number) for number in days]
    return land_events(
        lake,
        VISITS,
        [Page(list(part)) for part in records],
        asked,
        zone="UTC",
        run_id=run_id,
        extracted_at=NOW,
        gate=gate_of(lake, VISITS, suite, asked, is_read_by_day=True),
    )


def rows_by_day(lake: Lake) -> dict[date, int]:
    return {of: state.rows for of, state in lake.day_states(VISITS).items()}


def quarantined(lake: Lake) -> list[tuple[date, str, str]]:
    rows: pa.Table = lake.read(QUARANTINE)
    return [(row["day"], row["reason"], row["severity"]) for row in rows.to_pylist()]
