"""In spring a day is an hour short: windows of days say the same of a day read alone and among others."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from journey_platform.tables import JOURNEY_TOUCHPOINTS, PROFILES_TABLE
from tests.kpis.made import _rows, count, of_kpi, profiles

AMSTERDAM = ZoneInfo("Europe/Amsterdam")


def act(number: int, at: datetime, kind: str) -> dict[str, Any]:
    return {
        "day": at.date(),
        "touchpoint_id": f"t{number}",
        "vendor": "matomo",
        "stream": "visits",
        "type": kind,
        "channel": "web",
        "occurred_at": at.astimezone(UTC),
        "visit_id": f"v{number}",
        "is_bot": False,
        "is_machine": False,
        "person_key": 1,
        "device_key": 1,
    }


def told(kpi: str, rows: list[dict[str, Any]], days: list[date], of: date) -> dict[Any, Any]:
    tables = {JOURNEY_TOUCHPOINTS: _rows(rows, JOURNEY_TOUCHPOINTS.schema), PROFILES_TABLE: profiles([1])}
    found = of_kpi(count(tables, [kpi], days), kpi, "day", "all")
    return {value: parts for (day, value), parts in found.items() if date.fromisoformat(str(day)) == of}


@pytest.mark.parametrize(
    ("kpi", "days"),
    [
        pytest.param("cart_abandonment_24h", 1, id="a cart left"),
        pytest.param("carts_recovered_7d", 7, id="a cart won back"),
        pytest.param("cart_conversion_every", 7, id="attempts"),
    ],
)
def test_an_order_in_the_hour_after_the_last_day_counts_in_neither(kpi: str, days: int) -> None:
    begun = datetime(2026, 3, 29, 23, 30, tzinfo=AMSTERDAM) - timedelta(days=1)
    # Less than so many times 24 hours later, and on the day after the last.
    ordered = datetime(2026, 3, 29, 0, 15, tzinfo=AMSTERDAM) + timedelta(days=days)
    assert ordered.astimezone(UTC) - begun.astimezone(UTC) < timedelta(days=days)
    rows = [act(1, begun, "add_to_cart"), act(2, ordered, "order")]
    around = [begun.date() + timedelta(days=n) for n in range(-1, days + 3)]
    alone = told(kpi, rows, [begun.date()], begun.date())
    assert alone
    assert alone == told(kpi, rows, around, begun.date())
