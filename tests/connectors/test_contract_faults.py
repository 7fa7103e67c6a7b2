"""What each stream gives when its vendor misbehaves: the undisturbed records, or a typed error. Never less.

The last request of a read is struck, so that everything before it has been read and might pass for the whole.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import pytest

from connectors.base import Stream
from connectors.errors import (
    AuthenticationFailed,
    ConnectorError,
    HostMismatch,
    NotFound,
    Truncated,
    Unavailable,
    UnexpectedResponse,
)
from connectors.registry import CONNECTORS
from journey_platform.demo.vendors.faults import Fault, Faults
from journey_platform.demo.vendors.server import serve
from tests.connectors.contract import STREAMS, VENDORS, Read, build, read
from tests.connectors.test_http_faults import BROKEN_TRANSFERS, REFUSED_BODIES
from tests.demo.worlds import small_world
from tests.servers.raw_socket import Answer, RawServer, answer

ENDS_AT_EMPTY = "the vendor ends this list with an empty page and tells no total: an early one cannot be seen"
SKIPS = {
    ("empty_page", "matomo", "visits"): ENDS_AT_EMPTY,
    ("empty_page", "mastodon", "tag_timelines"): ENDS_AT_EMPTY,
    ("empty_page", "mastodon", "account_statuses"): ENDS_AT_EMPTY,
    ("empty_page", "mastodon", "search"): ENDS_AT_EMPTY,
    ("404", "mailchimp", "email_activity"): "a mailing that was deleted since it was listed is no failure",
    ("404", "mailchimp", "unsubscribes"): "a mailing that was deleted since it was listed is no failure",
}


def skip_with_reason(kind: str, vendor: str, stream: Stream) -> None:
    if reason := SKIPS.get((kind, vendor, stream.name)):
        pytest.skip(reason)


@dataclass(frozen=True)
class Undisturbed:
    bodies: dict[str, bytes]
    requests: int


@cache
def undisturbed(vendor: str, stream: Stream) -> Undisturbed:
    with serve(small_world(), max_rows=4) as served:
        bodies = read(vendor, stream, served.environment).bodies
        return Undisturbed(bodies, served.requests[vendor])


def struck(
    vendor: str, stream: Stream, kind: str, *, after: int, times: int | None, **more: str
) -> tuple[Read, int]:
    """A read under one fault, and how many requests it took."""
    fault = Fault(vendor, "/", kind, after=after, times=times, **more)  # type: ignore[arg-type]
    with serve(small_world(), max_rows=4, faults=Faults(fault)) as served:
        try:
            return read(vendor, stream, served.environment), served.requests[vendor]
        except ConnectorError as error:
            error.requests = served.requests[vendor]  # type: ignore[attr-defined]
            raise


@pytest.mark.parametrize("kind", ["429", "500", "503", "504", "truncated"])
@pytest.mark.parametrize(("vendor", "stream"), STREAMS)
def test_a_passing_fault_changes_no_byte(vendor: str, stream: Stream, kind: str) -> None:
    expected = undisturbed(vendor, stream)
    found, requests = struck(vendor, stream, kind, after=expected.requests - 1, times=1, retry_after="2")
    assert requests == expected.requests + 1
    assert found.bodies == expected.bodies


@pytest.mark.parametrize(
    ("kind", "error", "tries"),
    [
        pytest.param("401", AuthenticationFailed, 1, id="401: the token expired"),
        pytest.param("403", AuthenticationFailed, 1, id="403: the scope was lost"),
        pytest.param("404", NotFound, 1, id="404"),
        pytest.param("html", UnexpectedResponse, 1, id="HTML with 200"),
        pytest.param("empty", UnexpectedResponse, 1, id="nothing with 200"),
        pytest.param("503", Unavailable, 5, id="503 for good"),
        pytest.param("truncated", Truncated, 5, id="cut for good"),
    ],
)
@pytest.mark.parametrize(("vendor", "stream"), STREAMS)
def test_a_lasting_fault_in_the_middle_ends_the_read_with_its_error(
    vendor: str, stream: Stream, kind: str, error: type[ConnectorError], tries: int
) -> None:
    skip_with_reason(kind, vendor, stream)
    expected = undisturbed(vendor, stream)
    with pytest.raises(error) as caught:
        struck(vendor, stream, kind, after=expected.requests - 1, times=None)
    assert caught.value.where == f"{vendor}/{stream.name}"
    assert caught.value.requests == expected.requests - 1 + tries  # type: ignore[attr-defined]


@pytest.mark.parametrize("times", [pytest.param(1, id="once"), pytest.param(None, id="always")])
@pytest.mark.parametrize(
    "kind", ["duplicated_page", "shuffled_page", "short_page", "empty_page", "repeated_cursor"]
)
@pytest.mark.parametrize(("vendor", "stream"), STREAMS)
def test_pages_that_move_repeat_or_stay_empty_never_lose_a_record(
    vendor: str, stream: Stream, kind: str, times: int | None
) -> None:
    skip_with_reason(kind, vendor, stream)
    expected = undisturbed(vendor, stream).bodies
    for after in (0, 1):
        try:
            found, _ = struck(vendor, stream, kind, after=after, times=times)
        except ConnectorError:
            continue
        assert found.bodies == expected


def every_stream(vendor: str, url: str) -> list[Callable[[], object]]:
    """Every way to ask the vendor: the check and each stream, at another address."""
    with serve(small_world()) as served:
        environment = served.environment | {f"{vendor.upper()}_BASE_URL": url}
    connector = CONNECTORS[vendor]
    return [
        build(vendor, environment).check,
        *(lambda stream=stream: read(vendor, stream, environment) for stream in connector.streams),
    ]


@pytest.mark.parametrize(("broken", "error"), BROKEN_TRANSFERS)
@pytest.mark.parametrize("vendor", VENDORS)
def test_broken_framing_is_retried_and_ends_in_its_error(
    vendor: str, broken: Answer, error: type[ConnectorError]
) -> None:
    with RawServer(broken) as server:
        for number, ask in enumerate(every_stream(vendor, server.url), start=1):
            with pytest.raises(error):
                ask()
            assert len(server.asked) == 5 * number


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        *(pytest.param(*param.values[:2], id=param.id) for param in REFUSED_BODIES),
        pytest.param(
            answer(b'{"items": [], "error": "Overloaded"}'), UnexpectedResponse, id="an error in a 200"
        ),
        pytest.param(answer(b"<html>", "404 Not Found"), NotFound, id="HTML with 404"),
        pytest.param(answer(b"Forbidden", "401 Unauthorized"), AuthenticationFailed, id="text with 401"),
    ],
)
@pytest.mark.parametrize("vendor", VENDORS)
def test_a_body_that_is_not_the_contract_is_refused_by_every_stream(
    vendor: str, reply: Answer, error: type[ConnectorError]
) -> None:
    with RawServer(reply) as server:
        for ask in every_stream(vendor, server.url):
            # A body that is cut may show that it is not the expected shape before it shows that it is cut.
            with pytest.raises((error, UnexpectedResponse)):
                ask()


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_redirect_to_another_host_gets_nothing(vendor: str) -> None:
    with RawServer(answer(b"{}")) as other:
        away = answer(b"", "302 Found", {"Location": f"{other.url}/steal"})
        with RawServer(away) as server:
            for ask in every_stream(vendor, server.url):
                with pytest.raises((HostMismatch, UnexpectedResponse)):
                    ask()
        assert other.asked == []
