"""The HTTP client that every connector uses: where a request may go, how often, and what its status means.

Guarded here: credentials only to the configured scheme, host and port; bounded retries; a rate budget; errors
by recovery. One exchange over a socket is in `transport`, waiting times are in `retry`, the host check in
`hosts`, JSON in `decoding`, paging in `pagination`. A client belongs to one thread.
"""

import logging
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
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
    RetryableError,
    TooLarge,
    Truncated,
    Unavailable,
    UnexpectedResponse,
)
from connectors.hosts import BaseUrl
from connectors.retry import RateBudget, asked_wait_s, backoff_s
from connectors.transport import Exchange, Limits, Transport
from connectors.usage import count

Params = Mapping[str, str | int | None]
T = TypeVar("T")

_log = logging.getLogger("connectors")
_MAX_REDIRECTS = 3
_ATTEMPTS_AFTER_GIVING_UP = 2
_HEADERS = {
    "User-Agent": "journey-platform",
    "Accept": "application/json, */*;q=0.5",
    "Accept-Encoding": "gzip",
}
_REDIRECTS = (301, 302, 303, 307, 308)
_REASON_TOKEN = re.compile(r"[A-Za-z][A-Za-z_]{1,38}[A-Za-z](_?[0-9]{1,4})?|[0-9]{1,6}")


