"""The assets of `intraday`: KPIs of the day that is not over, refreshed while it lasts.

A day becomes a partition when it is over. Were today one, a machine that went off at noon would leave half
a day that looks as if it had arrived, and the gate would judge half days by whole ones. So today stands
beside the daily tables: its touchpoints in `today/VENDOR`, its values in `kpis/today`, all with status open,
both replaced by each refresh. Nothing daily reads them. At night the day is read anew, whole, like any other.
"""

import tempfile
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from connectors.base import StreamKind, Window
from connectors.errors import ConnectorError, RetryableError
from connectors.registry import connector_of
from connectors.times import day_start
from journey_platform.asking import declared
from journey_platform.defs.describe import report_table, spec, whole_assets
from journey_platform.defs.following import archives_of
from journey_platform.defs.jobs import INTRADAY_GROUP, KIND_TAG
from journey_platform.defs.platform import Platform
from journey_platform.engine import Engine
from journey_platform.identity.assign import assign
from journey_platform.identity.erasure import Erased
from journey_platform.journeys.segments import memberships, of_people
from journey_platform.journeys.sessions import CARRY_DAYS, sessions
from journey_platform.journeys.tickets import tickets
from journey_platform.kpis.catalogue import KPIS, STAGES, of_stage
from journey_platform.kpis.parts import parts
from journey_platform.kpis.values import values
from journey_platform.lake import Lake
from journey_platform.landing import checkpoint, land_events, land_versions
from journey_platform.landing.current import current_versions
from journey_platform.landing.erased import without_theirs
from journey_platform.settings import Settings
from journey_platform.sources import archive_of, mapping_of
from journey_platform.tables import (
    IDENTIFIERS_TABLE,
    JOURNEY_TOUCHPOINTS,
    KPIS_TODAY,
    PROFILES_TABLE,
    SESSIONS,
    TICKETS,
    today_table,
)

STREAMS = {
    "matomo": ("visits",),
    "zendesk": ("tickets",),
    "mastodon": ("account_statuses", "search", "tag_timelines"),
}
"""By source that may be asked during the day: what is read. The others' APIs count too little per hour."""

# Units of these stand on one day and look at no other.
_GRAINS = frozenset({"session", "visitor", "visiting_person", "page_visit", "post", "ticket"})


def intraday_assets(sources: Sequence[str]) -> list[dg.AssetsDefinition]:
    """One asset per source that may be asked, and the values; none where no source may."""
    chosen = [vendor for vendor in sources if vendor in STREAMS]
    return [*map(_read_asset, chosen), _values_asset(chosen)] if chosen else []


intraday = dg.define_asset_job(
    "intraday",
    selection=dg.AssetSelection.groups(INTRADAY_GROUP),
    description="Visits, tickets and posts of the day that is not over, and its KPIs so far.",
    tags={KIND_TAG: "intraday"},
)


def intraday_schedule(settings: Settings) -> dg.ScheduleDefinition:
    """Every hour, off until somebody turns it on."""
    return dg.ScheduleDefinition(
        name="intraday_hourly",
        job=intraday,
        cron_schedule="30 * * * *",
        execution_timezone=settings.zone,
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description="The day that is not over, every hour. Off until it is turned on here.",
    )


