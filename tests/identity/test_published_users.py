"""The users of a published tracker log, by the tracker's own rule: a user is a device.

Its rows go the way of any vendor's: touchpoints, identity, assignment. Devices that take turns within one
visit stand in one record, and are one user; the log's user ids are names of its edge cases, of nobody.
"""

import csv
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from journey_platform.identity.assign import assign
from journey_platform.identity.keys import identifier_key
from journey_platform.identity.observations import observations
from journey_platform.identity.resolve import resolve
from journey_platform.tables import touchpoints_table

LOG = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "snowplow_web"
pytestmark = pytest.mark.skipif(
    not LOG.exists(), reason="shared/data/snowplow_web is not beside the repository"
)
SECRET = b"a long random text for tests only"
LONGEST_VISIT, LONGEST_DELAY = timedelta(days=3), timedelta(days=3)
"""What the publisher set: later events of a visit, and events sent later, are no part of it."""

Row = dict[str, str]


@dataclass
class User:
    """One row of the users table."""

    moments: list[datetime] = field(default_factory=list)
    pages: set[tuple[str | None, str]] = field(default_factory=set)
    visits: set[str | None] = field(default_factory=set)


def rows(*names: str) -> Iterator[Row]:
    with LOG.joinpath(*names).open(newline="") as file:
        yield from csv.DictReader(file)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def page_of(row: Row) -> str | None:
    told = json.loads(row["contexts_com_snowplowanalytics_snowplow_web_page_1_0_0"] or "[]")
    while isinstance(told, list):
        told = told[0] if told else {}
    return str(told["id"]) if told.get("id") else None


def events() -> list[Row]:
    """What the tracker counts: each event once, in time, of a visit and a page, within the visit's length."""
    began: dict[str, datetime] = {}
    known: set[str] = set()
    kept = []
    for row in sorted(rows("source", "snowplow_web_events.csv"), key=lambda row: row["collector_tstamp"]):
        visit, at = row["domain_sessionid"], moment(row["collector_tstamp"])
        late = moment(row["dvce_sent_tstamp"]) - moment(row["dvce_created_tstamp"])
        if not visit or late > LONGEST_DELAY or row["event_id"] in known:
            continue
        if at - began.setdefault(visit, at) > LONGEST_VISIT or page_of(row) is None:
            continue
        known.add(row["event_id"])
        kept.append(row)
    return kept


def touchpoints() -> pa.Table:
    robots = {
        row["root_id"]
        for row in rows("source", "snowplow_web_spider_context.csv")
        if row["spiderOrRobot"].lower() == "true"
    }
    table = touchpoints_table("snowplow")
    found = [
        {
            "day": moment(row["derived_tstamp"]).date(),
            "touchpoint_id": f"snowplow/visits/{row['domain_sessionid']}#{row['event_id']}",
            "occurred_at": moment(row["derived_tstamp"]),
            "vendor": "snowplow",
            "stream": "visits",
            "record_key": row["domain_sessionid"],
            "channel": "web",
            "type": row["event_name"],
            "identifiers": [{"kind": "cookie_id", "value": row["domain_userid"]}]
            if row["domain_userid"]
            else [],
            "visit_id": row["domain_sessionid"],
            "subject_id": page_of(row),
            "is_bot": row["event_id"] in robots,
            "is_machine": False,
        }
        for row in events()
    ]
    return pa.Table.from_pylist(found, schema=table.schema)


def users() -> dict[int, User]:
    """By person, of everybody who saw a page."""
    said = touchpoints()
    identifiers = resolve(observations([said], []), secret=SECRET).identifiers
    found: dict[int, User] = defaultdict(User)
    pages = {"page_view", "page_ping"}
    seen = set()
    for row in assign(said, identifiers, secret=SECRET).to_pylist():
        person = row["person_key"]
        if person is None or row["is_bot"]:
            continue
        user = found[person]
        user.moments.append(row["occurred_at"])
        user.visits.add(row["visit_id"])
        if row["type"] in pages:
            user.pages.add((row["visit_id"], row["subject_id"]))
            seen.add(person)
    return {person: found[person] for person in seen}


def test_the_published_users_are_found_with_their_visits_pages_and_times() -> None:
    expected = {row["domain_userid"]: row for row in rows("expected", "snowplow_web_users_expected.csv")}
    assert len(expected) == 11
    said = touchpoints()
    identifiers = resolve(observations([said], []), secret=SECRET).identifiers
    person_of = dict(
        zip(identifiers["identifier_key"].to_pylist(), identifiers["person_key"].to_pylist(), strict=True)
    )
    found = users()
    told = {}
    for device in expected:
        user = found.pop(person_of[identifier_key(SECRET, "cookie_id", device)])
        told[device] = (len(user.visits), len(user.pages), min(user.moments), max(user.moments))
    assert told == {
        device: (
            int(row["sessions"]),
            int(row["page_views"]),
            moment(row["start_tstamp"]),
            moment(row["end_tstamp"]),
        )
        for device, row in expected.items()
    }
    assert found == {}
