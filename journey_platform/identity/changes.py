"""What became of profiles between two resolutions: merges, splits, renamings, releases and redirects.

Ids need no memory: they follow from the records (`resolve`). Here is told what moved, and why, so that
whoever kept an id finds the profile again.
"""

from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from journey_platform.identity.columns import Ints
from journey_platform.identity.keys import profile_ids
from journey_platform.identity.policy import RULES
from journey_platform.tables import IDENTITY_EVENTS, PROFILE_REDIRECTS, UTC_MICROSECONDS

MERGE, SPLIT, RENAME, RELEASE = "merge", "split", "rename", "release"
_EVENTS = np.array([MERGE, SPLIT, RENAME, RELEASE], dtype=object)
_GONE = "the records behind it are gone"
_EARLIER = "an earlier record came in"


@dataclass(frozen=True)
class Moves:
    """Distinct (profile before, profile after) of the identifiers that both know, and how many each.

    `is_released`: they belong to nobody now; `after` is then `before`.
    """

    before: Ints
    after: Ints
    is_released: npt.NDArray[np.bool_]
    identifiers: Ints


def moves(before: pa.Table, after: pa.Table) -> Moves:
    """Compare two `tables.IDENTIFIERS_TABLE`s by identifier_key and person_key."""
    old = before.filter(before["person_key"].is_valid())
    keys, persons = after["identifier_key"].to_numpy(), pc.fill_null(after["person_key"], 0).to_numpy()
    is_held = after["person_key"].is_valid().to_numpy()
    place, is_there = _find(keys, old["identifier_key"].to_numpy())
    was = old["person_key"].to_numpy()
    is_known = is_there.copy()
    is_known[is_there] = is_held[place[is_there]]
    now = was.copy()
    now[is_known] = persons[place[is_known]]
    triples, counts = np.unique(np.stack([was, now, ~is_known]), axis=1, return_counts=True)
    return Moves(triples[0], triples[1], triples[2].astype(bool), counts.astype(np.int64))


def events(
    before: pa.Table, after: pa.Table, links: pa.Table, *, version: int, now: datetime, day: date
) -> pa.Table:
    """`tables.IDENTITY_EVENTS` between two tables of identifiers; `links`: those of `after`.

    `version`: of the identifiers `before`, so that telling the same change twice gives the same rows.
    """
    found = moves(before, after)
    is_kept = ~found.is_released
    sources = _multiplicity(found.after, is_kept)
    targets = _multiplicity(found.before, is_kept)
    is_moved = is_kept & (found.before != found.after)
    is_merge = is_moved & (sources > 1) & (targets == 1)
    is_split = is_moved & (targets > 1)
    is_rename = is_moved & ~is_merge & ~is_split
    kind = np.select([is_merge, is_split, is_rename, found.is_released], [0, 1, 2, 3], default=-1)
    told = np.flatnonzero(kind >= 0)
    rows = pa.table(
        [
            pa.repeat(pa.scalar(day, pa.date32()), len(told)),
            pa.repeat(pa.scalar(version, pa.int64()), len(told)),
            pa.array(_EVENTS[kind[told]], pa.string()),
            pa.array(found.before[told]),
            pa.array(found.after[told]),
            pa.repeat(pa.scalar(now, UTC_MICROSECONDS), len(told)),
            pa.array(found.identifiers[told]),
            _causes(before, after, links, found, kind, told),
        ],
        schema=IDENTITY_EVENTS.schema,
    )
    return rows.sort_by([(name, "ascending") for name in IDENTITY_EVENTS.sort_by])


def redirects(known: pa.Table, before: pa.Table, after: pa.Table, *, now: datetime) -> pa.Table:
    """`tables.PROFILE_REDIRECTS` after a resolution: every id ever retired, with where it leads today.

    `known`: the redirects so far. An id leads to the profile of the identifier that it is named after; one
    that is a profile again is no redirect.
    """
    gone = before["person_key"].drop_null().to_numpy()
    once = np.unique(np.concatenate([known["person_key"].to_numpy(), gone]))
    place, is_there = _find(after["identifier_key"].to_numpy(), once)
    target = after["person_key"].take(pa.array(place, mask=~is_there)).combine_chunks()
    # A profile is named after an identifier that it holds.
    is_retired = pc.invert(pc.fill_null(pc.equal(target, pa.array(once)), False))
    retired, target = pa.array(once).filter(is_retired), target.filter(is_retired)
    since = known["since"].combine_chunks().take(pc.index_in(retired, known["person_key"].combine_chunks()))
    shown = [None if key is None else profile_ids([key])[0] for key in target.to_pylist()]
    return pa.table(
        [
            retired,
            pa.array(profile_ids(retired.to_pylist()), pa.string()),
            target,
            pa.array(shown, pa.string()),
            pc.fill_null(since, pa.scalar(now, UTC_MICROSECONDS)),
        ],
        schema=PROFILE_REDIRECTS.schema,
    )


