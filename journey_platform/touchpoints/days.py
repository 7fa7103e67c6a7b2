"""Local days of moments, in the reporting zone, many at a time."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

_SECOND = 1_000_000
_QUARTER_HOUR = 900 * _SECOND
_DAY = 86_400 * _SECOND


def local_days(moments: npt.NDArray[np.int64], zone: str) -> npt.NDArray[np.int32]:
    """The local day of each moment, in days since 1970.

    `moments` are microseconds since 1970, UTC. One look-up of the zone serves a quarter of an hour: every
    change of offset since 1970 falls on such a boundary.
    """
    quarters, of = np.unique(moments // _QUARTER_HOUR, return_inverse=True)
    local = ZoneInfo(zone)
    offsets = np.array([_offset(int(quarter) * 900, local) for quarter in quarters], dtype=np.int64)
    return ((moments + offsets[of.ravel()]) // _DAY).astype(np.int32)


def _offset(second: int, zone: ZoneInfo) -> int:
    offset = datetime.fromtimestamp(second, UTC).astimezone(zone).utcoffset()
    assert offset is not None
    return round(offset.total_seconds()) * _SECOND
