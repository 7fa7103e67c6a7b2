"""Tickets on hand-made touchpoints: what waits, how long they take by which clock, who comes again."""

from datetime import date, timedelta

import pyarrow as pa
import pytest

from journey_platform.journeys.tickets import tickets, with_working_time
from journey_platform.journeys.working import BusinessHours
from journey_platform.kpis.catalogue import KPIS
from journey_platform.kpis.grains.support import REPEAT_DAYS
from journey_platform.kpis.members import Cell, members, recompute
from journey_platform.tables import JOURNEY_TOUCHPOINTS, PROFILES_TABLE, TICKETS
from tests.journeys.made import at, touchpoints
from tests.kpis.made import Tables, count, days, of_kpi, profiles

YEAR = days(date(2026, 1, 1), date(2026, 5, 31))


def _parts(kpi, rows, known=(1, 2, 3), on=YEAR, as_of=date(2026, 12, 1), hours=None):
    told = {JOURNEY_TOUCHPOINTS: touchpoints(rows)}
    source = Tables(told)
    asked = source.arrow(tickets(source.table(JOURNEY_TOUCHPOINTS)))
    read = {PROFILES_TABLE: profiles(known), TICKETS: with_working_time(asked, hours, "UTC")}
    return count(told | read, [kpi], on, as_of=as_of)


def _ticket(number, person, created, replied=None, solved=None, reason="bill"):
    common = {"vendor": "zendesk", "channel": "ticket", "subject_id": str(number), "reason": reason}
    acts = [("ticket_created", created), ("ticket_replied", replied), ("ticket_solved", solved)]
    return [
        {"person_key": person, "type": kind, "occurred_at": at(when), **common} for kind, when in acts if when
    ]


def test_a_ticket_is_put_together_from_what_happened_to_it():
    rows = [
        *_ticket(1, 1, "2026-02-02 10:00", "2026-02-02 11:00", "2026-02-03 10:00"),
        *_ticket(1, 1, None, "2026-02-03 11:00", "2026-02-05 10:00"),
        *_ticket(2, 1, "2026-02-04 10:00"),
        *_ticket(3, 1, None, None, "2026-02-04 10:00"),
    ]
    source = Tables({JOURNEY_TOUCHPOINTS: touchpoints(rows)})
    found = source.arrow(tickets(source.table(JOURNEY_TOUCHPOINTS))).sort_by("ticket_id").to_pylist()
    assert [row["ticket_id"] for row in found] == ["1", "2"], "a ticket never seen created is unknown"
    assert found[0] == {
        "ticket_id": "1",
        "person_key": 1,
        "reason": "bill",
        "created_day": date(2026, 2, 2),
        "created_at": at("2026-02-02 10:00"),
        "replied_at": at("2026-02-02 11:00"),
        "solved_day": date(2026, 2, 5),
        "solved_at": at("2026-02-05 10:00"),
        "next_at": at("2026-02-04 10:00"),
        "replied_working_s": None,
        "solved_working_s": None,
    }
    assert found[1]["solved_at"] is None
    assert found[1]["next_at"] is None


@pytest.mark.parametrize(
    ("solved_again", "waits"),
    [pytest.param(None, True, id="open"), pytest.param("2026-02-06 10:00", False, id="solved again")],
)
def test_a_ticket_that_is_open_again_is_not_solved(solved_again, waits):
    first = _ticket(1, 1, "2026-02-02 10:00", None, "2026-02-03 10:00")
    again = first[-1] | {"type": "ticket_reopened", "occurred_at": at("2026-02-04 10:00")}
    rows = [*first, again, *_ticket(1, 1, None, None, solved_again)]
    found = of_kpi(_parts("ticket_backlog", rows, as_of=date(2026, 2, 20)), "ticket_backlog", "day", "all")
    assert (("2026-02-10", "all") in found) is waits


OFFICE = BusinessHours(week="Mon-Fri 09:00-17:00", holidays=(date(2026, 2, 5),))


