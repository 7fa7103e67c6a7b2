"""Who is staff is told by another stream than the tickets': what a change of it makes of touchpoints."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from journey_platform.defs.following import days_told_of
from journey_platform.defs.platform import Platform
from journey_platform.defs.touchpoints import mapped_on
from journey_platform.lake import Lake
from journey_platform.sources import archive_of, connector_of
from journey_platform.tables import touchpoints_table
from tests.touchpoints.raws import raw

TABLE = touchpoints_table("zendesk")
D1, D2, D3 = DAYS = [date(2026, 3, day) for day in (3, 5, 9)]
CUSTOMER = {"id": 6, "role": "end-user", "name": "Bo"}
AGENT = {**CUSTOMER, "role": "agent"}
Change = Callable[[dict[str, Any]], set[date]]


def noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


@pytest.fixture
def platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Platform:
    """Ticket 77 of user 6, answered two days later, and ticket 6 of somebody else."""
    monkeypatch.setenv("JOURNEY_ROOT", str(tmp_path))
    monkeypatch.setenv("JOURNEY_ZONE", "UTC")
    monkeypatch.setenv("JOURNEY_START_DATE", "2026-03-01")
    monkeypatch.setenv("JOURNEY_SOURCES", "zendesk")
    monkeypatch.setenv("JOURNEY_PSEUDONYM_KEY", "any long text")
    for name, value in (("BASE_URL", "http://127.0.0.1:1"), ("EMAIL", "x@x.example"), ("TOKEN", "x")):
        monkeypatch.setenv(f"ZENDESK_{name}", value)
    found = Platform()
    for number, requester, day in ((77, 6, D1), (6, 5, D3)):
        ticket = {"id": number, "created_at": noon(day).isoformat(), "requester_id": requester}
        add(found.lake, "tickets", ticket, noon(day))
    event = {"id": 1, "ticket_id": 77, "metric": "reply_time", "type": "fulfill"}
    events = raw("zendesk", "ticket_metric_events", event, at=noon(D2))
    archive = archive_of("zendesk", connector_of("zendesk").stream("ticket_metric_events"))
    found.lake.replace_days(archive, events, DAYS, run_id="made")
    return found


def add(lake: Lake, stream: str, body: dict[str, Any], at: datetime) -> None:
    rows = raw("zendesk", stream, body, keys=[str(body["id"])], at=at)
    archive = archive_of("zendesk", connector_of("zendesk").stream(stream))
    lake.add_versions(archive, rows, run_id="made", cursor=None)


def rebuilt(platform: Platform) -> pa.Table:
    return mapped_on(platform, "zendesk", DAYS).rows


def subjects(rows: pa.Table) -> list[tuple[date, str]]:
    return sorted(zip(rows["day"].to_pylist(), rows["subject_id"].to_pylist(), strict=True))


@pytest.fixture
def changing(platform: Platform) -> Change:
    """Touchpoints as they stand, then the user in another version: the days that are touched, mapped anew."""
    users = archive_of("zendesk", connector_of("zendesk").stream("users"))
    hours = iter(range(100))
    add(platform.lake, "users", CUSTOMER, noon(D1) + timedelta(hours=next(hours)))
    platform.lake.replace_days(TABLE, rebuilt(platform), DAYS, run_id="made")

    def change(user: dict[str, Any]) -> set[date]:
        before = platform.lake.version(users)
        add(platform.lake, "users", user, noon(D1) + timedelta(hours=next(hours)))
        days = sorted(days_told_of(platform, "zendesk", "users")(users, before))
        rows = mapped_on(platform, "zendesk", days).rows
        rows = rows.filter(pa.array([day in days for day in rows["day"].to_pylist()], pa.bool_()))
        platform.lake.replace_days(TABLE, rows, days, run_id="again", allow_shrink=True)
        return set(days)

    return change


def test_a_customer_who_becomes_staff_takes_their_tickets_and_all_about_them_along(
    platform: Platform, changing: Change
) -> None:
    assert subjects(platform.lake.read(TABLE)) == [(D1, "77"), (D2, "77"), (D3, "6")]
    assert changing(AGENT) == {D1, D2}
    assert subjects(platform.lake.read(TABLE)) == [(D3, "6")]
    assert platform.lake.read(TABLE).equals(rebuilt(platform))


def test_staff_who_become_customers_bring_what_was_left_out(platform: Platform, changing: Change) -> None:
    changing(AGENT)
    assert changing(CUSTOMER) == {D1, D2}
    assert platform.lake.read(TABLE).equals(rebuilt(platform))
    assert len(platform.lake.read(TABLE)) == 3


def test_another_name_or_an_agent_without_tickets_touches_no_day(changing: Change) -> None:
    assert changing({**CUSTOMER, "name": "Bob"}) == set()
    assert changing({**AGENT, "id": 77}) == set()


def test_touchpoints_made_before_roles_were_looked_up_are_made_again(platform: Platform) -> None:
    platform.lake.replace_days(TABLE, rebuilt(platform), DAYS, run_id="made")
    add(platform.lake, "users", AGENT, noon(D1))
    users = archive_of("zendesk", connector_of("zendesk").stream("users"))
    assert days_told_of(platform, "zendesk", "users")(users, None) == set(DAYS)
