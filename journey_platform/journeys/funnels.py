"""Funnels: which steps a unit's attempts get to, in which time.

The kernel finds attempts in the histories of whole units; `funnel_steps` counts them. Definitions:

* Order is that of occurred_at and touchpoint_id. Touchpoints at one instant fill steps in either order: one
  that stands before the last step's touchpoint, at its instant, fills the next step if it fits none of the
  steps so far. One touchpoint fills one step of an attempt.
* Windows are durations with both ends included. An attempt goes as deep as any choice of touchpoints lets it.
* An attempt that an exclusion hits is not counted: the excluded touchpoint lies after its step `after` and
  before its step `before`, or within the window where that was not reached.
* In a strict funnel the next touchpoint is the next step. In any order a touchpoint fills the first listed
  step that it fits, a unit's attempt begins with any step, and its depth is how many it filled.
* An attempt whose window has not ended by the end of the data is immature: it counts apart, and only in the
  time to convert.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from journey_platform.journeys.conditions import Condition
from journey_platform.journeys.history import SECOND_US, History, Timeline
from journey_platform.journeys.intervals import wilson
from journey_platform.journeys.survival import kaplan_meier
from journey_platform.tables.insights import FUNNELS

ATTEMPTS = pa.schema(
    [
        pa.field("entered_at", pa.timestamp("us", tz="UTC")),
        pa.field("depth", pa.int64()),
        pa.field("step_s", pa.list_(pa.float64())),
        pa.field("is_excluded", pa.bool_()),
        pa.field("is_mature", pa.bool_()),
        pa.field("watched_s", pa.float64()),
        pa.field("by", pa.string()),
    ]
)
"""One row per counted attempt. `step_s`: seconds from entry to each step that it got to. `watched_s`: how
long it could be seen: to the end of its window or of the data."""

_NEVER = np.iinfo(np.int64).max


def funnel_attempts(
    events: History,
    steps: Sequence[Condition],
    *,
    within_s: int,
    until: int,
    since: int = 0,
    order: str = "ordered",
    attempt: str = "first",
    step_within_s: Sequence[int | None] | None = None,
    without: Sequence[tuple[Condition, int, int]] = (),
    entry: Condition | None = None,
    by: np.ndarray | None = None,
    values: Sequence[str | None] = (),
    clock: Callable[[np.ndarray], np.ndarray] | None = None,
) -> pa.Table:
    """The attempts that count, in `ATTEMPTS`, from the histories of whole units.

    `until`: the end of the data, and `since`: the first instant of an entry, both in microseconds.
    `step_within_s`: per step, seconds since the step before. `without`: (condition, after, before) with step
    numbers from 1. `by`: per row a code of `values`, read at the entry. `clock`: what windows and times are
    measured by, from moments; it may stand still, and what happens meanwhile is then at one instant.
    """
    masks = np.vstack([events.mask(step) for step in steps])
    if order == "any":
        masks &= np.cumsum(masks, axis=0) == 1
    starts = masks.any(axis=0) if order == "any" else masks[0]
    starts = starts & events.mask(entry) & (events.at >= since) & (events.at < until)
    hits = [(events.mask(what), after, before) for what, after, before in without]
    # What is no step and no exclusion only matters to a strict funnel.
    keep = np.ones(len(events), dtype=bool)
    if order != "strict":
        keep = np.logical_or.reduce([*masks, *(hit for hit, _, _ in hits)])
    line, entries = events.at_rows(keep), np.flatnonzero(starts[keep])
    entered, end = line.at[entries], until
    if clock is not None:
        # The end of the data is measured with the moments: a clock may begin to count with the first.
        told = clock(np.append(line.at, until))
        line, end = Timeline(line.unit, told[:-1]), int(told[-1])
    reach = {"ordered": _ordered, "strict": _strict, "any": _any_order}[order]
    within = within_s * SECOND_US
    windows = [None if least is None else least * SECOND_US for least in step_within_s or [None] * len(steps)]
    places, times = reach(line, masks[:, keep], entries, within, windows)
    depth = (times < _NEVER).sum(axis=0)
    is_excluded = _excluded(
        line, places, times, [(hit[keep], after, before) for hit, after, before in hits], within
    )
    begun = line.at[entries]
    is_mature = begun + within <= end
    chosen = _chosen(line.unit[entries], entered, depth, is_excluded, is_mature, attempt)
    return _as_attempts(
        entered[chosen],
        begun[chosen],
        times[:, chosen],
        is_excluded[chosen],
        is_mature[chosen],
        np.minimum(within, end - begun[chosen]),
        _labels(None if by is None else by[keep], values, entries[chosen]),
    )


def _ordered(
    events: Timeline, masks: np.ndarray, entries: np.ndarray, within: int, windows: Sequence[int | None]
) -> tuple[np.ndarray, np.ndarray]:
    """Per step and entry: the place of the touchpoint that the step ends at, and its time.

    Without windows of single steps the next fitting touchpoint is always the best. With them a later one may
    be: for each depth it is found, from the last step back, where that depth can still be reached from.
    """
    nexts = [_next_place(events, masks, step) for step in range(1, len(masks))]
    if not any(window is not None for window in windows[1:]):
        return _walk(events, nexts, entries, within)
    best_places = np.full((len(masks), len(entries)), -1)
    best_times = np.full((len(masks), len(entries)), _NEVER)
    for depth in range(1, len(masks) + 1):
        chain = _alive(events, masks, depth, windows)
        places, times = _walk(events, chain, entries, within)
        is_reached = times[depth - 1] < _NEVER
        best_places[:depth, is_reached] = places[:, is_reached]
        best_times[:depth, is_reached] = times[:, is_reached]
    return best_places, best_times


def _walk(
    events: Timeline, nexts: Sequence[np.ndarray], entries: np.ndarray, within: int
) -> tuple[np.ndarray, np.ndarray]:
    """From each entry along the next places, as long as the window lasts."""
    padded = np.append(events.at, _NEVER)
    places, times = [entries], [events.at[entries]]
    for following in nexts:
        place = np.append(following, -1)[places[-1]]
        at = padded[place]
        is_reached = (place >= 0) & (at - times[0] <= within)
        places.append(np.where(is_reached, place, -1))
        times.append(np.where(is_reached, at, _NEVER))
    return np.vstack(places), np.vstack(times)


def _alive(
    events: Timeline, masks: np.ndarray, depth: int, windows: Sequence[int | None]
) -> list[np.ndarray]:
    """Per step after the first: from each place, where the step is filled at so that `depth` can be
    reached."""
    is_alive = np.ones(len(events), dtype=bool)
    chain: list[np.ndarray] = []
    for step in range(depth - 1, 0, -1):
        following = _next_place(events, masks, step, is_alive)
        is_found = following >= 0
        window = windows[step]
        if window is not None:
            is_found[is_found] = (
                events.at[following[is_found]] - events.at[np.flatnonzero(is_found)] <= window
            )
        chain.append(np.where(is_found, following, -1))
        is_alive = is_found
    return chain[::-1]


def _next_place(
    events: Timeline, masks: np.ndarray, step: int, is_alive: np.ndarray | None = None
) -> np.ndarray:
    """From each place, where `step` (from 0) is filled next, -1 where it is not; only at places alive.

    A place stands for the furthest touchpoint so far. A touchpoint before it, at its instant, fills the step
    where it fits no earlier step: the place then stays.
    """
    fits = masks[step] if is_alive is None else masks[step] & is_alive
    found = _first_after(events, fits)
    is_free = masks[step] & ~masks[:step].any(axis=0)
    earlier = np.flatnonzero(_has_at_same_instant_before(events, is_free))
    if is_alive is not None:
        earlier = earlier[is_alive[earlier]]
    found[earlier] = earlier
    return found


def _first_after(events: Timeline, fits: np.ndarray) -> np.ndarray:
    """From each place, the first later place of its unit that fits; -1 without one."""
    places = np.flatnonzero(fits)
    found = np.append(places, len(events))[np.cumsum(fits)]
    return np.asarray(np.where(found < events.ends, found, -1))


def _has_at_same_instant_before(events: Timeline, fits: np.ndarray) -> np.ndarray:
    """Whether a touchpoint before, at the same instant of the same unit, fits."""
    is_new = events.is_first.copy()
    is_new[1:] |= np.diff(events.at) != 0
    if is_new.all():
        return np.zeros(len(events), dtype=bool)
    group_begins = np.flatnonzero(is_new)[np.cumsum(is_new) - 1]
    before = np.concatenate([[0], np.cumsum(fits)])
    return np.asarray(before[:-1] > before[group_begins])


def _strict(
    events: Timeline, masks: np.ndarray, entries: np.ndarray, within: int, windows: Sequence[int | None]
) -> tuple[np.ndarray, np.ndarray]:
    following = np.arange(1, len(events) + 1)
    nexts = []
    for step in range(1, len(masks)):
        is_next = (following < events.ends) & np.append(masks[step], False)[following]
        window = windows[step]
        if window is not None:
            is_next[is_next] &= events.at[following[is_next]] - events.at[np.flatnonzero(is_next)] <= window
        nexts.append(np.where(is_next, following, -1))
    return _walk(events, nexts, entries, within)


def _any_order(
    events: Timeline, masks: np.ndarray, entries: np.ndarray, within: int, _: Sequence[int | None]
) -> tuple[np.ndarray, np.ndarray]:
    padded = np.append(events.at, _NEVER)
    places = np.vstack(
        [np.where(fits[entries], entries, _first_after(events, fits)[entries]) for fits in masks]
    )
    times = padded[places]
    times[times - events.at[entries] > within] = _NEVER
    order = np.argsort(times, axis=0, kind="stable")
    return np.take_along_axis(places, order, 0), np.take_along_axis(times, order, 0)


def _excluded(
    events: Timeline,
    places: np.ndarray,
    times: np.ndarray,
    without: Sequence[tuple[np.ndarray, int, int]],
    within: int,
) -> np.ndarray:
    is_hit = np.zeros(places.shape[1], dtype=bool)
    padded = np.append(events.at, _NEVER)
    for what, after, before in without:
        first = _first_after(events, what)
        start = places[after - 1]
        has_start = times[after - 1] < _NEVER
        hit = np.where(has_start, np.append(first, -1)[start], -1)
        has_end = times[before - 1] < _NEVER
        in_time = padded[hit] - times[0] <= within
        is_hit |= (hit >= 0) & np.where(has_end, hit < places[before - 1], in_time)
    return is_hit


def _chosen(
    unit: np.ndarray,
    at: np.ndarray,
    depth: np.ndarray,
    is_excluded: np.ndarray,
    is_mature: np.ndarray,
    attempt: str,
) -> np.ndarray:
    """Places of the attempts that count."""
    if attempt == "every":
        return np.arange(len(unit))
    if attempt == "first":
        order = np.arange(len(unit))
    else:
        order = np.lexsort((at, -depth, ~is_mature, is_excluded, unit))
    is_first = np.ones(len(order), dtype=bool)
    is_first[1:] = np.diff(unit[order]) != 0
    return order[is_first]


def _labels(by: np.ndarray | None, values: Sequence[str | None], places: np.ndarray) -> pa.Array:
    if by is None:
        return pa.nulls(len(places), pa.string())
    return pa.array(list(values), pa.string()).take(pa.array(by[places] % len(values)))


def _as_attempts(
    entered: np.ndarray,
    begun: np.ndarray,
    times: np.ndarray,
    is_excluded: np.ndarray,
    is_mature: np.ndarray,
    watched: np.ndarray,
    by: pa.Array,
) -> pa.Table:
    is_reached = times.T < _NEVER
    depth = is_reached.sum(axis=1)
    taken = (times.T[is_reached] - np.repeat(begun, depth)) / SECOND_US
    columns: list[Any] = [
        pa.array(entered).cast(ATTEMPTS.field("entered_at").type),
        pa.array(depth, pa.int64()),
        pa.ListArray.from_arrays(pa.array(np.append(0, np.cumsum(depth)), pa.int32()), pa.array(taken)),
        pa.array(is_excluded),
        pa.array(is_mature),
        pa.array(watched / SECOND_US),
        by,
    ]
    return pa.table(columns, schema=ATTEMPTS)


STEPS = FUNNELS.schema.remove(0)


def funnel_steps(attempts: pa.Table, names: Sequence[str]) -> pa.Table:
    """One row per value of `by`, "all" first, and step, from `ATTEMPTS`.

    units: mature attempts that got to the step. conversion, lower, upper: of the first step's, with Wilson's
    95 % interval. median_s, p25_s, p75_s: time from entry by which so many had got there, by Kaplan and
    Meier over the immature ones too; null where so many never do. converters_median_s: the plain median of
    those that did.
    """
    labels = attempts["by"].to_pylist()
    groups: dict[str, np.ndarray] = {"all": np.ones(len(labels), dtype=bool)}
    if any(label is not None for label in labels):
        named = np.array(["(none)" if label is None else label for label in labels], dtype=object)
        groups |= {value: named == value for value in sorted(set(named.tolist()))}
    times = _step_times(attempts, len(names))
    is_mature = attempts["is_mature"].to_numpy()
    is_excluded = attempts["is_excluded"].to_numpy()
    watched = attempts["watched_s"].to_numpy()
    rows = []
    for value, is_member in groups.items():
        counted = is_member & ~is_excluded
        entered = int((counted & is_mature).sum())
        before = entered
        for step, name in enumerate(names):
            is_there = np.isfinite(times[step]) & counted
            units = int((is_there & is_mature).sum())
            lower, upper = wilson(units, entered) if entered else (None, None)
            took = kaplan_meier(np.where(is_there, times[step], watched)[counted], is_there[counted])
            rows.append(
                {
                    "by": value,
                    "step": step + 1,
                    "step_name": name,
                    "units": units,
                    "conversion": units / entered if entered else None,
                    "lower": lower,
                    "upper": upper,
                    "from_previous": units / before if before else None,
                    "dropped": before - units,
                    "median_s": took.quantile(0.5),
                    "p25_s": took.quantile(0.25),
                    "p75_s": took.quantile(0.75),
                    "converters_median_s": float(np.median(times[step][is_there]))
                    if is_there.any()
                    else None,
                    "immature": int((counted & ~is_mature).sum()),
                    "excluded": int((is_member & is_excluded).sum()),
                }
            )
            before = units
    return pa.Table.from_pylist(rows, schema=STEPS)


def _step_times(attempts: pa.Table, steps: int) -> np.ndarray:
    """Seconds from entry, per step and attempt; infinite where it was not reached."""
    lists = attempts["step_s"].combine_chunks()
    depth = np.diff(lists.offsets.to_numpy())
    times = np.full((steps, len(depth)), np.inf)
    step = np.arange(depth.sum()) - np.repeat(np.cumsum(depth) - depth, depth)
    times[step, np.repeat(np.arange(len(depth)), depth)] = lists.flatten().to_numpy()
    return times
