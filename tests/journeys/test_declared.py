"""Conditions and declarations: what they mean, and what is said of mistakes."""

from pathlib import Path

import pyarrow as pa
import pytest

from journey_platform.journeys.conditions import ConditionError, condition
from journey_platform.journeys.declared import DeclarationError, checked, load, read

ROWS = pa.table(
    {
        "type": pa.array(["order", "page_view", None, "cart"]).dictionary_encode(),
        "page": ["/shop/router", "/shop", "/help", None],
        "value": [20.0, None, -1.0, 5.0],
        "is_bot": [False, True, None, False],
        "profile.plan": ["month", None, "year", "month"],
    }
)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        pytest.param("type = 'order'", [0], id="equal"),
        pytest.param("type <> 'order'", [1, 3], id="null-is-not-different"),
        pytest.param("not type = 'order'", [1, 2, 3], id="a-negation-holds-for-null"),
        pytest.param("type in ('order', 'cart')", [0, 3], id="in"),
        pytest.param("type not in ('order', 'cart')", [1, 2], id="not-in"),
        pytest.param("page like '/shop/%'", [0], id="like"),
        pytest.param("page is null", [3], id="is-null"),
        pytest.param("type is not null", [0, 1, 3], id="is-not-null"),
        pytest.param("value >= 5", [0, 3], id="at-least"),
        pytest.param("10 > value", [2, 3], id="a-column-on-the-right"),
        pytest.param("value = -1", [2], id="a-negative-number"),
        pytest.param("is_bot", [1], id="a-yes-or-no"),
        pytest.param("is_bot = false", [0, 3], id="a-no"),
        pytest.param("type = 'cart' or page like '/shop%' and value is null", [1, 3], id="and-before-or"),
        pytest.param("(type = 'cart' or page like '/shop%') and value is null", [1], id="brackets"),
        pytest.param("profile.plan = 'month' and big", [0], id="a-column-of-the-profile-and-a-segment"),
        pytest.param("true", [0, 1, 2, 3], id="always"),
    ],
)
def test_a_condition_holds_for_rows(text, holds):
    segments = {"big": "value > 10"}
    assert [n for n, is_held in enumerate(condition(text, segments).mask(ROWS)) if is_held] == holds


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("type = ", "is no condition", id="half-a-comparison"),
        pytest.param("type", "neither a segment nor a yes or no", id="a-text-alone"),
        pytest.param("typo = 'x'", "no column of a touchpoint and no segment", id="an-unknown-column"),
        pytest.param("value = 'much'", "value of another type", id="another-type"),
        pytest.param("value + 1 = 2", "one side of a comparison is a column", id="arithmetic"),
        pytest.param("lower(type) = 'x'", "one side of a comparison is a column", id="a-function"),
        pytest.param("type = page", "is no value", id="two-columns"),
        pytest.param("(select 1)", "cannot stand in a condition", id="a-query"),
        pytest.param("loop", "made of itself", id="a-segment-within-itself"),
    ],
)
def test_what_is_no_condition_is_told(text, told):
    with pytest.raises(ConditionError, match=told):
        condition(text, {"loop": "not loop"}).mask(ROWS)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("funnels:\n  a:\n    steps: [x", "journeys.yaml line", id="no-yaml"),
        pytest.param(
            "funnel: {}", "line 1, funnel: is no section; there are segments, heard, topics", id="a-section"
        ),
        pytest.param(
            "funnels:\n  buy:\n    unit: person",
            "line 2, funnels.buy: Object missing required field `steps`",
            id="missing",
        ),
        pytest.param(
            "funnels:\n  buy:\n    stepz: []\n    steps: [type = 'a', type = 'b']",
            "line 2, funnels.buy: Object contains unknown field `stepz`",
            id="unknown-word",
        ),
        pytest.param(
            "funnels:\n  buy:\n    steps:\n      - type = 'a'\n      - {where: typ = 'b'}",
            "line 5, funnels.buy.steps[1].where: typ is no column",
            id="a-column-in-a-step",
        ),
        pytest.param(
            "funnels:\n  buy:\n    steps: [type = 'a', type = 'b']\n    within: soon",
            "line 4, funnels.buy.within: Expected `str` matching regex",
            id="a-duration",
        ),
        pytest.param(
            "funnels:\n  buy:\n    steps: [type = 'a', type = 'b']\n    unit: visitor",
            "line 4, funnels.buy.unit: Invalid enum value 'visitor'",
            id="a-unit",
        ),
        pytest.param(
            "funnels:\n  buy:\n    steps: [type = 'a', type = 'b']\n    by: colour",
            "line 4, funnels.buy.by: colour is no column of a touchpoint and no segment",
            id="what-divides",
        ),
        pytest.param(
            "funnels:\n  buy:\n    steps: [is_bot, is_machine]\n    without: [{where: is_bot, after: 2}]",
            "an exclusion lies after one of the steps and before a later one",
            id="an-exclusion-nowhere",
        ),
        pytest.param(
            "retention:\n  r: {start: type = 'a', returning: type = 'a', counted: brackets}",
            "line 2, retention.r: brackets are given where",
            id="no-brackets",
        ),
        pytest.param(
            "segments:\n  s: type =", "line 2, segments.s: 'type =' is no condition", id="a-segment"
        ),
        pytest.param(
            "segments:\n  type: page is null", "is a column; a segment has a name", id="a-column's-name"
        ),
        pytest.param(
            "segments:\n  a: page is null\n  a: type is null", "line 3: a is there twice", id="a-name-twice"
        ),
        pytest.param(
            "stages:\n  s:\n    stages: {one: type = 'a'}", "line 3, stages.s.stages", id="one-stage"
        ),
        pytest.param(
            "attribution:\n  s: {conversion: profile.name = 'x', touch: 'true'}",
            "line 2, attribution.s.conversion: profile.name is no column",
            id="what-is-personal",
        ),
    ],
)
def test_a_mistake_is_told_with_its_line(text, told):
    with pytest.raises(DeclarationError) as raised:
        read(text)
    assert told in str(raised.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param(
            "week: Mon-Fri 18:00-09:00", "line 1, business_hours: 'Mon-Fri 18:00-09:00'", id="hours"
        ),
        pytest.param("week: Mon-Fri\n  zone: Mars", "line 1, business_hours: 'Mars' is no time", id="zone"),
        pytest.param(
            "week: Mon-Fri\n  holidays: [soon]", "line 3, business_hours.holidays[0]: Invalid", id="holiday"
        ),
        pytest.param("week: business", "line 2, business_hours.week: Expected `str` match", id="itself"),
    ],
)
def test_a_mistake_in_business_hours_is_told_with_its_line(text, told):
    with pytest.raises(DeclarationError) as raised:
        read(f"business_hours:\n  {text}")
    assert told in str(raised.value)


