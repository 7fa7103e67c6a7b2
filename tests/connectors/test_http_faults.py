"""Broken answers over a real socket: each is retried or refused with its typed error, never taken as data."""

import time

import pytest

from connectors.archives import spool
from connectors.errors import (
    AuthenticationFailed,
    ConnectorError,
    NotFound,
    Rejected,
    TooLarge,
    Truncated,
    Unavailable,
    UnexpectedResponse,
)
from connectors.http import HttpClient, Policy
from tests.connectors.controlled_clock import ControlledClock
from tests.servers.raw_socket import Answer, RawServer, Reset, answer, compressed, gzipped

GOOD = b'{"items": [1, 2, 3], "note": "a body that is long enough to be cut somewhere"}'
GOOD_ANSWER = answer(GOOD)
UNFRAMED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def client(server: RawServer, **policy: float) -> HttpClient:
    return HttpClient(
        server.url,
        None,
        vendor="vendor",
        policy=Policy(**{"max_attempts": 3, **policy}),
        clock=ControlledClock(),
    )


BROKEN_TRANSFERS = [
    pytest.param(answer(GOOD, length=len(GOOD) + 10), Truncated, id="body shorter than Content-Length"),
    pytest.param([CHUNKED + b"10\r\n" + GOOD[:16] + b"\r\n"], Truncated, id="chunked without terminator"),
    pytest.param([CHUNKED + b"zz\r\n" + GOOD], Truncated, id="chunk length that is no number"),
    pytest.param([*answer(GOOD[:20], length=len(GOOD)), 0.01, Reset()], Unavailable, id="RST mid-body"),
    pytest.param([Reset()], Unavailable, id="RST before any answer"),
    pytest.param([], Unavailable, id="closed before any answer"),
    pytest.param([b"this is not HTTP\r\n\r\n"], Unavailable, id="no status line"),
    pytest.param(gzipped(b"\x1f\x8b\x08 not gzip at all"), Truncated, id="bad gzip"),
    pytest.param(gzipped(compressed(GOOD)[:-12]), Truncated, id="gzip cut, right length"),
    pytest.param(gzipped(compressed(GOOD)[:-3]), Truncated, id="gzip cut in its trailer, right length"),
    pytest.param(answer(b"", "500 Internal Server Error"), Unavailable, id="500 with an empty body"),
    pytest.param(answer(b"<html>", "502 Bad Gateway"), Unavailable, id="502 with HTML"),
    pytest.param(answer(b"", "408 Request Timeout"), Unavailable, id="408"),
]


@pytest.mark.parametrize(("broken", "error"), BROKEN_TRANSFERS)
def test_a_broken_transfer_is_asked_again(broken: Answer, error: type[ConnectorError]) -> None:
    with RawServer(broken, GOOD_ANSWER) as server:
        assert client(server).get("items").content == GOOD
        assert len(server.asked) == 2


@pytest.mark.parametrize(("broken", "error"), BROKEN_TRANSFERS)
def test_attempts_are_bounded_and_end_in_a_typed_error(broken: Answer, error: type[ConnectorError]) -> None:
    with RawServer(broken) as server:
        with pytest.raises(error, match=r"^vendor/stream: GET /items: "):
            client(server).get("items", {"q": "query-canary"}, stream="stream")
        assert len(server.asked) == 3


REFUSED_BODIES = [
    pytest.param(answer(GOOD, length=40), Truncated, "ends early", id="Content-Length smaller than body"),
    pytest.param([UNFRAMED + GOOD[:40]], Truncated, "ends early", id="no length, closed early"),
    pytest.param(gzipped(compressed(compressed(GOOD))), UnexpectedResponse, "not JSON", id="gzip twice"),
    pytest.param(answer(b"<html>Sign in</html>"), UnexpectedResponse, "HTML", id="HTML with 200"),
    pytest.param(answer(b""), UnexpectedResponse, "200, an empty body", id="empty body with 200"),
    pytest.param(answer(b"", "204 No Content"), UnexpectedResponse, "204, an empty body", id="204"),
    pytest.param(answer(b"\xef\xbb\xbf" + GOOD), UnexpectedResponse, "byte order mark", id="BOM"),
    pytest.param(answer(b'{"a": NaN}'), UnexpectedResponse, "not JSON", id="NaN"),
    pytest.param(answer(b'{"a": -Infinity}'), UnexpectedResponse, "not JSON", id="Infinity"),
    pytest.param(answer(b'{"a": "caf\xe9"}'), UnexpectedResponse, "UTF-8", id="latin-1 bytes"),
    pytest.param(answer(b'{"a": 1} {"a": 2}'), UnexpectedResponse, "not JSON", id="two documents"),
    pytest.param(answer(b"[" * 100_000), UnexpectedResponse, "too deeply", id="100k-deep nesting"),
    pytest.param(
        answer(b"[" * 100_000 + b"]" * 100_000), UnexpectedResponse, "too deeply", id="100k-deep, closed"
    ),
    pytest.param(
        answer(GOOD, headers={"Content-Encoding": "br"}),
        UnexpectedResponse,
        "encoding",
        id="brotli unasked",
    ),
]