def _causes(
    before: pa.Table, after: pa.Table, links: pa.Table, found: Moves, kind: Ints, told: Ints
) -> pa.Array:
    """Why each told move happened, from the strongest link across the border between the profiles."""
    if not len(told):
        return pa.array([], pa.string())
    was = _persons(before, links)
    now = _persons(after, links)
    reasons = links["reason"].to_pylist()
    accepted = links["is_accepted"].to_numpy()
    strength = _strength(links)
    status = (
        dict(zip(after["identifier_key"].to_pylist(), after["reason"].to_pylist(), strict=True))
        if (kind[told] == 3).any()
        else {}
    )
    joined: dict[int, str] = {}
    parted: dict[int, str] = {}
    touched = np.unique(np.concatenate([found.before[told], found.after[told]]))
    is_near = np.isin(was[0], touched) | np.isin(was[1], touched)
    for i in strength[is_near[strength]].tolist():
        (a, b), (c, d) = (int(was[0][i]), int(was[1][i])), (int(now[0][i]), int(now[1][i]))
        if accepted[i] and a != b:
            cause = f"{links['rule'][i].as_py()}: {links['example'][i].as_py()}"
            joined.setdefault(a, cause)
            joined.setdefault(b, cause)
        elif not accepted[i] and a == b and c != d:
            parted.setdefault(a, f"refused: {reasons[i]}")
    released = _released_reasons(before, status) if status else {}
    causes = []
    for row in told.tolist():
        source = int(found.before[row])
        name = _EVENTS[kind[row]]
        if name == MERGE:
            causes.append(joined.get(source, _GONE))
        elif name == SPLIT:
            causes.append(parted.get(source, _GONE))
        elif name == RENAME:
            causes.append(_EARLIER)
        else:
            causes.append(released.get(source, _GONE))
    return pa.array(causes, pa.string())


def _released_reasons(before: pa.Table, reason_of: dict[int, str | None]) -> dict[int, str]:
    """Per profile before, the first reason that its identifiers have now for belonging to nobody."""
    found: dict[int, str] = {}
    for key, person in zip(
        before["identifier_key"].to_pylist(), before["person_key"].to_pylist(), strict=True
    ):
        reason = reason_of.get(key)
        if person is not None and reason is not None:
            found.setdefault(person, reason)
    return found


def _strength(links: pa.Table) -> Ints:
    rank = np.array([RULES.index(rule) for rule in links["rule"].to_pylist()], dtype=np.int64)
    weight, records = links["weight"].to_numpy(), links["records"].to_numpy()
    ends = links["left_key"].to_numpy(), links["right_key"].to_numpy()
    order: Ints = np.lexsort((ends[1], ends[0], -records, -weight, rank))
    return order


def _persons(identifiers: pa.Table, links: pa.Table) -> tuple[Ints, Ints]:
    """The person of both ends of each link; 0 where there is none."""
    keys = identifiers["identifier_key"].to_numpy()
    persons = pc.fill_null(identifiers["person_key"], 0).to_numpy()
    found = []
    for name in ("left_key", "right_key"):
        place, is_there = _find(keys, links[name].to_numpy())
        person = np.zeros(links.num_rows, dtype=np.int64)
        person[is_there] = persons[place[is_there]]
        found.append(person)
    return found[0], found[1]


def _find(keys: Ints, wanted: Ints) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """The place of each wanted key among sorted keys, and whether it is there."""
    place = np.searchsorted(keys, wanted)
    is_there = place < len(keys)
    is_there[is_there] = keys[place[is_there]] == wanted[is_there]
    return place, is_there


def _multiplicity(profiles: Ints, is_kept: npt.NDArray[np.bool_]) -> Ints:
    """How many kept moves share each one's profile."""
    _, of_row = np.unique(profiles, return_inverse=True)
    counted: Ints = np.bincount(of_row.ravel()[is_kept], minlength=of_row.max(initial=-1) + 1)[of_row.ravel()]
    return counted
