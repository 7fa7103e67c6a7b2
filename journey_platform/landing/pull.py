"""The way of one pull: pages to disk, days and repeats, the gate, the commits, the report.

Nothing is committed before the last page has arrived, so a pull that fails leaves everything as it was.
Rejected records are committed first and the archive second: a run that dies in between is run again and
finds the same.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from journey_platform.days import as_day, day_number, local_days
from journey_platform.identity.erasure import Erased
from journey_platform.lake import DayState, DayWrite, Lake
from journey_platform.lake.rows import union
from journey_platform.landing.checkpoint import Checkpoint, checkpoint
from journey_platform.landing.erased import note_things, pages_without_theirs
from journey_platform.landing.ledger import Received, record
from journey_platform.landing.page import Page
from journey_platform.landing.quarantine import (
    UNDATED,
    Rejected,
    body_text,
    distinct,
    held_rows,
    key_of,
    quarantine,
    rejected_row,
)
from journey_platform.landing.report import LandingReport, Tally, per_day
from journey_platform.landing.staging import StagedRows, Staging
from journey_platform.quality.verdict import ERROR, DayVerdict, Gate
from journey_platform.tables import QUARANTINE, Table

_GATE_BYTES = 32 * 1024 * 1024


def land_events(
    lake: Lake,
    table: Table,
    pages: Iterable[Page],
    days: Sequence[date],
    *,
    zone: str,
    run_id: str,
    extracted_at: datetime,
    gate: Gate | None = None,
    erased: Erased | None = None,
    allow_shrink: bool = False,
) -> LandingReport:
    """Replace `days` (local days of `zone`) of an event archive by what `pages` hold.

    A record without a usable time, key or body, and what the gate rejects, goes to the quarantine; bad
    records, which have no time, as `UNDATED`, and count on the last of `days`. Of records with one key the
    last counts. What carries an identifier of somebody `erased` is left out before anything is written. A day
    that would shrink by more than half is held unless `allow_shrink`; so are the days of a batch of which the
    gate cannot evaluate a rule. Whatever `pages` raises passes through, and nothing is
    changed; `lake.LakeError` where the lake refuses.
    """
    wanted, tally = sorted(set(days)), Tally()
    with Staging(lake, needs_time=True) as staging:
        kept = pages_without_theirs(erased, table, pages, tally, zone=zone)
        bad, skipped, cursor = _stage(staging, kept, wanted[-1], tally, asked=(wanted[0], wanted[-1]))
        rows = staging.rows(table, zone, extracted_at)
        is_inside = np.isin(rows.days, [day_number(day) for day in wanted])
        tally.received.update(per_day(rows.days[is_inside]))
        unique = _without_repeats(rows, np.flatnonzero(is_inside), tally, is_versioned=False)
        judged = _judged(lake, table, rows, rows.in_order(unique), wanted, gate, len(bad))
        tally.quarantined.update(judged.rejected)
        quarantine(
            lake,
            table,
            [*bad, *judged.findings],
            wanted,
            run_id=run_id,
            replaces=True,
            kept=dict.fromkeys(judged.kept, gate.reasons) if gate else {},
            held=judged.held_rows(table, rows, run_id),
        )
        nothing = judged.accepted[:0]
        parts = rows.by_day(judged.accepted)
        contents = {day: rows.content(parts.get(day, nothing)) for day in wanted if day not in judged.stays}
        writes = lake.write_days(
            table, contents, run_id=run_id, allow_shrink=allow_shrink or gate is not None
        )
    brought = {
        day: Received(
            tally.received[day],
            tally.duplicates[day],
            len(bad) if day == wanted[-1] else 0,
            tally.erased[day],
        )
        for day in wanted
    }
    record(lake, table, judged.verdicts, run_id=run_id, brought=brought)
    reports = tally.reports(
        [*writes, *stay(lake, table, {day: judged.verdicts[day].reason for day in judged.stays})]
    )
    return LandingReport(
        table.name, reports, int(np.sum(~is_inside)), skipped, cursor, erased=tally.erased.total()
    )


def land_versions(
    lake: Lake,
    table: Table,
    pages: Iterable[Page],
    *,
    zone: str,
    run_id: str,
    extracted_at: datetime,
    gate: Gate | None = None,
    erased: Erased | None = None,
) -> LandingReport:
    """Add what `pages` hold to an entity archive, and commit with it the checkpoint: the last page's cursor
    (the one before where there is none) and `extracted_at`.

    A version stands on the local day of its change time. A record without one is new only if its body
    differs from the archive's current version of its key; it then gets `extracted_at`. Where the gate cannot
    evaluate a rule nothing is added and the checkpoint stays. Errors as in `land_events`.
    """
    today = as_day(local_days(np.array([round(extracted_at.timestamp() * 1_000_000)]), zone)[0])
    tally = Tally()
    with Staging(lake, needs_time=False) as staging:
        kept = pages_without_theirs(erased, table, pages, tally, zone=zone)
        bad, skipped, cursor = _stage(staging, kept, today, tally)
        note_things(lake, erased, tally.things, decided_at=extracted_at, day=today)
        rows = staging.rows(table, zone, extracted_at)
        tally.received.update(per_day(rows.days))
        unique = _without_repeats(rows, np.arange(len(rows)), tally, is_versioned=True)
        is_current = _is_current(lake, table, rows, unique)
        tally.known.update(per_day(rows.days[unique[is_current]]))
        ordered = rows.in_order(unique[~is_current])
        accepted, findings = _gated(rows, ordered, gate)
        tally.quarantined.update(per_day(rows.days[np.setdiff1d(ordered, accepted)]))
        quarantine(lake, table, [*bad, *findings], [], run_id=run_id, replaces=False)
        verdicts: Mapping[date, DayVerdict] = {}
        if gate and (len(ordered) or bad):
            gate.refused = len(bad)
            offered = hashlib.sha256(b"".join(rows.digest(position) for position in ordered.tolist()))
            verdicts = gate.conclude({today: offered.hexdigest()[:32]})
        if reason := next((verdict.reason for verdict in verdicts.values() if verdict.held_by), None):
            record(lake, table, verdicts, run_id=run_id)
            reports = tally.reports(stay(lake, table, dict.fromkeys(tally.received, reason)))
            return LandingReport(table.name, reports, 0, skipped, None, tally.erased.total())
        before = checkpoint(lake, table)
        here = Checkpoint(cursor or (before.cursor if before else None), extracted_at)
        parts = rows.by_day(accepted)
        known: dict[date, int] = {}

        def change(day: date, archived: pa.Table) -> pa.Table:
            new = rows.take(parts[day])
            both = union(table, archived, new)
            known[day] = len(archived) + len(new) - len(both)
            return both

        writes = lake.rewrite_days(table, parts, change, run_id=run_id, cursor=here.encode())
    if any(write.is_changed for write in writes):
        # A pull that only overlaps the last one says nothing new.
        record(lake, table, verdicts, run_id=run_id)
    tally.known.update(known)
    return LandingReport(
        table.name, tally.reports(writes), 0, skipped, here.cursor, erased=tally.erased.total()
    )


def _stage(
    staging: Staging,
    pages: Iterable[Page],
    bad_day: date,
    tally: Tally,
    *,
    asked: tuple[date | None, date | None] = (None, None),
) -> tuple[list[Rejected], int, str | None]:
    """Every page to disk. Returns the bad records, how many were skipped, and the last cursor."""
    bad: list[Rejected] = []
    skipped, cursor = 0, None
    for page in pages:
        skipped += page.skipped
        cursor = cursor if page.cursor is None else page.cursor
        refused = [(r.record.key, r.record.body, r.reason, r.field) for r in staging.add(page.records)]
        for key, body, reason, field in [*refused, *((b.key, b.body, b.reason, b.field) for b in page.bad)]:
            name = key_of(body) if key is None else key.encode(errors="replace").decode()
            row = Rejected(UNDATED, name, reason, field, ERROR, body_text(body))
            bad.append(replace(row, asked_from=asked[0], asked_to=asked[1]))
    unique = distinct(bad)
    if bad:
        tally.received[bad_day] = len(bad)
        tally.quarantined[bad_day] = len(unique)
        tally.duplicates[bad_day] = len(bad) - len(unique)
    return unique, skipped, cursor


def _without_repeats(rows: StagedRows, positions: Any, tally: Tally, *, is_versioned: bool) -> Any:
    """One row a key, the last; of versions with a change time, one row a key, time and body."""
    last: dict[tuple[Any, ...], int] = {}
    dropped: list[int] = []
    conflicts: list[int] = []
    for position in rows.repeated(positions).tolist():
        identity: tuple[Any, ...] = (rows.keys[position].as_py(),)
        if is_versioned and rows.is_timed[position]:
            identity = (*identity, rows.times[position].value, rows.digest(position))
        earlier = last.get(identity)
        if earlier is not None:
            dropped.append(earlier)
            if rows.digest(earlier) != rows.digest(position):
                conflicts.append(earlier)
        last[identity] = position
    tally.duplicates.update(per_day(rows.days[dropped]))
    tally.conflicts.update(per_day(rows.days[conflicts]))
    return np.setdiff1d(positions, dropped, assume_unique=True)


def _is_current(lake: Lake, table: Table, rows: StagedRows, positions: Any) -> Any:
    """Of each row: it has no change time, and the archive's current version of its key has the same body."""
    is_current = np.zeros(len(positions), bool)
    if not np.any(~rows.is_timed[positions]):
        return is_current
    current: dict[str, tuple[int, bytes]] = {}
    for day in lake.day_states(table):
        archived = lake.read(table, [day], columns=["record_key", "occurred_at", "body"])
        archived = archived.filter(pc.is_in(archived.column("record_key"), rows.keys))
        times = archived.column("occurred_at").cast(pa.int64()).to_pylist()
        keys, bodies = archived.column("record_key").to_pylist(), archived.column("body").to_pylist()
        for key, time, body in zip(keys, times, bodies, strict=True):
            if key not in current or current[key][0] <= time:
                current[key] = (time, hashlib.sha256(body.encode()).digest())
    for number, position in enumerate(positions.tolist()):
        version = current.get(rows.keys[position].as_py())
        is_current[number] = (
            version is not None and not rows.is_timed[position] and version[1] == rows.digest(position)
        )
    return is_current


