"""Seeded draws: one stream of random numbers per topic, and draws from measured distributions.

Streams are keyed by seed and topic, so that a new topic leaves the others' numbers alone. Only
`Random.random` and what Python keeps stable across versions is used. No figure of the company stands here.
"""

import bisect
import itertools
from collections.abc import Hashable, Mapping, Sequence
from random import Random
from typing import Generic, TypeVar

from journey_platform.demo.marginals import Quantiles

T = TypeVar("T", bound=Hashable)


def stream(seed: int, topic: str) -> Random:
    """The topic's own random numbers: the same in every process and Python version."""
    return Random(f"{seed}/{topic}")


def happens(rng: Random, chance: float) -> bool:
    return rng.random() < chance


def whole(rng: Random, low: int, high: int) -> int:
    """A whole number from low to high, both included."""
    return low + int(rng.random() * (high - low + 1))


def one_of(rng: Random, items: Sequence[T]) -> T:
    return items[int(rng.random() * len(items))]


def some_of(rng: Random, items: Sequence[T], count: int) -> list[T]:
    """`count` different items in random order (all of them, where there are fewer)."""
    return [item for _, _, item in sorted((rng.random(), i, item) for i, item in enumerate(items))][:count]


class Wheel(Generic[T]):
    """Draws values in proportion to their weights."""

    def __init__(self, weights: Mapping[T, float]) -> None:
        self._values = list(weights)
        self._edges = list(itertools.accumulate(weights.values()))

    def spin(self, rng: Random) -> T:
        return self._values[bisect.bisect_right(self._edges, rng.random() * self._edges[-1])]


def from_quantiles(rng: Random, quantiles: Quantiles, *, low: float, high: float) -> float:
    """A draw whose quantiles are the given ones; geometric between them, from `low` (> 0) to `high`."""
    knots = ((0.0, low), *quantiles, (1.0, high))
    share = rng.random()
    at = bisect.bisect_right([p for p, _ in knots], share)
    (p0, v0), (p1, v1) = knots[at - 1], knots[at]
    return float(v0 * (v1 / v0) ** ((share - p0) / (p1 - p0)))
