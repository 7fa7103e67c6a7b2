"""A published site's tracker, its rows each named after an edge case: its sessions and its page views.

Its own rules are declared: rows sent more than three days late, and those more than three days into a visit,
are refused; a page counts once in a visit. A visit is what the tracker says it is, however long the pause. A
page that is known from a ping alone counts in a visit as well, as its publisher has it.
"""

import csv
from datetime import UTC, date, datetime

import pyarrow.compute as pc
import pytest

from journey_platform.quality.rules import Suite, holds, is_between, is_present
from journey_platform.quality.suites.raw import Stream, raw_suite
from tests.public.dropped import SHARED, Dropped, dropped

LOG = SHARED / "snowplow_web"
pytestmark = pytest.mark.skipif(not SHARED.exists(), reason="needs ../shared/data")

DAY_S = 24 * 3600
PAGE = "contexts_com_snowplowanalytics_snowplow_web_page_1_0_0"

TRACKED = """
feeds:
  events:
    files: snowplow_web_events.csv
    key: [event_id, derived_tstamp]
    time: derived_tstamp
    touchpoints:
      - type: {column: event, values: {page_view: page_view}, otherwise: event}
        channel: web
        visit_id: $domain_sessionid
        url: $page_url
  pings:
    files: snowplow_web_events.csv
    key: [event_id, derived_tstamp]
    time: derived_tstamp
    touchpoints:
      - type: page_view
        channel: web
        when: {event: page_ping}
        visit_id: $domain_sessionid
        url: $page_url
"""


def rules(once: str) -> Suite:
    """What its publisher leaves out, for one feed. `once`: the event of which each page counts once."""
    return raw_suite(
        Stream(
            fields={
                "event": "$.event",
                "session": "$.domain_sessionid",
                "page": f"$.{PAGE}",
                "made": "$.dvce_created_tstamp",
                "sent": "$.dvce_sent_tstamp",
            },
            columns={
                "seconds_late": "date_diff('second', made::timestamp, sent::timestamp)",
                "seconds_in": "date_diff('second', min(occurred_at) over "
                "(partition by session), occurred_at)",
                "is_named": "page like '%\"id\":\"%' or event <> 'page_view'",
                "is_new": f"event <> '{once}' or 1 = row_number() over (partition by session, page, "
                "event in ('page_view', 'page_ping') order by event = 'page_ping', occurred_at, record_key)",
            },
            rules=(
                is_present("session_given", "session"),
                is_between("not_late", "seconds_late", None, 3 * DAY_S),
                is_between("within_three_days", "seconds_in", None, 3 * DAY_S),
                holds("page_view_named", "is_named"),
                holds("page_counted_once", "is_new"),
            ),
            largest_share_failed=1.0,
            is_steady=False,
        ),
        is_entity=False,
    )


@pytest.fixture(scope="module")
def tracked(tmp_path_factory: pytest.TempPathFactory) -> Dropped:
    home = tmp_path_factory.mktemp("tracked")
    files = [LOG / "source" / "snowplow_web_events.csv"]
    suites = {"events": rules("page_view"), "pings": rules("page_ping")}
    first, last = date(2020, 7, 1), date(2021, 3, 10)
    return dropped(home / "drop", TRACKED, files, first=first, last=last, lake=home / "lake", suites=suites)


@pytest.fixture(scope="module")
def visits(tracked: Dropped) -> dict[str, dict[str, object]]:
    """Visits with a page, by the tracker's id, followed for three days whatever their pauses."""
    found = tracked.sessions(gap_s=3 * DAY_S, carry_days=3)
    named = tracked.journeys.select(["touchpoint_id", "visit_id"]).rename_columns(["session_id", "visit_id"])
    seen = found.filter(pc.greater(found["page_views"], 0)).join(named, "session_id")
    return {row["visit_id"]: row for row in seen.to_pylist()}


def published(name: str) -> list[dict[str, str]]:
    with (LOG / "expected" / f"snowplow_web_{name}_expected.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.slow
def test_its_18_sessions_are_found_each_with_its_page_views(visits: dict[str, dict[str, object]]) -> None:
    expected = {row["domain_sessionid"]: int(row["page_views"]) for row in published("sessions")}
    assert (len(expected), sum(expected.values())) == (18, 46)
    assert {visit: row["page_views"] for visit, row in visits.items()} == expected


@pytest.mark.slow
def test_they_begin_and_end_when_they_should(visits: dict[str, dict[str, object]]) -> None:
    """Its publisher lets a visit known from pings alone begin one ping's length earlier."""
    viewed = {row["domain_sessionid"] for row in published("page_views")}
    expected = {
        row["domain_sessionid"]: (moment(row["start_tstamp"]), moment(row["end_tstamp"]))
        for row in published("sessions")
    }
    assert {visit: row["ended_at"] for visit, row in visits.items()} == {
        visit: end for visit, (_, end) in expected.items()
    }
    assert {visit: row["started_at"] for visit, row in visits.items() if visit in viewed} == {
        visit: start for visit, (start, _) in expected.items() if visit in viewed
    }
    assert len(viewed) == 15


@pytest.mark.slow
def test_its_43_page_views_are_found_each_at_its_time(tracked: Dropped) -> None:
    rows = tracked.journeys.filter(pc.equal(tracked.journeys["type"], "page_view"))
    views = rows.filter(pc.equal(rows["stream"], "events"))
    expected = [(row["domain_sessionid"], moment(row["start_tstamp"])) for row in published("page_views")]
    assert len(expected) == 43
    found = zip(views["visit_id"].to_pylist(), views["occurred_at"].to_pylist(), strict=True)
    assert sorted(found) == sorted(expected)
