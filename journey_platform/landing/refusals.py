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
) -> int:
    """Keep the records that gave no row (`refused`: `touchpoints.mapping.REJECTED`) and the `rows` that failed
    a rule, in place of what the table had in quarantine on `days`. Returns how many there are.
    """
    wanted = set(days)
    kept = [
        Rejected(r["day"], r["record_key"], r["reason"], r["field"], r["severity"], r["body"])
        for r in refused.to_pylist()
        if r["day"] in wanted
    ]
    [key, *_] = table.primary_key
    for finding in verdict.findings:
        row = rows.slice(finding.position, 1).to_pylist()[0]
        body = json.dumps(row, default=str, ensure_ascii=False)
        kept.append(Rejected(row["day"], str(row[key]), finding.rule, finding.field, finding.severity, body))
    quarantine(lake, table, kept, days, run_id=run_id, replaces=True)
    return len(kept)
