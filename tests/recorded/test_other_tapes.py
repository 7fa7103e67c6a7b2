"""The tapes that no stream reads, through the same client and paginators: counts, ids, stops, links."""

from collections.abc import Callable
from itertools import islice
from typing import Any

import pytest

from connectors.errors import HostMismatch, Truncated
from connectors.http import HttpClient, Response
from connectors.pagination import Part, by_number, by_offset, by_token, link
from tests.recorded import tapes
from tests.recorded.reading import client_over
from tests.servers.replay import Recorded
from tests.servers.tape_formats import load, load_all

pytestmark = tapes.needs_recordings

Row = dict[str, Any]
ZENDESK = tapes.RECORDINGS / "ticketing" / "zendesk"
MEMBERS = f"3.0/lists/{tapes.MAILCHIMP_LIST}/members"


def zendesk_list(client: HttpClient, resource: str, plural: str, size: int) -> Callable[..., Part[list[Row]]]:
    def fetch(after: str | None) -> Part[list[Row]]:
        told = client.get(f"api/v2/{resource}.json", {"page[size]": size, "page[after]": after}).json(Row)
        return Part(told[plural], len(told[plural]), told["meta"]["after_cursor"], told["meta"]["has_more"])

    return fetch


@pytest.mark.parametrize(
    ("tape", "resource", "plural", "rows"),
    [
        pytest.param("TestGroupCreateUpdateDelete.test_pagination", "groups", "groups", 9, id="groups"),
        pytest.param("TestTags.test_pagination", "tags", "tags", 3, id="tags"),
    ],
)
def test_a_list_of_pages_of_one_row_is_the_list_of_one_page(
    tape: str, resource: str, plural: str, rows: int
) -> None:
    with client_over(load(ZENDESK / f"{tape}.json")) as (client, replay, _):
        one_page = list(by_token(zendesk_list(client, resource, plural, 100)))
        whole = len(replay.asked)
        pages = list(by_token(zendesk_list(client, resource, plural, 1)))
        last = client.get(f"api/v2/{resource}.json", {"page[size]": 100}).json(Row)
        assert len(replay.asked) == whole + rows + 1
    assert whole == 1
    assert [len(page) for page in pages] == [1] * rows
    assert [row for page in pages for row in page] == one_page[0]
    # The stop is has_more: links.next is there on the last page, too.
    assert last["meta"]["has_more"] is False
    assert last["links"]["next"]


@pytest.mark.parametrize(
    ("tape", "resource", "plural", "pages"),
    [
        pytest.param("TestGroupMemberships.test_pagination", "group_memberships", "group_memberships", 10),
        pytest.param(
            "TestOrganizationCreateUpdateDelete.test_pagination", "organizations", "organizations", 10
        ),
        pytest.param("TestTicketsPagination.test_pagination", "tickets", "tickets", 10),
        pytest.param("TestDeletedTickets.test_pagination", "tickets", "tickets", 10),
        pytest.param("TestUsersPagination.test_pagination", "users", "users", 10),
        pytest.param("TestTicketAudits.test_values", "ticket_audits", "audits", 1),
        pytest.param("TestTicketsPagination.test_values", "tickets", "tickets", 1),
    ],
)
def test_the_recorded_pages_of_a_longer_list_begin_it(
    tape: str, resource: str, plural: str, pages: int
) -> None:
    with client_over(load(ZENDESK / f"{tape}.json")) as (client, _, _):
        first = client.get(f"api/v2/{resource}.json", {"page[size]": 100}).json(Row)[plural]
        rows = [
            r for page in islice(by_token(zendesk_list(client, resource, plural, 1)), pages) for r in page
        ]
    assert [row["id"] for row in rows] == [row["id"] for row in first[:pages]]


def time_export(client: HttpClient, **params: str) -> Callable[[str | None], Part[list[Row]]]:
    def fetch(start: str | None) -> Part[list[Row]]:
        told = client.get("api/v2/incremental/tickets.json", {**params, "start_time": start}).json(Row)
        following = str(told["end_time"])
        return Part(told["tickets"], len(told["tickets"]), following, not told["end_of_stream"])

    return fetch


def test_a_time_based_export_stops_at_its_flag_though_a_next_page_is_named() -> None:
    with client_over(load(ZENDESK / "TicketsIncrementalTest.test_get_values.json")) as (client, replay, _):
        [page] = by_token(time_export(client), "0")
        assert len(replay.asked) == 1
        told = client.get("api/v2/incremental/tickets.json", {"start_time": 0}).json(Row)
    assert len(page) == len({ticket["id"] for ticket in page}) == told["count"] == 87
    assert told["next_page"]
    assert told["end_time"] == 1707271741


