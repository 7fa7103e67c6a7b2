"""Text columns as numbers and back: what sorting and grouping people by NumPy needs.

Nothing here knows what an identifier is.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Texts = npt.NDArray[np.object_]


def is_missing(texts: Texts) -> Flags:
    """Which entries are None."""
    flags: Flags = np.equal(texts, None)  # type: ignore[call-overload]
    return flags


def order_by(major: Ints, minor: Ints) -> Ints:
    """The places of rows sorted by two columns of small non-negative numbers; equal rows keep their order."""
    order: Ints = np.argsort(major * (minor.max(initial=0) + 1) + minor, kind="stable")
    return order


def runs_encoded(texts: pa.ChunkedArray | pa.Array) -> tuple[Ints, pa.Array]:
    """As `encoded`, for texts of which equal ones mostly follow each other: each run is looked at once."""
    whole = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    is_head = np.ones(len(whole), dtype=bool)
    if len(whole):
        is_head[1:] = pc.not_equal(whole.slice(1), whole.slice(0, len(whole) - 1)).to_numpy(
            zero_copy_only=False
        )
    of_run, names = encoded(whole.filter(pa.array(is_head)))
    return of_run[np.cumsum(is_head) - 1], names


def encoded(texts: pa.ChunkedArray | pa.Array) -> tuple[Ints, pa.Array]:
    """Each row's place among the distinct texts, and these, in order of appearance."""
    whole = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    found = whole.dictionary_encode()
    return found.indices.to_numpy(zero_copy_only=False).astype(np.int64), found.dictionary


def ranked(texts: pa.ChunkedArray | pa.Array) -> tuple[Ints, pa.Array]:
    """Each row's place among the sorted distinct texts, and these."""
    of_row, found = encoded(texts)
    rank, ordered = ranked_distinct(found)
    return rank[of_row], ordered


def ranked_distinct(texts: pa.Array) -> tuple[Ints, pa.Array]:
    """As `ranked`, for texts that are distinct."""
    order = pc.sort_indices(texts).to_numpy()
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return rank, texts.take(order)


def gathered(owner: Ints, texts: pa.ChunkedArray | pa.Array, owners: int) -> pa.Array:
    """For each owner from 0 to `owners`, the sorted distinct texts of its rows, as a list. Texts are few."""
    text, names = ranked(texts)
    is_there = np.zeros(owners * len(names), dtype=bool)
    is_there[owner * len(names) + text] = True
    pairs = np.flatnonzero(is_there)
    starts = np.searchsorted(pairs, np.arange(owners + 1) * len(names))
    return pa.ListArray.from_arrays(pa.array(starts, pa.int32()), names.take(pairs % max(len(names), 1)))
