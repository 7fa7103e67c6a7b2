"""Bridges between variants: their steps add up, and name the units that are counted otherwise."""

from datetime import date

import pyarrow as pa
import pytest

from journey_platform.kpis.bridges import ABOVE, BELOW, BY_NAME, bridged, variants
from journey_platform.kpis.catalogue import KPIS
from journey_platform.tables import BRIDGES, JOURNEY_TOUCHPOINTS, SENTIMENT, SESSIONS
from tests.journeys.made import at, touchpoints
from tests.kpis.made import Tables, sessions

MON = date(2026, 2, 2)
FED = {source for kpi in variants() for source in kpi.sources}


def _steps(rows, bridge, period="day"):
    found = bridged(Tables(rows), days=[MON], as_of=date(2026, 6, 1), fed=FED)
    assert found.schema == BRIDGES.schema
    return [
        (row["step"], row["value"])
        for row in found.to_pylist()
        if (row["bridge"], row["period"]) == (bridge, period)
    ]


def test_bridges_lead_between_declared_variants():
    for bridge in BY_NAME.values():
        first, second = KPIS[bridge.first], KPIS[bridge.second]
        assert (first.unit, first.scale) == (second.unit, second.scale)
        assert not bridge.reasons or first.grain == second.grain


@pytest.fixture(scope="module")
def visits():
    rows = [
        # Bounces both ways; one page for long; nothing but an event, short; three pages.
        {"day": MON},
        {"day": MON, "is_engaged_ga4": True},
        {"day": MON, "page_views": 0, "is_bounce_single_page": False},
        *[{"day": MON, "is_bounce_single_page": False, "is_engaged_ga4": True, "is_engaged_snowplow": True}]
        * 2,
    ]
    return {SESSIONS: sessions(rows)}


@pytest.mark.parametrize("period", ["day", "week"])
def test_two_bounce_rates_of_one_value_may_be_of_other_visits(visits, period):
    assert _steps(visits, "bounce_single_page_to_ga4", period) == [
        ("bounce_single_page", 0.4),
        ("one page, but over 10 s or an order", -0.2),
        ("no page view, and not engaged", 0.2),
        ("bounce_ga4", 0.4),
    ]


def test_the_reason_for_a_gap_is_named(visits):
    assert _steps(visits, "bounce_ga4_to_snowplow") == [
        ("bounce_ga4", 0.4),
        ("over 10 s, but fewer than two heartbeats", 0.2),
        ("two heartbeats, but not over 10 s", 0.0),
        ("bounce_snowplow", pytest.approx(0.6)),
    ]


def test_what_leaves_the_denominator_is_a_step_of_its_own():
    moods = ["positive", "neutral", "neutral", "positive", "negative"]
    rows = [{"day": MON, "touchpoint_id": str(n), "sentiment": mood} for n, mood in enumerate(moods)]
    steps = _steps({SENTIMENT: pa.Table.from_pylist(rows, SENTIMENT.schema)}, "net_sentiment_to_opinions")
    assert steps == [
        ("net_sentiment", 20.0),
        (ABOVE, 0.0),
        (BELOW, pytest.approx(100 / 3 - 20)),
        ("net_sentiment_of_opinions", pytest.approx(100 / 3)),
    ]


def test_a_period_without_units_of_a_variant_has_no_bridge():
    assert _steps({}, "bounce_ga4_to_snowplow") == []


def _cart_acts():
    acts = [
        {"type": kind, "person_key": person, "occurred_at": at(f"2026-02-0{day} {hour}:00"), "device": "d"}
        for person, day, hour, kind in [
            (1, 2, 10, "add_to_cart"),
            (1, 2, 12, "add_to_cart"),
            (1, 9, 11, "order"),
            (2, 2, 10, "add_to_cart"),
        ]
    ]
    return Tables({JOURNEY_TOUCHPOINTS: touchpoints(acts)})


def test_variants_that_no_source_in_use_feeds_have_no_bridge():
    assert not len(bridged(_cart_acts(), days=[MON], as_of=date(2026, 6, 1), fed=()))


def test_the_steps_of_every_bridge_add_up():
    found = bridged(_cart_acts(), days=[MON], as_of=date(2026, 6, 1), fed=FED).to_pylist()
    chains = {}
    for row in found:
        chains.setdefault((row["bridge"], row["period"]), []).append(row["value"])
    assert chains["cart_conversion_first_to_deepest", "day"] == [0.0, 0.5, 0.5]
    assert chains["cart_conversion_first_to_every", "day"] == pytest.approx([0.0, 0.5, 1 / 3 - 1 / 2, 1 / 3])
    for values in chains.values():
        assert sum(values[:-1]) == pytest.approx(values[-1])
