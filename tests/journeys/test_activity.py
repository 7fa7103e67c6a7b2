"""Lifecycle, stickiness and churn against the definitions told row by row."""

from datetime import date, timedelta

import pytest

from journey_platform.journeys.activity import active_days, activity_measures
from journey_platform.journeys.conditions import condition
from journey_platform.journeys.history import history
from tests.journeys.brute import START, by_person, micros, random_history
from tests.journeys.made import at, touchpoints

FIRST = START.date()


def _measures(rows, *, period="day", lapse_days=2, last=FIRST + timedelta(days=13), days=90, **contract):
    found = active_days(
        history(rows),
        condition("type in ('A', 'B')"),
        zone="UTC",
        until=micros(at(f"{last + timedelta(days=1)} 00:00")),
        **{name: condition(text) for name, text in contract.items()},
    )
    told = activity_measures(found, period=period, lapse_days=lapse_days, first=FIRST, last=last, days=days)
    return {
        (row["period"], row["measure"], row["at_least"]): (row["numerator"], row["denominator"])
        for row in told
    }


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("period", ["day", "week"])
def test_measures_are_those_of_the_rows(seed, period):
    rows = random_history(seed, persons=20)
    last = FIRST + timedelta(days=13)
    people = [
        {
            row["occurred_at"].date()
            for row in events
            if row["type"] in "AB" and row["occurred_at"].date() <= last
        }
        for events in by_person(rows).values()
    ]
    length = 1 if period == "day" else 7
    opens = FIRST if period == "day" else FIRST + timedelta(days=-FIRST.weekday() % 7)
    expected = {}
    while opens + timedelta(days=length - 1) <= last:
        span = {opens + timedelta(days=n) for n in range(length)}
        before = {day - timedelta(days=length) for day in span}

        now = [days for days in people if days & span]
        counts = {
            "active": len(now),
            "new": sum(min(days) >= opens for days in now),
            "recurring": sum(bool(days & before) for days in now),
            "resurrected": sum(not days & before and min(days) < opens for days in now),
            "dormant": sum(bool(days & before and not days & span) for days in people),
        }
        expected |= {(opens, kind, 0): (count, None) for kind, count in counts.items()}
        active = [len(days & span) for days in people if days & span]
        expected[opens, "stickiness", 0] = (sum(active) / length, len(active))
        if period == "week":
            for least in range(1, 8):
                expected[opens, "active_days", least] = (sum(n >= least for n in active), len(active))
        if opens >= FIRST + timedelta(days=2):
            churned = customers = 0
            for days in people:
                lapses = [
                    day + timedelta(days=2)
                    for day in sorted(days)
                    if not any(day < other <= day + timedelta(days=2) for other in days)
                ]
                is_customer = any(opens - timedelta(days=2) <= day < opens for day in days)
                customers += is_customer
                churned += is_customer and any(lapse in span for lapse in lapses)
            expected[opens, "churn", 0] = (churned, customers)
        opens += timedelta(days=length)
    found = _measures(rows, period=period, last=last)
    assert set(found) == set(expected)
    for key, parts in expected.items():
        assert found[key] == pytest.approx(parts), key


def test_a_contract_that_ends_in_the_period_churns_if_it_stood_at_its_begin():
    def one(person, *said):
        return [
            {"person_key": person, "occurred_at": at(f"2026-03-{day:02d} 12:00"), "type": kind}
            for day, kind in said
        ]

    rows = touchpoints(
        [
            *one(1, (20, "B"), (24, "X")),
            *one(2, (20, "B")),
            *one(3, (23, "B"), (25, "X")),
            *one(4, (20, "B"), (21, "X")),
        ]
    )
    found = _measures(rows, period="week", started="type = 'B'", ended="type = 'X'")
    assert found[date(2026, 3, 23), "contract_churn", 0] == (1, 2)


def test_only_periods_that_lie_whole_within_the_data_are_told():
    rows = random_history(1)
    weeks = {period for period, *_ in _measures(rows, period="week", last=FIRST + timedelta(days=15))}
    assert weeks == {date(2026, 3, 23)}
    assert {p for p, *_ in _measures(rows, period="week", days=5)} == set()
