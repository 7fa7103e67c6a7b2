"""Segments of people: what a profile says, declared once, as a dimension of KPIs."""

import pyarrow as pa
import pytest

from journey_platform.journeys.conditions import ConditionError
from journey_platform.journeys.segments import memberships, of_people
from journey_platform.tables import PROFILES_TABLE

SEGMENTS = {
    "business": "profile.company is not null",
    "dutch_business": "business and profile.country = 'NL'",
    "newsletter": "traffic_channel = 'Email'",
    "business_by_mail": "business and newsletter",
}


def test_segments_that_look_at_a_touchpoint_are_no_sets_of_people() -> None:
    assert sorted(of_people(SEGMENTS)) == ["business", "dutch_business"]


def test_a_person_is_in_each_segment_whose_condition_holds() -> None:
    people = [(1, "Acme", "NL"), (2, "Acme", "BE"), (3, None, "NL"), (4, None, None)]
    rows = [{"person_key": key, "company": company, "country": land} for key, company, land in people]
    found = memberships(pa.Table.from_pylist(rows, PROFILES_TABLE.schema), SEGMENTS).to_pylist()
    assert [(row["segment"], row["person_key"]) for row in found] == [
        ("business", 1),
        ("business", 2),
        ("dutch_business", 1),
    ]


def test_a_segment_of_what_changes_with_every_visit_divides_no_kpi() -> None:
    with pytest.raises(ConditionError, match=r"segment active looks at profile\.last_seen"):
        of_people({"active": "profile.last_seen > 0"})
