"""The one daily partition definition, and how a run's range becomes days and windows."""

from collections.abc import Container, Sequence
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import dagster as dg

from connectors.base import Window
from connectors.times import day_start
from journey_platform.settings import Settings

# A run with this tag reads the whole range of what is missing, and of the rest only each stream's lookback.
LOOKBACK_TAG = "journey/lookback"

# A derived table of a run with this tag leaves alone what was asked for, is there, and has the inputs it had.
CHANGED_ONLY_TAG = "journey/changed_only"

# A run with this tag computes every day that it asks for, also those that would come out the same.
RECOMPUTE_TAG = "journey/recompute"

# What Dagster puts on the runs of a backfill from the asset graph.
BACKFILL_TAG = "dagster/backfill"

# Whole tables carry it too: a range over a selection is refused where one asset has another policy.
RANGE_POLICY = dg.BackfillPolicy.single_run()


def daily_partitions(settings: Settings) -> dg.DailyPartitionsDefinition:
    return dg.DailyPartitionsDefinition(start_date=settings.start_date.isoformat(), timezone=settings.zone)


def days_of(context: dg.AssetExecutionContext) -> list[date]:
    """The days a run of a daily asset asks for, in order."""
    return sorted(date.fromisoformat(key) for key in context.partition_keys)


def days_to_derive(context: dg.AssetExecutionContext, there: Container[date]) -> list[date]:
    """The days that a derived table computes whatever became of its inputs; `there`: those it has."""
    days = days_of(context)
    return [day for day in days if day not in there] if CHANGED_ONLY_TAG in context.run.tags else days


def window_of(days: Sequence[date], zone: str) -> Window:
    """The UTC window that covers `days`, which follow each other."""
    local = ZoneInfo(zone)
    return Window(day_start(days[0], local), day_start(days[-1] + timedelta(days=1), local))
