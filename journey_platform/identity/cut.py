"""Limits of a profile: which links give way so that no profile holds what it must not.

Links are taken from the strongest to the weakest, and one that would put too many values of a kind, or two
identifiers that a decision keeps apart, into one profile is refused. The order is total and a refusal final,
so the result depends on the set of links alone. Only components that break a limit are walked through in
Python.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from journey_platform.identity.columns import Codes, Flags, Ints, Texts, is_missing

KEPT_APART = "a decision keeps the two sides apart"


@dataclass(frozen=True)
class Limits:
    """`kind`: of each identifier, a code. `at_most`: by code, how many a profile may hold. `apart`: pairs of
    identifiers that are never in one profile. `names`: of the codes, for the reasons."""

    kind: Codes | Ints
    at_most: Mapping[int, int]
    apart: Sequence[tuple[int, int]]
    names: Sequence[str]


def components(count: int, left: Codes | Ints, right: Codes | Ints) -> Ints:
    """The component of each of `count` identifiers, as numbers from 0."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not count:
        return np.empty(0, np.int64)
    graph = coo_array((np.ones(len(left), dtype=np.int8), (left, right)), shape=(count, count))
    labels: Ints = connected_components(graph, directed=False)[1]
    return labels


def cut(
    left: Codes | Ints, right: Codes | Ints, strongest_first: Callable[[Ints], Ints], limits: Limits
) -> tuple[Texts, Ints]:
    """(why each link is refused, None where it is kept; the component of each identifier without those, a
    number that others share and that tells nothing else).

    `strongest_first`: puts places of links into their total order.
    """
    refusal = np.full(len(left), None, dtype=object)
    component = components(len(limits.kind), left, right)
    is_broken = _broken(component, limits)
    if not is_broken.any():
        return refusal, component
    chosen = strongest_first(np.flatnonzero(is_broken[component[left]]))
    reasons = _forest(left[chosen], right[chosen], limits)
    refusal[chosen] = reasons
    kept = chosen[is_missing(refusal[chosen])]
    nodes = np.flatnonzero(is_broken[component])
    within = components(len(nodes), np.searchsorted(nodes, left[kept]), np.searchsorted(nodes, right[kept]))
    component[nodes] = len(is_broken) + within
    return refusal, component


def _broken(component: Ints, limits: Limits) -> Flags:
    """Which components hold more of a kind than they may, or two that are kept apart."""
    is_broken = np.zeros(component.max(initial=-1) + 1, dtype=bool)
    for code, at_most in limits.at_most.items():
        is_broken |= np.bincount(component[limits.kind == code], minlength=len(is_broken)) > at_most
    for one, other in limits.apart:
        if component[one] == component[other]:
            is_broken[component[one]] = True
    return is_broken


def _forest(left: Codes | Ints, right: Codes | Ints, limits: Limits) -> list[str | None]:
    """Why each link is refused, in their order, by joining one after the other."""
    nodes, places = np.unique(np.concatenate([left, right]), return_inverse=True)
    parent = list(range(len(nodes)))
    codes = sorted(limits.at_most)
    bounds = [limits.at_most[code] for code in codes]
    held = [[int(kind == code) for code in codes] for kind in limits.kind[nodes].tolist()]
    foes = _foes(nodes, limits.apart)

    def root(node: int) -> int:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    reasons: list[str | None] = []
    ends = places.ravel().tolist()
    for one, other in zip(ends[: len(left)], ends[len(left) :], strict=True):
        a, b = root(one), root(other)
        if a == b:
            reasons.append(None)
            continue
        together = [x + y for x, y in zip(held[a], held[b], strict=True)]
        if foes and any(root(foe) == b for foe in foes.get(a, ())):
            reasons.append(KEPT_APART)
            continue
        over = next((i for i, bound in enumerate(bounds) if together[i] > bound), None)
        if over is not None:
            reasons.append(f"a profile holds at most {bounds[over]} {limits.names[codes[over]]}")
            continue
        reasons.append(None)
        parent[b] = a
        held[a] = together
        if b in foes:
            foes.setdefault(a, set()).update(foes.pop(b))
    return reasons


def _foes(nodes: Ints, apart: Sequence[tuple[int, int]]) -> dict[int, set[int]]:
    """By place in `nodes`, the places that must stay in another profile."""
    if not apart:
        return {}
    place = {node: i for i, node in enumerate(nodes.tolist())}
    found: dict[int, set[int]] = {}
    for one, other in apart:
        if one in place and other in place:
            found.setdefault(place[one], set()).add(place[other])
            found.setdefault(place[other], set()).add(place[one])
    return found