@dataclass(frozen=True)
class _Judged:
    """What the gate said of a pull. `accepted`: positions in order; `rejected`: how many a day;
    `kept`: days whose verdict and content stay; `held`: positions of sound rows of days held by a rule."""

    accepted: Any
    findings: list[Rejected]
    rejected: Mapping[date, int]
    verdicts: Mapping[date, DayVerdict]
    kept: frozenset[date]
    held: Mapping[date, Any]

    @property
    def stays(self) -> set[date]:
        """Days that are not written."""
        return {*self.kept, *self.held}

    def held_rows(self, table: Table, rows: StagedRows, run_id: str) -> pa.Table:
        parts = [
            held_rows(table, rows.take(positions), self.verdicts[day].held_by or "", run_id)
            for day, positions in self.held.items()
            if len(positions)
        ]
        return pa.concat_tables([QUARANTINE.empty(), *parts])


def _judged(
    lake: Lake,
    table: Table,
    rows: StagedRows,
    ordered: Any,
    days: Sequence[date],
    gate: Gate | None,
    refused: int,
) -> _Judged:
    if gate is None:
        return _Judged(ordered, [], {}, {}, frozenset(), {})
    parts, nothing = rows.by_day(ordered), ordered[:0]
    offered = {day: rows.content(parts.get(day, nothing)).state.fingerprint for day in days}
    states = lake.day_states(table)
    kept = frozenset(day for day in days if gate.is_known(day, offered[day], is_there=day in states))
    fresh = np.concatenate([nothing, *(part for day, part in parts.items() if day not in kept)])
    accepted, findings = _gated(rows, fresh, gate)
    gate.refused = refused
    verdicts = gate.conclude(offered)
    passed = rows.by_day(accepted)
    held = {
        day: passed.get(day, nothing)
        for day, verdict in verdicts.items()
        if verdict.held_by is not None and day not in kept
    }
    return _Judged(
        np.concatenate([nothing, *(part for day, part in passed.items() if day not in held)]),
        findings,
        {
            **per_day(rows.days[np.setdiff1d(fresh, accepted)]),
            **{day: verdicts[day].rows_rejected for day in kept},
        },
        verdicts,
        kept,
        held,
    )


def _gated(rows: StagedRows, ordered: Any, gate: Gate | None) -> tuple[Any, list[Rejected]]:
    """What the rules about rows let through, in order, and their findings for the quarantine."""
    if gate is None:
        return ordered, []
    findings: list[Rejected] = []
    gone: list[int] = []
    for positions in rows.batches(ordered, _GATE_BYTES):
        batch = rows.take(positions)
        verdict = gate(batch)
        for finding in verdict.findings:
            [row] = batch.slice(finding.position, 1).to_pylist()
            findings.append(rejected_row(row, finding.rule, finding.field, finding.severity))
        gone.extend(positions[sorted(verdict.rejected())].tolist())
    return ordered[~np.isin(ordered, gone)], findings


def stay(lake: Lake, table: Table, reasons: Mapping[date, str | None]) -> list[DayWrite]:
    """Days that were not written: what they hold, and why if they are held."""
    states, none = lake.day_states(table), DayState(0, "", 0)
    return [
        DayWrite(day, state.rows, state.fingerprint, False, reasons[day])
        for day in sorted(reasons)
        for state in [states.get(day, none)]
    ]
