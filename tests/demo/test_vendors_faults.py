"""Injected faults, outages and limits do what they say, and nothing beyond."""

import gzip
import time
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
import requests

from journey_platform.demo.vendors.faults import Fault, Faults
from journey_platform.demo.vendors.server import Limit, serve
from journey_platform.demo.world import Outage
from tests.demo.clients import Clients
from tests.demo.test_vendors_round_trip import STREAMS, bodies, expected, read
from tests.demo.worlds import small_world

ME = "api/v2/users/me.json"
TICKETS = "api/v2/incremental/tickets/cursor.json"


@pytest.mark.parametrize("status", ["401", "403", "404", "429", "500", "502", "503", "504"])
def test_a_status_strikes_after_some_requests_and_for_some(status: str) -> None:
    fault = Fault("zendesk", "/api/v2/users", status, after=1, times=2)  # type: ignore[arg-type]
    with serve(small_world(), faults=Faults(fault)) as served:
        clients = Clients(served.environment)
        assert clients.get("zendesk", TICKETS, start_time=0).status_code == 200
        seen = [clients.get("zendesk", ME) for _ in range(4)]
    assert [answer.status_code for answer in seen] == [200, int(status), int(status), 200]
    assert (seen[1].content == b"") == (int(status) > 500)


def test_a_fault_without_an_end_stays_and_other_vendors_go_on() -> None:
    with serve(small_world(), faults=Faults(Fault("zendesk", "/", "401", after=2, times=None))) as served:
        clients = Clients(served.environment)
        assert [clients.get("zendesk", ME).status_code for _ in range(5)] == [200, 200, 401, 401, 401]
        assert clients.get("mailchimp", "ping").status_code == 200


def test_the_first_declared_fault_wins_and_both_count() -> None:
    faults = Faults(Fault("zendesk", "/", "503", times=1), Fault("zendesk", "/", "500", times=2))
    with serve(small_world(), faults=faults) as served:
        clients = Clients(served.environment)
        assert [clients.get("zendesk", ME).status_code for _ in range(3)] == [503, 500, 200]


@pytest.mark.parametrize("retry_after", [None, "0", "-5", "86400", "Wed, 04 Mar 2026 05:00:10 GMT"])
def test_a_429_carries_the_retry_after_word_for_word_or_none(retry_after: str | None) -> None:
    fault = Fault("zendesk", "/", "429", retry_after=retry_after)
    with serve(small_world(), faults=Faults(fault)) as served:
        answer = Clients(served.environment).get("zendesk", ME)
    assert (answer.status_code, answer.headers.get("Retry-After")) == (429, retry_after)
    assert answer.headers["Content-Type"] == "text/plain"


@pytest.mark.parametrize(
    ("kind", "is_as_said"),
    [
        pytest.param("html", lambda answer: b"<html>" in answer.content, id="html"),
        pytest.param("empty", lambda answer: answer.content == b"", id="empty"),
    ],
)
def test_a_200_can_hold_a_page_or_nothing(kind: Any, is_as_said: Callable[[requests.Response], bool]) -> None:
    with serve(small_world(), faults=Faults(Fault("mailchimp", "/3.0/ping", kind))) as served:
        answer = Clients(served.environment).get("mailchimp", "ping")
    assert answer.status_code == 200
    assert is_as_said(answer)


def test_a_truncated_body_is_shorter_than_its_announced_length() -> None:
    with serve(small_world(), faults=Faults(Fault("mailchimp", "/", "truncated"))) as served:
        clients = Clients(served.environment)
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            clients.get("mailchimp", "lists/list000001/members")
        assert clients.get("mailchimp", "lists/list000001/members").json()["total_items"] == 25


def test_latency_delays_the_reply() -> None:
    with serve(small_world(), faults=Faults(Fault("mailchimp", "/", "latency", seconds=0.3))) as served:
        clients = Clients(served.environment)
        started = time.monotonic()
        assert clients.get("mailchimp", "ping").status_code == 200
        assert time.monotonic() - started >= 0.3


def ticket_ids(clients: Clients, **query: Any) -> tuple[list[int], dict[str, Any]]:
    page = clients.get("zendesk", TICKETS, per_page=3, **query).json()
    return [row["id"] for row in page["tickets"]], page


