"""Each connector reads from its emulation exactly what the world holds."""

import hashlib
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from connectors.base import Connector, Page, StreamKind, Window
from connectors.clock import SystemClock
from connectors.config import from_environment
from connectors.registry import CONNECTORS
from journey_platform.demo.company import build_world
from journey_platform.demo.vendors.mailchimp import email_id
from journey_platform.demo.vendors.server import serve
from journey_platform.demo.world import Campaign, EmailAction, Malformed, World
from tests.demo.worlds import small_world

ZONE = ZoneInfo("Europe/Amsterdam")
ALL = Window(datetime(2026, 2, 28, 23, tzinfo=UTC), datetime(2026, 3, 3, 23, tzinfo=UTC))
DAYS = [Window(ALL.start + timedelta(days=n), ALL.start + timedelta(days=n + 1)) for n in range(3)]
STREAMS = [
    pytest.param(vendor, stream.name, id=f"{vendor}-{stream.name}")
    for vendor in CONNECTORS
    for stream in CONNECTORS[vendor].streams
]
EVENT_STREAMS = [
    pytest.param(vendor, stream.name, id=f"{vendor}-{stream.name}")
    for vendor in CONNECTORS
    for stream in CONNECTORS[vendor].streams
    if stream.kind is StreamKind.EVENT
]


class HastyClock(SystemClock):
    """Moves on instead of waiting."""

    def __init__(self) -> None:
        self._slept_s = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self._slept_s

    def sleep(self, seconds: float) -> None:
        self._slept_s += seconds


def connector(environment: Mapping[str, str], vendor: str) -> Connector:
    connector_class = CONNECTORS[vendor]
    return connector_class(from_environment(connector_class.config_class, environment), HastyClock())


def read(environment: Mapping[str, str], vendor: str, stream: str, window: Window = ALL) -> list[Page]:
    return list(connector(environment, vendor).read(stream, window))


def bodies(pages: list[Page]) -> dict[str, bytes]:
    return {record.key: record.body for page in pages for record in page.records}


def activity_key(campaign: Campaign, action: EmailAction) -> str:
    parts = [campaign.campaign_id, email_id(action.email), action.action]
    parts.append(f"{action.at:%Y-%m-%dT%H:%M:%S}+00:00")
    if action.url:
        parts.append(hashlib.sha256(action.url.encode()).hexdigest()[:8])
    return ":".join(parts)


def expected(world: World, stream: str) -> set[str]:
    """The keys that the world itself gives, without looking at any emulation."""
    mailings = world.campaigns
    local_days = {max(action.at for action in v.actions).astimezone(ZONE).date() for v in world.visits}
    return {
        "visits": {f"1:{visit.visit_id}" for visit in world.visits},
        "visits_summary": {f"1:{day}" for day in local_days},
        "referrers": {
            "1:2026-03-01:getReferrerType:Direct Entry",
            "1:2026-03-01:getReferrerType:Search Engines",
            "1:2026-03-03:getReferrerType:Direct Entry",
        },
        "sites": {"1"},
        "lists": {world.list_id},
        "members": {f"{world.list_id}:{email_id(member.email)}" for member in world.members},
        "campaigns": {mailing.campaign_id for mailing in mailings},
        "reports": {mailing.campaign_id for mailing in mailings},
        "email_activity": {
            activity_key(mailing, action) for mailing in mailings for action in mailing.actions
        },
        "unsubscribes": {
            f"{m.campaign_id}:{email_id(email)}" for m in mailings for email, _ in m.unsubscribed
        },
        "tickets": {str(ticket.ticket_id) for ticket in world.tickets},
        "users": {str(user.user_id) for user in world.support_users},
        "organizations": {str(body.organization_id) for body in world.organizations},
        "organization_memberships": {str(membership.user_id) for membership in world.memberships},
        # Created (two metrics begin), first reply, solved: every ticket of the small world has all four.
        "ticket_metric_events": {str(t.ticket_id * 10 + place) for t in world.tickets for place in range(4)},
        "satisfaction_ratings": {str(ticket.ticket_id) for ticket in world.tickets if ticket.rated_at},
        "ticket_counts": {
            str(t.created_at.astimezone(ZONE).date()) for t in world.tickets if t.status != "deleted"
        },
        "surveys": {survey.survey_id for survey in world.surveys},
        "survey_definitions": {survey.survey_id for survey in world.surveys},
        "responses": {f"{response.survey_id}:{response.response_id}" for response in world.responses},
        "tag_timelines": {
            f"{tag}:{post.post_id}" for post in (*world.posts, *world.rival_posts) for tag in post.tags
        },
        "account_statuses": {str(post.post_id) for post in world.posts if post.is_brand},
        "search": {str(post.post_id) for post in world.posts if world.brand_tag in post.html},
        "orders": {str(order.order_id) for order in world.orders},
    }[stream]


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    with serve(small_world(), max_rows=4) as served:
        yield served.environment


