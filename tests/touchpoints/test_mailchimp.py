"""Mailchimp: recipients' actions as touchpoints, members as contacts."""

import json
from pathlib import Path
from typing import Any

import pytest

from journey_platform.tables import contacts_table, touchpoints_table
from journey_platform.touchpoints import mailchimp
from tests.touchpoints.raws import about, raw, refused, who

ZONE = "Europe/Amsterdam"
TAPE = Path(__file__).resolve().parents[2].parent / "shared" / "recordings/email/mailchimp/importRecords.json"


def activity(**fields: Any) -> dict[str, Any]:
    return {
        "campaign_id": "c1",
        "list_id": "l1",
        "email_id": "5d41",
        "email_address": "Ann@shop.example",
        "action": "open",
        "timestamp": "2026-03-10T12:00:00+00:00",
        "ip": "203.0.113.9",
    } | fields


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({}, {"type": "email_open", "is_machine": False}, id="open"),
        pytest.param({"ip": "17.58.1.2"}, {"type": "email_open", "is_machine": True}, id="prefetched open"),
        pytest.param({"ip": "171.8.1.2"}, {"type": "email_open", "is_machine": False}, id="another network"),
        pytest.param({"ip": None}, {"type": "email_open", "is_machine": False}, id="no address"),
        pytest.param(
            {"action": "click", "url": "https://shop.example/offer?u=ann", "ip": "17.58.1.2"},
            {"type": "email_click", "page": "/offer", "is_machine": False},
            id="click: proxies do not click",
        ),
        pytest.param(
            {"action": "bounce", "type": "hard"}, {"type": "email_bounce", "reason": "hard"}, id="bounce"
        ),
    ],
)
def test_an_activity_becomes_a_touchpoint(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    found = mailchimp.touchpoints(
        {"email_activity": raw("mailchimp", "email_activity", activity(**fields))}, zone=ZONE
    )
    assert found.rows.schema == touchpoints_table("mailchimp").schema
    (row,) = found.rows.to_pylist()
    assert {name: row[name] for name in expected} == expected
    assert who(row) == {"email": "Ann@shop.example", "mailchimp_email_id": "5d41"}
    assert (row["channel"], row["subject_id"]) == ("email", "c1")


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        pytest.param({"settings": {"title": "Spring"}}, "Spring", id="titled"),
        pytest.param({"settings": {"title": ""}}, "c1", id="blank title"),
        pytest.param({}, "c1", id="no settings"),
        pytest.param(None, "c1", id="campaigns not given"),
    ],
)
def test_a_mailing_is_named_by_its_title_or_its_id(settings: dict[str, Any] | None, name: str) -> None:
    tables = {
        "email_activity": raw("mailchimp", "email_activity", activity()),
        "unsubscribes": raw(
            "mailchimp",
            "unsubscribes",
            {"campaign_id": "c1", "email_id": "5d41", "email_address": "a@b.example"},
        ),
    }
    if settings is not None:
        tables["campaigns"] = raw("mailchimp", "campaigns", {"id": "c1"} | settings, keys=["c1"])
    rows = mailchimp.touchpoints(tables, zone=ZONE).rows
    assert sorted(rows["type"].to_pylist()) == ["email_open", "email_unsubscribe"]
    assert rows["campaign"].to_pylist() == [name, name]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        pytest.param(activity(action="forward"), "action", id="unknown action"),
        pytest.param(activity(campaign_id=None), "campaign_id", id="no campaign"),
        pytest.param(activity(email_address=7), "email_address", id="address of a wrong type"),
    ],
)
def test_an_unusable_activity_is_rejected(body: Any, field: str) -> None:
    found = mailchimp.touchpoints({"email_activity": raw("mailchimp", "email_activity", body)}, zone=ZONE)
    assert found.rows.num_rows == 0
    assert refused(found.rejected) == [("mailchimp/email_activity/0", field, "error")]


def test_a_member_is_a_contact_with_its_merge_fields() -> None:
    member = {
        "id": "5d41",
        "email_address": "Ann@shop.example",
        "status": "unsubscribed",
        "full_name": "",
        "merge_fields": {
            "FNAME": "Ann",
            "LNAME": "Bee",
            "PHONE": "+31 6 12",
            "HANDLE": "@ann@social.example",
            "PLAN": "pro",
            "COMPANY": "Bee Ltd",
            "ADDRESS": {"addr1": "x", "city": "y"},
            "AGE": 41,
        },
        "location": {"country_code": "NL", "latitude": 0},
    }
    found = mailchimp.contacts({"members": raw("mailchimp", "members", member, keys=["l1:5d41"])}, zone=ZONE)
    assert found.rows.schema == contacts_table("mailchimp").schema
    (row,) = found.rows.to_pylist()
    assert row["contact_id"] == "mailchimp/members/l1:5d41@2026-03-10T12:00:00Z"
    assert who(row) == {
        "email": "Ann@shop.example",
        "mailchimp_email_id": "5d41",
        "phone": "+31 6 12",
        "social_handle": "@ann@social.example",
    }
    assert about(row) == {
        "name": "Ann Bee",
        "email": "Ann@shop.example",
        "phone": "+31 6 12",
        "country": "NL",
        "company": "Bee Ltd",
        "plan": "pro",
        "email_status": "unsubscribed",
    }


@pytest.mark.skipif(not TAPE.exists(), reason="the vendors' recordings are not beside the project")
def test_every_recorded_member_becomes_a_contact() -> None:
    replies = [reply["body"] for reply in json.loads(TAPE.read_text()) if "/members" in reply["url"]]
    bodies = [json.loads(body) if isinstance(body, str) else body for body in replies]
    members = {
        m["id"]: m
        for body in bodies
        for m in (body or {}).get("members", [])
        if "id" in m and "email_address" in m
    }
    found = mailchimp.contacts({"members": raw("mailchimp", "members", *members.values())}, zone=ZONE)
    assert (found.rows.num_rows, found.rejected.num_rows) == (len(members), 0)
    assert {who(row)["mailchimp_email_id"] for row in found.rows.to_pylist()} == set(members)
