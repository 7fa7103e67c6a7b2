"""What identity is resolved from, read from the lake; and ids as people type them.

The one place that says which tables tell who is who.
"""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from journey_platform.identity.decisions import erased
from journey_platform.identity.declared import declared_links, owner_of
from journey_platform.identity.keys import identifier_key, identifier_keys, person_key
from journey_platform.identity.links import EVIDENCE
from journey_platform.identity.normalise import KINDS, Spelling, distinct, normalise
from journey_platform.identity.observations import REFERENCES, observations
from journey_platform.identity.probabilistic.matches import evidence
from journey_platform.lake import Lake
from journey_platform.settings import Settings
from journey_platform.sources import mapping_of
from journey_platform.stewardship.ledger import ledger
from journey_platform.tables import PROBABILISTIC_LINKS, Table, contacts_table, touchpoints_table

_SEEN_IN = ("vendor", "stream", "record_key", "occurred_at", "identifiers", "is_bot")

_DECLARED_IN = (*_SEEN_IN, "type", "subject_id")


class UnknownId(LookupError):  # noqa: N818 - says what happened
    """What was typed names no identifier. The message says what would, and repeats no value."""


def touchpoint_tables(sources: Sequence[str]) -> list[Table]:
    return [touchpoints_table(vendor) for vendor in sources]


def contact_tables(sources: Sequence[str]) -> list[Table]:
    return [contacts_table(vendor) for vendor in sources if mapping_of(vendor).CONTACT_STREAMS]


def seen(lake: Lake, sources: Sequence[str]) -> pa.Table:
    """Everything that touchpoints and contacts tell about who is who, as `OBSERVATIONS`."""
    return observations(
        (lake.read(table, columns=_SEEN_IN) for table in touchpoint_tables(sources)),
        (lake.read(table) for table in contact_tables(sources)),
    )


def probable(lake: Lake, settings: Settings) -> pa.Table:
    """The probabilistic links as `links.EVIDENCE`; none where they are off."""
    if not settings.has_probabilistic_links:
        return EVIDENCE.empty_table()
    return evidence(lake.read(PROBABILISTIC_LINKS))


def further(lake: Lake, settings: Settings, *, secret: bytes) -> pa.Table:
    """All evidence but co-observation, as `links.JUDGED`: declared rules, and probabilistic links if on."""
    tables = (lake.read(table, columns=_DECLARED_IN) for table in touchpoint_tables(settings.sources))
    contacts = (lake.read(table) for table in contact_tables(settings.sources))
    declared = declared_links(tables, contacts, secret=secret, spelling=settings.spelling)
    others = probable(lake, settings).select(EVIDENCE.names)
    return pa.concat_tables([declared, others], promote_options="default")


def keys_of(
    text: str, *, secret: bytes, spelling: Spelling, lake: Lake, sources: Sequence[str]
) -> tuple[int, ...]:
    """The identifier keys that an id stands for.

    `kind:value` is one identifier, as email:ann@shop.example; `key:` and a number its key; a profile id the
    identifier that the profile is named after; `record:vendor/stream/record_key` all of a record's; a
    reference, as promo_code:ANN-7F3K, whom the thing belongs to. Raises `UnknownId`.
    """
    kind, colon, value = text.partition(":")
    if kind in REFERENCES and value.strip():
        return (_key_of_owner(kind, value, secret=secret, spelling=spelling, lake=lake, sources=sources),)
    if kind in KINDS and value.strip():
        return (identifier_key(secret, kind, normalise(kind, value, spelling)),)
    if kind == "record" and value:
        return _keys_of_record(value, secret=secret, spelling=spelling, lake=lake, sources=sources)
    try:
        return (int(value) if kind == "key" and colon else person_key(text),)
    except ValueError:
        raise UnknownId(
            f"an id is a profile's, key:NUMBER, record:VENDOR/STREAM/KEY, or KIND:VALUE with "
            f"a kind of {', '.join((*KINDS, *REFERENCES))}"
        ) from None


def _key_of_owner(
    kind: str, value: str, *, secret: bytes, spelling: Spelling, lake: Lake, sources: Sequence[str]
) -> int:
    own = identifier_key(secret, kind, normalise(kind, value, spelling))
    if any((kind, own) in named for named in erased(ledger(lake)).values()):
        return own
    tables = (lake.read(table, columns=_DECLARED_IN) for table in touchpoint_tables(sources))
    contacts = (lake.read(table) for table in contact_tables(sources))
    owner = owner_of(kind, value, tables, contacts, secret=secret, spelling=spelling)
    if owner is None:
        raise UnknownId(f"{kind}: it belongs to nobody, or several people have used it: name the person")
    return identifier_key(secret, owner[0], normalise(*owner, spelling))


def _keys_of_record(
    record: str, *, secret: bytes, spelling: Spelling, lake: Lake, sources: Sequence[str]
) -> tuple[int, ...]:
    rows = seen(lake, sources)
    is_it = pc.or_(pc.equal(rows["record"], record), pc.starts_with(rows["record"], f"{record}@"))
    mine = rows.filter(is_it)
    if not mine.num_rows:
        raise UnknownId(f"no record {record} carries an identifier")
    names = distinct(mine["kind"], mine["value"], spelling)
    return tuple(identifier_keys(secret, names.kinds(), names.values).tolist())
