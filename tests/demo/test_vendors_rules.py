"""The emulations keep the rules that connectors stumble over: refusals, pages, ends, zones, late records."""

import csv
import io
import zipfile
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from journey_platform.demo.vendors.server import Served, serve
from tests.demo.clients import Clients
from tests.demo.worlds import at, small_world, visit


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serve(small_world()) as served:
        yield served


@pytest.fixture(scope="module")
def clients(served: Served) -> Clients:
    return Clients(served.environment)


# --- refusals


def test_matomo_refuses_a_token_in_the_address(served: Served) -> None:
    url = f"{served.environment['MATOMO_BASE_URL']}/index.php"
    query = {"method": "VisitsSummary.get", "token_auth": served.environment["MATOMO_TOKEN"]}
    for answer in (requests.get(url, params=query, timeout=5), requests.post(url, params=query, timeout=5)):
        assert (answer.status_code, answer.json()["result"]) == (401, "error")


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"method": "No.suchThing"}, id="unknown method"),
        pytest.param({"method": "VisitsSummary.get", "idSite": 2, "date": "2026-03-01"}, id="unknown site"),
        pytest.param({"method": "VisitsSummary.get", "date": "yesterdayish"}, id="no date"),
        pytest.param(
            {"method": "Live.getLastVisitsDetails", "filter_sort_column": "idVisit"}, id="sorting the log"
        ),
    ],
)
def test_matomo_puts_its_errors_into_a_200(clients: Clients, fields: dict[str, Any]) -> None:
    answer = clients.matomo(**fields)
    assert (answer.status_code, answer.json()["result"]) == (200, "error")


@pytest.mark.parametrize(
    ("vendor", "path", "content_type"),
    [
        pytest.param("mailchimp", "lists", "application/problem+json", id="mailchimp"),
        pytest.param("zendesk", "api/v2/users/me.json", "application/json", id="zendesk"),
        pytest.param("qualtrics", "surveys", "application/json", id="qualtrics"),
        pytest.param("mastodon", "api/v1/accounts/verify_credentials", "application/json", id="mastodon"),
        pytest.param("shopify", "admin/api/2025-10/shop.json", "application/json", id="shopify"),
    ],
)
def test_a_wrong_token_is_refused_in_the_vendors_own_form(
    served: Served, vendor: str, path: str, content_type: str
) -> None:
    names = ("MAILCHIMP_API_KEY", "ZENDESK_TOKEN", "QUALTRICS_TOKEN", "MASTODON_TOKEN", "SHOPIFY_TOKEN")
    answer = Clients(served.environment | dict.fromkeys(names, "wrong-us1")).get(vendor, path)
    assert answer.status_code == 401
    assert answer.headers["Content-Type"].startswith(content_type)
    assert answer.json()


@pytest.mark.parametrize(
    ("vendor", "path", "body"),
    [
        pytest.param("mailchimp", "reports/unknown/email-activity", b'"status":404', id="mailchimp problem"),
        pytest.param("zendesk", "api/v2/nothing.json", b'"RecordNotFound"', id="zendesk error"),
        pytest.param("qualtrics", "surveys/SV_none", b'"404 - Not Found"', id="qualtrics meta"),
        pytest.param("mastodon", "api/v1/statuses/0", b"Nicht gefunden", id="mastodon, in German"),
        pytest.param("mastodon", "api/v1/instance/domain_blocks", b"", id="mastodon, without a body"),
    ],
)
def test_what_is_not_there_is_a_404(clients: Clients, vendor: str, path: str, body: bytes) -> None:
    answer = clients.get(vendor, path)
    assert answer.status_code == 404
    assert body in answer.content if body else answer.content == b""


# --- Matomo


def test_the_visit_log_gives_ten_rows_and_the_latest_last_action_first(clients: Clients) -> None:
    rows = clients.matomo("Live.getLastVisitsDetails", date="2026-03-01").json()
    assert [row["idVisit"] for row in rows] == ["12", "11", "10", "9", "8", "7", "6", "5", "4", "3"]
    rest = clients.matomo("Live.getLastVisitsDetails", date="2026-03-01", filter_offset=10).json()
    assert [row["idVisit"] for row in rest] == ["2", "1"]
    assert len(clients.matomo("Live.getLastVisitsDetails", date="2026-03-01", filter_limit=-1).json()) == 12


def test_a_visit_over_midnight_stands_on_the_day_of_its_last_action(clients: Clients) -> None:
    assert clients.matomo("Live.getLastVisitsDetails", date="2026-03-02").json() == []
    (row,) = clients.matomo("Live.getLastVisitsDetails", date="2026-03-03").json()
    assert (row["idVisit"], row["firstActionTimestamp"]) == ("13", int(at(2, 22, 59).timestamp()))


