"""The job `maintenance`, once a week: what old versions leave in the lake and old runs in the instance."""

import dagster as dg
from pydantic import Field

from journey_platform.defs.platform import Platform
from journey_platform.operating.maintenance import (
    KEEP_RUNS_DAYS,
    KEEP_VERSIONS_DAYS,
    prune_runs,
    tidy_lake,
)
from journey_platform.settings import Settings


class Keeping(dg.Config):
    """How long earlier versions of tables (but KPI values, which stay) and ended runs are kept, in days."""

    versions_days: int = Field(default=KEEP_VERSIONS_DAYS, ge=7)
    runs_days: int = Field(default=KEEP_RUNS_DAYS, ge=7)


@dg.op(description="Lets go of files that only old versions need; every version of KPI values stays.")
def tidy(context: dg.OpExecutionContext, config: Keeping, platform: Platform) -> None:
    done = tidy_lake(platform.lake, now=platform.now(), keep_days=config.versions_days)
    pruned = prune_runs(context.instance, now=platform.now(), keep_days=config.runs_days)
    context.add_output_metadata(
        {
            "files_let_go": sum(done.files.values()),
            "bytes_let_go": done.bytes,
            "runs_deleted": pruned,
            **{f"files of {name}": count for name, count in done.files.items()},
        }
    )


@dg.job(description="Old versions and old runs are let go; nothing that is published changes.")
def maintenance() -> None:
    tidy()


def weekly_maintenance(settings: Settings) -> dg.ScheduleDefinition:
    """Sundays at noon of the reporting zone, far from the daily run."""
    return dg.ScheduleDefinition(
        name="maintenance_on_sundays",
        job=maintenance,
        cron_schedule="0 12 * * 0",
        execution_timezone=settings.zone,
        description="Lets go of versions and runs that are older than the job's configuration says.",
    )
