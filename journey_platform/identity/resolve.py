"""From observations to persons: identifiers, links with their verdicts, and a stable key for each person.

A pure function of the sets of observations, other evidence and decisions: neither order nor batches nor
repetition changes a byte. What was seen is in `observations`; how components are kept within their limits, in
`cut`; which profile a touchpoint belongs to, in `assign`.
"""

import hashlib
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from journey_platform.identity.columns import (
    Codes,
    Flags,
    Ints,
    Texts,
    gathered,
    is_missing,
    order_by,
    rank_of,
    runs_encoded,
)
from journey_platform.identity.cut import KEPT_APART, Limits, cut
from journey_platform.identity.decisions import rulings
from journey_platform.identity.keys import identifier_keys
from journey_platform.identity.links import (
    EVIDENCE,
    Links,
    Sightings,
    co_observed,
    judged,
    known_links,
    sightings,
    with_refused,
)
from journey_platform.identity.normalise import DEFAULT_SPELLING, KINDS, Distinct, Spelling, distinct
from journey_platform.identity.placeholders import placeholder_rules
from journey_platform.identity.policy import POLICIES, RULES, USER_ID, Policies
from journey_platform.tables import DECISIONS, IDENTIFIERS_TABLE, LINKS_TABLE, UTC_MICROSECONDS

ACTIVE, SHARED, BLOCKED = "active", "shared", "blocked"
PLACEHOLDER, INVALID = "placeholder", "invalid"


_ENDLESS = np.iinfo(np.int64).max
# From so many rows on, memory counts for more than time: a gigabyte or two for each dictionary.
_MANY = 16_000_000


@dataclass(frozen=True)
class Resolution:
    """`identifiers` and `links` as `tables` declares them; `revision`: a fingerprint of who is who."""

    identifiers: pa.Table
    links: pa.Table
    revision: str


def resolve(
    observations: pa.Table,
    *,
    secret: bytes,
    evidence: pa.Table | None = None,
    decisions: pa.Table | None = None,
    policies: Policies = POLICIES,
    spelling: Spelling = DEFAULT_SPELLING,
) -> Resolution:
    """Resolve `OBSERVATIONS`. Raises `KeyCollision` where two identifiers get one key.

    Identifiers that stood in one record are linked; `evidence` (`links.EVIDENCE` or `JUDGED`) and `decisions`
    (`tables.DECISIONS`) bring further links. A link is refused where an end is a placeholder, malformed,
    blocked or shared, and where it is too weak to stay within the limits of a profile (`cut`). The persons
    are the components of the accepted links; a person's key is that of its earliest identifier, by
    (first seen, kind, value).
    """
    # Two threads: most of it is done by Arrow and NumPy outside Python's lock. And of many millions each
    # of these columns is gigabytes: what has been used goes, for the rest of the work to have the room.
    with ThreadPoolExecutor(1) as beside:
        encoding = beside.submit(runs_encoded, observations["record"])
        if observations.num_rows > _MANY:
            wait([encoding])
        names = distinct(observations["kind"], observations["value"], spelling)
        sorting = beside.submit(names.alphabet)
        keys = identifier_keys(secret, names.kinds(), names.values)
        # From here on everything is in the order of keys, which is that of the tables.
        by_key = np.argsort(keys)
        keys, names = keys[by_key], names.sorted_by(by_key)
        record, record_names = encoding.result()
        moment = observations["observed_at"].cast(pa.int64()).to_numpy()
        gathering = beside.submit(gathered, names.of_row, observations["vendor"], len(keys))
        del observations, encoding
        seen = sightings(record, names.of_row, moment)
        del record, moment
        names = names.without_rows()
        ruled = rulings(DECISIONS.empty() if decisions is None else decisions)
        judging = beside.submit(_own_verdicts, names, np.isin(keys, ruled.blocked))
        first, last, records = _spans(seen, len(keys))
        observed = co_observed(seen, record_names, _by_kind(names, policies, "trust"))
        del seen
        given, refused = judged(EVIDENCE.empty_table() if evidence is None else evidence)
        given = pa.concat_tables([given, ruled.links])
        links = observed.beside(known_links(given, keys, len(record_names)))
        status, why = judging.result()
        _find_shared(names, observed, policies, status, why)
        apart, alphabet = _places(keys, ruled.apart), sorting.result()[by_key]
        refusal, component = _components(links, names.kind, alphabet, status, apart, policies)
        examples = pa.chunked_array([record_names, *given["example"].chunks], pa.string())
        tabling = beside.submit(_links_table, links, keys, refusal, examples)
        columns = [
            pa.array(keys),
            names.kinds(),
            names.values,
            _moments(first),
            _moments(last),
            pa.array(records),
            gathering.result(),
            pa.array(status, pa.string()),
            pa.array(why, pa.string()),
            pa.array(_named(component, keys, first, alphabet), mask=status != ACTIVE),
        ]
        identifiers = pa.Table.from_arrays(columns, schema=IDENTIFIERS_TABLE.schema)
        told = with_refused(tabling.result(), refused, keys)
        return Resolution(identifiers, told, _revision(identifiers))


def _spans(seen: Sightings, count: int) -> tuple[Ints, Ints, Ints]:
    """Per identifier: first and last sighting, and how many records carry it."""
    first, last = np.full(count, _ENDLESS), np.full(count, -_ENDLESS)
    np.minimum.at(first, seen.identifier, seen.first)
    np.maximum.at(last, seen.identifier, seen.last)
    return first, last, np.bincount(seen.identifier, minlength=count).astype(np.int64)


