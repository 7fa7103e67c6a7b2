"""Late-stage parts on hand-made touchpoints: weeks, known people, latest answers."""

from datetime import date, timedelta

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from journey_platform.tables import JOURNEY_TOUCHPOINTS, PROFILES_TABLE
from tests.journeys.made import at, touchpoints
from tests.kpis.made import count, days, of_kpi, profiles

YEAR = days(date(2026, 1, 1), date(2026, 5, 31))


def _parts(kpi, rows, known=(1, 2, 3), anonymous=(9,), on=YEAR, as_of=date(2026, 12, 1)):
    touched = touchpoints(rows)
    read = {JOURNEY_TOUCHPOINTS: touched, PROFILES_TABLE: profiles(known, anonymous)}
    return count(read, [kpi], on, as_of=as_of)


def _did(person, kind="page_view", when="2026-02-04 12:00", **more):
    return {"person_key": person, "type": kind, "occurred_at": at(when), **more}


@pytest.mark.parametrize(
    ("rows", "asked", "active"),
    [
        pytest.param(
            [_did(1), _did(1), _did(2, "ticket_created"), _did(2, "ticket_created")], 1, 2, id="distinct"
        ),
        pytest.param([_did(1, "ticket_created"), _did(1)], 1, 1, id="one-person-both-ways"),
        pytest.param([_did(1), _did(9, "ticket_created"), _did(None, "ticket_created")], 0, 1, id="known"),
        pytest.param(
            [_did(1), _did(2, is_bot=True), _did(3, "email_open", is_machine=True)], 0, 1, id="no-human"
        ),
        pytest.param(
            [_did(1), _did(2, "email_bounce"), _did(3, "ticket_replied")], 0, 1, id="not-their-doing"
        ),
        pytest.param(
            [_did(1), _did(2, "ticket_solved"), _did(3, "brand_post")], 0, 1, id="not-their-doing-either"
        ),
        pytest.param(
            [_did(1, "email_open"), _did(2, "survey_response"), _did(3, "social_post")], 0, 3, id="any"
        ),
        pytest.param([_did(1, "email_open", is_machine=True), _did(1)], 0, 1, id="a-machine-and-the-person"),
    ],
)
def test_support_rate_counts_known_people(rows, asked, active):
    assert of_kpi(_parts("support_rate", rows), "support_rate", "week", "all") == {
        ("2026-02-02", "all"): (asked, active, active)
    }


def test_a_week_of_nobody_has_no_parts():
    assert of_kpi(_parts("support_rate", [_did(9), _did(None)]), "support_rate", "week") == {}


def test_weeks_begin_on_the_local_monday():
    sunday, monday = date(2026, 3, 29), date(2026, 3, 30)
    # In Amsterdam the Sunday on which summer time begins ends at 22:00 UTC.
    rows = [
        _did(1, when="2026-03-29 21:59:59", day=sunday),
        _did(2, "ticket_created", when="2026-03-29 22:00", day=monday),
        _did(1, when="2026-04-05 21:59", day=date(2026, 4, 5)),
    ]
    assert of_kpi(_parts("support_rate", rows), "support_rate", "week", "all") == {
        ("2026-03-23", "all"): (0, 1, 1),
        ("2026-03-30", "all"): (1, 2, 2),
    }


def _answer(score, person=None, when="2026-02-04 12:00", survey="S", **more):
    return {
        **_did(person, "survey_response", when, vendor="qualtrics", channel="survey", subject_id=survey),
        "value": None if score is None else float(score),
        "unit": "nps" if score is not None else None,
        **more,
    }


