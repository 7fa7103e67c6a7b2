"""What every mapping shares: a record's JSON in, touchpoints or contacts out, refusals beside them.

Here belong the canonical rows and the driver that decodes, collects and refuses. What one vendor's records
mean is in that vendor's file. Nothing here knows where tables are stored or who the people are.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar

import msgspec
import numpy as np
import pyarrow as pa

from journey_platform.days import local_days
from journey_platform.tables import Table, contacts_table, touchpoints_table

Pairs = tuple[tuple[str, str], ...]

REJECTED = pa.schema(
    [
        pa.field("day", pa.date32(), nullable=False),
        pa.field("table", pa.string(), nullable=False),
        pa.field("record_key", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("field", pa.string()),
        pa.field("severity", pa.string()),
        pa.field("body", pa.string()),
    ]
)
"""One row per record, or part of one, that gave no row: `tables.QUARANTINE` without the run.

`day` is the raw row's. `record_key` is vendor/stream/key[#part]. `severity`: "error" is a bad record,
"excluded" a sound one that must not be counted (a preview, spam, staff).
"""

DAY_MICROSECONDS = 86_400_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_BATCH = 4096


class Refusal(Exception):  # noqa: N818 - a statement about data, not a fault of the program
    """Raised: the whole record gives nothing. Yielded: only `part` gives nothing."""

    def __init__(self, reason: str, field: str, *, part: str = "", severity: str = "error") -> None:
        super().__init__(reason)
        self.reason = reason
        self.field = field
        self.part = part
        self.severity = severity


def excluded(why: str, field: str) -> Refusal:
    """A sound record that must not be counted."""
    return Refusal(f"excluded: {why}", field, severity="excluded")


@dataclass(frozen=True)
class LookedUp:
    """What a mapping takes from entities of a stream that gives no touchpoints itself.

    `says`: what it takes from a record's body. `kind`: that of the identifier by which a touchpoint of
    another entity, say a ticket, names it: by its record key. What is said matters to every touchpoint with
    the `subject_id` of that one.
    """

    kind: str
    says: Callable[[str], object]


class Origin(msgspec.Struct, gc=False):
    """Where a record comes from. Times are microseconds since 1970, UTC."""

    stream: str
    key: str
    occurred_at: int
    extracted_at: int


class Touch(msgspec.Struct, kw_only=True, gc=False):
    """One touchpoint before it stands in a table; columns as in `tables.touchpoints_table`.

    `part` tells apart the touchpoints of one record. `id` stands for vendor/stream/key[#part] where one
    event may arrive in several streams. `channel`: where it is not that of the whole vendor. Blank
    identifiers may be given: they are dropped.
    """

    type: str
    occurred_at: int
    channel: str | None = None
    identifiers: Pairs = ()
    part: str = ""
    id: str | None = None
    visit_id: str | None = None
    subject_id: str | None = None
    page: str | None = None
    traffic_channel: str | None = None
    source: str | None = None
    medium: str | None = None
    campaign: str | None = None
    device: str | None = None
    reason: str | None = None
    value: float | None = None
    unit: str | None = None
    dwell_s: float | None = None
    is_bot: bool = False
    is_machine: bool = False
    text: str | None = None
    language: str | None = None


class Contact(msgspec.Struct, kw_only=True, gc=False):
    """One statement about a person; columns as in `tables.contacts_table`. Blank values are dropped."""

    observed_at: int
    identifiers: Pairs
    attributes: Pairs
    id: str | None = None


Row = TypeVar("Row", Touch, Contact)
Read = TypeVar("Read")


@dataclass(frozen=True)
class StreamMapping(Generic[Row]):
    """How one stream's records become rows: the type that its bodies decode to, and what a body gives."""

    stream: str
    body: Any
    rows: Callable[[Any, Origin], Iterable[Row | Refusal]]


@dataclass(frozen=True)
class Mapped:
    """`rows` in the declared schema and order; `rejected` in `REJECTED`."""

    rows: pa.Table
    rejected: pa.Table


def map_touchpoints(
    vendor: str,
    channel: str | None,
    mappings: Sequence[StreamMapping[Touch]],
    raw: Mapping[str, pa.Table],
    zone: str,
) -> Mapped:
    """The touchpoints of a vendor's raw tables (`tables.raw_table`), each on its own local day.

    `channel`: of all that do not name another. Bodies that do not decode, refusals, and times over a day
    after the record was read are rejected.
    """
    table = touchpoints_table(vendor)
    collected = _Collected[Touch](table)
    for mapping in mappings:
        collected.add(vendor, mapping, raw.get(mapping.stream))
    rows = collected.rows
    ids = [
        row.id or _path(vendor, origin, row.part) for row, origin in zip(rows, collected.origins, strict=True)
    ]
    given: dict[str, Any] = {
        "touchpoint_id": ids,
        "vendor": pa.repeat(pa.scalar(vendor), len(rows)),
        "channel": [row.channel or channel for row in rows],
    }
    for name in Touch.__struct_fields__:
        if name in table.schema.names and name not in {"occurred_at", "identifiers", "channel"}:
            given[name] = [getattr(row, name) for row in rows]
    return collected.mapped(given, "occurred_at", ("identifiers",), zone)


def map_contacts(
    vendor: str, mappings: Sequence[StreamMapping[Contact]], raw: Mapping[str, pa.Table], zone: str
) -> Mapped:
    """The statements about people in a vendor's raw tables. Rejects as `map_touchpoints` does.

    Of several versions of a record at one time, which a vendor makes when it changes a record without saying
    so, the one that was read last counts.
    """
    collected = _Collected[Contact](contacts_table(vendor))
    for mapping in mappings:
        collected.add(vendor, mapping, raw.get(mapping.stream))
    latest: dict[str, tuple[Contact, Origin]] = {}
    for row, origin in zip(collected.rows, collected.origins, strict=True):
        contact_id = f"{row.id or _path(vendor, origin)}@{iso(row.observed_at)}"
        if contact_id not in latest or _version(row, origin) > _version(*latest[contact_id]):
            latest[contact_id] = row, origin
    collected.rows = [row for row, _ in latest.values()]
    collected.origins = [origin for _, origin in latest.values()]
    given = {"contact_id": list(latest), "vendor": pa.repeat(pa.scalar(vendor), len(latest))}
    return collected.mapped(given, "observed_at", ("identifiers", "attributes"), zone)


def decoded(table: pa.Table | None, body: Any) -> Iterator[tuple[str, Any]]:
    """(record key, body) of the rows of a table that others look things up in.

    Undecodable ones are left out: they are rejected where they are the subject.
    """
    if table is None:
        return
    decoder = msgspec.json.Decoder(body)
    for key, text in zip(table["record_key"].to_pylist(), table["body"].to_pylist(), strict=True):
        try:
            yield key, decoder.decode(text)
        except msgspec.DecodeError:
            continue


def text(value: object) -> str | None:
    """A value as stripped text; None where it is blank: null, "", false, [] and {} all say "nothing"."""
    if isinstance(value, str):
        return value.strip() or None
    return None if value is None or value is False or isinstance(value, list | dict) else str(value)


def number(value: object, field: str) -> float | None:
    """A number that may be sent as text. Raises `Refusal` where it is neither a number nor blank."""
    if value is None or value is False or value == "":
        return None
    try:
        found = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise Refusal("not a number", field) from None
    if not math.isfinite(found):
        raise Refusal("not a finite number", field)
    return found


def microseconds(moment: datetime) -> int:
    """Microseconds since 1970 of a time with a zone."""
    return (moment - _EPOCH) // _MICROSECOND


def iso(moment: int) -> str:
    """A time in microseconds since 1970 as ISO text in UTC."""
    return (_EPOCH + moment * _MICROSECOND).isoformat().replace("+00:00", "Z")


def page_path(url: str | None) -> str | None:
    """The path of a URL, without host, query or fragment; "/" for a bare host."""
    if not url:
        return None
    _, has_scheme, rest = url.partition("://")
    start = (rest if has_scheme else url).partition("?")[0].partition("#")[0]
    slash = start.find("/")
    return start[slash:] if slash >= 0 else "/"


def _version(contact: Contact, origin: Origin) -> tuple[int, Pairs, Pairs]:
    """What orders the versions of one record: when it was read, then what it says."""
    return origin.extracted_at, contact.identifiers, contact.attributes


def _path(vendor: str, origin: Origin, part: str = "") -> str:
    path = f"{vendor}/{origin.stream}/{origin.key}"
    return f"{path}#{part}" if part else path


class _Collected(Generic[Row]):
    """Rows and refusals of several streams on their way to one table."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.rows: list[Row] = []
        self.origins: list[Origin] = []
        self._rejected: list[tuple[object, ...]] = []

    def add(self, vendor: str, mapping: StreamMapping[Row], raw: pa.Table | None) -> None:
        if raw is None:
            return
        decode = msgspec.json.Decoder(mapping.body).decode
        for day, key, occurred_at, extracted_at, body in _raw_rows(raw):
            origin = Origin(mapping.stream, key, occurred_at, extracted_at)
            rows: list[Row] = []
            refusals: list[Refusal] = []
            try:
                if occurred_at is None:
                    raise Refusal("no time", "occurred_at")
                for row in mapping.rows(decode(body), origin):
                    refusal = row if isinstance(row, Refusal) else _impossible_time(row, extracted_at)
                    if refusal is not None:
                        refusals.append(refusal)
                    elif not isinstance(row, Refusal):
                        rows.append(row)
            except msgspec.DecodeError as error:
                rows, refusals = [], [_undecodable(error)]
            except Refusal as whole:
                rows, refusals = [], [whole]
            self.rows += rows
            self.origins += [origin] * len(rows)
            for refused in refusals:
                place = _path(vendor, origin, refused.part)
                reason, field, severity = refused.reason, refused.field, refused.severity
                self._rejected.append((day, self.table.name, place, reason, field, severity, body))

    def mapped(self, given: dict[str, Any], time: str, pairs: tuple[str, ...], zone: str) -> Mapped:
        schema = self.table.schema
        moments = np.fromiter((getattr(row, time) for row in self.rows), dtype=np.int64, count=len(self.rows))
        given["day"] = pa.array(local_days(moments, zone)).cast(pa.date32())
        given[time] = pa.array(moments).cast(schema.field(time).type)
        given["stream"] = [origin.stream for origin in self.origins]
        given["record_key"] = [origin.key for origin in self.origins]
        for name in pairs:
            given[name] = _pairs([getattr(row, name) for row in self.rows], schema.field(name).type)
        columns = [
            column if isinstance(column, pa.Array) else pa.array(column, field.type)
            for field in schema
            for column in [given[field.name]]
        ]
        rows = pa.Table.from_arrays(columns, schema=schema)
        rejected = pa.Table.from_arrays(
            [pa.array([row[i] for row in self._rejected], field.type) for i, field in enumerate(REJECTED)],
            schema=REJECTED,
        )
        return Mapped(
            rows=rows.sort_by([(name, "ascending") for name in self.table.sort_by]),
            rejected=rejected.sort_by([(name, "ascending") for name in ("day", "record_key", "reason")]),
        )


def read_records(
    table: Table, stream: str, raw: pa.Table, read: Callable[[str], Read]
) -> tuple[list[tuple[Read, datetime]], pa.Table]:
    """What `read` makes of each body, with the record's time; and rows of `REJECTED` where it cannot decode.

    For tables of one row per record. `stream`: vendor/stream, of which `raw` has the current versions.
    """
    found: list[tuple[Read, datetime]] = []
    rejected: list[dict[str, Any]] = []
    columns = (raw[name].to_pylist() for name in ("day", "record_key", "occurred_at", "body"))
    for day, key, occurred_at, body in zip(*columns, strict=True):
        try:
            found.append((read(body), occurred_at))
        except msgspec.DecodeError as error:
            refusal = _undecodable(error)
            rejected.append(
                {
                    "day": day,
                    "table": table.name,
                    "record_key": f"{stream}/{key}",
                    "reason": refusal.reason,
                    "field": refusal.field,
                    "severity": "error",
                    "body": body,
                }
            )
    rows = pa.Table.from_pylist(rejected, schema=REJECTED)
    return found, rows.sort_by([("day", "ascending"), ("record_key", "ascending")])


def _raw_rows(raw: pa.Table) -> Iterator[tuple[Any, ...]]:
    """(day, key, occurred_at, extracted_at, body); some thousand rows at a time stand in Python."""
    for batch in raw.to_batches(max_chunksize=_BATCH):
        times = (batch[name].cast(pa.int64()).to_pylist() for name in ("occurred_at", "extracted_at"))
        days, keys, bodies = (batch[name].to_pylist() for name in ("day", "record_key", "body"))
        yield from zip(days, keys, *times, bodies, strict=True)


def _impossible_time(row: Touch | Contact, extracted_at: int) -> Refusal | None:
    """What happened long after it was told, or before such records were kept, has a broken clock."""
    moment, part = (row.occurred_at, row.part) if isinstance(row, Touch) else (row.observed_at, "")
    if moment > extracted_at + DAY_MICROSECONDS:
        return Refusal("over a day after it was read", "", part=part)
    return Refusal("before 1970", "", part=part) if moment < 0 else None


def _undecodable(error: msgspec.DecodeError) -> Refusal:
    """The decoder's own words name types and the place, never the value."""
    reason, _, place = str(error).partition(" - at ")
    return Refusal(reason, place.strip("`").removeprefix("$").removeprefix("."))


def _pairs(rows: list[Pairs], of: pa.DataType) -> pa.Array:
    """Lists of named values; each distinct list is built once, since a visit's actions share theirs."""
    place: dict[Pairs, int] = {}
    indices = [place.setdefault(pairs, len(place)) for pairs in rows]
    kept = [[(name, value) for name, value in pairs if value and value.strip()] for pairs in place]
    offsets = np.cumsum([0, *map(len, kept)], dtype=np.int32)
    struct = of.value_type
    flat = pa.StructArray.from_arrays(
        [pa.array([pair[i] for pairs in kept for pair in pairs], pa.string()) for i in (0, 1)],
        fields=[struct.field(0), struct.field(1)],
    )
    distinct = pa.ListArray.from_arrays(pa.array(offsets), flat).cast(of)
    return distinct.take(pa.array(indices, pa.int32()))
