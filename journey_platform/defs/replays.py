"""The job that replays the quarantine, and what is computed again after it."""

from datetime import date

import dagster as dg

from journey_platform.defs.jobs import REDERIVE_TAG, rederive
from journey_platform.defs.platform import Platform
from journey_platform.defs.stewardship import identity_erase
from journey_platform.landing.replay import quarantined_days, replay
from journey_platform.quality.suites import suite_of
from journey_platform.run_tags import range_tags
from journey_platform.sources import archives


class ReplayConfig(dg.Config):
    """`table`: raw/VENDOR/STREAM. `days`: ISO dates, separated by commas; none: all that have quarantined
    rows. `reason`: only rows that failed this rule; empty: whatever they failed. `accepts_held`: let a held
    day through; somebody has looked at it."""

    table: str
    days: str = ""
    reason: str = ""
    accepts_held: bool = False


@dg.op(description="Rows of one raw table back through the gate, without the vendor.")
def replay_rows(context: dg.OpExecutionContext, config: ReplayConfig, platform: Platform) -> None:
    lake, table = platform.lake, archives().get(config.table)
    if table is None:
        raise dg.Failure(f"{config.table} is no raw table", allow_retries=False)
    reason = config.reason or None
    days = [date.fromisoformat(day) for day in config.days.split(",") if day]
    with platform.minding_erasures() as erased:
        done = replay(
            lake,
            table,
            suite_of(table),
            days or quarantined_days(lake, table, reason),
            run_id=context.run_id,
            reason=reason,
            accepts=config.accepts_held,
            erased=erased,
        )
    for day in done:
        context.log.info("%s: %d taken, %d landed, %d refused", day.day, day.taken, day.landed, day.refused)
    landed = [day.day for day in done if day.landed]
    if landed:
        span = f"{min(landed)}/{max(landed)}"
        context.instance.add_run_tags(context.run_id, {REDERIVE_TAG: span})


@dg.job(
    name="replay",
    description="Quarantined rows of a raw table through the gate again; what lands is then derived anew.",
)
def replay_job() -> None:
    replay_rows()


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.SUCCESS,
    monitored_jobs=[replay_job, identity_erase],
    request_job=rederive,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Rows that a replay landed, or an erasure removed, go on into touchpoints and KPIs.",
)
def rederive_what_changed(context: dg.RunStatusSensorContext) -> dg.RunRequest | dg.SkipReason:
    run = context.instance.get_run_by_id(context.dagster_run.run_id)
    span = run.tags.get(REDERIVE_TAG) if run else None
    if not span:
        return dg.SkipReason("no raw day changed")
    first, _, last = span.partition("/")
    tags = range_tags(date.fromisoformat(first), date.fromisoformat(last))
    return dg.RunRequest(run_key=context.dagster_run.run_id, tags=tags)
