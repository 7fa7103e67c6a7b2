"""Pictures of answers: words that can be read, and the numbers in them whole."""

import re
from datetime import date, timedelta
from typing import Any

import pyarrow as pa

from journey_platform.journeys.pictures import picture
from journey_platform.tables import ACTIVITY, FRICTION, PATHS, Table

MONDAY = date(2026, 8, 24)


def words(table: Table, *rows: dict[str, Any]) -> list[str]:
    """What a picture of one answer says."""
    svg = picture(table, pa.Table.from_pylist([{"name": "asked", **row} for row in rows], table.schema)).svg
    return re.findall(r"<text[^>]*>([^<]+)</text>", svg.decode())


def week(number: int) -> dict[str, Any]:
    day = MONDAY + timedelta(days=7 * number)
    return {"period": day, "measure": "new", "at_least": 0, "value": 10.0}


def link(step: int, source: str, target: str, paths: int) -> dict[str, Any]:
    return {"part": "link", "step": step, "source": source, "target": target, "paths": paths}


def test_days_stand_beside_each_other_however_many_there_are() -> None:
    said = words(ACTIVITY, *map(week, range(12)))
    assert [word for word in said if word.endswith((" Aug", " Sep", " Oct", " Nov"))] == [
        "24 Aug",
        "7 Sep",
        "21 Sep",
        "5 Oct",
        "19 Oct",
        "2 Nov",
    ]


def test_a_long_page_is_known_by_its_end_and_columns_leave_each_other_room() -> None:
    page = "/checkout/shipping/to/another/country"
    assert f"{page} 100%" in words(PATHS, link(1, page, "/done", 9))
    many = [link(step, page, page, 9) for step in range(1, 8)]
    assert "…r/country 100%" in words(PATHS, *many)


def test_fewer_decimals_of_a_point_leave_the_numbers_in_words_whole() -> None:
    row = {"page": "/v1.23456", "signal": "score", "score": 5.0, "count": 1, "sessions": 2}
    assert "/v1.23456" in words(FRICTION, row)
