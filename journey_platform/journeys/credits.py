"""Who earns a conversion: models that share conversions and their value out over the channels touched.

Every model's credits sum to the conversions and to their value; what has no touch is credited to "(none)".
Rules: first, last, last non-direct, linear, position (40/20/40; two touches 50/50), custom weights, time
decay 2^(-age / half-life). Shapley: of the game in which a set of channels earns what paths within it
earned, the value is each path's conversions in equal parts to its distinct channels (Harsanyi's dividends).
Markov: each channel's removal effect, its share of them; after Anderl, Becker, von Wangenheim, Schumann
(2016), IJRM 33(3).
"""

from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from journey_platform.tables.insights import ATTRIBUTION

NOBODY = "(none)"

CREDITS = ATTRIBUTION.schema.remove(0)


class _Paths:
    """`attribution.TOUCH_PATHS` as arrays: touches of paths one after the other."""

    def __init__(self, paths: pa.Table) -> None:
        lists = paths["channels"].combine_chunks()
        encoded = lists.flatten().dictionary_encode()
        texts = [str(text) for text in encoded.dictionary.to_pylist()]
        order = np.argsort(np.array(texts, dtype=object)) if texts else np.zeros(0, dtype=np.int64)
        rank = np.empty(len(texts), dtype=np.int64)
        rank[order] = np.arange(len(texts))
        self.names = [texts[place] for place in order]
        self.channel = rank[encoded.indices.to_numpy(zero_copy_only=False)] if texts else rank
        self.lengths = np.diff(lists.offsets.to_numpy()) if len(lists) else np.zeros(0, dtype=np.int64)
        self.path = np.repeat(np.arange(len(self.lengths)), self.lengths)
        ends = np.cumsum(self.lengths)
        self.step = np.arange(len(self.path)) - np.repeat(ends - self.lengths, self.lengths)
        self.left = np.repeat(self.lengths, self.lengths) - 1 - self.step
        self.ages = paths["ages_s"].combine_chunks().flatten().to_numpy()
        self.conversions = paths["conversions"].to_numpy()
        self.value = paths["value"].to_numpy()
        self.nulls = paths["nulls"].to_numpy()


def credit(
    paths: pa.Table,
    *,
    half_life_s: int = 604_800,
    direct: str = "Direct",
    weights: tuple[float, float, float] | None = None,
    order: int = 1,
    models: Collection[str] = (),
) -> pa.Table:
    """One row per model and channel, in `CREDITS`, from `attribution.TOUCH_PATHS`.

    `weights`: first, middle (shared) and last of the model custom, which is there if they are.
    removal_effect: of Markov only, the share of conversions that are lost without the channel. `models`:
    those wanted; all without.
    """
    found = _Paths(paths)
    shares: dict[str, Callable[[], np.ndarray]] = {
        "first": lambda: (found.step == 0).astype(float),
        "last": lambda: (found.left == 0).astype(float),
        "last_non_direct": lambda: _last_non_direct(found, direct),
        "linear": lambda: np.ones(len(found.path)),
        "position": lambda: _by_position(found, (0.4, 0.2, 0.4)),
        "time_decay": lambda: np.exp2(-_youngest_first(found) / half_life_s),
        "shapley": lambda: _distinct(found),
    }
    if weights is not None:
        custom = weights
        shares["custom"] = lambda: _by_position(found, custom)
    rows: list[dict[str, Any]] = []
    for model, told in shares.items():
        if models and model not in models:
            continue
        share = told()
        total = np.bincount(found.path, weights=share, minlength=len(found.lengths))
        part = share / np.where(total > 0, total, 1.0)[found.path]
        earned = [
            np.bincount(found.channel, weights=part * what[found.path], minlength=len(found.names))
            for what in (found.conversions, found.value)
        ]
        rows += _rows(model, found, earned, None)
    if models and "markov" not in models:
        return pa.Table.from_pylist(rows, schema=CREDITS)
    removal = removal_effects(paths, order=order)
    effect = np.array([removal.get(name, 0.0) for name in found.names])
    touched = found.lengths > 0
    parts = effect / effect.sum() if effect.sum() > 0 else np.zeros(len(effect))
    earned = [parts * what[touched].sum() for what in (found.conversions, found.value)]
    rows += _rows("markov", found, earned, effect)
    return pa.Table.from_pylist(rows, schema=CREDITS)


def _rows(
    model: str, found: _Paths, earned: Sequence[np.ndarray], effect: np.ndarray | None
) -> list[dict[str, Any]]:
    names = [*found.names, NOBODY]
    without = found.lengths == 0
    conversions = np.append(earned[0], found.conversions[without].sum())
    value = np.append(earned[1], found.value[without].sum())
    total = conversions.sum()
    return [
        {
            "model": model,
            "channel": name,
            "conversions": float(conversions[place]),
            "value": float(value[place]),
            "share": float(conversions[place] / total) if total else None,
            "removal_effect": None if effect is None or name == NOBODY else float(effect[place]),
        }
        for place, name in enumerate(names)
        if name != NOBODY or conversions[place] > 0
    ]


