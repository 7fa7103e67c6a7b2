"""A KPI of some people alone equals that of their units, whether it names the dimension or not."""

from datetime import date

import pyarrow as pa
import pytest

from journey_platform.kpis.catalogue import KPIS
from journey_platform.kpis.only import only
from journey_platform.tables import PROFILES_TABLE, SESSIONS
from tests.kpis import made

DAY = date(2026, 2, 2)
SEGMENTS = pa.table({"person_key": pa.array([1, 2, 2]), "segment": ["business", "business", "keen"]})


def tables() -> made.Tables:
    visits = [
        {"day": DAY, "person_key": 1, "page_views": 1},
        {"day": DAY, "person_key": 2, "page_views": 4, "is_bounce_single_page": False},
        {"day": DAY, "person_key": 3, "page_views": 1},
        {"day": DAY, "page_views": 1},
    ]
    people = made.profiles([1, 2, 3])
    place = people.schema.get_field_index("company")
    people = people.set_column(place, "company", pa.array(["Acme", None, "Acme"]))
    return made.Tables({SESSIONS: made.sessions(visits), PROFILES_TABLE: people})


def asked(kpi: str, dimension: str, value: str) -> tuple[object, ...]:
    row = only(
        KPIS[kpi],
        tables(),
        period="day",
        start=DAY,
        as_of=date(2026, 3, 1),
        dimension=dimension,
        value=value,
        segments=SEGMENTS,
    )
    return row["numerator"], row["denominator"], row["n"], row["value"]


@pytest.mark.parametrize(
    ("kpi", "dimension", "value", "expected"),
    [
        pytest.param("visits", "segment", "business", (2, None, 2, 2), id="a dimension that it names"),
        pytest.param("traffic_unassigned", "segment", "business", (0, 2, 2, 0), id="one that it does not"),
        pytest.param("bounce_single_page", "segment", "business", (1, 2, 2, 0.5), id="a share of theirs"),
        pytest.param("bounce_single_page", "segment", "keen", (0, 1, 1, 0), id="a person in two segments"),
        pytest.param("bounce_single_page", "account", "Acme", (2, 2, 2, 1), id="an account"),
        pytest.param("bounce_single_page", "account", "Bolt", (0, 0, 0, None), id="nobody: null, not zero"),
    ],
)
def test_the_value_is_that_of_their_units(
    kpi: str, dimension: str, value: str, expected: tuple[object, ...]
) -> None:
    assert asked(kpi, dimension, value) == expected


@pytest.mark.parametrize(
    ("kpi", "dimension", "told"),
    [
        pytest.param("social_mentions", "segment", "counts no people", id="posts"),
        pytest.param("visits", "device", "is not of people", id="a dimension of visits"),
    ],
)
def test_what_has_no_people_is_refused(kpi: str, dimension: str, told: str) -> None:
    with pytest.raises(LookupError, match=told):
        asked(kpi, dimension, "business")