def _by_kind(names: Distinct, policies: Policies, trait: str) -> npt.NDArray[np.float64]:
    return np.array([getattr(policies[kind], trait) for kind in KINDS], dtype=np.float64)[names.kind]


def _own_verdicts(names: Distinct, is_blocked: Flags) -> tuple[Texts, Texts]:
    """(status, reason) of each identifier, whatever it was seen with."""
    status = np.full(len(names.kind), ACTIVE, dtype=object)
    reason = names.malformed.copy()
    status[~is_missing(reason)] = INVALID
    for code, kind in enumerate(KINDS):
        rows = np.flatnonzero(names.kind == code)
        rule = placeholder_rules(kind, names.values.take(pa.array(rows)))
        is_hit = ~is_missing(rule)
        status[rows[is_hit]], reason[rows[is_hit]] = PLACEHOLDER, rule[is_hit]
    status[is_blocked], reason[is_blocked] = BLOCKED, "blocked by a decision"
    return status, reason


def _find_shared(names: Distinct, links: Links, policies: Policies, status: Texts, reason: Texts) -> None:
    """Mark the active identifiers that records show beside too many others."""
    is_usable = status == ACTIVE
    between = is_usable[links.left] & is_usable[links.right]
    ends = np.stack([links.left[between], links.right[between]])
    seen = np.concatenate([ends[0], ends[1]]), np.concatenate([ends[1], ends[0]])
    for other in (p for p in policies.values() if not p.is_anonymous):
        is_other = names.kind[seen[1]] == KINDS.index(other.kind)
        beside = np.bincount(seen[0][is_other], minlength=len(status))
        for policy in policies.values():
            most = policy.max_user_ids if other.kind == USER_ID else policy.max_beside
            if most is None or policy.kind == other.kind:
                continue
            is_over = names.is_kind(policy.kind) & is_usable & (beside > most)
            for i in np.flatnonzero(is_over).tolist():
                status[i], reason[i] = SHARED, f"seen with {beside[i]} of {other.kind}, at most {most}"


def _places(keys: Ints, pairs: tuple[tuple[int, int], ...]) -> list[tuple[int, int]]:
    """The pairs of keys of which both were seen, as places."""
    asked = np.array(pairs, dtype=np.int64).reshape(-1)
    place = {int(keys[i]): int(i) for i in np.flatnonzero(np.isin(keys, asked))}
    return [(place[one], place[other]) for one, other in pairs if one in place and other in place]


def _components(
    links: Links,
    kind: Codes,
    alphabet: Codes,
    status: Texts,
    apart: list[tuple[int, int]],
    policies: Policies,
) -> tuple[Texts, Ints]:
    """(why each link is refused, None where it is accepted; the component of each identifier)."""
    refusal = _refusals(links, status, apart)
    opened = np.flatnonzero(is_missing(refusal))
    limits = Limits(
        kind=kind,
        at_most={KINDS.index(p.kind): p.max_per_profile for p in policies.values() if p.max_per_profile},
        apart=apart,
        names=KINDS,
    )
    refusal[opened], component = cut(
        links.left[opened],
        links.right[opened],
        lambda places: places[links.strongest_first(opened[places], alphabet)],
        limits,
    )
    return refusal, component


def _refusals(links: Links, status: Texts, apart: list[tuple[int, int]]) -> Texts:
    """Why each link is refused for its own sake; None where it is not. The gravest reason counts."""
    refusal = np.full(len(links.left), None, dtype=object)
    for one, other in apart:
        refusal[(links.left == min(one, other)) & (links.right == max(one, other))] = KEPT_APART
    for verdict in (SHARED, BLOCKED, INVALID, PLACEHOLDER):
        is_such = status == verdict
        refusal[is_such[links.left] | is_such[links.right]] = f"an end is {verdict}"
    return refusal


def _named(component: Ints, keys: Ints, first: Ints, alphabet: Codes) -> Ints:
    """Per identifier, the key of its person. What does not link stands alone."""
    if not len(keys):
        return keys
    since = np.full(component.max() + 1, _ENDLESS)
    np.minimum.at(since, component, first)
    earliest = np.flatnonzero(first == since[component])
    named_after = np.full(len(since), len(keys))
    np.minimum.at(named_after, component[earliest], alphabet[earliest])
    by_name = np.empty(len(keys) + 1, dtype=np.int64)
    by_name[alphabet] = keys
    persons: Ints = by_name[named_after[component]]
    return persons


def _links_table(links: Links, keys: Ints, refusal: Texts, examples: pa.ChunkedArray) -> pa.Table:
    by_name = rank_of(np.argsort(np.array(RULES)))[links.rule]
    ends = links.left.astype(np.int64) * len(keys) + links.right
    is_sorted = bool((ends[1:] > ends[:-1]).all())
    order = slice(None) if is_sorted else order_by(ends, by_name)
    del ends
    refused = refusal[order]
    return pa.Table.from_arrays(
        [
            pa.array(keys[links.left[order]]),
            pa.array(keys[links.right[order]]),
            pa.array(RULES).take(pa.array(links.rule[order])),
            pa.array(links.weight[order]),
            pa.array(links.records[order]),
            examples.take(pa.array(links.example[order])),
            _moments(links.first[order]),
            _moments(links.last[order]),
            pa.array(is_missing(refused)),
            pa.array(refused, pa.string()),
        ],
        schema=LINKS_TABLE.schema,
    )


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
