"""Late-stage parts on hand-made touchpoints: weeks, known people, latest answers."""

from datetime import date

import pytest

from journey_platform.kpis import late
from tests.journeys.made import at, touchpoints
from tests.kpis.made import of_kpi, profiles, run, table


def _parts(rows, known=(1, 2, 3), anonymous=(9,)):
    return run(late.parts(table(touchpoints(rows)), table(profiles(known, anonymous))))


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
    assert of_kpi(_parts(rows), "support_rate") == {("2026-02-02", "all"): (asked, active, active)}


def test_a_week_of_nobody_has_no_parts():
    assert of_kpi(_parts([_did(9), _did(None)]), "support_rate") == {}


def test_weeks_begin_on_the_local_monday():
    sunday, monday = date(2026, 3, 29), date(2026, 3, 30)
    # In Amsterdam the Sunday on which summer time begins ends at 22:00 UTC.
    rows = [
        _did(1, when="2026-03-29 21:59:59", day=sunday),
        _did(2, "ticket_created", when="2026-03-29 22:00", day=monday),
        _did(1, when="2026-04-05 21:59", day=date(2026, 4, 5)),
    ]
    assert of_kpi(_parts(rows), "support_rate") == {
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
    assert of_kpi(_parts(rows), "nps") == {("2026-02-02", "S"): (net, n, n)}


def test_surveys_and_weeks_are_kept_apart():
    rows = [_answer(10, 1), _answer(0, 1, survey="T"), _answer(0, 1, "2026-02-09 12:00")]
    assert of_kpi(_parts(rows), "nps") == {
        ("2026-02-02", "S"): (1, 1, 1),
        ("2026-02-02", "T"): (-1, 1, 1),
        ("2026-02-09", "S"): (-1, 1, 1),
    }