def test_rows_of_one_second_are_never_split_and_the_next_page_starts_after_them() -> None:
    with client_over(load(ZENDESK / "TicketsIncrementalTest.test_get_values.json")) as (client, replay, _):
        pages = by_token(time_export(client, per_page="1"), "0")
        page = next(pages)
        with pytest.raises(Exception, match="500"):
            next(pages)
        asked_next = replay.asked[1].params
    assert [ticket["id"] for ticket in page] == [28, 29, 37, 38, 30, 31, 32]
    assert asked_next == {"per_page": "1", "start_time": "1695052664"}


def test_a_cursor_export_respects_its_page_size() -> None:
    with client_over(load(ZENDESK / "TicketsIncrementalTest.test_get_values.json")) as (client, _, _):
        told = client.get("api/v2/incremental/tickets/cursor.json", {"per_page": 1, "start_time": 0}).json(
            Row
        )
    assert [ticket["id"] for ticket in told["tickets"]] == [28]
    assert told["end_of_stream"] is False


@pytest.mark.parametrize(
    ("tape", "path", "params", "leads"),
    [
        pytest.param(
            "TicketsIncrementalTest.test_get_values",
            "incremental/tickets.json",
            {"start_time": "0"},
            lambda told: told["next_page"],
            id="next_page of a time-based export",
        ),
        pytest.param(
            "TicketsIncrementalTest.test_get_values",
            "incremental/tickets/cursor.json",
            {"start_time": "0"},
            lambda told: told["after_url"],
            id="after_url of a cursor export",
        ),
        pytest.param(
            "TestUsersPagination.test_pagination",
            "users.json",
            {"page[size]": "100"},
            lambda told: told["links"]["next"],
            id="links.next of a list",
        ),
        pytest.param(
            "TestTicketsPagination.test_pagination",
            "tickets.json",
            {},
            lambda told: told["next_page"],
            id="next_page of a list",
        ),
    ],
)
def test_a_body_link_to_another_host_is_refused_before_anything_is_sent(
    tape: str, path: str, params: dict[str, str], leads: Callable[[Row], str]
) -> None:
    with client_over(load(ZENDESK / f"{tape}.json")) as (client, replay, _):
        target = leads(client.get(f"api/v2/{path}", params).json(Row))
        assert target.startswith("https://z3n-jteitelbaum.zendesk.com/")
        with pytest.raises(HostMismatch) as refused:
            client.follow(target)
        assert len(replay.asked) == 1
    assert "z3n" not in str(refused.value)


def members(client: HttpClient, has_total: bool, **params: str) -> Callable[[int, int], Part[list[Row]]]:
    def fetch(offset: int, limit: int) -> Part[list[Row]]:
        order = {"sort_field": "last_changed", "sort_dir": "ASC", "exclude_fields": "email_address"}
        told = client.get(MEMBERS, {**order, "count": limit, "offset": offset, **params}).json(Row)
        rows = told["members"]
        return Part(rows, len(rows), total=told["total_items"] if has_total else None)

    return fetch


@pytest.mark.parametrize(
    ("has_total", "sizes"),
    [
        pytest.param(True, [4, 4, 2], id="by total"),
        pytest.param(False, [4, 4, 2, 0], id="until an empty page"),
    ],
)
def test_offset_pages_end_at_the_total_or_at_the_recorded_empty_page(
    has_total: bool, sizes: list[int]
) -> None:
    with client_over(load_all(tapes.RECORDINGS / "email" / "mailchimp")) as (client, replay, _):
        since = "2022-02-23T16:25:56.999Z"
        pages = list(by_offset(members(client, has_total, since_last_changed=since), 4))
        assert [asked.params["offset"] for asked in replay.asked] == ["0", "4", "8", "10"][: len(sizes)]
    assert [len(page) for page in pages] == sizes
    assert len({row["id"] for page in pages for row in page}) == 10
    # `exclude_fields=email_address` names no field of a member: the addresses came.
    assert all(row["email_address"] for page in pages for row in page)


def test_an_empty_page_before_the_total_is_not_taken_for_the_end() -> None:
    with client_over(load_all(tapes.RECORDINGS / "email" / "mailchimp")) as (client, _, _):
        past = members(client, True, since_last_changed="2020-02-07T12:13:13.999Z")
        assert past(1000, 100).rows == 0
        with pytest.raises(Truncated, match="0 of 10 rows"):
            list(by_offset(lambda offset, limit: past(offset + 1000, limit), 100))


def test_a_list_of_nothing_new_is_one_empty_page() -> None:
    with client_over(load_all(tapes.RECORDINGS / "email" / "mailchimp")) as (client, _, _):
        pages = list(by_offset(members(client, True, since_last_changed="2025-02-11T12:13:13.999Z"), 100))
    assert pages == [[]]


