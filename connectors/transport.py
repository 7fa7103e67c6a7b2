"""One HTTP exchange over a socket: one total deadline, one limit of decoded bytes, whole bodies or an error.

What `requests` leaves open is closed here: its time-outs are per read (a slow drip lasts for ever), a body
cut at its gzip trailer passes, a gzip bomb is inflated whole. Retries, credentials, redirects and what a
status means are in `http`.
"""

import http.client
import io
import logging
import socket
import time
import zlib
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, BinaryIO

import requests
import urllib3
from requests.adapters import HTTPAdapter

from connectors.errors import ConnectorError, TooLarge, Truncated, Unavailable, UnexpectedResponse

# Most bodies arrive in one piece; and the allocator, which keeps twice what it last gave back, keeps a page's
# memory for the next page instead of returning it to the system.
_CHUNK_BYTES = 2 * 1024 * 1024
_ERROR_BODY_BYTES = 64 * 1024

# urllib3 writes whole addresses, query strings included, at these levels.
logging.getLogger("urllib3.connectionpool").setLevel(logging.INFO)
logging.getLogger("urllib3.connection").setLevel(logging.ERROR)

_deadline: ContextVar[float] = ContextVar("deadline")


@dataclass(frozen=True, slots=True)
class Exchange:
    """What came back. `content` is decoded, and empty where the body went to a file."""

    status: int
    headers: Mapping[str, str]
    content: bytes


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one exchange: seconds to connect, between two reads, and in all; decoded bytes."""

    connect_s: float
    read_s: float
    total_s: float
    max_bytes: int


class _DeadlineReader(io.RawIOBase):
    """Reads a socket; every read, also of the headers, ends at the exchange's deadline."""

    def __init__(self, sock: socket.socket, stream: io.RawIOBase, deadline: float) -> None:
        self._sock = sock
        self._stream = stream
        self._deadline = deadline
        self._read_s = sock.gettimeout()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left_s = self._deadline - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("deadline")
        self._sock.settimeout(left_s if self._read_s is None else min(left_s, self._read_s))
        return self._stream.readinto(buffer)

    def close(self) -> None:
        if not self.closed:
            self._stream.close()
        super().close()


class _DeadlineResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        stream = self.fp.detach()
        self.fp = io.BufferedReader(_DeadlineReader(sock, stream, _deadline.get()), _CHUNK_BYTES)


class _HTTPConnection(urllib3.connection.HTTPConnection):
    response_class = _DeadlineResponse


class _HTTPSConnection(urllib3.connection.HTTPSConnection):
    response_class = _DeadlineResponse


class _HTTPPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _HTTPConnection


class _HTTPSPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _HTTPSConnection


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}


class Transport:
    """Keeps connections and makes exchanges, one at a time.

    Prepared requests go straight to the adapter: a `requests.Session` would read proxies and .netrc from the
    environment, keep cookies, and inflate the body of a redirect whole.
    """

    def __init__(self) -> None:
        self._adapter = _Adapter(pool_connections=1, pool_maxsize=1, max_retries=0)

    def exchange(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        limits: Limits,
        file: BinaryIO | None = None,
    ) -> Exchange:
        """Send one request and read its whole answer; a successful body goes to `file` where one is given.

        Raises `Unavailable` (no answer, or none in time), `Truncated` (it ended early) and `TooLarge`; none
        of them is chained to an exception that holds the address or the headers.
        """
        request = requests.Request(method, url, headers=dict(headers), data=body).prepare()
        _deadline.set(time.monotonic() + limits.total_s)
        failure: ConnectorError
        try:
            response = self._adapter.send(request, stream=True, timeout=(limits.connect_s, limits.read_s))
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            failure = _failure(error, Unavailable("the connection failed"))
        else:
            with response:
                return self._read(response, limits, file)
        raise failure

    def _read(self, response: requests.Response, limits: Limits, file: BinaryIO | None) -> Exchange:
        if response.status_code >= 300:
            return Exchange(response.status_code, response.headers, _error_body(response))
        body = _body(response, limits.max_bytes)
        if file is None:
            return Exchange(response.status_code, response.headers, b"".join(body))
        file.writelines(body)
        return Exchange(response.status_code, response.headers, b"")


def _body(response: requests.Response, max_bytes: int) -> Iterator[bytes]:
    """Yield the decoded body; it is whole when this ends."""
    received = _received(response)
    match response.headers.get("Content-Encoding", "").strip().lower():
        case "" | "identity":
            decoded = received
        case "gzip" | "x-gzip":
            decoded = _inflated(received)
        case _:
            raise UnexpectedResponse("a content encoding that was not asked for")
    total = 0
    for chunk in decoded:
        total += len(chunk)
        if total > max_bytes:
            raise TooLarge(f"the response is longer than {max_bytes} bytes")
        yield chunk


def _received(response: requests.Response) -> Iterator[bytes]:
    """Yield the body's bytes as they were sent."""
    failure: ConnectorError
    try:
        yield from response.raw.stream(_CHUNK_BYTES, decode_content=False)
    except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError) as error:
        failure = _failure(error, Truncated("the body ends early"))
    else:
        return
    raise failure


def _inflated(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Inflate gzip members piece by piece: a bomb costs one piece, and a missing trailer is seen."""
    inflater = None
    failed = False
    for chunk in chunks:
        data = chunk
        while data:
            if inflater is None:
                inflater = zlib.decompressobj(16 + zlib.MAX_WBITS)
            try:
                piece = inflater.decompress(data, _CHUNK_BYTES)
            except zlib.error:
                failed = True
                break
            if piece:
                yield piece
            data = inflater.unconsumed_tail
            if inflater.eof:
                data, inflater = inflater.unused_data, None
        if failed:
            break
    if failed:
        raise Truncated("the gzip body is damaged")
    if inflater is not None:
        raise Truncated("the gzip body ends early")


def _error_body(response: requests.Response) -> bytes:
    """The first bytes of an error's body: a broken one must not hide its status."""
    content = b""
    try:
        for chunk in _body(response, _ERROR_BODY_BYTES):
            content += chunk
    except ConnectorError:
        response.close()
    return content


def _failure(error: BaseException, otherwise: ConnectorError) -> ConnectorError:
    """Name what went wrong without repeating the error's text, which holds the address."""
    causes = list(_causes(error))
    if any(isinstance(c, requests.exceptions.SSLError | urllib3.exceptions.SSLError) for c in causes):
        return Unavailable("the TLS connection failed")
    if any(isinstance(c, urllib3.exceptions.NameResolutionError | socket.gaierror) for c in causes):
        return Unavailable("the host name does not resolve")
    if any(isinstance(c, ConnectionRefusedError) for c in causes):
        return Unavailable("the connection was refused")
    if any(isinstance(c, ConnectionResetError | BrokenPipeError) for c in causes):
        return Unavailable("the connection was reset")
    timeouts = TimeoutError | urllib3.exceptions.TimeoutError | requests.Timeout
    if any(isinstance(c, timeouts) for c in causes):
        return Unavailable("no complete answer in time")
    return otherwise


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and everything that it wraps."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        found = waiting.pop()
        if isinstance(found, BaseException) and id(found) not in seen:
            seen.add(id(found))
            yield found
            waiting += [found.__cause__, found.__context__, getattr(found, "reason", None), *found.args]
