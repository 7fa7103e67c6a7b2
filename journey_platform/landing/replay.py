"""Rows out of the quarantine and back through the gate, without the vendor: after a rule was changed, or
after somebody looked at a held day and lets it through.

Only rows that were raw records come back this way. What a connector could not read has no time of its own and
must be read again; what a mapping refused comes back when its touchpoints are computed again.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from journey_platform.identity.erasure import Erased
from journey_platform.lake import DayContent, Lake
from journey_platform.lake.rows import union
from journey_platform.landing.erased import without_theirs
from journey_platform.landing.ledger import gate_of, record, verdicts
from journey_platform.landing.publish import judge
from journey_platform.landing.quarantine import held_rows, key_of, rejected_row, rows_of
from journey_platform.quality.rules import Suite
from journey_platform.quality.verdict import ERROR, HELD, Verdict
from journey_platform.tables import QUARANTINE, Table

_MARKED_KEY = re.compile(r"^(?P<key>.*)#(?P<mark>[0-9a-f]{12})$", re.DOTALL)


@dataclass(frozen=True)
class Replayed:
    """One day of a replay, in rows. `taken` = `landed` + `refused` + `held`. `unreadable`: rows of the day
    and reason that only the vendor can give again. `held_by`: why the day is still held."""

    day: date
    taken: int
    landed: int
    refused: int
    held: int
    unreadable: int
    held_by: str | None


def quarantined_days(lake: Lake, table: Table, reason: str | None = None) -> list[date]:
    """The days on which rows of the table that must not be used are in quarantine (for a reason)."""
    rows = lake.read(QUARANTINE, columns=("day", "table", "reason", "severity"))
    return sorted(set(rows.filter(_wanted(rows, table, reason))["day"].to_pylist()))


def replay(
    lake: Lake,
    table: Table,
    suite: Suite,
    days: Iterable[date],
    *,
    run_id: str,
    reason: str | None = None,
    accepts: bool = False,
    erased: Erased | None = None,
) -> list[Replayed]:
    """Take the rows of a raw table that are in quarantine (for `reason`) on `days` through the gate again.

    A held day is offered as it was held, whole. On other days the rows are offered beside what the day has.
    `accepts`: let days through whatever the rules about days say. Run twice, the second changes nothing;
    killed at any moment and run again, the result is the same. What carries an identifier of somebody
    `erased` is not taken.
    """
    offer = _Offer(lake, table, suite, run_id, reason, accepts, erased)
    step = offer.versions if "occurred_at" in table.primary_key else offer.day
    return [step(day) for day in sorted(set(days))]


@dataclass(frozen=True)
class _Offer:
    """What is offered to the gate again, but for the day."""

    lake: Lake
    table: Table
    suite: Suite
    run_id: str
    reason: str | None
    accepts: bool
    erased: Erased | None

    def day(self, day: date) -> Replayed:
        lake, table, run_id = self.lake, self.table, self.run_id
        before = verdicts(lake, table, [day]).get(day)
        was_held = before is not None and before.held_by is not None
        raw, unreadable = self._quarantined(day, None if was_held else self.reason)
        was_empty = before is not None and was_held and before.rows_offered == 0
        if not raw.num_rows and not (was_empty and self.accepts):
            return Replayed(day, 0, 0, 0, 0, unreadable, before.held_by if before else None)
        stored = table.empty() if was_held else lake.read(table, [day])
        gate = gate_of(lake, table, self.suite, [day], accepts=self.accepts)
        judged = judge(lake, table, union(table, raw, stored), [day], gate)
        verdict, content = judged.verdicts[day], judged.contents.get(day)
        if content is not None:
            contents = {day: DayContent.of(table, content)}
            lake.write_days(table, contents, run_id=run_id, allow_shrink=True)
        record(lake, table, judged.verdicts, run_id=run_id)
        found = rows_of(table, [rejected_row(row, *about) for row, *about in judged.findings], run_id)
        if verdict.held_by is not None:
            held = raw.num_rows - verdict.rows_rejected
            if not verdict.is_kept:
                sound = held_rows(table, judged.held[day], verdict.held_by, run_id)
                self._put_back(day, raw, pa.concat_tables([found, sound]))
            return Replayed(day, raw.num_rows, 0, verdict.rows_rejected, held, unreadable, verdict.held_by)
        # Also where an earlier replay was killed between its commits: what the table has leaves the
        # quarantine.
        is_in = pc.is_in(raw["body"], lake.read(table, [day], columns=["body"])["body"].combine_chunks())
        landed = raw.filter(is_in)
        self._put_back(day, landed if verdict.is_kept else raw, found)
        refused = raw.num_rows - landed.num_rows
        return Replayed(day, raw.num_rows, landed.num_rows, refused, 0, unreadable, None)

    def versions(self, day: date) -> Replayed:
        lake, table = self.lake, self.table
        raw, unreadable = self._quarantined(day, self.reason)
        gate = gate_of(lake, table, self.suite, (), stands_on=day, accepts=self.accepts)
        verdict = gate(raw) if raw.num_rows else Verdict((), ())
        good = verdict.accepted(raw)
        lake.add_versions(table, good, run_id=self.run_id, cursor=lake.cursor(table))
        findings = [
            rejected_row(raw.slice(found.position, 1).to_pylist()[0], found.rule, found.field, found.severity)
            for found in verdict.findings
        ]
        self._put_back(day, raw, rows_of(table, findings, self.run_id))
        refused = raw.num_rows - good.num_rows
        return Replayed(day, raw.num_rows, good.num_rows, refused, 0, unreadable, None)

    def _quarantined(self, day: date, reason: str | None) -> tuple[pa.Table, int]:
        """The raw records of the day, and how many rows beside them only the vendor can give again."""
        known = without_theirs(self.erased, QUARANTINE, self.lake.read(QUARANTINE, [day]))
        chosen = known.filter(_wanted(known, self.table, reason))
        raw = _raw_rows(self.table, chosen)
        return raw, chosen.num_rows - raw.num_rows

    def _put_back(self, day: date, taken: pa.Table, back: pa.Table) -> None:
        """Take the replayed records out of the quarantine and put in what the gate found this time."""
        bodies = pa.array(taken["body"].to_pylist(), pa.string())

        def change(of: date, known: pa.Table) -> pa.Table:
            is_raw = pc.and_(pc.equal(known["table"], self.table.name), pc.is_valid(known["occurred_at"]))
            is_taken = pc.and_(is_raw, pc.is_in(known["body"], bodies))
            of_day = back.filter(pc.equal(back["day"], pa.scalar(of)))
            return union(QUARANTINE, of_day, known.filter(pc.invert(is_taken)))

        self.lake.rewrite_days(QUARANTINE, [day], change, run_id=self.run_id)


def _wanted(rows: pa.Table, table: Table, reason: str | None) -> pa.ChunkedArray:
    is_unused = pc.is_in(rows["severity"], pa.array([ERROR, HELD]))
    wanted = pc.and_(pc.equal(rows["table"], table.name), is_unused)
    return wanted if reason is None else pc.and_(wanted, pc.equal(rows["reason"], reason))


def _raw_rows(table: Table, quarantined: pa.Table) -> pa.Table:
    """Quarantined raw records as rows of their archive, each once whatever it failed."""
    readable = quarantined.filter(pc.is_valid(quarantined["occurred_at"]))
    keys = [
        _key(key, body)
        for key, body in zip(readable["record_key"].to_pylist(), readable["body"].to_pylist(), strict=True)
    ]
    columns = {
        **{name: readable[name] for name in readable.column_names},
        "record_key": pa.array(keys, pa.string()),
    }
    rows = pa.table([columns[name] for name in table.schema.names], schema=table.schema)
    return union(table, rows, table.empty())


def _key(key: str, body: str) -> str:
    """The vendor's key, without the mark that tells two records of one key apart."""
    marked = _MARKED_KEY.match(key)
    is_ours = marked is not None and key_of(body.encode())[:12] == marked["mark"]
    return marked["key"] if marked is not None and is_ours else key