@pytest.mark.parametrize(
    ("kpi", "day", "by_clock", "by_office"),
    [
        # Created on Wednesday at 16:00; Thursday is a holiday, and the reply comes on Friday.
        pytest.param("first_response", "2026-02-04", 42.0, 2.0, id="over a holiday"),
        pytest.param("resolution", "2026-02-09", 117.0, 13.0, id="and a weekend"),
    ],
)
def test_times_stand_side_by_side_by_the_clock_and_by_business_hours(kpi, day, by_clock, by_office):
    rows = [
        *_ticket(1, 1, "2026-02-04 16:00", "2026-02-06 10:00", "2026-02-09 13:00"),
        *_ticket(2, 1, "2026-02-10 16:00"),
    ]
    for name, hours in ((f"{kpi}_median", by_clock), (f"{kpi}_business_median", by_office)):
        found = of_kpi(_parts(name, rows, hours=OFFICE), name, "day", "reason")
        assert found == {(day, "all"): (hours, None, 1), (day, "bill"): (hours, None, 1)}


def test_without_business_hours_no_time_is_told_by_them():
    rows = _ticket(1, 1, "2026-02-04 16:00", "2026-02-06 10:00", "2026-02-09 12:00")
    for kpi in ("first_response_business_p90", "resolution_business_median"):
        assert of_kpi(_parts(kpi, rows), kpi) == {}


def test_what_is_answered_out_of_hours_took_until_they_closed():
    rows = _ticket(1, 1, "2026-02-04 16:30", "2026-02-04 22:00")
    found = _parts("first_response_business_median", rows, hours=OFFICE)
    assert of_kpi(found, "first_response_business_median")["2026-02-04", "all"] == (0.5, None, 1)


def test_a_backlog_is_what_waits_when_the_period_ends():
    rows = [
        *_ticket(1, 1, "2026-02-02 10:00", None, "2026-02-02 12:00"),
        *_ticket(2, 2, "2026-02-02 10:00", None, "2026-02-04 12:00"),
        *_ticket(3, 3, "2026-02-03 10:00", reason="parcel"),
    ]
    found = _parts("ticket_backlog", rows, on=days(date(2026, 2, 1), date(2026, 2, 5)))
    assert of_kpi(found, "ticket_backlog", dimension="reason") == {
        ("2026-02-02", "all"): (1, None, 1),
        ("2026-02-02", "bill"): (1, None, 1),
        ("2026-02-03", "all"): (2, None, 2),
        ("2026-02-03", "bill"): (1, None, 1),
        ("2026-02-03", "parcel"): (1, None, 1),
        ("2026-02-04", "all"): (1, None, 1),
        ("2026-02-04", "parcel"): (1, None, 1),
        ("2026-02-05", "all"): (1, None, 1),
        ("2026-02-05", "parcel"): (1, None, 1),
    }
    assert of_kpi(found, "ticket_backlog", "week")["2026-02-02", "all"] == (1, None, 1)


@pytest.mark.parametrize(
    ("again", "repeated"),
    [
        pytest.param(("2026-02-10 11:59:59", 1, "bill"), 1, id="within a week of the solution"),
        pytest.param(("2026-02-10 12:00", 1, "bill"), 1, id="to the second"),
        pytest.param(("2026-02-10 12:00:01", 1, "bill"), 0, id="too late"),
        pytest.param(("2026-02-02 11:00", 1, "bill"), 1, id="before the solution"),
        pytest.param(("2026-02-04 10:00", 1, "parcel"), 0, id="about something else"),
        pytest.param(("2026-02-04 10:00", 2, "bill"), 0, id="by somebody else"),
    ],
)
def test_a_contact_is_repeated_by_the_same_person_for_the_same_reason(again, repeated):
    when, person, reason = again
    rows = [
        *_ticket(1, 1, "2026-02-02 10:00", None, "2026-02-03 12:00"),
        *_ticket(2, person, when, reason=reason),
    ]
    for kpi, counted in (("repeat_contact_rate", repeated), ("first_contact_resolution", 1 - repeated)):
        assert of_kpi(_parts(kpi, rows), kpi, dimension="all") == {("2026-02-03", "all"): (counted, 1, 1)}


def test_a_contact_of_nobody_known_or_not_yet_followed_long_enough_is_left_out():
    rows = [
        *_ticket(1, None, "2026-02-02 10:00", None, "2026-02-02 12:00"),
        *_ticket(2, 2, "2026-02-02 10:00", None, "2026-02-03 12:00"),
    ]
    kpi, matures = "repeat_contact_rate", date(2026, 2, 3) + timedelta(days=REPEAT_DAYS + 1)
    assert _parts(kpi, rows, as_of=matures - timedelta(days=1)).num_rows == 0
    assert of_kpi(_parts(kpi, rows, as_of=matures), kpi, dimension="all") == {
        ("2026-02-03", "all"): (0, 1, 1)
    }


