"""Organisations of the help desk and their users, from their raw records."""

from datetime import UTC, datetime

import pytest

from journey_platform.touchpoints.organizations import organization_members, organizations
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


def membership(number: int, of: int, default: bool | None) -> dict[str, object]:
    at = f"2026-03-01T10:00:0{number}Z"
    return {"id": number, "user_id": 29, "organization_id": of, "default": default, "updated_at": at}


TWO = {"user_id": 29, "memberships": [membership(4, 12, True), membership(5, 13, None)]}


@pytest.mark.parametrize(
    "users",
    [
        pytest.param([{"id": 29, "organization_id": 12}], id="whose record names the default one"),
        pytest.param([], id="whose record has not come yet"),
    ],
)
def test_a_user_is_in_each_organisation_that_is_listed(users: list[dict[str, object]]) -> None:
    found = organization_members(
        raw("zendesk", "organization_memberships", TWO), raw("zendesk", "users", *users)
    )
    told = [
        (row["contact_id"], row["record"], row["organization"], row["is_default"], row["observed_at"])
        for row in found.rows.to_pylist()
    ]
    at = [datetime(2026, 3, 1, 10, 0, second, tzinfo=UTC) for second in (4, 5)]
    place = "zendesk/organization_memberships/29"
    assert told == [
        (f"{place}#4@2026-03-01T10:00:04Z", "zendesk/users/29", "zendesk:12", True, at[0]),
        (f"{place}#5@2026-03-01T10:00:05Z", "zendesk/users/29", "zendesk:13", False, at[1]),
    ]
    assert found.rows["identifiers"].to_pylist() == [[{"kind": "zendesk_user_id", "value": "29"}]] * 2


def test_who_has_left_the_last_organisation_is_in_none_though_the_list_can_no_longer_say_so() -> None:
    users = raw("zendesk", "users", {"id": 29, "organization_id": None})
    found = organization_members(raw("zendesk", "organization_memberships", TWO), users)
    assert found.rows.num_rows == found.rejected.num_rows == 0


def test_a_membership_without_an_organisation_is_refused_with_its_field() -> None:
    broken = {"user_id": 29, "memberships": [membership(4, 12, True), {"id": 5}]}
    found = organization_members(raw("zendesk", "organization_memberships", broken), raw("zendesk", "users"))
    (refused,) = found.rejected.to_pylist()
    assert (refused["field"], refused["table"]) == ("memberships[1]", "customers/organization_members")
