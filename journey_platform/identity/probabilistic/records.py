"""Person records: what each record of a source last said about a person, in one spelling.

How two records are compared is in `comparisons`.
"""

import hmac
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from journey_platform.days import moments_us
from journey_platform.identity.columns import encoded, ranked
from journey_platform.identity.keys import identifier_keys
from journey_platform.identity.normalise import DEFAULT_SPELLING, Spelling, distinct
from journey_platform.identity.observations import flat_identifiers
from journey_platform.identity.placeholders import is_placeholder
from journey_platform.identity.policy import POLICIES
from journey_platform.tables import MATCHED_RECORDS, UTC_MICROSECONDS

_NOT_A_WORD = re.compile(r"[^\w]+|_+")
_DATE = re.compile(r"(\d{4})\D?(\d{2})\D?(\d{2})(?:\D.*)?")


def _words(value: str) -> str:
    """Lower case, without accents and punctuation."""
    plain = unicodedata.normalize("NFKD", value.casefold())
    return _NOT_A_WORD.sub(" ", "".join(c for c in plain if not unicodedata.combining(c))).strip()


def _code(value: str) -> str:
    return _words(value).replace(" ", "")


def _date(value: str) -> str:
    """YYYYMMDD. Only years in front are read: 03-04-1970 says two things."""
    found = _DATE.fullmatch(value.strip())
    return "".join(found.groups()) if found else ""


SPELLINGS: dict[str, Callable[[str], str] | None] = {
    "first_name": _words,
    "last_name": _words,
    "date_of_birth": _date,
    "email": None,
    "phone": None,
    "person_number": _code,
    "street": _words,
    "house_number": _code,
    "district": _words,
    "city": _words,
    "postcode": _code,
    "region": _words,
}
"""The attributes by which people are compared, and how each is spelled; None: as the identifier of that name.

`person_number` is any number that somebody else gave to the person.
"""

PERSON_RECORDS = pa.schema(
    [pa.field("record", pa.string(), nullable=False), *(pa.field(name, pa.string()) for name in SPELLINGS)]
)
"""One row per person record, sorted by `record`; null where nothing is known."""


def person_records(contacts: Sequence[pa.Table], spelling: Spelling = DEFAULT_SPELLING) -> pa.Table:
    """`PERSON_RECORDS` from contacts tables of any vendors: the latest filled value of each attribute.

    `record` is vendor/stream/record_key. A full `name` is a first name and, after the first space, a last
    name, where the source does not tell them apart.
    """
    if not contacts:
        return PERSON_RECORDS.empty_table()
    said = pa.concat_tables(map(_said, contacts))
    record, records = ranked(said["record"])
    latest = -moments_us(said["observed_at"])
    tie, _ = ranked(said["contact_id"])
    columns = {"record": records}
    for kind in PERSON_RECORDS.names[1:]:
        rows = np.flatnonzero(pc.equal(said["kind"], kind).to_numpy())
        order = rows[np.lexsort((tie[rows], latest[rows], record[rows]))]
        owners, first = np.unique(record[order], return_index=True)
        place = pc.index_in(pa.array(np.arange(len(records))), pa.array(owners))
        columns[kind] = said["value"].combine_chunks().take(pa.array(order[first])).take(place)
    return spelled(pa.table(columns), spelling)


def spelled(records: pa.Table, spelling: Spelling = DEFAULT_SPELLING) -> pa.Table:
    """Records with `record` and any of the attributes as text, as `PERSON_RECORDS`.

    Raises `ValueError` where two rows have one `record`.
    """
    rows = records.take(pc.sort_indices(records["record"]))
    if pc.count_distinct(rows["record"]).as_py() != rows.num_rows:
        raise ValueError("two person records have one name")
    columns = [rows["record"]]
    for kind, clean in SPELLINGS.items():
        given = rows[kind] if kind in rows.schema.names else pa.nulls(rows.num_rows, pa.string())
        filled = pc.fill_null(given, "")
        columns.append(
            _as_identifiers(filled, kind, spelling) if clean is None else _each_once(filled, kind, clean)
        )
    return pa.table(columns, schema=PERSON_RECORDS)


