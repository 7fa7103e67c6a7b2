"""Links: pairs of identifiers that stood in one record, counted over all records.

Which links are accepted, and who results, is in `resolve`.
"""

from dataclasses import dataclass

import numpy as np

from journey_platform.identity.columns import Ints


@dataclass(frozen=True)
class Sightings:
    """Distinct (record, identifier) pairs, sorted by both. `first` and `last`: when, in microseconds."""

    record: Ints
    identifier: Ints
    first: Ints
    last: Ints


@dataclass(frozen=True)
class Links:
    """Distinct pairs of identifiers with left < right, sorted by both.

    `records`: how many tie them together; `example`: the earliest of these, the first by name among equals.
    """

    left: Ints
    right: Ints
    records: Ints
    example: Ints
    first: Ints
    last: Ints


def sightings(record: Ints, identifier: Ints, moment: Ints) -> Sightings:
    """Gather observations, which may repeat, by record and identifier."""
    order = np.lexsort((identifier, record))
    record, identifier, moment = record[order], identifier[order], moment[order]
    starts = _starts(record, identifier)
    return Sightings(
        record=record[starts],
        identifier=identifier[starts],
        first=_reduced(np.minimum, moment, starts),
        last=_reduced(np.maximum, moment, starts),
    )


def co_observed(seen: Sightings) -> Links:
    """Every pair of identifiers of every record. A record's time is from its first to its last sighting."""
    starts = _starts(seen.record)
    sizes = np.diff(np.append(starts, len(seen.record)))
    first = _reduced(np.minimum, seen.first, starts)
    last = _reduced(np.maximum, seen.last, starts)
    found: list[tuple[Ints, ...]] = [(np.empty(0, np.int64),) * 5]
    for size in np.flatnonzero(np.bincount(sizes[sizes > 1])).tolist():
        chosen = np.flatnonzero(sizes == size)
        members = seen.identifier[starts[chosen][:, None] + np.arange(size)]
        of_left, of_right = np.triu_indices(size, k=1)
        repeated = np.repeat(chosen, len(of_left))
        found.append(
            (
                members[:, of_left].ravel(),
                members[:, of_right].ravel(),
                seen.record[starts[repeated]],
                first[repeated],
                last[repeated],
            )
        )
    left, right, record, begun, ended = (np.concatenate(column) for column in zip(*found, strict=True))
    order = np.lexsort((record, begun, right, left))
    left, right, record, begun, ended = (column[order] for column in (left, right, record, begun, ended))
    starts = _starts(left, right)
    return Links(
        left=left[starts],
        right=right[starts],
        records=np.diff(np.append(starts, len(left))),
        example=record[starts],
        first=begun[starts],
        last=_reduced(np.maximum, ended, starts),
    )


def _starts(*keys: Ints) -> Ints:
    """Where each run of equal keys begins in sorted columns."""
    if not len(keys[0]):
        return np.empty(0, np.int64)
    is_new = np.zeros(len(keys[0]), dtype=bool)
    is_new[0] = True
    for key in keys:
        is_new[1:] |= key[1:] != key[:-1]
    return np.flatnonzero(is_new).astype(np.int64)


def _reduced(function: np.ufunc, values: Ints, starts: Ints) -> Ints:
    return function.reduceat(values, starts) if len(starts) else np.empty(0, np.int64)
