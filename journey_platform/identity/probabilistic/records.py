"""Person records: what each record of a source last said about a person, in one spelling.

How two records are compared is in `comparisons`.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from journey_platform.identity.columns import Ints, encoded, ranked
from journey_platform.identity.keys import check_distinct, identifier_key
from journey_platform.identity.normalise import is_well_formed, normalise
from journey_platform.identity.observations import flat_identifiers
from journey_platform.identity.placeholders import is_placeholder
from journey_platform.identity.policy import POLICIES

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


def _identifier(kind: str) -> Callable[[str], str]:
    def cleaned(value: str) -> str:
        text = normalise(kind, value)
        return text if is_well_formed(kind, text) else ""

    return cleaned


SPELLINGS: dict[str, Callable[[str], str]] = {
    "first_name": _words,
    "last_name": _words,
    "date_of_birth": _date,
    "email": _identifier("email"),
    "phone": _identifier("phone"),
    "person_number": _code,
    "street": _words,
    "house_number": _code,
    "district": _words,
    "city": _words,
    "postcode": _code,
    "region": _words,
}
"""The attributes by which people are compared, and how each is spelled. `person_number`: any number that
somebody else gave to the person."""

PERSON_RECORDS = pa.schema(
    [pa.field("record", pa.string(), nullable=False), *(pa.field(name, pa.string()) for name in SPELLINGS)]
)
"""One row per person record, sorted by `record`; null where nothing is known."""

RECORD_IDENTIFIERS = pa.schema(
    [pa.field("record", pa.string(), nullable=False), pa.field("identifier_key", pa.int64(), nullable=False)]
)
"""The identifier that stands for a person record: the one of the highest priority. One row per record."""


def person_records(contacts: Iterable[pa.Table]) -> pa.Table:
    """`PERSON_RECORDS` from contacts tables of any vendors: the latest filled value of each attribute.

    `record` is vendor/stream/record_key. A full `name` is a first name and, after the first space, a last name,
    where the source does not tell them apart.
    """
    found = [_said(table) for table in contacts]
    if not found:
        return PERSON_RECORDS.empty_table()
    said = pa.concat_tables(found)
    record, records = ranked(said["record"])
    latest = -said["observed_at"].cast(pa.int64()).to_numpy()
    tie, _ = ranked(said["contact_id"])
    kinds = said["kind"]
    columns = {"record": records}
    for kind in PERSON_RECORDS.names[1:]:
        rows = np.flatnonzero(pc.equal(kinds, kind).to_numpy())
        order = rows[np.lexsort((tie[rows], latest[rows], record[rows]))]
        owners, first = np.unique(record[order], return_index=True)
        place = pc.index_in(pa.array(np.arange(len(records))), pa.array(owners))
        columns[kind] = said["value"].combine_chunks().take(pa.array(order[first])).take(place)
    return spelled(pa.table(columns))


def spelled(records: pa.Table) -> pa.Table:
    """Records with `record` and any of the attributes as text, as `PERSON_RECORDS`.

    Raises `ValueError` where two rows have one `record`.
    """
    order = pc.sort_indices(records["record"])
    rows = records.take(order)
    if pc.count_distinct(rows["record"]).as_py() != rows.num_rows:
        raise ValueError("two person records have one name")
    columns = [rows["record"]]
    for kind, clean in SPELLINGS.items():
        given = rows[kind] if kind in rows.schema.names else pa.nulls(rows.num_rows, pa.string())
        columns.append(_each_once(given, lambda value, kind=kind, clean=clean: _cleaned(kind, clean(value))))
    return pa.table(columns, schema=PERSON_RECORDS)


def record_identifiers(contacts: Iterable[pa.Table], *, secret: bytes) -> pa.Table:
    """`RECORD_IDENTIFIERS` of the records of contacts tables. One without a usable identifier has none."""
    found: dict[str, tuple[int, str, str]] = {}
    for table in contacts:
        rows, kinds, values = flat_identifiers(table["identifiers"])
        records = _names(table).take(rows).to_pylist()
        for record, kind, value in zip(records, kinds.to_pylist(), values.to_pylist(), strict=True):
            text = normalise(kind, value)
            if is_placeholder(kind, text) or not is_well_formed(kind, text):
                continue
            candidate = (POLICIES[kind].priority, kind, text)
            found[record] = min(found.get(record, candidate), candidate)
    ordered = sorted(found)
    keys = {name: identifier_key(secret, *name) for name in {found[record][1:] for record in ordered}}
    check_distinct(np.fromiter(keys.values(), dtype=np.int64, count=len(keys)))
    return pa.table([ordered, [keys[found[record][1:]] for record in ordered]], schema=RECORD_IDENTIFIERS)


def _said(table: pa.Table) -> pa.Table:
    """(record, observed_at, contact_id, kind, value) of every attribute that can be compared."""
    rows, names, values = flat_identifiers(table["attributes"])
    is_name = pc.equal(names, "name")
    full = pc.utf8_trim_whitespace(values)
    parts = pc.split_pattern_regex(full, r"\s+", max_splits=1)
    has_last = pc.and_(is_name, pc.equal(pc.list_value_length(parts), 2))
    last = pc.list_element(parts.filter(has_last), 1)
    kinds = pc.if_else(is_name, "first_name", names)
    values = pc.if_else(is_name, pc.list_element(parts, 0), values)
    rows = pa.concat_arrays([rows, rows.filter(has_last)])
    kinds = pa.concat_arrays([kinds, pa.repeat(pa.scalar("last_name"), len(last))])
    said = pa.table(
        {
            "record": _names(table).take(rows),
            "observed_at": table["observed_at"].take(rows),
            "contact_id": table["contact_id"].take(rows),
            "kind": kinds,
            "value": pa.concat_arrays([values, last]),
        }
    )
    return said.filter(pc.greater(pc.utf8_length(pc.utf8_trim_whitespace(said["value"])), 0))


def _names(table: pa.Table) -> pa.ChunkedArray:
    return pc.binary_join_element_wise(table["vendor"], table["stream"], table["record_key"], "/")


def _cleaned(kind: str, text: str) -> str | None:
    return None if not text or is_placeholder(kind, text) else text


def _each_once(texts: pa.ChunkedArray | pa.Array, function: Callable[[str], str | None]) -> pa.Array:
    """The function of each text; each distinct text is looked at once."""
    place: Ints
    place, distinct = encoded(pc.fill_null(texts, ""))
    return pa.array([function(text) for text in distinct.to_pylist()], pa.string()).take(pa.array(place))
