"""The one sorted read that all kernels share: touchpoints by unit and time, their text as integer codes.

A unit is whose journey is told: a person, a session or an account. Rows come with each person whole and in
the order occurred_at, touchpoint_id; here they get their units, and columns are handed out as NumPy arrays.
What is asked of a history is in `funnels`, `paths`, `retention`, `attribution`, `stages` and `friction`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from journey_platform.days import moments_us
from journey_platform.journeys.conditions import Condition
from journey_platform.journeys.sessions import GAP_S, session_starts

Owner = Literal["person_key", "account_key", "device_key"]
"""The column of who has a history: whose rows are read together, in order."""

SECOND_US = 1_000_000
DAY_US = 86_400 * SECOND_US
SORT = ("occurred_at", "touchpoint_id")
"""How rows are sorted within a person. Without ids, those of one instant stay as they come."""
MOOD = "sentiment"
"""The score of what was written, -1 to 1; null where nothing was or nobody can tell."""
OWNERS: Mapping[str, Owner] = {"account": "account_key", "device": "device_key"}
"""Per kind of unit, the column of its own; other units are a person's."""
ACCOUNT: Owner = "account_key"
"""The column that says which account a person acts for; there only where accounts are asked for."""
ALWAYS_READ = ("person_key", "occurred_at")
NEEDED_FOR_SESSIONS = ("channel", "device_key", "visit_id")


@dataclass(frozen=True)
class Timeline:
    """When something happened to whom. `unit`: per row a number that rises from one unit to the next. `at`:
    microseconds since 1970, UTC, rising within a unit."""

    unit: np.ndarray
    at: np.ndarray

    def __len__(self) -> int:
        return len(self.at)

    @cached_property
    def is_first(self) -> np.ndarray:
        """Whether a row is the first of its unit."""
        found = np.ones(len(self.unit), dtype=bool)
        found[1:] = self.unit[1:] != self.unit[:-1]
        return found

    @cached_property
    def begins(self) -> np.ndarray:
        """Per row, the place of its unit's first row."""
        places = np.flatnonzero(self.is_first)
        return places[np.cumsum(self.is_first) - 1] if len(places) else places

    @cached_property
    def ends(self) -> np.ndarray:
        """Per row, the place after its unit's last row."""
        places = np.append(np.flatnonzero(self.is_first), len(self.unit))
        return places[np.cumsum(self.is_first)] if len(self.unit) else places[:0]

    def at_rows(self, keep: np.ndarray) -> "Timeline":
        """Some rows of it, by mask."""
        return Timeline(self.unit[keep], self.at[keep])


@dataclass(frozen=True)
class History(Timeline):
    """Whole persons' touchpoints, sorted. `rows`: the Arrow rows, their text dictionary-encoded."""

    rows: pa.Table
    _known: dict[str, np.ndarray] = field(default_factory=dict, repr=False)

    def with_column(self, name: str, values: pa.Array) -> "History":
        """The same history with one more column."""
        return History(self.unit, self.at, self.rows.append_column(name, values))

    def select(self, columns: Collection[str]) -> "History":
        """The same history with only these columns, as far as they are there."""
        kept = [name for name in self.rows.column_names if name in columns]
        return History(self.unit, self.at, self.rows.select(kept), self._known)

    def mask(self, condition: Condition | None) -> np.ndarray:
        """Which rows a condition holds for; all without one. Each condition is looked at once."""
        if condition is None:
            return np.ones(len(self), dtype=bool)
        if condition.text not in self._known:
            self._known[condition.text] = condition.mask(self.rows)
        return self._known[condition.text]

    def codes(self, column: str) -> tuple[np.ndarray, list[str | None]]:
        """A text column as numbers and their texts; -1 is null, and the last text is None for it."""
        encoded = self.rows[column].combine_chunks()
        if not pa.types.is_dictionary(encoded.type):
            encoded = encoded.cast(pa.string()).dictionary_encode()
        codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        return codes, [*encoded.dictionary.to_pylist(), None]

    def numbers(self, column: str) -> np.ndarray:
        """A column of numbers; NaN is null."""
        values = self.rows[column].combine_chunks().cast(pa.float64())
        return np.asarray(values.to_numpy(zero_copy_only=False), dtype=np.float64)

    def text(self, column: str, places: np.ndarray) -> pa.Array:
        """A column's texts at these rows."""
        taken = self.rows[column].take(pa.array(places)).combine_chunks()
        return taken.cast(pa.string())

    def take(self, keep: np.ndarray, unit: np.ndarray | None = None) -> "History":
        """Some rows, by mask or in a given order of places, with their units or other ones."""
        places = np.flatnonzero(keep) if keep.dtype == bool else keep
        units = self.unit[places] if unit is None else unit
        if len(places) == len(self) and (np.diff(places) == 1).all():
            return History(units, self.at, self.rows, self._known)
        return History(units, self.at[places], self.rows.take(pa.array(places)))

    def by_session(self, gap_s: int = GAP_S) -> "History":
        """The same rows of the site by session; touchpoints of other channels belong to none."""
        order, is_start = session_starts(self.rows, gap_s=gap_s)
        return self.take(order, np.cumsum(is_start) - 1)

    def holding(self, column: str) -> "History":
        """The rows by unit and value of `column`, for journeys that keep it the same; without null."""
        codes, _ = self.codes(column)
        order = np.lexsort((codes, self.unit))
        order = order[codes[order] >= 0]
        unit, code = self.unit[order], codes[order]
        is_next = np.ones(len(order), dtype=bool)
        is_next[1:] = (np.diff(unit) != 0) | (np.diff(code) != 0)
        return self.take(order, np.cumsum(is_next) - 1)


