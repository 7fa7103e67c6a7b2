"""What each stream gives when its vendor misbehaves: the undisturbed records, or a typed error. Never less.

The last request of a read is struck, so that everything before it has been read and might pass for the whole.
"""

from collections.abc import Callable, Iterator
from functools import partial

import pytest

from connectors.base import Stream
from connectors.errors import (
    AuthenticationFailed,
    ConnectorError,
    HostMismatch,
    NotFound,
    PaginationLoop,
    Truncated,
    Unavailable,
    UnexpectedResponse,
)
from connectors.registry import CONNECTORS
from journey_platform.demo.vendors.faults import Fault, Faults
from journey_platform.demo.vendors.server import Served, serve
from tests.connectors.contract import STREAMS, VENDORS, build, read
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


class CurrentFaults(Faults):
    """The faults of the test that runs now: one set of servers serves them all."""

    def __init__(self) -> None:
        super().__init__()
        self.current = Faults()

    def due(self, vendor: str, path: str) -> Fault | None:
        return self.current.due(vendor, path)


class Disturbed:
    """Emulations with pages of four rows, read undisturbed or under one fault."""

    def __init__(self, served: Served, faults: CurrentFaults) -> None:
        self._served = served
        self._faults = faults
        self._undisturbed: dict[tuple[str, str], tuple[dict[str, bytes], int]] = {}
        self.requests = 0

    def undisturbed(self, vendor: str, stream: Stream) -> tuple[dict[str, bytes], int]:
        """The stream's records by key, and how many requests they took."""
        known = (vendor, stream.name)
        if known not in self._undisturbed:
            self._undisturbed[known] = self._read(vendor, stream, Faults())
        return self._undisturbed[known]

    def struck(
        self, vendor: str, stream: Stream, kind: str, *, after: int, times: int | None
    ) -> tuple[dict[str, bytes], int]:
        """The same under one fault; also after an error, `requests` holds how many there were."""
        fault = Fault(vendor, "/", kind, after=after, times=times, retry_after="2")  # type: ignore[arg-type]
        return self._read(vendor, stream, Faults(fault))

    def _read(self, vendor: str, stream: Stream, faults: Faults) -> tuple[dict[str, bytes], int]:
        self._faults.current = faults
        before = self._served.requests[vendor]
        try:
            bodies = read(vendor, stream, self._served.environment).bodies
        finally:
            self.requests = self._served.requests[vendor] - before
        return bodies, self.requests


@pytest.fixture(scope="module")
def vendors() -> Iterator[Disturbed]:
    faults = CurrentFaults()
    with serve(small_world(), max_rows=4, faults=faults) as served:
        yield Disturbed(served, faults)


@pytest.fixture(scope="module")
def environment() -> dict[str, str]:
    """The settings of emulations that are gone: for tests that put another address in."""
    with serve(small_world()) as served:
        return dict(served.environment)


@pytest.mark.parametrize("kind", ["429", "500", "503", "504", "truncated"])
@pytest.mark.parametrize(("vendor", "stream"), STREAMS)
def test_a_passing_fault_changes_no_byte(vendor: str, stream: Stream, kind: str, vendors: Disturbed) -> None:
    expected, usual = vendors.undisturbed(vendor, stream)
    found, requests = vendors.struck(vendor, stream, kind, after=usual - 1, times=1)
    assert requests == usual + 1
    assert found == expected


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
    vendor: str, stream: Stream, kind: str, error: type[ConnectorError], tries: int, vendors: Disturbed
) -> None:
    skip_with_reason(kind, vendor, stream)
    _, usual = vendors.undisturbed(vendor, stream)
    with pytest.raises(error) as caught:
        vendors.struck(vendor, stream, kind, after=usual - 1, times=None)
    assert caught.value.where == f"{vendor}/{stream.name}"
    assert vendors.requests == usual - 1 + tries


@pytest.mark.parametrize("times", [pytest.param(1, id="once"), pytest.param(None, id="always")])
@pytest.mark.parametrize(
    ("kind", "allowed"),
    [
        pytest.param("shuffled_page", (), id="rows out of order"),
        pytest.param("short_page", (), id="pages smaller than asked"),
        pytest.param("duplicated_page", (PaginationLoop,), id="rows of the page before once more"),
        pytest.param("empty_page", (PaginationLoop, Truncated), id="empty pages with more promised"),
        pytest.param("repeated_cursor", (PaginationLoop, Truncated), id="pages that lead back"),
    ],
)
@pytest.mark.parametrize(("vendor", "stream"), STREAMS)
def test_pages_that_move_repeat_or_stay_empty_never_lose_a_record(
    vendor: str,
    stream: Stream,
    kind: str,
    allowed: tuple[type[ConnectorError], ...],
    times: int | None,
    vendors: Disturbed,
) -> None:
    skip_with_reason(kind, vendor, stream)
    expected, _ = vendors.undisturbed(vendor, stream)
    for after in (0, 1):
        try:
            found, _ = vendors.struck(vendor, stream, kind, after=after, times=times)
        except allowed:
            continue
        assert found == expected


def every_stream(vendor: str, environment: dict[str, str], url: str) -> list[Callable[[], object]]:
    """Every way to ask the vendor: the check and each stream, at another address."""
    elsewhere = environment | {f"{vendor.upper()}_BASE_URL": url}
    streams = CONNECTORS[vendor].streams
    return [build(vendor, elsewhere).check, *(partial(read, vendor, stream, elsewhere) for stream in streams)]


@pytest.mark.parametrize(("broken", "error"), BROKEN_TRANSFERS)
@pytest.mark.parametrize("vendor", VENDORS)
def test_broken_framing_is_retried_and_ends_in_its_error(
    vendor: str, broken: Answer, error: type[ConnectorError], environment: dict[str, str]
) -> None:
    with RawServer(broken) as server:
        for number, ask in enumerate(every_stream(vendor, environment, server.url), start=1):
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
    vendor: str, reply: Answer, error: type[ConnectorError], environment: dict[str, str]
) -> None:
    with RawServer(reply) as server:
        for ask in every_stream(vendor, environment, server.url):
            # A body that is cut may show that it is not the expected shape before it shows that it is cut.
            with pytest.raises((error, UnexpectedResponse)):
                ask()


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_redirect_to_another_host_gets_nothing(vendor: str, environment: dict[str, str]) -> None:
    with RawServer(answer(b"{}")) as other:
        away = answer(b"", "302 Found", {"Location": f"{other.url}/steal"})
        with RawServer(away) as server:
            for ask in every_stream(vendor, environment, server.url):
                with pytest.raises((HostMismatch, UnexpectedResponse)):
                    ask()
        assert other.asked == []
