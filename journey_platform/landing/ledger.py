"""The gate's verdicts as rows: written with each pull, read by the next as what was known. Beside them, of
days that were pulled, how many records came and how many of those were repeats or had no time."""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from journey_platform.lake import Lake
from journey_platform.lake.rows import union
from journey_platform.quality.figures import history_of
from journey_platform.quality.rules import Suite
from journey_platform.quality.table_gate import TableGate
from journey_platform.quality.verdict import ERROR, HELD, DayVerdict, RuleResult
from journey_platform.tables import GATE_VERDICTS, QUARANTINE, Table, raw_table


def gate_of(
    lake: Lake,
    table: Table,
    suite: Suite,
    days: Collection[date],
    *,
    is_read_by_day: bool = False,
    stands_on: date | None = None,
    accepts: bool = False,
) -> TableGate:
    """The gate of a table, knowing what was said of `days` and of those they are compared with.

    `is_read_by_day`: each of `days` is offered whole from its source, so that it should not hold less than
    when it was read last.
    """
    states = lake.day_states(table) if is_read_by_day else {}
    wanted = {*days} if stands_on is None else {stands_on}
    return TableGate(
        suite,
        known=verdicts(lake, table, wanted | history_of(wanted)),
        rows_before={day: states[day].rows for day in wanted if day in states},
        stands_on=stands_on,
        accepts=accepts,
    )


ACCOUNTED = "every_row_accounted_for"
"""Not a rule of a suite: what became of the records of a day's last pull."""


@dataclass(frozen=True, slots=True)
class Received:
    """Records of a day's last pull: all, those that came again, and those without a usable time, which are
    counted on the last day that was asked for. `erased`: beside them, what was left out for an erasure."""

    records: int
    duplicates: int
    undated: int
    erased: int = 0


def verdicts(lake: Lake, table: Table, days: Iterable[date]) -> dict[date, DayVerdict]:
    """What was last said of the table on each of `days`."""
    return verdicts_of(lake, [table], days)[table.name]


def verdicts_of(
    lake: Lake, tables: Collection[Table], days: Iterable[date]
) -> dict[str, dict[date, DayVerdict]]:
    """By table, what was last said of it on each of `days`."""
    rows = lake.read(GATE_VERDICTS, days)
    is_asked = pc.is_in(rows["table"], pa.array([table.name for table in tables], pa.string()))
    said = rows.filter(pc.and_(is_asked, pc.not_equal(rows["rule"], ACCOUNTED)))
    by_day: dict[tuple[str, date], list[dict[str, Any]]] = {}
    for row in said.to_pylist():
        by_day.setdefault((row["table"], row["day"]), []).append(row)
    found: dict[str, dict[date, DayVerdict]] = {table.name: {} for table in tables}
    for (name, day), of_day in by_day.items():
        found[name][day] = _day_verdict(day, of_day)
    return found


def held_days(lake: Lake) -> dict[str, set[date]]:
    """By table, the days that a rule holds now."""
    rows = lake.read(GATE_VERDICTS, columns=["day", "table", "verdict"])
    held: dict[str, set[date]] = {}
    for row in rows.filter(pc.equal(rows["verdict"], "held")).to_pylist():
        held.setdefault(row["table"], set()).add(row["day"])
    return held


def received(lake: Lake, days: Collection[date]) -> dict[tuple[str, date], Received]:
    """Per raw table and day what its last pull brought."""
    rows = lake.read(GATE_VERDICTS, days, columns=("day", "table", "rule", "observed"))
    return {
        (row["table"], row["day"]): Received(**json.loads(row["observed"]))
        for row in rows.filter(pc.equal(rows["rule"], ACCOUNTED)).to_pylist()
    }


