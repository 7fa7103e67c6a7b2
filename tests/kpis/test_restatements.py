"""What counts as a restatement, case by case."""

from datetime import date
from typing import Any

import pyarrow as pa
import pytest

from journey_platform.kpis.restatements import restated
from journey_platform.tables import kpis_table

DAY = date(2026, 11, 2)
MIDDLE = kpis_table("middle")
Given = dict[str, Any]


def row(value: float | None, **other: Any) -> Given:
    """A value of `visits` on the day, its interval one to each side."""
    numbers = {} if value is None else {"lower": value - 1, "upper": value + 1}
    return {
        "day": DAY,
        "kpi": "visits",
        "period": "day",
        "dimension": "all",
        "dimension_value": "all",
        "numerator": value,
        "n": None if value is None else int(value),
        "value": value,
        "status": "ok",
        **numbers,
        **other,
    }


def of(rows: list[Given]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=MIDDLE.schema)


EMAIL = {"dimension": "traffic_channel", "dimension_value": "Email"}


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        pytest.param([], [row(5.0)], [], id="a first publication"),
        pytest.param([row(None, status="missing")], [row(5.0)], [], id="missing before, so never published"),
        pytest.param([row(5.0)], [row(5.0)], [], id="the same again"),
        pytest.param([row(5.0, status="open")], [row(5.0)], [], id="only ripened"),
        pytest.param([row(5.0, coverage=0.5)], [row(5.0, coverage=1.0)], [], id="only its coverage grew"),
        pytest.param([row(5.0)], [row(6.0)], [1.0], id="another number"),
        pytest.param([row(5.0, status="open")], [row(4.0)], [-1.0], id="another number while it was open"),
        pytest.param([row(5.0)], [row(5.0), row(2.0, **EMAIL)], [None], id="a channel that was not there"),
        pytest.param([row(5.0), row(2.0, **EMAIL)], [row(5.0)], [None], id="a channel that is gone"),
        pytest.param([row(5.0)], [row(None, status="held")], [None], id="a number that was withdrawn"),
        pytest.param(
            [row(0.5, denominator=2.0)],
            [row(0.5, denominator=4.0)],
            [0.0],
            id="the same ratio, other parts",
        ),
    ],
)
def test_restated(old: list[Given], new: list[Given], changes: list[float | None]) -> None:
    assert [change.difference for change in restated(of(old), of(new))] == changes


@pytest.mark.parametrize(
    ("new", "bounds", "is_significant"),
    [
        pytest.param(5.5, {}, False, id="within the old interval"),
        pytest.param(6.0, {}, False, id="on its bound"),
        pytest.param(6.5, {}, True, id="above it"),
        pytest.param(3.5, {}, True, id="below it"),
        pytest.param(9.0, {"lower": None, "upper": None}, None, id="no interval"),
    ],
)
def test_significance_is_against_the_old_interval(
    new: float, bounds: Given, is_significant: bool | None
) -> None:
    [change] = restated(of([row(5.0, **bounds)]), of([row(new)]))
    assert change.is_significant is is_significant


def test_a_new_cell_carries_the_status_that_its_kpi_had() -> None:
    [change] = restated(of([row(5.0, status="open")]), of([row(5.0), row(2.0, **EMAIL)]))
    assert change.was_status == "open"