def _read_asset(vendor: str) -> dg.AssetsDefinition:
    table = today_table(vendor)

    @whole_assets(
        *table.key,
        specs=[
            spec(
                table,
                group=INTRADAY_GROUP,
                kinds=(vendor, "deltalake"),
                note=f"Read while the day lasts: {', '.join(STREAMS[vendor])}. No archive, no gate and no "
                "cursor is touched; at night the day is read anew.",
            )
        ],
        pool=vendor,
    )
    def read(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:
        today, mapping = platform.today(), mapping_of(vendor)
        with (
            tempfile.TemporaryDirectory(prefix="journey-today-") as folder,
            platform.minding_erasures() as gone,
        ):
            scratch = Lake(folder)
            try:
                raw = {name: _pulled(platform, scratch, vendor, name, gone) for name in STREAMS[vendor]}
            except ConnectorError as error:
                raise dg.Failure(str(error), allow_retries=isinstance(error, RetryableError)) from None
            # What is said of people is as of the last night.
            _, looked_up = archives_of(vendor, [*mapping.LOOKUPS])
            raw |= {name: current_versions(platform.lake.read(t)) for name, t in looked_up.items()}
            mapped = mapping.touchpoints(raw, zone=platform.zone)
            rows = without_theirs(gone, table, mapped.rows)
            rows = rows.filter(pc.equal(rows["day"], pa.scalar(today, pa.date32())))
            written = platform.lake.replace_all(table, rows.cast(table.schema), run_id=context.run.run_id)
        return report_table(table, written, {"refused": mapped.rejected.num_rows})

    return read


def _pulled(platform: Platform, scratch: Lake, vendor: str, name: str, gone: Erased) -> pa.Table:
    """A stream's records since midnight; of current state, what changed since the last daily pull."""
    stream = connector_of(vendor).stream(name)
    table, now = archive_of(vendor, stream), platform.now()
    window = Window(day_start(platform.today(), ZoneInfo(platform.zone)), now)
    last = checkpoint(platform.lake, table) if stream.kind is StreamKind.ENTITY else None
    pages = platform.connector(vendor).read(name, window, last.cursor if last else None)
    if stream.kind is StreamKind.EVENT:
        days = [platform.today()]
        land_events(
            scratch, table, pages, days, zone=platform.zone, run_id="today", extracted_at=now, erased=gone
        )
        # What began before midnight is in the archive, and may go on past it.
        begun = platform.lake.read(table, [platform.today() - timedelta(days=1)])
        return pa.concat_tables([begun, scratch.read(table)])
    land_versions(scratch, table, pages, zone=platform.zone, run_id="today", extracted_at=now, erased=gone)
    return current_versions(scratch.read(table))


def _values_asset(sources: Sequence[str]) -> dg.AssetsDefinition:
    tables = [today_table(vendor) for vendor in sources]
    read = {f"{vendor}/{name}" for vendor in sources for name in STREAMS[vendor]}
    kpis = [kpi for kpi in KPIS.values() if kpi.grain in _GRAINS and read.issuperset(kpi.sources)]

    @whole_assets(
        *KPIS_TODAY.key,
        specs=[
            spec(
                KPIS_TODAY,
                group=INTRADAY_GROUP,
                deps=tables,
                note="Status open: the day is not over. People are those that the last run of identity knew. "
                "Nothing here is published as the day's value, and nothing restated.",
            )
        ],
    )
    def valued(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:
        lake, today, run_id = platform.lake, platform.today(), context.run.run_id
        so_far = pa.concat_tables([lake.read(table) for table in tables])
        so_far = so_far.filter(pc.equal(so_far["day"], pa.scalar(today, pa.date32())))
        known = lake.read(IDENTIFIERS_TABLE)
        acts = assign(so_far, known, secret=platform.pseudonym_key(), spelling=platform.spelling)
        before = [today - timedelta(days=n) for n in range(1, CARRY_DAYS + 1)]
        with tempfile.TemporaryDirectory(prefix="journey-today-") as folder:
            scratch = Lake(folder)
            with Engine(scratch, memory_limit=platform.settings.memory_limit) as engine:
                _fill(scratch, engine, lake, acts, before, today, platform.zone)
                segments = of_people(declared(platform.settings).segments)
                found = parts(
                    kpis,
                    engine,
                    days=[today],
                    as_of=today,
                    segments=memberships(lake.read(PROFILES_TABLE), segments),
                )
        arrivals = {source: {today} for source in read}
        rows = pa.concat_tables(
            values(
                stage,
                found.filter(pc.is_in(found["kpi"], pa.array([kpi.name for kpi in of_stage(stage)]))),
                days=[today],
                arrivals=arrivals,
                as_of=today + timedelta(days=1),
                identity_revision=lake.cursor(IDENTIFIERS_TABLE) or "",
            )
            for stage in STAGES
        )
        rows = _as_today(rows, [kpi.name for kpi in kpis], platform.now())
        written = lake.replace_all(KPIS_TODAY, rows, run_id=run_id)
        return report_table(KPIS_TODAY, written, {"day": str(today)})

    return valued


def _fill(
    scratch: Lake,
    engine: Engine,
    lake: Lake,
    acts: pa.Table,
    before: Sequence[date],
    today: date,
    zone: str,
) -> None:
    """What the grains read of one day, in a lake of its own. Visits may have begun `before`."""
    around = pa.concat_tables([acts, lake.read(JOURNEY_TOUCHPOINTS, before)])
    scratch.replace_days(JOURNEY_TOUCHPOINTS, around, [*before, today], run_id="today", allow_shrink=True)
    scratch.replace_all(PROFILES_TABLE, lake.read(PROFILES_TABLE), run_id="today")
    walked = engine.map_persons(
        engine.table(JOURNEY_TOUCHPOINTS),
        partial(sessions, zone=zone),
        sort_by=("occurred_at", "touchpoint_id"),
    )
    begun = walked.filter(pc.equal(walked["day"], pa.scalar(today, pa.date32())))
    scratch.replace_days(SESSIONS, begun, [today], run_id="today", allow_shrink=True)
    asked = engine.arrow(tickets(engine.table(JOURNEY_TOUCHPOINTS, [today])))
    scratch.replace_all(TICKETS, asked, run_id="today")


def _as_today(rows: pa.Table, kpis: Sequence[str], now: datetime) -> pa.Table:
    """The day's own values of the KPIs, all of them open."""
    is_wanted = pc.and_(pc.is_in(rows["kpi"], pa.array(kpis, pa.string())), pc.equal(rows["period"], "day"))
    rows = rows.filter(is_wanted)
    opened = pa.array(["open"] * len(rows), pa.string())
    rows = rows.set_column(rows.schema.get_field_index("status"), rows.schema.field("status"), opened)
    until = pa.array([now] * len(rows), KPIS_TODAY.schema.field("read_until").type)
    return rows.append_column(KPIS_TODAY.schema.field("read_until"), until).cast(KPIS_TODAY.schema)
