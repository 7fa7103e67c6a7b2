"""Declared rules across sources: what one vendor's record says of another's, and so who is meant.

A reference names a thing, not a person: the ticket that a survey is about, the link in somebody's mailing,
the code that somebody was given. It is no identifier; the rule leads from it to the one whose thing it is.
The rules are declared in `policy`; links from one record are in `links`.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from journey_platform.identity.columns import Ints, encoded
from journey_platform.identity.keys import identifier_keys
from journey_platform.identity.links import JUDGED
from journey_platform.identity.normalise import DEFAULT_SPELLING, Spelling, distinct
from journey_platform.identity.observations import flat_identifiers, references
from journey_platform.identity.policy import DECLARED_RULES, POLICIES, DeclaredRule
from journey_platform.tables import IDENTIFIERS, UTC_MICROSECONDS

THING_IS_SHARED = "what it names is shared"
_OF_PEOPLE = tuple(kind for kind, policy in POLICIES.items() if not policy.is_anonymous)

_RECORD = pa.schema(
    [
        ("record", pa.string()),
        ("at", UTC_MICROSECONDS),
        ("type", pa.string()),
        ("subject_id", pa.string()),
        ("identifiers", IDENTIFIERS),
    ]
)


def declared_links(
    touchpoints: Iterable[pa.Table],
    contacts: Iterable[pa.Table] = (),
    *,
    secret: bytes,
    spelling: Spelling = DEFAULT_SPELLING,
) -> pa.Table:
    """`links.JUDGED` by `policy.DECLARED_RULES`: between the identifiers of records that name a thing and
    whom the thing belongs to; of a shared thing, refused, with the first of its owners."""
    records = [*map(_of_touchpoints, touchpoints), *map(_of_contacts, contacts)]
    found = [_links(rule, records, secret, spelling) for rule in DECLARED_RULES]
    return pa.concat_tables([JUDGED.empty_table(), *found])


def owner_of(
    kind: str,
    thing: str,
    touchpoints: Iterable[pa.Table],
    contacts: Iterable[pa.Table] = (),
    *,
    secret: bytes,
    spelling: Spelling = DEFAULT_SPELLING,
) -> tuple[str, str] | None:
    """(kind, value) of whom the thing belongs to that a reference of `kind` names; None where that is nobody,
    or where the thing is shared."""
    (rule,) = (rule for rule in DECLARED_RULES if rule.reference == kind)
    records = [*map(_of_touchpoints, touchpoints), *map(_of_contacts, contacts)]
    owners, naming = _owners_and_naming(rule, records)
    asked = _thing(pa.array([thing]))
    owners, naming = (rows.filter(pc.is_in(rows["thing"], asked)) for rows in (owners, naming))
    found = owners.group_by(["by", "who"]).aggregate([]).to_pylist()
    if rule.max_beside is not None and len(_shared(rule.max_beside, owners, naming, secret, spelling)):
        return None
    return (found[0]["by"], found[0]["who"]) if len(found) == 1 else None


def _of_touchpoints(table: pa.Table) -> pa.Table:
    """Of people: a robot that follows the links in a mailing is not who got it."""
    table = table.filter(pc.invert(table["is_bot"]))
    record = pc.binary_join_element_wise(table["vendor"], table["stream"], table["record_key"], "/")
    rest = [table[name] for name in ("occurred_at", "type", "subject_id", "identifiers")]
    return pa.table([record, *rest], schema=_RECORD)


def _of_contacts(table: pa.Table) -> pa.Table:
    nothing = pa.nulls(table.num_rows, pa.string())
    columns = [table["contact_id"], table["observed_at"], nothing, nothing, table["identifiers"]]
    return pa.table(columns, schema=_RECORD)


def _links(rule: DeclaredRule, records: Sequence[pa.Table], secret: bytes, spelling: Spelling) -> pa.Table:
    owners, naming = _owners_and_naming(rule, records)
    shared = pa.array([], pa.string())
    if rule.max_beside is not None:
        naming = naming.join(owners.select(["thing"]), "thing", join_type="left semi")
        owners = owners.join(naming.select(["thing"]), "thing", join_type="left semi").combine_chunks()
        shared = _shared(rule.max_beside, owners, naming.combine_chunks(), secret, spelling)
        firsts = owners.group_by(["thing", "by"]).aggregate([("who", "min")])
        owners = firsts.rename_columns(owners.schema.names)
    pairs = naming.join(owners, "thing", join_type="inner").combine_chunks()
    if not pairs.num_rows:
        return JUDGED.empty_table()
    named_by = (("kind", "value"), ("by", "who"))
    keys = [_keys(pairs[kind], pairs[value], secret, spelling) for kind, value in named_by]
    ends = np.sort(np.stack(keys), axis=0)
    trust = [
        np.array([POLICIES[kind].trust for kind in names.to_pylist()])[codes]
        for codes, names in (encoded(pairs["kind"]), encoded(pairs["by"]))
    ]
    is_shared = pc.is_in(pairs["thing"], shared)
    rows = pa.table(
        {
            "left_key": ends[0],
            "right_key": ends[1],
            "weight": trust[0] * trust[1],
            "record": pairs["record"],
            "at": pairs["at"],
            "reason": pc.if_else(is_shared, THING_IS_SHARED, pa.scalar(None, pa.string())),
        }
    )
    rows = rows.filter(pc.not_equal(rows["left_key"], rows["right_key"]))
    rows = rows.sort_by([(name, "ascending") for name in ("left_key", "right_key", "at", "record")])
    found = rows.group_by(["left_key", "right_key", "reason"], use_threads=False).aggregate(
        [("weight", "first"), ("record", "count_distinct"), ("record", "first"), ("at", "min"), ("at", "max")]
    )
    columns = {
        "left_key": found["left_key"],
        "right_key": found["right_key"],
        "rule": pa.repeat(pa.scalar(rule.rule), found.num_rows),
        "weight": found["weight_first"],
        "records": found["record_count_distinct"],
        "example": found["record_first"],
        "first_seen": found["at_min"],
        "last_seen": found["at_max"],
        "reason": found["reason"],
    }
    return pa.table([columns[name] for name in JUDGED.names], schema=JUDGED)


def _owners_and_naming(rule: DeclaredRule, records: Sequence[pa.Table]) -> tuple[pa.Table, pa.Table]:
    """(thing, by, who) of whom things belong to; and `_naming` of the records that name them."""
    naming = pa.concat_tables([_naming(rule, table) for table in records])
    if rule.told_by:
        return pa.concat_tables([_told(rule, table) for table in records]), naming
    own = naming.filter(pc.equal(naming["kind"], rule.owner))
    owners = pa.table([own["thing"], own["kind"], own["value"]], names=["thing", "by", "who"])
    return owners, naming.filter(pc.invert(pc.is_in(naming["record"], own["record"].combine_chunks())))


def _shared(most: int, owners: pa.Table, naming: pa.Table, secret: bytes, spelling: Spelling) -> pa.Array:
    """The things that several own, or that records name beside more than `most` identifiers of one kind."""
    of_people = naming.filter(pc.is_in(naming["kind"], pa.array(_OF_PEOPLE))).combine_chunks()
    found = []
    for table, kind, value, limit in ((owners, "by", "who", 1), (of_people, "kind", "value", most)):
        named = table.append_column("key", pa.array(_keys(table[kind], table[value], secret, spelling)))
        counts = named.group_by(["thing", kind]).aggregate([("key", "count_distinct")])
        found.append(counts.filter(pc.greater(counts["key_count_distinct"], limit))["thing"])
    return pc.unique(pa.chunked_array([chunk for things in found for chunk in things.chunks], pa.string()))


def _told(rule: DeclaredRule, table: pa.Table) -> pa.Table:
    """(thing, by, who): what touchpoints of the rule's type say whom it belongs to."""
    table = table.filter(pc.equal(table["type"], rule.told_by))
    row, kinds, values = flat_identifiers(table["identifiers"])
    rows = pa.table([_thing(table["subject_id"]).take(row), kinds, values], names=["thing", "by", "who"])
    return rows.filter(pc.equal(rows["by"], rule.owner))


def _naming(rule: DeclaredRule, table: pa.Table) -> pa.Table:
    """(thing, kind, value, record, at): an identifier beside a reference to a thing."""
    of_reference, kinds, things = references(table["identifiers"])
    is_such = pc.equal(kinds, rule.reference)
    row, found_kinds, values = flat_identifiers(table["identifiers"])
    place = pc.index_in(row, of_reference.filter(is_such))
    columns = [
        _thing(things.filter(is_such)).take(place),
        found_kinds,
        values,
        table["record"].take(row),
        table["at"].take(row),
    ]
    rows = pa.table(columns, names=["thing", "kind", "value", "record", "at"])
    return rows.filter(rows["thing"].is_valid())


def _thing(names: pa.Array) -> pa.Array:
    """As compared: codes are typed by hand."""
    return pc.utf8_lower(pc.utf8_trim_whitespace(names))


def _keys(kinds: pa.ChunkedArray, values: pa.ChunkedArray, secret: bytes, spelling: Spelling) -> Ints:
    names = distinct(kinds, values, spelling)
    return identifier_keys(secret, names.kinds(), names.values)[names.of_row]
