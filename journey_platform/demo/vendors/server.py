"""Serving a `World` over HTTP: one loopback port a vendor, threads, keep-alive, gzip where it is accepted.

Here are sockets, injected faults, outages, rate limits and counting. What a vendor says is in its own file.
"""

import gzip
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote, urlsplit
from zoneinfo import ZoneInfo

from journey_platform.demo.vendors.faults import BODY_KINDS, FIELD_KINDS, STATUS_KINDS, Fault, Faults
from journey_platform.demo.vendors.mailchimp import Mailchimp
from journey_platform.demo.vendors.mastodon import Mastodon
from journey_platform.demo.vendors.matomo import Matomo
from journey_platform.demo.vendors.messages import Reply, Request, Vendor
from journey_platform.demo.vendors.qualtrics import Qualtrics
from journey_platform.demo.vendors.shopify import Shopify
from journey_platform.demo.vendors.zendesk import Zendesk
from journey_platform.demo.world import World

VENDORS: dict[str, type[Vendor]] = {
    vendor.name: vendor for vendor in (Matomo, Mailchimp, Zendesk, Qualtrics, Mastodon, Shopify)
}
HOURS_AFTER_LAST_DAY = 6
_PAGE = b"<!DOCTYPE html><html><head><title>Maintenance</title></head><body>Back soon.</body></html>"


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `requests` in `seconds`; beyond it, 429 with Retry-After where the vendor sends one."""

    requests: int
    seconds: float


@dataclass
class _Meter:
    limit: Limit
    since: float = field(default_factory=time.monotonic)
    used: int = 0

    def wait(self) -> float | None:
        """Count one request; the seconds to wait when it is one too many."""
        now = time.monotonic()
        if now - self.since >= self.limit.seconds:
            self.since, self.used = now, 0
        self.used += 1
        return None if self.used <= self.limit.requests else self.since + self.limit.seconds - now


class Served:
    """A world being served. `now` is some hours after the end of the world's last day.

    `environment`: the settings with which the connectors read it. `requests`: how many each vendor got;
    `asked`: how many by vendor and path.
    """

    def __init__(
        self, world: World, faults: Faults, limits: Mapping[str, Limit], max_rows: int | None
    ) -> None:
        self.world = world
        self.environment: dict[str, str] = {}
        self.requests: Counter[str] = Counter()
        self.asked: Counter[tuple[str, str]] = Counter()
        self._faults = faults
        self._max_rows = max_rows
        self._meters = {vendor: _Meter(limit) for vendor, limit in limits.items()}
        self._outages: dict[str, set[date]] = {}
        for outage in world.outages:
            self._outages.setdefault(outage.vendor, set()).add(outage.day)
        self._base_urls: dict[str, str] = {}
        self._vendors: dict[str, Vendor] = {}
        self._lock = threading.Lock()
        self.now = _end_of(world)
        self._as_of = self.now

    @property
    def as_of(self) -> datetime:
        """The moment as which the vendors answer: what was recorded later is not visible. Default `now`."""
        return self._as_of

    @as_of.setter
    def as_of(self, moment: datetime) -> None:
        self._as_of = moment
        self._build()

    def lift_outage(self, vendor: str) -> None:
        """The vendor answers for every day from now on."""
        self._outages.pop(vendor, None)

    def open(self, base_urls: dict[str, str]) -> None:
        """Start to answer at these root addresses."""
        self._base_urls = base_urls
        self._build()
        for vendor in self._vendors.values():
            self.environment |= vendor.environment()

    def _build(self) -> None:
        self._vendors = {
            name: VENDORS[name](self.world, self._as_of, base_url)
            for name, base_url in self._base_urls.items()
        }

    def reply(self, name: str, request: Request) -> tuple[Reply, Fault | None]:
        """The reply, and the fault that the socket must still carry out."""
        with self._lock:
            self.requests[name] += 1
            self.asked[name, request.path] += 1
            meter = self._meters.get(name)
            wait = meter.wait() if meter else None
        vendor = self._vendors[name]
        request.max_rows = self._max_rows
        if wait is not None:
            limited = vendor.refuse(429)
            if "Retry-After" in limited.headers:
                limited.headers["Retry-After"] = str(max(1, round(wait)))
            return limited, None
        fault = self._faults.due(name, request.path)
        if fault is not None and fault.kind in STATUS_KINDS:
            return self._refusal(vendor, fault), None
        if fault is not None and fault.kind == "html":
            return Reply(200, _PAGE, "text/html; charset=utf-8"), None
        if fault is not None and fault.kind == "empty":
            return Reply(200, b""), None
        if any(vendor.touches(request, day) for day in self._outages.get(name, ())):
            down = vendor.refuse(503)
            down.headers["Retry-After"] = "1"
            return down, None
        if fault is not None and fault.kind in FIELD_KINDS:
            reply = vendor.answer(request)
            return replace(reply, body=fault.reshape(reply.body)), None
        if fault is not None and fault.kind not in BODY_KINDS:
            request.fault = fault.kind
        return vendor.answer(request), fault

    def _refusal(self, vendor: Vendor, fault: Fault) -> Reply:
        reply = vendor.refuse(int(fault.kind))
        if fault.kind == "429":
            reply.headers.pop("Retry-After", None)
            if fault.retry_after is not None:
                reply.headers["Retry-After"] = fault.retry_after
        return reply


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: "_Server"

    def do_GET(self) -> None:
        self._exchange()

    def do_POST(self) -> None:
        self._exchange()

    def do_PUT(self) -> None:
        self._exchange()

    def do_DELETE(self) -> None:
        self._exchange()

    def _exchange(self) -> None:
        url = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        request = Request(
            method=self.command,
            path=unquote(url.path),
            query=dict(parse_qsl(url.query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(length) if length else b"",
        )
        reply, fault = self.server.served.reply(self.server.vendor, request)
        if fault is not None and fault.kind == "latency":
            time.sleep(fault.seconds)
        body, headers = reply.body, dict(reply.headers)
        if (
            len(body) > 1000
            and "gzip" in request.headers.get("accept-encoding", "")
            and "json" in reply.content_type
        ):
            body = gzip.compress(body, compresslevel=1, mtime=0)
            headers["Content-Encoding"] = "gzip"
        self.send_response_only(reply.status)
        self.send_header("Date", format_datetime(self.server.served.as_of, usegmt=True))
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if fault is not None and fault.kind == "truncated":
            self.wfile.write(body[: len(body) // 2])
            self.close_connection = True
        elif self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing: requests carry tokens and addresses."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, vendor: str, served: Served) -> None:
        self.vendor = vendor
        self.served = served
        super().__init__(("127.0.0.1", port), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away in the middle is no news."""


