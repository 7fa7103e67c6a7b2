"""Why two identifiers are one person's, or why they are not: the path of evidence between them.

Who is one person is decided in `resolve`; here its tables are only read, those of today or of a past version.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from journey_platform.identity.columns import Ints
from journey_platform.identity.keys import profile_id
from journey_platform.identity.policy import CO_OBSERVED, RULES

_REFUSED_COST = 1e6


@dataclass(frozen=True)
class Known:
    """An identifier as it stands: `profile` is its profile's id, None where it belongs to nobody."""

    key: int
    kind: str
    value: str
    status: str
    reason: str | None
    profile: str | None


@dataclass(frozen=True)
class Step:
    """One link of the path, in its direction. `reason`: what refused it, None where it is accepted."""

    start: Known
    end: Known
    rule: str
    weight: float
    records: int
    example: str
    first_seen: datetime
    last_seen: datetime
    reason: str | None


@dataclass(frozen=True)
class Explanation:
    """`steps`: from the one side to the other, by as few refused links as there must be; none where no chain
    of evidence leads from one to the other. `is_one_person`: both sides have one profile."""

    left: tuple[Known, ...]
    right: tuple[Known, ...]
    steps: tuple[Step, ...]
    is_one_person: bool


def describe(identifiers: pa.Table, keys: Sequence[int]) -> tuple[Known, ...]:
    """The identifiers with these keys, of those that were ever seen."""
    rows = identifiers.filter(pc.is_in(identifiers["identifier_key"], pa.array(keys, pa.int64())))
    return tuple(
        Known(
            key=row["identifier_key"],
            kind=row["kind"],
            value=row["value"],
            status=row["status"],
            reason=row["reason"],
            profile=None if row["person_key"] is None else profile_id(row["person_key"]),
        )
        for row in rows.to_pylist()
    )


def explain(identifiers: pa.Table, links: pa.Table, left: Sequence[int], right: Sequence[int]) -> Explanation:
    """The evidence between two sides, each one or more identifier keys (a record's).

    `identifiers` and `links`: as `tables` declares them, of one version.
    """
    one, other = describe(identifiers, left), describe(identifiers, right)
    shared = {known.profile for known in one} & {known.profile for known in other} - {None}
    keys = identifiers["identifier_key"].to_numpy()
    sources, targets = (np.searchsorted(keys, [known.key for known in side]) for side in (one, other))
    rows = _path(links, keys, sources, targets) if one and other else []
    return Explanation(one, other, tuple(_steps(identifiers, links, rows)), bool(shared))


def evidence_of(links: pa.Table, key: int) -> pa.Table:
    """All links of one identifier, the accepted first."""
    mine = links.filter(pc.or_(pc.equal(links["left_key"], key), pc.equal(links["right_key"], key)))
    return mine.sort_by([("is_accepted", "descending"), ("records", "descending")])


def _path(links: pa.Table, keys: Ints, sources: Ints, targets: Ints) -> list[tuple[int, bool]]:
    """(row of the link, whether it is walked from right to left) along the cheapest way."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import dijkstra

    ends = [np.searchsorted(keys, links[name].to_numpy()) for name in ("left_key", "right_key")]
    cost = _costs(links)
    order = np.lexsort((cost, ends[1], ends[0]))
    _, firsts = np.unique(np.stack([ends[0][order], ends[1][order]]), axis=1, return_index=True)
    best = order[firsts]
    graph = coo_array((cost[best], (ends[0][best], ends[1][best])), shape=(len(keys), len(keys))).tocsr()
    distance, before, _ = dijkstra(
        graph, directed=False, indices=np.unique(sources), return_predecessors=True, min_only=True
    )
    node = int(targets[np.argmin(distance[targets])])
    if not np.isfinite(distance[node]):
        return []
    row_of = {(int(ends[0][i]), int(ends[1][i])): int(i) for i in _along(best, ends, before, node)}
    found = []
    while before[node] >= 0:
        previous = int(before[node])
        is_reversed = (previous, node) not in row_of
        found.append((row_of[(node, previous) if is_reversed else (previous, node)], is_reversed))
        node = previous
    return found[::-1]


def _along(best: Ints, ends: list[Ints], before: Ints, node: int) -> Ints:
    """The rows of `best` between nodes of the way that ends at `node`."""
    nodes = [node]
    while before[nodes[-1]] >= 0:
        nodes.append(int(before[nodes[-1]]))
    is_near = np.isin(ends[0][best], nodes) & np.isin(ends[1][best], nodes)
    found: Ints = best[is_near]
    return found


def _costs(links: pa.Table) -> npt.NDArray[np.float64]:
    """One a link, a little more the weaker it is; refused ones only where nothing else leads there."""
    rank = pc.index_in(links["rule"], pa.array(RULES)).to_numpy()
    weight = np.where(rank == RULES.index(CO_OBSERVED), links["weight"].to_numpy(), 1.0)
    refused = np.where(links["is_accepted"].to_numpy(), 0.0, _REFUSED_COST)
    cost: npt.NDArray[np.float64] = 1.0 + rank + (1.0 - weight) + refused
    return cost


def _steps(identifiers: pa.Table, links: pa.Table, rows: list[tuple[int, bool]]) -> list[Step]:
    found = []
    for place, is_reversed in rows:
        (row,) = links.slice(place, 1).to_pylist()
        ends = {known.key: known for known in describe(identifiers, (row["left_key"], row["right_key"]))}
        start, end = (ends[row[name]] for name in ("left_key", "right_key"))
        told = ("rule", "weight", "records", "example", "first_seen", "last_seen", "reason")
        pair = (end, start) if is_reversed else (start, end)
        found.append(Step(*pair, **{name: row[name] for name in told}))
    return found