@pytest.fixture(scope="module")
def company() -> Iterator[tuple[World, dict[str, str]]]:
    world = build_world(seed=5, customers=60, first_day=date(2026, 3, 15), last_day=date(2026, 4, 4))
    with serve(world) as served:
        served.lift_outage("qualtrics")
        yield world, served.environment


@pytest.mark.parametrize(("vendor", "stream"), STREAMS)
def test_a_connector_reads_what_the_world_holds(
    environment: dict[str, str], vendor: str, stream: str
) -> None:
    pages = read(environment, vendor, stream)
    assert set(bodies(pages)) == expected(small_world(), stream)
    assert not [bad for page in pages for bad in page.bad]


@pytest.mark.parametrize(("vendor", "stream"), EVENT_STREAMS)
def test_days_read_one_by_one_give_the_whole(environment: dict[str, str], vendor: str, stream: str) -> None:
    by_day = [bodies(read(environment, vendor, stream, window)) for window in DAYS]
    whole = bodies(read(environment, vendor, stream))
    assert sum(len(day) for day in by_day) == len(whole)
    assert {key: body for day in by_day for key, body in day.items()} == whole


@pytest.mark.parametrize(("vendor", "stream"), STREAMS)
def test_the_size_of_pages_changes_no_byte(environment: dict[str, str], vendor: str, stream: str) -> None:
    with serve(small_world()) as served:
        assert bodies(read(served.environment, vendor, stream)) == bodies(read(environment, vendor, stream))


@pytest.mark.parametrize(
    ("vendor", "stream", "body"),
    [
        pytest.param("matomo", "visits", {"idSite": "1", "actionDetails": []}, id="visit without an id"),
        pytest.param("mailchimp", "members", {"email_address": "x@y.example"}, id="member without an id"),
        pytest.param(
            "mailchimp",
            "email_activity",
            {"action": "open", "timestamp": "yesterday"},
            id="open at no time",
        ),
        pytest.param("mailchimp", "unsubscribes", {"email_id": 7}, id="unsubscribe of a number"),
        pytest.param("zendesk", "tickets", {"subject": "no id"}, id="ticket without an id"),
        pytest.param("zendesk", "users", {"id": 9, "updated_at": "soon"}, id="user changed at no time"),
        pytest.param("zendesk", "organizations", {"name": "no id"}, id="organisation without an id"),
        pytest.param(
            "zendesk", "organization_memberships", {"id": 9, "user_id": None}, id="membership of nobody"
        ),
        pytest.param("zendesk", "ticket_metric_events", {"time": 1}, id="event without an id"),
        pytest.param("zendesk", "satisfaction_ratings", {"id": [1]}, id="rating whose id is a list"),
        pytest.param(
            "qualtrics", "responses", {"survey_id": "SV_nps", "QID1": "7"}, id="response without an id"
        ),
        pytest.param("mastodon", "tag_timelines", {"content": "<p>"}, id="tagged status without an id"),
        pytest.param("mastodon", "account_statuses", {"id": 5}, id="status whose id is a number"),
        pytest.param("mastodon", "search", {"id": None}, id="status whose id is null"),
        pytest.param("shopify", "orders", {"name": "#1", "updated_at": "soon"}, id="order without an id"),
    ],
)
def test_a_malformed_record_arrives_once_on_its_day_beside_the_good_ones(
    vendor: str, stream: str, body: dict[str, Any]
) -> None:
    malformed = Malformed(vendor, stream, date(2026, 3, 2), msgspec.json.encode(body).decode())
    with serve(small_world(malformed=[malformed]), max_rows=4) as served:
        pages = read(served.environment, vendor, stream)
    assert set(bodies(pages)) == expected(small_world(), stream)
    (bad,) = [bad for page in pages for bad in page.bad]
    assert msgspec.json.decode(bad.body).items() >= body.items()


@pytest.mark.parametrize("vendor", list(CONNECTORS))
def test_the_check_of_a_connector_passes(environment: dict[str, str], vendor: str) -> None:
    connector(environment, vendor).check()


@pytest.mark.parametrize(
    ("vendor", "stream"),
    [
        param
        for param in STREAMS
        if param.values[1] not in ("visits_summary", "referrers", "ticket_metric_events")
    ],
)
def test_a_generated_company_is_read_whole_with_its_dirt(
    company: tuple[World, dict[str, str]], vendor: str, stream: str
) -> None:
    """Beside the records of the world come only its malformed ones: as bad ones, or under their own keys."""
    world, environment = company
    start = datetime.combine(world.first_day, time(), ZONE).astimezone(UTC)
    window = Window(start, datetime.combine(world.last_day + timedelta(days=1), time(), ZONE).astimezone(UTC))
    pages = read(environment, vendor, stream, window)
    wanted, found = expected(world, stream), bodies(pages)
    bad = [bad for page in pages for bad in page.bad]
    malformed = [m for m in world.malformed if (m.vendor, m.stream) == (vendor, stream)]
    assert wanted <= found.keys()
    assert len(found.keys() - wanted) + len(bad) == len(malformed)
