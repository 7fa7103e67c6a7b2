"""Rejected records as rows of the quarantine: kept whole, with their reasons, replayable."""

import base64
import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from journey_platform.lake import Lake
from journey_platform.lake.rows import union
from journey_platform.quality.verdict import HELD
from journey_platform.tables import QUARANTINE, Table

UNDATED = date(1970, 1, 1)
"""Where a record stands whose time cannot be read: one place, however pulls are cut. It stays there until a
pull of all the days among which it was met does not meet it."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """One record and one reason. `body` is the record's own bytes, whatever they are."""

    day: date
    record_key: str
    reason: str
    field: str
    severity: str
    body: str
    occurred_at: datetime | None = None
    extracted_at: datetime | None = None
    asked_from: date | None = None
    asked_to: date | None = None


def rejected_row(row: Mapping[str, Any], reason: str, field: str, severity: str) -> Rejected:
    """A row of a raw archive."""
    return Rejected(
        row["day"],
        row["record_key"],
        reason,
        field,
        severity,
        row["body"],
        row["occurred_at"],
        row["extracted_at"],
    )


def body_text(body: bytes) -> str:
    """The bytes as text; bytes that are no text as a JSON object that carries them in base64."""
    try:
        return body.decode()
    except UnicodeDecodeError:
        return json.dumps({"base64": base64.b64encode(body).decode()})


def key_of(body: bytes) -> str:
    """A key for a record that has none."""
    return hashlib.sha256(body).hexdigest()[:32]


def distinct(rejected: Iterable[Rejected]) -> list[Rejected]:
    """Each record and reason once. Different records under one key get a key of their own."""
    unique = sorted(dict.fromkeys(rejected), key=lambda r: (r.day, r.record_key, r.reason, r.body))
    bodies: dict[tuple[date, str, str], set[str]] = {}
    for row in unique:
        bodies.setdefault((row.day, row.record_key, row.reason), set()).add(row.body)
    return [
        row
        if len(bodies[row.day, row.record_key, row.reason]) == 1
        else replace(row, record_key=f"{row.record_key}#{key_of(row.body.encode())[:12]}")
        for row in unique
    ]


def quarantine(
    lake: Lake,
    table: Table,
    rejected: Sequence[Rejected],
    days: Sequence[date],
    *,
    run_id: str,
    replaces: bool,
    kept: Mapping[date, Collection[str]] | None = None,
    held: pa.Table | None = None,
) -> None:
    """Put what a pull rejected beside what other tables and writers have there.

    `replaces`: the pull was all of `days`, so earlier rows of the same table and day go, and `UNDATED` ones
    that a pull of some of these days had met; of `kept` days only those of other reasons than the ones given.
    `held`: rows of `held_rows`.
    """
    new = rows_of(table, rejected, run_id)
    if held is not None:
        new = pa.concat_tables([new, held])
    kept = kept or {}

    def change(day: date, known: pa.Table) -> pa.Table:
        of_day = new.filter(pc.equal(new.column("day"), pa.scalar(day)))
        if replaces and day in days:
            goes = pc.equal(known.column("table"), table.name)
            if day in kept:
                stays = pc.is_in(known.column("reason"), pa.array(kept[day], pa.string()))
                goes = pc.and_(goes, pc.invert(stays))
            known = known.filter(pc.invert(goes))
        elif replaces and day == UNDATED:
            known = known.filter(pc.invert(_met_within(known, table, days)))
        return union(QUARANTINE, of_day, known)

    undated = {UNDATED} if replaces and days else set()
    lake.rewrite_days(QUARANTINE, {*days, *undated, *new.column("day").to_pylist()}, change, run_id=run_id)


def _met_within(rows: pa.Table, table: Table, days: Sequence[date]) -> pa.ChunkedArray:
    """Rows of the table that a pull of no other days than these had met."""
    first, last = min(days), max(days)
    if (last - first).days + 1 != len(set(days)):
        return pa.chunked_array([pa.repeat(False, rows.num_rows)])
    is_within = pc.and_(
        pc.greater_equal(rows["asked_from"], pa.scalar(first)),
        pc.less_equal(rows["asked_to"], pa.scalar(last)),
    )
    return pc.and_(pc.equal(rows["table"], table.name), pc.fill_null(is_within, False))


def relist(
    lake: Lake,
    found: Mapping[Table, Sequence[Rejected]],
    reasons: Collection[str],
    days: Iterable[date],
    *,
    run_id: str,
) -> None:
    """Put what was found by rules between streams in place of what these `reasons` had listed on `days`."""
    new = pa.concat_tables(
        [QUARANTINE.empty(), *(rows_of(table, rows, run_id) for table, rows in found.items())]
    )
    tables = pa.array([table.name for table in found], pa.string())

    def change(day: date, known: pa.Table) -> pa.Table:
        is_listed = pc.is_in(known["reason"], pa.array(sorted(reasons), pa.string()))
        goes = pc.and_(is_listed, pc.is_in(known["table"], tables))
        of_day = new.filter(pc.equal(new["day"], pa.scalar(day)))
        return union(QUARANTINE, of_day, known.filter(pc.invert(goes)))

    lake.rewrite_days(QUARANTINE, days, change, run_id=run_id)


def held_rows(table: Table, rows: pa.Table, reason: str, run_id: str) -> pa.Table:
    """Sound rows of a raw archive, of a day that is held, as rows of the quarantine."""
    count = rows.num_rows
    same = {"table": table.name, "reason": reason, "field": "day", "severity": HELD, "run_id": run_id}
    columns = {
        **{name: pa.repeat(pa.scalar(text, pa.string()), count) for name, text in same.items()},
        **{name: rows[name] for name in ("day", "record_key", "body", "occurred_at", "extracted_at")},
        **dict.fromkeys(("asked_from", "asked_to"), pa.nulls(count, pa.date32())),
    }
    return pa.table([columns[name] for name in QUARANTINE.schema.names], schema=QUARANTINE.schema)


def rows_of(table: Table, rejected: Iterable[Rejected], run_id: str) -> pa.Table:
    """Rejected records as rows of the quarantine."""
    return pa.Table.from_pylist(
        [{**asdict(row), "table": table.name, "run_id": run_id} for row in distinct(rejected)],
        schema=QUARANTINE.schema,
    )
