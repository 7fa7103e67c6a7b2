"""Survivorship: of all that vendors say about a person, which value of each attribute stands, and why.

Each attribute has one declared rule. A blank never stands over a value. Every tie is broken, so that the same
statements always give the same profile.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from journey_platform.identity.assign import person_keys
from journey_platform.identity.columns import Codes, Ints, encoded, ranked
from journey_platform.identity.normalise import DEFAULT_SPELLING, Spelling, normalise
from journey_platform.tables import PROFILE_ATTRIBUTES_TABLE

MOST_RECENT, MOST_FREQUENT, MOST_COMPLETE = "most_recent", "most_frequent", "most_complete"
SOURCE_PRIORITY, MOST_RESTRICTIVE = "source_priority", "most_restrictive"


_LONG = 1 << 20


@dataclass(frozen=True)
class Rule:
    """How one attribute's survivor is chosen.

    most_recent: the latest statement. most_frequent: the value of most statements, the latest among equals.
    most_complete: the value of most words, then characters, the latest among equals. source_priority: the
    first vendor of `order` that says anything, its latest statement; others come after these.
    most_restrictive: of each record's latest statement, the value that comes first in `order`, so that a no
    on one address is a no. Then, for every rule, the smallest contact id and value.
    """

    attribute: str
    name: str
    order: tuple[str, ...] = ()


RULES: tuple[Rule, ...] = (
    Rule("name", MOST_FREQUENT),
    Rule("email", MOST_RECENT),
    Rule("phone", MOST_RECENT),
    Rule("country", MOST_FREQUENT),
    Rule("company", MOST_COMPLETE),
    Rule("job_title", MOST_RECENT),
    Rule("plan", SOURCE_PRIORITY, ("mailchimp",)),
    Rule("email_status", MOST_RESTRICTIVE, ("unsubscribed", "cleaned", "archived", "pending")),
)
"""Attributes without a rule here follow most_recent."""


def survivors(
    contacts: Iterable[pa.Table],
    identifiers: pa.Table,
    *,
    secret: bytes,
    spelling: Spelling = DEFAULT_SPELLING,
) -> pa.Table:
    """`tables.PROFILE_ATTRIBUTES_TABLE` from contacts tables and the resolved identifiers."""
    said = statements(contacts, identifiers, secret, spelling)
    others = set(said["attribute"].to_pylist()) - {rule.attribute for rule in RULES}
    rules = (*RULES, *(Rule(name, MOST_RECENT) for name in sorted(others)))
    chosen = [_chosen(rule, said.filter(pc.equal(said["attribute"], rule.attribute))) for rule in rules]
    order = [(name, "ascending") for name in PROFILE_ATTRIBUTES_TABLE.sort_by]
    return pa.concat_tables(chosen).sort_by(order)


_STATEMENTS = pa.schema(
    [
        ("person_key", pa.int64()),
        ("attribute", pa.string()),
        ("value", pa.string()),
        ("vendor", pa.string()),
        ("contact_id", pa.string()),
        ("observed_at", PROFILE_ATTRIBUTES_TABLE.schema.field("observed_at").type),
    ]
)


def statements(
    contacts: Iterable[pa.Table], identifiers: pa.Table, secret: bytes, spelling: Spelling
) -> pa.Table:
    """One row per attribute that a contact states of a known person, cleaned: person_key, attribute, value,
    vendor, contact_id, observed_at. Blanks and strangers are left out."""
    found = [_STATEMENTS.empty_table()]
    for table in contacts:
        lists = table["attributes"].combine_chunks()
        rows, pairs = pc.list_parent_indices(lists), pc.list_flatten(lists)
        persons = person_keys(table["identifiers"], identifiers, secret=secret, spelling=spelling)
        names = pc.struct_field(pairs, "name")
        columns = [
            persons.take(rows),
            names,
            _cleaned(names, pc.struct_field(pairs, "value"), spelling),
            *(table[name].take(rows) for name in ("vendor", "contact_id", "observed_at")),
        ]
        found.append(pa.table(columns, schema=_STATEMENTS))
    said = pa.concat_tables(found)
    return said.filter(pc.and_(said["person_key"].is_valid(), pc.greater(pc.utf8_length(said["value"]), 0)))


def _cleaned(names: pa.Array, values: pa.Array, spelling: Spelling) -> pa.Array:
    """Stripped values, so that spellings of one value count as one: addresses and numbers as identifiers."""
    kind_of_row, kinds = encoded(names)
    text_of_row, texts = encoded(values)
    pairs, of_row = np.unique(kind_of_row * len(texts) + text_of_row, return_inverse=True)
    kind_names, value_texts = kinds.to_pylist(), texts.to_pylist()
    cleaned = [
        _clean(kind_names[p // len(texts)], value_texts[p % len(texts)], spelling) for p in pairs.tolist()
    ]
    return pa.array(cleaned, pa.string()).take(of_row.ravel())


def _clean(attribute: str, value: str, spelling: Spelling) -> str:
    if not value.strip():
        return ""
    if attribute == "country":
        return value.strip().upper()
    return normalise(attribute, value, spelling)


def _chosen(rule: Rule, said: pa.Table) -> pa.Table:
    """The surviving statement of each person."""
    if rule.name == MOST_RESTRICTIVE:
        said = _latest_of_records(said)
    person = said["person_key"].to_numpy()
    value, _ = ranked(said["value"])
    latest = -said["observed_at"].cast(pa.int64()).to_numpy()
    tie, _ = ranked(said["contact_id"])
    if rule.name == MOST_FREQUENT:
        first_by = -_group_sizes(person, value)
    elif rule.name == MOST_COMPLETE:
        texts = said["value"].to_pylist()
        first_by = -np.array([len(t.split()) * _LONG + min(len(t), _LONG - 1) for t in texts], dtype=np.int64)
    elif rule.order:
        rank = {text: place for place, text in enumerate(rule.order)}
        spoken = said["vendor" if rule.name == SOURCE_PRIORITY else "value"].to_pylist()
        first_by = np.array([rank.get(text, len(rank)) for text in spoken], dtype=np.int64)
    else:
        first_by = np.zeros(len(person), dtype=np.int64)
    order = np.lexsort((value, tie, latest, first_by, person))
    persons, starts = np.unique(person[order], return_index=True)
    kept = said.take(order[starts])
    distinct_values = np.unique(np.stack([person, value]), axis=1)[0]
    candidates = np.diff(np.append(np.searchsorted(distinct_values, persons), len(distinct_values)))
    return pa.Table.from_arrays(
        [
            kept["person_key"],
            kept["attribute"],
            kept["value"],
            pa.repeat(pa.scalar(rule.name), kept.num_rows),
            kept["vendor"],
            kept["contact_id"],
            kept["observed_at"],
            pa.array(candidates.astype(np.int64)),
        ],
        schema=PROFILE_ATTRIBUTES_TABLE.schema,
    )


def _latest_of_records(said: pa.Table) -> pa.Table:
    """The latest statement of each record: what it said before no longer holds."""
    records = pc.replace_substring_regex(said["contact_id"], r"@[^@]*$", "")
    record, _ = ranked(records)
    latest = -said["observed_at"].cast(pa.int64()).to_numpy()
    tie, _ = ranked(said["value"])
    order = np.lexsort((tie, latest, record))
    _, starts = np.unique(record[order], return_index=True)
    return said.take(np.sort(order[starts]))


def _group_sizes(person: Ints, value: Codes) -> Ints:
    """How many statements share each row's person and value."""
    _, of_row, sizes = np.unique(np.stack([person, value]), axis=1, return_inverse=True, return_counts=True)
    counted: Ints = sizes[of_row.ravel()]
    return counted
