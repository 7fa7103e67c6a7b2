"""A real site's events, each row named after its edge case, through landing and gate: what is left gives the
page views that its expected sessions table has, for every one of its sessions."""

import csv
import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.base import Page, Record
from journey_platform.lake import Lake
from journey_platform.landing import LandingReport, land_events
from journey_platform.landing.ledger import gate_of
from journey_platform.quality.rules import holds, is_between, is_present
from journey_platform.quality.suites.raw import Stream, raw_suite
from journey_platform.tables import QUARANTINE, raw_table

DATA = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "snowplow_web"
pytestmark = pytest.mark.skipif(not DATA.exists(), reason="needs ../shared/data/snowplow_web")

TABLE = raw_table("snowplow", "events", "event of a page", is_entity=False)
NOW = datetime(2021, 4, 1, tzinfo=UTC)
DAY_S = 24 * 3600
# Its settings: rows sent more than three days after they were made are late, and a session ends after three.
SUITE = raw_suite(
    Stream(
        fields={
            "session": "$.domain_sessionid",
            "made": "$.dvce_created_tstamp",
            "sent": "$.dvce_sent_tstamp",
            "page_view": "$.page_view_id",
        },
        columns={
            "seconds_late": "date_diff('second', made::timestamp, sent::timestamp)",
            "seconds_in": "date_diff('second', min(occurred_at) over (partition by session), occurred_at)",
            "is_named": "page_view is not null or json_extract_string(body, '$.event') <> 'page_view'",
        },
        rules=(
            is_present("session_given", "session"),
            is_between("not_late", "seconds_late", None, 3 * DAY_S),
            is_between("within_three_days", "seconds_in", None, 3 * DAY_S),
            holds("page_view_named", "is_named"),
        ),
        largest_share_failed=1.0,
        is_steady=False,
    ),
    is_entity=False,
)


def table(path: str) -> list[dict[str, str]]:
    csv.field_size_limit(10**8)
    with (DATA / path).open(newline="") as file:
        return list(csv.DictReader(file))


def events() -> list[dict[str, str | None]]:
    """The columns that are looked at; of a repeated id the row that was collected first comes last."""
    names = ("event", "event_id", "user_id", "domain_sessionid", "domain_userid", "collector_tstamp")
    page = "contexts_com_snowplowanalytics_snowplow_web_page_1_0_0"
    found = [
        {
            **{name: row[name] or None for name in (*names, "dvce_created_tstamp", "dvce_sent_tstamp")},
            "page_view_id": view_of(json.loads(row[page] or "[]")),
        }
        for row in table("source/snowplow_web_events.csv")
    ]
    return sorted(found, key=lambda row: row["collector_tstamp"] or "", reverse=True)


def view_of(context: object) -> str | None:
    """The id in a page's context, which is an object or in lists."""
    while isinstance(context, list):
        context = context[0] if context else {}
    return context.get("id") if isinstance(context, dict) else None


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lake, LandingReport]:
    lake = Lake(str(tmp_path_factory.mktemp("lake")))
    records = [
        Record(
            str(row["event_id"]),
            datetime.fromisoformat(str(row["collector_tstamp"])).replace(tzinfo=UTC),
            json.dumps(row).encode(),
        )
        for row in events()
    ]
    days = sorted({record.time.date() for record in records if record.time})
    gate = gate_of(lake, TABLE, SUITE, days)
    about = {"zone": "UTC", "run_id": "r", "extracted_at": NOW}
    return lake, land_events(lake, TABLE, [Page(records)], days, gate=gate, **about)


def refused(lake: Lake) -> list[tuple[str, str, str]]:
    """Edge case, session and rule of each row in quarantine."""
    return [
        (body["user_id"], body["domain_sessionid"] or "", row["reason"])
        for row in lake.read(QUARANTINE).to_pylist()
        for body in [json.loads(row["body"])]
    ]


def test_every_row_is_accounted_for_and_no_day_is_held(landed: tuple[Lake, LandingReport]) -> None:
    _, report = landed
    assert report.held == ()
    assert report.received == 160 == report.landed + report.quarantined + report.duplicates
    repeated = Counter(row["event_id"] for row in events())
    assert report.duplicates == sum(count - 1 for count in repeated.values()) > 0


def test_each_edge_case_is_refused_by_its_own_rule_and_no_other_row_is(
    landed: tuple[Lake, LandingReport],
) -> None:
    lake, _ = landed
    assert Counter((case, rule) for case, _, rule in refused(lake)) == {
        ("NULL domain_sessionid", "session_given"): 1,
        ("NULL page_view_id", "page_view_named"): 1,
        ("late arriving: device created/sent >3 days", "not_late"): 2,
        ("long session", "within_three_days"): 8,
        ("long session", "not_late"): 1,
        ("Unexpired session", "within_three_days"): 1,
    }


def test_the_session_that_never_ends_is_the_one_that_is_expected_in_quarantine(
    landed: tuple[Lake, LandingReport],
) -> None:
    [expected] = table("expected/snowplow_web_base_quarantined_sessions_expected.csv")
    too_long = {session for case, session, rule in refused(landed[0]) if rule == "within_three_days"}
    assert expected["session_identifier"] in too_long


def test_what_is_left_has_the_expected_page_views_in_every_session(
    landed: tuple[Lake, LandingReport],
) -> None:
    """Counted by id, so that a view that was sent again under another event is one; pings name theirs."""
    views: dict[str, set[str]] = {}
    for body in map(json.loads, landed[0].read(TABLE)["body"].to_pylist()):
        if body["event"] in ("page_view", "page_ping"):
            views.setdefault(body["domain_sessionid"], set()).add(body["page_view_id"])
    expected = {
        row["domain_sessionid"]: int(row["page_views"])
        for row in table("expected/snowplow_web_sessions_expected.csv")
    }
    assert {session: len(ids) for session, ids in views.items()} == expected


def test_a_cookie_that_changes_in_the_middle_takes_no_row_out_of_the_session(
    landed: tuple[Lake, LandingReport],
) -> None:
    rotating = [
        body
        for body in map(json.loads, landed[0].read(TABLE)["body"].to_pylist())
        if body["user_id"] == "Rotating domain_userid per session"
    ]
    assert len(rotating) == 5
    assert len({row["domain_userid"] for row in rotating}) > 1
    assert len({row["domain_sessionid"] for row in rotating}) == 1
