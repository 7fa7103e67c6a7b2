"""Zendesk where no recording leads: metric events, ratings, ends of exports."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from connectors.base import Window
from connectors.errors import AuthenticationFailed, ConnectorError, PaginationLoop, Truncated
from tests.connectors.controlled_clock import ControlledClock
from tests.recorded.reading import bad, connector, days, records
from tests.recorded.tapes import answered
from tests.servers.replay import Asked, Recorded, Replay

DAY = days("2026-03-10", "2026-03-11")
START = int(DAY.start.timestamp())
END = int(DAY.end.timestamp())
OTHER = "https://other-account.zendesk.com/api/v2/next.json"


def event(number: int, second: int) -> dict[str, Any]:
    return {"id": number, "ticket_id": 1, "time": datetime.fromtimestamp(second, UTC).isoformat()}


def told(*answers: dict[str, Any]) -> Replay:
    """The answers, one to each request; the last one from then on."""
    left = list(answers)

    def rule(asked: Asked) -> Recorded:
        return answered(asked, left.pop(0) if len(left) > 1 else left[0])

    return Replay([], rule)


def export(rows: list[dict[str, Any]], end_time: int, is_last: bool) -> dict[str, Any]:
    end = {"count": len(rows), "end_time": end_time, "end_of_stream": is_last, "next_page": OTHER}
    return {"ticket_metric_events": rows, **end}


def test_metric_events_go_on_at_the_end_time_and_rows_of_the_page_before_come_once() -> None:
    first = [event(1, START), event(2, START + 60)]
    second = [event(2, START + 60), event(3, START + 120)]
    with told(export(first, START + 60, False), export(second, START + 120, True)) as replay:
        pages = list(connector("zendesk", replay).read("ticket_metric_events", DAY))
        starts = [asked.params["start_time"] for asked in replay.asked]
    assert [record.key for record in records(pages)] == ["1", "2", "3"]
    assert starts == [str(START), str(START + 60)]


def test_metric_events_end_where_the_window_ends() -> None:
    rows = [event(1, END - 1), event(2, END)]
    with told(export(rows, END, False)) as replay:
        pages = list(connector("zendesk", replay).read("ticket_metric_events", DAY))
        assert len(replay.asked) == 1
    assert [record.key for record in records(pages)] == ["1"]
    assert sum(page.skipped for page in pages) == 1


def rating(number: int, created: str) -> dict[str, Any]:
    return {"id": number, "score": "good", "created_at": created}


def test_ratings_are_paged_by_the_cursor_and_never_by_the_link() -> None:
    def page(rows: list[dict[str, Any]], after: str, has_more: bool) -> dict[str, Any]:
        meta = {"has_more": has_more, "after_cursor": after, "before_cursor": after}
        return {"satisfaction_ratings": rows, "meta": meta, "links": {"prev": OTHER, "next": OTHER}}

    first = page([rating(1, "2026-03-10T08:00:00Z")], "abc==", True)
    last = page([rating(2, "2026-03-10T09:00:00Z"), rating(3, "2026-03-11T00:00:00Z")], "def==", False)
    with told(first, last) as replay:
        pages = list(connector("zendesk", replay).read("satisfaction_ratings", DAY))
        asked = [request.params for request in replay.asked]
    assert [record.key for record in records(pages)] == ["1", "2"]
    whole = {"start_time": str(START), "end_time": str(END), "page[size]": "100"}
    assert asked == [whole, whole | {"page[after]": "abc=="}]


@pytest.mark.parametrize(
    ("stream", "answer", "error"),
    [
        pytest.param(
            "tickets",
            {
                "tickets": [{"id": 1, "generated_timestamp": START}],
                "after_cursor": "a",
                "end_of_stream": False,
            },
            PaginationLoop,
            id="a cursor that comes back",
        ),
        pytest.param(
            "tickets",
            {"tickets": [], "after_cursor": None, "end_of_stream": False},
            Truncated,
            id="more promised without a cursor",
        ),
        pytest.param(
            "ticket_metric_events",
            export([event(1, START)], START, False),
            PaginationLoop,
            id="an end time that stands still",
        ),
    ],
)
def test_an_export_that_does_not_end_is_not_taken_for_complete(
    stream: str, answer: dict[str, Any], error: type[ConnectorError]
) -> None:
    with told(answer) as replay, pytest.raises(error, match=f"zendesk/{stream}"):
        list(connector("zendesk", replay).read(stream, DAY))


def body(number: int, second: int) -> dict[str, Any]:
    return {"id": number, "updated_at": datetime.fromtimestamp(second, UTC).isoformat()}


def test_organisations_are_read_from_the_first_one_on_and_then_from_where_the_last_read_ended() -> None:
    def told_of(rows: list[dict[str, Any]], end_time: int | None, is_last: bool) -> dict[str, Any]:
        return {"organizations": rows, "end_time": end_time, "end_of_stream": is_last, "next_page": OTHER}

    first, second = told_of([body(1, 900)], 901, False), told_of([body(2, START - 9)], START - 9, True)
    with told(first, second, second, told_of([], None, True)) as replay:
        reader = connector("zendesk", replay)
        pages = list(reader.read("organizations", DAY))
        [again] = reader.read("organizations", DAY, pages[-1].cursor)
        [nothing] = reader.read("organizations", DAY, again.cursor)
        asked = [request.params["start_time"] for request in replay.asked]
    assert [record.key for record in records(pages)] == ["1", "2"]
    assert asked == ["0", "901", str(START - 9), str(START - 9)]
    assert (again.cursor, nothing.cursor) == (str(START - 9), None)


def membership(number: int, user: object, of: int) -> dict[str, Any]:
    return {"id": number, "user_id": user, "organization_id": of}


def memberships(rows: list[dict[str, Any]], after: str | None) -> dict[str, Any]:
    meta = {"has_more": after is not None, "after_cursor": after or "end"}
    return {"organization_memberships": rows, "meta": meta, "links": {"next": OTHER}}


def test_memberships_are_listed_to_the_end_and_put_together_by_user() -> None:
    first = memberships([membership(4, 29, 12), membership(5, 30, 12), membership(6, "x", 12)], "abc")
    last = memberships([membership(5, 30, 12), membership(3, 29, 13)], None)
    with told(first, last) as replay:
        pages = list(connector("zendesk", replay).read("organization_memberships", DAY))
        asked = [(request.path, request.params) for request in replay.asked]
    assert asked == [
        ("/api/v2/organization_memberships.json", {"page[size]": "100"}),
        ("/api/v2/organization_memberships.json", {"page[size]": "100", "page[after]": "abc"}),
    ]
    found = {record.key: msgspec.json.decode(record.body)["memberships"] for record in records(pages)}
    assert found == {
        "29": [membership(3, 29, 13), membership(4, 29, 12)],
        "30": [membership(5, 30, 12)],
    }
    assert {record.time for record in records(pages)} == {None}
    assert [record.field for record in bad(pages)] == ["$.user_id"]


def test_a_list_of_memberships_that_breaks_off_gives_no_user() -> None:
    """Who is in two organisations would seem to have left one."""
    rows = [membership(4, 29, 12)]
    found = []
    with told(memberships(rows, "abc"), memberships(rows, "abc")) as replay:
        pages = connector("zendesk", replay).read("organization_memberships", DAY)
        with pytest.raises(PaginationLoop):
            found.extend(pages)
    assert records(found) == []


def test_an_export_starts_at_least_a_minute_ago() -> None:
    clock = ControlledClock(datetime(2026, 3, 10, 0, 0, 30, tzinfo=UTC))
    with told({"users": [], "after_cursor": "a", "end_of_stream": True}) as replay:
        list(connector("zendesk", replay, clock).read("users", DAY))
        assert replay.asked[0].params["start_time"] == str(START - 30)


def test_a_row_without_its_time_is_kept_with_the_reason() -> None:
    rows = [{"id": 1, "generated_timestamp": START}, {"id": 2}, {"generated_timestamp": START}]
    with told({"tickets": rows, "after_cursor": "a", "end_of_stream": True}) as replay:
        pages = list(connector("zendesk", replay).read("tickets", DAY))
    assert [record.key for record in records(pages)] == ["1"]
    assert [record.field for record in bad(pages)] == ["$.generated_timestamp", "$.id"]


def test_an_unknown_caller_is_refused_though_zendesk_answers() -> None:
    with (
        told({"user": {"id": None, "name": "Anonymous user"}}) as replay,
        pytest.raises(AuthenticationFailed),
    ):
        connector("zendesk", replay).check()


def test_the_agent_and_the_token_are_basic_credentials() -> None:
    with told({"user": {"id": 1}}) as replay:
        connector("zendesk", replay, ZENDESK_EMAIL="a@b.c", ZENDESK_TOKEN="t").check()
        # base64 of "a@b.c/token:t"
        assert replay.headers[0]["Authorization"] == "Basic YUBiLmMvdG9rZW46dA=="


@pytest.mark.parametrize(
    ("zone", "starts"),
    [
        pytest.param(
            "Europe/Amsterdam",
            ["2026-03-27T23:00:00Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"],
            id="DST",
        ),
        pytest.param("Nowhere/City", ["2026-03-28T00:00:00Z", "2026-03-29T00:00:00Z"], id="unknown: UTC"),
    ],
)
def test_tickets_are_counted_by_the_agents_own_days(zone: str, starts: list[str]) -> None:
    """28 to 30 March in Amsterdam, where the 29th has 23 hours."""
    window = Window(datetime(2026, 3, 27, 23, tzinfo=UTC), datetime(2026, 3, 30, 22, tzinfo=UTC))
    me = {"user": {"id": 7, "iana_time_zone": zone}}
    with told(me, {"count": 3}) as replay:
        found = records(list(connector("zendesk", replay).read("ticket_counts", window)))
        queries = [asked.params["query"] for asked in replay.asked[1:]]
    bodies = [msgspec.json.decode(record.body) for record in found]
    assert [body["start"] for body in bodies][: len(starts)] == starts
    assert [body["count"] for body in bodies] == [3] * len(bodies)
    assert {f"type:ticket created>={body['start']} created<{body['end']}" for body in bodies} <= set(queries)


def test_a_day_without_a_ticket_gives_no_row() -> None:
    with told({"user": {"id": 7, "iana_time_zone": "UTC"}}, {"count": 0}) as replay:
        assert records(list(connector("zendesk", replay).read("ticket_counts", DAY))) == []
        assert len(replay.asked) == 2
