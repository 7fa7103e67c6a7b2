"""Rows that were computed, or brought back, through the gate into their table: by the day, or as a whole.

For rows in memory. What comes from a vendor, and may be larger, takes the way of `pull`.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from journey_platform.lake import DayContent, DayWrite, Lake, TableWrite
from journey_platform.lake import rows as shapes
from journey_platform.landing.ledger import record
from journey_platform.landing.pull import stay
from journey_platform.landing.quarantine import Rejected, quarantine
from journey_platform.quality.table_gate import TableGate
from journey_platform.quality.verdict import DayVerdict, Gate, Verdict
from journey_platform.tables import Table


@dataclass(frozen=True)
class Judged:
    """Offered rows of `days`: by day those that may be written (of days that are neither kept nor held), the
    verdicts, and the findings' rows."""

    contents: Mapping[date, pa.Table]
    verdicts: Mapping[date, DayVerdict]
    findings: tuple[tuple[dict[str, object], str, str, str], ...]
    held: Mapping[date, pa.Table]

    @property
    def kept(self) -> list[date]:
        return [day for day, verdict in self.verdicts.items() if verdict.is_kept]


def judge(lake: Lake, table: Table, rows: pa.Table, days: Collection[date], gate: Gate) -> Judged:
    """Judge rows with the table's columns, of `days`. A day that was judged so before stays as it is."""
    parts = shapes.by_day(table, shapes.conform(table, rows), sorted(set(days)))
    offered = {day: DayContent.of(table, part).state.fingerprint for day, part in parts.items()}
    states = lake.day_states(table)
    fresh = {
        day: part
        for day, part in parts.items()
        if not gate.is_known(day, offered[day], is_there=day in states)
    }
    batch = pa.concat_tables([table.empty(), *fresh.values()])
    verdict = gate(batch) if batch.num_rows else Verdict((), ())
    verdicts = gate.conclude(offered)
    good = _without(batch, verdict.rejected())
    by_day = {day: good.filter(pc.equal(good["day"], pa.scalar(day))) for day in fresh}
    findings = tuple(
        (batch.slice(found.position, 1).to_pylist()[0], found.rule, found.field, found.severity)
        for found in verdict.findings
    )
    is_held = {day for day in fresh if verdicts[day].held_by is not None}
    return Judged(
        {day: part for day, part in by_day.items() if day not in is_held},
        verdicts,
        findings,
        {day: part for day, part in by_day.items() if day in is_held},
    )


def publish(
    lake: Lake,
    table: Table,
    rows: pa.Table,
    days: Sequence[date],
    gate: TableGate,
    *,
    run_id: str,
    cursor: str | None = None,
    refused: Iterable[Rejected] = (),
    kept: Collection[date] = (),
) -> list[DayWrite]:
    """Make `days` hold those of the computed rows that the gate lets through.

    Rows that fail, and what was `refused` before there were rows, stand in the quarantine in place of what
    the table had there on those days. A day that a rule holds keeps its last good version; its rows can be
    computed again, so that they are not kept anywhere. `kept`: further days, for which nothing was computed.
    """
    gate.keep(kept)
    judged = judge(lake, table, rows, days, gate)
    [key, *_] = table.primary_key
    found = [
        Rejected(_day(row), str(row[key]), rule, field, severity, _body(row))
        for row, rule, field, severity in judged.findings
    ]
    if table.key[0] == "touchpoints":
        same = dict.fromkeys(judged.kept, gate.reasons)
        quarantine(lake, table, [*refused, *found], days, run_id=run_id, replaces=True, kept=same)
    contents = {day: DayContent.of(table, part) for day, part in judged.contents.items()}
    writes = lake.write_days(table, contents, run_id=run_id, cursor=cursor, allow_shrink=True)
    record(lake, table, judged.verdicts, run_id=run_id)
    others = {day: judged.verdicts[day].reason for day in (*days, *kept) if day not in contents}
    return sorted([*writes, *stay(lake, table, others)], key=lambda write: write.day)


def publish_whole(
    lake: Lake,
    table: Table,
    rows: pa.Table,
    gate: Gate,
    *,
    run_id: str,
    today: date,
    made_with: str | None = None,
) -> TableWrite | None:
    """`publish` for a table without days, which is judged as a whole under `today`. None where it is held.

    `made_with`: see `Lake.replace_all`.
    """
    ordered = shapes.in_order(table, shapes.conform(table, rows))
    gate(ordered)
    [verdict] = gate.conclude({today: DayContent.of(table, ordered).state.fingerprint}).values()
    written = None
    if verdict.held_by is None:
        written = lake.replace_all(table, rows, run_id=run_id, made_with=made_with)
    record(lake, table, {today: verdict}, run_id=run_id)
    return written


def _without(rows: pa.Table, positions: Collection[int]) -> pa.Table:
    gone = set(positions)
    return rows.filter(pa.array([place not in gone for place in range(rows.num_rows)], pa.bool_()))


def _day(row: Mapping[str, object]) -> date:
    day = row["day"]
    assert isinstance(day, date)
    return day


def _body(row: Mapping[str, object]) -> str:
    return json.dumps(row, default=str, ensure_ascii=False)