@pytest.mark.parametrize(
    ("rows", "net", "n"),
    [
        pytest.param([_answer(s) for s in range(11)], 2 - 7, 11, id="every-score-once"),
        pytest.param([_answer(10, 1), _answer(0, 1, "2026-02-05 12:00")], -1, 1, id="latest-of-a-person"),
        pytest.param(
            [_answer(0, 1, "2026-02-08 23:00"), _answer(10, 1)], -1, 1, id="latest-by-time-not-by-place"
        ),
        pytest.param([_answer(10, 1), _answer(10, 2), _answer(0, 3)], 1, 3, id="persons-apart"),
        pytest.param([_answer(10), _answer(10), _answer(10, 9), _answer(10, 9)], 4, 4, id="anonymous"),
        pytest.param([_answer(7), _answer(8)], 0, 2, id="passives"),
        pytest.param([_answer(9), _answer(None)], 1, 1, id="without-a-score"),
        pytest.param([_answer(9), _answer(0, is_bot=True)], 1, 1, id="robots-left-out"),
        pytest.param([_answer(9), _answer(1, unit="csat")], 1, 1, id="another-scale"),
    ],
)
def test_nps_counts_the_latest_answer_of_each_person(rows, net, n):
    assert of_kpi(_parts("nps", rows), "nps", "week") == {("2026-02-02", "S"): (net, n, n)}


def test_surveys_and_weeks_are_kept_apart():
    rows = [_answer(10, 1), _answer(0, 1, survey="T"), _answer(0, 1, "2026-02-09 12:00")]
    assert of_kpi(_parts("nps", rows), "nps", "week") == {
        ("2026-02-02", "S"): (1, 1, 1),
        ("2026-02-02", "T"): (-1, 1, 1),
        ("2026-02-09", "S"): (-1, 1, 1),
    }


def test_a_month_takes_the_latest_answer_of_the_month():
    rows = [_answer(10, 1), _answer(0, 1, "2026-02-10 12:00"), _answer(9, 1, "2026-03-01 12:00")]
    assert of_kpi(_parts("nps", rows), "nps", "month") == {
        ("2026-02-01", "S"): (-1, 1, 1),
        ("2026-03-01", "S"): (1, 1, 1),
    }


def test_contacts_and_active_days_are_counted_per_active_customer():
    rows = [
        _did(1, "ticket_created", subject_id="a"),
        _did(1, "ticket_created", "2026-02-05 12:00", subject_id="b"),
        _did(2),
        _did(2, when="2026-02-06 12:00"),
        _did(2, when="2026-02-06 13:00"),
        _did(9, "ticket_created", subject_id="c"),
    ]
    contacts = of_kpi(_parts("contacts_per_100_active", rows), "contacts_per_100_active", "week", "all")
    assert contacts == {("2026-02-02", "all"): (2, 2, 2)}
    sticky = _parts("stickiness", rows)
    assert of_kpi(sticky, "stickiness", "week", "all") == {("2026-02-02", "all"): (4, 14, 14)}
    assert of_kpi(sticky, "stickiness", "month", "all") == {("2026-02-01", "all"): (4, 56, 56)}


def test_a_period_that_is_not_over_counts_its_days_so_far():
    found = _parts("stickiness", [_did(1)], as_of=date(2026, 2, 6))
    assert of_kpi(found, "stickiness", "week", "all") == {("2026-02-02", "all"): (1, 4, 4)}


RETURNS = [
    # Friday, then Monday: back in the next calendar week, not yet 7 times 24 hours later.
    _did(1, when="2026-02-06 12:00"),
    _did(1, when="2026-02-09 12:00"),
    # Monday, then the second Monday, an hour before 14 times 24 hours are over.
    _did(2, when="2026-02-02 12:00"),
    _did(2, when="2026-02-16 11:00"),
    _did(3, when="2026-02-03 12:00"),
]