def history(rows: Any, *, by: str = "person_key") -> History:
    """The history of Arrow rows, or of an Ibis table, that hold each `by` whole.

    Columns: `by` (null is nobody: such rows are left out), occurred_at, and what is asked for. Rows are
    sorted by `by`, occurred_at and touchpoint_id, if that is there, where they are not yet.
    """
    table = rows if isinstance(rows, pa.Table) else _plain(rows.to_pyarrow())
    owners = table[by].combine_chunks()
    is_known = np.asarray(owners.is_valid())
    if not is_known.all():
        table = table.filter(pa.array(is_known))
        owners = table[by].combine_chunks()
    at = moments_us(table["occurred_at"])
    owner = _owner_codes(owners)
    is_whole = int(owner[-1:].sum()) + 1 == len(owners.unique()) or not len(owners)
    if not (is_whole and _is_sorted(owner, at, table)):
        order = [(name, "ascending") for name in (by, *SORT) if name in table.column_names]
        return history(table.sort_by(order), by=by)
    return History(owner, at, _encoded(table))


def _owner_codes(owners: pa.Array) -> np.ndarray:
    """A number per piece of equal keys, as they follow each other."""
    values = (
        owners if pa.types.is_integer(owners.type) else owners.cast(pa.string()).dictionary_encode().indices
    )
    keys = np.asarray(values.to_numpy(zero_copy_only=False))
    is_next = np.zeros(len(keys), dtype=np.int64)
    is_next[1:] = keys[1:] != keys[:-1]
    return np.cumsum(is_next)


def _is_sorted(owner: np.ndarray, at: np.ndarray, table: pa.Table) -> bool:
    same = owner[1:] == owner[:-1]
    pause = np.diff(at)
    if (same & (pause < 0)).any():
        return False
    tied = np.flatnonzero(same & (pause == 0))
    if not len(tied) or "touchpoint_id" not in table.column_names:
        return True
    ids = table["touchpoint_id"]
    left, right = ids.take(pa.array(tied)).to_pylist(), ids.take(pa.array(tied + 1)).to_pylist()
    return all(a <= b for a, b in zip(left, right, strict=True))


def _encoded(table: pa.Table) -> pa.Table:
    """Text as codes, once for all questions; ids stay as they are, for no two are equal."""
    columns: Mapping[str, Any] = {
        name: table[name].combine_chunks().dictionary_encode()
        if pa.types.is_string(table[name].type) and name != "touchpoint_id"
        else table[name].combine_chunks()
        for name in table.column_names
    }
    return pa.table(columns)


def _plain(table: pa.Table) -> pa.Table:
    """What an engine hands out, in the types that tables declare."""
    kinds: Sequence[pa.DataType] = [
        pa.timestamp("us", tz="UTC")
        if pa.types.is_timestamp(kind)
        else pa.string()
        if pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
        else kind
        for kind in table.schema.types
    ]
    return table.cast(pa.schema([pa.field(n, k) for n, k in zip(table.column_names, kinds, strict=True)]))
