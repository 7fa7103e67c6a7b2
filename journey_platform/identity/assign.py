"""Which profile each touchpoint or statement belongs to, by its identifiers.

Who the persons are is decided in `resolve`; what becomes of the touchpoints, in `journeys`.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from journey_platform.identity.columns import Ints
from journey_platform.identity.keys import identifier_keys
from journey_platform.identity.normalise import distinct, is_well_formed
from journey_platform.identity.observations import flat_identifiers
from journey_platform.identity.placeholders import is_placeholder
from journey_platform.identity.policy import POLICIES
from journey_platform.tables import JOURNEY_TOUCHPOINTS

_DEVICE, _RECIPIENT = "cookie_id", "mailchimp_email_id"


def assign(touchpoints: pa.Table, identifiers: pa.Table, *, secret: bytes) -> pa.Table:
    """Touchpoints of any vendors as rows of `tables.JOURNEY_TOUCHPOINTS`, in its order.

    `identifiers`: as resolved, under the same secret. Of a touchpoint's identifiers that have a profile, the
    one of the highest priority decides; with none, `person_key` is null.
    """
    carried = _Carried.of(touchpoints["identifiers"], secret)
    given = {
        "person_key": carried.persons(identifiers),
        "device_key": carried.keys_of_kind(_DEVICE),
        "recipient_key": carried.keys_of_kind(_RECIPIENT),
    }
    schema = JOURNEY_TOUCHPOINTS.schema
    columns = [given[name] if name in given else touchpoints[name] for name in schema.names]
    rows = pa.Table.from_arrays(columns, schema=schema)
    return rows.sort_by([(name, "ascending") for name in JOURNEY_TOUCHPOINTS.sort_by])


def person_keys(lists: pa.ChunkedArray, identifiers: pa.Table, *, secret: bytes) -> pa.Array:
    """The person of each row of a column of type `tables.IDENTIFIERS`; null where none can be told."""
    return _Carried.of(lists, secret).persons(identifiers)


@dataclass(frozen=True)
class _Carried:
    """The identifiers that rows carry: one entry each, by row, then priority, then key.

    `usable`: neither placeholder nor malformed, whether or not it links.
    """

    rows: int
    row: Ints
    kind: npt.NDArray[np.object_]
    key: Ints
    usable: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, lists: pa.ChunkedArray, secret: bytes) -> "_Carried":
        row, kinds, values = flat_identifiers(lists)
        names = distinct(kinds, values)
        keys = identifier_keys(secret, names.kinds, names.values)[names.of_row]
        pairs = list(zip(names.kinds, names.values, strict=True))
        usable = np.array([is_well_formed(*pair) and not is_placeholder(*pair) for pair in pairs], dtype=bool)
        kind = np.array(names.kinds, dtype=object)[names.of_row]
        priority = np.array([POLICIES[k].priority for k in names.kinds], dtype=np.int64)[names.of_row]
        by_row = row.to_numpy().astype(np.int64)
        order = np.lexsort((keys, priority, by_row))
        return cls(len(lists), by_row[order], kind[order], keys[order], usable[names.of_row][order])

    def persons(self, identifiers: pa.Table) -> pa.Array:
        linked = identifiers.filter(identifiers["person_key"].is_valid())
        if not linked.num_rows:
            return pa.nulls(self.rows, pa.int64())
        linked = linked.sort_by("identifier_key")
        known, persons = linked["identifier_key"].to_numpy(), linked["person_key"].to_numpy()
        place = np.minimum(np.searchsorted(known, self.key), len(known) - 1)
        return self._first(persons[place], known[place] == self.key)

    def keys_of_kind(self, kind: str) -> pa.Array:
        return self._first(self.key, self.usable & (self.kind == kind))

    def _first(self, values: Ints, is_candidate: npt.NDArray[np.bool_]) -> pa.Array:
        """Per row, the value of its first candidate."""
        found, at = np.unique(self.row[is_candidate], return_index=True)
        chosen = np.zeros(self.rows, dtype=np.int64)
        chosen[found] = values[is_candidate][at]
        is_missing = np.ones(self.rows, dtype=bool)
        is_missing[found] = False
        return pa.array(chosen, mask=is_missing)
