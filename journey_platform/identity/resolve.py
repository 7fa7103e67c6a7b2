"""From observations to persons: identifiers, links with their verdicts, and a stable key for each person.

A pure function of the set of observations: neither order nor batches nor repetition changes a byte. What was
seen is in `observations`; which profile a touchpoint belongs to, in `assign`.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from journey_platform.identity.columns import Ints, gathered, ranked
from journey_platform.identity.keys import identifier_keys
from journey_platform.identity.links import Links, Sightings, co_observed, sightings
from journey_platform.identity.normalise import Distinct, distinct, is_well_formed
from journey_platform.identity.placeholders import is_placeholder
from journey_platform.identity.policy import POLICIES
from journey_platform.tables import IDENTIFIERS_TABLE, LINKS_TABLE, UTC_MICROSECONDS

ACTIVE, SHARED, PLACEHOLDER, INVALID = "active", "shared", "placeholder", "invalid"
_RULE = "co_observed"
_USER_ID = "user_id"

Texts = npt.NDArray[np.object_]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Resolution:
    """`identifiers` and `links` as `tables` declares them; `revision`: a fingerprint of who is who."""

    identifiers: pa.Table
    links: pa.Table
    revision: str


def resolve(observations: pa.Table, *, secret: bytes) -> Resolution:
    """Resolve `OBSERVATIONS`. Raises `KeyCollision` where two identifiers get one key.

    Identifiers that stood in one record are linked, unless one is a placeholder or malformed, is shared (seen
    together with more distinct user ids than its kind allows), or both are values of an exclusive kind. The
    persons are the components of the accepted links; a person's key is that of its earliest identifier, by
    (first seen, kind, value).
    """
    names = distinct(observations["kind"], observations["value"])
    record, record_names = ranked(observations["record"])
    seen = sightings(record, names.of_row, observations["observed_at"].cast(pa.int64()).to_numpy())
    first, last, records = _spans(seen, len(names.kinds))
    keys = identifier_keys(secret, names.kinds, names.values)
    links = co_observed(seen)
    status, why = _verdicts(names, links)
    refusal = _refusals(names, links, status)
    is_accepted = np.array([reason is None for reason in refusal], dtype=bool)
    person = _persons(keys, first, links, is_accepted)
    identifiers = pa.Table.from_arrays(
        [
            pa.array(keys),
            pa.array(names.kinds, pa.string()),
            pa.array(names.values, pa.string()),
            _moments(first),
            _moments(last),
            pa.array(records),
            gathered(names.of_row, observations["vendor"], len(names.kinds)),
            pa.array(status, pa.string()),
            pa.array(why, pa.string()),
            pa.array(person, pa.int64(), mask=status != ACTIVE),
        ],
        schema=IDENTIFIERS_TABLE.schema,
    ).take(np.argsort(keys))
    return Resolution(
        identifiers=identifiers,
        links=_links_table(links, keys, record_names, is_accepted, refusal),
        revision=_revision(identifiers),
    )


def _spans(seen: Sightings, count: int) -> tuple[Ints, Ints, Ints]:
    """Per identifier: first and last sighting, and how many records carry it."""
    order = np.argsort(seen.identifier, kind="stable")
    starts = np.searchsorted(seen.identifier[order], np.arange(count))
    if not count:
        return starts, starts, starts
    return (
        np.minimum.reduceat(seen.first[order], starts),
        np.maximum.reduceat(seen.last[order], starts),
        np.bincount(seen.identifier, minlength=count).astype(np.int64),
    )


def _verdicts(names: Distinct, links: Links) -> tuple[Texts, Texts]:
    """(status, reason) of each identifier."""
    status = np.full(len(names.kinds), ACTIVE, dtype=object)
    reason = np.full(len(names.kinds), None, dtype=object)
    for i, (kind, value) in enumerate(zip(names.kinds, names.values, strict=True)):
        if is_placeholder(kind, value):
            status[i], reason[i] = PLACEHOLDER, "stands for nobody"
        elif not is_well_formed(kind, value):
            status[i], reason[i] = INVALID, f"malformed {kind}"
    users = _user_ids_beside(names, links, status)
    for kind, policy in POLICIES.items():
        if policy.max_user_ids is None:
            continue
        of_kind = np.array([k == kind for k in names.kinds], dtype=bool)
        for i in np.flatnonzero(of_kind & (status == ACTIVE) & (users > policy.max_user_ids)).tolist():
            status[i], reason[i] = SHARED, f"seen with {users[i]} user ids, at most {policy.max_user_ids}"
    return status, reason


def _user_ids_beside(names: Distinct, links: Links, status: Texts) -> Ints:
    """How many distinct, usable user ids each identifier was seen together with."""
    is_user = np.array([kind == _USER_ID for kind in names.kinds], dtype=bool) & (status == ACTIVE)
    beside = np.concatenate([links.left[is_user[links.right]], links.right[is_user[links.left]]])
    return np.bincount(beside, minlength=len(is_user)).astype(np.int64)


def _refusals(names: Distinct, links: Links, status: Texts) -> Texts:
    """Why each link is refused; None where it is accepted. The gravest reason of the two ends counts."""
    refusal = np.full(len(links.left), None, dtype=object)
    kinds = np.array(names.kinds, dtype=object)
    same = kinds[links.left] == kinds[links.right]
    for kind in (policy.kind for policy in POLICIES.values() if policy.is_exclusive):
        refusal[same & (kinds[links.left] == kind)] = f"two values of {kind}, of which a person has one"
    for verdict in (SHARED, INVALID, PLACEHOLDER):
        is_hit = (status[links.left] == verdict) | (status[links.right] == verdict)
        refusal[is_hit] = f"an end is {verdict}"
    return refusal


def _persons(keys: Ints, first: Ints, links: Links, is_accepted: Flags) -> Ints:
    """Per identifier, the key of its person. What does not link stands alone."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    count = len(keys)
    if not count:
        return keys
    left, right = links.left[is_accepted], links.right[is_accepted]
    graph = coo_array((np.ones(len(left), dtype=np.int8), (left, right)), shape=(count, count))
    _, component = connected_components(graph, directed=False)
    order = np.lexsort((np.arange(count), first, component))
    _, starts = np.unique(component[order], return_index=True)
    persons: Ints = keys[order[starts]][component]
    return persons


def _links_table(links: Links, keys: Ints, records: pa.Array, is_accepted: Flags, refusal: Texts) -> pa.Table:
    ends = np.sort(np.stack([keys[links.left], keys[links.right]]), axis=0)
    return pa.Table.from_arrays(
        [
            pa.array(ends[0]),
            pa.array(ends[1]),
            pa.repeat(pa.scalar(_RULE), len(links.left)),
            pa.array(links.records),
            records.take(links.example),
            _moments(links.first),
            _moments(links.last),
            pa.array(is_accepted),
            pa.array(refusal, pa.string()),
        ],
        schema=LINKS_TABLE.schema,
    ).take(np.lexsort((ends[1], ends[0])))


def _moments(values: Ints) -> pa.Array:
    return pa.array(values).cast(UTC_MICROSECONDS)


def _revision(identifiers: pa.Table) -> str:
    persons = identifiers["person_key"]
    digest = hashlib.sha256()
    for column in (
        identifiers["identifier_key"],
        pc.fill_null(persons, 0),
        pc.is_valid(persons).cast(pa.int8()),
    ):
        digest.update(column.to_numpy().tobytes())
    return digest.hexdigest()[:16]
