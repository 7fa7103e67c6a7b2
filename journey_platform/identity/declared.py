"""Declared rules across sources: what one vendor's record says of another's, and so who is meant.

A reference (`observations.REFERENCES`) names a thing, not a person: the ticket that a survey is about. It is
no identifier; the rule leads from it to the one whose thing it is. Links from one record are in `links`.
"""

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from journey_platform.identity.columns import Ints, encoded
from journey_platform.identity.keys import identifier_keys
from journey_platform.identity.links import EVIDENCE
from journey_platform.identity.normalise import DEFAULT_SPELLING, Spelling, distinct
from journey_platform.identity.observations import TICKET, flat_identifiers, references
from journey_platform.identity.policy import POLICIES, TICKET_REQUESTER

_REQUESTER = "zendesk_user_id"
_ASKED = "ticket_created"


def ticket_requesters(
    touchpoints: Iterable[pa.Table], *, secret: bytes, spelling: Spelling = DEFAULT_SPELLING
) -> pa.Table:
    """`links.EVIDENCE` between the identifiers of records that name a ticket and that ticket's requester."""
    asked, naming = [], []
    for table in touchpoints:
        asked.append(_requests(table.filter(pc.equal(table["type"], _ASKED))))
        naming.append(_naming(table))
    requests, named = pa.concat_tables(asked), pa.concat_tables(naming)
    pairs = named.join(requests, "ticket", join_type="inner").combine_chunks()
    if not pairs.num_rows:
        return EVIDENCE.empty_table()
    named_by = (("kind", "value"), ("by", "who"))
    keys = [_keys(pairs[kind], pairs[value], secret, spelling) for kind, value in named_by]
    ends = np.sort(np.stack(keys), axis=0)
    trust = [
        np.array([POLICIES[kind].trust for kind in names.to_pylist()])[codes]
        for codes, names in (encoded(pairs["kind"]), encoded(pairs["by"]))
    ]
    rows = pa.table(
        {
            "left_key": ends[0],
            "right_key": ends[1],
            "weight": trust[0] * trust[1],
            "record": pairs["record"],
            "at": pairs["at"],
        }
    )
    rows = rows.filter(pc.not_equal(rows["left_key"], rows["right_key"]))
    rows = rows.sort_by([(name, "ascending") for name in ("left_key", "right_key", "at", "record")])
    found = rows.group_by(["left_key", "right_key"], use_threads=False).aggregate(
        [("weight", "first"), ("record", "count_distinct"), ("record", "first"), ("at", "min"), ("at", "max")]
    )
    columns = {
        "left_key": found["left_key"],
        "right_key": found["right_key"],
        "rule": pa.repeat(pa.scalar(TICKET_REQUESTER), found.num_rows),
        "weight": found["weight_first"],
        "records": found["record_count_distinct"],
        "example": found["record_first"],
        "first_seen": found["at_min"],
        "last_seen": found["at_max"],
    }
    return pa.table([columns[name] for name in EVIDENCE.names], schema=EVIDENCE)


def _requests(table: pa.Table) -> pa.Table:
    """(ticket, by, who): a ticket and its requester."""
    row, kinds, values = flat_identifiers(table["identifiers"])
    rows = pa.table([table["subject_id"].take(row), kinds, values], names=["ticket", "by", "who"])
    return rows.filter(pc.equal(rows["by"], _REQUESTER))


def _naming(table: pa.Table) -> pa.Table:
    """(ticket, kind, value, record, at): an identifier beside a reference to a ticket."""
    of_reference, kinds, tickets = references(table["identifiers"])
    is_ticket = pc.equal(kinds, TICKET)
    row, found_kinds, values = flat_identifiers(table["identifiers"])
    place = pc.index_in(row, of_reference.filter(is_ticket))
    records = pc.binary_join_element_wise(table["vendor"], table["stream"], table["record_key"], "/")
    columns = [
        tickets.filter(is_ticket).take(place),
        found_kinds,
        values,
        records.take(row),
        table["occurred_at"].take(row),
    ]
    rows = pa.table(columns, names=["ticket", "kind", "value", "record", "at"])
    return rows.filter(rows["ticket"].is_valid())


def _keys(kinds: pa.ChunkedArray, values: pa.ChunkedArray, secret: bytes, spelling: Spelling) -> Ints:
    names = distinct(kinds, values, spelling)
    return identifier_keys(secret, names.kinds(), names.values)[names.of_row]
