"""Zendesk: tickets and what happens to them as touchpoints, end users as contacts."""

import base64
import gzip
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from journey_platform.tables import touchpoints_table
from journey_platform.touchpoints import zendesk
from tests.touchpoints.raws import about, raw, refused, who

ZONE = "Europe/Amsterdam"
RECORDINGS = Path(__file__).resolve().parents[2].parent / "shared" / "recordings/ticketing/zendesk"
is_recorded = pytest.mark.skipif(not RECORDINGS.exists(), reason="the recordings are not beside the project")


def ticket(**fields: Any) -> dict[str, Any]:
    return {
        "id": 28,
        "created_at": "2026-03-08T23:30:00Z",
        "status": "open",
        "requester_id": 6130907993114,
        "subject": "Invoice",
        "description": "It is wrong.",
        "tags": ["billing", "urgent"],
    } | fields


def tables(*tickets: dict[str, Any], **streams: dict[str, Any]) -> dict[str, Any]:
    return {"tickets": raw("zendesk", "tickets", *tickets, keys=[str(t["id"]) for t in tickets])} | {
        stream: raw("zendesk", stream, body) for stream, body in streams.items()
    }


def test_a_ticket_stands_on_the_local_day_it_was_created() -> None:
    found = zendesk.touchpoints(tables(ticket()), zone=ZONE)
    assert found.rows.schema == touchpoints_table("zendesk").schema
    (row,) = found.rows.to_pylist()
    assert (row["day"], row["occurred_at"]) == (date(2026, 3, 9), datetime(2026, 3, 8, 23, 30, tzinfo=UTC))
    assert (row["type"], row["subject_id"], row["reason"]) == ("ticket_created", "28", "billing")
    assert row["text"] == "Invoice\n\nIt is wrong."
    assert who(row) == {"zendesk_user_id": "6130907993114"}


@pytest.mark.parametrize(
    ("fields", "field", "severity"),
    [
        pytest.param({"status": "deleted"}, "status", "excluded", id="deleted"),
        pytest.param({"tags": ["billing", "spam"]}, "tags", "excluded", id="spam"),
        pytest.param({"created_at": "2026-03-08T23:30:00"}, "created_at", "error", id="time without a zone"),
        pytest.param({"created_at": "yesterday"}, "created_at", "error", id="no time"),
        pytest.param({"tags": "billing"}, "tags", "error", id="tags of a wrong type"),
        pytest.param({"requester_id": "me"}, "requester_id", "error", id="requester of a wrong type"),
    ],
)
def test_a_ticket_that_does_not_count_is_listed_with_its_reason(
    fields: dict[str, Any], field: str, severity: str
) -> None:
    found = zendesk.touchpoints(tables(ticket(**fields)), zone=ZONE)
    assert found.rows.num_rows == 0
    assert refused(found.rejected) == [("zendesk/tickets/28", field, severity)]


def test_a_sparse_ticket_still_counts() -> None:
    bare = {"id": 28, "created_at": "2026-03-08T23:30:00Z"}
    nulls = ticket(id=29, requester_id=None, subject=None, description=None, tags=[])
    rows = zendesk.touchpoints(tables(bare, nulls), zone=ZONE).rows.to_pylist()
    assert [(row["reason"], row["text"], row["identifiers"]) for row in rows] == [(None, None, [])] * 2


@pytest.mark.parametrize(
    ("metric", "kind", "touchpoint"),
    [
        pytest.param("reply_time", "fulfill", "ticket_replied", id="reply"),
        pytest.param("resolution_time", "fulfill", "ticket_solved", id="solution"),
        pytest.param("resolution_time", "activate", "ticket_reopened", id="open again"),
        pytest.param("reply_time", "activate", None, id="clock started"),
        pytest.param("agent_work_time", "fulfill", None, id="another clock"),
    ],
)
def test_metric_events_that_a_customer_notices_are_touchpoints(
    metric: str, kind: str, touchpoint: str | None
) -> None:
    event = {"id": 1, "ticket_id": 28, "metric": metric, "type": kind, "time": "2026-03-10T12:00:00Z"}
    found = zendesk.touchpoints(tables(ticket(), ticket_metric_events=event), zone=ZONE)
    rows = [row for row in found.rows.to_pylist() if row["type"] != "ticket_created"]
    assert [row["type"] for row in rows] == ([touchpoint] if touchpoint else [])
    assert all(who(row) == {"zendesk_user_id": "6130907993114"} for row in rows)
    assert found.rejected.num_rows == 0


def test_the_clock_that_starts_with_the_ticket_opens_nothing_again() -> None:
    event = {"id": 1, "ticket_id": 28, "metric": "resolution_time", "type": "activate"}
    created = ticket(created_at="2026-03-10T12:00:00Z")
    rows = zendesk.touchpoints(tables(created, ticket_metric_events=event), zone=ZONE).rows
    assert rows["type"].to_pylist() == ["ticket_created"]


