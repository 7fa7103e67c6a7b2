"""Paths: which touchpoints follow each other, from an anchor forward, backward, or between two.

The kernel takes paths from the histories of whole units; the other functions count them. Definitions:

* Forward, a path begins with a unit's first touchpoint that `start` holds for (uniques) or with each
  (totals). Backward it is told from the first that `end` holds for, or each, step by step into the past.
  Between, it goes from a start to the next end; with neither it is the unit's whole history.
* Touchpoints of one name in a row are one node, unless repeats are kept; it has the time of the first.
* A node belongs to the path up to `within` from the anchor, and up to so many steps. A path between that does
  not get to its end within these has dropped off, also where a later start would get there.
* Shares are of all paths, so they fall from step to step.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from journey_platform.journeys.conditions import Condition
from journey_platform.journeys.history import SECOND_US, History

OTHERS, LEFT = "Others", "(left)"

PATHS = pa.schema(
    [
        pa.field("anchored_at", pa.timestamp("us", tz="UTC")),
        pa.field("nodes", pa.list_(pa.string())),
        pa.field("has_arrived", pa.bool_()),
        pa.field("is_converted", pa.bool_()),
        pa.field("took_s", pa.float64()),
    ]
)
"""One row per path. `nodes`: from the anchor on, backward into the past. `has_arrived`: got to its end; null
without one. `is_converted`: the unit converted after the anchor, within the window; null where not asked."""


def node_names(events: History, column: str, names: Mapping[str, Condition]) -> tuple[np.ndarray, list[str]]:
    """Per touchpoint the code of its name: the first of `names` that holds, else `column`, else its type."""
    types, type_texts = events.codes("type")
    codes, texts = events.codes(column)
    labels = [str(text) for text in (*names, *texts[:-1], *type_texts[:-1])]
    found = np.where(codes >= 0, codes + len(names), types + len(names) + len(texts) - 1)
    for place, what in reversed(list(enumerate(names.values()))):
        found[events.mask(what)] = place
    # A name, a page and a type may be spelt alike: one text, one code.
    distinct = {text: number for number, text in enumerate(dict.fromkeys(labels))}
    return np.array([distinct[text] for text in labels] or [0], dtype=np.int64)[found], list(distinct)


def take_paths(
    events: History,
    nodes: np.ndarray,
    names: Sequence[str],
    *,
    steps: int,
    within_s: int,
    until: int,
    since: int = 0,
    start: Condition | None = None,
    end: Condition | None = None,
    count: str = "uniques",
    has_repeats: bool = False,
    converted: Condition | None = None,
) -> pa.Table:
    """The paths of whole units, in `PATHS`. `nodes`: per touchpoint a code of `names`. `since` and `until`:
    in which an anchor lies, microseconds."""
    is_backward = start is None and end is not None
    is_anchor = events.mask(end if is_backward else start) if start or end else events.is_first
    is_anchor = is_anchor & (events.at >= since) & (events.at < until)
    anchors = np.flatnonzero(is_anchor)
    if count == "uniques":
        unit = events.unit[anchors]
        anchors = anchors[np.append(True, np.diff(unit) != 0)[: len(anchors)]]
    is_node = np.ones(len(events), dtype=bool)
    if not has_repeats:
        is_node[1:] = events.is_first[1:] | (np.diff(nodes) != 0)
    run = np.cumsum(is_node) - 1
    heads = np.flatnonzero(is_node)
    at, unit, code = (np.append(values[heads], -1) for values in (events.at, events.unit, nodes))
    within = within_s * SECOND_US
    last = np.full(len(anchors), len(heads))
    arrived: np.ndarray | None = None
    if start is not None and end is not None:
        after = _next_in_unit(events, events.mask(end), anchors)
        arrived = (after >= 0) & (events.at[after] - events.at[anchors] <= within)
        arrived &= run[after] - run[anchors] < steps
        last = np.where(arrived, run[after], last)
    matrix = np.full((len(anchors), steps), -1, dtype=np.int64)
    took = np.zeros(len(anchors))
    is_open = np.ones(len(anchors), dtype=bool)
    for step in range(steps):
        place = np.clip(run[anchors] + (-step if is_backward else step), -1, len(heads))
        away = np.abs(at[place] - events.at[anchors]) if step else np.zeros(len(anchors), dtype=np.int64)
        is_open &= (place >= 0) & (place <= last) & (unit[place] == events.unit[anchors]) & (away <= within)
        matrix[is_open, step] = code[place[is_open]]
        took[is_open] = away[is_open] / SECOND_US
    has_converted = None
    if converted is not None:
        first = _next_in_unit(events, events.mask(converted), anchors, including=True)
        has_converted = (first >= 0) & (events.at[first] - events.at[anchors] <= within)
    lengths = (matrix >= 0).sum(axis=1)
    texts = pa.array(list(names), pa.string()).take(pa.array(matrix[matrix >= 0]))
    columns: list[Any] = [
        pa.array(events.at[anchors]).cast(PATHS.field("anchored_at").type),
        pa.ListArray.from_arrays(pa.array(np.append(0, np.cumsum(lengths)), pa.int32()), texts),
        pa.nulls(len(anchors), pa.bool_()) if arrived is None else pa.array(arrived),
        pa.nulls(len(anchors), pa.bool_()) if has_converted is None else pa.array(has_converted),
        pa.array(took),
    ]
    return pa.table(columns, schema=PATHS)


def _next_in_unit(
    events: History, fits: np.ndarray, places: np.ndarray, *, including: bool = False
) -> np.ndarray:
    """The next place of the unit that fits, after each or from each; -1 without one."""
    fitting = np.flatnonzero(fits)
    following = np.cumsum(fits)[places] - (fits[places] if including else 0)
    found = np.append(fitting, len(events))[following]
    return np.where(found < events.ends[places], found, -1)


def links(paths: pa.Table, *, top: int) -> list[dict[str, Any]]:
    """What a Sankey shows: (step, source, target, paths, share). A step keeps its `top` names, the rest are
    "Others"; a path that ends before the last step goes to "(left)"."""
    matrix, names = _matrix(paths)
    shown = _with_others(matrix, names, top)
    rows = []
    for step in range(matrix.shape[1] - 1):
        pairs: dict[tuple[str, str], int] = {}
        for source, target in zip(shown[step], shown[step + 1], strict=True):
            if source is not None:
                key = (source, LEFT if target is None else target)
                pairs[key] = pairs.get(key, 0) + 1
        rows += [
            {"step": step + 1, "source": a, "target": b, "paths": n, "share": n / len(matrix)}
            for (a, b), n in sorted(pairs.items(), key=lambda item: (-item[1], item[0]))
        ]
    return rows


def step_matrix(paths: pa.Table, *, top: int) -> list[dict[str, Any]]:
    """(step, source, paths, share): how many paths have which node at which step; "(left)" are over."""
    matrix, names = _matrix(paths)
    shown = _with_others(matrix, names, top)
    rows = []
    for step, labels in enumerate(shown):
        counts: dict[str, int] = {}
        for label in labels:
            counts[label or LEFT] = counts.get(label or LEFT, 0) + 1
        rows += [
            {"step": step + 1, "source": label, "paths": n, "share": n / len(matrix)}
            for label, n in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        ]
    return rows


def transitions(paths: pa.Table) -> list[dict[str, Any]]:
    """(source, target, paths, share): nodes that follow each other anywhere; share: of what follows a source,
    leaving included."""
    matrix, names = _matrix(paths)
    if not matrix.size:
        return []
    following = np.hstack([matrix[:, 1:], np.full((len(matrix), 1), -1)])
    is_node = matrix >= 0
    width = len(names) + 1
    pairs = np.bincount((matrix[is_node] * width + following[is_node] + 1), minlength=len(names) * width)
    counts = pairs.reshape(len(names), width)
    totals = counts.sum(axis=1)
    found = [
        {
            "source": names[source],
            "target": LEFT if target == 0 else names[target - 1],
            "paths": int(counts[source, target]),
            "share": float(counts[source, target] / totals[source]),
        }
        for source, target in zip(*np.nonzero(counts), strict=True)
    ]
    return sorted(found, key=lambda row: (row["source"], -row["paths"], row["target"]))


def whole_paths(paths: pa.Table, *, top: int) -> list[dict[str, Any]]:
    """(source: the path, paths, share, converted, dropped, difference, median_s): the most frequent whole
    paths. `difference`: share of the converted less share of the dropped that took it; null without both."""
    texts = [" > ".join(nodes) for nodes in paths["nodes"].to_pylist()]
    flags = (paths["has_arrived"] if paths["is_converted"].null_count else paths["is_converted"]).to_pylist()
    took = paths["took_s"].to_numpy()
    total = {True: sum(flag is True for flag in flags), False: sum(flag is False for flag in flags)}
    found: dict[str, list[int]] = {}
    for place, text in enumerate(texts):
        found.setdefault(text, []).append(place)
    rows = []
    for text, places in sorted(found.items(), key=lambda item: (-len(item[1]), item[0]))[:top]:
        converted = sum(flags[place] is True for place in places)
        dropped = sum(flags[place] is False for place in places)
        has_both = total[True] and total[False]
        rows.append(
            {
                "source": text,
                "paths": len(places),
                "share": len(places) / len(texts),
                "converted": converted if total[True] + total[False] else None,
                "dropped": dropped if total[True] + total[False] else None,
                "difference": converted / total[True] - dropped / total[False] if has_both else None,
                "median_s": float(np.median(took[places])),
            }
        )
    return rows


def _matrix(paths: pa.Table) -> tuple[np.ndarray, list[str]]:
    """Paths as rows of codes, -1 where they are over, and the names."""
    lists = paths["nodes"].combine_chunks()
    lengths = np.diff(lists.offsets.to_numpy()) if len(lists) else np.zeros(0, dtype=np.int64)
    encoded = lists.flatten().dictionary_encode()
    matrix = np.full((len(lengths), int(lengths.max(initial=0))), -1, dtype=np.int64)
    step = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    matrix[np.repeat(np.arange(len(lengths)), lengths), step] = encoded.indices.to_numpy(zero_copy_only=False)
    return matrix, [str(name) for name in encoded.dictionary.to_pylist()]


def _with_others(matrix: np.ndarray, names: Sequence[str], top: int) -> list[list[str | None]]:
    """Per step the names shown: its `top` most frequent, the rest "Others", None where a path is over."""
    shown: list[list[str | None]] = []
    for step in range(matrix.shape[1]):
        column = matrix[:, step]
        counts = np.bincount(column[column >= 0], minlength=len(names))
        ranked = sorted(map(int, np.flatnonzero(counts)), key=lambda code: (-counts[code], names[code]))
        kept = {code: names[code] for code in ranked[:top]}
        shown.append([None if code < 0 else kept.get(int(code), OTHERS) for code in column])
    return shown
