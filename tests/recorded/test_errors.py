"""Recorded refusals and limits, through the client: each error's type, the waits, and nothing of a body."""

import re
from functools import partial

import pytest

from connectors.errors import (
    AuthenticationFailed,
    ConnectorError,
    NotFound,
    RateLimited,
    Rejected,
    Unavailable,
    UnexpectedResponse,
)
from tests.connectors.controlled_clock import ControlledClock
from tests.recorded import tapes
from tests.recorded.reading import ALWAYS, NOW, client_over, connector, records
from tests.servers.replay import Recorded
from tests.servers.tape_formats import load, load_all

pytestmark = tapes.needs_recordings

MEMBERS = f"/3.0/lists/{tapes.MAILCHIMP_LIST}/members"


def only(folder: str, method: str, path: str, status: int) -> list[Recorded]:
    tape = load_all(tapes.RECORDINGS / folder)
    found = [r for r in tape if (r.asked.method, r.asked.path, r.status) == (method, path, status)]
    assert found, "the tape does not hold this exchange"
    return found


@pytest.mark.parametrize(
    ("folder", "method", "path", "status", "error"),
    [
        pytest.param(
            "email/mailchimp",
            "GET",
            f"{MEMBERS}/5eb0d793a5aa4f1b9fd29305d6afbf7c",
            404,
            NotFound,
            id="problem+json 404",
        ),
        pytest.param("email/mailchimp", "POST", MEMBERS, 400, Rejected, id="problem+json 400"),
        pytest.param(
            "email/mailchimp",
            "PUT",
            f"{MEMBERS}/17cee0cf256326fd9119bae95bcb47b1",
            400,
            Rejected,
            id="400 without type",
        ),
        pytest.param(
            "email/mailchimp",
            "DELETE",
            f"{MEMBERS}/aebd14df525c6670d3145987e33343ab",
            405,
            Rejected,
            id="405",
        ),
        pytest.param(
            "ticketing/zendesk",
            "DELETE",
            "/api/v2/tickets/9223372036854775807.json",
            404,
            NotFound,
            id="zendesk 404",
        ),
        pytest.param(
            "ticketing/zendesk", "POST", "/api/v2/users/create_many.json", 400, Rejected, id="too many values"
        ),
        pytest.param(
            "ticketing/zendesk",
            "POST",
            "/api/v2/users/create_or_update.json",
            422,
            Rejected,
            id="zendesk 422",
        ),
        pytest.param(
            "social/mastodon", "GET", "/api/v1/timelines/home", 401, AuthenticationFailed, id="mastodon 401"
        ),
        pytest.param("social/mastodon", "GET", "/api/v1/statuses/0", 404, NotFound, id="a deleted status"),
        pytest.param(
            "social/mastodon", "GET", "/api/v1/accounts/lookup", 404, NotFound, id="no such account"
        ),
        pytest.param(
            "social/mastodon", "GET", "/api/v1/instance/domain_blocks", 404, NotFound, id="404, empty body"
        ),
        pytest.param(
            "social/mastodon", "POST", "/api/v1/statuses", 422, Rejected, id="422 in Japanese and German"
        ),
        pytest.param(
            "survey/surveymonkey", "GET", "/v3/surveys", 401, AuthenticationFailed, id="surveymonkey 401"
        ),
        pytest.param("email/mailgun", "GET", "/v3/lists/", 404, NotFound, id="404 in HTML"),
        pytest.param(
            "email/mailgun",
            "POST",
            "/v3/DOMAIN.TEST/messages",
            401,
            AuthenticationFailed,
            id="401 in plain text",
        ),
        pytest.param(
            "email/mailgun", "POST", "/v3/DOMAIN.TEST/messages", 403, AuthenticationFailed, id="403 in JSON"
        ),
        pytest.param("social/reddit", "GET", "/user/spez/hidden", 403, AuthenticationFailed, id="reddit 403"),
        pytest.param(
            "social/reddit",
            "GET",
            "/api/v1/user/thisusershouldnotexist/trophies",
            400,
            Rejected,
            id="reddit 400",
        ),
        pytest.param("social/reddit", "GET", "/", 401, AuthenticationFailed, id="an expired token"),
    ],
)
def test_a_recorded_refusal_is_of_its_type_and_is_not_retried(
    folder: str, method: str, path: str, status: int, error: type[ConnectorError]
) -> None:
    exchange = only(folder, method, path, status)[0]
    with client_over([exchange]) as (client, replay, clock):
        ask = (
            partial(client.post, path, json=exchange.asked.body, stream="items")
            if method == "POST"
            else partial(client.get, path, exchange.asked.params, stream="items")
        )
        with pytest.raises(error) as refused:
            ask()
        assert len(replay.asked) == 1
    assert type(refused.value) is error
    assert clock.slept == []
    # Method, path and status; of the body at most its short code; of the query nothing.
    sent = "POST" if method == "POST" else "GET"
    assert re.fullmatch(rf"tape/items: {sent} {path}: {status}( \(\w+\))?", str(refused.value))