@pytest.mark.parametrize(
    ("kind", "pages"),
    [
        pytest.param("duplicated_page", [[1, 2, 3], [3, 4, 5, 6], [7, 8, 9]], id="rows come again"),
        pytest.param("short_page", [[1, 2, 3], [4], [5, 6, 7], [8, 9]], id="a smaller page"),
        pytest.param("empty_page", [[1, 2, 3], [], [4, 5, 6], [7, 8, 9]], id="an empty page in the middle"),
        pytest.param("shuffled_page", [[1, 2, 3], {4, 5, 6}, [7, 8, 9]], id="out of order"),
    ],
)
def test_a_cursor_list_loses_nothing_by_a_disturbed_page(kind: Any, pages: list[Any]) -> None:
    with serve(small_world(), faults=Faults(Fault("zendesk", "/", kind, after=1))) as served:
        clients = Clients(served.environment)
        ids, page = ticket_ids(clients, start_time=0)
        seen, cursors = [ids], {page["after_cursor"]}
        while not page["end_of_stream"]:
            ids, page = ticket_ids(clients, cursor=page["after_cursor"])
            seen.append(ids)
            assert page["after_cursor"] not in cursors
            cursors.add(page["after_cursor"])
    if kind == "shuffled_page":
        assert seen[1] != sorted(seen[1])
        seen[1] = set(seen[1])  # type: ignore[call-overload]
    assert seen == pages


def test_a_repeated_cursor_leads_back_to_its_page() -> None:
    with serve(small_world(), faults=Faults(Fault("zendesk", "/", "repeated_cursor", after=1))) as served:
        clients = Clients(served.environment)
        _, page = ticket_ids(clients, start_time=0)
        cursor = page["after_cursor"]
        ids, page = ticket_ids(clients, cursor=cursor)
        assert (ids, page["after_cursor"], page["end_of_stream"]) == ([4, 5, 6], cursor, False)


def test_a_shifted_offset_list_repeats_rows_and_counts_them() -> None:
    fault = Fault("mailchimp", "/3.0/lists", "duplicated_page", after=1, times=None)
    with serve(small_world(), faults=Faults(fault)) as served:
        clients = Clients(served.environment)
        pages = [clients.get("mailchimp", "lists/list000001/members", offset=n).json() for n in (0, 10, 20)]
    ids = [row["id"] for page in pages for row in page["members"]]
    assert len(ids) == 30
    assert len(set(ids)) == 25
    assert ids[5:10] == ids[10:15]
    assert [page["total_items"] for page in pages] == [25, 30, 30]


def test_a_looping_offset_list_answers_its_first_page() -> None:
    fault = Fault("matomo", "/", "repeated_cursor", times=None)
    with serve(small_world(), faults=Faults(fault)) as served:
        clients = Clients(served.environment)
        first, second = (
            clients.matomo("Live.getLastVisitsDetails", date="2026-03-01", filter_offset=n).content
            for n in (0, 10)
        )
    assert first == second


@pytest.mark.parametrize(
    ("kind", "status"), [pytest.param("failed_export", "failed"), pytest.param("stuck_export", "inProgress")]
)
def test_an_export_can_fail_or_never_end(kind: Any, status: str) -> None:
    with serve(
        small_world(), faults=Faults(Fault("qualtrics", "/API/v3/surveys", kind, times=None))
    ) as served:
        clients = Clients(served.environment)
        base = f"{served.environment['QUALTRICS_BASE_URL']}/surveys/SV_nps/export-responses"
        started = clients.qualtrics.post(base, json={"format": "csv"}, timeout=5).json()["result"]
        for _ in range(3):
            told = clients.qualtrics.get(f"{base}/{started['progressId']}", timeout=5).json()["result"]
            assert told["status"] == status


LOSSLESS = [
    pytest.param("duplicated_page", None, id="rows come again"),
    pytest.param("shuffled_page", None, id="out of order"),
    pytest.param("short_page", None, id="smaller pages"),
    pytest.param("short_page", 1, id="one smaller page"),
]


@pytest.mark.parametrize(("kind", "times"), LOSSLESS)
@pytest.mark.parametrize(("vendor", "stream"), STREAMS)
def test_connectors_read_the_world_through_disturbed_pages(
    vendor: str, stream: str, kind: Any, times: int | None
) -> None:
    faults = Faults(Fault(vendor, "/", kind, after=1, times=times))
    with serve(small_world(), faults=faults, max_rows=4) as served:
        assert set(bodies(read(served.environment, vendor, stream))) == expected(small_world(), stream)


