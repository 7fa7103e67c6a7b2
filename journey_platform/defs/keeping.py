"""Days that a step is asked for and leaves alone: they would come out as they stand.

A step says what its rows depend on beside its inputs; `planning` compares that, and the versions of the
inputs, with what the table's last commit tells. What differs in anything is computed.
"""

import hashlib
from collections.abc import Callable, Collection
from datetime import date

import dagster as dg

from journey_platform.defs.partitions import RECOMPUTE_TAG
from journey_platform.defs.platform import Platform
from journey_platform.lake import DayWrite, Lake
from journey_platform.landing.ledger import verdicts
from journey_platform.quality.rules import Suite
from journey_platform.tables import Table


def made_with(context: dg.AssetExecutionContext, platform: Platform, *more: object) -> str:
    """What rows depend on beside their inputs, as a digest: `Platform.surroundings`, and `more`, in words.
    Empty where the run is to compute everything that it asks for."""
    if RECOMPUTE_TAG in context.run.tags:
        return ""
    return hashlib.sha256(repr((platform.surroundings, *more)).encode()).hexdigest()[:16]


def standing(lake: Lake, table: Table, days: Collection[date]) -> list[DayWrite]:
    """Days of a table without rules for which nothing was computed, as they stand."""
    states = lake.day_states(table)
    return [DayWrite(day, states[day].rows, states[day].fingerprint, False, None) for day in days]


def judged(platform: Platform, table: Table, suite: Suite) -> Callable[[Collection[date]], set[date]]:
    """Of some days of a guarded table those that were judged by these rules. The verdict is kept after the
    rows: a run that was killed between has not finished the day."""

    def of(days: Collection[date]) -> set[date]:
        told = verdicts(platform.lake, table, days) if days else {}
        return {day for day, verdict in told.items() if verdict.suite == suite.version}

    return of
