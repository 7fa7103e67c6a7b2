"""The daily job, its schedule, and what goes on after a source failed."""

from datetime import timedelta

import dagster as dg

from journey_platform.defs.catching_up import first_day
from journey_platform.defs.partitions import CHANGED_ONLY_TAG, LOOKBACK_TAG
from journey_platform.defs.platform import Platform
from journey_platform.defs.sources import arrived
from journey_platform.run_tags import RANGE_END_TAG, RANGE_START_TAG, range_tags
from journey_platform.settings import Settings

# A run that changed raw days says in it which: a sensor has what follows from them computed again.
REDERIVE_TAG = "journey/rederive"
# In the queue daily runs pass everything else, and everything else passes backfills.
PRIORITY_TAG = "dagster/priority"
# What a run is for: deploy/dagster.yaml limits backfills by it.
KIND_TAG = "journey/kind"

FILES_GROUP = "sources/files"
INTRADAY_GROUP = "intraday"

DERIVED = dg.AssetSelection.groups("customers", "journeys", "kpis", "insights", "operations")

daily = dg.define_asset_job(
    "daily",
    selection=dg.AssetSelection.all() - dg.AssetSelection.groups(FILES_GROUP, INTRADAY_GROUP),
    description="Yesterday and each stream's lookback: pull, check, map, resolve, sessions, KPIs.",
    tags={PRIORITY_TAG: "1", KIND_TAG: "daily"},
)

derive = dg.define_asset_job(
    "derive",
    selection=DERIVED,
    description="Customers, journeys and KPIs from what is in the lake; no vendor is asked.",
    tags={KIND_TAG: "derive"},
)


rederive = dg.define_asset_job(
    "rederive",
    selection=dg.AssetSelection.groups("touchpoints") | DERIVED,
    description="Touchpoints, customers, journeys and KPIs from the raw archive; no vendor is asked.",
    tags={KIND_TAG: "derive"},
)


def daily_schedule(settings: Settings, lookback_days: int) -> dg.ScheduleDefinition:
    """Runs the daily job at 03:00 of the reporting zone for yesterday, the longest lookback, and what was
    missed before: a machine that was off for two weeks reads them in one run."""

    @dg.schedule(
        job=daily,
        cron_schedule="0 3 * * *",
        execution_timezone=settings.zone,
        description=f"Yesterday, the {lookback_days} days before, which late rows may still change, and days "
        "that never arrived.",
    )
    def daily_at_three(context: dg.ScheduleEvaluationContext, platform: Platform) -> dg.RunRequest:
        last = context.scheduled_execution_time.date() - timedelta(days=1)
        start = settings.start_date
        settled = max(last - timedelta(days=lookback_days), start)
        streams = arrived(platform.lake, settings.sources)
        first = first_day(streams, last, lookback_days=lookback_days, start=start)
        tags = {**range_tags(first, last), LOOKBACK_TAG: "yes"}
        # What lies between a gap and the lookback is there: only what the gap changes is derived again.
        return dg.RunRequest(
            run_key=last.isoformat(), tags={**tags, CHANGED_ONLY_TAG: "yes"} if first < settled else tags
        )

    return daily_at_three


@dg.run_failure_sensor(
    monitored_jobs=[daily],
    request_job=rederive,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="A stream that cannot be read fails by itself; what did arrive goes on into KPIs.",
)
def derive_after_failure(context: dg.RunFailureSensorContext) -> dg.RunRequest | dg.SkipReason:
    tags = context.dagster_run.tags
    if RANGE_START_TAG not in tags:
        return dg.SkipReason("the run had no range of days")
    kept = {name: tags[name] for name in (RANGE_START_TAG, RANGE_END_TAG, CHANGED_ONLY_TAG) if name in tags}
    return dg.RunRequest(run_key=context.dagster_run.run_id, tags=kept)