def test_several_days_of_a_report_are_an_object_with_empty_days_as_lists(clients: Clients) -> None:
    days = clients.matomo("VisitsSummary.get", date="2026-03-01,2026-03-03").json()
    assert [days[day] and days[day]["nb_visits"] for day in sorted(days)] == [12, [], 1]
    assert days["2026-03-01"]["bounce_rate"] == "0%"


def test_a_visit_that_comes_in_while_pages_are_read_repeats_a_row() -> None:
    world = small_world()
    world.visits.append(visit(14, at(1, 16), recorded_at=at(1, 20)))
    with serve(world) as served:
        clients = Clients(served.environment)
        served.as_of = at(1, 19)
        first = clients.matomo("Live.getLastVisitsDetails", date="2026-03-01").json()
        served.as_of = at(1, 21)
        second = clients.matomo("Live.getLastVisitsDetails", date="2026-03-01", filter_offset=10).json()
    assert [row["idVisit"] for row in second] == ["3", "2", "1"]
    assert first[-1]["idVisit"] == "3"


# --- Mailchimp


def test_mailchimp_gives_ten_rows_and_keeps_the_total_past_the_end(clients: Clients) -> None:
    path = "lists/list000001/members"
    sizes = {0: 10, 20: 5, 25: 0, 1000: 0}
    for offset, size in sizes.items():
        page = clients.get("mailchimp", path, offset=offset).json()
        assert (len(page["members"]), page["total_items"]) == (size, 25)


def test_mailchimp_lists_members_by_change_since_a_moment(clients: Clients) -> None:
    query = {"sort_field": "last_changed", "since_last_changed": "2026-03-01T08:10:00+00:00", "count": 100}
    rows = clients.get("mailchimp", "lists/list000001/members", **query).json()["members"]
    changes = [row["last_changed"] for row in rows]
    assert changes == sorted(changes)
    assert changes[0] == "2026-03-01T08:11:00+00:00"
    assert rows[0]["timestamp_signup"] == ""


def test_mailchimp_leaves_out_only_what_a_path_from_the_top_names(clients: Clients) -> None:
    path = "lists/list000001/members"
    kept = clients.get("mailchimp", path, count=1, exclude_fields="email_address,_links").json()
    assert kept["members"][0]["email_address"]
    assert "_links" in kept["members"][0]
    assert "_links" not in kept
    dropped = clients.get("mailchimp", path, count=1, exclude_fields="members.email_address").json()
    assert "email_address" not in dropped["members"][0]
    assert clients.get("mailchimp", path, count=1, fields="total_items").json() == {"total_items": 25}


def test_mailchimps_report_counts_what_recipients_did(clients: Clients) -> None:
    report = clients.get("mailchimp", "reports/camp000001").json()
    assert (report["emails_sent"], report["unsubscribed"]) == (25, 1)
    assert report["bounces"] == {"hard_bounces": 1, "soft_bounces": 1, "syntax_errors": 0}
    assert (report["opens"]["unique_opens"], report["opens"]["proxy_excluded_unique_opens"]) == (3, 2)
    assert report["opens"]["open_rate"] == round(3 / 23, 6)
    assert report["clicks"]["unique_subscriber_clicks"] == 1


def test_email_activity_since_a_moment_leaves_out_who_did_nothing(clients: Clients) -> None:
    path = "reports/camp000001/email-activity"
    assert clients.get("mailchimp", path).json()["total_items"] == 25
    (row,) = clients.get("mailchimp", path, since="2026-03-02T00:00:00Z").json()["emails"]
    assert [item["action"] for item in row["activity"]] == ["open"]


# --- Zendesk


def test_the_cursor_export_respects_the_page_size_and_keeps_its_cursor_at_the_end(clients: Clients) -> None:
    path = "api/v2/incremental/tickets/cursor.json"
    seen: list[int] = []
    page = clients.get("zendesk", path, start_time=0, per_page=4).json()
    while True:
        seen += [ticket["id"] for ticket in page["tickets"]]
        assert page["after_url"].startswith("https://shop-demo.zendesk.example/")
        if page["end_of_stream"]:
            break
        page = clients.get("zendesk", path, cursor=page["after_cursor"], per_page=4).json()
    assert seen == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert page["tickets"][-1]["status"] == "deleted"
    again = clients.get("zendesk", path, cursor=page["after_cursor"]).json()
    assert (again["tickets"], again["end_of_stream"]) == ([], True)
    assert again["after_cursor"] == page["after_cursor"]


