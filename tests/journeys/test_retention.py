"""Retention against hand-made histories and told row by row."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from journey_platform.journeys.conditions import condition
from journey_platform.journeys.history import history
from journey_platform.journeys.retention import retention_cells, retention_entries
from tests.journeys.brute import START, by_person, micros, random_history
from tests.journeys.made import at, touchpoints

ZONE = "Europe/Amsterdam"


def _cells(rows, *, until, period="day", clock="calendar", start="type = 'A'", back="type = 'B'", **asked):
    entries = retention_entries(
        history(rows),
        condition(start),
        condition(back),
        period=period,
        clock=clock,
        zone=ZONE,
        until=micros(until),
    )
    found = retention_cells(entries, period=period, **{"periods": 3, **asked}).to_pylist()
    return {(row["cohort"], row["period_from"]): (row["size"], row["units"]) for row in found}


def _one(*moments, person=1):
    return [
        {"person_key": person, "occurred_at": at(f"2026-03-{text}"), "type": kind} for text, kind in moments
    ]


def test_a_period_that_is_not_over_is_null_and_not_zero():
    rows = touchpoints([*_one(("10 10:00", "A"), ("11 09:00", "B")), *_one(("11 10:00", "A"), person=2)])
    found = _cells(rows, until=at("2026-03-12 23:00"), periods=2)
    assert found[("2026-03-10", 1)] == (1, 1)
    assert found[("2026-03-11", 1)] == (1, 0)
    assert found[("2026-03-11", 2)] == (1, None)
    assert found[("all", 1)] == (2, 1)
    assert found[("all", 2)] == (1, 0)


@pytest.mark.parametrize(
    ("clock", "periods"),
    [pytest.param("calendar", {1}, id="the-next-day"), pytest.param("rolling", {0}, id="within-24-hours")],
)
def test_the_clock_decides_in_which_period_a_return_falls(clock, periods):
    rows = touchpoints(_one(("10 20:00", "A"), ("11 08:00", "B")))
    found = _cells(rows, until=at("2026-03-20 23:00"), clock=clock)
    assert {
        period for (cohort, period), (_, units) in found.items() if cohort == "2026-03-10" and units
    } == periods


def test_who_comes_back_on_or_after_counts_for_all_earlier_periods():
    rows = touchpoints(_one(("10 10:00", "A"), ("12 10:00", "B")))
    found = _cells(rows, until=at("2026-03-20 23:00"), counted="or_later")
    assert [found[("all", n)][1] for n in range(4)] == [1, 1, 1, 0]


def test_brackets_take_periods_together():
    rows = touchpoints(_one(("10 10:00", "A"), ("12 10:00", "B"), ("13 10:00", "B")))
    found = _cells(rows, until=at("2026-03-20 23:00"), counted="brackets", brackets=[(1, 1), (2, 4)])
    assert [found[("all", n)] for n in (1, 2)] == [(1, 0), (1, 1)]


def test_the_entry_itself_is_no_return():
    rows = touchpoints(_one(("10 10:00", "A"), ("11 10:00", "A")))
    found = _cells(rows, until=at("2026-03-20 23:00"), back="type = 'A'")
    assert [found[("all", n)][1] for n in range(3)] == [0, 1, 0]


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("clock", ["calendar", "rolling"])
@pytest.mark.parametrize("period", ["day", "week"])
@pytest.mark.parametrize("counted", ["exactly", "or_later"])
def test_cells_are_those_of_the_rows(seed, clock, period, counted):
    rows = random_history(seed, persons=25)
    until = START + timedelta(days=9)
    zone = ZoneInfo(ZONE)

    def number(moment):
        day = moment.astimezone(zone).date().toordinal()
        return day if period == "day" else (day - 1) // 7

    length = timedelta(days=1 if period == "day" else 7)
    people = []
    for events in by_person(rows).values():
        entry = next(
            (n for n, row in enumerate(events) if row["type"] == "A" and row["occurred_at"] < until), None
        )
        if entry is None:
            continue
        origin = events[entry]["occurred_at"]
        back = [
            r["occurred_at"] for r in events[entry + 1 :] if r["type"] in "AB" and r["occurred_at"] < until
        ]
        if clock == "calendar":
            returned = {number(moment) - number(origin) for moment in back}
            whole = number(until) - number(origin) - 1
        else:
            returned = {(moment - origin) // length for moment in back}
            whole = (until - origin) // length - 1
        people.append((number(origin), returned, whole))
    expected = {}
    for k in range(4):
        total = [0, 0]
        for cohort in sorted({p[0] for p in people}):
            members = [p for p in people if p[0] == cohort]
            came = sum(any(n >= k if counted == "or_later" else n == k for n in p[1]) for p in members)
            is_over = all(p[2] >= k for p in members)
            expected[(cohort, k)] = (len(members), came if is_over else None)
            if is_over:
                total = [total[0] + len(members), total[1] + came]
        expected[("all", k)] = (total[0], total[1] if total[0] else None)
    found = _cells(rows, until=until, clock=clock, period=period, back="type in ('A', 'B')", counted=counted)
    assert _ordered(found) == _ordered(expected)


def _ordered(cells):
    """Cells by cohort in order of time, whatever a cohort is called."""
    names = sorted({cohort for cohort, _ in cells if cohort != "all"}, key=str)
    place = {name: n for n, name in enumerate(names)} | {"all": -1}
    return {(place[cohort], k): value for (cohort, k), value in cells.items()}
