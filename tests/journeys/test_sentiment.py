"""Moods of texts: the published agreement with people, languages not read, what the table keeps."""

import gzip
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from journey_platform.journeys.language import language
from journey_platform.journeys.sentiment import MODEL, mood, sentiment
from journey_platform.journeys.topics import ENGLISH, Topics
from journey_platform.tables import SENTIMENT, touchpoints_table

GOLD = Path(__file__).resolve().parents[2].parent / "shared/data/vader_gold"


@pytest.mark.parametrize(
    ("text", "guessed"),
    [
        pytest.param("The amount on my last invoice is not what I expected.", "en", id="English"),
        pytest.param("Mijn pakket is nog niet aangekomen en de helpdesk zegt niets.", "nl", id="Dutch"),
        pytest.param("Die Rechnung ist falsch und ich kann nicht einloggen.", "de", id="German"),
        pytest.param("Je ne peux pas me connecter et la facture est fausse.", "fr", id="French"),
        pytest.param("شكرا، ولكن المشكلة ما زالت موجودة", "other", id="another script"),
        pytest.param("🤷‍♀️🔥", "unknown", id="no letters"),
        pytest.param("router mesh-set", "unknown", id="no function words"),
        pytest.param("https://the.example/is/it #the @you", "unknown", id="addresses and tags say nothing"),
        pytest.param("", "unknown", id="nothing"),
    ],
)
def test_languages_are_guessed_by_script_and_small_words(text: str, guessed: str) -> None:
    assert language(text) == guessed


@pytest.mark.parametrize(
    ("compound", "told"),
    [(0.05, "positive"), (0.049, "neutral"), (-0.049, "neutral"), (-0.05, "negative"), (None, "unknown")],
)
def test_moods_begin_at_the_published_thresholds(compound: float | None, told: str) -> None:
    assert mood(compound) == told


@pytest.mark.skipif(not GOLD.exists(), reason="shared/data/vader_gold is not beside the repository")
def test_most_english_texts_are_told_to_be_english_and_few_to_be_another() -> None:
    with gzip.open(GOLD / "amazonReviewSnippets_GroundTruth.txt.gz", "rt", encoding="utf-8") as lines:
        texts = [line.split("\t")[2] for line in lines]
    guessed = [language(text) for text in texts[:1000]]
    assert guessed.count("en") >= 850
    assert len(guessed) - guessed.count("en") - guessed.count("unknown") <= 10


def _written(**fields: object) -> dict[str, object]:
    return {
        "day": date(2026, 2, 2),
        "touchpoint_id": "z/1",
        "channel": "ticket",
        "type": "ticket_created",
        "is_bot": False,
        **fields,
    }


def _sentiment(*rows: dict[str, object], **topics: tuple[str, ...]) -> list[dict[str, object]]:
    schema = touchpoints_table("zendesk").schema
    found = sentiment(pa.Table.from_pylist([*rows], schema), Topics(topics or ENGLISH))
    assert found.schema == SENTIMENT.schema
    return found.to_pylist()


@pytest.mark.parametrize(
    ("text", "told", "has_score"),
    [
        pytest.param("Great service, I love it, thank you so much!", "positive", True, id="positive"),
        pytest.param("This is the worst shop and I hate it.", "negative", True, id="negative"),
        pytest.param("The parcel is at the door of the house.", "neutral", True, id="neutral"),
        pytest.param(
            "Geweldig, ik ben er heel blij mee, het is de beste!", "unknown", False, id="not English"
        ),
    ],
)
def test_a_text_has_a_mood_where_its_language_is_read(text: str, told: str, has_score: bool) -> None:
    [row] = _sentiment(_written(text=text))
    assert (row["sentiment"], row["compound"] is not None) == (told, has_score)
    assert row["model"].startswith(MODEL)


@pytest.mark.parametrize(
    ("text", "told", "language", "mood"),
    [
        pytest.param("Awesome, thanks!", None, "unknown", "unknown", id="too short to be guessed"),
        pytest.param("Awesome, thanks!", "en", "en", "positive", id="told to be English"),
        pytest.param("I love it and it is the best!", "nl", "nl", "unknown", id="told to be another"),
    ],
)
def test_a_language_that_the_source_tells_is_not_guessed(
    text: str, told: str | None, language: str, mood: str
) -> None:
    """Also where the same words stand elsewhere in another language."""
    rows = _sentiment(_written(text=text, language="fr"), _written(text=text, language=told))
    assert [(row["language"], row["sentiment"]) for row in rows] == [("fr", "unknown"), (language, mood)]


def test_robots_blank_texts_and_texts_that_nobody_wrote_to_be_read_are_left_out() -> None:
    assert (
        _sentiment(
            _written(text="I like it", is_bot=True),
            _written(text=None),
            _written(text="what is it", type="search"),
        )
        == []
    )


def test_what_people_write_of_the_shop_elsewhere_has_a_mood_as_well() -> None:
    [row] = _sentiment(_written(text="I love it", type="review", channel="social"))
    assert (row["type"], row["sentiment"]) == ("review", "positive")


def test_a_stated_reason_is_the_topic_else_the_words_tell() -> None:
    rows = [
        _written(text="My router is broken", reason="bill", touchpoint_id="z/1"),
        _written(text="My router is broken", touchpoint_id="z/2"),
        _written(text="Hello to all of you", touchpoint_id="z/3"),
    ]
    topics = [row["topic"] for row in _sentiment(*rows, connection=("router", "wifi"))]
    assert topics == ["bill", "connection", "unknown"]


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        pytest.param("The parcels never came", "delivery", id="an-ending"),
        pytest.param("I was LOCKED OUT again", "sign-in", id="two-words-in-capitals"),
        pytest.param("My invoice for the router is wrong", "bill", id="the-first-of-two"),
        pytest.param("What an unbillable day", "unknown", id="within-another-word"),
        pytest.param("Mijn pakket is er nog niet", "unknown", id="another-language"),
    ],
)
def test_words_name_the_topic(text: str, topic: str) -> None:
    assert Topics(ENGLISH).of(text) == topic


def test_the_version_of_topics_changes_with_their_words_and_order_and_stands_in_each_row() -> None:
    versions = [
        Topics(declared).version
        for declared in (
            {"a": ("x",), "b": ("y",)},
            {"b": ("y",), "a": ("x",)},
            {"a": ("x", "z"), "b": ("y",)},
        )
    ]
    assert len(set(versions)) == 3
    [row] = _sentiment(_written(text="I like it"), a=("x",))
    assert row["model"] == f"{MODEL}; topics {Topics({'a': ('x',)}).version}"


def test_the_table_keeps_no_text() -> None:
    assert not any(column.is_personal for column in SENTIMENT.columns)
    [row] = _sentiment(_written(text="Ann Lee of 5 Mill Lane is not happy with it"))
    assert "Ann" not in repr(row)
