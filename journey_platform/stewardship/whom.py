"""Whom an erasure is about: all that names the person, how they are recognised, and what tells of them.

Where rows of theirs stand is in `personal`; taking and carrying out the decision in `erasing`.
"""

from collections.abc import Iterable, Iterator
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from journey_platform.identity.decisions import erased
from journey_platform.identity.erasure import Erased
from journey_platform.identity.keys import identifier_key
from journey_platform.identity.observations import REFERENCES, references
from journey_platform.identity.policy import DECLARED_RULES, PASSED_ON
from journey_platform.identity.resolve import ACTIVE, SHARED, resolve
from journey_platform.lake import Lake
from journey_platform.landing.erased import are_theirs
from journey_platform.settings import Settings
from journey_platform.sources import FILES, file_mapping, sources
from journey_platform.stewardship.inputs import UnknownId, contact_tables, further, seen, touchpoint_tables
from journey_platform.stewardship.ledger import ledger
from journey_platform.stewardship.names import is_named
from journey_platform.stewardship.personal import parts_of
from journey_platform.tables import DECISIONS, IDENTIFIERS_TABLE, PROFILES_TABLE, raw_table
from journey_platform.touchpoints.carried import THINGS

_REDACTED = "redacted: it named somebody who was erased"


def erased_of(lake: Lake, *, secret: bytes, settings: Settings) -> Erased:
    """Everybody who was erased, by the ledger."""
    named = [pair for pairs in erased(ledger(lake)).values() for pair in pairs]
    return recognised(named, secret, settings)


def recognised(named: Iterable[tuple[str, int]], secret: bytes, settings: Settings) -> Erased:
    """Who is named by (kind, key) pairs, in every field that the sources declare."""
    declared = {}
    if FILES in sources():
        mapping = file_mapping()
        streams = {*mapping.TOUCHPOINT_STREAMS, *mapping.CONTACT_STREAMS}
        declared = {f"{FILES}/{stream}": mapping.carried(stream) for stream in streams}
    return Erased(named, secret=secret, spelling=settings.spelling, declared=declared)


def identifiers_of(lake: Lake, key: int) -> Iterator[tuple[str, int]]:
    """(kind, key) of all identifiers of the person whom one belongs to. Raises `UnknownId` where it is
    nobody's, or several people's."""
    rows = lake.read(IDENTIFIERS_TABLE, columns=("identifier_key", "kind", "status", "person_key"))
    asked = rows.filter(pc.equal(rows["identifier_key"], key)).to_pylist()
    if not asked:
        raise UnknownId("no identifier of that name was ever seen")
    if asked[0]["status"] == SHARED:
        raise UnknownId("the identifier is shared by several people: name one that is the person's own")
    if asked[0]["person_key"] is None:
        raise UnknownId(f"the identifier belongs to nobody: it is {asked[0]['status']}")
    of_person = rows.filter(pc.equal(rows["person_key"], asked[0]["person_key"]))
    yield from zip(of_person["kind"].to_pylist(), of_person["identifier_key"].to_pylist(), strict=True)


def things_of(lake: Lake, theirs: Erased, secret: bytes) -> Iterator[tuple[str, int]]:
    """What is the person's and other records name: their tickets, and their own references."""
    for source, kind in THINGS.items():
        vendor, stream = source.split("/")
        table = raw_table(vendor, stream, "", is_entity=True)
        for _, rows in parts_of(lake, table):
            keys = rows.filter(pa.array(are_theirs(theirs, table, rows)))["record_key"].to_pylist()
            yield from ((kind, identifier_key(secret, kind, name)) for name in set(keys))
    yield from _codes_of(lake, theirs)
    rules = [rule for rule in DECLARED_RULES if not rule.told_by and rule.max_beside is None]
    own = {(rule.reference, rule.owner) for rule in rules}
    for table in contact_tables(sources()):
        for said in _mine(theirs, lake.read(table))["identifiers"].to_pylist():
            kinds = {pair["kind"] for pair in said}
            for pair in said:
                if any(pair["kind"] == reference and owner in kinds for reference, owner in own):
                    yield pair["kind"], theirs.key_of(pair["kind"], pair["value"])


