"""The assets of `sources`: one raw archive per stream.

Event streams are daily: a day can be read again. Entity streams are not partitioned: the vendor knows only
its current state, so that a backfill of days cannot ask it about the past; each materialization adds what
changed since the last.
"""

from collections.abc import Callable, Sequence
from datetime import date
from zoneinfo import ZoneInfo

import dagster as dg

from connectors.base import Connector, Stream, StreamKind, Window
from connectors.errors import ConnectorError, RetryableError
from connectors.registry import FILES, connector_of
from connectors.times import day_start
from connectors.usage import Usage, usage
from journey_platform.defs import checks
from journey_platform.defs.catching_up import Arrived, days_that_spill, days_to_read
from journey_platform.defs.describe import asset_key, spec, whole_assets
from journey_platform.defs.partitions import (
    BACKFILL_TAG,
    LOOKBACK_TAG,
    RANGE_POLICY,
    days_of,
    window_of,
)
from journey_platform.defs.platform import Platform
from journey_platform.defs.pulling import Pull, pull_days
from journey_platform.identity.erasure import Erased
from journey_platform.lake import Lake
from journey_platform.landing import (
    DayReport,
    LandingReport,
    Outcome,
    checkpoint,
    land_events,
    land_versions,
)
from journey_platform.landing.ledger import gate_of
from journey_platform.operating.metrics import API_CALLS, API_LEFT
from journey_platform.quality.rules import Suite
from journey_platform.quality.suites import suite_of
from journey_platform.quality.verdict import DayVerdict
from journey_platform.sources import archive_of
from journey_platform.tables import Table


def source_assets(chosen: Sequence[str], partitions: dg.PartitionsDefinition) -> list[dg.AssetsDefinition]:
    """One asset per stream of the enabled vendors."""
    return [
        _event_asset(connector_of(vendor), stream, partitions)
        if stream.kind is StreamKind.EVENT
        else _entity_asset(connector_of(vendor), stream)
        for vendor in chosen
        for stream in connector_of(vendor).streams
    ]


