"""The sensor that tells what reads otherwise than before: mature values that were restated, and late rows.

It looks at the lake, so that it does not matter whether a run, a promotion or a command changed it. These
are events, not troubles: each is told once and needs no recovery. What was there before the first look is
no news.
"""

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg
import msgspec
import pyarrow.compute as pc

from connectors.base import Stream, StreamKind
from connectors.registry import connector_of
from journey_platform.alerting.alert import Fact, Notice
from journey_platform.alerting.config import NO_CHANNEL, channels
from journey_platform.alerting.memory import Memory
from journey_platform.defs.platform import Platform
from journey_platform.history.causes import spans
from journey_platform.history.restating import told_until
from journey_platform.lake import Lake
from journey_platform.sources import FILES, archive_of
from journey_platform.tables import RESTATEMENTS

_SHOWN = 10
_COLUMNS = ("day", "stage", "version", "kpi", "value_day", "is_mature", "run_id", "published_at", "causes")


class Seen(msgspec.Struct):
    """The cursor. `restated`: the version of each table of KPI values up to which restatements were seen;
    `archives`: the version of each stream's archive; None where nothing was looked at yet."""

    restated: dict[str, int] | None = None
    archives: dict[str, int] | None = None
    memory: Memory = msgspec.field(default_factory=Memory)


def alert_on_changes(sources: Sequence[str]) -> dg.SensorDefinition:
    """It runs from the start and says so where no channel is configured."""

    @dg.sensor(
        name="alert_on_changes",
        minimum_interval_seconds=300,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells which mature KPI values were restated, and why; and which sources sent rows late.",
    )
    def looking(context: dg.SensorEvaluationContext, platform: Platform) -> dg.SensorResult | dg.SkipReason:
        configured = channels(os.environ)
        if not configured:
            return dg.SkipReason(NO_CHANNEL)
        seen = msgspec.json.decode(context.cursor, type=Seen) if context.cursor else Seen()
        notices = [*_restated(platform.lake, seen), *_late(platform.lake, seen, sources)]
        troubles = seen.memory.tell(notices, configured, datetime.now(UTC))
        said = [f"{len(notices)} to tell" if notices else "nothing new", *troubles]
        return dg.SensorResult(cursor=msgspec.json.encode(seen).decode(), skip_reason="; ".join(said))

    return looking


def _restated(lake: Lake, seen: Seen) -> Iterator[Notice]:
    """One notice a run that restated mature values since the last look. Moves `seen` on."""
    known, newest = seen.restated, told_until(lake)
    seen.restated = newest
    if known is None or known == newest:
        return
    by_run: dict[str, list[dict[str, Any]]] = {}
    rows = lake.read(RESTATEMENTS, columns=_COLUMNS)
    for row in rows.filter(pc.field("is_mature")).to_pylist():
        if row["version"] > known.get(row["stage"], -1):
            by_run.setdefault(row["run_id"], []).append(row)
    for run_id, found in by_run.items():
        kpis = Counter(row["kpi"] for row in found)
        causes = Counter(f"{cause['kind']} {cause['name']}" for row in found for cause in row["causes"])
        facts: dict[str, Fact] = {
            "values": len(found),
            "kpis": _most(kpis),
            "days": spans({row["value_day"] for row in found}),
            "because_of": _most(causes),
        }
        at = max(row["published_at"] for row in found)
        title = "published values that were mature read otherwise now"
        yield Notice("raised", f"restated/{run_id}", title, "/assets/kpis/restatements", at, at, facts)


def _late(lake: Lake, seen: Seen, sources: Sequence[str]) -> Iterator[Notice]:
    """One notice a vendor of whose days some changed after they had landed. Moves `seen` on."""
    known, newest = seen.archives, dict[str, int]()
    for vendor in sources:
        facts: dict[str, Fact] = {}
        moments = []
        for stream in connector_of(vendor).streams if vendor != FILES else ():
            table = archive_of(vendor, stream)
            version = lake.version(table) if stream.kind is StreamKind.EVENT else None
            if version is None:
                continue
            newest[table.name] = version
            old = (known or {}).get(table.name)
            if old is None or old == version or not (told := _changed(lake, stream, vendor, old)):
                continue
            facts[stream.name] = told
            if (commit := lake.commit(table, version)) is not None:
                moments.append(commit.at)
        if facts:
            at = max(moments, default=datetime.now(UTC))
            path = f"/assets/raw/{vendor}/{next(iter(facts))}"
            title = f"{vendor} told days otherwise after they had landed"
            yield Notice("raised", f"late/{vendor}", title, path, at, at, facts)
    seen.archives = newest


def _changed(lake: Lake, stream: Stream, vendor: str, old: int) -> str | None:
    """Which days within the lookback differ from those of version `old`, and by how many rows."""
    table = archive_of(vendor, stream)
    if not lake.has_version(table, old):
        return None
    before, after = lake.day_states(table, version=old), lake.day_states(table)
    oldest = max(after) - timedelta(days=stream.lookback_days)
    rows: Mapping[date, int] = {
        day: after[day].rows - state.rows
        for day, state in before.items()
        if day >= oldest and day in after and after[day].fingerprint != state.fingerprint
    }
    return f"{spans(rows)} ({sum(rows.values()):+d} rows)" if rows else None


def _most(counts: Counter[str]) -> str:
    """The names by their counts, the largest first."""
    told = [f"{name} {count}" for name, count in sorted(counts.items(), key=lambda one: (-one[1], one[0]))]
    more = [f"and {len(told) - _SHOWN} more"] if len(told) > _SHOWN else []
    return "; ".join([*told[:_SHOWN], *more])
