"""Opinions in numbers: satisfaction and effort, each on its own scale; stars of reviews."""

from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from journey_platform.kpis.catalogue import KPIS
from journey_platform.kpis.members import Cell, members, recompute
from journey_platform.kpis.values import valued
from journey_platform.sources import file_mapping
from journey_platform.tables import JOURNEY_TOUCHPOINTS
from tests.journeys.made import at, touchpoints
from tests.kpis.made import Tables, count, days, of_kpi
from tests.touchpoints.raws import raw

DAY = date(2026, 2, 4)
YEAR = days(date(2026, 1, 1), date(2026, 3, 31))


def score(
    value: float | None, unit: str | None = "csat_5", person: int | None = None, **more: Any
) -> dict[str, Any]:
    return {
        "vendor": "qualtrics",
        "stream": "responses",
        "channel": "survey",
        "type": "survey_score",
        "subject_id": "S",
        "value": value,
        "unit": unit,
        "person_key": person,
        "occurred_at": at("2026-02-04 12:00"),
        **more,
    }


def parts(rows: list[dict[str, Any]], kpi: str) -> Any:
    return count({JOURNEY_TOUCHPOINTS: touchpoints(rows)}, [kpi], YEAR)


@pytest.mark.parametrize(
    ("kpi", "dimension", "rows", "expected"),
    [
        pytest.param(
            "csat_top2",
            "scale",
            [score(n) for n in range(1, 6)] + [score(n, "csat_7") for n in range(1, 8)],
            {"csat_5": (2, 5, 5), "csat_7": (2, 7, 7)},
            id="two best of each scale",
        ),
        pytest.param(
            "csat_mean",
            "scale",
            [score(n) for n in (5, 4)] + [score(n, "csat_7") for n in (7, 6, 1)],
            {"csat_5": (9, 2, 2), "csat_7": (14, 3, 3)},
            id="means of each scale",
        ),
        pytest.param(
            "csat_top2",
            "survey",
            [score(5), score(1), score(4, subject_id="T")],
            {"S": (1, 2, 2), "T": (1, 1, 1)},
            id="by survey",
        ),
        pytest.param(
            "ces_easy",
            "all",
            [score(n, "ces_7") for n in range(1, 8)],
            {"all": (3, 7, 7)},
            id="easy is 5 to 7",
        ),
        pytest.param("ces", "all", [score(n, "ces_7") for n in (7, 2)], {"all": (9, 2, 2)}, id="mean effort"),
        pytest.param(
            "ces",
            "all",
            [score(7, "ces_7", 1), score(1, "ces_7", 1), score(3, "ces_7", is_bot=True)],
            {"all": (8, 2, 2)},
            id="each occasion of a person, no robots",
        ),
        pytest.param(
            "ces",
            "all",
            [
                score(7, "ces_7"),
                score(7, "csat_7"),
                score(None, None),
                score(9, "nps", type="survey_response"),
            ],
            {"all": (7, 1, 1)},
            id="effort only",
        ),
    ],
)
def test_scores_are_counted_on_their_own_scale(
    kpi: str, dimension: str, rows: list[dict[str, Any]], expected: dict[str, tuple[float, float, int]]
) -> None:
    found = parts(rows, kpi)
    assert dimension in KPIS[kpi].dimensions
    of = [row for row in found.to_pylist() if (row["period"], row["dimension"]) == ("day", dimension)]
    assert {
        row["dimension_value"]: (row["numerator"], row["denominator"], row["n"]) for row in of
    } == expected
    assert {row["day"] for row in of} == {DAY}


def test_weeks_and_months_sum_the_answers_of_their_days() -> None:
    rows = [score(7, "ces_7"), score(2, "ces_7", occurred_at=at("2026-02-06 12:00"))]
    found = parts(rows, "ces_easy")
    assert of_kpi(found, "ces_easy", "week", "all") == {("2026-02-02", "all"): (1, 2, 2)}
    assert of_kpi(found, "ces_easy", "month", "all") == {("2026-02-01", "all"): (1, 2, 2)}


def test_a_value_leads_back_to_its_answers_and_leaves_other_scales_alone() -> None:
    rows = [score(7, "ces_7", 1), score(2, "ces_7", is_bot=True), score(5, "csat_5")]
    cell = Cell(KPIS["ces"], "day", DAY, "all", "all")
    found = members(cell, Tables({JOURNEY_TOUCHPOINTS: touchpoints(rows)}), as_of=date(2026, 3, 1))
    assert recompute(KPIS["ces"], found.units).value == 7.0
    assert found.records["touchpoint_id"].to_pylist() == ["qualtrics/x/000000"]
    assert [tuple(row.values()) for row in found.excluded.to_pylist()] == [("qualtrics/x/000001", "robot")]


