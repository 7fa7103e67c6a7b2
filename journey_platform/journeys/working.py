"""Working time: moments on a clock that stands still outside of working days and hours.

The difference of two moments on it is the working time between them: who begins on a Saturday begins as on
Monday's opening, and what ends on one ended as at Friday's close. Funnels are measured by it (`questions`),
and how long tickets take (`tickets`).
"""

import re
from collections.abc import Callable, Collection
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
import numpy as np

from journey_platform.days import as_day, local_days

WorkingClock = Callable[[np.ndarray], np.ndarray]
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
PATTERN = rf"^({'|'.join(DAYS)})-({'|'.join(DAYS)})( \d\d:\d\d-\d\d:\d\d)?$"
"""As "Mon-Fri", all day, or "Mon-Fri 09:00-17:30"."""


class BusinessHours(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When somebody works: the days and hours of a `week`, as in `PATTERN`, but not on `holidays`; in the
    reporting zone, where no other `zone` is named."""

    week: Annotated[str, msgspec.Meta(pattern=PATTERN)]
    zone: str | None = None
    holidays: tuple[date, ...] = ()

    def __post_init__(self) -> None:
        _week(self.week)
        try:
            ZoneInfo(self.zone or "UTC")
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"{self.zone!r} is no time zone") from None

    def clock(self, zone: str) -> WorkingClock:
        """`working_time` by these hours; `zone` is the reporting zone."""
        return partial(working_time, week=self.week, zone=self.zone or zone, holidays=self.holidays)


def in_words(hours: BusinessHours | None, zone: str) -> str:
    """The hours as one text, another where they are others; `zone` is the reporting zone."""
    if hours is None:
        return "none"
    off = f" less {', '.join(map(str, sorted(hours.holidays)))}" if hours.holidays else ""
    return f"{hours.week} {hours.zone or zone}{off}"


def working_time(moments_us: np.ndarray, week: str, zone: str, holidays: Collection[date] = ()) -> np.ndarray:
    """Microseconds of working time up to each moment, from the first day among them on.

    `moments_us`: microseconds since 1970, UTC. `week`: as in `PATTERN`, in the zone's own days and hours;
    nobody works on `holidays`. Raises `ValueError` where it is none, or closes before it opens.
    """
    works, opening, closing = _week(week)
    if not len(moments_us):
        return np.zeros(0, dtype=np.int64)
    days = local_days(moments_us, zone)
    every = range(int(days.min()), int(days.max()) + 1)
    rules = ZoneInfo(zone)
    opens = np.array([_moment(number, opening, rules) for number in every], dtype=np.int64)
    closes = np.array([_moment(number, closing, rules) for number in every], dtype=np.int64)
    # 1970-01-01 was a Thursday.
    off = frozenset(holidays)
    is_working = np.array([works[(number + 3) % 7] and as_day(number) not in off for number in every])
    length = np.where(is_working, closes - opens, 0)
    before = np.cumsum(length) - length
    place = days - every[0]
    return np.asarray(before[place] + np.clip(moments_us - opens[place], 0, length[place]))


def _week(text: str) -> tuple[list[bool], time, time | None]:
    """Which weekdays are worked, from when, and to when; None is midnight."""
    found = re.fullmatch(PATTERN, text)
    if found is None:
        raise ValueError(f"{text!r} is no working week like Mon-Fri or Mon-Fri 09:00-17:30")
    first, last = (DAYS.index(name) for name in found.group(1, 2))
    works = [(day - first) % 7 <= (last - first) % 7 for day in range(7)]
    if found[3] is None:
        return works, time(), None
    opening, closing = map(time.fromisoformat, found[3].strip().split("-"))
    if closing <= opening:
        raise ValueError(f"{text!r} closes before it opens")
    return works, opening, closing


def _moment(number: int, at: time | None, rules: ZoneInfo) -> int:
    day = as_day(number) if at is not None else as_day(number + 1)
    moment = datetime.combine(day, at or time(), rules).astimezone(UTC)
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
