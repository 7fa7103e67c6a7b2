"""The mood and the topic of what people write: VADER's compound score for English, `unknown` for everything
else. A text is in the language that its source tells, else in the one that its words look like.

Rules of the model (Hutto and Gilbert, ICWSM 2014): positive from 0.05 on, negative from -0.05 down, neutral
between. The table holds the mood and where its text is, never the text.
"""

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from journey_platform.journeys.language import UNKNOWN, VERSION, language
from journey_platform.journeys.topics import ENGLISH, Topics
from journey_platform.tables import SENTIMENT

if TYPE_CHECKING:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

MODEL = f"vaderSentiment 3.3.2; {VERSION}"
THRESHOLD = 0.05
WRITTEN = ("ticket_created", "ticket_rated", "survey_response", "social_post", "review")
"""Types of touchpoints whose text a person wrote to be read."""


def sentiment(touchpoints: pa.Table, topics: Topics | None = None) -> pa.Table:
    """Rows of `tables.SENTIMENT` from rows of `tables.touchpoints_table`, robots and blank texts excluded.

    `topics`: tells what a text is about where no reason is stated; by the dictionary for English without.
    """
    topics = topics or Topics(ENGLISH)
    is_written = pc.is_in(touchpoints["type"], pa.array(WRITTEN))
    rows = touchpoints.filter(
        pc.and_(is_written, pc.and_(pc.is_valid(touchpoints["text"]), pc.invert(touchpoints["is_bot"])))
    )
    moods = Moods()
    texts = rows["text"].to_pylist()
    told = [moods.of(*row) for row in zip(texts, rows["language"].to_pylist(), strict=True)]
    reasons = rows["reason"].to_pylist()
    named = [reason or topics.of(text) for reason, text in zip(reasons, texts, strict=True)]
    columns: dict[str, Any] = {
        **{name: rows[name] for name in ("day", "touchpoint_id", "channel", "type")},
        "topic": named,
        "language": [mood[0] for mood in told],
        "sentiment": [mood[1] for mood in told],
        "compound": [mood[2] for mood in told],
        "model": [f"{MODEL}; topics {topics.version}"] * len(rows),
    }
    schema = SENTIMENT.schema
    return pa.table([_as(columns[f.name], f.type) for f in schema], schema=schema)


class Moods:
    """Tells texts' moods, each distinct text once."""

    def __init__(self) -> None:
        self._analyzer: SentimentIntensityAnalyzer | None = None
        self._known: dict[tuple[str, str | None], tuple[str, str, float | None]] = {}

    def of(self, text: str, told: str | None = None) -> tuple[str, str, float | None]:
        """Language, mood and compound score of a text; `told`: its language, where it need not be guessed."""
        if (text, told) not in self._known:
            read = told or language(text)
            score = self.compound(text) if read == "en" else None
            self._known[text, told] = read, mood(score), score
        return self._known[text, told]

    def compound(self, text: str) -> float:
        """VADER's compound score, -1 to 1, whatever the language."""
        if self._analyzer is None:
            from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

            self._analyzer = SentimentIntensityAnalyzer()
        return float(self._analyzer.polarity_scores(text)["compound"])


def mood(compound: float | None) -> str:
    if compound is None:
        return UNKNOWN
    return "positive" if compound >= THRESHOLD else "negative" if compound <= -THRESHOLD else "neutral"


def _as(column: Any, kind: pa.DataType) -> Any:
    return pa.array(column, kind) if isinstance(column, list) else column.cast(kind)