# --- outages and limits


def test_an_outage_answers_503_about_its_day_only_until_it_is_lifted() -> None:
    with serve(small_world([Outage("matomo", date(2026, 3, 2))])) as served:
        clients = Clients(served.environment)

        def status(day: str) -> int:
            return clients.matomo("VisitsSummary.get", date=day).status_code

        days = ["2026-03-01", "2026-03-02", "2026-03-03", "2026-03-01,2026-03-03"]
        assert [status(day) for day in days] == [200, 503, 200, 503]
        assert clients.matomo("SitesManager.getSitesWithAtLeastViewAccess").status_code == 200
        served.lift_outage("matomo")
        assert [status(day) for day in days] == [200] * 4


@pytest.mark.parametrize(
    ("vendor", "path", "query", "status"),
    [
        pytest.param("mailchimp", "lists", {}, 200, id="a list without a time"),
        pytest.param(
            "mailchimp", "reports/camp000001/email-activity", {"since": "2026-03-02T10:00:00Z"}, 503,
            id="from within the day on",
        ),
        pytest.param(
            "mailchimp", "reports/camp000001/email-activity", {"since": "2026-03-02T23:00:00Z"}, 200,
            id="from the end of the local day on",
        ),
        pytest.param("zendesk", TICKETS, {"start_time": 0}, 503, id="an export from before the day on"),
        pytest.param("zendesk", TICKETS, {"start_time": 1772553600}, 200, id="an export from after the day"),
        pytest.param(
            "zendesk", "api/v2/satisfaction_ratings.json", {"start_time": 0, "end_time": 1772402400}, 200,
            id="an interval that ends before the day",
        ),
        pytest.param("mastodon", "api/v1/timelines/tag/acme", {}, 200, id="the newest statuses"),
        pytest.param("mastodon", "api/v1/timelines/tag/acme", {"min_id": 1}, 503, id="statuses since ever"),
    ],
)  # fmt: skip
def test_an_outage_strikes_requests_whose_interval_touches_the_day(
    vendor: str, path: str, query: dict[str, Any], status: int
) -> None:
    with serve(small_world([Outage(vendor, date(2026, 3, 2))])) as served:
        assert Clients(served.environment).get(vendor, path, **query).status_code == status


@pytest.mark.parametrize(
    ("start", "end", "status"),
    [
        pytest.param("2026-02-28T23:00:00Z", "2026-03-01T23:00:00Z", 200, id="the day before"),
        pytest.param("2026-03-01T23:00:00Z", "2026-03-02T23:00:00Z", 503, id="the day"),
        pytest.param("2026-02-28T23:00:00Z", "2026-03-03T23:00:00Z", 503, id="a range around it"),
    ],
)
def test_an_outage_strikes_the_start_of_an_export(start: str, end: str, status: int) -> None:
    with serve(small_world([Outage("qualtrics", date(2026, 3, 2))])) as served:
        clients = Clients(served.environment)
        url = f"{served.environment['QUALTRICS_BASE_URL']}/surveys/SV_nps/export-responses"
        asked = {"format": "csv", "startDate": start, "endDate": end}
        assert clients.qualtrics.post(url, json=asked, timeout=5).status_code == status


def test_a_limit_refuses_what_is_too_much_and_says_how_long_to_wait() -> None:
    with serve(small_world(), limits={"zendesk": Limit(2, 0.5)}) as served:
        clients = Clients(served.environment)
        answers = [clients.get("zendesk", ME) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert answers[2].headers["Retry-After"] == "1"
        time.sleep(0.5)
        assert clients.get("zendesk", ME).status_code == 200


def test_json_is_compressed_only_for_who_accepts_it() -> None:
    with serve(small_world()) as served:
        url = f"{served.environment['MASTODON_BASE_URL']}/api/v1/timelines/tag/acme"
        plain = requests.get(url, headers={"Accept-Encoding": "identity"}, timeout=5)
        packed = requests.get(url, headers={"Accept-Encoding": "gzip"}, stream=True, timeout=5)
        assert "Content-Encoding" not in plain.headers
        assert gzip.decompress(packed.raw.read(decode_content=False)) == plain.content
