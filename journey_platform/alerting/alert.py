"""The vocabulary: an alert is something that is wrong, a notice tells that it began, changed or ended.

Both carry names, counts and days, never a record, a value or an error's text: these leave the platform.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

import msgspec

Fact = str | int | float
Happening = Literal["raised", "changed", "recovered"]


@dataclass(frozen=True)
class Alert:
    """`key` stays the same while the trouble lasts; `state` says how bad it is, and its change is told again.

    `path` leads to the asset or run, below the UI's address.
    """

    key: str
    state: str
    title: str
    path: str
    facts: Mapping[str, Fact] = field(default_factory=dict)


class Notice(msgspec.Struct, frozen=True):
    """One thing to tell. `at` and `since` are UTC; `id` is the same for all notices of one trouble."""

    happening: Happening
    key: str
    title: str
    path: str
    at: datetime
    since: datetime
    facts: dict[str, Fact] = {}

    @property
    def id(self) -> str:
        return hashlib.sha256(f"{self.key} {self.since.isoformat()}".encode()).hexdigest()[:16]

    @property
    def line(self) -> str:
        """All of it but the link, on one line."""
        said = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in self.facts.items())
        return f"{self.happening.capitalize()}: {self.title}" + (f" ({said})" if said else "")

    def link(self, ui_url: str) -> str | None:
        """Where to look; None where the UI's address is not configured."""
        return f"{ui_url.rstrip('/')}{self.path}" if ui_url else None


def moment(timestamp: float) -> datetime:
    """The UTC time of epoch seconds."""
    return datetime.fromtimestamp(timestamp, UTC)
