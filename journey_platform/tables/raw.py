"""What the vendors said: the raw archives and the quarantine."""

import pyarrow as pa

from journey_platform.tables.table import DAY, UTC_MICROSECONDS, Column, Table


def raw_table(vendor: str, stream: str, grain: str, *, is_entity: bool) -> Table:
    """The archive of one stream: what the vendor said, when we asked.

    An event stream has one row per key and day. An entity stream has one row per version: the same key may
    stand under several change times, and again when the vendor changed a record without saying so.
    """
    key = (
        Column("record_key", pa.string(), "the vendor's primary key, parts joined with ':'", is_key=True),
        Column(
            "occurred_at",
            UTC_MICROSECONDS,
            "when the vendor last changed the record; when we first saw it, if the vendor does not say"
            if is_entity
            else "when the event happened",
            is_key=is_entity,
        ),
        Column("extracted_at", UTC_MICROSECONDS, "when we asked"),
        Column("body", pa.string(), "the record as JSON, as sent", is_key=is_entity, is_personal=True),
    )
    return Table(
        key=("raw", vendor, stream),
        grain=grain,
        columns=(DAY, *key),
        sort_by=("day", "record_key", "occurred_at", "body"),
        fingerprint_without=("extracted_at",),
    )


QUARANTINE = Table(
    key=("operations", "quarantine"),
    grain="row that failed a rule, per reason",
    columns=(
        Column("day", pa.date32(), "local day of the row; 1970-01-01 where its time cannot be read"),
        Column("table", pa.string(), "the table the row was meant for", is_key=True),
        Column("record_key", pa.string(), "the row's key, or a hash of its bytes", is_key=True),
        Column("reason", pa.string(), "the rule it failed", is_key=True),
        Column("field", pa.string(), "the field the rule looked at"),
        Column(
            "severity",
            pa.string(),
            "error: not used downstream; warn: used and listed here; excluded: sound, but never counted; "
            "held: sound, of a day that was not published",
        ),
        Column("run_id", pa.string(), "the run that put it here"),
        Column("body", pa.string(), "the whole row as JSON", is_personal=True),
        Column("occurred_at", UTC_MICROSECONDS, "the raw row's own time, where it has one"),
        Column("extracted_at", UTC_MICROSECONDS, "when the vendor was asked for the raw row"),
        Column("asked_from", pa.date32(), "of a row without a time: the first day of the pull that met it"),
        Column("asked_to", pa.date32(), "and the last"),
    ),
    sort_by=("day", "table", "record_key", "reason"),
    fingerprint_without=("run_id", "extracted_at", "asked_from", "asked_to"),
)
