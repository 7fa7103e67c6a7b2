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
import pyarrow.compute as pc

from journey_platform.journeys.conditions import Condition
from journey_platform.journeys.history import SECOND_US, History

OTHERS, LEFT = "Others", "(left)"

PATHS = pa.schema(
    [
        pa.field("anchored_at", pa.timestamp("us", tz="UTC")),
        pa.field("nodes", pa.list_(pa.dictionary(pa.int32(), pa.string()))),
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
    lengths = np.zeros(len(anchors), dtype=np.int64)
    took = np.zeros(len(anchors))
    # Which anchors' paths are not over yet, step by step.
    still = np.arange(len(anchors))
    direction = -1 if is_backward else 1
    for step in range(steps):
        anchor = anchors[still]
        place = np.clip(run[anchor] + direction * step, -1, len(heads))
        away = np.abs(at[place] - events.at[anchor]) if step else np.zeros(len(anchor), dtype=np.int64)
        is_there = (place >= 0) & (place <= last[still]) & (unit[place] == events.unit[anchor])
        is_there &= away <= within
        still = still[is_there]
        lengths[still] += 1
        took[still] = away[is_there] / SECOND_US
    has_converted = None
    if converted is not None:
        first = _next_in_unit(events, events.mask(converted), anchors, including=True)
        has_converted = (first >= 0) & (events.at[first] - events.at[anchors] <= within)
    begins = np.repeat(np.cumsum(lengths) - lengths, lengths)
    places = np.repeat(run[anchors], lengths) + direction * (np.arange(lengths.sum()) - begins)
    texts = pa.DictionaryArray.from_arrays(
        pa.array(code[places], pa.int32()), pa.array(list(names), pa.string())
    )
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
    shown, names = _with_others(*_matrix(paths), top)
    rows = []
    for step in range(shown.shape[1] - 1):
        source, target = shown[:, step], shown[:, step + 1]
        is_there = source != len(names) - 1
        pairs, counts = np.unique(source[is_there] * len(names) + target[is_there], return_counts=True)
        found = [
            (names[pair // len(names)], names[pair % len(names)], int(n))
            for pair, n in zip(pairs, counts, strict=True)
        ]
        rows += [
            {"step": step + 1, "source": one, "target": other, "paths": n, "share": n / len(shown)}
            for one, other, n in sorted(found, key=lambda pair: (-pair[2], *pair[:2]))
        ]
    return rows


def step_matrix(paths: pa.Table, *, top: int) -> list[dict[str, Any]]:
    """(step, source, paths, share): how many paths have which node at which step; "(left)" are over."""
    shown, names = _with_others(*_matrix(paths), top)
    rows = []
    for step in range(shown.shape[1]):
        counts = np.bincount(shown[:, step], minlength=len(names))
        found = [(names[code], int(counts[code])) for code in np.flatnonzero(counts)]
        rows += [
            {"step": step + 1, "source": name, "paths": n, "share": n / len(shown)}
            for name, n in sorted(found, key=lambda pair: (-pair[1], pair[0]))
        ]
    return rows


def transitions(paths: pa.Table) -> list[dict[str, Any]]:
    """(source, target, paths, share): nodes that follow each other anywhere; share: of what follows a source,
    leaving included."""
    chunks, names = _chunks(paths)
    counted = []
    for nodes, lengths in chunks:
        following = np.append(nodes[1:], -1)
        following[np.cumsum(lengths)[lengths > 0] - 1] = -1
        pairs = (nodes.astype(np.int64) << 32) + following + 1
        counted.append(pa.Table.from_struct_array(pc.value_counts(pa.array(pairs))))
    if not counted:
        return []
    summed = pa.concat_tables(counted).group_by("values").aggregate([("counts", "sum")])
    pairs, counts = summed["values"].to_numpy(), summed["counts_sum"].to_numpy()
    sources, targets = pairs >> 32, pairs & 0xFFFFFFFF
    totals = np.bincount(sources, weights=counts)
    found = [
        {
            "source": names[source],
            "target": LEFT if target == 0 else names[target - 1],
            "paths": int(count),
            "share": float(count / totals[source]),
        }
        for source, target, count in zip(sources, targets, counts, strict=True)
    ]
    return sorted(found, key=lambda row: (row["source"], -row["paths"], row["target"]))


def whole_paths(paths: pa.Table, *, top: int) -> list[dict[str, Any]]:
    """(source: the path, paths, share, converted, dropped, difference, median_s): the most frequent whole
    paths. `difference`: share of the converted less share of the dropped that took it; null without both."""
    nodes, lengths, node_texts = _nodes(paths)
    offsets = pa.array(np.append(0, np.cumsum(lengths)), pa.int32())
    told = pa.ListArray.from_arrays(offsets, pa.array(node_texts, pa.string()).take(pa.array(nodes)))
    texts = pc.binary_join(told, " > ").dictionary_encode()
    code = texts.indices.to_numpy(zero_copy_only=False)
    flags = paths["has_arrived"] if paths["is_converted"].null_count else paths["is_converted"]
    is_told = np.asarray(flags.is_valid())
    has_converted = np.asarray(flags.fill_null(False).to_numpy(), dtype=bool)
    took = paths["took_s"].to_numpy()
    counts, converted, dropped = (
        np.bincount(code[fits], minlength=len(texts.dictionary))
        for fits in (np.ones(len(code), dtype=bool), has_converted, is_told & ~has_converted)
    )
    names = texts.dictionary.to_pylist()
    has_both = converted.any() and dropped.any()
    enough = np.partition(counts, -top)[-top] if len(counts) > top else 0
    shown = sorted(np.flatnonzero(counts >= enough), key=lambda place: (-counts[place], names[place]))[:top]
    return [
        {
            "source": names[place],
            "paths": int(counts[place]),
            "share": float(counts[place] / len(code)),
            "converted": int(converted[place]) if is_told.any() else None,
            "dropped": int(dropped[place]) if is_told.any() else None,
            "difference": float(converted[place] / converted.sum() - dropped[place] / dropped.sum())
            if has_both
            else None,
            "median_s": float(np.median(took[code == place])),
        }
        for place in shown
    ]


def _matrix(paths: pa.Table) -> tuple[np.ndarray, list[str]]:
    """Paths as rows of codes, -1 where they are over, and the names."""
    nodes, lengths, names = _nodes(paths)
    matrix = np.full((len(lengths), int(lengths.max(initial=0))), -1, dtype=np.int64)
    step = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    matrix[np.repeat(np.arange(len(lengths)), lengths), step] = nodes
    return matrix, names


def _nodes(paths: pa.Table) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """The codes of all paths' nodes one after the other, how many each path has, and their names."""
    chunks, names = _chunks(paths)
    nothing = np.zeros(0, np.int64)
    nodes, lengths = (np.concatenate([nothing, *(chunk[place] for chunk in chunks)]) for place in (0, 1))
    return nodes, lengths, names


def _chunks(paths: pa.Table) -> tuple[list[tuple[np.ndarray, np.ndarray]], list[str]]:
    """Some paths after the other: the codes of their nodes and how many each has; and the nodes' names."""
    chunks = [chunk for chunk in paths["nodes"].chunks if len(chunk)]
    kind = PATHS.field("nodes").type.value_type
    nodes = pa.chunked_array([chunk.flatten() for chunk in chunks], kind).unify_dictionaries()
    found = [
        (codes.indices.to_numpy(zero_copy_only=False), np.diff(chunk.offsets.to_numpy()))
        for codes, chunk in zip(nodes.chunks, chunks, strict=True)
    ]
    return found, nodes.chunk(0).dictionary.to_pylist() if chunks else []


def _with_others(matrix: np.ndarray, names: Sequence[str], top: int) -> tuple[np.ndarray, list[str]]:
    """The matrix with only the `top` most frequent names of each step, the rest "Others", "(left)" where a
    path is over; and the names, those two last."""
    shown = np.where(matrix < 0, len(names) + 1, matrix)
    for step in range(matrix.shape[1]):
        counts = np.bincount(matrix[matrix[:, step] >= 0, step], minlength=len(names))
        ranked = sorted(map(int, np.flatnonzero(counts)), key=lambda code: (-counts[code], names[code]))
        is_rest = np.zeros(len(names) + 2, dtype=bool)
        is_rest[ranked[top:]] = True
        shown[is_rest[shown[:, step]], step] = len(names)
    return shown, [*names, OTHERS, LEFT]