@pytest.mark.parametrize(
    ("kpi", "day", "hours"),
    [
        pytest.param("first_response_median", "2026-02-02", 2.0, id="median of 1, 2 and 6"),
        pytest.param("first_response_p90", "2026-02-02", 5.2, id="nine of ten"),
        pytest.param("resolution_median", "2026-02-03", 25.0, id="of those solved that day: 24 and 26"),
    ],
)
def test_times_are_quantiles_of_calendar_hours(kpi, day, hours):
    rows = [
        *_ticket(1, 1, "2026-02-02 10:00", "2026-02-02 11:00", "2026-02-03 10:00"),
        *_ticket(2, 2, "2026-02-02 10:00", "2026-02-02 12:00", "2026-02-03 12:00"),
        *_ticket(3, 3, "2026-02-02 10:00", "2026-02-02 16:00"),
        *_ticket(4, 3, "2026-02-02 10:00"),
    ]
    found = of_kpi(_parts(kpi, rows), kpi, dimension="all")
    assert found[day, "all"] == (pytest.approx(hours), None, 2 if "resolution" in kpi else 3)


@pytest.mark.parametrize(
    ("kpi", "accounts", "segments"),
    [
        pytest.param(
            "tickets",
            {"Acme": (2, None, 2), "Unassigned": (2, None, 2)},
            {"vip": (2, None, 2), "new": (3, None, 3)},
            id="counted",
        ),
        pytest.param(
            "resolution_median",
            {"Acme": (3.0, None, 2), "Unassigned": (6.0, None, 2)},
            {"vip": (3.0, None, 2), "new": (4.0, None, 3)},
            id="a-median-of-their-own",
        ),
        pytest.param(
            "repeat_contact_rate",
            {"Acme": (1, 2, 2), "Unassigned": (0, 1, 1)},
            {"vip": (1, 2, 2), "new": (1, 3, 3)},
            id="a-share",
        ),
    ],
)
def test_tickets_are_divided_by_who_asked_and_count_in_each_segment_of_theirs(kpi, accounts, segments):
    """A ticket of nobody known is of no account, and in no segment."""
    rows = [
        *_ticket(1, 1, "2026-02-02 08:00", None, "2026-02-02 10:00"),
        *_ticket(2, 1, "2026-02-02 11:00", None, "2026-02-02 15:00"),
        *_ticket(3, 2, "2026-02-02 08:00", None, "2026-02-02 14:00"),
        *_ticket(4, None, "2026-02-02 08:00", None, "2026-02-02 14:00"),
    ]
    source = Tables({JOURNEY_TOUCHPOINTS: touchpoints(rows)})
    people = profiles([1, 2])
    place = people.schema.get_field_index("company")
    read = {
        TICKETS: source.arrow(tickets(source.table(JOURNEY_TOUCHPOINTS))),
        PROFILES_TABLE: people.set_column(place, "company", pa.array(["Acme", None])),
    }
    told = pa.table({"person_key": [1, 1, 2], "segment": ["vip", "new", "new"]})
    found = count(read, [kpi], [date(2026, 2, 2)], segments=told)
    by = {name: of_kpi(found, kpi, "day", name) for name in ("account", "segment")}
    expected = {"account": accounts, "segment": segments}
    for name, values in expected.items():
        del by[name]["2026-02-02", "all"]
        assert by[name] == {("2026-02-02", value): parts for value, parts in values.items()}


def _says(when, value, ticket="1", unit="csat_5", **more):
    about = {"vendor": "qualtrics", "channel": "survey", "type": "survey_score", "source": ticket}
    return {**about, "occurred_at": at(when), "value": value, "unit": unit, "subject_id": "S", **more}


def _rates(when, value, ticket="1"):
    about = {"vendor": "zendesk", "channel": "ticket", "type": "ticket_rated", "subject_id": ticket}
    return {**about, "occurred_at": at(when), "value": value, "unit": "csat", "reason": "said otherwise"}


SOLVED = "2026-02-03 10:00"
"""Tuesday; its answers may come until the 17th."""


