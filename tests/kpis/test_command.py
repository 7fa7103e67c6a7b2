"""`journey kpi NAME --against OTHER`: the steps from one variant to the other, as the lake holds them."""

from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from journey_platform.cli import main
from journey_platform.lake import Lake
from journey_platform.tables import BRIDGES

SUNDAY, MONDAY = date(2026, 2, 1), date(2026, 2, 2)


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    steps = [("bounce_single_page", 0.4), ("no page view, and not engaged", 0.2), ("bounce_ga4", 0.6)]
    rows = [
        {
            "day": day,
            "bridge": "bounce_single_page_to_ga4",
            "period": "day",
            "place": place,
            "step": step,
            "value": value,
        }
        for day in (SUNDAY, MONDAY)
        for place, (step, value) in enumerate(steps)
    ]
    held = Lake(str(tmp_path / "lake"))
    held.replace_days(
        BRIDGES, pa.Table.from_pylist(rows, BRIDGES.schema), [SUNDAY, MONDAY], run_id="r", allow_shrink=True
    )
    for name, value in {
        "JOURNEY_ROOT": str(tmp_path / "lake"),
        "JOURNEY_START_DATE": SUNDAY.isoformat(),
        "JOURNEY_SOURCES": "mastodon",
        "JOURNEY_PSEUDONYM_KEY": "for tests",
        "MASTODON_BASE_URL": "https://social.example",
        "MASTODON_TAGS": "brand",
        "MASTODON_ACCOUNTS": "1",
        "MASTODON_QUERY": "brand",
    }.items():
        monkeypatch.setenv(name, value)
    return held


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        pytest.param([], MONDAY, id="the latest"),
        pytest.param(["--day", "2026-02-01"], SUNDAY, id="the day asked for"),
    ],
)
def test_the_steps_of_a_bridge_are_listed(
    lake: Lake, capsys: pytest.CaptureFixture[str], arguments: list[str], shown: date
) -> None:
    assert main(["kpi", "bounce_single_page", "--against", "bounce_ga4", *arguments]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"day {shown}",
        "  +0.4000  bounce_single_page",
        "  +0.2000  no page view, and not engaged",
        "  +0.6000  bounce_ga4",
    ]


def test_variants_without_a_bridge_are_refused_with_those_that_have_one(
    lake: Lake, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["kpi", "visits", "--against", "visitors"]) != 0
    said = capsys.readouterr().err
    assert "no bridge leads from visits to visitors" in said
    assert "bounce_single_page against bounce_ga4" in said
