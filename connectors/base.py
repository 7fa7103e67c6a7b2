"""What every connector is: a vendor, its streams, and `read`, which yields pages of records.

Here belong the words shared by all connectors. HTTP is in `http`, paging in `pagination`, settings in
`config`; what a vendor's API looks like is in that vendor's file.
"""

import enum
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar

from connectors.clock import SYSTEM_CLOCK, Clock


class StreamKind(enum.Enum):
    """EVENT: immutable facts with a time; a day can be read again.

    ENTITY: current state; the vendor cannot tell what it said last month.
    """

    EVENT = "event"
    ENTITY = "entity"


@dataclass(frozen=True, slots=True)
class Window:
    """A half-open interval [start, end) in UTC."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError("a window needs times with a zone")
        if self.end <= self.start:
            raise ValueError("a window must end after it starts")

    def __contains__(self, moment: datetime) -> bool:
        return self.start <= moment < self.end


@dataclass(frozen=True, slots=True)
class Stream:
    """One named feed of a connector.

    `grain` completes "One row per ...". `primary_key` names the fields of the vendor's record that make
    `Record.key`. `is_replayable`: the API can be asked about a past window again. `lookback_days`: how many
    days before the requested one are read again because rows arrive late. `spill_days`: how many days after
    its own a record may be listed; a list that was wrong left those days incomplete, too. `personal_fields`:
    paths in the record that hold personal data.
    """

    name: str
    kind: StreamKind
    grain: str
    primary_key: tuple[str, ...]
    is_replayable: bool
    lookback_days: int = 0
    spill_days: int = 0
    personal_fields: tuple[str, ...] = ()


@dataclass(slots=True)
class Record:
    """One record as the vendor sent it.

    `key`: the primary key, its parts joined with ":". `time`: UTC; when the event happened, or, for an
    entity, when the vendor last changed it; None for an entity without such a field. `body`: the record's
    own JSON, UTF-8.
    """

    key: str
    time: datetime | None
    body: bytes


@dataclass(slots=True)
class BadRecord:
    """A record that cannot be used: why, which field, and its bytes, so that it can be kept and replayed."""

    reason: str
    field: str
    body: bytes
    key: str | None = None


@dataclass(slots=True)
class Page:
    """What one response (or one part of an export) held inside the window.

    `received` counts the records the vendor sent for the window: `len(records) + len(bad)`. Records outside
    the window, which some APIs cannot avoid sending, are counted in `skipped`. `cursor` is where an entity
    stream goes on next time, once every page up to here is stored.
    """

    records: list[Record]
    bad: list[BadRecord] = field(default_factory=list)
    skipped: int = 0
    cursor: str | None = None

    @property
    def received(self) -> int:
        return len(self.records) + len(self.bad)


class Connector(ABC):
    """Reads one vendor's API. Constructed from its own config class (see `connectors.config`)."""

    area: ClassVar[str]
    vendor: ClassVar[str]
    config_class: ClassVar[type[Any]]
    streams: ClassVar[tuple[Stream, ...]]

    @abstractmethod
    def __init__(self, config: Any, clock: Clock = SYSTEM_CLOCK) -> None:
        """`config` is a `config_class`. Raises `ConfigurationError`; sends nothing."""

    @abstractmethod
    def read(self, stream: str, window: Window, cursor: str | None = None) -> Iterator[Page]:
        """Yield the stream's pages.

        EVENT: the events of [window.start, window.end), each at least once. ENTITY: everything that changed
        since `cursor`, or since `window.start` where there is no cursor; a snapshot stream yields all.
        Raises a `ConnectorError`; then nothing yielded before may be taken as complete.
        """

    @abstractmethod
    def check(self) -> None:
        """Make the cheapest authenticated request. Raises `ConnectorError` when it is refused."""

    @classmethod
    def stream(cls, name: str) -> Stream:
        for stream in cls.streams:
            if stream.name == name:
                return stream
        known = ", ".join(stream.name for stream in cls.streams)
        raise KeyError(f"{cls.vendor} has no stream {name!r}; it has: {known}")


def utc_now() -> datetime:
    return datetime.now(UTC)
