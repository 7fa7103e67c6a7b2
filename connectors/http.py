"""The HTTP client that every connector uses: where a request may go, how often, and what its status means.

Guarded here: credentials only to the configured scheme, host and port; bounded retries; a rate budget; errors
by recovery. One exchange over a socket is in `transport`, waiting times are in `retry`, the host check in
`hosts`, JSON in `decoding`, paging in `pagination`. A client belongs to one thread.
"""

import logging
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from connectors.auth import Auth
from connectors.clock import SYSTEM_CLOCK, Clock
from connectors.decoding import decode
from connectors.errors import (
    AuthenticationFailed,
    ConnectorError,
    HostMismatch,
    NotFound,
    RateLimited,
    Rejected,
    TooLarge,
    Truncated,
    Unavailable,
    UnexpectedResponse,
)
from connectors.hosts import BaseUrl
from connectors.retry import RateBudget, asked_wait_s, backoff_s
from connectors.transport import Exchange, Limits, Transport

Params = Mapping[str, str | int | None]
T = TypeVar("T")

_log = logging.getLogger("connectors")
_MAX_REDIRECTS = 3
_REDIRECTS = (301, 302, 303, 307, 308)
_REASON_TOKEN = re.compile(r"[A-Za-z][A-Za-z_]{1,38}[A-Za-z](_?[0-9]{1,4})?|[0-9]{1,6}")


