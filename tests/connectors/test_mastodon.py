"""Mastodon where no recording leads: reblogs, windows that end, searches, odd statuses."""

from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.base import Window
from connectors.errors import ConfigurationError, NotFound, PaginationLoop
from tests.recorded.reading import bad, body, connector, days, records
from tests.recorded.tapes import answered, timeline_page
from tests.servers.replay import Asked, Recorded, Replay

DAY = days("2026-03-10", "2026-03-11")


def status(at: str, content: str = "<p>hi</p>", **more: Any) -> dict[str, Any]:
    moment = datetime.fromisoformat(at)
    account = {"id": "1", "acct": "ann"}
    return {
        "id": str(int(moment.timestamp() * 1000) << 16),
        "created_at": at,
        "content": content,
        "account": account,
        "reblog": None,
        **more,
    }


def server(statuses: list[dict[str, Any]], links: str = "min_id={newest}") -> Replay:
    def rule(asked: Asked) -> Recorded:
        if asked.path == "/api/v2/search":
            first = int(asked.params["offset"])
            return answered(asked, {"statuses": statuses[first : first + int(asked.params["limit"])]})
        page = timeline_page(statuses, asked.params)
        answer = answered(asked, page)
        if not page:
            return answer
        link = f'<{replay.url}{asked.path}?limit=40&{links.format(newest=page[0]["id"])}>; rel="prev"'
        return Recorded(asked, 200, (*answer.headers, ("Link", link)), answer.content)

    replay = Replay([], rule)
    return replay


def minutes(count: int, start: str = "2026-03-10T00:00") -> list[dict[str, Any]]:
    first = datetime.fromisoformat(f"{start}+00:00").timestamp()
    return [status(datetime.fromtimestamp(first + 60 * n, UTC).isoformat()) for n in range(count)]


def test_a_window_is_read_page_by_page_until_it_is_past() -> None:
    # 90 statuses in the window, and hundreds after it, of which only the rest of one page is asked for.
    statuses = minutes(90) + minutes(400, "2026-03-11T00:00")
    with server(statuses) as replay:
        pages = list(connector("mastodon", replay).read("tag_timelines", DAY))
        assert len(replay.asked) == 4
    assert len({record.key for record in records(pages)}) == 90
    assert sum(page.skipped for page in pages) == 4 * 40 - 90


def test_a_link_that_leads_back_is_a_loop() -> None:
    with server(minutes(90), links="min_id=1") as replay, pytest.raises(PaginationLoop):
        list(connector("mastodon", replay).read("account_statuses", DAY))


def test_a_reblog_keeps_the_original_and_has_its_text() -> None:
    original = status("2026-03-01T00:00:00+00:00", "<p>first said</p>")
    reblog = status("2026-03-10T12:00:00+00:00", "", reblog=original)
    with server([reblog]) as replay:
        [record] = records(connector("mastodon", replay).read("account_statuses", DAY))
    assert body(record)["text"] == "first said"
    assert body(record)["reblog"] == original


def test_a_search_is_paged_by_offset_within_the_window() -> None:
    statuses = minutes(85)[::-1]
    with server(statuses) as replay:
        pages = list(connector("mastodon", replay).read("search", DAY))
        asked = [request.params for request in replay.asked]
    assert len(records(pages)) == 85
    assert [params["offset"] for params in asked] == ["0", "40", "80", "85"]
    start, end = (int(edge.timestamp() * 1000) << 16 for edge in (DAY.start, DAY.end))
    assert (asked[0]["min_id"], asked[0]["max_id"]) == (str(start - 1), str(end))


@pytest.mark.parametrize("stream", ["tag_timelines", "account_statuses", "search"])
def test_nothing_to_listen_to_is_no_request_and_no_row(stream: str) -> None:
    nothing = {"MASTODON_TAGS": "", "MASTODON_ACCOUNTS": " ", "MASTODON_QUERY": ""}
    with server([]) as replay:
        assert list(connector("mastodon", replay, **nothing).read(stream, DAY)) == []
        assert replay.asked == []


def test_several_tags_are_read_with_or_without_their_sign() -> None:
    with server([]) as replay:
        list(connector("mastodon", replay, MASTODON_TAGS="#one, two").read("tag_timelines", DAY))
        assert [asked.path[-3:] for asked in replay.asked] == ["one", "two"]


def test_the_same_status_under_two_tags_is_two_rows() -> None:
    with server([status("2026-03-10T12:00:00+00:00")]) as replay:
        found = records(connector("mastodon", replay, MASTODON_TAGS="one,two").read("tag_timelines", DAY))
    assert [body(record)["tag"] for record in found] == ["one", "two"]
    assert len({record.key for record in found}) == 2


def test_what_stands_under_a_competitors_tag_is_marked() -> None:
    with server([status("2026-03-10T12:00:00+00:00")]) as replay:
        reader = connector("mastodon", replay, MASTODON_TAGS="one", MASTODON_COMPETITORS="#rival, other")
        found = records(reader.read("tag_timelines", DAY))
    told = [(body(record)["tag"], body(record).get("is_competitor")) for record in found]
    assert told == [("one", None), ("rival", True), ("other", True)]
    assert len({record.key for record in found}) == 3


@pytest.mark.parametrize("stream", ["tag_timelines", "account_statuses", "search"])
def test_the_brands_own_statuses_are_marked_wherever_they_are_found(stream: str) -> None:
    own, other = (status(f"2026-03-10T12:0{n}:00+00:00", account={"id": n, "acct": "x"}) for n in ("9", "1"))
    strange = status("2026-03-10T12:02:00+00:00", account="9")
    with server([own, other, strange]) as replay:
        found = records(connector("mastodon", replay, MASTODON_ACCOUNTS="9").read(stream, DAY))
    assert [body(record).get("is_brand") for record in found] == [True, None, None]


def test_a_tag_is_ours_or_a_competitors() -> None:
    with server([]) as replay, pytest.raises(ConfigurationError, match="MASTODON_COMPETITORS names a tag"):
        connector("mastodon", replay, MASTODON_TAGS="one,Two", MASTODON_COMPETITORS="two")


def test_a_deleted_account_is_not_found_whatever_the_language() -> None:
    gone = Recorded(Asked("GET", "/"), 404, (), '{"error":"見つかりません"}'.encode())
    with server([]) as replay:
        reader = connector("mastodon", replay)
        replay.first(gone)
        with pytest.raises(NotFound):
            list(reader.read("account_statuses", DAY))


def test_a_status_that_cannot_be_read_is_kept_with_its_reason() -> None:
    at = datetime(2026, 3, 10, 12, tzinfo=UTC)
    odd = status(at.isoformat()) | {"created_at": None}
    with server([status("2026-03-10T11:00:00+00:00"), odd]) as replay:
        window = Window(DAY.start, DAY.end)
        pages = list(connector("mastodon", replay).read("account_statuses", window))
    assert len(records(pages)) == 1
    assert [(record.reason, record.field) for record in bad(pages)] == [
        ("a required time is missing", "$.created_at")
    ]


@pytest.mark.parametrize(
    ("token", "path", "authorization"),
    [
        pytest.param("abc", "/api/v1/accounts/verify_credentials", "Bearer abc", id="with a token"),
        pytest.param("", "/api/v2/instance", None, id="without one"),
    ],
)
def test_a_token_is_optional(token: str, path: str, authorization: str | None) -> None:
    with Replay([], lambda asked: answered(asked, {"id": "1", "domain": "social.example"})) as replay:
        connector("mastodon", replay, MASTODON_TOKEN=token).check()
        assert replay.asked[0].path == path
        assert replay.headers[0].get("Authorization") == authorization