def test_the_time_export_never_splits_a_second_and_always_names_a_next_page(clients: Clients) -> None:
    path = "api/v2/incremental/tickets.json"
    sizes, start = [], 0
    while True:
        page = clients.get("zendesk", path, start_time=start, per_page=1).json()
        sizes.append(page["count"])
        start = page["end_time"]
        assert page["next_page"].endswith(f"per_page=1&start_time={start}")
        if page["end_of_stream"]:
            break
    assert sizes == [5, 1, 1, 1, 1]


def test_satisfaction_ratings_link_on_when_there_is_no_more(clients: Clients) -> None:
    page = clients.get("zendesk", "api/v2/satisfaction_ratings.json", page__size=5, start_time=0).json()
    assert page["meta"]["has_more"]
    after = page["meta"]["after_cursor"]
    last = clients.get("zendesk", "api/v2/satisfaction_ratings.json", page__size=5, page__after=after).json()
    assert [row["id"] for row in last["satisfaction_ratings"]] == [6, 7, 8]
    assert not last["meta"]["has_more"]
    assert last["links"]["next"]


def test_a_rating_outside_the_interval_is_not_listed(clients: Clients) -> None:
    query = {"start_time": int(at(2, 0).timestamp()), "end_time": int(at(2, 12, 6).timestamp())}
    rows = clients.get("zendesk", "api/v2/satisfaction_ratings.json", **query).json()["satisfaction_ratings"]
    assert [row["id"] for row in rows] == [6]


@pytest.mark.parametrize(
    ("first", "last", "count"),
    [
        pytest.param("2026-02-28T23:00:00Z", "2026-03-01T23:00:00Z", 5, id="a day"),
        pytest.param("2026-03-02T23:00:00Z", "2026-03-03T23:00:00Z", 0, id="its only ticket was deleted"),
        pytest.param("2026-03-01T09:00:00Z", "2026-03-02T09:06:00Z", 5, id="the end is left out"),
    ],
)
def test_the_search_counts_tickets_without_listing_them(
    clients: Clients, first: str, last: str, count: int
) -> None:
    query = f"type:ticket created>={first} created<{last}"
    assert clients.get("zendesk", "api/v2/search/count.json", query=query).json() == {"count": count}


def test_a_search_that_is_not_understood_is_refused(clients: Clients) -> None:
    assert clients.get("zendesk", "api/v2/search/count.json", query="created:today").status_code == 400


# --- Qualtrics


