"""Friction against hand-made sessions."""

from datetime import timedelta

import pytest

from journey_platform.journeys.conditions import condition
from journey_platform.journeys.friction import friction_pages, friction_sessions
from journey_platform.journeys.history import history
from tests.journeys.brute import START, micros
from tests.journeys.made import at, touchpoints

UNTIL = micros(START + timedelta(days=12))


def _session(number, *said):
    """Rows as (seconds, type, page, element)."""
    return [
        {
            "person_key": number,
            "device_key": number,
            "occurred_at": at("2026-03-20 12:00") + timedelta(seconds=second),
            "type": kind,
            "page": page,
            "reason": element,
            "value": 100.0 if kind == "order" else None,
        }
        for second, kind, page, element in said
    ]


def _found(*sessions, threshold=6.0, weights=None):
    rows = touchpoints([row for number, said in enumerate(sessions) for row in _session(number, *said)])
    events = history(rows).by_session()
    kept = friction_sessions(events, condition("type = 'order'"), until=UNTIL, weights=weights)
    return {(row["page"], row["signal"]): row for row in friction_pages(kept, threshold=threshold)}


VIEW = (0, "page_view", "/p", None)


@pytest.mark.parametrize(
    ("said", "signals"),
    [
        pytest.param([VIEW, (5, "error", "/p", None)], {"error": 1}, id="error"),
        pytest.param(
            [VIEW, (5, "error", "/p", None), (9, "error", "/p", None)], {"error": 2, "retry": 1}, id="retry"
        ),
        pytest.param(
            [VIEW, *[(1 + n / 4, "click", "/p", "#buy") for n in range(3)]], {"rage_click": 1}, id="rage"
        ),
        pytest.param(
            [VIEW, *[(1 + n / 4, "click", "/p", "#buy") for n in range(5)]], {"rage_click": 1}, id="one-burst"
        ),
        pytest.param([VIEW, *[(1 + n, "click", "/p", "#buy") for n in range(3)]], {}, id="slow-clicks"),
        pytest.param(
            [VIEW, *[(1 + n / 4, "click", "/p", f"#{n}") for n in range(3)]], {}, id="other-elements"
        ),
        pytest.param(
            [VIEW, (3, "click", "/p", "#buy"), (4, "error", "/p", None)],
            {"error": 1, "error_click": 1},
            id="error-click",
        ),
        pytest.param(
            [VIEW, (3, "click", "/p", "#buy"), (5, "error", "/p", None)], {"error": 1}, id="an-error-later"
        ),
        pytest.param(
            [VIEW, (3, "dead_click", None, "#buy")], {"dead_click": 1}, id="dead-click-on-the-page-before-it"
        ),
        pytest.param(
            [(0, "page_view", "/list", None), (5, "page_view", "/p", None), (9, "page_view", "/list", None)],
            {"quick_back": 1},
            id="quick-back",
        ),
        pytest.param(
            [(0, "page_view", "/list", None), (5, "page_view", "/p", None), (16, "page_view", "/list", None)],
            {},
            id="a-slow-way-back",
        ),
    ],
)
def test_signals_are_found_on_their_page(said, signals):
    found = _found(said)
    assert {
        signal: row["count"] for (page, signal), row in found.items() if page == "/p" and signal != "score"
    } == signals


def test_what_struggling_sessions_lost_is_a_range():
    struggling = [VIEW, (5, "error", "/p", None), (9, "error", "/p", None)]
    bought = [VIEW, (20, "order", "/thanks", None)]
    found = _found(
        struggling, struggling, [*struggling, (30, "order", "/thanks", None)], bought, bought, [VIEW]
    )
    score = found["/p", "score"]
    assert (score["count"], score["sessions"], score["score"]) == (3, 6, 3 * 12)
    assert (score["conversion_with"], score["conversion_without"]) == pytest.approx((1 / 3, 2 / 3))
    assert score["money_lost"] == pytest.approx(3 * (1 / 3) * 100)
    assert score["money_low"] < 0 < score["money_lost"] < score["money_high"]
    assert found["all", "score"]["sessions"] == 6


def test_weights_are_the_declarations():
    found = _found([VIEW, (5, "error", "/p", None)], weights={"error": 1.5})
    assert found["/p", "score"]["score"] == 1.5
    assert found["/p", "score"]["count"] == 0
