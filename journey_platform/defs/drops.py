"""New files are read when they come: a sensor that asks for the days that they hold, and no others.

The daily job leaves dropped files out: on a day for which no file has come, nothing was said, and a day that
was read would look like one on which nothing happened.
"""

import time
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import cast
from zoneinfo import ZoneInfo

import dagster as dg
import msgspec

from connectors.base import Stream, StreamKind
from connectors.errors import ConnectorError
from connectors.files.drops import FileDrops
from journey_platform.defs.describe import asset_key
from journey_platform.defs.jobs import FILES_GROUP
from journey_platform.defs.platform import Platform
from journey_platform.defs.pulling import consecutive
from journey_platform.run_tags import range_tags
from journey_platform.sources import FILES, archive_of

# A tick reads files for at most about this long; the rest waits for the next.
_BUDGET_S = 30.0

dropped = dg.define_asset_job(
    "dropped",
    selection=dg.AssetSelection.groups(FILES_GROUP).downstream(),
    description="Dropped files of some days: read, checked, mapped, and what follows from them.",
)


class Known(msgspec.Struct):
    """A file as it was last seen. `first` and `last`: the local days from its first row to its last, None
    where there are none. `asked`: the last day that was asked for."""

    size: int
    changed: int
    first: date | None = None
    last: date | None = None
    asked: date | None = None


Memory = dict[str, dict[str, Known]]
"""By feed and path below the folder."""


def drop_sensor(assets: Sequence[dg.AssetsDefinition]) -> dg.SensorDefinition:
    """The sensor over the declared feeds. `assets`: all of the code location."""
    followed = dropped.selection.resolve(assets)
    feeds = {key for key in followed if key.path[:2] == ["raw", FILES]}

    @dg.sensor(
        job=dropped,
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Asks for the days that new and changed files hold.",
    )
    def files_dropped(
        context: dg.SensorEvaluationContext, platform: Platform
    ) -> dg.SensorResult | dg.SkipReason:
        source = cast(FileDrops, platform.connector(FILES))
        memory = msgspec.json.decode(context.cursor, type=Memory) if context.cursor else {}
        first, yesterday = platform.span
        wanted, troubles = news(source, memory, platform.zone, (first, yesterday))
        requests = []
        for days, names in wanted:
            tables = [archive_of(FILES, source.stream(name)) for name in names]
            chosen = {asset_key(table) for table in tables} | (followed - feeds)
            selection = sorted(chosen, key=dg.AssetKey.to_user_string)
            requests.append(dg.RunRequest(asset_selection=selection, tags=range_tags(days[0], days[-1])))
        said = "; ".join(troubles) or None
        return dg.SensorResult(
            requests,
            cursor=msgspec.json.encode(memory, order="sorted").decode(),
            skip_reason=None if requests else said or "no new files",
        )

    return files_dropped


def news(
    source: FileDrops, memory: Memory, zone: str, span: tuple[date, date]
) -> tuple[list[tuple[list[date], list[str]]], list[str]]:
    """(runs of days, the feeds to read on them) that files ask for, and what could not be read.

    Moves `memory` on; a file that cannot be read is looked at again. A file holds the days from its first row
    to its last: where it has none between them, it says that nothing happened. Of a changed file the days
    that it held before are asked for too. Days after `span` wait until they are over. A file of current state
    asks for the last day of the span.
    """
    until = time.monotonic() + _BUDGET_S
    asked: dict[str, set[date]] = {}
    troubles: list[str] = []
    for stream in source.streams:
        known = memory.get(stream.name, {})
        seen = memory[stream.name] = {}
        for path in source.files(stream.name):
            name, state = source.relative(path), path.stat()
            entry = known.get(name)
            days: set[date] = set()
            if entry is None or (entry.size, entry.changed) != (state.st_size, state.st_mtime_ns):
                if time.monotonic() > until:
                    troubles.append(f"{stream.name}: more files wait for the next look")
                    seen.update({later: known[later] for later in known if later not in seen})
                    break
                days |= _held(entry)
                try:
                    fresh = _looked_at(source, stream, path, zone)
                except ConnectorError as error:
                    troubles.append(str(error))
                    seen.update({name: entry} if entry else {})
                    continue
                entry = Known(state.st_size, state.st_mtime_ns, *fresh)
                days |= {span[1]} if stream.kind is StreamKind.ENTITY else set()
            days |= _held(entry, after=entry.asked)
            due = {day for day in days if span[0] <= day <= span[1]}
            if due:
                entry.asked = max(due)
                asked.setdefault(stream.name, set()).update(due)
            seen[name] = entry
    runs: dict[tuple[date, ...], list[str]] = {}
    for feed, wanted in asked.items():
        for run in consecutive(sorted(wanted)):
            runs.setdefault(tuple(run), []).append(feed)
    return [(list(days), feeds) for days, feeds in sorted(runs.items())], troubles


def _looked_at(source: FileDrops, stream: Stream, path: Path, zone: str) -> tuple[date | None, date | None]:
    """The first and last local day of a file of events."""
    moments = source.span(stream.name, path) if stream.kind is StreamKind.EVENT else None
    if moments is None:
        return None, None
    first, last = (moment.astimezone(ZoneInfo(zone)).date() for moment in moments)
    return first, last


def _held(entry: Known | None, after: date | None = None) -> set[date]:
    if entry is None or entry.first is None or entry.last is None:
        return set()
    first = entry.first if after is None else max(entry.first, after + timedelta(days=1))
    return {first + timedelta(days=n) for n in range((entry.last - first).days + 1)}
