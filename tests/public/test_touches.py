"""Published paths of touches, dropped as a file of events, against the published credits of their models."""

import csv
import gzip
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest

from journey_platform import journeys
from journey_platform.journeys.questions import Attribution
from tests.public.dropped import SHARED, dropped

PATHS = SHARED / "channelattribution_paths"
pytestmark = [
    pytest.mark.skipif(not SHARED.exists(), reason="needs ../shared/data"),
    # 370,000 rows through landing, mapping and identity.
    pytest.mark.chaos,
]
TOUCHES = """
feeds:
  touches:
    files: touches.csv
    kind: entity
    key: [walk, number]
    columns: {at: time, value: number}
    touchpoints:
      - type: {column: what, values: {touch: page_view, won: order}}
        channel: web
        occurred_at: $at
        identifiers: {user_id: walk $walk}
        traffic_channel: $channel
        value: $value
        unit: EUR
"""
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def _walks() -> Iterator[tuple[list[str], int, float]]:
    """Each path once with all its conversions, and once for every time it did not convert."""
    with gzip.open(PATHS / "PathData.csv.gz", "rt", newline="") as file:
        for row in csv.DictReader(file, delimiter=";"):
            channels = row["path"].split(" > ")
            if won := int(row["total_conversions"]):
                yield channels, won, float(row["total_conversion_value"]) / won
            for _ in range(int(row["total_null"])):
                yield channels, 0, 0.0


@pytest.fixture(scope="module")
def earned(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, tuple[float, float]]]:
    """Conversions and money by model and channel."""
    home = tmp_path_factory.mktemp("touches")
    with (home / "touches.csv").open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["walk", "number", "at", "what", "channel", "value"])
        for walk, (channels, won, worth) in enumerate(_walks()):
            acts = [("touch", name, "") for name in channels] + [("won", "", repr(worth))] * won
            lines.writerows(
                [walk, number, (BEGIN + timedelta(seconds=number)).isoformat(), *act]
                for number, act in enumerate(acts)
            )
    day = BEGIN.date()
    found = dropped(home / "drop", TOUCHES, [home / "touches.csv"], first=day, last=day, lake=home / "lake")
    asked = Attribution(conversion="type = 'order'", touch="type = 'page_view'")
    told = defaultdict(dict)
    end = date(2026, 1, 2)
    for row in journeys.answer(found.journeys, asked, first=day, last=end, zone="UTC").to_pylist():
        told[row["model"]][row["channel"]] = (row["conversions"], row["value"])
    return dict(told)


def _published(name: str) -> dict[str, dict[str, str]]:
    with (PATHS / name).open(newline="") as file:
        return {row["channel_name"]: row for row in csv.DictReader(file)}


@pytest.mark.parametrize("model", ["first", "last", "linear"])
def test_credits_by_rule_are_as_published_to_the_cent(earned, model: str) -> None:
    published = _published("expected_heuristic_first_last_linear.csv")
    wanted = {
        channel: (float(row[f"{model}_touch_conversions"]), float(row[f"{model}_touch_value"]))
        for channel, row in published.items()
    }
    assert earned[model].keys() == wanted.keys()
    for channel, parts in wanted.items():
        assert earned[model][channel] == pytest.approx(parts, abs=0.005), channel


def test_removal_effects_share_conversions_as_the_exact_chain_does(earned) -> None:
    published = _published("expected_markov_order1_exact_absorbing_chain.csv")
    for channel, row in published.items():
        assert earned["markov"][channel][0] == pytest.approx(
            float(row["total_conversions_exact"]), abs=0.005
        ), channel
