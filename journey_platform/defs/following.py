"""Which days of a vendor's touchpoints its raw tables tell of, and which stand as these have them.

What the touchpoints are is made in `touchpoints`. Whether the raw days themselves arrived is not asked here.
"""

import json
from collections.abc import Iterable, Sequence, Set
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from connectors.base import Stream, StreamKind
from journey_platform.defs.planning import Touched, changed_days, with_neighbours
from journey_platform.defs.platform import Platform
from journey_platform.landing.current import current_versions, retold
from journey_platform.sources import archive_of, connector_of, mapping_of
from journey_platform.tables import Table, touchpoints_table
from journey_platform.touchpoints.mapping import LookedUp

CARRY_DAYS = 1
"""What a record tells falls on its own day or, past midnight, on the next."""


def archives_of(vendor: str, streams: Sequence[str]) -> tuple[dict[str, Table], dict[str, Table]]:
    """The raw tables of some streams: those of events, those of entities."""
    known = {name: connector_of(vendor).stream(name) for name in streams}
    events = {n: archive_of(vendor, s) for n, s in known.items() if s.kind is StreamKind.EVENT}
    entities = {n: archive_of(vendor, s) for n, s in known.items() if s.kind is StreamKind.ENTITY}
    return events, entities


def made_from(platform: Platform, vendor: str) -> dict[Table, Touched]:
    """The raw tables of a vendor's touchpoints, each with the days that its changes touch."""
    events, entities = archives_of(vendor, mapping_of(vendor).TOUCHPOINT_STREAMS)
    spilling = with_neighbours(platform.lake, after=CARRY_DAYS)
    told = {raw: days_told_of(platform, vendor, name) for name, raw in entities.items()}
    return {**dict.fromkeys(events.values(), spilling), **told}


def followed(platform: Platform, vendor: str, stream: Stream, days: Set[date]) -> set[date]:
    """Those of `days`, on which a stream arrived, whose touchpoints were made of what arrived. All of them
    where no touchpoints are made of the stream; none before the first were."""
    lake, raw, table = platform.lake, archive_of(vendor, stream), touchpoints_table(vendor)
    if stream.name not in mapping_of(vendor).TOUCHPOINT_STREAMS:
        return set(days)
    since = json.loads(lake.cursor(table) or "{}").get(raw.name)
    if since is None:
        return set()
    if changed_days(lake, raw, since):
        days = days - set(made_from(platform, vendor)[raw](raw, since))
    return days & lake.day_states(table).keys() if stream.kind is StreamKind.EVENT else set(days)


def days_told_of(platform: Platform, vendor: str, stream: str) -> Touched:
    """Days of a vendor's touchpoints that changed records of a stream of entities tell of."""
    table, lookup = touchpoints_table(vendor), mapping_of(vendor).LOOKUPS.get(stream)
    if lookup is None:
        return _days_of_changed(platform, vendor, table)
    return _days_of_retold(platform, vendor, table, lookup)


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


def _days_of_retold(platform: Platform, vendor: str, table: Table, lookup: LookedUp) -> Touched:
    """Days of touchpoints about things that name an entity of which something else is said than before;
    also of those that were left out by what was said."""

    def touched(raw: Table, since: int | None) -> set[date]:
        lake, mapping = platform.lake, mapping_of(vendor)
        if since is None:
            return set(lake.day_states(table))
        keys = retold(lake.read(raw), changed_days(lake, raw, since), lookup.says)
        if not keys:
            return set()
        streams = [name for name in mapping.TOUCHPOINT_STREAMS if name not in mapping.LOOKUPS]
        events, entities = archives_of(vendor, streams)
        told = {name: current_versions(lake.read(t)) for name, t in entities.items()}
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