def _last_non_direct(found: _Paths, direct: str) -> np.ndarray:
    """The last touch that is not direct; the last one where all are."""
    is_direct = np.array([name == direct for name in found.names], dtype=bool)[found.channel]
    place = np.where(is_direct, -1, found.step)
    latest = np.full(len(found.lengths), -1)
    np.maximum.at(latest, found.path, place)
    chosen = np.where(latest < 0, found.lengths - 1, latest)
    return np.asarray(found.step == chosen[found.path], dtype=float)


def _by_position(found: _Paths, weights: tuple[float, float, float]) -> np.ndarray:
    """First, middle and last; without a middle, first and last in their proportion; a single touch takes
    all."""
    first, middle, last = weights
    length = found.lengths[found.path]
    share = np.where(
        found.step == 0, first, np.where(found.left == 0, last, middle / np.maximum(length - 2, 1))
    )
    return np.where((length == 1) | ((length == 2) & (first + last == 0)), 1.0, share)


def _youngest_first(found: _Paths) -> np.ndarray:
    """Ages since the youngest touch of the path: the same proportions, and never all too small to tell."""
    youngest = np.full(len(found.lengths), np.inf)
    np.minimum.at(youngest, found.path, found.ages)
    return np.asarray(found.ages - youngest[found.path])


def _distinct(found: _Paths) -> np.ndarray:
    """One for the first touch of each channel in a path, zero for the others."""
    keys = found.path * max(len(found.names), 1) + found.channel
    share = np.zeros(len(keys))
    share[np.unique(keys, return_index=True)[1]] = 1.0
    return share


def removal_effects(paths: pa.Table, *, order: int = 1) -> dict[str, float]:
    """Per channel: one less the chance to convert without it over the chance with it.

    The chain goes from start over the last `order` touches to conversion or null; transitions are weighted by
    how often their paths were walked. Without a channel, what leads to it leads to null. Solved exactly.
    """
    found = _Paths(paths)
    walked = found.lengths > 0
    if not found.conversions[walked].sum():
        return {}
    width = len(found.names) + 1
    # A state is the last touches, the latest in the lowest place; 0 stands for none.
    state = found.channel + 1
    for back in range(1, order):
        earlier = np.zeros(len(state), dtype=np.int64)
        earlier[back:] = np.where(found.step[back:] >= back, found.channel[:-back] + 1, 0)
        state += earlier * width**back
    states, number = np.unique(state, return_inverse=True)
    weight = (found.conversions + found.nulls)[found.path]
    is_last = found.left == 0
    before = np.append(-1, number[:-1])
    before[found.step == 0] = -1
    last, ending = number[is_last], found.path[is_last]
    moves = _Moves(
        source=np.concatenate([before, last, last]),
        target=np.concatenate([number, np.full(len(last), -2), np.full(len(last), -3)]),
        weight=np.concatenate([weight, found.conversions[ending], found.nulls[ending]]),
        states=len(states),
    )
    with_all = _chance(moves, np.zeros(len(states), dtype=bool))
    digits = np.vstack([states // width**back % width for back in range(order)])
    return {
        name: 1.0 - _chance(moves, (digits == code + 1).any(axis=0)) / with_all
        for code, name in enumerate(found.names)
    }


class _Moves:
    """Transitions between states, each once with its weight: -1 is start, -2 conversion, -3 null."""

    def __init__(self, *, source: np.ndarray, target: np.ndarray, weight: np.ndarray, states: int) -> None:
        width = states + 3
        pairs, place = np.unique((source + 3) * width + target + 3, return_inverse=True)
        self.states = states
        self.source, self.target = pairs // width - 3, pairs % width - 3
        self.weight = np.bincount(place, weights=weight)


def _chance(moves: _Moves, is_gone: np.ndarray) -> float:
    """The chance to get from start to conversion without some states: absorbing chain, (I - Q) x = r."""
    from scipy.sparse import csc_array, identity
    from scipy.sparse.linalg import spsolve

    size = moves.states + 1
    source, target = moves.source + 1, moves.target + 1
    total = np.bincount(source, weights=moves.weight, minlength=size)
    chance = moves.weight / np.where(total > 0, total, 1.0)[source]
    gone = np.append(False, is_gone)
    is_kept = ~gone[source]
    is_inner = is_kept & (target > 0)
    is_inner[is_inner] &= ~gone[target[is_inner]]
    inner = csc_array((chance[is_inner], (source[is_inner], target[is_inner])), shape=(size, size))
    is_won = is_kept & (moves.target == -2)
    won = np.bincount(source[is_won], weights=chance[is_won], minlength=size)
    return float(np.atleast_1d(spsolve(csc_array(identity(size) - inner), won))[0])
