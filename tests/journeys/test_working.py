"""A clock that stands still outside of working time, and funnels measured by it."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from journey_platform import journeys
from journey_platform.journeys.questions import Funnel
from journey_platform.journeys.working import BusinessHours, working_time
from tests.journeys.made import at, touchpoints

HOUR_US = 3_600_000_000


def _between(week: str, begin: str, end: str, zone: str = "UTC", holidays: tuple[date, ...] = ()) -> float:
    """Working hours between two local moments, the way there seen from some weeks before."""
    local = [datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)) for text in (begin, end)]
    moments = [int(moment.timestamp()) * 1_000_000 for moment in (local[0] - timedelta(days=30), *local)]
    told = working_time(np.array(moments), week, zone, holidays)
    return float(told[2] - told[1]) / HOUR_US


@pytest.mark.parametrize(
    ("week", "begin", "end", "hours"),
    [
        pytest.param("Mon-Fri", "2020-01-01 00:00", "2020-01-02 12:00", 36, id="two-weekdays"),
        pytest.param("Mon-Fri", "2020-01-03 12:00", "2020-01-06 12:00", 24, id="over-a-weekend"),
        pytest.param("Mon-Fri", "2020-01-04 09:00", "2020-01-06 06:00", 6, id="begun-on-a-saturday"),
        pytest.param("Mon-Fri", "2020-01-03 20:00", "2020-01-05 18:00", 4, id="ended-on-a-sunday"),
        pytest.param("Mon-Fri", "2020-01-04 09:00", "2020-01-05 18:00", 0, id="within-a-weekend"),
        pytest.param("Sun-Thu", "2020-01-02 12:00", "2020-01-05 12:00", 24, id="another-week"),
        pytest.param("Sat-Sat", "2020-01-01 00:00", "2020-01-15 00:00", 48, id="one-day-a-week"),
        pytest.param("Mon-Fri 09:00-17:00", "2020-01-03 16:00", "2020-01-06 10:30", 2.5, id="office-hours"),
        pytest.param("Mon-Fri 09:00-17:00", "2020-01-06 18:00", "2020-01-07 08:00", 0, id="by-night"),
    ],
)
def test_working_hours_between_two_moments(week, begin, end, hours):
    assert _between(week, begin, end) == hours


def test_days_and_hours_are_those_of_the_zone():
    # On 29 March 2020 Amsterdam's clocks went from 2 to 3.
    assert _between("Mon-Sun", "2020-03-28 12:00", "2020-03-29 12:00", "Europe/Amsterdam") == 23
    office = _between("Mon-Fri 09:00-17:00", "2020-03-27 16:00", "2020-03-30 10:00", "Europe/Amsterdam")
    assert office == 2


@pytest.mark.parametrize(
    ("begin", "end", "hours"),
    [
        pytest.param("2020-01-06 12:00", "2020-01-08 10:00", 6, id="between"),
        pytest.param("2020-01-07 10:00", "2020-01-08 10:00", 1, id="begun on it"),
        pytest.param("2020-01-06 16:00", "2020-01-07 16:00", 1, id="ended on it"),
        pytest.param("2020-01-03 16:00", "2020-01-06 10:00", 2, id="a holiday in the weekend is none"),
    ],
)
def test_nobody_works_on_a_holiday(begin, end, hours):
    off = (date(2020, 1, 4), date(2020, 1, 7))
    assert _between("Mon-Fri 09:00-17:00", begin, end, holidays=off) == hours


def test_a_holiday_is_a_day_of_the_zone_of_the_hours():
    """At nine in the evening in UTC it is the next day in Tokyo."""
    hours = BusinessHours(week="Mon-Sun", zone="Asia/Tokyo", holidays=(date(2020, 1, 7),))
    moments = [datetime(2020, 1, 6, hour, tzinfo=UTC) for hour in (0, 12, 21)]
    told = hours.clock("Europe/Amsterdam")(np.array([int(at.timestamp()) * 1_000_000 for at in moments]))
    assert list(np.diff(told) / HOUR_US) == [12, 3]


@pytest.mark.parametrize("week", ["Mon-Fry", "weekdays", "Mon-Fri 9-17", "Mon-Fri 17:00-09:00"])
def test_what_is_no_working_week_is_refused(week):
    with pytest.raises(ValueError, match=r"no working week|closes before"):
        working_time(np.zeros(0, dtype=np.int64), week, "UTC")


@pytest.mark.parametrize(
    ("week", "within", "units", "median_s"),
    [
        pytest.param(None, "2 days", 0, None, id="by-the-clock"),
        pytest.param("Mon-Fri", "2 days", 1, 24 * 3600.0, id="in-working-days"),
        pytest.param("Mon-Fri", "23 hours", 0, None, id="in-fewer"),
    ],
)
def test_a_funnel_is_measured_in_working_time(week, within, units, median_s):
    acts = [("ticket_created", "2020-01-03 12:00"), ("ticket_solved", "2020-01-06 12:00")]
    rows = touchpoints({"person_key": 1, "occurred_at": at(when), "type": kind} for kind, when in acts)
    asked = Funnel(steps=["type = 'ticket_created'", "type = 'ticket_solved'"], within=within, week=week)
    found = journeys.answer(rows, asked, first=date(2020, 1, 1), last=date(2020, 3, 1), zone="UTC")
    last = found.to_pylist()[-1]
    assert (last["units"], last["converters_median_s"]) == (units, median_s)
