"""How long a client waits, by a controlled clock: as the vendor asks, capped, backing off, on a budget."""

import itertools

import pytest

from connectors.errors import AuthenticationFailed, RateLimited, Unavailable
from connectors.http import HttpClient, Policy
from connectors.retry import backoff_s
from tests.connectors.controlled_clock import ControlledClock
from tests.servers.raw_socket import RawServer, answer

# The clock starts on 2026-03-01 at 12:00:00 UTC, which is 1772366400.
THROTTLED = "429 Too Many Requests"
GOOD = answer(b"{}")


def client(server: RawServer, clock: ControlledClock, **policy: float) -> HttpClient:
    return HttpClient(
        server.url, None, vendor="vendor", policy=Policy(**policy), clock=clock, jitter=lambda: 0.0
    )


@pytest.mark.parametrize(
    ("headers", "waited_s"),
    [
        pytest.param({"Retry-After": "27"}, 27, id="Retry-After in seconds"),
        pytest.param({"Retry-After": "Sun, 01 Mar 2026 12:00:40 GMT"}, 40, id="Retry-After as a date"),
        pytest.param({"Retry-After": "Sun, 01 Mar 2026 11:00:00 GMT"}, 1, id="Retry-After in the past"),
        pytest.param({"Retry-After": "-30"}, 1, id="negative Retry-After"),
        pytest.param({"Retry-After": "0"}, 1, id="Retry-After of zero"),
        pytest.param({"Retry-After": "soon"}, 1, id="Retry-After that is neither"),
        pytest.param({"Retry-After": "nan"}, 1, id="Retry-After that is no number"),
        pytest.param({}, 1, id="nothing said"),
        pytest.param({"ratelimit-reset": "33"}, 33, id="seconds left"),
        pytest.param({"rate-limit-reset": "17"}, 17, id="seconds left, Zendesk"),
        pytest.param({"X-RateLimit-Reset": "1772366455"}, 55, id="epoch seconds"),
        pytest.param({"x-rate-limit-reset": "1772366410"}, 10, id="epoch seconds, other spelling"),
        pytest.param({"X-RateLimit-Reset": "2026-03-01T12:01:30.000000Z"}, 90, id="ISO-8601, Mastodon"),
        pytest.param(
            {"zendesk-ratelimit-tickets-index": "total=100; remaining=0; resets=12"}, 12, id="endpoint"
        ),
        pytest.param({"Retry-After": "5", "ratelimit-reset": "60"}, 5, id="Retry-After goes before a reset"),
        pytest.param(
            {"Retry-After": "soon", "ratelimit-reset": "60"}, 60, id="reset where Retry-After is unusable"
        ),
    ],
)
def test_a_throttled_request_waits_as_asked_and_goes_on(headers: dict[str, str], waited_s: float) -> None:
    clock = ControlledClock()
    with RawServer(answer(b"slow down", THROTTLED, headers), GOOD) as server:
        assert client(server, clock).get("items").status == 200
    assert clock.slept == [waited_s]


@pytest.mark.parametrize(
    ("retry_after", "asked_s"),
    [
        pytest.param("86400", 86_400, id="a day"),
        pytest.param("99999999999", 99_999_999_999, id="absurd"),
        pytest.param("Mon, 02 Mar 2026 12:00:00 GMT", 86_400, id="tomorrow, as a date"),
    ],
)
@pytest.mark.parametrize("status", [THROTTLED, "503 Service Unavailable"])
def test_a_wait_above_the_cap_is_reported_instead_of_waited_for(
    status: str, retry_after: str, asked_s: float
) -> None:
    clock = ControlledClock()
    with RawServer(answer(b"", status, {"Retry-After": retry_after}), GOOD) as server:
        with pytest.raises(RateLimited) as caught:
            client(server, clock, max_wait_s=300).get("items")
        assert len(server.asked) == 1
    assert caught.value.retry_after_s == asked_s
    assert clock.slept == []


