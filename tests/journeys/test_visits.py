"""Visits by the rules that tell sessions apart, as a question."""

from datetime import date, timedelta

import pyarrow as pa
import pytest

from journey_platform.asking import ask
from journey_platform.engine import Engine
from journey_platform.journeys.answers import Asked, Span
from journey_platform.journeys.questions import Visits
from journey_platform.lake import Lake
from journey_platform.tables import JOURNEY_TOUCHPOINTS, VISITS
from tests.journeys.made import at, touchpoints

ZONE = "Europe/Amsterdam"
FIRST, LAST = date(2026, 2, 3), date(2026, 2, 5)
ACTS = [  # minutes after 22:50 UTC on the first day, person, campaign
    *((0, 1, "may"), (5, 1, "may"), (20, 1, "june"), (25, 2, "june"), (400, 2, "june"), (1500, 1, "may")),
    (1600, None, "may"),
]


def _rows() -> pa.Table:
    """Two people, and somebody unknown, on one device."""
    return touchpoints(
        {
            "person_key": person,
            "device_key": 1,
            "occurred_at": at("2026-02-03 22:50") + timedelta(minutes=minutes),
            "campaign": campaign,
            "type": "order" if minutes == 400 else "page_view",
        }
        for minutes, person, campaign in ACTS
    )


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = Lake(str(tmp_path_factory.mktemp("lake")))
    lake.replace_days(JOURNEY_TOUCHPOINTS, _rows(), [FIRST, FIRST + timedelta(1), LAST], run_id="made")
    return lake


@pytest.mark.parametrize(
    ("variant", "visits", "units"),
    [
        pytest.param("stitched", {"02-03": 1, "02-04": 2, "02-05": 1}, 3, id="stitched"),
        pytest.param("midnight", {"02-03": 1, "02-04": 3, "02-05": 1}, 4, id="split-at-midnight"),
        pytest.param("campaign", {"02-03": 1, "02-04": 3, "02-05": 1}, 4, id="split-by-campaign"),
        pytest.param("unstitched", {"02-03": 1, "02-04": 1, "02-05": 2}, 3, id="of-the-device-with-nobody"),
        pytest.param("universal", {"02-03": 1, "02-04": 2, "02-05": 2}, 3, id="of-the-device-at-both"),
    ],
)
def test_each_variant_counts_its_visits_on_their_first_day(lake, variant, visits, units):
    with Engine(lake) as engine:
        asked = Asked("v", Visits(variant=variant), Span(FIRST, LAST, ZONE))
        [found] = ask(engine, [asked])[VISITS.name]
    rows = found.to_pylist()
    assert {row["period"].isoformat()[5:]: row["visits"] for row in rows} == visits
    assert sum(row["units"] for row in rows) == units
    assert sum(row["orders"] for row in rows) == 1
