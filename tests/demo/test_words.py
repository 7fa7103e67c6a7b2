"""What the demo's people mean by their words is what the model of moods reads in them."""

import pytest

from journey_platform.demo.walk import PRODUCTS
from journey_platform.demo.words import (
    COMPLAINTS,
    INDIFFERENT,
    MOTIVES,
    ODD_LINES,
    POSTS,
    PRAISE,
    TOPICS,
    mood,
)
from journey_platform.journeys.sentiment import Moods

MOODS = Moods()
COMMENTS = [*PRAISE, *COMPLAINTS, *INDIFFERENT, *MOTIVES.values(), *ODD_LINES]
TICKETS = [(subject, told) for subject, described in TOPICS.values() for told in (described, *ODD_LINES)]


@pytest.mark.parametrize("comment", sorted({one for one in COMMENTS if one}))
def test_a_comment_is_read_as_it_is_meant(comment: str) -> None:
    assert MOODS.of(comment)[1] == mood(comment)


@pytest.mark.parametrize(("subject", "described"), TICKETS)
def test_a_ticket_is_read_as_it_is_meant(subject: str, described: str) -> None:
    assert MOODS.of(f"{subject}\n\n{described}")[1] == mood(subject, described)


@pytest.mark.parametrize(("kind", "meant"), [("good", "positive"), ("bad", "negative")])
def test_a_post_is_read_as_it_is_meant(kind: str, meant: str) -> None:
    texts = [line.format(tag="noordlicht", product=product) for line in POSTS[kind] for product in PRODUCTS]
    assert {text: MOODS.of(text)[1] for text in texts} == dict.fromkeys(texts, meant)


def test_nothing_written_has_no_mood() -> None:
    assert mood("", None) is None
