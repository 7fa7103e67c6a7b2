"""Which profile each touchpoint or statement belongs to, by its identifiers.

Who the persons are is decided in `resolve`; what becomes of the touchpoints, in `journeys`.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from journey_platform.identity.columns import Codes, Ints, is_missing
from journey_platform.identity.keys import identifier_keys
from journey_platform.identity.normalise import DEFAULT_SPELLING, KINDS, Spelling, distinct
from journey_platform.identity.observations import flat_identifiers
from journey_platform.identity.placeholders import placeholder_rules
from journey_platform.identity.policy import POLICIES
from journey_platform.tables import JOURNEY_TOUCHPOINTS

_DEVICE, _RECIPIENT = "cookie_id", "mailchimp_email_id"


def assign(
    touchpoints: pa.Table, identifiers: pa.Table, *, secret: bytes, spelling: Spelling = DEFAULT_SPELLING
) -> pa.Table:
    """Touchpoints of any vendors as rows of `tables.JOURNEY_TOUCHPOINTS`, in its order.

    `identifiers`: as resolved, under the same secret and spelling. Of a touchpoint's identifiers that have a
    profile, the one of the highest priority decides; with none, `person_key` is null.
    """
    carried = _Carried.of(touchpoints["identifiers"], secret, spelling)
    given = {
        "person_key": carried.persons(identifiers),
        "device_key": carried.keys_of_kind(_DEVICE),
        "recipient_key": carried.keys_of_kind(_RECIPIENT),
    }
    schema = JOURNEY_TOUCHPOINTS.schema
    columns = [given[name] if name in given else touchpoints[name] for name in schema.names]
    rows = pa.Table.from_arrays(columns, schema=schema)
    return rows.sort_by([(name, "ascending") for name in JOURNEY_TOUCHPOINTS.sort_by])


def person_keys(
    lists: pa.ChunkedArray,
    identifiers: pa.Table,
    *,
    secret: bytes,
    spelling: Spelling = DEFAULT_SPELLING,
) -> pa.Array:
    """The person of each row of a column of type `tables.IDENTIFIERS`; null where none can be told."""
    return _Carried.of(lists, secret, spelling).persons(identifiers)


def carrying(
    lists: pa.ChunkedArray,
    identifiers: pa.Table,
    *,
    secret: bytes,
    spelling: Spelling = DEFAULT_SPELLING,
) -> pa.Array:
    """Which rows of such a column carry one of `identifiers` (identifier_key, kind), whoever decides them."""
    row, kinds, values = flat_identifiers(lists)
    is_near = pc.is_in(kinds, pc.unique(identifiers["kind"]))
    row, names = row.filter(is_near), distinct(kinds.filter(is_near), values.filter(is_near), spelling)
    keys = identifier_keys(secret, names.kinds(), names.values)
    is_one = np.isin(keys, identifiers["identifier_key"].to_numpy())
    is_carrying = np.zeros(len(lists), dtype=bool)
    is_carrying[row.to_numpy()[is_one[names.of_row]]] = True
    return pa.array(is_carrying)


@dataclass(frozen=True)
class _Carried:
    """The identifiers that rows carry: one entry each, by row, then priority, then key.

    `kind`: codes of `normalise.KINDS`; `usable`: neither placeholder nor malformed, whether or not it links.
    """

    rows: int
    row: Ints
    kind: Codes
    key: Ints
    usable: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, lists: pa.ChunkedArray, secret: bytes, spelling: Spelling) -> "_Carried":
        row, kinds, values = flat_identifiers(lists)
        names = distinct(kinds, values, spelling)
        keys = identifier_keys(secret, names.kinds(), names.values)[names.of_row]
        usable = is_missing(names.malformed)
        for code, name in enumerate(KINDS):
            places = np.flatnonzero(names.kind == code)
            rules = placeholder_rules(name, names.values.take(pa.array(places)))
            usable[places] &= is_missing(rules)
        priority = np.array([POLICIES[name].priority for name in KINDS], dtype=np.int64)[names.kind]
        by_row = row.to_numpy().astype(np.int64)
        order = np.lexsort((keys, priority[names.of_row], by_row))
        of_row = names.of_row[order]
        return cls(len(lists), by_row[order], names.kind[of_row], keys[order], usable[of_row])

    def persons(self, identifiers: pa.Table) -> pa.Array:
        linked = identifiers.filter(identifiers["person_key"].is_valid())
        if not linked.num_rows:
            return pa.nulls(self.rows, pa.int64())
        linked = linked.sort_by("identifier_key")
        known, persons = linked["identifier_key"].to_numpy(), linked["person_key"].to_numpy()
        place = np.minimum(np.searchsorted(known, self.key), len(known) - 1)
        return self._first(persons[place], known[place] == self.key)

    def keys_of_kind(self, kind: str) -> pa.Array:
        return self._first(self.key, self.usable & (self.kind == KINDS.index(kind)))

    def _first(self, values: Ints, is_candidate: npt.NDArray[np.bool_]) -> pa.Array:
        """Per row, the value of its first candidate."""
        found, at = np.unique(self.row[is_candidate], return_index=True)
        chosen = np.zeros(self.rows, dtype=np.int64)
        chosen[found] = values[is_candidate][at]
        is_null = np.ones(self.rows, dtype=bool)
        is_null[found] = False
        return pa.array(chosen, mask=is_null)
