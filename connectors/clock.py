"""Time as an argument: what paces, waits and stamps takes a `Clock`, so that tests need not wait.

Deadlines of a socket are not here: they are real seconds, in `transport`.
"""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """The three things that waiting needs."""

    def now(self) -> datetime:
        """The time of day, aware, in UTC."""

    def monotonic(self) -> float:
        """Seconds that never go back."""

    def sleep(self, seconds: float) -> None:
        """Return after `seconds`."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


SYSTEM_CLOCK: Clock = SystemClock()
