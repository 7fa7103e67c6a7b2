"""Working time: moments on a clock that stands still outside of working days and hours.

The difference of two moments on it is the working time between them: who begins on a Saturday begins as on
Monday's opening, and what ends on one ended as at Friday's close. Which questions can be asked by it is in
`questions`.
"""

import re
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from journey_platform.days import as_day, local_days

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
PATTERN = rf"^({'|'.join(DAYS)})-({'|'.join(DAYS)})( \d\d:\d\d-\d\d:\d\d)?$"
"""As "Mon-Fri", all day, or "Mon-Fri 09:00-17:30"."""


def working_time(moments_us: np.ndarray, week: str, zone: str) -> np.ndarray:
    """Microseconds of working time up to each moment, from the first day among them on.

    `moments_us`: microseconds since 1970, UTC. `week`: as in `PATTERN`, in the zone's own days and hours.
    Raises `ValueError` where it is none, or closes before it opens.
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
    is_working = np.array([works[(number + 3) % 7] for number in every])
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