@pytest.mark.parametrize("status", [502, 503, 504])
def test_an_empty_server_error_is_tried_again_with_growing_waits(status: int) -> None:
    with client_over(only("social/reddit", "GET", "/", status)) as (client, replay, clock):
        with pytest.raises(Unavailable, match=str(status)):
            client.get("", {"raw_json": 1})
        assert len(replay.asked) == 5
    assert clock.slept == [0.75, 1.5, 3.0, 6.0]


def test_a_limit_without_any_header_is_waited_for_with_growing_waits() -> None:
    tape = [r for r in load_all(tapes.RECORDINGS / "email" / "hubspot") if r.status == 429]
    assert len(tape) == 6
    assert not any(name.lower() == "retry-after" for r in tape for name, _ in r.headers)
    with client_over(tape[:1]) as (client, replay, clock):
        with pytest.raises(RateLimited) as limited:
            client.post(
                "crm/v3/objects/CONTACT/search", json=tape[0].asked.body, params={"hapikey": "REDACTED"}
            )
        assert len(replay.asked) == 5
    assert limited.value.retry_after_s is None
    assert clock.slept == [0.75, 1.5, 3.0, 6.0]


def test_a_limit_in_plain_text_is_waited_for_as_long_as_it_asks() -> None:
    [limited] = only("ticketing/zendesk", "PUT", "/api/v2/users/421941820731.json", 429)
    assert limited.content.startswith(b"You have exceeded the rate limit")
    clock = ControlledClock(NOW)
    with tapes.zendesk() as replay:
        reader = connector("zendesk", replay, clock)
        replay.first(limited)
        pages = list(reader.read("tickets", ALWAYS))
        assert len(replay.asked) == 2
    assert len(records(pages)) == 87
    assert len(clock.slept) == 1
    assert 27 <= clock.slept[0] < 28


def test_a_limit_that_does_not_end_says_how_long_it_asked() -> None:
    [limited] = only("ticketing/zendesk", "PUT", "/api/v2/users/421941820731.json", 429)
    with client_over([limited]) as (client, _, clock), pytest.raises(RateLimited) as error:
        client.get(limited.asked.path)
    assert error.value.retry_after_s == 27
    assert clock.slept == [27.5] * 4


@pytest.mark.parametrize(
    ("headers", "waits"),
    [
        pytest.param(
            (("X-RateLimit-Reset", "2026-11-21T12:00:30.500000Z"),), 30.5, id="mastodon's ISO reset"
        ),
        pytest.param((("ratelimit-reset", "12"),), 12.0, id="zendesk's seconds"),
    ],
)
def test_a_recorded_reset_header_is_waited_for(headers: tuple[tuple[str, str], ...], waits: float) -> None:
    # No tape holds a 429 with a reset header: headers as recorded, near the clock's time, on a 429 of ours.
    exchange = only("social/mastodon", "GET", "/api/v1/timelines/tag/hoot", 200)[0]
    with client_over([exchange]) as (client, replay, clock):
        replay.first(Recorded(exchange.asked, 429, headers, b"{}"))
        client.get(exchange.asked.path)
    assert clock.slept == [waits + 0.5]


def test_a_recorded_redirect_is_followed_on_the_same_host_only() -> None:
    tape = load(
        tapes.RECORDINGS / "social" / "reddit" / "prawcore.TestSession.test_request__redirect_301.json"
    )
    with client_over(tape) as (client, replay, _):
        # The target was not recorded: the replay refuses it.
        with pytest.raises(Unavailable, match="/r/t:bird/: 500"):
            client.get("t/bird", {"raw_json": 1})
        assert replay.asked[1].path == "/r/t:bird/"


def test_a_bare_403_is_mailchimps_way_to_say_slower() -> None:
    clock = ControlledClock(NOW)
    with tapes.mailchimp() as replay:
        reader = connector("mailchimp", replay, clock)
        replay.first(
            Recorded(replay_asked(), 403, (("Content-Type", "text/html"),), b"<html>Forbidden</html>")
        )
        assert len(records(reader.read("lists", ALWAYS))) == 5
        assert len(clock.slept) == 1
        problem = Recorded(
            replay_asked(), 403, (("Content-Type", "application/problem+json"),), b'{"status":403}'
        )
        replay.first(problem)
        with pytest.raises(AuthenticationFailed):
            reader.check()


def test_an_html_page_where_json_was_promised_is_not_taken_for_an_empty_page() -> None:
    html = only("email/mailgun", "GET", "/v3/lists/", 404)[0].content
    with tapes.zendesk() as replay:
        replay.first(Recorded(replay_asked(), 200, (("Content-Type", "text/html"),), html))
        with pytest.raises(UnexpectedResponse, match="HTML or XML"):
            list(connector("zendesk", replay).read("tickets", ALWAYS))


def replay_asked() -> tapes.Asked:
    return tapes.Asked("GET", "/")
