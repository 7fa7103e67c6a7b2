"""Days, weeks and months of the reporting zone as running numbers, for what is told by period."""

from datetime import date

import numpy as np

from journey_platform.days import as_day, local_days

LENGTH_DAYS = {"day": 1, "week": 7, "month": 30}
"""Of a period that does not follow the calendar."""


def numbers_of_days(days: np.ndarray, period: str) -> np.ndarray:
    """The running number of each day's period. `days`: days since 1970. A week begins on Monday."""
    if period == "day":
        return np.asarray(days, dtype=np.int64)
    if period == "week":
        return (np.asarray(days, dtype=np.int64) + 3) // 7
    return np.asarray(days, dtype="datetime64[D]").astype("datetime64[M]").astype(np.int64)


def numbers(moments_us: np.ndarray, zone: str, period: str) -> np.ndarray:
    """The running number of each moment's period in the zone."""
    return numbers_of_days(local_days(np.asarray(moments_us, dtype=np.int64), zone), period)


def first_day(number: int, period: str) -> date:
    """The first day of a period."""
    if period == "day":
        return as_day(number)
    if period == "week":
        return as_day(int(number) * 7 - 3)
    return date(1970 + int(number) // 12, int(number) % 12 + 1, 1)
