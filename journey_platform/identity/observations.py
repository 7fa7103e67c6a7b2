"""What was seen: which record carried which identifier, and when.

The one input of `resolve`. A robot's visit is no observation: a robot is nobody.
"""

from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from journey_platform.identity.policy import DECLARED_RULES
from journey_platform.tables import UTC_MICROSECONDS

OBSERVATIONS = pa.schema(
    [
        pa.field("record", pa.string(), nullable=False),
        pa.field("vendor", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("value", pa.string(), nullable=False),
        pa.field("observed_at", UTC_MICROSECONDS, nullable=False),
    ]
)
"""One row per identifier of a record: vendor/stream/record_key of a touchpoint, or the id of a contact.

`value` is as sent. Rows may repeat and stand in any order.
"""


REFERENCES = tuple(rule.reference for rule in DECLARED_RULES)
"""Kinds of pairs that name a thing and not a person; `declared` says whose it is."""


def observations(touchpoints: Iterable[pa.Table], contacts: Iterable[pa.Table]) -> pa.Table:
    """Every identifier in the touchpoints and contacts tables of any vendors, as `OBSERVATIONS`."""
    found = [OBSERVATIONS.empty_table()]
    for table in touchpoints:
        people = table.filter(pc.invert(table["is_bot"]))
        records = pc.binary_join_element_wise(people["vendor"], people["stream"], people["record_key"], "/")
        found.append(_flat(people, records, people["occurred_at"]))
    found += [_flat(table, table["contact_id"], table["observed_at"]) for table in contacts]
    return pa.concat_tables(found)


def flat_identifiers(lists: pa.ChunkedArray) -> tuple[pa.Array, pa.Array, pa.Array]:
    """(row, kind, value) of every identifier in a column of type `tables.IDENTIFIERS`; no references."""
    return _flat_pairs(lists, are_references=False)


def references(lists: pa.ChunkedArray) -> tuple[pa.Array, pa.Array, pa.Array]:
    """(row, kind, value) of every reference in such a column."""
    return _flat_pairs(lists, are_references=True)


def _flat_pairs(lists: pa.ChunkedArray, *, are_references: bool) -> tuple[pa.Array, pa.Array, pa.Array]:
    whole = lists.combine_chunks()
    pairs = pc.list_flatten(whole)
    rows, kinds = pc.list_parent_indices(whole), pc.struct_field(pairs, "kind")
    is_reference = pc.is_in(kinds, pa.array(REFERENCES))
    chosen = is_reference if are_references else pc.invert(is_reference)
    return rows.filter(chosen), kinds.filter(chosen), pc.struct_field(pairs, "value").filter(chosen)


def _flat(table: pa.Table, records: pa.ChunkedArray, moments: pa.ChunkedArray) -> pa.Table:
    rows, kinds, values = flat_identifiers(table["identifiers"])
    vendors = table["vendor"].take(rows)
    return pa.table([records.take(rows), vendors, kinds, values, moments.take(rows)], schema=OBSERVATIONS)
