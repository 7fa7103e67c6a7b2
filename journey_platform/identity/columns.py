"""Text columns as numbers and back: what sorting and grouping people by NumPy needs.

Nothing here knows what an identifier is.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Codes = npt.NDArray[np.int32]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Texts = npt.NDArray[np.object_]


def is_missing(texts: Texts) -> Flags:
    """Which entries are None."""
    flags: Flags = np.equal(texts, None)  # type: ignore[call-overload]
    return flags


def order_by(major: Codes | Ints, minor: Codes | Ints) -> Ints:
    """The places of rows sorted by two columns of non-negative numbers; equal rows in any order."""
    key = major.astype(np.int64)
    key *= int(minor.max(initial=0)) + 1
    key += minor
    bits = len(key).bit_length()
    if int(key.max(initial=0)).bit_length() + bits > 63:
        return np.argsort(key)
    # Sorting numbers is several times faster than sorting their places: the places go along in the low bits.
    key <<= bits
    key |= np.arange(len(key))
    key.sort()
    key &= (1 << bits) - 1
    return key


def runs_encoded(texts: pa.ChunkedArray) -> tuple[Codes, pa.Array]:
    """As `encoded`, for texts of which equal ones mostly follow each other: each run is looked at once."""
    lengths, heads = [np.empty(0, np.int64)], []
    for chunk in texts.chunks:
        is_head = np.ones(len(chunk), dtype=bool)
        if len(chunk):
            is_as_before = pc.equal(chunk.slice(1), chunk.slice(0, len(chunk) - 1))
            is_head[1:] = ~is_as_before.to_numpy(zero_copy_only=False)
        lengths.append(np.diff(np.append(np.flatnonzero(is_head), len(chunk))))
        heads.append(chunk.filter(pa.array(is_head)))
    of_run, names = encoded(pa.chunked_array(heads, texts.type))
    return np.repeat(of_run, np.concatenate(lengths)), names


def encoded(texts: pa.ChunkedArray | pa.Array) -> tuple[Codes, pa.Array]:
    """Each row's place among the distinct texts, and these, in order of appearance."""
    given = texts if isinstance(texts, pa.ChunkedArray) else pa.chunked_array([texts])
    is_dictionary = pa.types.is_dictionary(given.type)
    # The chunks of what was texts share one dictionary already.
    found = given.unify_dictionaries() if is_dictionary else given.dictionary_encode()
    if not found.num_chunks:
        return np.empty(0, np.int32), pa.array([], given.type.value_type if is_dictionary else given.type)
    codes = [chunk.indices.to_numpy(zero_copy_only=False) for chunk in found.chunks]
    return np.concatenate(codes).astype(np.int32, copy=False), found.chunk(0).dictionary


def ranked(texts: pa.ChunkedArray | pa.Array) -> tuple[Codes, pa.Array]:
    """Each row's place among the sorted distinct texts, and these."""
    of_row, found = encoded(texts)
    order = pc.sort_indices(found)
    return rank_of(order.to_numpy())[of_row], found.take(order)


def rank_of(order: Ints) -> Codes:
    """Of each place, where it stands in an order of places."""
    rank = np.empty(len(order), dtype=np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    return rank


def gathered(owner: Codes, texts: pa.ChunkedArray | pa.Array, owners: int) -> pa.Array:
    """For each owner from 0 to `owners`, the sorted distinct texts of its rows, as a list. Texts are few."""
    text, names = ranked(texts)
    is_there = np.zeros(owners * len(names), dtype=bool)
    is_there[owner.astype(np.int64) * len(names) + text] = True
    pairs = np.flatnonzero(is_there)
    starts = np.searchsorted(pairs, np.arange(owners + 1) * len(names))
    return pa.ListArray.from_arrays(pa.array(starts, pa.int32()), names.take(pairs % max(len(names), 1)))
