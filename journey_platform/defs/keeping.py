"""How a daily step keeps what it made, and which days that it is asked for it leaves alone.

A step says what its rows depend on beside its inputs; `planning` compares that, and the versions of the
inputs, with what the table's last commit tells. What differs in anything is computed; the other days would
come out as they stand, and are told as such.
"""

import hashlib
from collections.abc import Collection, Iterable
from datetime import date

import dagster as dg
import pyarrow as pa

from journey_platform.defs import checks
from journey_platform.defs.describe import DayFigures, report_days
from journey_platform.defs.partitions import RECOMPUTE_TAG
from journey_platform.defs.planning import Plan, Surroundings
from journey_platform.defs.platform import Platform
from journey_platform.lake import DayWrite
from journey_platform.landing.ledger import gate_of, verdicts
from journey_platform.landing.publish import publish
from journey_platform.landing.quarantine import Rejected
from journey_platform.quality.rules import Suite
from journey_platform.tables import Table


def surrounded(
    context: dg.AssetExecutionContext,
    platform: Platform,
    *more: object,
    guarded: tuple[Table, Suite] | None = None,
) -> Surroundings:
    """What rows depend on beside their inputs: `Platform.surroundings`, and `more`, in words.

    No day may stay in a run with the tag `RECOMPUTE_TAG`, and of a `guarded` table only those may that were
    judged by these rules: the verdict is kept after the rows, so that a run which was killed between has not
    finished the day.
    """
    told = hashlib.sha256(repr((platform.surroundings, *more)).encode()).hexdigest()[:16]

    def may_stay(days: Collection[date]) -> set[date]:
        if not days or RECOMPUTE_TAG in context.run.tags:
            return set()
        if guarded is None:
            return set(days)
        table, suite = guarded
        known = verdicts(platform.lake, table, days)
        return {day for day, verdict in known.items() if verdict.suite == suite.version}

    return Surroundings(told, may_stay)


def keep_days(
    context: dg.AssetExecutionContext,
    platform: Platform,
    table: Table,
    rows: pa.Table,
    work: Plan,
    extra: DayFigures | None = None,
) -> dg.MaterializeResult:
    """Make `work.days` of a table without rules hold `rows`, and report every day that was asked for."""
    lake = platform.lake
    writes = lake.replace_days(
        table, rows, work.days, run_id=context.run.run_id, cursor=work.cursor, allow_shrink=True
    )
    states = lake.day_states(table)
    writes += [DayWrite(day, states[day].rows, states[day].fingerprint, False, None) for day in work.kept]
    return report_days(context, table, writes, extra, kept=work.kept)


def keep_judged_days(
    context: dg.AssetExecutionContext,
    platform: Platform,
    guarded: tuple[Table, Suite],
    rows: pa.Table,
    work: Plan,
    extra: DayFigures | None = None,
    *,
    refused: Iterable[Rejected] = (),
) -> dg.MaterializeResult:
    """As `keep_days`, through the gate of a table with rules. `refused`: see `landing.publish`."""
    table, suite = guarded
    gate = gate_of(platform.lake, table, suite, (*work.days, *work.kept))
    writes = publish(
        platform.lake,
        table,
        rows,
        work.days,
        gate,
        run_id=context.run.run_id,
        cursor=work.cursor,
        refused=refused,
        kept=work.kept,
    )
    results = checks.rule_results(table, suite, gate.verdicts)
    return report_days(context, table, writes, extra, kept=work.kept, check_results=results)