def test_reviews_are_counted_by_week_and_site(tmp_path: Path) -> None:
    """From a file to the values. One of the five reviews is a robot's, one has no stars."""
    (tmp_path / "files.yaml").write_text(
        """
feeds:
  reviews:
    files: "*.csv"
    key: [id]
    time: written
    columns: {stars: number}
    touchpoints:
      - type: review
        channel: social
        subject_id: $id
        source: $site
        value: $stars
        unit: stars
        is_bot: $robot
"""
    )
    rows = [
        ("a", "2026-02-02", 5, "maps", ""),
        ("b", "2026-02-08", 1, "maps", ""),
        ("c", "2026-02-08", 4.5, "shops", ""),
        ("d", "2026-02-09", 1, "shops", "true"),
        ("e", "2026-02-09", None, "shops", ""),
    ]
    names = ("id", "written", "stars", "site", "robot")
    bodies = [dict(zip(names, row, strict=True)) for row in rows]
    raws = [
        raw("files", "reviews", of, keys=[str(of["id"])], at=at(f"{of['written']} 12:00")) for of in bodies
    ]
    mapping = file_mapping({"JOURNEY_FILES": str(tmp_path)})
    told = mapping.touchpoints({"reviews": pa.concat_tables(raws)}, zone="UTC")
    assert told.rejected.num_rows == 0
    history = touchpoints(told.rows.to_pylist())
    found = count({JOURNEY_TOUCHPOINTS: history}, ["review_rating", "review_one_star"], YEAR)
    assert of_kpi(found, "review_rating", "week") == {
        ("2026-02-02", "all"): (10.5, 3, 3),
        ("2026-02-02", "maps"): (6, 2, 2),
        ("2026-02-02", "shops"): (4.5, 1, 1),
    }
    assert of_kpi(found, "review_one_star", "month") == {
        ("2026-02-01", "all"): (1, 3, 3),
        ("2026-02-01", "maps"): (1, 2, 2),
        ("2026-02-01", "shops"): (0, 1, 1),
    }
    [maps] = [
        row
        for row in found.to_pylist()
        if (row["kpi"], row["period"], row["dimension_value"]) == ("review_rating", "month", "maps")
    ]
    arrivals = {source: set(YEAR) for source in KPIS["review_rating"].sources}
    [mean] = valued(
        [maps], "late", arrivals=arrivals, as_of=date(2026, 6, 1), identity_revision=""
    ).to_pylist()
    # 5 and 1: the standard error of the mean is the root of 4 / 2.
    assert (mean["value"], mean["lower"], mean["upper"]) == pytest.approx((3, 0.228192, 5.771808), abs=1e-5)
    cell = Cell(KPIS["review_rating"], "week", date(2026, 2, 9), "all", "all")
    behind = members(cell, Tables({JOURNEY_TOUCHPOINTS: history}), as_of=date(2026, 3, 1))
    assert behind.excluded.to_pylist() == [{"touchpoint_id": "files/reviews/d", "reason": "robot"}]


@pytest.mark.parametrize(
    ("period", "start", "site", "stars", "value"),
    [
        pytest.param(
            "week", "2026-02-02", "maps", (10, 2), 25 / 7, id="two of five stars stay far from five"
        ),
        pytest.param("week", "2026-02-02", "shops", (1, 1), 16 / 6, id="one of one star stays far from one"),
        pytest.param("week", "2026-02-09", "maps", (100, 20), 115 / 25, id="many outweigh what was before"),
        pytest.param(
            "month", "2026-02-01", "maps", (110, 22), 125 / 27, id="a month of its weeks, not of means"
        ),
        pytest.param("month", "2026-02-01", "all", (111, 23), 126 / 28, id="of all sites, before once"),
    ],
)
def test_few_stars_are_drawn_to_the_middle_in_each_period_anew(
    period: Any, start: str, site: str, stars: tuple[float, float], value: float
) -> None:
    def given(day: str, stars: float, site: str) -> dict[str, Any]:
        about = {"vendor": "files", "stream": "reviews", "channel": "social", "type": "review"}
        return {**about, "occurred_at": at(f"{day} 12:00"), "value": stars, "unit": "stars", "source": site}

    rows = [given("2026-02-03", 5.0, "maps"), given("2026-02-08", 5.0, "maps")]
    rows += [given("2026-02-03", 1.0, "shops"), *(given("2026-02-10", 5.0, "maps") for _ in range(20))]
    kpi = KPIS["review_rating_shrunk"]
    found = parts(rows, kpi.name)
    [told] = [
        row
        for row in found.to_pylist()
        if (row["period"], row["day"].isoformat(), row["dimension_value"]) == (period, start, site)
    ]
    assert (told["numerator"], told["denominator"]) == stars
    arrivals = {source: set(YEAR) for source in kpi.sources}
    [of] = valued([told], "late", arrivals=arrivals, as_of=date(2026, 6, 1), identity_revision="").to_pylist()
    assert of["value"] == value
    cell = Cell(kpi, period, told["day"], told["dimension"], site)
    behind = members(cell, Tables({JOURNEY_TOUCHPOINTS: touchpoints(rows)}), as_of=date(2026, 6, 1))
    again = recompute(kpi, behind.units)
    assert (again.numerator, again.denominator, again.value) == (*stars, value)
