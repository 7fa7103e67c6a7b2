"""The asset `operations/references`: the records that rows of one stream name are there in another."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from connectors.registry import connector_of
from journey_platform.defs.describe import asset_key, spec, whole_assets
from journey_platform.defs.planning import plan, with_neighbours
from journey_platform.defs.platform import Platform
from journey_platform.lake import Lake
from journey_platform.landing.checkpoint import checkpoint
from journey_platform.landing.quarantine import Rejected, rejected_row, relist
from journey_platform.quality.references import Referred, named, referred
from journey_platform.quality.rules import Reference
from journey_platform.quality.suites import suite_of
from journey_platform.quality.verdict import ERROR, WARN
from journey_platform.sources import archive_of
from journey_platform.tables import REFERENCES, Table

# So many rows of a stream are in memory at a time, or one day's.
_ROWS_AT_ONCE = 20_000

_Counts = dict[tuple[date, str, str], dict[str, Any]]


def references_asset(sources: Sequence[str]) -> dg.AssetsDefinition:
    """Every reference that a raw stream of the enabled sources declares."""
    archives = [archive_of(vendor, stream) for vendor in sources for stream in connector_of(vendor).streams]
    by_name = {table.name: table for table in archives}
    declared = {table: suite_of(table).references for table in archives if suite_of(table).references}
    named_records = {(r.table, r.path) for references in declared.values() for r in references}
    judged = [*declared, *(by_name[name] for name, _ in sorted(named_records))]

    @whole_assets(
        *REFERENCES.key,
        specs=[
            spec(
                REFERENCES,
                group="operations",
                deps=list(dict.fromkeys(judged)),
                note="A row that names what is not there is used, and listed in quarantine until it came. "
                "Days are judged when their rows change, and again until all that they name is there.",
            )
        ],
        check_specs=[
            dg.AssetCheckSpec(
                _check_name(table, reference),
                asset=asset_key(REFERENCES),
                description=f"{reference.names} of {table.name} is {reference.path} of {reference.table}.",
            )
            for table, references in declared.items()
            for reference in references
        ],
    )
    def referring(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:
        lake = platform.lake
        changed = with_neighbours(lake)
        work = plan(lake, REFERENCES, (), dict.fromkeys(declared, changed), span=(date.min, date.max))
        days = sorted({*work.days, *_unsettled(lake)})
        counts: _Counts = {}
        found: dict[Table, list[Rejected]] = {}
        looked_at = named_records if days else ()
        there = {name: _there(lake, by_name[name[0]], name[1]) for name in looked_at}
        for table, references in declared.items():
            others = [(r, *there[r.table, r.path]) for r in references if days]
            found[table] = list(_judge(lake, table, others, days, counts))
        reasons = {reference.name for references in declared.values() for reference in references}
        relist(lake, found, reasons, days, run_id=context.run.run_id)
        rows = pa.Table.from_pylist(list(counts.values()), schema=REFERENCES.schema)
        run_id = context.run.run_id
        lake.replace_days(REFERENCES, rows, days, run_id=run_id, cursor=work.cursor, allow_shrink=True)
        results = [
            _result(table, reference, counts)
            for table, references in declared.items()
            for reference in references
        ]
        return dg.MaterializeResult(
            asset_key=asset_key(REFERENCES),
            metadata={
                "dagster/row_count": sum(state.rows for state in lake.day_states(REFERENCES).values()),
                "days_judged": len(days),
                "rows_dangling": sum(row["failed"] for row in counts.values()),
            },
            check_results=results,
        )

    return referring


def _unsettled(lake: Lake) -> set[date]:
    """Days on which a row named what was not there, or could not be judged."""
    rows = lake.read(REFERENCES, columns=("day", "waiting", "failed"))
    return set(rows.filter(pc.greater(pc.add(rows["waiting"], rows["failed"]), 0))["day"].to_pylist())


def _there(lake: Lake, table: Table, path: str) -> tuple[Collection[str] | None, datetime | None]:
    """What records of a stream are called, and when it was asked last."""
    asked = checkpoint(lake, table)
    names = named(lake.read(table), [path])
    known = None if names is None else {name for name in names[0] if name is not None}
    return known, asked.asked_at if asked else None


def _judge(
    lake: Lake,
    table: Table,
    others: Sequence[tuple[Reference, Collection[str] | None, datetime | None]],
    days: Sequence[date],
    counts: _Counts,
) -> Iterator[Rejected]:
    """The rows that name what is not there; what was counted goes to `counts`."""
    for some in _parts({day: s.rows for day, s in lake.day_states(table).items() if day in set(days)}):
        rows = lake.read(table, some)
        names = named(rows, [reference.names for reference, *_ in others])
        for place, (reference, known, asked_at) in enumerate(others):
            told = referred(reference, rows, names[place] if names else None, known, asked_at=asked_at)
            yield from _dangling(rows, reference, told)
            of_day = rows["day"].to_pylist()
            failed = told.checked if told.is_broken else Counter(of_day[place] for place in told.dangling)
            for day in some:
                counts[day, table.name, reference.name] = {
                    "day": day,
                    "table": table.name,
                    "rule": reference.name,
                    "refers_to": reference.table,
                    "severity": reference.severity,
                    "checked": told.checked[day],
                    "waiting": told.waiting[day],
                    "failed": failed[day],
                    "verdict": "error" if told.is_broken else "failed" if failed[day] else "passed",
                }


def _dangling(rows: pa.Table, reference: Reference, told: Referred) -> Iterator[Rejected]:
    for row in rows.take(pa.array(told.dangling, pa.int64())).to_pylist():
        yield rejected_row(row, reference.name, reference.names.removeprefix("$."), WARN)


def _parts(rows: Mapping[date, int]) -> Iterator[list[date]]:
    """Days in order, about so many rows together as fit in memory."""
    part: list[date] = []
    for day in sorted(rows):
        if part and sum(rows[of] for of in part) + rows[day] > _ROWS_AT_ONCE:
            yield part
            part = []
        part.append(day)
    if part:
        yield part


def _check_name(table: Table, reference: Reference) -> str:
    return "_".join((*table.key[1:], reference.name))


def _result(table: Table, reference: Reference, counts: _Counts) -> dg.AssetCheckResult:
    rows = [row for (_, name, rule), row in counts.items() if (name, rule) == (table.name, reference.name)]
    failed = sum(row["failed"] for row in rows)
    return dg.AssetCheckResult(
        asset_key=asset_key(REFERENCES),
        check_name=_check_name(table, reference),
        passed=all(row["verdict"] == "passed" for row in rows),
        severity=dg.AssetCheckSeverity.ERROR if reference.severity == ERROR else dg.AssetCheckSeverity.WARN,
        metadata={
            "rows_checked": sum(row["checked"] for row in rows),
            "rows_waiting": sum(row["waiting"] for row in rows),
            "rows_failed": failed,
        },
    )
