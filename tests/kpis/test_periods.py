"""Which days begin a period, and which days a period holds."""

from datetime import date, timedelta

import pytest

from journey_platform.kpis.periods import days_of, end_of, periods_touched, start_of

DAYS = [date(2027, 12, 20) + timedelta(days=n) for n in range(100)]


@pytest.mark.parametrize(
    ("day", "period", "start", "end"),
    [
        pytest.param("2026-03-29", "day", "2026-03-29", "2026-03-30", id="a-day"),
        pytest.param("2026-03-29", "week", "2026-03-23", "2026-03-30", id="sunday-ends-a-week"),
        pytest.param("2026-03-30", "week", "2026-03-30", "2026-04-06", id="monday-begins-one"),
        pytest.param("2027-01-01", "week", "2026-12-28", "2027-01-04", id="a-week-over-new-year"),
        pytest.param("2028-02-29", "month", "2028-02-01", "2028-03-01", id="a-leap-february"),
        pytest.param("2026-12-31", "month", "2026-12-01", "2027-01-01", id="december"),
    ],
)
def test_a_period_stands_on_its_first_day(day, period, start, end):
    found = start_of(date.fromisoformat(day), period), end_of(date.fromisoformat(day), period)
    assert found == (date.fromisoformat(start), date.fromisoformat(end))


@pytest.mark.parametrize("period", ["day", "week", "month"])
def test_the_days_of_the_touched_periods_hold_the_days_and_whole_periods(period):
    starts = periods_touched(reversed(DAYS), period)
    days = days_of(starts, period)
    assert starts == sorted(set(starts))
    assert set(DAYS) <= set(days)
    assert periods_touched(days, period) == starts
    assert periods_touched([days[0] - timedelta(days=1)], period) != starts[:1]
    assert periods_touched([days[-1] + timedelta(days=1)], period) != starts[-1:]
