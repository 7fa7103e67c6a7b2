"""All definitions put together from the settings."""

import dagster as dg

from connectors.registry import FILES, connector_of
from journey_platform.defs.accounts import account_asset
from journey_platform.defs.alerts import alert_sensors
from journey_platform.defs.backfills import (
    backfill_jobs,
    discard_backfill,
    preview_backfill,
    promote_backfill,
)
from journey_platform.defs.canaries import canaries_asset
from journey_platform.defs.changed import alert_on_changes
from journey_platform.defs.customers import customer_assets
from journey_platform.defs.data_docs import data_docs_asset
from journey_platform.defs.drops import drop_sensor, dropped
from journey_platform.defs.erasures import erasure_assets
from journey_platform.defs.health import health_assets
from journey_platform.defs.heard import heard_asset
from journey_platform.defs.insights import insight_assets
from journey_platform.defs.intraday import intraday, intraday_assets, intraday_schedule
from journey_platform.defs.jobs import daily, daily_schedule, derive, derive_after_failure, rederive
from journey_platform.defs.journeys import journey_assets
from journey_platform.defs.kpis import kpi_assets
from journey_platform.defs.maintenance import maintenance, weekly_maintenance
from journey_platform.defs.noticing import ask_again, follow_identity, repeat_job
from journey_platform.defs.operations import operations_assets
from journey_platform.defs.organizations import organization_assets
from journey_platform.defs.overview import overview_asset
from journey_platform.defs.partitions import daily_partitions
from journey_platform.defs.platform import Platform
from journey_platform.defs.reconciling import reconciliation_asset
from journey_platform.defs.references import references_asset
from journey_platform.defs.replays import rederive_what_changed, replay_job
from journey_platform.defs.restatements import restatement_assets
from journey_platform.defs.sources import source_assets
from journey_platform.defs.standing import coverage_asset
from journey_platform.defs.stewardship import identity_decision, identity_erase, identity_preview
from journey_platform.defs.touchpoints import touchpoint_assets
from journey_platform.settings import Settings


def build_definitions(settings: Settings) -> dg.Definitions:
    """The code location of the enabled sources."""
    partitions = daily_partitions(settings)
    streams = [stream for name in settings.sources for stream in connector_of(name).streams]
    lookback = max(stream.lookback_days for stream in streams)
    assets = [
        *source_assets(settings.sources, partitions),
        *touchpoint_assets(settings.sources, partitions),
        *organization_assets(settings.sources),
        *customer_assets(settings.sources, has_probabilistic_links=settings.has_probabilistic_links),
        *journey_assets(settings.sources, partitions),
        account_asset(),
        *health_assets(),
        *erasure_assets(settings.sources, has_probabilistic_links=settings.has_probabilistic_links),
        *kpi_assets(settings.sources, partitions),
        overview_asset(),
        *restatement_assets(),
        *insight_assets(),
        heard_asset(),
        *operations_assets(settings.sources),
        coverage_asset(settings.sources, partitions),
        reconciliation_asset(settings.sources, partitions),
        references_asset(settings.sources),
        data_docs_asset(settings.sources),
    ]
    assets += [canaries_asset()] if settings.has_canaries else []
    of_today = intraday_assets(settings.sources)
    assets += of_today
    has_files = FILES in settings.sources
    has_vendors = settings.sources != (FILES,)
    repeat = repeat_job(settings.sources)
    return dg.Definitions(
        assets=assets,
        resources={"platform": Platform()},
        jobs=[
            daily,
            derive,
            rederive,
            *([repeat] if has_vendors else []),
            replay_job,
            identity_decision,
            identity_erase,
            identity_preview,
            *backfill_jobs(settings.sources),
            preview_backfill,
            promote_backfill,
            discard_backfill,
            maintenance,
            *([dropped] if has_files else []),
            *([intraday] if of_today else []),
        ],
        schedules=[
            daily_schedule(settings, lookback),
            weekly_maintenance(settings),
            *([intraday_schedule(settings)] if of_today else []),
        ],
        sensors=[
            derive_after_failure,
            rederive_what_changed,
            follow_identity,
            *([ask_again(settings.sources, repeat, assets)] if has_vendors else []),
            *alert_sensors(settings.sources),
            alert_on_changes(settings.sources),
            *([drop_sensor(assets)] if has_files else []),
        ],
        executor=dg.in_process_executor,
    )
