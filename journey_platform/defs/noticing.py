"""Sensors that look at the lake, so that it does not matter who changed it, a run or a command beside it.

`follow_identity`: people decided, or identity was resolved anew, and what follows has not been derived.
`ask_again`: days that could not be read, or that are held, are asked for again a few times; then they wait
for somebody. Neither acts while a run is under way or waits: it may be about to do the same.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import msgspec

from connectors.base import StreamKind
from journey_platform.defs.catching_up import gaps
from journey_platform.defs.describe import asset_key
from journey_platform.defs.jobs import KIND_TAG, rederive
from journey_platform.defs.partitions import CHANGED_ONLY_TAG
from journey_platform.defs.platform import Platform
from journey_platform.defs.pulling import consecutive
from journey_platform.lake import Lake
from journey_platform.landing.ledger import held_days
from journey_platform.run_tags import range_tags
from journey_platform.sources import FILES, archive_of, connector_of
from journey_platform.tables import DECISIONS, IDENTIFIERS_TABLE, JOURNEY_TOUCHPOINTS, Table

WAITS = (timedelta(hours=1), timedelta(hours=4), timedelta(hours=12))
"""How long after it was noticed, and after each try, a day is asked for again."""

# The daily run of a day begins at three. Before this it is not missing.
_DAILY_IS_OVER = timedelta(hours=5)
_BUSY = "a run is under way, or waits"
_UNDER_WAY = dg.RunsFilter(
    statuses=[
        dg.DagsterRunStatus.QUEUED,
        dg.DagsterRunStatus.NOT_STARTED,
        dg.DagsterRunStatus.STARTING,
        dg.DagsterRunStatus.STARTED,
        dg.DagsterRunStatus.CANCELING,
    ]
)


class Try(msgspec.Struct):
    """How often a day was asked for again, and when it may be the next time."""

    times: int
    due: datetime


Memory = dict[str, dict[date, Try]]
"""By table and day."""


@dg.sensor(
    job=rederive,
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Decisions about who is who, and whatever else changed it, go on into exactly the days in "
    "which those people appear.",
)
def follow_identity(
    context: dg.SensorEvaluationContext, platform: Platform
) -> dg.SensorResult | dg.SkipReason:
    if context.instance.get_runs_count(_UNDER_WAY):
        return dg.SkipReason(_BUSY)
    ledger, news = _news_of_identity(platform.lake, context.cursor)
    cursor = json.dumps(ledger)
    if not news:
        return dg.SensorResult(cursor=cursor, skip_reason="nothing new")
    # The run asks for one day; the derived tables add those that the change touches.
    _, yesterday = platform.span
    tags = {**range_tags(yesterday, yesterday), CHANGED_ONLY_TAG: "yes"}
    return dg.SensorResult([dg.RunRequest(run_key=news, tags=tags)], cursor=cursor)


def _news_of_identity(lake: Lake, cursor: str | None) -> tuple[int | None, str | None]:
    """The ledger's version; and a name for what has not been derived from, if there is something."""
    ledger, people = lake.version(DECISIONS), lake.version(IDENTIFIERS_TABLE)
    if people is None:
        return ledger, None
    followed = json.loads(lake.cursor(JOURNEY_TOUCHPOINTS) or "{}").get(IDENTIFIERS_TABLE.name)
    is_decided = cursor is not None and json.loads(cursor) != ledger
    return ledger, f"{ledger}-{people}" if is_decided or followed != people else None


def repeat_job(sources: Sequence[str]) -> Any:
    """Events of some streams asked for again, and what follows from them."""
    streams = [asset_key(table) for tables in _event_tables(sources).values() for table in tables]
    return dg.define_asset_job(
        "repeat",
        selection=dg.AssetSelection.assets(*streams).downstream(),
        description="Days that could not be read, or that are held, asked for again, and what follows.",
        tags={KIND_TAG: "repeat", CHANGED_ONLY_TAG: "yes"},
    )


def ask_again(sources: Sequence[str], job: Any, assets: Sequence[dg.AssetsDefinition]) -> dg.SensorDefinition:
    """The sensor over the vendors' streams of events. `job`: `repeat_job`; `assets`: all there are."""
    of_vendor = _event_tables(sources)
    follow = job.selection.resolve(assets) - {asset_key(t) for tables in of_vendor.values() for t in tables}

    @dg.sensor(
        name="ask_again",
        job=job,
        minimum_interval_seconds=300,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Asks again for days that could not be read, or that are held: after one hour, four and "
        "twelve. After that, only the daily run does so for those that never arrived.",
    )
    def asking(context: dg.SensorEvaluationContext, platform: Platform) -> dg.SensorResult | dg.SkipReason:
        if context.instance.get_runs_count(_UNDER_WAY):
            return dg.SkipReason(_BUSY)
        memory = msgspec.json.decode(context.cursor, type=Memory) if context.cursor else {}
        now = platform.now()
        local = now.astimezone(ZoneInfo(platform.zone)) - _DAILY_IS_OVER
        lacking = _lacking(platform, of_vendor, local.date() - timedelta(days=1))
        memory, wanted = due(memory, lacking, now)
        requests = []
        for vendor, tables in of_vendor.items():
            asked = {table: wanted[table.name] for table in tables if wanted.get(table.name)}
            for days in consecutive(sorted(set[date]().union(*asked.values()))):
                concerned = {asset_key(table) for table, of in asked.items() if of & {*days}}
                selection = sorted(concerned | follow, key=dg.AssetKey.to_user_string)
                tags = {**range_tags(days[0], days[-1]), "journey/source": vendor}
                requests.append(dg.RunRequest(asset_selection=selection, tags=tags))
        waiting = sum(len(days) for days in memory.values())
        return dg.SensorResult(
            requests,
            cursor=msgspec.json.encode(memory).decode(),
            skip_reason=None if requests else f"{waiting} days are wanting; none is due",
        )

    return asking


def due(
    memory: Memory, lacking: Mapping[str, set[date]], now: datetime
) -> tuple[Memory, dict[str, set[date]]]:
    """What to remember, and by table the days to ask for now. A day that came is forgotten."""
    kept: Memory = {}
    asked: dict[str, set[date]] = {}
    for table, days in lacking.items():
        known = memory.get(table, {})
        of_table = kept[table] = {day: known.get(day, Try(0, now + WAITS[0])) for day in sorted(days)}
        for day, tried in of_table.items():
            if tried.times < len(WAITS) and tried.due <= now:
                asked.setdefault(table, set()).add(day)
                times = tried.times + 1
                of_table[day] = Try(times, now + WAITS[min(times, len(WAITS) - 1)])
    return kept, asked


def _lacking(
    platform: Platform, of_vendor: Mapping[str, Sequence[Table]], last: date
) -> dict[str, set[date]]:
    """By table, the days up to `last` that never arrived, or that are held."""
    lake, held = platform.lake, held_days(platform.lake)
    found = {
        table.name: {
            *gaps(lake.day_states(table), last, start=platform.settings.start_date),
            *held.get(table.name, ()),
        }
        for tables in of_vendor.values()
        for table in tables
    }
    return {name: days for name, days in found.items() if days}


def _event_tables(sources: Sequence[str]) -> dict[str, list[Table]]:
    """By vendor. Files come when they come."""
    return {
        vendor: [archive_of(vendor, s) for s in connector_of(vendor).streams if s.kind is StreamKind.EVENT]
        for vendor in sources
        if vendor != FILES
    }
