"""The assets of `touchpoints` and `contacts`: raw records in the canonical shape, vendor by vendor."""

from collections.abc import Iterable, Sequence
from datetime import date

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from connectors.base import StreamKind
from journey_platform.defs import checks
from journey_platform.defs.describe import asset_key, spec, whole_assets
from journey_platform.defs.keeping import keep_judged_days, surrounded
from journey_platform.defs.partitions import RANGE_POLICY, days_to_derive
from journey_platform.defs.planning import Touched, changed_days, plan, widen, with_neighbours
from journey_platform.defs.platform import Platform
from journey_platform.identity.erasure import Erased
from journey_platform.landing.current import current_versions, retold
from journey_platform.landing.erased import without_theirs
from journey_platform.landing.refusals import refusals
from journey_platform.quality.suites import suite_of
from journey_platform.sources import archive_of, connector_of, mapping_of
from journey_platform.tables import QUARANTINE, Table, contacts_table, touchpoints_table
from journey_platform.touchpoints.mapping import REJECTED, LookedUp, Mapped

# What a record tells falls on its own day or, past midnight, on the next.
_CARRY_DAYS = 1


def touchpoint_assets(
    sources: Sequence[str], partitions: dg.PartitionsDefinition
) -> list[dg.AssetsDefinition]:
    """One touchpoints asset per vendor, and one of contacts where the vendor knows people."""
    mapped = [_touchpoints_asset(vendor, partitions) for vendor in sources]
    return [*mapped, *(_contacts_asset(vendor) for vendor in sources if mapping_of(vendor).CONTACT_STREAMS)]


def _archives(vendor: str, streams: Sequence[str]) -> tuple[dict[str, Table], dict[str, Table]]:
    """The raw tables of some streams: those of events, those of entities."""
    known = {name: connector_of(vendor).stream(name) for name in streams}
    events = {n: archive_of(vendor, s) for n, s in known.items() if s.kind is StreamKind.EVENT}
    entities = {n: archive_of(vendor, s) for n, s in known.items() if s.kind is StreamKind.ENTITY}
    return events, entities


def _touchpoints_asset(vendor: str, partitions: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    mapping = mapping_of(vendor)
    table = touchpoints_table(vendor)
    suite = suite_of(table)
    events, entities = _archives(vendor, mapping.TOUCHPOINT_STREAMS)

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
        spilling = with_neighbours(lake, after=_CARRY_DAYS)
        work = plan(
            lake,
            table,
            days_to_derive(context, lake.day_states(table)),
            {
                **dict.fromkeys(events.values(), spilling),
                **{raw: days_told_of(platform, vendor, name, table) for name, raw in entities.items()},
            },
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
    events, entities = _archives(vendor, mapping.TOUCHPOINT_STREAMS)
    raw = {name: lake.read(t, widen(days, before=_CARRY_DAYS)) for name, t in events.items()}
    raw |= {name: current_versions(lake.read(t)) for name, t in entities.items()}
    return mapping.touchpoints(raw, zone=platform.zone)


def _contacts_asset(vendor: str) -> dg.AssetsDefinition:
    mapping = mapping_of(vendor)
    table = contacts_table(vendor)
    events, entities = _archives(vendor, mapping.CONTACT_STREAMS)
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


def _days_of_changed(platform: Platform, vendor: str, table: Table) -> Touched:
    """Days of touchpoints that changed entities tell of: those their current versions fall on, and those on
    which touchpoints of earlier versions stand.
    """

    def touched(raw: Table, since: int | None) -> set[date]:
        lake = platform.lake
        changed = lake.read(raw, changed_days(lake, raw, since))
        fresh = mapping_of(vendor).touchpoints({raw.key[-1]: current_versions(changed)}, zone=platform.zone)
        days = set(fresh.rows["day"].to_pylist())
        stored = lake.read(table, columns=("day", "subject_id", "record_key"))
        keys = changed["record_key"].combine_chunks()
        is_changed = pc.or_(*(pc.is_in(stored[name], keys) for name in ("subject_id", "record_key")))
        return days | set(stored.filter(is_changed)["day"].to_pylist())

    return touched


def days_told_of(platform: Platform, vendor: str, stream: str, table: Table) -> Touched:
    """Days of a vendor's touchpoints that changed records of a stream of entities tell of."""
    lookup = mapping_of(vendor).LOOKUPS.get(stream)
    if lookup is None:
        return _days_of_changed(platform, vendor, table)
    return _days_of_retold(platform, vendor, table, lookup)


def _days_of_retold(platform: Platform, vendor: str, table: Table, lookup: LookedUp) -> Touched:
    """Days of touchpoints about things that name an entity of which something else is said than before;
    also of those that were left out by what was said."""

    def touched(raw: Table, since: int | None) -> set[date]:
        lake, mapping = platform.lake, mapping_of(vendor)
        if since is None:
            return set(lake.day_states(table))
        keys = retold(lake.read(raw), changed_days(lake, raw, since), lookup.says)
        streams = [name for name in mapping.TOUCHPOINT_STREAMS if name not in mapping.LOOKUPS]
        events, entities = _archives(vendor, streams)
        told = {name: current_versions(lake.read(t)) for name, t in entities.items()} if keys else {}
        things = _naming(mapping.touchpoints(told, zone=platform.zone).rows, lookup.kind, keys)["subject_id"]
        if not len(things):
            return set()
        told |= {name: lake.read(t) for name, t in events.items()}
        rows = mapping.touchpoints(told, zone=platform.zone).rows
        days = rows.filter(pc.is_in(rows["subject_id"], things.combine_chunks()))["day"]
        return set(days.to_pylist())

    return touched


def _naming(rows: pa.Table, kind: str, values: Iterable[str]) -> pa.Table:
    """The touchpoints that carry an identifier of that kind with one of the values."""
    carried = rows["identifiers"].combine_chunks()
    pairs = carried.flatten()
    is_one = pc.and_(
        pc.equal(pc.struct_field(pairs, "kind"), kind),
        pc.is_in(pc.struct_field(pairs, "value"), pa.array(sorted(values), pa.string())),
    )
    return rows.take(pc.unique(pc.list_parent_indices(carried).filter(is_one)))


def without_erased(erased: Erased, table: Table, mapped: Mapped) -> Mapped:
    """What a mapping gave, but for what carries an identifier of somebody erased."""
    return Mapped(
        without_theirs(erased, table, mapped.rows), without_theirs(erased, QUARANTINE, mapped.rejected)
    )


def _on_days(rows: pa.Table, days: Sequence[date]) -> pa.Table:
    return rows.filter(pc.is_in(rows["day"], pa.array(days, pa.date32())))