def _codes_of(lake: Lake, theirs: Erased) -> Iterator[tuple[str, int]]:
    """Codes that the person alone was given, and that nobody has redeemed under another name."""
    owner = {rule.reference: rule.owner for rule in DECLARED_RULES if rule.reference in PASSED_ON}
    own: set[tuple[str, int]] = set()
    others: set[tuple[str, int]] = set()
    for table in (*contact_tables(sources()), *touchpoint_tables(sources())):
        rows = lake.read(table, columns=("identifiers",))
        place, kinds, _ = references(rows["identifiers"])
        naming = place.filter(pc.is_in(kinds, pa.array(sorted(owner))))
        for said in rows["identifiers"].take(naming).to_pylist():
            pairs = [(pair["kind"], pair["value"]) for pair in said]
            codes = {(kind, theirs.key_of(kind, value)) for kind, value in pairs if kind in owner}
            names = [pair for pair in pairs if pair[0] not in REFERENCES]
            if any(theirs.is_one(*pair) for pair in names):
                told = {kind for kind, _ in names}
                own |= {code for code in codes if owner[code[0]] in told}
            elif names:
                others |= codes
    yield from sorted(own - others)


def _mine(theirs: Erased, rows: pa.Table) -> pa.Table:
    return rows.filter(pa.array(theirs.carried_by(rows)))


def names_of(lake: Lake, keys: set[int]) -> set[str]:
    """The names that vendors give the person: read to redact, never kept."""
    rows = lake.read(PROFILES_TABLE, columns=("person_key", "name"))
    mine = rows.filter(pc.is_in(rows["person_key"], pa.array(sorted(keys), pa.int64())))
    return set(mine["name"].drop_null().to_pylist())


def tells_of(theirs: Erased, names: set[str], text: str) -> bool:
    """Whether a text of a decision names the person."""
    return theirs.is_named(text) or any(is_named(name, text) for name in names)


def redact(lake: Lake, theirs: Erased, names: set[str]) -> None:
    """Free texts of earlier decisions that name the person."""

    def told(text: str | None) -> str | None:
        return _REDACTED if text is not None and tells_of(theirs, names, text) else text

    def change(_: date, rows: pa.Table) -> pa.Table:
        for column in ("who", "why"):
            texts = pa.array([told(text) for text in rows[column].to_pylist()], pa.string())
            rows = rows.set_column(rows.schema.get_field_index(column), rows.schema.field(column), texts)
        return rows

    lake.rewrite_days(DECISIONS, lake.day_states(DECISIONS), change, run_id="redaction")


def losing_their_sharers(lake: Lake, settings: Settings, theirs: Erased, secret: bytes) -> list[int]:
    """Identifiers that are shared, and would be taken for one person's own once the erased is gone."""
    shared = lake.read(IDENTIFIERS_TABLE, columns=("identifier_key", "status"))
    shared = shared.filter(pc.equal(shared["status"], SHARED))["identifier_key"].combine_chunks()
    if not len(shared):
        return []
    rows = seen(lake, settings.sources)
    told = zip(rows["kind"].to_pylist(), rows["value"].to_pylist(), strict=True)
    is_theirs = pa.array([theirs.is_one(*pair) for pair in told], pa.bool_())
    others = rows.filter(pc.invert(pc.is_in(rows["record"], pc.unique(rows.filter(is_theirs)["record"]))))
    after = resolve(
        others,
        secret=secret,
        evidence=further(lake, settings, secret=secret),
        decisions=ledger(lake),
        spelling=settings.spelling,
    ).identifiers
    is_own = pc.and_(pc.equal(after["status"], ACTIVE), pc.is_in(after["identifier_key"], shared))
    keys: list[int] = after.filter(is_own)["identifier_key"].to_pylist()
    return keys