@contextmanager
def serve(
    world: World,
    *,
    faults: Faults | None = None,
    limits: Mapping[str, Limit] | None = None,
    max_rows: int | None = None,
    port: int = 0,
) -> Iterator[Served]:
    """Serve the world until the block ends: at `port` and the five above it, or at free ports.

    `max_rows` caps every page below what the contracts promise, so that a small world has many pages.
    An outage day of the world makes each request about that day (or about an interval that touches it) answer
    503 until it is lifted; lists that name no time go on.
    """
    served = Served(world, faults or Faults(), limits or {}, max_rows)
    with ExitStack() as stack:
        base_urls = {}
        for place, name in enumerate(VENDORS):
            server = stack.enter_context(_Server(port + place if port else 0, name, served))
            base_urls[name] = f"http://127.0.0.1:{server.server_address[1]}"
            thread = threading.Thread(
                target=server.serve_forever, args=(0.05,), daemon=True, name=f"demo {name}"
            )
            stack.callback(thread.join)
            stack.callback(server.shutdown)
            thread.start()
        served.open(base_urls)
        yield served


def _end_of(world: World) -> datetime:
    midnight = datetime.combine(world.last_day + timedelta(days=1), datetime.min.time(), ZoneInfo(world.zone))
    return midnight.astimezone(UTC) + timedelta(hours=HOURS_AFTER_LAST_DAY)
