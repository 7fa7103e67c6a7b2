"""What mapping and its gate refuse, on the way to the quarantine."""

import json
from collections.abc import Sequence
from datetime import date

import pyarrow as pa

from journey_platform.lake import Lake
from journey_platform.landing.quarantine import Rejected, quarantine
from journey_platform.quality.verdict import Verdict
from journey_platform.tables import Table


def quarantine_refusals(
    lake: Lake,
    table: Table,
    refused: pa.Table,
    rows: pa.Table,
    verdict: Verdict,
    days: Sequence[date],
    *,
    run_id: str,
) -> None:
    """Keep the records that gave no row, and the rows that failed a rule, in place of what the table had in
    quarantine on `days`. `refused`: `touchpoints.mapping.REJECTED`.
    """
    wanted = set(days)
    kept = [row for row in _rejected(refused) if row.day in wanted]
    [key, *_] = table.primary_key
    for finding in verdict.findings:
        row = rows.slice(finding.position, 1).to_pylist()[0]
        body = json.dumps(row, default=str, ensure_ascii=False)
        kept.append(Rejected(row["day"], str(row[key]), finding.rule, finding.field, finding.severity, body))
    quarantine(lake, table, kept, days, run_id=run_id, replaces=True)


def quarantine_refused(lake: Lake, table: Table, refused: pa.Table, *, run_id: str) -> None:
    """Keep records of current state that gave no row; the days they stand on are those of their versions."""
    kept = _rejected(refused)
    quarantine(lake, table, kept, sorted({row.day for row in kept}), run_id=run_id, replaces=True)


def _rejected(refused: pa.Table) -> list[Rejected]:
    return [
        Rejected(r["day"], r["record_key"], r["reason"], r["field"], r["severity"], r["body"])
        for r in refused.to_pylist()
    ]
