"""What landing uses of a connector's page, whoever made it."""

from collections.abc import Sequence
from typing import Protocol

from journey_platform.landing.staging import Record


class BadRecord(Protocol):
    """What is used of a connector's bad record."""

    reason: str
    field: str
    body: bytes
    key: str | None


class Page(Protocol):
    """What is used of a connector's page."""

    @property
    def records(self) -> Sequence[Record]: ...
    @property
    def bad(self) -> Sequence[BadRecord]: ...
    @property
    def skipped(self) -> int: ...
    @property
    def cursor(self) -> str | None: ...