def test_a_run_of_429_ends_as_rate_limited_with_what_was_asked() -> None:
    clock = ControlledClock()
    with RawServer(answer(b"", THROTTLED, {"Retry-After": "9"})) as server:
        with pytest.raises(RateLimited) as caught:
            client(server, clock, max_attempts=3).get("items")
        assert len(server.asked) == 3
    assert caught.value.retry_after_s == 9
    assert clock.slept == [9, 9]


def test_a_run_of_5xx_backs_off_and_ends_as_unavailable() -> None:
    clock = ControlledClock()
    with RawServer(answer(b"", "503 Down")) as server, pytest.raises(Unavailable, match="503"):
        client(server, clock, max_attempts=5).get("items")
    assert clock.slept == [1, 2, 4, 8]


def test_a_reset_header_on_a_server_error_is_not_a_wait() -> None:
    clock = ControlledClock()
    with RawServer(
        answer(b"", "503 Down", {"X-RateLimit-Reset": "299", "ratelimit-reset": "9999"}), GOOD
    ) as server:
        client(server, clock).get("items")
    assert clock.slept == [1]


def test_a_retry_after_on_a_server_error_is_waited_for() -> None:
    clock = ControlledClock()
    with RawServer(answer(b"", "503 Down", {"Retry-After": "7"}), GOOD) as server:
        client(server, clock).get("items")
    assert clock.slept == [7]


def test_jitter_shortens_a_backoff_by_at_most_half_and_lengthens_an_asked_wait() -> None:
    assert [backoff_s(3, jitter) for jitter in (0.0, 0.5, 1.0)] == [4.0, 3.0, 2.0]
    clock = ControlledClock()
    with RawServer(answer(b"", THROTTLED, {"Retry-After": "10"}), GOOD) as server:
        HttpClient(server.url, None, vendor="vendor", clock=clock, jitter=lambda: 0.25).get("items")
    assert clock.slept == [10.25]


def test_backoff_is_capped_at_a_minute() -> None:
    assert max(backoff_s(attempt, 0.0) for attempt in range(1, 40)) == 60.0


@pytest.mark.parametrize(
    ("is_hooked", "outcome"),
    [pytest.param(True, [1.0], id="with the hook"), pytest.param(False, [], id="without")],
)
def test_a_bare_403_is_throttling_only_where_the_connector_says_so(
    is_hooked: bool, outcome: list[float]
) -> None:
    clock = ControlledClock()
    with RawServer(answer(b"<html>", "403 Forbidden"), GOOD) as server:
        http = HttpClient(
            server.url,
            None,
            vendor="vendor",
            clock=clock,
            jitter=lambda: 0.0,
            is_throttled=(lambda exchange: exchange.status == 403) if is_hooked else None,
        )
        if is_hooked:
            assert http.get("items").status == 200
        else:
            with pytest.raises(AuthenticationFailed):
                http.get("items")
    assert clock.slept == outcome


def test_the_rate_budget_holds_in_any_minute() -> None:
    clock = ControlledClock()
    sent: list[float] = []
    with RawServer(GOOD) as server:
        http = client(server, clock, requests_per_minute=3)
        for _ in range(10):
            http.get("items")
            sent.append(clock.monotonic())
    assert all(later - earlier >= 60 for earlier, later in itertools.pairwise(sent[::3]))
    assert sum(clock.slept) == 180


def test_retries_count_against_the_rate_budget() -> None:
    clock = ControlledClock()
    with RawServer(answer(b"", "500 No"), GOOD) as server:
        client(server, clock, requests_per_minute=1).get("items")
    assert sum(clock.slept) == 60


def test_a_client_that_gave_up_once_is_less_patient() -> None:
    clock, down = ControlledClock(), answer(b"", "503 Service Unavailable")
    with RawServer(*[down] * 7, GOOD) as server:
        asking = client(server, clock)
        for waits in ([1, 2, 4, 8], [1]):
            clock.slept.clear()
            with pytest.raises(Unavailable):
                asking.get("items")
            assert clock.slept == waits
        assert asking.get("items").status == 200
