"""Friction: signs of struggle in sessions, points for them, on which pages, and what they may cost.

The kernel counts signals per session and page; `friction_pages` adds up. Signals, from raw interactions:

* error: an error was shown. retry: one more error on the same page in the session.
* rage_click: three clicks on one element (page and `reason`) within a second; a burst counts once. Of
  PostHog's rule (https://posthog.com/docs) without the distance in pixels, which no source gives.
* error_click: a click with an error within a second after it. dead_click: a click after which nothing
  changed, as the tracker says. quick_back: a page left for the one before it within ten seconds.

Money: sessions that met the signal, times the conversion of those that saw the page without it less their
own, times the mean order. That is a correlation: who struggles may differ in other ways.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from journey_platform.journeys.conditions import Condition
from journey_platform.journeys.history import SECOND_US, History
from journey_platform.journeys.intervals import difference

WEIGHTS: Mapping[str, float] = {
    "error": 5.0,
    "rage_click": 4.0,
    "error_click": 4.0,
    "dead_click": 2.0,
    "retry": 2.0,
    "quick_back": 1.0,
}
"""Points of each signal, after the example of published frustration scores; a declaration may have others."""
EVERYWHERE = "all"
THRESHOLD = 6.0
"""Points from which a session is counted as one with friction."""
RAGE_CLICKS, RAGE_US = 3, SECOND_US
ERROR_AFTER_CLICK_US = SECOND_US
QUICK_BACK_US = 10 * SECOND_US

SESSION_PAGES = pa.schema(
    [
        pa.field("page", pa.string()),
        *(pa.field(signal, pa.int64()) for signal in WEIGHTS),
        pa.field("score", pa.float64()),
        pa.field("has_converted", pa.bool_()),
        pa.field("value", pa.float64()),
    ]
)
"""One row per session and page seen, and one per session with page "all": signals, points, and whether and
for how much the session converted."""


def friction_sessions(
    events: History,
    conversion: Condition,
    *,
    until: int,
    since: int = 0,
    weights: Mapping[Any, float] | None = None,
) -> pa.Table:
    """Signals per session and page, in `SESSION_PAGES`. The units of `events` are sessions."""
    events = events.take((events.at >= since) & (events.at < until))
    points = {**WEIGHTS, **(weights or {})}
    kinds, texts = events.codes("type")
    pages, page_names = events.codes("page")
    # What has no page of its own happens on the page before it.
    place = np.maximum.accumulate(np.where(pages >= 0, np.arange(len(events)), -1)) if len(events) else pages
    pages = np.where((place >= 0) & (place >= events.begins), pages[place], -1) if len(events) else pages

    def of_type(name: str) -> np.ndarray:
        return kinds == texts.index(name) if name in texts else np.zeros(len(events), dtype=bool)

    elements, _ = events.codes("reason")
    errors, clicks = of_type("error"), of_type("click")
    signals = {
        "error": errors,
        "rage_click": _rage(events, clicks, pages, elements),
        "error_click": clicks & _followed_by(events, errors),
        "dead_click": of_type("dead_click"),
        "retry": _again(events, errors, pages),
        "quick_back": _quick_backs(events, of_type("page_view"), pages),
    }
    width = len(page_names)
    keys, row = np.unique(events.unit * width + pages % width, return_inverse=True)
    sessions, session = np.unique(events.unit, return_inverse=True)
    converted = events.mask(conversion)
    has_converted = np.bincount(session[converted], minlength=len(sessions)) > 0
    money = np.where(converted, np.nan_to_num(events.numbers("value")), 0.0)
    worth = np.bincount(session, weights=money, minlength=len(sessions))
    counts = {
        name: np.append(
            np.bincount(session[found], minlength=len(sessions)), np.bincount(row[found], minlength=len(keys))
        )
        for name, found in signals.items()
    }
    of_key = np.searchsorted(sessions, keys // width)
    whose = np.append(np.arange(len(sessions)), of_key)
    named = pa.array(["(no page)" if name is None else name for name in page_names], pa.string())
    columns: list[Any] = [
        pa.concat_arrays(
            [pa.array([EVERYWHERE] * len(sessions), pa.string()), named.take(pa.array(keys % width))]
        ),
        *(pa.array(counts[name], pa.int64()) for name in WEIGHTS),
        pa.array(sum((counts[name] * points[name] for name in WEIGHTS), np.zeros(len(whose)))),
        pa.array(has_converted[whose]),
        pa.array(worth[whose]),
    ]
    return pa.table(columns, schema=SESSION_PAGES)


def _rage(events: History, clicks: np.ndarray, pages: np.ndarray, elements: np.ndarray) -> np.ndarray:
    """The click that makes a burst one of rage: the third on its element within a second, not the fourth."""
    found = np.zeros(len(events), dtype=bool)
    places = np.flatnonzero(clicks)
    order = places[np.lexsort((places, elements[places], pages[places], events.unit[places]))]
    if len(order) < RAGE_CLICKS:
        return found
    older = order[: 1 - RAGE_CLICKS]
    newest = order[RAGE_CLICKS - 1 :]
    same = np.ones(len(older), dtype=bool)
    for values in (events.unit, pages, elements):
        same &= values[older] == values[newest]
    is_burst = same & (events.at[newest] - events.at[older] <= RAGE_US)
    is_burst[1:] &= ~is_burst[:-1]
    found[newest[is_burst]] = True
    return found


def _followed_by(events: History, fits: np.ndarray) -> np.ndarray:
    """Whether one that fits comes within a second after, in the session."""
    places = np.append(np.flatnonzero(fits), len(events))
    following = places[np.cumsum(fits)]
    is_there = following < events.ends
    padded = np.append(events.at, 0)
    return np.asarray(is_there & (padded[following] - events.at <= ERROR_AFTER_CLICK_US))


def _again(events: History, errors: np.ndarray, pages: np.ndarray) -> np.ndarray:
    """Errors with an earlier one on the same page of the session."""
    found = np.zeros(len(events), dtype=bool)
    places = np.flatnonzero(errors)
    if len(places):
        pairs = np.column_stack([events.unit[places], pages[places]])
        is_again = np.ones(len(places), dtype=bool)
        is_again[np.unique(pairs, axis=0, return_index=True)[1]] = False
        found[places[is_again]] = True
    return found


def _quick_backs(events: History, views: np.ndarray, pages: np.ndarray) -> np.ndarray:
    """Views of a page that was left within ten seconds for the page seen before it."""
    found = np.zeros(len(events), dtype=bool)
    places = np.flatnonzero(views)
    before, here, after = places[:-2], places[1:-1], places[2:]
    is_back = (events.unit[before] == events.unit[after]) & (pages[before] == pages[after])
    is_back &= (pages[here] != pages[before]) & (events.at[after] - events.at[here] <= QUICK_BACK_US)
    found[here[is_back]] = True
    return found


def friction_pages(found: pa.Table, *, threshold: float) -> list[dict[str, Any]]:
    """Rows of `tables.FRICTION` without their name: per page, "all" first, the score and each signal met."""
    pages = found["page"].combine_chunks().dictionary_encode()
    names, codes = pages.dictionary.to_pylist(), pages.indices.to_numpy(zero_copy_only=False)
    got = {name: found[name].to_numpy(zero_copy_only=False) for name in found.column_names if name != "page"}
    converted = got["has_converted"].astype(bool)
    of_all = codes == names.index(EVERYWHERE) if EVERYWHERE in names else np.zeros(len(codes), dtype=bool)
    orders = int(converted[of_all].sum())
    mean_order = float(got["value"][of_all & converted].sum()) / orders if orders else 0.0
    rows = []
    for code in sorted(range(len(names)), key=lambda code: (names[code] != EVERYWHERE, names[code])):
        here = codes == code
        if names[code] != EVERYWHERE and not got["score"][here].any():
            continue
        exposed = here & (got["score"] >= threshold)
        rows.append(
            {
                "page": names[code],
                "signal": "score",
                "count": int(exposed.sum()),
                "sessions": int(here.sum()),
                "score": float(got["score"][here].sum()),
                **_lost(exposed, here & ~exposed, converted, mean_order),
            }
        )
        for signal in WEIGHTS:
            met = here & (got[signal] > 0)
            if met.any():
                rows.append(
                    {
                        "page": names[code],
                        "signal": signal,
                        "count": int(got[signal][met].sum()),
                        "sessions": int(met.sum()),
                        "score": None,
                        **_lost(met, here & ~met, converted, mean_order),
                    }
                )
    return rows


def _lost(
    met: np.ndarray, spared: np.ndarray, converted: np.ndarray, mean_order: float
) -> dict[str, float | None]:
    """Conversion with and without, and the money between, with Newcombe's 95 % interval of the difference."""
    with_it, without = ((int((group & converted).sum()), int(group.sum())) for group in (met, spared))
    p, q = (wins / units if units else None for wins, units in (with_it, without))
    found: dict[str, float | None] = {"conversion_with": p, "conversion_without": q}
    if p is None or q is None:
        return found
    worth = with_it[1] * mean_order
    low, high = difference(without, with_it)
    return found | {"money_lost": (q - p) * worth, "money_low": low * worth, "money_high": high * worth}