def account_anew(lake: Lake, days: Collection[date], *, run_id: str) -> None:
    """After an erasure: of each account on `days`, what is no more of its records counts as erased."""
    refused = lake.read(QUARANTINE, days, columns=("day", "table", "record_key", "severity"))
    refused = refused.filter(pc.is_in(refused["severity"], pa.array([ERROR, HELD])))
    records = set(zip(*(refused[n].to_pylist() for n in ("table", "day", "record_key")), strict=True))
    away = Counter((table, day) for table, day, _ in records)
    held, brought = held_days(lake), received(lake, days)
    stored = {name: lake.day_states(table) for name, table in _raw_tables({t for t, _ in brought}).items()}
    fresh: dict[date, dict[str, Received]] = {}
    for (name, day), of in brought.items():
        there = stored[name][day].rows if day in stored[name] and day not in held.get(name, ()) else 0
        left = there + away[name, day] + of.duplicates + of.undated
        if left < of.records:
            gone = of.records - left
            fresh.setdefault(day, {})[name] = replace(of, records=left, erased=of.erased + gone)

    def change(day: date, known: pa.Table) -> pa.Table:
        rows = known.to_pylist()
        for row in rows:
            if row["rule"] == ACCOUNTED and (of := fresh[day].get(row["table"])) is not None:
                row |= {"checked": of.records, "observed": json.dumps(asdict(of))}
        return pa.Table.from_pylist(rows, schema=GATE_VERDICTS.schema)

    if fresh:
        lake.rewrite_days(GATE_VERDICTS, fresh, change, run_id=run_id)


def _raw_tables(names: Collection[str]) -> dict[str, Table]:
    parts = {name: name.split("/") for name in names}
    return {name: raw_table(of[1], of[2], "", is_entity=False) for name, of in parts.items()}


def record(
    lake: Lake,
    table: Table,
    judged: Mapping[date, DayVerdict],
    *,
    run_id: str,
    brought: Mapping[date, Received] | None = None,
) -> None:
    """Put verdicts in place of the earlier ones of the same table and day; kept ones are there already.
    `brought`: what a pull brought on each of the days, in place of what the one before did."""
    counts = brought or {}
    rows = {
        day: pa.Table.from_pylist(
            [
                *([] if verdict.is_kept else _rows(table, verdict, run_id)),
                *([_account(table, day, counts[day], run_id)] if day in counts else []),
            ],
            schema=GATE_VERDICTS.schema,
        )
        for day, verdict in judged.items()
        if not verdict.is_kept or day in counts
    }

    def change(day: date, known: pa.Table) -> pa.Table:
        is_account = pc.equal(known["rule"], ACCOUNTED)
        is_renewed = (
            pc.or_(is_account, pa.scalar(not judged[day].is_kept)) if day in counts else pc.invert(is_account)
        )
        goes = pc.and_(pc.equal(known["table"], table.name), is_renewed)
        return union(GATE_VERDICTS, rows[day], known.filter(pc.invert(goes)))

    if rows:
        lake.rewrite_days(GATE_VERDICTS, rows, change, run_id=run_id)


def _account(table: Table, day: date, brought: Received, run_id: str) -> dict[str, Any]:
    return {
        "day": day,
        "table": table.name,
        "rule": ACCOUNTED,
        "field": "records",
        "severity": ERROR,
        "checked": brought.records,
        "failed": 0,
        "verdict": "passed",
        "observed": json.dumps(asdict(brought)),
        "run_id": run_id,
    }


def _rows(table: Table, verdict: DayVerdict, run_id: str) -> Iterator[dict[str, Any]]:
    for result in verdict.results:
        yield {
            "day": verdict.day,
            "table": table.name,
            "rule": result.rule,
            "field": result.field,
            "severity": result.severity,
            "checked": result.checked,
            "failed": result.failed,
            "verdict": _word(result, verdict),
            "observed": result.observed or None,
            "error": result.error,
            "fingerprint": verdict.fingerprint,
            "suite": verdict.suite,
            "run_id": run_id,
        }


def _word(result: RuleResult, verdict: DayVerdict) -> str:
    if result.rule == verdict.held_by:
        return "held"
    if result.error is not None:
        return "error"
    if verdict.is_accepted and result.failed and result.observed and result.severity == ERROR:
        return "accepted"
    return "failed" if result.failed else "passed"


def _day_verdict(day: date, rows: list[dict[str, Any]]) -> DayVerdict:
    results = tuple(
        RuleResult(
            row["rule"],
            row["field"],
            row["severity"],
            row["checked"],
            row["failed"],
            row["error"],
            row["observed"] or "",
        )
        for row in rows
    )
    held_by = next((row["rule"] for row in rows if row["verdict"] == "held"), None)
    is_accepted = any(row["verdict"] == "accepted" for row in rows)
    return DayVerdict(
        day, results, rows[0]["fingerprint"], rows[0]["suite"], held_by, is_accepted=is_accepted
    )
