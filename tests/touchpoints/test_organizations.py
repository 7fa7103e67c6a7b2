"""Organisations of the help desk, from their raw records."""

from journey_platform.touchpoints.organizations import organizations
from tests.touchpoints.raws import NOON, raw


def test_a_name_and_its_declared_domains_are_taken_over() -> None:
    bodies = (
        {"id": 9, "name": " Eik Works ", "domain_names": ["EIK.example ", "eik.example", "", "a.example"]},
        {"id": 10, "name": " "},
    )
    found = organizations(raw("zendesk", "organizations", *bodies))
    assert found.rows.to_pylist() == [
        {"organization": "zendesk:10", "name": None, "domains": [], "changed_at": NOON},
        {
            "organization": "zendesk:9",
            "name": "Eik Works",
            "domains": ["a.example", "eik.example"],
            "changed_at": NOON,
        },
    ]
    assert found.rejected.num_rows == 0


def test_what_is_no_organisation_is_refused_with_its_field() -> None:
    found = organizations(raw("zendesk", "organizations", {"id": 9, "name": 7}))
    (refused,) = found.rejected.to_pylist()
    assert (refused["record_key"], refused["field"], refused["table"]) == (
        "zendesk/organizations/0",
        "name",
        "customers/organizations",
    )
    assert found.rows.num_rows == 0
