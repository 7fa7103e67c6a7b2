"""Rejected records as rows of the quarantine: kept whole, with their reasons, replayable."""

import base64
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from journey_platform.lake import Lake
from journey_platform.lake.rows import union
from journey_platform.tables import QUARANTINE, Table

UNDATED = date(1970, 1, 1)
"""Where a record stands whose time cannot be read: one place, however pulls are cut. It stays there, for no
pull of some days can tell that it should have met it."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """One record and one reason. `body` is the record's own bytes, whatever they are."""

    day: date
    record_key: str
    reason: str
    field: str
    severity: str
    body: str


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
    unique = sorted(set(rejected), key=lambda r: (r.day, r.record_key, r.reason, r.body))
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
) -> None:
    """Put what a pull rejected beside what other tables and writers have there.

    `replaces`: the pull was all of `days`, so earlier rows of the same table and day go.
    """
    new = _rows(table, distinct(rejected), run_id)

    def change(day: date, known: pa.Table) -> pa.Table:
        of_day = new.filter(pc.equal(new.column("day"), pa.scalar(day)))
        if replaces and day in days:
            known = known.filter(pc.not_equal(known.column("table"), table.name))
        return union(QUARANTINE, of_day, known)

    lake.rewrite_days(QUARANTINE, {*days, *(r.day for r in rejected)}, change, run_id=run_id)


def _rows(table: Table, rejected: Sequence[Rejected], run_id: str) -> pa.Table:
    return pa.Table.from_pylist(
        [
            {
                "day": row.day,
                "table": table.name,
                "record_key": row.record_key,
                "reason": row.reason,
                "field": row.field,
                "severity": row.severity,
                "run_id": run_id,
                "body": row.body,
            }
            for row in rejected
        ],
        schema=QUARANTINE.schema,
    )
