"""Attribution: the touches before each conversion, for the models in `credits` to share it out.

Here the kernel takes the paths of touches from the histories of whole units. A conversion is credited to the
touches of its look-back, those before an earlier conversion among them; a touch at its own instant counts if
it comes before it in order, or is the same touchpoint. What a unit touches after its last conversion is a
path that did not convert.
"""

from typing import Any

import numpy as np
import pyarrow as pa

from journey_platform.journeys.conditions import Condition
from journey_platform.journeys.history import SECOND_US, History

TOUCH_PATHS = pa.schema(
    [
        pa.field("channels", pa.list_(pa.string())),
        pa.field("ages_s", pa.list_(pa.float64())),
        pa.field("conversions", pa.float64()),
        pa.field("value", pa.float64()),
        pa.field("nulls", pa.float64()),
    ]
)
"""One row per path. `channels`: of its touches, in order. `ages_s`: seconds from each to the conversion.
`conversions`, `value` and `nulls`: how often it converted, for how much money, and how often it did not."""

UNKNOWN = "(unknown)"


def touch_paths(
    events: History,
    conversion: Condition,
    touch: Condition,
    *,
    channel: str,
    lookback_s: int,
    until: int,
    since: int = 0,
    has_nulls: bool = True,
) -> pa.Table:
    """The paths of whole units, in `TOUCH_PATHS`. `since` and `until`: when conversions count,
    microseconds. `has_nulls`: also of those that did not convert."""
    codes, texts = events.codes(channel)
    touched = np.flatnonzero(events.mask(touch) & (events.at < until))
    converting = events.mask(conversion) & (events.at < until)
    converted = np.flatnonzero(converting & (events.at >= since))
    to = np.searchsorted(touched, converted, side="right")
    oldest = _first_since(events, touched, converted, lookback_s * SECOND_US)
    lengths = to - oldest
    places = touched[np.repeat(oldest, lengths) + _steps(lengths)]
    ages = (np.repeat(events.at[converted], lengths) - events.at[places]) / SECOND_US
    # After the last conversion of its unit, or without one.
    earlier = np.append(0, np.cumsum(converting))
    is_left = (
        earlier[events.ends[touched]] == earlier[touched + 1] if len(touched) else np.zeros(0, dtype=bool)
    )
    is_left &= ~converting[touched] & (events.at[touched] >= since) & has_nulls
    rest = touched[is_left]
    owner = events.unit[rest]
    rest_lengths = np.unique(owner, return_counts=True)[1]
    all_lengths = np.append(lengths, rest_lengths)
    names = pa.array([UNKNOWN if text is None else text for text in texts], pa.string())
    worth = np.nan_to_num(events.numbers("value")[converted])
    count, nulls = len(converted), len(rest_lengths)
    offsets = pa.array(np.append(0, np.cumsum(all_lengths)), pa.int32())
    columns: list[Any] = [
        pa.ListArray.from_arrays(offsets, names.take(pa.array(codes[np.append(places, rest)] % len(texts)))),
        pa.ListArray.from_arrays(offsets, pa.array(np.append(ages, np.zeros(len(rest))))),
        pa.array(np.append(np.ones(count), np.zeros(nulls))),
        pa.array(np.append(worth, np.zeros(nulls))),
        pa.array(np.append(np.zeros(count), np.ones(nulls))),
    ]
    return pa.table(columns, schema=TOUCH_PATHS)


def _first_since(events: History, touched: np.ndarray, places: np.ndarray, lookback: int) -> np.ndarray:
    """Per place, the first of `touched` in its unit that is not older than `lookback`."""
    oldest = events.at[places] - lookback
    low = np.searchsorted(touched, events.begins[places])
    high = np.searchsorted(touched, places, side="right")
    # Halving all at once: a unit's touches rise in time, those of all units do not.
    padded = np.append(events.at[touched], 0)
    while (low < high).any():
        middle = (low + high) // 2
        is_older = (low < high) & (padded[middle] < oldest)
        low, high = np.where(is_older, middle + 1, low), np.where(is_older | (low >= high), high, middle)
    return np.asarray(low)


def _steps(lengths: np.ndarray) -> np.ndarray:
    """0, 1, 2 ... for each piece of these lengths."""
    places = np.arange(int(lengths.sum()))
    return np.asarray(places - np.repeat(np.cumsum(lengths) - lengths, lengths))
