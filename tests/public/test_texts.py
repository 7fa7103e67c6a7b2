"""Published texts with the ratings of twenty people each, dropped as files: how far the moods told agree.

The raters' class, declared as the text's topic, is the sign of their mean rating; so the KPIs of mood by
topic are the table of what was told against what is true.
"""

from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from journey_platform.journeys.sentiment import sentiment
from journey_platform.tables import SENTIMENT
from tests.kpis.made import count, of_kpi
from tests.public.dropped import SHARED, dropped

pytestmark = pytest.mark.skipif(not SHARED.exists(), reason="needs ../shared/data")

TEXTS = """
feeds:
  texts:
    files: "*_GroundTruth.txt.gz"
    kind: entity
    notation: {delimiter: "\\t", quote: "", header: [id, rating, text]}
    key: [id]
    columns: {rating: number}
    touchpoints:
      - type: social_post
        channel: social
        occurred_at: "2026-02-02T12:00:00Z"
        subject_id: $id
        reason: {column: rating, values: {"0": neutral}, below: {0: negative}, otherwise: positive}
        value: $rating
        unit: rating
        text: $text
        language: en
"""
DAY = date(2026, 2, 2)


@dataclass(frozen=True)
class Rated:
    """What came of one file of texts."""

    touchpoints: pa.Table

    @cached_property
    def moods(self) -> pa.Table:
        """`tables.SENTIMENT`"""
        return sentiment(self.touchpoints)

    @cached_property
    def told(self) -> dict[str, dict[str, int]]:
        """Rated class -> mood told -> texts, and their number as `all`; from the KPIs."""
        found = count({SENTIMENT: self.moods}, ["sentiment_positive", "sentiment_negative"], [DAY])
        by_class: dict[str, dict[str, int]] = {}
        for mood in ("positive", "negative"):
            for (_, rated), (above, below, _) in of_kpi(
                found, f"sentiment_{mood}", dimension="topic"
            ).items():
                by_class.setdefault(rated, {})[mood] = int(above)
                by_class[rated]["all"] = int(below)
        for of in by_class.values():
            of["neutral"] = of["all"] - of["positive"] - of["negative"]
        return by_class

    @property
    def accuracy(self) -> float:
        """Of all texts, those whose mood told is the rated one."""
        return sum(of[rated] for rated, of in self._classes().items()) / self.told["all"]["all"]

    @property
    def f1(self) -> float:
        """F1 of each class, weighted by its texts."""
        return (
            sum(
                of["all"] * 2 * of[rated] / (of["all"] + self.told["all"][rated])
                for rated, of in self._classes().items()
            )
            / self.told["all"]["all"]
        )

    @property
    def correlation(self) -> float:
        """Pearson's, of the compound score with the mean rating."""
        joined = self.moods.join(self.touchpoints.select(["touchpoint_id", "value"]), "touchpoint_id")
        return float(np.corrcoef(joined["compound"].to_numpy(), joined["value"].to_numpy())[0, 1])

    def _classes(self) -> dict[str, dict[str, int]]:
        return {rated: of for rated, of in self.told.items() if rated != "all"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "texts", "correlation", "f1", "accuracy"),
    [
        pytest.param("tweets", 4_200, 0.872, 0.948, 0.921, id="tweets"),
        pytest.param("amazonReviewSnippets", 3_708, 0.590, 0.626, None, id="reviews"),
        pytest.param("movieReviewSnippets", 10_605, 0.427, 0.590, None, id="film"),
        pytest.param("nytEditorialSnippets", 5_190, 0.503, 0.549, None, id="news"),
    ],
)
def test_moods_agree_with_people_as_published(
    tmp_path: Path, file: str, texts: int, correlation: float, f1: float, accuracy: float | None
) -> None:
    path = SHARED / "vader_gold" / f"{file}_GroundTruth.txt.gz"
    found = dropped(tmp_path / "drop", TEXTS, [path], first=DAY, last=DAY, lake=tmp_path / "lake")
    assert (found.touchpoints.num_rows, found.refused.num_rows) == (texts, 0)
    rated = Rated(found.touchpoints)
    print(rated.told)
    assert rated.told["all"]["all"] == texts
    assert (round(rated.correlation, 3), round(rated.f1, 3)) == (correlation, f1)
    assert accuracy is None or round(rated.accuracy, 3) == accuracy