@pytest.mark.parametrize(
    ("acts", "found"),
    [
        pytest.param(
            [_says("2026-02-10 09:00", 5.0)], {"csat_5": (1, 1, 1)}, id="on the day of the solution"
        ),
        pytest.param([_says("2026-02-17 23:59", 3.0)], {"csat_5": (0, 1, 1)}, id="after fourteen days"),
        pytest.param([_says("2026-02-18 00:00", 5.0)], {}, id="too late"),
        pytest.param(
            [_says("2026-02-02 12:00", 5.0)], {"csat_5": (1, 1, 1)}, id="before it was solved again"
        ),
        pytest.param(
            [_says("2026-02-04 09:00", 5.0), _says("2026-02-05 09:00", 2.0)],
            {"csat_5": (0, 1, 1)},
            id="the latest answer on a ticket",
        ),
        pytest.param(
            [_says("2026-02-04 09:00", 5.0), _says("2026-02-04 09:00", 5.0, unit="csat_7")],
            {"csat_5": (1, 1, 1), "csat_7": (0, 1, 1)},
            id="scales apart",
        ),
        pytest.param([_says("2026-02-04 09:00", 5.0, ticket=None)], {}, id="about no ticket"),
        pytest.param([_says("2026-02-04 09:00", 5.0, ticket="9")], {}, id="about one that nobody knows"),
        pytest.param([_says("2026-02-04 09:00", 5.0, ticket="2")], {}, id="about one that waits"),
        pytest.param([_says("2026-02-04 09:00", 7.0, unit="ces_7")], {}, id="effort is no satisfaction"),
        pytest.param([_says("2026-02-04 09:00", 5.0, is_bot=True)], {}, id="robots are not asked"),
    ],
)
def test_answers_on_satisfaction_stand_on_the_day_when_their_ticket_was_solved(acts, found):
    rows = [
        *_ticket(1, 1, "2026-02-01 10:00", None, "2026-02-01 20:00"),
        *_ticket(1, 1, None, None, SOLVED),
        *_ticket(2, 1, "2026-02-02 10:00"),
        *acts,
    ]
    told = of_kpi(_parts("csat_top2_when_solved", rows), "csat_top2_when_solved")
    by_scale = {key: parts for key, parts in told.items() if key[1] != "S"}
    assert by_scale == {("2026-02-03", scale): parts for scale, parts in found.items()}


def test_a_cohort_of_solved_tickets_is_counted_once_its_days_are_over():
    rows = [*_ticket(1, 1, "2026-02-01 10:00", None, SOLVED), _says("2026-02-04 09:00", 4.0)]
    for today, is_there in ((date(2026, 2, 17), False), (date(2026, 2, 18), True)):
        found = _parts("csat_mean_when_solved", rows, as_of=today)
        expected = {("2026-02-03", "csat_5"): (4, 1, 1)} if is_there else {}
        assert of_kpi(found, "csat_mean_when_solved") == expected


def test_ratings_of_tickets_stand_on_the_day_of_the_solution_by_the_reason_of_the_ticket():
    rows = [
        *_ticket(1, 1, "2026-02-01 10:00", None, SOLVED),
        *_ticket(2, 2, "2026-02-01 10:00", None, SOLVED, "delivery"),
        *_ticket(3, 3, "2026-02-01 10:00", None, SOLVED),
        _rates("2026-02-04 09:00", 1.0),
        _rates("2026-02-05 09:00", 0.0, "2"),
        _says("2026-02-05 09:00", 5.0, "3"),
    ]
    assert of_kpi(_parts("csat_when_solved", rows), "csat_when_solved", "day", "reason") == {
        ("2026-02-03", "all"): (1, 2, 2),
        ("2026-02-03", "bill"): (1, 1, 1),
        ("2026-02-03", "delivery"): (0, 1, 1),
    }


def test_a_cohort_leads_back_to_the_answers_of_later_days():
    rows = [*_ticket(1, 1, "2026-02-01 10:00", None, SOLVED), _says("2026-02-10 09:00", 5.0)]
    rows += [_says("2026-02-04 09:00", 1.0)]
    read = {JOURNEY_TOUCHPOINTS: touchpoints(rows)}
    source = Tables(read)
    read[TICKETS] = source.arrow(tickets(source.table(JOURNEY_TOUCHPOINTS)))
    cell = Cell(KPIS["csat_top2_when_solved"], "day", date(2026, 2, 3), "scale", "csat_5")
    found = members(cell, Tables(read), as_of=date(2026, 12, 1))
    assert recompute(cell.kpi, found.units).value == 1
    assert found.records["touchpoint_id"].to_pylist() == ["qualtrics/x/000002"]