@dataclass(frozen=True, slots=True)
class Policy:
    """Patience and limits of one vendor's client.

    `total_deadline_s` bounds one attempt from connecting to the last byte, `download_deadline_s` that of a
    file. A wait longer than `max_wait_s` is not waited for: `RateLimited`. `max_bytes` counts decoded bytes.
    """

    connect_timeout_s: float = 10.0
    read_timeout_s: float = 60.0
    total_deadline_s: float = 120.0
    download_deadline_s: float = 1800.0
    max_attempts: int = 5
    max_wait_s: float = 300.0
    max_bytes: int = 64 * 1024 * 1024
    requests_per_minute: int | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """A successful answer; its repr shows no content."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)
    where: str
    path: str

    def json(self, type: Any = Any) -> Any:  # noqa: A002 - msgspec's own word
        """The body decoded into `type` (a class that msgspec knows); errors as in `decoding.decode`."""
        return self.decode(msgspec.json.Decoder(type))

    def decode(self, decoder: "msgspec.json.Decoder[T]") -> T:
        """The body decoded with a decoder that was made before."""
        try:
            return decode(self.content, decoder)
        except ConnectorError as error:
            failure = type(error)(f"{self.path}: {self.status}, {error.message}", where=self.where)
        raise failure


class HttpClient:
    """Requests to one vendor: `base_url` and nothing outside its scheme, host and port.

    `is_throttled` tells an answer that means "too fast" though its status is not 429 (Mailchimp's bare 403).
    `jitter` gives numbers in [0, 1). Raises `ConfigurationError` for a base URL that is not https (http is
    allowed to this machine).
    """

    def __init__(
        self,
        base_url: str,
        auth: Auth | None,
        *,
        vendor: str,
        policy: Policy = Policy(),
        clock: Clock = SYSTEM_CLOCK,
        is_throttled: Callable[[Exchange], bool] | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._base = BaseUrl(base_url, vendor)
        self._auth = auth
        self._vendor = vendor
        self._policy = policy
        self._clock = clock
        self._is_throttled = is_throttled
        self._jitter = jitter
        per_minute = policy.requests_per_minute
        self._budget = RateBudget(per_minute, clock) if per_minute else None
        self._transport = Transport()

    def __repr__(self) -> str:
        return f"HttpClient({self._vendor!r}, {self._base.text!r})"

    def get(self, path: str, params: Params | None = None, *, stream: str = "") -> Response:
        """GET `path` below the base URL; parameters that are None are left out."""
        return self._request("GET", self._url(path, params), stream)

    def post(
        self,
        path: str,
        *,
        json: Any = None,
        form: Params | None = None,
        params: Params | None = None,
        stream: str = "",
    ) -> Response:
        """POST a JSON body or a form. It is repeated like a GET: only for requests that read or ask."""
        headers = {}
        body = None
        if json is not None:
            headers["Content-Type"] = "application/json"
            body = msgspec.json.encode(json)
        return self._request("POST", self._url(path, params), stream, headers=headers, body=body, form=form)

    def follow(self, url: str, *, stream: str = "") -> Response:
        """GET a link that a body or header named.

        Raises `HostMismatch`, before anything is sent, where it leaves the base URL's scheme, host or port.
        """
        return self._request("GET", self._base.pinned(url, where=self._where(stream)), stream)

    def download(self, path: str, file: BinaryIO, *, max_bytes: int, stream: str = "") -> None:
        """GET `path` into a binary file, which is emptied first and before every new attempt."""
        self._request("GET", self._url(path, None), stream, file=file, max_bytes=max_bytes)

    def _url(self, path: str, params: Params | None) -> str:
        url = f"{self._base.text}/{quote(path.lstrip('/'), safe='/:@!$&()*+,;=%~')}"
        query = urlencode([(name, value) for name, value in (params or {}).items() if value is not None])
        return f"{url}?{query}" if query else url

    def _where(self, stream: str) -> str:
        return f"{self._vendor}/{stream}" if stream else self._vendor

    def _request(
        self,
        method: str,
        url: str,
        stream: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        form: Params | None = None,
        file: BinaryIO | None = None,
        max_bytes: int | None = None,
    ) -> Response:
        policy = self._policy
        limits = Limits(
            connect_s=policy.connect_timeout_s,
            read_s=policy.read_timeout_s,
            total_s=policy.total_deadline_s if file is None else policy.download_deadline_s,
            max_bytes=policy.max_bytes if max_bytes is None else max_bytes,
        )
        where = self._where(stream)
        redirects = 0
        while True:
            path = urlsplit(url).path
            exchange = self._exchange_with_retries(method, url, headers, body, form, limits, file, where)
            if 200 <= exchange.status < 300:
                return Response(exchange.status, exchange.headers, exchange.content, where, path)
            if exchange.status not in _REDIRECTS:
                raise self._refusal(exchange, f"{method} {path}", where)
            location = exchange.headers.get("location", "")
            redirects += 1
            if method != "GET" or not location or redirects > _MAX_REDIRECTS:
                raise UnexpectedResponse(
                    f"{method} {path}: {exchange.status}, a redirect not followed", where=where
                )
            url = self._base.pinned(location, relative_to=url, where=where)

    def _exchange_with_retries(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        body: bytes | None,
        form: Params | None,
        limits: Limits,
        file: BinaryIO | None,
        where: str,
    ) -> Exchange:
        """The first answer that is not "try again". Raises a `RetryableError` when attempts are used up."""
        target = f"{method} {urlsplit(url).path}"
        attempt = 1
        while True:
            if self._budget:
                self._budget.take()
            if file is not None:
                file.seek(0)
                file.truncate()
            failure: ConnectorError
            asked_s: float | None = None
            try:
                exchange = self._exchange(method, url, headers, body, form, limits, file)
            except (Unavailable, Truncated) as error:
                failure = type(error)(f"{target}: {error.message}", where=where)
            except (TooLarge, UnexpectedResponse) as error:
                refusal = type(error)(f"{target}: {error.message}", where=where)
                break
            else:
                throttled = exchange.status == 429 or bool(
                    self._is_throttled and self._is_throttled(exchange)
                )
                if not throttled and exchange.status != 408 and exchange.status < 500:
                    return exchange
                asked_s = asked_wait_s(exchange.headers, self._clock.now())
                reason = f"{target}: {exchange.status}{self._reason(exchange)}"
                if throttled or (asked_s or 0.0) > self._policy.max_wait_s:
                    failure = RateLimited(reason, where=where, retry_after_s=asked_s)
                else:
                    failure = Unavailable(reason, where=where)
            wait_s = asked_s + self._jitter() if asked_s else backoff_s(attempt, self._jitter())
            if attempt == self._policy.max_attempts or (asked_s or 0.0) > self._policy.max_wait_s:
                raise failure
            _log.warning(
                "%s; attempt %d of %d, next in %.1f s", failure, attempt, self._policy.max_attempts, wait_s
            )
            self._clock.sleep(wait_s)
            attempt += 1
        raise refusal

    def _exchange(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        body: bytes | None,
        form: Params | None,
        limits: Limits,
        file: BinaryIO | None,
    ) -> Exchange:
        """One attempt. Credentials are attached here, to a URL whose origin is the configured one."""
        if not self._base.is_own(url):
            raise HostMismatch("a request outside the configured host")
        sent = {
            "User-Agent": "journey-platform",
            "Accept": "application/json, */*;q=0.5",
            "Accept-Encoding": "gzip",
            **(headers or {}),
        }
        if self._auth is not None:
            sent |= self._auth.headers()
        if method == "POST" and body is None:
            fields = {name: value for name, value in (form or {}).items() if value is not None}
            fields |= self._auth.form_fields() if self._auth is not None else {}
            body = urlencode(fields).encode()
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        return self._transport.exchange(method, url, sent, body, limits, file)

    def _refusal(self, exchange: Exchange, target: str, where: str) -> Rejected:
        message = f"{target}: {exchange.status}{self._reason(exchange)}"
        match exchange.status:
            case 401 | 403:
                return AuthenticationFailed(message, where=where)
            case 404 | 410:
                return NotFound(message, where=where)
            case status if 400 <= status < 500:
                return Rejected(message, where=where)
        return UnexpectedResponse(message, where=where)

    def _reason(self, exchange: Exchange) -> str:
        """The vendor's short error code in brackets, where its body is JSON that has one.

        Nothing else of a body is ever repeated: it may hold customers' data, or the secret that was sent.
        """
        try:
            told = msgspec.json.decode(exchange.content)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return ""
        secrets = self._auth.secrets() if self._auth is not None else ()
        for code in _error_codes(told):
            if _REASON_TOKEN.fullmatch(code) and not any(code in text or text in code for text in secrets):
                return f" ({code})"
        return ""


def _error_codes(told: Any) -> list[str]:
    """Candidates for the short code in the error shapes of our vendors, best first."""
    if not isinstance(told, dict):
        return []
    meta = told.get("meta")
    nested = [told.get("error"), meta.get("error") if isinstance(meta, dict) else None]
    shapes = [*(shape for shape in nested if isinstance(shape, dict)), told]
    found = [shape.get(name) for shape in shapes for name in ("errorCode", "code", "status", "error", "type")]
    return [str(code) for code in found if isinstance(code, str | int) and not isinstance(code, bool)]
