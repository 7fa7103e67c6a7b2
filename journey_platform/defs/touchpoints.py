"""The assets of `touchpoints` and `contacts`: raw records in the canonical shape, vendor by vendor."""

from collections.abc import Sequence
from datetime import date

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from journey_platform.defs import checks
from journey_platform.defs.describe import asset_key, spec, whole_assets
from journey_platform.defs.following import CARRY_DAYS, archives_of, made_from
from journey_platform.defs.keeping import keep_judged_days, surrounded
from journey_platform.defs.partitions import RANGE_POLICY, days_to_derive
from journey_platform.defs.planning import plan, widen, with_neighbours
from journey_platform.defs.platform import Platform
from journey_platform.identity.erasure import Erased
from journey_platform.landing.current import current_versions
from journey_platform.landing.erased import without_theirs
from journey_platform.landing.refusals import refusals
from journey_platform.quality.suites import suite_of
from journey_platform.sources import mapping_of
from journey_platform.tables import QUARANTINE, Table, contacts_table, touchpoints_table
from journey_platform.touchpoints.mapping import REJECTED, Mapped


def touchpoint_assets(
    sources: Sequence[str], partitions: dg.PartitionsDefinition
) -> list[dg.AssetsDefinition]:
    """One touchpoints asset per vendor, and one of contacts where the vendor knows people."""
    mapped = [_touchpoints_asset(vendor, partitions) for vendor in sources]
    return [*mapped, *(_contacts_asset(vendor) for vendor in sources if mapping_of(vendor).CONTACT_STREAMS)]


def _touchpoints_asset(vendor: str, partitions: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    mapping = mapping_of(vendor)
    table = touchpoints_table(vendor)
    suite = suite_of(table)
    events, entities = archives_of(vendor, mapping.TOUCHPOINT_STREAMS)

    @dg.multi_asset(
        name="__".join(table.key),
        specs=[
            spec(
                table,
                group="touchpoints",
                deps=[*events.values(), *entities.values()],
                kinds=(vendor, "deltalake"),
                partitions=partitions,
            )
        ],
        check_specs=checks.rule_specs(table, suite),
        partitions_def=partitions,
        backfill_policy=RANGE_POLICY,
    )
    def build(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:
        lake = platform.lake
        work = plan(
            lake,
            table,
            days_to_derive(context, lake.day_states(table)),
            made_from(platform, vendor),
            span=platform.span,
            within=surrounded(context, platform, guarded=(table, suite)),
        )
        with platform.minding_erasures() as erased:
            mapped = without_erased(erased, table, mapped_on(platform, vendor, work.days))
            return keep_judged_days(
                context,
                platform,
                (table, suite),
                _on_days(mapped.rows, work.days),
                work,
                refused=refusals(mapped.rejected, work.days),
            )

    return build


def mapped_on(platform: Platform, vendor: str, days: Sequence[date]) -> Mapped:
    """What the vendor's records make on `days`, and on the days beside them."""
    if not days:
        return Mapped(touchpoints_table(vendor).empty(), REJECTED.empty_table())
    mapping, lake = mapping_of(vendor), platform.lake
    events, entities = archives_of(vendor, mapping.TOUCHPOINT_STREAMS)
    raw = {name: lake.read(t, widen(days, before=CARRY_DAYS)) for name, t in events.items()}
    raw |= {name: current_versions(lake.read(t)) for name, t in entities.items()}
    return mapping.touchpoints(raw, zone=platform.zone)


def _contacts_asset(vendor: str) -> dg.AssetsDefinition:
    mapping = mapping_of(vendor)
    table = contacts_table(vendor)
    events, entities = archives_of(vendor, mapping.CONTACT_STREAMS)
    raw_tables = {**events, **entities}

    @whole_assets(
        *table.key,
        specs=[
            spec(
                table,
                group="touchpoints",
                deps=raw_tables.values(),
                kinds=(vendor, "deltalake"),
                note="Days whose raw records changed are mapped again; the others stay.",
            )
        ],
    )
    def build(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:
        lake = platform.lake
        changed = with_neighbours(lake)
        work = plan(lake, table, (), dict.fromkeys(raw_tables.values(), changed), span=(date.min, date.max))
        raw = {name: lake.read(t, work.days) for name, t in raw_tables.items()}
        with platform.minding_erasures() as erased:
            mapped = without_erased(erased, table, mapping.contacts(raw, zone=platform.zone))
            lake.replace_days(
                table,
                _on_days(mapped.rows, work.days),
                work.days,
                run_id=context.run.run_id,
                cursor=work.cursor,
                allow_shrink=True,
            )
        rows = sum(state.rows for state in lake.day_states(table).values())
        return dg.MaterializeResult(
            asset_key=asset_key(table),
            metadata={
                "dagster/row_count": rows,
                "days_mapped": len(work.days),
                "refused": mapped.rejected.num_rows,
            },
        )

    return build


def without_erased(erased: Erased, table: Table, mapped: Mapped) -> Mapped:
    """What a mapping gave, but for what carries an identifier of somebody erased."""
    return Mapped(
        without_theirs(erased, table, mapped.rows), without_theirs(erased, QUARANTINE, mapped.rejected)
    )


def _on_days(rows: pa.Table, days: Sequence[date]) -> pa.Table:
    return rows.filter(pc.is_in(rows["day"], pa.array(days, pa.date32())))
