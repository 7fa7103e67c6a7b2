"""How many records of a pull went where. Nothing is lost: the counts of a day add up to what was received."""

import enum
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np

from journey_platform.days import as_day
from journey_platform.lake import DayWrite


class Outcome(enum.Enum):
    """CHANGED: the day holds something new. UNCHANGED: it held the same. HELD: its earlier content stays."""

    CHANGED = "changed"
    UNCHANGED = "unchanged"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class DayReport:
    """One day of a pull, in records.

    `received` = `landed` + `known` + `quarantined` + `duplicates` + `held`. `landed`: written, or equal to
    what the day held. `known`: versions of an entity that the archive had. `duplicates`: the same key again
    within the pull; `conflicts` of them with another body, of which the last counts. `held`: good, but not
    written, for `reason`. `rows`: what the day holds now.
    """

    day: date
    received: int
    landed: int
    known: int
    quarantined: int
    duplicates: int
    conflicts: int
    held: int
    outcome: Outcome
    reason: str | None
    rows: int


@dataclass(frozen=True, slots=True)
class LandingReport:
    """One pull. `outside`: event records of other days than those asked for; `skipped`: records outside the
    window that the connector left out. `cursor`: where the next pull of an entity goes on. `erased`: records
    that carried an identifier of somebody erased, and are nowhere."""

    table: str
    days: tuple[DayReport, ...]
    outside: int
    skipped: int
    cursor: str | None
    erased: int = 0

    @property
    def received(self) -> int:
        return self.outside + self.erased + sum(day.received for day in self.days)

    @property
    def landed(self) -> int:
        return sum(day.landed for day in self.days)

    @property
    def quarantined(self) -> int:
        return sum(day.quarantined for day in self.days)

    @property
    def duplicates(self) -> int:
        return sum(day.duplicates for day in self.days)

    @property
    def held(self) -> tuple[DayReport, ...]:
        """The days whose earlier content stays."""
        return tuple(day for day in self.days if day.outcome is Outcome.HELD)


@dataclass
class Tally:
    """Counts per day while a pull is sorted; `reports` puts them beside what the lake did."""

    received: Counter[date] = field(default_factory=Counter)
    duplicates: Counter[date] = field(default_factory=Counter)
    conflicts: Counter[date] = field(default_factory=Counter)
    quarantined: Counter[date] = field(default_factory=Counter)
    known: Counter[date] = field(default_factory=Counter)
    erased: Counter[date | None] = field(default_factory=Counter)
    things: set[tuple[str, str]] = field(default_factory=set)

    def reports(self, writes: Iterable[DayWrite]) -> tuple[DayReport, ...]:
        """One report for each day that was written or received something, in order."""
        written = {write.day: write for write in writes}
        return tuple(self._report(day, written.get(day)) for day in sorted({*written, *self.received}))

    def _report(self, day: date, write: DayWrite | None) -> DayReport:
        gone = self.known[day] + self.quarantined[day] + self.duplicates[day]
        good = self.received[day] - gone
        reason = write.held if write else None
        is_changed = write is not None and write.is_changed
        return DayReport(
            day,
            received=self.received[day],
            landed=0 if reason else good,
            known=self.known[day],
            quarantined=self.quarantined[day],
            duplicates=self.duplicates[day],
            conflicts=self.conflicts[day],
            held=good if reason else 0,
            outcome=Outcome.HELD if reason else Outcome.CHANGED if is_changed else Outcome.UNCHANGED,
            reason=reason,
            rows=write.rows if write else 0,
        )


def per_day(day_numbers: Any) -> dict[date, int]:
    """How often each day number occurs."""
    numbers, counts = np.unique(day_numbers, return_counts=True)
    return {as_day(number): int(count) for number, count in zip(numbers, counts, strict=True)}
