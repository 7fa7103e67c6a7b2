"""A clock that only moves when it is slept on."""

from datetime import UTC, datetime, timedelta


class ControlledClock:
    """Starts at `start`; `slept` holds every wait in seconds."""

    def __init__(self, start: datetime = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)) -> None:
        self._start = start
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self._start + timedelta(seconds=sum(self.slept))

    def monotonic(self) -> float:
        return sum(self.slept)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
