"""Days that a step is asked for and leaves alone: they would come out as they stand.

A step says what its rows depend on beside its inputs; `planning` compares that, and the versions of the
inputs, with what the table's last commit tells. What differs in anything is computed.
"""

import hashlib
from collections.abc import Collection
from datetime import date

import dagster as dg

from journey_platform.defs.partitions import RECOMPUTE_TAG
from journey_platform.defs.planning import Surroundings
from journey_platform.defs.platform import Platform
from journey_platform.lake import DayWrite, Lake
from journey_platform.landing.ledger import verdicts
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


def standing(lake: Lake, table: Table, days: Collection[date]) -> list[DayWrite]:
    """Days of a table without rules for which nothing was computed, as they stand."""
    states = lake.day_states(table)
    return [DayWrite(day, states[day].rows, states[day].fingerprint, False, None) for day in days]
