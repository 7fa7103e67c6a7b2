"""What mapping refuses, on the way to the quarantine."""

from collections.abc import Collection
from datetime import date

import pyarrow as pa

from journey_platform.lake import Lake
from journey_platform.landing.quarantine import Rejected, quarantine
from journey_platform.tables import Table


def refusals(refused: pa.Table, days: Collection[date]) -> list[Rejected]:
    """Records that gave no row (`touchpoints.mapping.REJECTED`), of `days`."""
    wanted = set(days)
    return [row for row in _rejected(refused) if row.day in wanted]


def quarantine_refused(lake: Lake, table: Table, refused: pa.Table, *, run_id: str) -> None:
    """Keep records of current state that gave no row; the days they stand on are those of their versions."""
    kept = _rejected(refused)
    quarantine(lake, table, kept, sorted({row.day for row in kept}), run_id=run_id, replaces=True)


def _rejected(refused: pa.Table) -> list[Rejected]:
    return [
        Rejected(r["day"], r["record_key"], r["reason"], r["field"], r["severity"], r["body"])
        for r in refused.to_pylist()
    ]