def exported(clients: Clients, **asked: Any) -> list[list[str]]:
    base = f"{clients.environment['QUALTRICS_BASE_URL']}/surveys/SV_nps/export-responses"
    started = clients.qualtrics.post(base, json={"format": "csv"} | asked, timeout=5).json()["result"]
    assert started["status"] == "inProgress"
    done = clients.qualtrics.get(f"{base}/{started['progressId']}", timeout=5).json()["result"]
    answer = clients.qualtrics.get(f"{base}/{done['fileId']}/file", timeout=5)
    assert answer.headers["Content-Type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as bundle:
        (name,) = bundle.namelist()
        return list(csv.reader(io.StringIO(bundle.read(name).decode(), newline="")))


@pytest.mark.parametrize(
    ("asked", "header", "first"),
    [
        pytest.param({"timeZone": "UTC"}, '"Z"', "2026-03-01 10:00:00", id="in UTC"),
        pytest.param({}, '"America/Denver"', "2026-03-01 03:00:00", id="in the brand's zone"),
    ],
)
def test_an_exports_times_are_in_the_zone_asked_for(
    clients: Clients, asked: dict[str, str], header: str, first: str
) -> None:
    rows = exported(clients, **asked)
    place = rows[0].index("RecordedDate")
    assert rows[2][place] == f'{{"ImportId":"recordedDate","timeZone":{header}}}'
    assert rows[3][place] == first


def test_an_export_holds_previews_and_partials_and_text_with_line_breaks(clients: Clients) -> None:
    names, _, _, *rows = exported(clients, timeZone="UTC", useLabels=True)
    assert len(rows) == 6
    cells = [dict(zip(names, row, strict=True)) for row in rows]
    assert [cell["Status"] for cell in cells].count("Survey Preview") == 1
    assert [cell["Finished"] for cell in cells].count("False") == 1
    assert cells[0]["Q2"] == 'Good, "mostly"\nfast 🚲'


def test_an_export_holds_what_was_recorded_from_its_start_until_before_its_end(clients: Clients) -> None:
    rows = exported(clients, startDate="2026-03-01T10:01:00Z", endDate="2026-03-01T10:03:00Z")
    assert len(rows) - 3 == 2


# --- Mastodon


def test_a_timeline_is_walked_down_by_its_links_until_a_page_without_one(clients: Clients) -> None:
    url, sizes, ids = f"{clients.environment['MASTODON_BASE_URL']}/api/v1/timelines/tag/Acme", [], []
    while url:
        answer = clients.mastodon.get(url, timeout=5)
        sizes.append(len(answer.json()))
        ids += [int(row["id"]) for row in answer.json()]
        url = answer.links.get("next", {}).get("url", "")
    assert sizes == [20, 20, 6, 0]
    assert ids == sorted(ids, reverse=True)


def test_min_id_pages_upward_without_a_gap(clients: Clients) -> None:
    posts = sorted(post.post_id for post in small_world().posts if post.tags)
    answer = clients.get("mastodon", "api/v1/timelines/tag/acme", min_id=posts[4], limit=3)
    assert [int(row["id"]) for row in answer.json()] == [posts[7], posts[6], posts[5]]
    answer = clients.mastodon.get(answer.links["prev"]["url"], timeout=5)
    assert [int(row["id"]) for row in answer.json()] == [posts[10], posts[9], posts[8]]


def test_mastodon_gives_forty_at_most_and_a_local_account_without_a_host(clients: Clients) -> None:
    assert len(clients.get("mastodon", "api/v1/timelines/tag/acme", limit=100).json()) == 40
    edited, _ = clients.get("mastodon", "api/v1/accounts/42/statuses").json()
    assert edited["account"]["acct"] == "acme"
    assert edited["edited_at"] == "2026-03-03T10:00:00.000Z"


def test_a_status_is_found_without_a_token_and_the_reset_is_an_iso_time(served: Served) -> None:
    answer = requests.get(
        f"{served.environment['MASTODON_BASE_URL']}/api/v2/search?q=acme&type=statuses", timeout=5
    )
    assert len(answer.json()["statuses"]) == 20
    assert answer.headers["X-RateLimit-Reset"] == "2026-03-04T05:05:00.000000Z"


# --- all of them


def test_what_was_recorded_later_is_not_visible_yet() -> None:
    world = small_world()
    world.visits[0].recorded_at = at(3, 12)
    with serve(world) as served:
        clients = Clients(served.environment)
        served.as_of = at(2, 12)
        assert clients.matomo("VisitsSummary.get", date="2026-03-01").json()["nb_visits"] == 11
        tickets = clients.get("zendesk", "api/v2/incremental/tickets/cursor.json", start_time=0).json()
        assert len(tickets["tickets"]) == 8
        assert clients.get("mailchimp", "reports").json()["total_items"] == 1
        served.as_of = served.now
        assert clients.matomo("VisitsSummary.get", date="2026-03-01").json()["nb_visits"] == 12


def test_a_ticket_that_changes_later_is_seen_in_its_earlier_state() -> None:
    with serve(small_world()) as served:
        served.as_of = at(2, 10)
        rows = Clients(served.environment).get(
            "zendesk", "api/v2/incremental/tickets/cursor.json", start_time=0
        )
    states = {row["id"]: (row["status"], row["updated_at"]) for row in rows.json()["tickets"]}
    assert states[5] == ("solved", "2026-03-01T11:00:00Z")
    assert states[8] == ("open", "2026-03-02T09:08:00Z")


def test_two_servers_of_one_world_give_the_same_bytes() -> None:
    paths = (
        ("mailchimp", "lists/list000001/members?count=100"),
        ("mailchimp", "reports/camp000001/email-activity?count=100"),
        ("zendesk", "api/v2/incremental/tickets/cursor.json?start_time=0"),
        ("zendesk", "api/v2/incremental/ticket_metric_events.json?start_time=0"),
        ("qualtrics", "survey-definitions/SV_nps"),
        ("mastodon", "api/v1/timelines/tag/acme"),
        ("shopify", "admin/api/2025-10/orders.json?status=any&limit=4"),
    )
    seen = []
    for _ in range(2):
        with serve(small_world()) as served:
            clients = Clients(served.environment)
            bodies = [clients.get(vendor, path).content for vendor, path in paths]
            bodies.append(clients.matomo("Live.getLastVisitsDetails", date="2026-03-01").content)
            bodies.append(str(exported(clients, timeZone="UTC")).encode())
            seen.append(bodies)
    assert seen[0] == seen[1]


def test_requests_are_counted_and_a_connection_is_kept(served: Served) -> None:
    before = served.requests["mastodon"]
    address = urlsplit(served.environment["MASTODON_BASE_URL"])
    connection = HTTPConnection(address.hostname or "", address.port, timeout=5)
    sockets = set()
    for _ in range(3):
        connection.request("GET", "/api/v2/instance")
        assert connection.getresponse().read()
        sockets.add(id(connection.sock))
    connection.close()
    assert (served.requests["mastodon"] - before, len(sockets)) == (3, 1)