@pytest.mark.parametrize(
    ("clock", "back"), [pytest.param("calendar", 1, id="calendar"), pytest.param("rolling", 1, id="rolling")]
)
def test_clocks_of_retention_find_different_people(clock, back):
    kpi = f"retention_{clock}"
    alone = {
        person: of_kpi(
            _parts(kpi, [row for row in RETURNS if row["person_key"] == person]), kpi, "week", "all"
        )["2026-02-02", "all"][0]
        for person in (1, 2, 3)
    }
    assert alone == ({1: 1, 2: 0, 3: 0} if clock == "calendar" else {1: 0, 2: 1, 3: 0})
    assert of_kpi(_parts(kpi, RETURNS), kpi, "week", "all")["2026-02-02", "all"] == (back, 3, 3)


@pytest.mark.parametrize(
    ("clock", "first_day_it_counts"),
    [
        pytest.param("calendar", date(2026, 2, 16), id="calendar"),
        pytest.param("rolling", date(2026, 2, 23), id="rolling"),
    ],
)
def test_weeks_whose_following_is_not_over_are_left_out(clock, first_day_it_counts):
    kpi = f"retention_{clock}"
    monday = [date(2026, 2, 2)]
    assert _parts(kpi, RETURNS, on=monday, as_of=first_day_it_counts - timedelta(days=1)).num_rows == 0
    assert of_kpi(_parts(kpi, RETURNS, on=monday, as_of=first_day_it_counts), kpi, "week", "all")


@pytest.mark.parametrize(
    ("days_of_acts", "gone"),
    [
        pytest.param(["2026-01-20"], (1, 1, 1), id="28 days end in the month"),
        pytest.param(["2026-01-20", "2026-02-16"], (0, 1, 1), id="back a day before"),
        pytest.param(["2026-01-20", "2026-02-17"], (0, 1, 1), id="back on the last day"),
        pytest.param(["2026-01-20", "2026-02-18"], (1, 1, 1), id="back a day too late"),
        pytest.param(["2026-01-04"], (1, 1, 1), id="the month's first day"),
        pytest.param(["2026-01-03"], None, id="gone before the month"),
        pytest.param(["2026-02-01"], None, id="not there before the month"),
        pytest.param(["2026-01-31", "2026-02-10"], (0, 1, 1), id="silent at its end, not yet for 28 days"),
    ],
)
def test_churn_is_silence_that_ends_in_the_month(days_of_acts, gone):
    rows = [_did(1, when=f"{day} 12:00") for day in days_of_acts]
    found = of_kpi(_parts("churn_inactive_28d", rows), "churn_inactive_28d", "month", "all")
    assert found.get(("2026-02-01", "all")) == gone


def test_ratings_are_good_or_bad():
    rated = {"type": "ticket_rated", "unit": "csat", "channel": "ticket", "reason": "bill"}
    rows = [{**rated, "value": score, "occurred_at": at("2026-02-02 10:00")} for score in (1.0, 1.0, 0.0)]
    assert of_kpi(_parts("csat", rows), "csat", dimension="all") == {("2026-02-02", "all"): (2, 3, 3)}


def test_people_are_divided_by_what_is_known_of_them_and_by_every_segment_of_theirs():
    people = profiles([1, 2, 3]).to_pylist()
    for person, company in zip(people, ("Acme", "Acme", None), strict=True):
        person["company"] = company
    read = {
        JOURNEY_TOUCHPOINTS: touchpoints([_did(1, "ticket_created", subject_id="a"), _did(2), _did(3)]),
        PROFILES_TABLE: pa.Table.from_pylist(people, PROFILES_TABLE.schema),
    }
    segments = pa.table({"person_key": [1, 1, 3], "segment": ["vip", "new", "new"]})
    found = count(read, ["support_rate"], [date(2026, 2, 2)], segments=segments)
    by = {
        name: of_kpi(found.filter(pc.equal(found["dimension"], name)), "support_rate", "week")
        for name in ("account", "segment")
    }
    assert by["account"] == {("2026-02-02", "Acme"): (1, 2, 2), ("2026-02-02", "Unassigned"): (0, 1, 1)}
    assert by["segment"] == {("2026-02-02", "vip"): (1, 1, 1), ("2026-02-02", "new"): (1, 2, 2)}
