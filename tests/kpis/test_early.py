"""Early-stage parts on hand-made sessions, mailings and posts."""

from datetime import date

import pyarrow as pa
import pytest

from journey_platform.kpis import early
from journey_platform.tables import MAILINGS
from tests.journeys.made import at, touchpoints
from tests.kpis.made import of_kpi, run, sessions, table

SENT = date(2026, 2, 2)


def _mailings(*rows):
    named = [
        {"campaign_id": campaign, "day": day, "delivered": delivered} for campaign, day, delivered in rows
    ]
    return pa.Table.from_pylist(named, MAILINGS.schema)


def _act(kind, campaign, recipient, when, **more):
    return {
        "vendor": "mailchimp",
        "channel": "email",
        "type": f"email_{kind}",
        "subject_id": campaign,
        "recipient_key": recipient,
        "occurred_at": at(when),
        **more,
    }


def _post(post, when, kind="social_post", **more):
    common = {"vendor": "mastodon", "channel": "social", "type": kind, "subject_id": post}
    return {**common, "occurred_at": at(when), **more}


def _parts(visits=(), touched=(), sent=()):
    return run(early.parts(table(sessions(visits)), table(touchpoints(touched)), table(_mailings(*sent))))


def test_traffic_source_divides_the_days_sessions_by_channel():
    visits = [
        *[{"day": SENT, "traffic_channel": channel} for channel in ("Email", "Email", "Direct", None)],
        {"day": SENT, "traffic_channel": "Email", "is_bot": True},
        {"day": date(2026, 2, 3), "traffic_channel": "Direct"},
    ]
    assert of_kpi(_parts(visits), "traffic_source") == {
        ("2026-02-02", "all"): (4, 4, 4),
        ("2026-02-02", "Email"): (2, 4, 4),
        ("2026-02-02", "Direct"): (1, 4, 4),
        ("2026-02-02", "Unassigned"): (1, 4, 4),
        ("2026-02-03", "all"): (1, 1, 1),
        ("2026-02-03", "Direct"): (1, 1, 1),
    }


@pytest.fixture(scope="module")
def rates():
    touched = [
        _act("open", "a", 1, "2026-02-02 09:00"),
        _act("open", "a", 1, "2026-02-09 09:00"),
        _act("open", "a", 2, "2026-02-02 09:00", is_machine=True),
        _act("open", "a", 3, "2026-02-02 09:00", is_machine=True),
        _act("open", "a", 3, "2026-02-20 09:00"),
        _act("open", "a", 4, "2026-02-02 09:00", is_bot=True),
        _act("click", "a", 1, "2026-02-02 09:01", person_key=7),
        _act("click", "a", 1, "2026-02-02 09:02", person_key=7),
        _act("click", "a", 5, "2026-02-02 09:02", person_key=7),
        _act("click", "a", 6, "2026-02-02 09:02", is_machine=True),
        _act("bounce", "a", 8, "2026-02-02 09:00"),
        _act("open", "b", 1, "2026-02-02 10:00"),
        _act("open", "not reported", 1, "2026-02-02 10:00"),
    ]
    sent = [
        ("a", SENT, 10),
        ("b", SENT, 4),
        ("unopened", date(2026, 2, 5), 3),
        ("to nobody", date(2026, 2, 6), 0),
    ]
    return _parts(touched=touched, sent=sent)


@pytest.mark.parametrize(
    ("kpi", "a", "b"),
    [
        pytest.param("open_rate_lower", 2, 1, id="opens-no-machine-made"),
        pytest.param("open_rate_upper", 3, 1, id="any-opens"),
        pytest.param("click_through_rate", 2, 0, id="clicks-by-address-though-one-person"),
    ],
)
def test_a_mailings_rates_stand_on_its_send_day_and_count_recipients_once(rates, kpi, a, b):
    assert of_kpi(rates, kpi) == {
        ("2026-02-02", "all"): (a + b, 14, 14),
        ("2026-02-02", "a"): (a, 10, 10),
        ("2026-02-02", "b"): (b, 4, 4),
        ("2026-02-05", "all"): (0, 3, 3),
        ("2026-02-05", "unopened"): (0, 3, 3),
        ("2026-02-06", "all"): (0, 0, 0),
        ("2026-02-06", "to nobody"): (0, 0, 0),
    }


def test_mentions_are_distinct_posts_of_others():
    touched = [
        _post("1", "2026-02-02 10:00", stream="tag_timelines"),
        _post("1", "2026-02-02 10:00", stream="search"),
        _post("1", "2026-02-02 10:00", vendor="elsewhere"),
        _post("2", "2026-02-02 11:00"),
        _post("3", "2026-02-02 11:00", is_bot=True),
        _post("4", "2026-02-02 11:00", kind="brand_post"),
        _post("2", "2026-02-02 12:00", kind="social_reblog"),
        _post("5", "2026-02-03 11:00"),
    ]
    assert of_kpi(_parts(touched=touched), "social_mentions") == {
        ("2026-02-02", "all"): (3, None, 3),
        ("2026-02-03", "all"): (1, None, 1),
    }


def test_a_day_of_opens_touches_the_send_days_of_the_mailings_opened_or_clicked():
    sent = pa.Table.from_pylist(
        [
            {"campaign_id": "opened", "day": date(2026, 2, 1)},
            {"campaign_id": "clicked", "day": date(2026, 2, 2)},
            {"campaign_id": "bounced", "day": date(2026, 2, 3)},
            {"campaign_id": "quiet", "day": date(2026, 2, 5)},
        ],
        MAILINGS.schema,
    )
    touched = touchpoints(
        [
            _act("open", "opened", 1, "2026-02-09 10:00"),
            _act("open", "opened", 2, "2026-02-10 10:00"),
            _act("click", "clicked", 2, "2026-02-10 10:00"),
            _act("bounce", "bounced", 2, "2026-02-10 10:00"),
        ]
    )
    found = run(early.days_touched(table(touched), table(sent)))
    assert sorted(found["day"].to_pylist()) == [date(2026, 2, 1), date(2026, 2, 2)]
