"""Links: pairs of identifiers with the evidence that they are one person's.

Here are those that stood in one record, counted over all records, and the way to put links of other origin
beside them. Which links are accepted, and who results, is in `resolve`.
"""

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from journey_platform.identity.columns import Codes, Flags, Ints, order_by, ranked
from journey_platform.identity.policy import CO_OBSERVED, RULES
from journey_platform.tables import LINKS_TABLE

EVIDENCE = pa.schema([f for f in LINKS_TABLE.schema if f.name not in {"is_accepted", "reason"}])
"""Links before anybody judged them: what `resolve` takes from elsewhere. Both ends by identifier_key."""
JUDGED = EVIDENCE.append(LINKS_TABLE.schema.field("reason"))
"""The same, with the reason where the link's own rule refuses it."""


@dataclass(frozen=True)
class Sightings:
    """Distinct (record, identifier) pairs, sorted by both. `first` and `last`: when, in microseconds."""

    record: Codes
    identifier: Codes
    first: Ints
    last: Ints


@dataclass(frozen=True)
class Links:
    """Distinct (left, right, rule), left < right as places of identifiers; `rule`: codes of `policy.RULES`.

    `records`: how many tie them together; `example`: the earliest of these, the first by name among equals,
    as its place among the names of records.
    """

    left: Codes
    right: Codes
    rule: Codes
    weight: npt.NDArray[np.float64]
    records: Ints
    example: Ints
    first: Ints
    last: Ints

    def strongest_first(self, places: Ints, alphabet: Codes) -> Ints:
        """The order of the links at `places`: by rule, weight, records, recency, then the ends.

        `alphabet`: the rank of each identifier.
        """
        ends = np.sort(np.stack([alphabet[self.left[places]], alphabet[self.right[places]]]), axis=0)
        ranks = (-self.last[places], -self.records[places], -self.weight[places], self.rule[places])
        order: Ints = np.lexsort((ends[1], ends[0], *ranks))
        return order

    def beside(self, other: "Links") -> "Links":
        if not len(other.left):
            return self
        return Links(
            *(np.concatenate([getattr(self, f.name), getattr(other, f.name)]) for f in fields(Links))
        )


def sightings(record: Codes, identifier: Codes, moment: Ints) -> Sightings:
    """Gather observations, which may repeat, by record and identifier."""
    order = order_by(record, identifier)
    record, identifier, moment = record[order], identifier[order], moment[order]
    starts = _starts(record, identifier)
    kept = slice(None) if len(starts) == len(record) else starts
    return Sightings(
        record=record[kept],
        identifier=identifier[kept],
        first=_reduced(np.minimum, moment, starts),
        last=_reduced(np.maximum, moment, starts),
    )


def co_observed(seen: Sightings, record_names: pa.Array, trust: npt.NDArray[np.float64]) -> Links:
    """Every pair of identifiers of every record. A record's time is from its first to its last sighting.

    `record_names`: by `seen.record`; `trust`: of each identifier.
    """
    starts = _starts(seen.record)
    sizes = np.diff(np.append(starts, len(seen.record)))
    first = _reduced(np.minimum, seen.first, starts)
    last = _reduced(np.maximum, seen.last, starts)
    found: list[tuple[Codes, ...]] = [(np.empty(0, np.int32),) * 3]
    for size in np.flatnonzero(np.bincount(sizes[sizes > 1])).tolist():
        chosen = np.flatnonzero(sizes == size).astype(np.int32)
        members = seen.identifier[starts[chosen][:, None] + np.arange(size)]
        of_left, of_right = np.triu_indices(size, k=1)
        pairs = members[:, of_left].ravel(), members[:, of_right].ravel()
        found.append((*pairs, np.repeat(chosen, len(of_left))))
    left, right, group = (np.concatenate(column) for column in zip(*found, strict=True))
    order = order_by(left, right)
    left, right, group = left[order], right[order], group[order]
    heads = _starts(left, right)
    left, right = left[heads], right[heads]
    earliest = _reduced(np.minimum, first[group], heads)
    return Links(
        left=left,
        right=right,
        rule=np.full(len(left), RULES.index(CO_OBSERVED), dtype=np.int32),
        weight=trust[left] * trust[right],
        records=np.diff(np.append(heads, len(group))),
        example=_examples(
            heads,
            first[group] == np.repeat(earliest, np.diff(np.append(heads, len(group)))),
            seen.record[starts[group]],
            record_names,
        ),
        first=earliest,
        last=_reduced(np.maximum, last[group], heads),
    )


