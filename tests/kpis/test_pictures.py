"""Pictures of KPI values: what they show, readable on light and dark, the same for the same rows."""

import re
from datetime import date, timedelta

import pyarrow as pa
import pytest

from journey_platform.kpis.catalogue import STAGES, of_stage
from journey_platform.kpis.definition import EVERYTHING
from journey_platform.kpis.pictures import nps_picture, stage_picture
from journey_platform.tables import kpis_table

MONDAY = date(2026, 2, 2)


def _values(stage: str, *rows: tuple[str, str, date, str, float | None]) -> pa.Table:
    named = [
        {
            "day": day,
            "kpi": kpi,
            "period": period,
            "dimension": EVERYTHING if value_of == EVERYTHING else "survey",
            "dimension_value": value_of,
            "value": value,
            "lower": None if value is None else value - 10,
            "upper": None if value is None else value + 10,
        }
        for kpi, period, day, value_of, value in rows
    ]
    return pa.Table.from_pylist(named, kpis_table(stage).schema)


def _words(svg: bytes) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]+)</text>", svg.decode())


@pytest.fixture(scope="module")
def scores() -> pa.Table:
    weeks = [MONDAY + timedelta(days=7 * n) for n in range(3)]
    waves = [("nps", "week", week, "SV_wave", 10.0 * n) for n, week in enumerate(weeks)]
    return _values("late", *waves, ("nps", "week", MONDAY, "SV_exit", None))


def test_the_score_is_shown_with_its_interval_by_survey(scores: pa.Table) -> None:
    svg = nps_picture(scores).svg
    assert "SV_wave" in _words(svg)
    assert "SV_exit" not in _words(svg), "a survey without a value has no line"
    assert b"FillBetweenPolyCollection" in svg


@pytest.mark.parametrize("stage", STAGES)
def test_every_kpi_of_a_stage_has_its_place_also_without_values(stage: str) -> None:
    words = _words(stage_picture(_values(stage), stage).svg)
    shown = {kpi.name for kpi in of_stage(stage) if EVERYTHING in kpi.dimensions and not kpi.is_share}
    assert shown <= set(words)
    assert "nothing yet" in words


def test_a_line_ends_with_the_last_value_of_the_shortest_period() -> None:
    rows = [("visits", "day", MONDAY + timedelta(days=n), EVERYTHING, 100.0 + n) for n in range(3)]
    rows += [("visits", "week", MONDAY, EVERYTHING, 900.0), ("bounce_ga4", "day", MONDAY, EVERYTHING, 0.25)]
    words = _words(stage_picture(_values("middle", *rows), "middle").svg)
    assert "102 count" in words
    assert "25.0%" in words
    assert "900 count" not in words


def test_nothing_is_painted_behind_and_the_same_rows_give_the_same_bytes(scores: pa.Table) -> None:
    first, again = nps_picture(scores).svg, nps_picture(scores).svg
    assert first == again
    assert b"fill: #ffffff" not in first
    assert len(first) < 60_000