@pytest.mark.parametrize(("reply", "error", "words"), REFUSED_BODIES)
def test_a_body_that_is_not_the_contract_is_refused(
    reply: Answer, error: type[ConnectorError], words: str
) -> None:
    with RawServer(reply) as server:
        with pytest.raises(error, match=words):
            client(server).get("items").json()
        assert len(server.asked) == 1


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(gzipped(compressed(GOOD)), id="gzip"),
        pytest.param(gzipped(compressed(GOOD[:9]) + compressed(GOOD[9:])), id="gzip in two members"),
        pytest.param(
            [
                CHUNKED + b"5\r\n" + GOOD[:5] + b"\r\n",
                0.02,
                b"%x\r\n" % len(GOOD[5:]) + GOOD[5:] + b"\r\n0\r\n\r\n",
            ],
            id="chunked with its terminator",
        ),
        pytest.param([UNFRAMED + GOOD], id="whole body until the connection closes"),
        pytest.param([UNFRAMED[:30], 0.02, UNFRAMED[30:], 0.02, GOOD], id="head in two packets"),
    ],
)
def test_a_whole_body_arrives_whole(reply: Answer) -> None:
    with RawServer(reply) as server:
        assert client(server).get("items").json() == {"items": [1, 2, 3], "note": GOOD.decode()[30:-2]}


@pytest.mark.parametrize(
    ("status", "body", "error", "words"),
    [
        pytest.param(
            "400 Bad", b'{"error":"TooManyValues"}', Rejected, r"400 \(TooManyValues\)$", id="short code"
        ),
        pytest.param("401 No", b"Forbidden", AuthenticationFailed, "401$", id="401 in plain text"),
        pytest.param("403 No", b"", AuthenticationFailed, "403$", id="403 without a body"),
        pytest.param("404 No", b"<html>not here</html>", NotFound, "404$", id="404 in HTML"),
        pytest.param("404 No", b"", NotFound, "404$", id="404 without a body"),
        pytest.param("410 Gone", b"", NotFound, "410$", id="410"),
        pytest.param(
            "400 Bad",
            b'{"meta":{"httpStatus":"400 - Bad Request","error":{"errorCode":"QVAL_1","errorMessage":"x"}}}',
            Rejected,
            r"400 \(QVAL_1\)$",
            id="nested code",
        ),
        pytest.param(
            "422 No", b'{"error":"jane@example.org is taken"}', Rejected, "422$", id="a sentence, not a code"
        ),
        pytest.param("422 No", b'{"error":{"code":null}}', Rejected, "422$", id="no code"),
        pytest.param("400 Bad", b"[" * 100_000, Rejected, "400$", id="depth bomb as an error"),
        pytest.param("304 Not Modified", b"", UnexpectedResponse, "304$", id="304 that nobody asked for"),
    ],
)
def test_an_error_status_keeps_its_meaning_whatever_its_body(
    status: str, body: bytes, error: type[ConnectorError], words: str
) -> None:
    with RawServer(answer(body, status)) as server:
        with pytest.raises(error, match=words) as caught:
            client(server).get("items")
        assert type(caught.value) is error
        assert len(server.asked) == 1


def test_an_error_body_that_never_ends_does_not_hide_its_status() -> None:
    endless = [b"HTTP/1.1 404 Not Found\r\n\r\n", *[b"x" * 65536] * 4]
    with RawServer(endless) as server, pytest.raises(NotFound):
        client(server).get("items")


def test_a_download_that_was_cut_is_begun_again_in_an_empty_file() -> None:
    with RawServer(answer(GOOD + b"longer", length=500), GOOD_ANSWER) as server, spool() as file:
        client(server).download("file", file, max_bytes=1000)
        file.seek(0)
        assert file.read() == GOOD


def test_a_download_has_its_own_size_limit() -> None:
    with RawServer(GOOD_ANSWER) as server, spool() as file, pytest.raises(TooLarge):
        client(server).download("file", file, max_bytes=10)


def test_a_refused_connection_is_unavailable() -> None:
    with RawServer([]) as server:
        nobody = client(server)
    with pytest.raises(Unavailable, match="refused"):
        nobody.get("items")


@pytest.mark.parametrize(
    "drip",
    [
        pytest.param([UNFRAMED, *[b"x", 0.05] * 100], id="body"),
        pytest.param([b"HTTP/1.1 200 OK\r\n", *[b"X-A: b\r\n", 0.05] * 100], id="headers"),
        pytest.param([CHUNKED, *[b"1\r\nx\r\n", 0.05] * 100], id="chunks"),
    ],
)
def test_a_slow_drip_ends_at_the_total_deadline(drip: Answer) -> None:
    with RawServer(drip) as server:
        started = time.monotonic()
        with pytest.raises(Unavailable, match="in time"):
            client(server, read_timeout_s=1.0, total_deadline_s=0.5, max_attempts=1).get("items")
        assert 0.4 < time.monotonic() - started < 1.5


def test_silence_ends_at_the_read_timeout() -> None:
    with RawServer([UNFRAMED, 1.0]) as server:
        started = time.monotonic()
        with pytest.raises(Unavailable, match="in time"):
            client(server, read_timeout_s=0.3, max_attempts=1).get("items")
        assert time.monotonic() - started < 1.5


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(answer(b"x" * 2000), id="plain"),
        pytest.param(gzipped(compressed(b"x" * 2000)), id="gzip"),
        pytest.param([UNFRAMED, *[b"x" * 500] * 4], id="without a length"),
    ],
)
def test_the_size_limit_counts_decoded_bytes(reply: Answer) -> None:
    with RawServer(reply) as server:
        with pytest.raises(TooLarge, match="1000 bytes"):
            client(server, max_bytes=1000).get("items")
        assert len(server.asked) == 1