def _examples(heads: Ints, is_earliest: Flags, record: Codes, names: pa.Array) -> Ints:
    """The earliest record of each link; the first by name where several are as early."""
    link = np.repeat(np.arange(len(heads)), np.diff(np.append(heads, len(record))))
    earliest = np.flatnonzero(is_earliest)
    chosen = np.empty(len(heads), dtype=np.int64)
    chosen[link[earliest]] = record[earliest]
    tied = earliest[np.bincount(link[earliest], minlength=len(heads))[link[earliest]] > 1]
    if len(tied):
        rank, _ = ranked(names.take(pa.array(record[tied])))
        tied = tied[np.lexsort((rank, link[tied]))]
        links, at = np.unique(link[tied], return_index=True)
        chosen[links] = record[tied[at]]
    return chosen


def known_links(evidence: pa.Table, keys: Ints, named: int) -> Links:
    """Links from elsewhere (`EVIDENCE`) between identifiers that were seen; others are left out.

    `keys`: of each identifier, sorted; `named`: how many names of records come before those of `evidence`.
    Raises `ValueError` for a rule that `policy` does not declare.
    """
    if unknown := set(evidence["rule"].unique().to_pylist()) - set(RULES):
        raise ValueError(f"undeclared rules of links: {', '.join(sorted(unknown))}")
    ends = [evidence[name].to_numpy() for name in ("left_key", "right_key")]
    found = [np.searchsorted(keys, end) for end in ends]
    is_known = np.ones(evidence.num_rows, dtype=bool)
    for place, end in zip(found, ends, strict=True):
        is_known &= place < len(keys)
        is_known[is_known] &= keys[place[is_known]] == end[is_known]
    kept = evidence.filter(pa.array(is_known))
    left, right = np.sort(np.stack([place[is_known] for place in found]), axis=0).astype(np.int32)
    rules = np.array([RULES.index(rule) for rule in kept["rule"].to_pylist()], dtype=np.int32)
    return Links(
        left=left,
        right=right,
        rule=rules,
        weight=kept["weight"].to_numpy(),
        records=kept["records"].to_numpy(),
        example=named + np.flatnonzero(is_known),
        first=kept["first_seen"].cast(pa.int64()).to_numpy(),
        last=kept["last_seen"].cast(pa.int64()).to_numpy(),
    )


def judged(evidence: pa.Table) -> tuple[pa.Table, pa.Table]:
    """`EVIDENCE` that no rule refused by itself, and the rows of `JUDGED` that one did."""
    if "reason" not in evidence.schema.names:
        return evidence.select(EVIDENCE.names), JUDGED.empty_table()
    is_refused = evidence["reason"].is_valid()
    refused = evidence.filter(is_refused).select(JUDGED.names)
    return evidence.filter(pc.invert(is_refused)).select(EVIDENCE.names), refused


def with_refused(links: pa.Table, refused: pa.Table, keys: Ints) -> pa.Table:
    """`tables.LINKS_TABLE` with those that their own rule refused, between identifiers that were seen."""
    if not refused.num_rows:
        return links
    ends = ["left_key", "right_key", "rule"]
    for end in ends[:2]:
        refused = refused.filter(pc.is_in(refused[end], pa.array(keys)))
    refused = refused.join(links.select(ends), ends, join_type="left anti")
    refused = refused.append_column("is_accepted", pa.repeat(pa.scalar(False), refused.num_rows))
    both = pa.concat_tables([links, refused.select(links.schema.names).cast(links.schema)])
    return both.sort_by([(name, "ascending") for name in ends])


def _starts(*keys: Codes | Ints) -> Ints:
    """Where each run of equal keys begins in sorted columns."""
    if not len(keys[0]):
        return np.empty(0, np.int64)
    is_new = np.zeros(len(keys[0]), dtype=bool)
    is_new[0] = True
    for key in keys:
        is_new[1:] |= key[1:] != key[:-1]
    return np.flatnonzero(is_new).astype(np.int64, copy=False)


def _reduced(function: np.ufunc, values: Ints, starts: Ints) -> Ints:
    return function.reduceat(values, starts) if len(starts) < len(values) else values
