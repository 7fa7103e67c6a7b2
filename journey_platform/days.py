"""Local days of the reporting zone: of many moments at once, by the zone's own midnights."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa

_EPOCH = date(1970, 1, 1).toordinal()
_DAY_US = 86_400_000_000
_MOMENT = pa.timestamp("us", tz="UTC")
# Midnights are looked up a day or two around each moment; years 1 and 9999 have no room for that.
_FIRST, _LAST = date(2, 1, 1).toordinal(), date(9998, 12, 31).toordinal()


def day_number(day: date) -> int:
    """Days since 1970-01-01, as Arrow counts them."""
    return day.toordinal() - _EPOCH


def as_day(number: int) -> date:
    return date.fromordinal(int(number) + _EPOCH)


def moments_us(column: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    """Microseconds since 1970 in UTC, of a column of moments without nulls."""
    return np.asarray(column.cast(_MOMENT).cast(pa.int64()).to_numpy(), dtype=np.int64)


def local_days(moments_us: Any, zone: str) -> Any:
    """Day numbers (int32) of moments in microseconds since 1970 in UTC (int64)."""
    if not len(moments_us):
        return np.zeros(0, np.int32)
    around = np.unique(moments_us // _DAY_US)[:, None] + np.arange(-1, 2)
    numbers = np.unique(np.clip(around, _FIRST - _EPOCH, _LAST - _EPOCH))
    midnights = np.array([_midnight_us(as_day(number), ZoneInfo(zone)) for number in numbers], np.int64)
    positions = np.searchsorted(midnights, moments_us, side="right") - 1
    return numbers[np.maximum(positions, 0)].astype(np.int32)


def _midnight_us(day: date, zone: ZoneInfo) -> int:
    """The first moment of a local day. Where midnight is skipped by the clock, that is the skip itself."""
    moment = datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