def matched_records(
    contacts: Iterable[pa.Table],
    records: pa.Table,
    *,
    secret: bytes,
    spelling: Spelling = DEFAULT_SPELLING,
) -> pa.Table:
    """`tables.MATCHED_RECORDS` of the `PERSON_RECORDS` of the same contacts.

    The identifier that stands for a record is its one of the highest priority.
    """
    found = [_carried(table) for table in contacts]
    carried = pa.concat_tables(found) if found else _CARRIED.empty_table()
    names = distinct(carried["kind"], carried["value"], spelling)
    kinds = names.kinds().to_pylist()
    is_usable = np.array(
        [
            why is None and not is_placeholder(kind, value)
            for kind, value, why in zip(kinds, names.values.to_pylist(), names.malformed, strict=True)
        ],
        dtype=bool,
    )
    priority = np.array([POLICIES[kind].priority for kind in kinds], dtype=np.int64)
    keys = identifier_keys(secret, names.kinds(), names.values)
    known = records["record"].combine_chunks()
    place = pc.fill_null(pc.index_in(carried["record"], known), -1).to_numpy().astype(np.int64)
    moment = moments_us(carried["observed_at"])
    rows = np.flatnonzero((place >= 0) & is_usable[names.of_row])
    order = rows[np.lexsort((names.of_row[rows], priority[names.of_row[rows]], place[rows]))]
    owners, first = np.unique(place[order], return_index=True)
    key = np.zeros(records.num_rows, dtype=np.int64)
    key[owners] = keys[names.of_row[order[first]]]
    is_nobody = np.ones(records.num_rows, dtype=bool)
    is_nobody[owners] = False
    seen = np.full(records.num_rows, np.iinfo(np.int64).max)
    np.minimum.at(seen, place[place >= 0], moment[place >= 0])
    columns = [
        known,
        pa.array(key, mask=is_nobody),
        pa.array(seen, mask=seen == np.iinfo(np.int64).max).cast(UTC_MICROSECONDS),
        pa.array(_fingerprints(records, secret), pa.int64()),
    ]
    return pa.Table.from_arrays(columns, schema=MATCHED_RECORDS.schema)


def _fingerprints(records: pa.Table, secret: bytes) -> list[int]:
    """A keyed hash of what each record says."""
    parts = [pc.fill_null(records[name], "") for name in records.schema.names]
    said = pc.binary_join_element_wise(*parts, "\x1f").to_pylist()
    return [
        int.from_bytes(hmac.digest(secret, text.encode(), "sha256")[:8], "big", signed=True) for text in said
    ]


def _said(table: pa.Table) -> pa.Table:
    """(record, observed_at, contact_id, kind, value) of every filled attribute."""
    lists = table["attributes"].combine_chunks()
    pairs = pc.list_flatten(lists)
    rows, names, values = (
        pc.list_parent_indices(lists),
        pc.struct_field(pairs, "name"),
        pc.struct_field(pairs, "value"),
    )
    is_name = pc.equal(names, "name")
    parts = pc.split_pattern_regex(pc.utf8_trim_whitespace(values), r"\s+", max_splits=1)
    has_last = pc.and_(is_name, pc.equal(pc.list_value_length(parts), 2))
    last = pc.list_element(parts.filter(has_last), 1)
    values = pc.if_else(is_name, pc.list_element(parts, 0), values)
    rows = pa.concat_arrays([rows, rows.filter(has_last)])
    kinds = [pc.if_else(is_name, "first_name", names), pa.repeat(pa.scalar("last_name"), len(last))]
    said = pa.table(
        {
            "record": _names(table).take(rows),
            "observed_at": table["observed_at"].take(rows),
            "contact_id": table["contact_id"].take(rows),
            "kind": pa.concat_arrays(kinds),
            "value": pa.concat_arrays([values, last]),
        }
    )
    return said.filter(pc.greater(pc.utf8_length(pc.utf8_trim_whitespace(said["value"])), 0))


_CARRIED = pa.schema(
    [
        ("record", pa.string()),
        ("observed_at", UTC_MICROSECONDS),
        ("kind", pa.string()),
        ("value", pa.string()),
    ]
)


def _carried(table: pa.Table) -> pa.Table:
    """Every identifier with the record that carries it."""
    rows, kinds, values = flat_identifiers(table["identifiers"])
    return pa.table(
        [_names(table).take(rows), table["observed_at"].take(rows), kinds, values], schema=_CARRIED
    )


def _names(table: pa.Table) -> pa.ChunkedArray:
    return pc.binary_join_element_wise(table["vendor"], table["stream"], table["record_key"], "/")


def _as_identifiers(texts: pa.ChunkedArray, kind: str, spelling: Spelling) -> pa.Array:
    names = distinct(pa.repeat(pa.scalar(kind), len(texts)), texts, spelling)
    pairs = zip(names.values.to_pylist(), names.malformed, strict=True)
    kept = [None if why or is_placeholder(kind, value) else value for value, why in pairs]
    return pa.array(kept, pa.string()).take(pa.array(names.of_row))


def _each_once(texts: pa.ChunkedArray, kind: str, clean: Callable[[str], str]) -> pa.Array:
    """Each text in its spelling, null where it tells of nobody; each distinct text is looked at once."""
    place, found = encoded(texts)
    cleaned = [clean(text) for text in found.to_pylist()]
    kept = [text if text and not is_placeholder(kind, text) else None for text in cleaned]
    return pa.array(kept, pa.string()).take(pa.array(place))