def _event_asset(
    connector: type[Connector], stream: Stream, partitions: dg.PartitionsDefinition
) -> dg.AssetsDefinition:
    vendor = connector.vendor
    table = archive_of(vendor, stream)
    suite = suite_of(table)

    @dg.multi_asset(
        name="__".join(table.key),
        specs=[
            spec(
                table,
                group=f"sources/{connector.area}",
                kinds=(vendor, "deltalake"),
                note=f"Event stream: a day can be read again. Late rows: {stream.lookback_days} days.",
                partitions=partitions,
            )
        ],
        check_specs=[
            checks.arrival_spec(table),
            checks.reconciliation_spec(table),
            *checks.rule_specs(table, suite),
        ],
        partitions_def=partitions,
        backfill_policy=RANGE_POLICY,
        pool=vendor,
    )
    def pull(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:
        lake = platform.lake
        verdicts: dict[date, DayVerdict] = {}
        source, before = platform.connector(vendor), usage(vendor)
        wanted = _days_to_read(context, stream, lake, table)

        def landing(erased: Erased) -> Callable[[Sequence[date]], LandingReport]:
            def land(days: Sequence[date]) -> LandingReport:
                gate = gate_of(lake, table, suite, days, is_read_by_day=True)
                report = land_events(
                    lake,
                    table,
                    source.read(stream.name, window_of(days, platform.zone)),
                    days,
                    zone=platform.zone,
                    run_id=context.run.run_id,
                    extracted_at=platform.now(),
                    gate=gate,
                    erased=erased,
                )
                verdicts.update(gate.verdicts)
                return report

            return land

        try:
            with platform.minding_erasures() as erased:
                outcome = pull_days(wanted, landing(erased), source.check)
        except ConnectorError as error:
            raise _failure(error) from None
        if wanted and len(outcome.failed) == len(wanted):
            raise dg.Failure(next(iter(outcome.failed.values())))
        if wanted:
            # A pull of a range is one: its last day tells what it cost.
            context.add_asset_metadata(
                _used(vendor, before), asset_key=asset_key(table), partition_key=str(wanted[-1])
            )
        return _event_result(context, table, checks.rule_results(table, suite, verdicts), outcome)

    return pull


def _days_to_read(context: dg.AssetExecutionContext, stream: Stream, lake: Lake, table: Table) -> list[date]:
    """All days asked for; in a daily run those that never arrived and the stream's lookback."""
    days, arrived = days_of(context), lake.day_states(table)
    if LOOKBACK_TAG in context.run.tags:
        return days_to_read(days, arrived, stream.lookback_days)
    return days_that_spill(days, arrived, stream.spill_days)


def arrived(lake: Lake, sources: Sequence[str]) -> list[Arrived]:
    """What arrived of the vendors' streams of events. Files come when they come: none of their days lacks."""
    return [
        Arrived(frozenset(lake.day_states(archive_of(vendor, stream))), stream.lookback_days)
        for vendor in sources
        if vendor != FILES
        for stream in connector_of(vendor).streams
        if stream.kind is StreamKind.EVENT
    ]


def _used(vendor: str, before: Usage) -> dict[str, int]:
    """Requests since `before`, and what the vendor says is left of its limit, where it does."""
    now = usage(vendor)
    calls = {API_CALLS: now.requests - before.requests}
    return calls if now.left is None else {**calls, API_LEFT: now.left}


def _failure(error: ConnectorError) -> dg.Failure:
    return dg.Failure(str(error), allow_retries=isinstance(error, RetryableError))


def _event_result(
    context: dg.AssetExecutionContext,
    table: Table,
    rules: Sequence[dg.AssetCheckResult],
    outcome: Pull,
) -> dg.MaterializeResult:
    days = [day for report in outcome.reports for day in report.days]
    held = {
        **outcome.failed,
        **{day.day: day.reason or "held" for day in days if day.outcome is Outcome.HELD},
    }
    told = {day.day: _day_metadata(day) for day in days} | {
        unread: {"held": reason} for unread, reason in outcome.failed.items()
    }
    for day in days_of(context):
        if day in told:
            context.add_asset_metadata(told[day], asset_key=asset_key(table), partition_key=str(day))
    return dg.MaterializeResult(
        asset_key=asset_key(table),
        check_results=[
            checks.arrival_result(table, held),
            checks.reconciliation_result(table, _totals(outcome.reports)),
            *rules,
        ],
    )


def _entity_asset(connector: type[Connector], stream: Stream) -> dg.AssetsDefinition:
    vendor = connector.vendor
    table = archive_of(vendor, stream)
    suite = suite_of(table)

    @whole_assets(
        *table.key,
        specs=[
            spec(
                table,
                group=f"sources/{connector.area}",
                kinds=(vendor, "deltalake"),
                note="Current state: the vendor is never asked about the past. Each pull adds what changed.",
            )
        ],
        check_specs=[checks.reconciliation_spec(table), *checks.rule_specs(table, suite)],
        pool=vendor,
    )
    def pull(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:
        lake, now = platform.lake, platform.now()
        if BACKFILL_TAG in context.run.tags:
            context.log.info("a backfill takes what the archive says; %s is not asked", vendor)
            return _as_archived(lake, table, suite)
        gate = gate_of(lake, table, suite, (), stands_on=platform.today())
        source, before = platform.connector(vendor), usage(vendor)
        last = checkpoint(lake, table)
        since = Window(day_start(platform.settings.start_date, ZoneInfo(platform.zone)), now)
        try:
            with platform.minding_erasures() as erased:
                report = land_versions(
                    lake,
                    table,
                    source.read(stream.name, since, last.cursor if last else None),
                    zone=platform.zone,
                    run_id=context.run.run_id,
                    extracted_at=now,
                    gate=gate,
                    erased=erased,
                )
        except ConnectorError as error:
            raise _failure(error) from None
        states = lake.day_states(table)
        return dg.MaterializeResult(
            asset_key=asset_key(table),
            metadata={
                "dagster/row_count": sum(state.rows for state in states.values()),
                "new_versions": report.landed,
                **_totals([report]),
                **_used(vendor, before),
            },
            check_results=[
                checks.reconciliation_result(table, _totals([report])),
                *checks.rule_results(table, suite, gate.verdicts),
            ],
        )

    return pull


def _as_archived(lake: Lake, table: Table, suite: Suite) -> dg.MaterializeResult:
    rows = sum(state.rows for state in lake.day_states(table).values())
    return dg.MaterializeResult(
        asset_key=asset_key(table),
        metadata={"dagster/row_count": rows, "new_versions": 0},
        check_results=[
            checks.reconciliation_result(table, _totals([])),
            *checks.rule_results(table, suite, {}),
        ],
    )


def _day_metadata(day: DayReport) -> dict[str, int | str]:
    counts: dict[str, int | str] = {
        "dagster/row_count": day.rows,
        "received": day.received,
        "landed": day.landed,
        "quarantined": day.quarantined,
        "duplicates": day.duplicates,
        "changed": int(day.outcome is Outcome.CHANGED),
    }
    return {**counts, "held": day.reason} if day.reason else counts


def _totals(reports: Sequence[LandingReport]) -> dict[str, int]:
    """received = landed + known + quarantined + duplicates + held + outside + erased"""
    days = [day for report in reports for day in report.days]
    return {
        "received": sum(report.received for report in reports),
        "landed": sum(day.landed for day in days),
        "known": sum(day.known for day in days),
        "quarantined": sum(day.quarantined for day in days),
        "duplicates": sum(day.duplicates for day in days),
        "held": sum(day.held for day in days),
        "outside": sum(report.outside for report in reports),
        "erased": sum(report.erased for report in reports),
    }
