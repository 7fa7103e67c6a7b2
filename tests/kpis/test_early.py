"""Early-stage parts on hand-made sessions, mailings and posts."""

from datetime import date

import pyarrow as pa
import pytest

from journey_platform.kpis.catalogue import KPIS
from journey_platform.kpis.grains.words import sent_days
from journey_platform.kpis.members import Cell, members
from journey_platform.tables import JOURNEY_TOUCHPOINTS, MAILINGS, SENTIMENT, SESSIONS
from tests.journeys.made import at, touchpoints
from tests.kpis.made import Tables, count, days, of_kpi, sessions

SENT = date(2026, 2, 2)
TAGS = "tag_timelines"
FEBRUARY = days(date(2026, 2, 1), date(2026, 2, 28))


def _mailings(*rows):
    named = [
        {"campaign_id": campaign, "day": day, "delivered": delivered, "emails_sent": delivered + 2}
        for campaign, day, delivered in rows
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


def _parts(kpis, visits=(), touched=(), sent=()):
    rows = {
        SESSIONS: sessions(visits),
        JOURNEY_TOUCHPOINTS: touchpoints(touched),
        MAILINGS: _mailings(*sent),
    }
    return count(rows, kpis, FEBRUARY)


def test_traffic_source_divides_the_days_sessions_by_channel():
    visits = [
        *[{"day": SENT, "traffic_channel": channel} for channel in ("Email", "Email", "Direct", None)],
        {"day": SENT, "traffic_channel": "Email", "is_bot": True},
        {"day": date(2026, 2, 3), "traffic_channel": "Direct"},
    ]
    assert of_kpi(_parts(["traffic_source"], visits), "traffic_source") == {
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
    kpis = ["delivery_rate", "open_rate_lower", "open_rate_upper", "click_through_rate", "click_to_open_rate"]
    return _parts(kpis, touched=touched, sent=sent)


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


def test_clicks_per_open_count_those_who_did_both(rates):
    found = of_kpi(rates, "click_to_open_rate")
    # Recipient 5 clicked with the pictures blocked: no open of theirs is known.
    assert found["2026-02-02", "a"] == (1, 3, 3)
    assert found["2026-02-02", "all"] == (1, 4, 4)
    assert found["2026-02-05", "all"] == (0, 0, 0)


def test_delivery_is_what_did_not_bounce(rates):
    assert of_kpi(rates, "delivery_rate")["2026-02-02", "all"] == (14, 18, 18)
    assert of_kpi(rates, "delivery_rate", "week")["2026-02-02", "all"] == (17, 25, 25)
    assert of_kpi(rates, "delivery_rate", "month")["2026-02-01", "all"] == (17, 25, 25)


def _heard(answer, when="2026-02-02 10:00", survey="S", **more):
    named = {"vendor": "qualtrics", "channel": "survey", "type": "survey_heard", "subject_id": survey}
    return {**named, "reason": answer, "occurred_at": at(when), **more}


def test_where_people_heard_of_us_is_a_share_of_those_who_say_so():
    touched = [_heard("search"), _heard("a friend"), _heard("search"), _heard(None, survey="T")]
    found = _parts(["heard_about_us", "heard_about_us_answered"], touched=touched)
    assert of_kpi(found, "heard_about_us", dimension="answer") == {
        ("2026-02-02", "all"): (3, 3, 3),
        ("2026-02-02", "search"): (2, 3, 3),
        ("2026-02-02", "a friend"): (1, 3, 3),
    }
    assert of_kpi(found, "heard_about_us_answered", dimension="survey") == {
        ("2026-02-02", "all"): (3, 4, 4),
        ("2026-02-02", "S"): (3, 3, 3),
        ("2026-02-02", "T"): (0, 1, 1),
    }


def test_shares_of_a_longer_period_have_its_total_below_the_line():
    visits = [
        {"day": SENT, "traffic_channel": "Email"},
        {"day": date(2026, 2, 3), "traffic_channel": "Direct"},
        {"day": date(2026, 2, 3), "traffic_channel": "Direct"},
    ]
    assert of_kpi(_parts(["traffic_source"], visits), "traffic_source", "week") == {
        ("2026-02-02", "all"): (3, 3, 3),
        ("2026-02-02", "Email"): (1, 3, 3),
        ("2026-02-02", "Direct"): (2, 3, 3),
    }


@pytest.mark.parametrize(
    ("kpi", "everything", "bill"),
    [
        pytest.param("net_sentiment", (-1, 4, 4), (-2, 2, 2), id="neutral texts stay below the line"),
        pytest.param("net_sentiment_of_opinions", (-1, 3, 3), (-2, 2, 2), id="without neutral texts"),
        pytest.param("sentiment_positive", (1, 4, 4), (0, 2, 2), id="positive"),
        pytest.param("sentiment_negative", (2, 4, 4), (2, 2, 2), id="negative"),
        pytest.param("sentiment_unknown", (1, 5, 5), (0, 2, 2), id="unknown is not neutral"),
    ],
)
def test_moods_are_counted_by_topic(kpi, everything, bill):
    moods = [
        ("positive", None),
        ("neutral", None),
        ("negative", "bill"),
        ("negative", "bill"),
        ("unknown", "x"),
    ]
    rows = [
        {"day": SENT, "touchpoint_id": str(n), "channel": "ticket", "topic": topic, "sentiment": mood}
        for n, (mood, topic) in enumerate(moods)
    ]
    found = of_kpi(count({SENTIMENT: pa.Table.from_pylist(rows, SENTIMENT.schema)}, [kpi], FEBRUARY), kpi)
    assert (found["2026-02-02", "all"], found["2026-02-02", "bill"]) == (everything, bill)


def test_mentions_are_distinct_posts_of_others():
    touched = [
        _post("1", "2026-02-02 10:00", stream=TAGS),
        _post("1", "2026-02-02 10:00", stream="search"),
        _post("1", "2026-02-02 10:00", vendor="elsewhere"),
        _post("2", "2026-02-02 11:00"),
        _post("3", "2026-02-02 11:00", is_bot=True),
        _post("4", "2026-02-02 11:00", kind="brand_post"),
        _post("2", "2026-02-02 12:00", kind="social_reblog"),
        _post("5", "2026-02-03 11:00"),
    ]
    assert of_kpi(_parts(["social_mentions"], touched=touched), "social_mentions", dimension="platform") == {
        ("2026-02-02", "all"): (3, None, 3),
        ("2026-02-02", "mastodon"): (2, None, 2),
        ("2026-02-02", "elsewhere"): (1, None, 1),
        ("2026-02-03", "all"): (1, None, 1),
        ("2026-02-03", "mastodon"): (1, None, 1),
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
    source = Tables({MAILINGS: sent, JOURNEY_TOUCHPOINTS: touched})
    found = source.arrow(sent_days(source.table(JOURNEY_TOUCHPOINTS), source.table(MAILINGS)))
    assert sorted(found["day"].to_pylist()) == [date(2026, 2, 1), date(2026, 2, 2)]


def test_engagement_is_the_mean_of_our_posts_that_have_followers():
    def own(post, when, value, **more):
        return _post(
            post, when, "brand_post", value=value, unit=None if value is None else "per_follower", **more
        )

    rows = [
        own("a", "2026-02-02 09:00", 0.02),
        own("b", "2026-02-02 18:00", 0.06),
        own("c", "2026-02-02 19:00", None),
        own("d", "2026-02-03 09:00", None),
        own("e", "2026-02-04 09:00", 0.0),
        _post("f", "2026-02-02 10:00"),
    ]
    kpi = "social_engagement_by_followers"
    found = _parts([kpi], touched=rows)
    assert of_kpi(found, kpi, dimension="platform") == {
        ("2026-02-02", "all"): (pytest.approx(0.08), 2, 2),
        ("2026-02-02", "mastodon"): (pytest.approx(0.08), 2, 2),
        ("2026-02-04", "all"): (0, 1, 1),
        ("2026-02-04", "mastodon"): (0, 1, 1),
    }
    assert of_kpi(found, kpi, "month", "all") == {("2026-02-01", "all"): (pytest.approx(0.08), 3, 3)}
    assert KPIS[kpi].scale == 100


def test_the_voice_is_shared_by_all_that_are_named():
    rows = [
        _post("a", "2026-02-02 09:00"),
        _post("a", "2026-02-02 09:00"),
        _post("a", "2026-02-02 09:00", "competitor_post", source="rival"),
        _post("a", "2026-02-02 09:00", "competitor_post", source="other"),
        _post("b", "2026-02-02 10:00", "competitor_post", source="rival"),
        _post("c", "2026-02-02 11:00", "competitor_post", source="rival", is_bot=True),
        _post("d", "2026-02-02 12:00", "competitor_reblog", source="rival"),
        _post("e", "2026-02-02 13:00", "brand_post"),
        _post("f", "2026-02-03 09:00", "competitor_post", source="rival"),
    ]
    found = _parts(["share_of_voice", "social_mentions"], touched=rows)
    assert of_kpi(found, "share_of_voice") == {
        ("2026-02-02", "own brand"): (1, 4, 4),
        ("2026-02-02", "rival"): (2, 4, 4),
        ("2026-02-02", "other"): (1, 4, 4),
        ("2026-02-03", "rival"): (1, 1, 1),
    }
    assert of_kpi(found, "share_of_voice", "week")["2026-02-02", "own brand"] == (1, 5, 5)
    assert of_kpi(found, "social_mentions", dimension="all") == {("2026-02-02", "all"): (1, None, 1)}


def test_a_share_of_voice_leads_back_to_the_posts_of_all_that_are_named():
    rows = [
        _post("a", "2026-02-02 09:00", stream=TAGS),
        _post("a", "2026-02-02 09:00", "competitor_post", source="rival", stream=TAGS),
        _post("b", "2026-02-02 10:00", "competitor_post", source="rival", stream=TAGS),
        _post(
            "c", "2026-02-02 11:00", "competitor_post", source="rival", stream="tag_timelines", is_bot=True
        ),
    ]
    cell = Cell(KPIS["share_of_voice"], "day", SENT, "brand", "rival")
    found = members(cell, Tables({JOURNEY_TOUCHPOINTS: touchpoints(rows)}), as_of=date(2026, 3, 1))
    assert found.units["above"].to_pylist() == [0, 1, 1]
    assert found.records["touchpoint_id"].to_pylist() == [f"mastodon/x/00000{n}" for n in range(3)]
    assert found.excluded.to_pylist() == [{"touchpoint_id": "mastodon/x/000003", "reason": "robot"}]
