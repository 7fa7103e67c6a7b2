"""Backfills: a job per source, and the jobs that try one first and publish or drop what came of it."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import dagster as dg

from connectors.base import StreamKind
from connectors.registry import connector_of
from journey_platform.backfills.difference import Difference, difference
from journey_platform.backfills.promotion import Promoted
from journey_platform.backfills.running import job_of, preview, publish
from journey_platform.defs.describe import asset_key
from journey_platform.defs.jobs import KIND_TAG, PRIORITY_TAG
from journey_platform.defs.partitions import CHANGED_ONLY_TAG
from journey_platform.defs.platform import Platform
from journey_platform.defs.restatements import told_of
from journey_platform.history.causes import spans
from journey_platform.history.trace import History, Leap, known_tables
from journey_platform.kpis.restatements import Change
from journey_platform.lake.shadows import discard, named
from journey_platform.sources import archive_of
from journey_platform.tables import RESTATEMENTS

_SHOWN = 100


class Backfill(dg.Config):
    """`source`: a vendor in use. `first` and `last`: ISO days, both included."""

    source: str
    first: str
    last: str


class Preview(dg.Config):
    """`name`: as the job preview_backfill told it."""

    name: str


def backfill_jobs(sources: Sequence[str]) -> list[Any]:
    """Per source: its events of some days asked for again, and what follows from all that it told.

    What it knows of the current state only is not asked for: the archive says what it said at the time.
    """
    return [_job(vendor) for vendor in sources]


def _job(vendor: str) -> Any:
    keys = {stream.name: asset_key(archive_of(vendor, stream)) for stream in connector_of(vendor).streams}
    states = [
        keys[stream.name] for stream in connector_of(vendor).streams if stream.kind is StreamKind.ENTITY
    ]
    selection = dg.AssetSelection.assets(*keys.values()).downstream()
    return dg.define_asset_job(
        job_of(vendor),
        selection=selection - dg.AssetSelection.assets(*states) if states else selection,
        description=f"Asks {vendor} for the events of some days again and derives what changed. Its streams "
        "of current state come from the archive; they are not asked for.",
        tags={PRIORITY_TAG: "-1", KIND_TAG: "backfill", CHANGED_ONLY_TAG: "yes"},
    )


@dg.op(description="The backfill in a shadow of the lake, and what it would change.")
def try_backfill(context: dg.OpExecutionContext, config: Backfill, platform: Platform) -> None:
    if config.source not in platform.settings.sources:
        raise dg.Failure(f"{config.source} is no source in use", allow_retries=False)
    first, last = date.fromisoformat(config.first), date.fromisoformat(config.last)
    shadow = preview(platform.lake, config.source, first, last)
    context.log.info("preview %s: publish it with the job promote_backfill", shadow.name)
    context.add_output_metadata({"name": shadow.name, **_told(difference(shadow))})


@dg.op(description="Publishes a preview in one step and lists what that restated.")
def publish_preview(context: dg.OpExecutionContext, config: Preview, platform: Platform) -> None:
    promoted, restated = publish(
        platform.lake, named(platform.lake, config.name), run_id=context.run_id, zone=platform.zone
    )
    for event in _materialized(platform, promoted):
        context.log_event(event)
    told = told_of(platform.lake, restated)
    context.log_event(dg.AssetMaterialization(asset_key(RESTATEMENTS), metadata=told))
    context.add_output_metadata({"tables": len(promoted.tables), "values_restated": restated.num_rows})
    if promoted.moved:
        raise dg.Failure(
            f"{promoted.moved} was changed meanwhile: run the job rederive, or backfill again",
            allow_retries=False,
        )


@dg.op(description="Removes a preview.")
def drop_preview(config: Preview, platform: Platform) -> None:
    discard(named(platform.lake, config.name))


_TAGS = {PRIORITY_TAG: "-1", KIND_TAG: "backfill"}


@dg.job(
    name="preview_backfill",
    description="A backfill that publishes nothing: what it would change.",
    tags=_TAGS,
)
def preview_backfill() -> None:
    try_backfill()


@dg.job(name="promote_backfill", description="Publishes a preview in one step.")
def promote_backfill() -> None:
    publish_preview()


@dg.job(name="discard_backfill", description="Removes a preview.")
def discard_backfill() -> None:
    drop_preview()


def _told(found: Difference) -> dict[str, dg.MetadataValue | int]:
    """First how much of which KPI, all of it; then the values themselves, as many as one can read."""
    of_kpi: dict[tuple[str, str], list[Change]] = {}
    for change, _ in found.kpis:
        of_kpi.setdefault((change.kpi, change.period), []).append(change)
    kpis = [
        dg.TableRecord(
            {
                "kpi": kpi,
                "period": period,
                "days": spans({change.day for change in changes}),
                "values": len(changes),
                "outside_their_interval": sum(change.is_significant is True for change in changes),
            }
        )
        for (kpi, period), changes in of_kpi.items()
    ]
    values = [
        dg.TableRecord(
            {
                "kpi": change.kpi,
                "period": change.period,
                "day": str(change.day),
                "of": f"{change.dimension}={change.dimension_value}",
                "old": _number(change.old.get("value")),
                "new": _number(change.new.get("value")),
                "change": _number(change.difference),
                "outside_its_interval": str(change.is_significant),
                "because_of": "; ".join(f"{cause['kind']} {cause['name']}" for cause in causes),
            }
        )
        for change, causes in found.kpis[:_SHOWN]
    ]
    rows = [
        dg.TableRecord(
            {
                "table": counts.table,
                "days": spans(counts.days),
                "added": counts.added,
                "removed": counts.removed,
                "changed": counts.changed,
            }
        )
        for counts in found.rows
    ]
    return {
        "values_to_restate": len(found.kpis),
        **{f"profiles_{event}": count for event, count in found.identity.items()},
        **({"kpis": dg.MetadataValue.table(kpis), "values": dg.MetadataValue.table(values)} if kpis else {}),
        **({"rows": dg.MetadataValue.table(rows)} if rows else {}),
    }


def _materialized(platform: Platform, promoted: Promoted) -> list[dg.AssetMaterialization]:
    """One event a table, or a day of it, whose content the promotion changed."""
    history, tables = History(platform.lake), known_tables()
    events = []
    for name, (old, new) in promoted.tables.items():
        if name not in tables:
            continue
        table = tables[name]
        leap = Leap(table, None if old < 0 else old, new)
        states = platform.lake.day_states(table)
        days = sorted(history.changed(leap) or ()) if table.is_daily else [None]
        for day in days:
            state = states.get(day) if day else None
            events.append(
                dg.AssetMaterialization(
                    asset_key(table),
                    partition=None if day is None else day.isoformat(),
                    metadata={"promoted": 1, **({"dagster/row_count": state.rows} if state else {})},
                )
            )
    return events


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"