BUY = "funnels:\n  buy: {steps: [type = 'a', type = 'b'], week: business}"


def test_a_funnel_by_business_hours_is_by_those_that_are_declared():
    found = read(f"business_hours: {{week: Mon-Fri, holidays: [2026-12-25]}}\n{BUY}")
    assert found.named("funnels", "buy").week == found.business_hours
    asked = checked("funnels", {"steps": ["type = 'a'", "type = 'b'"], "week": "business"}, found)
    assert asked.week == found.business_hours


def test_a_funnel_by_business_hours_that_nobody_declared_is_a_mistake():
    with pytest.raises(DeclarationError, match=r"line 2, funnels.buy.week: no business_hours are declared"):
        read(BUY)


def test_all_mistakes_are_told_at_once():
    text = "funnels:\n  a: {steps: []}\n  b: {steps: [x = 1, type = 'b']}\nretention:\n  c: {}"
    with pytest.raises(DeclarationError) as raised:
        read(text)
    assert [line.split(",")[0] for line in str(raised.value).splitlines()] == [
        "journeys.yaml line 2",
        "journeys.yaml line 3",
        "journeys.yaml line 5",
    ]


def test_an_empty_file_declares_nothing(tmp_path: Path):
    file = tmp_path / "mine.yaml"
    file.write_text("# nothing yet\n")
    assert load(file).questions == {}