@dataclass(frozen=True, slots=True)
class Policy:
    """Patience and limits of one vendor's client.

    `total_deadline_s` bounds one attempt from connecting to the last byte, `download_deadline_s` that of a
    file. A client that gave up once tries twice at most from then on. A wait longer than `max_wait_s` is not
    waited for: `RateLimited`. `max_bytes` counts decoded bytes.
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


@dataclass(frozen=True, slots=True)
class _Request:
    """What to ask; its text is what may be told of it."""

    method: str
    url: str
    where: str
    json: bytes | None = None
    form: Params | None = None
    file: BinaryIO | None = None

    def __str__(self) -> str:
        return f"{self.method} {urlsplit(self.url).path}"

    __repr__ = __str__


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
        self._attempts = policy.max_attempts

    def __repr__(self) -> str:
        return f"HttpClient({self._vendor!r}, {self._base.text!r})"

    def get(self, path: str, params: Params | None = None, *, stream: str = "") -> Response:
        """GET `path` below the base URL; parameters that are None are left out."""
        return self._answer(_Request("GET", self._url(path, params), self._where(stream)))

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
        body = msgspec.json.encode(json) if json is not None else None
        url = self._url(path, params)
        return self._answer(_Request("POST", url, self._where(stream), json=body, form=form or {}))

    def follow(self, url: str, *, stream: str = "") -> Response:
        """GET a link that a body or header named.

        Raises `HostMismatch`, before anything is sent, where it leaves the base URL's scheme, host or port.
        """
        where = self._where(stream)
        return self._answer(_Request("GET", self._base.pinned(url, where=where), where))

    def download(self, path: str, file: BinaryIO, *, max_bytes: int, stream: str = "") -> None:
        """GET `path` into a binary file, which is emptied first and before every new attempt."""
        request = _Request("GET", self._url(path, None), self._where(stream), file=file)
        self._answer(request, max_bytes=max_bytes)

    def _url(self, path: str, params: Params | None) -> str:
        url = f"{self._base.text}/{quote(path.lstrip('/'), safe='/:@!$&()*+,;=%~')}"
        query = urlencode(_given(params or {}))
        return f"{url}?{query}" if query else url

    def _where(self, stream: str) -> str:
        return f"{self._vendor}/{stream}" if stream else self._vendor

    def _answer(self, request: _Request, max_bytes: int | None = None) -> Response:
        """The successful answer, behind retries and redirects on our own host."""
        policy = self._policy
        limits = Limits(
            connect_s=policy.connect_timeout_s,
            read_s=policy.read_timeout_s,
            total_s=policy.total_deadline_s if request.file is None else policy.download_deadline_s,
            max_bytes=policy.max_bytes if max_bytes is None else max_bytes,
        )
        for _ in range(1 + _MAX_REDIRECTS):
            exchange = self._exchange_with_retries(request, limits)
            if 200 <= exchange.status < 300:
                path = urlsplit(request.url).path
                return Response(exchange.status, exchange.headers, exchange.content, request.where, path)
            location = exchange.headers.get("location")
            if exchange.status not in _REDIRECTS or request.method != "GET" or location is None:
                break
            link = self._base.pinned(location, relative_to=request.url, where=request.where)
            request = replace(request, url=link)
        raise self._refusal(exchange, request)

    def _exchange_with_retries(self, request: _Request, limits: Limits) -> Exchange:
        """The first answer that is not "try again". Raises a `RetryableError` when attempts are used up."""
        policy = self._policy
        attempt = 0
        while True:
            attempt += 1
            if self._budget:
                self._budget.take()
            failure: ConnectorError
            asked_s: float | None = None
            try:
                exchange = self._exchange(request, limits)
            except (Unavailable, Truncated, TooLarge, UnexpectedResponse) as error:
                failure = type(error)(f"{request}: {error.message}", where=request.where)
            else:
                is_throttled = exchange.status == 429 or (
                    self._is_throttled is not None and self._is_throttled(exchange)
                )
                if not is_throttled and exchange.status != 408 and exchange.status < 500:
                    return exchange
                asked_s = asked_wait_s(exchange.headers, self._clock.now(), is_throttled=is_throttled)
                message = f"{request}: {exchange.status}{self._reason(exchange)}"
                if is_throttled or (asked_s or 0.0) > policy.max_wait_s:
                    failure = RateLimited(message, where=request.where, retry_after_s=asked_s)
                else:
                    failure = Unavailable(message, where=request.where)
            is_patient = attempt < self._attempts and (asked_s or 0.0) <= policy.max_wait_s
            if not isinstance(failure, RetryableError) or not is_patient:
                if isinstance(failure, Unavailable):
                    # What asks next is often the same of fewer days, to find the one that cannot be read.
                    self._attempts = min(self._attempts, _ATTEMPTS_AFTER_GIVING_UP)
                raise failure
            wait_s = asked_s + self._jitter() if asked_s else backoff_s(attempt, self._jitter())
            _log.warning("%s; attempt %d of %d, next in %.1f s", failure, attempt, self._attempts, wait_s)
            self._clock.sleep(wait_s)

    def _exchange(self, request: _Request, limits: Limits) -> Exchange:
        """One attempt. Credentials are attached here, to a URL whose origin is the configured one."""
        if not self._base.is_own(request.url):
            raise HostMismatch("a request outside the configured host", where=request.where)
        if request.file is not None:
            request.file.seek(0)
            request.file.truncate()
        headers = dict(_HEADERS)
        if self._auth is not None:
            headers |= self._auth.headers()
        body = request.json
        if body is not None:
            headers["Content-Type"] = "application/json"
        elif request.form is not None:
            secret_fields = self._auth.form_fields() if self._auth is not None else {}
            body = urlencode(_given(request.form) | secret_fields).encode()
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        found = self._transport.exchange(request.method, request.url, headers, body, limits, request.file)
        count(self._vendor, found.headers)
        return found

    def _refusal(self, exchange: Exchange, request: _Request) -> Rejected:
        message = f"{request}: {exchange.status}{self._reason(exchange)}"
        match exchange.status:
            case 401 | 403:
                return AuthenticationFailed(message, where=request.where)
            case 404 | 410:
                return NotFound(message, where=request.where)
            case status if 400 <= status < 500:
                return Rejected(message, where=request.where)
            case status if status in _REDIRECTS:
                message += ", a redirect that is not followed"
        return UnexpectedResponse(message, where=request.where)

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


def _given(params: Params) -> dict[str, str | int]:
    return {name: value for name, value in params.items() if value is not None}


def _error_codes(told: Any) -> list[str]:
    """Candidates for the short code in the error shapes of our vendors, best first."""
    if not isinstance(told, dict):
        return []
    meta = told.get("meta")
    nested = [told.get("error"), meta.get("error") if isinstance(meta, dict) else None]
    shapes = [*(shape for shape in nested if isinstance(shape, dict)), told]
    found = [shape.get(name) for shape in shapes for name in ("errorCode", "code", "status", "error", "type")]
    return [str(code) for code in found if isinstance(code, str | int) and not isinstance(code, bool)]
