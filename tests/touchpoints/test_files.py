"""What the rules of a declaration make of a row: values looked up, languages told."""

from typing import Any

import pytest

from journey_platform.touchpoints.files import FeedRules, FileMapping
from journey_platform.touchpoints.mapping import Mapped
from tests.touchpoints.raws import raw


def mapped(rule: dict[str, Any], *rows: dict[str, Any]) -> Mapped:
    """Rows of one feed of events under one rule."""
    whole = {"type": "social_post", "channel": "social", **rule}
    feeds = {"texts": FeedRules(is_event=True, touchpoints=[whole], contacts=[])}
    return FileMapping(feeds, ()).touchpoints({"texts": raw("files", "texts", *rows)}, zone="UTC")


STARS = {"column": "stars", "values": {"3": "even"}, "below": {3.5: "bad", 2: "worst"}, "otherwise": "good"}


@pytest.mark.parametrize(
    ("stars", "told"),
    [
        pytest.param(3, "even", id="listed"),
        pytest.param(1.9, "worst", id="the lowest limit above"),
        pytest.param(2, "bad", id="a limit is not below itself"),
        pytest.param(3.5, "good", id="no limit above"),
        pytest.param(None, "good", id="blank"),
    ],
)
def test_a_number_is_told_by_the_limits_above_it(stars: object, told: str) -> None:
    found = mapped({"reason": STARS}, {"stars": stars})
    assert found.rows["reason"].to_pylist() == [told]


@pytest.mark.parametrize(
    ("stars", "otherwise", "reason"),
    [
        pytest.param("many", "good", "not a number", id="no number"),
        pytest.param(4, None, "the value has no counterpart in the declaration", id="above every limit"),
    ],
)
def test_a_value_without_a_counterpart_is_refused(stars: object, otherwise: object, reason: str) -> None:
    found = mapped({"reason": {**STARS, "otherwise": otherwise}}, {"stars": stars})
    assert found.rows.num_rows == 0
    assert [(row["reason"], row["field"]) for row in found.rejected.to_pylist()] == [(reason, "stars")]


@pytest.mark.parametrize(
    ("says", "told"),
    [
        pytest.param("en", "en", id="one for all"),
        pytest.param("$lang", "nl", id="a column, without its country"),
        pytest.param("$none", None, id="blank"),
        pytest.param({"column": "lang", "values": {"NL-be": "fr"}}, "fr", id="looked up"),
    ],
)
def test_a_source_tells_the_language_of_its_texts(says: object, told: str | None) -> None:
    found = mapped({"text": "$words", "language": says}, {"words": "Top!", "lang": "NL-be", "none": ""})
    assert found.rows["language"].to_pylist() == [told]


def test_a_declaration_turns_a_scale_that_is_high_for_bad() -> None:
    turned = {"column": "effort", "values": {"1": 7, "7": 1}}
    rule = {"type": "survey_score", "channel": "survey", "value": turned, "unit": "ces_7"}
    found = mapped(rule, {"effort": "1"}, {"effort": "7"}, {"effort": ""}, {"effort": "8"})
    told = [(row["value"], row["unit"]) for row in found.rows.to_pylist()]
    assert told == [(7.0, "ces_7"), (1.0, "ces_7"), (None, None)]
    assert [row["field"] for row in found.rejected.to_pylist()] == ["effort"]
