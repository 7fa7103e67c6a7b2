"""What an emulation hears and says: `Request`, `Reply`, and the `Vendor` that turns one into the other.

Sockets are in `server`, paging rules shared by vendors in `pages`, injected failures in `faults`.
"""

import base64
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from typing import Any, ClassVar
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

import msgspec

from journey_platform.demo.world import World

JSON = "application/json; charset=utf-8"

_encoder = msgspec.json.Encoder()


def encode(value: Any) -> bytes:
    """JSON bytes; equal values give equal bytes (keys stay in the order in which they were built)."""
    return _encoder.encode(value)


@dataclass
class Request:
    """One HTTP request. Header names are lower case.

    `fault` names a paging fault that is due now; `max_rows` caps every page, whatever is asked.
    """

    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    body: bytes = b""
    fault: str | None = None
    max_rows: int | None = None

    @cached_property
    def form(self) -> dict[str, str]:
        """The fields of a form body; empty for any other content type."""
        if not self.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            return {}
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))

    @cached_property
    def basic_auth(self) -> tuple[str, str] | None:
        """User and password of a Basic Authorization header, or None."""
        kind, _, value = self.headers.get("authorization", "").partition(" ")
        if kind.lower() != "basic":
            return None
        try:
            user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
        except ValueError:
            return None
        return user, password


@dataclass(slots=True)
class Reply:
    """One HTTP response, before compression."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: dict[str, str] = field(default_factory=dict)


class Refused(Exception):  # noqa: N818 - becomes a reply
    """Raised while a request is answered: the vendor replies with this HTTP status."""

    def __init__(self, status: int) -> None:
        self.status = status


class Vendor(ABC):
    """One vendor's API over a `World`, as somebody would see it at `as_of`.

    What was not yet recorded at `as_of` is not visible. `base_url` is the root address it is served at.
    """

    name: ClassVar[str]

    def __init__(self, world: World, as_of: datetime, base_url: str) -> None:
        self.world = world
        self.as_of = as_of
        self.base_url = base_url
        self.zone = ZoneInfo(world.zone)

    @abstractmethod
    def environment(self) -> dict[str, str]:
        """The settings with which a connector reads this emulation."""

    @abstractmethod
    def answer(self, request: Request) -> Reply:
        """The reply of a healthy vendor."""

    @abstractmethod
    def refuse(self, status: int) -> Reply:
        """The vendor's own form of an error with this HTTP status."""

    def period(self, request: Request) -> tuple[datetime, datetime] | None:  # noqa: ARG002
        """The half-open UTC interval that the request asks about; None when it names no time."""
        return None

    def malformed(self, stream: str) -> Iterator[tuple[datetime, msgspec.Raw]]:
        """Records of a stream that are sent word for word, at noon of their local day."""
        for record in self.world.malformed:
            noon = self.day_start(record.day) + timedelta(hours=12)
            if (record.vendor, record.stream) == (self.name, stream) and noon <= self.as_of:
                yield noon, msgspec.Raw(record.json_text.encode())

    def day_start(self, day: date) -> datetime:
        """The UTC moment at which a local day begins."""
        return datetime.combine(day, time(), self.zone).astimezone(UTC)

    def day_of(self, moment: datetime) -> date:
        """The local day of a moment."""
        return moment.astimezone(self.zone).date()

    def touches(self, request: Request, day: date) -> bool:
        """Whether the request asks about any part of a local day."""
        period = self.period(request)
        if period is None:
            return False
        start, end = period
        return start < self.day_start(day + timedelta(days=1)) and self.day_start(day) < end


def iso_z(moment: datetime) -> str:
    """`2026-01-31T12:00:00Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment_of(text: str) -> datetime:
    """A moment written in ISO 8601, UTC where no offset is given. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def epoch(moment: datetime) -> int:
    """Whole seconds since 1970."""
    return int(moment.timestamp())