def test_merge_fields_and_newest_members_come_as_recorded() -> None:
    with client_over(load_all(tapes.RECORDINGS / "email" / "mailchimp")) as (client, _, _):
        fields = client.get(f"3.0/lists/{tapes.MAILCHIMP_LIST}/merge-fields").json(Row)
        newest = client.get(MEMBERS, {"sort_field": "last_changed", "sort_dir": "DESC", "count": 10}).json(
            Row
        )
    assert (len(fields["merge_fields"]), fields["total_items"]) == (7, 7)
    assert len(newest["members"]) == 10


def by_link(
    client: HttpClient, first: str, params: dict[str, str | int | None], rel: str
) -> Callable[..., Any]:
    def fetch(url: str | None) -> Part[list[Row]]:
        response: Response = client.follow(url) if url else client.get(first, params)
        rows = response.json(list[Row])
        return Part(rows, len(rows), link(response.headers, rel))

    return fetch


def test_a_timeline_is_followed_to_older_statuses_until_the_page_without_links() -> None:
    path = f"api/v1/accounts/{tapes.MASTODON_ACCOUNT}/statuses"
    with tapes.mastodon() as replay:
        client = HttpClient(replay.url, None, vendor="tape")
        pages = list(by_token(by_link(client, path, {"limit": 5}, "next")))
        asked = [a.params.get("max_id") for a in replay.asked]
    assert [len(page) for page in pages] == [5, 5, 0]
    assert asked == [None, "117020580489281910", "117020580452511285"]
    assert [row["content"] for page in pages for row in page] == [
        f"<p>Toot number {n}!</p>" for n in range(9, -1, -1)
    ]


def test_notifications_come_in_the_recorded_pages() -> None:
    tape = tapes.RECORDINGS / "social" / "mastodon" / "test_grouped_notification_pagination.yaml"
    groups = []
    with client_over(load(tape)) as (client, replay, _):
        for more in ({}, {"max_id": "38"}):
            asked = {"limit": "5", "expand_accounts": "full", **more}
            response = client.get("api/v2/notifications", asked)
            groups += response.json(Row)["notification_groups"]
            assert link(response.headers, "next").startswith(replay.url)
    assert len({group["group_key"] for group in groups}) == 10


def test_pages_of_a_survey_follow_the_link_header_to_the_page_without_next() -> None:
    def fetch(url: str | None) -> Part[list[Row]]:
        first = {"per_page": 10, "page": 1}
        response = client.follow(url) if url else client.get("v3/surveys/152299598/responses/bulk", first)
        told = response.json(Row)
        return Part(told["data"], len(told["data"]), link(response.headers), total=told["total"])

    with client_over(load_all(tapes.RECORDINGS / "survey" / "surveymonkey")) as (client, replay, _):
        pages = list(by_token(fetch))
        assert len(replay.asked) == 2
    assert [len(page) for page in pages] == [10, 6]
    assert len({row["id"] for page in pages for row in page}) == 16


def test_a_listing_is_followed_by_its_after_token() -> None:
    def fetch(after: str | None) -> Part[list[Row]]:
        told = client.get("subreddits/new/", {"limit": 300, "raw_json": 1, "after": after}).json(Row)
        return Part(told["data"]["children"], len(told["data"]["children"]), told["data"]["after"])

    with client_over(load(tapes.RECORDINGS / "social" / "reddit" / "TestSubreddits.test_new.json")) as (
        client,
        _,
        _,
    ):
        pages = list(islice(by_token(fetch), 3))
    assert [len(page) for page in pages] == [100, 100, 100]
    assert len({row["data"]["name"] for page in pages for row in page}) == 300


def test_numbered_pages_end_at_the_last_one() -> None:
    def fetch(number: int) -> Part[list[Row]]:
        told = client.get("api/campaigns", {"filter[status]": "sent", "filter[type]": "regular"}).json(Row)
        meta = told["meta"]
        assert meta["current_page"] == number
        return Part(told["data"], len(told["data"]), has_more=number < meta["last_page"], total=meta["total"])

    with client_over(load_all(tapes.RECORDINGS / "email" / "mailerlite")) as (client, replay, _):
        pages = list(by_number(fetch))
        assert len(replay.asked) == 1
    assert sum(len(page) for page in pages) == 1


def test_an_always_present_next_link_is_another_hosts_and_refused() -> None:
    def of_events(r: Recorded) -> bool:
        return r.asked.path == "/events"

    with client_over(load_all(tapes.RECORDINGS / "email" / "mailgun"), of_events) as (client, replay, _):
        told = client.get("events", {"limit": 1}).json(Row)
        assert told["items"] == []
        with pytest.raises(HostMismatch):
            client.follow(told["paging"]["next"])
        assert len(replay.asked) == 1