def test_what_happens_to_an_excluded_ticket_is_excluded_too() -> None:
    event = {"id": 1, "ticket_id": 28, "metric": "reply_time", "type": "fulfill"}
    rating = {"id": 2, "ticket_id": 28, "requester_id": 5, "score": "good"}
    found = zendesk.touchpoints(
        tables(ticket(tags=["spam"]), ticket_metric_events=event, satisfaction_ratings=rating), zone=ZONE
    )
    assert found.rows.num_rows == 0
    assert {severity for _, _, severity in refused(found.rejected)} == {"excluded"}
    assert found.rejected.num_rows == 3


@pytest.mark.parametrize(
    ("score", "value"),
    [("good", 1.0), ("bad", 0.0), ("good_with_comment", 1.0), ("bad_without_comment", 0.0)],
)
def test_a_rating_is_one_or_zero(score: str, value: float) -> None:
    rating = {"id": 2, "ticket_id": 28, "requester_id": 5, "score": score, "comment": "Fine"}
    rows = zendesk.touchpoints(
        {"satisfaction_ratings": raw("zendesk", "satisfaction_ratings", rating)}, zone=ZONE
    ).rows
    (row,) = rows.to_pylist()
    assert (row["type"], row["value"], row["unit"], row["text"]) == ("ticket_rated", value, "csat", "Fine")
    assert who(row) == {"zendesk_user_id": "5"}


@pytest.mark.parametrize(
    ("score", "severity"), [("offered", "excluded"), ("unoffered", "excluded"), ("5", "error")]
)
def test_a_rating_without_a_score_is_no_touchpoint(score: str, severity: str) -> None:
    rating = {"id": 2, "ticket_id": 28, "requester_id": 5, "score": score}
    found = zendesk.touchpoints(
        {"satisfaction_ratings": raw("zendesk", "satisfaction_ratings", rating)}, zone=ZONE
    )
    assert refused(found.rejected) == [("zendesk/satisfaction_ratings/0", "score", severity)]


def test_end_users_are_contacts_and_staff_are_not() -> None:
    user = {"id": 5, "name": "Ann Bee", "email": "Ann@shop.example", "phone": None, "external_id": 81}
    staff = {"id": 6, "name": "Bo", "email": "bo@desk.example", "role": "agent"}
    found = zendesk.contacts(
        {"users": raw("zendesk", "users", user | {"role": "end-user"}, staff)}, zone=ZONE
    )
    (row,) = found.rows.to_pylist()
    assert who(row) == {"zendesk_user_id": "5", "email": "Ann@shop.example", "user_id": "81"}
    assert about(row) == {"name": "Ann Bee", "email": "Ann@shop.example"}
    assert refused(found.rejected) == [("zendesk/users/1", "role", "excluded")]


@is_recorded
def test_the_recorded_tickets_all_map() -> None:
    replies = _replies("TicketsIncrementalTest.test_get_values.json", "tickets")
    tickets = {row["id"]: row for rows in replies for row in rows}
    found = zendesk.touchpoints(tables(*tickets.values()), zone=ZONE)
    deleted = [row for row in tickets.values() if row["status"] == "deleted"]
    assert len(tickets) == 87
    assert found.rows.num_rows == 87 - len(deleted)
    assert [severity for _, _, severity in refused(found.rejected)] == ["excluded"] * len(deleted)


@is_recorded
def test_the_recorded_users_all_map() -> None:
    users = {
        row["id"]: row
        for rows in _replies("TestUsersPagination.test_pagination.json", "users")
        for row in rows
    }
    found = zendesk.contacts({"users": raw("zendesk", "users", *users.values())}, zone=ZONE)
    customers = {str(user["id"]) for user in users.values() if user["role"] == "end-user"}
    assert {who(row)["zendesk_user_id"] for row in found.rows.to_pylist()} == customers
    assert len(customers) + found.rejected.num_rows == len(users) > 1


def _replies(tape: str, rows: str) -> list[list[dict[str, Any]]]:
    found = []
    for interaction in json.loads((RECORDINGS / tape).read_text())["http_interactions"]:
        body = base64.b64decode(interaction["response"]["body"].get("base64_string", ""))
        text = gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
        if text.startswith(b"{"):
            found.append(json.loads(text).get(rows, []))
    return found


@pytest.mark.parametrize(
    ("role", "counted"), [pytest.param("end-user", 1, id="customer"), pytest.param("agent", 0, id="staff")]
)
def test_a_ticket_that_staff_opened_is_no_customers_touchpoint(role: str, counted: int) -> None:
    ticket = {"id": 7, "created_at": "2026-03-01T10:00:00Z", "status": "open", "requester_id": 6}
    tables = {
        "tickets": raw("zendesk", "tickets", ticket),
        "users": raw("zendesk", "users", {"id": 6, "role": role}),
        "ticket_metric_events": raw(
            "zendesk", "ticket_metric_events", {"ticket_id": 7, "metric": "reply_time", "type": "fulfill"}
        ),
    }
    found = zendesk.touchpoints(tables, zone=ZONE)
    assert found.rows["type"].to_pylist() == ["ticket_created", "ticket_replied"][: 2 * counted]
    assert {reason for *_, reason in refused(found.rejected)} <= {"excluded"}
