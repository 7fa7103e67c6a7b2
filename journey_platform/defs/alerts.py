"""Sensors that tell what is wrong: in runs, green ones too, and in what did not run at all.

`alert_on_runs` follows the event log of every run by a cursor a run: failed checks, which leave their run
green, held days, failed steps, runs that died. `alert_on_freshness` looks at what has arrived. Both keep what
they told in their cursor. A trouble is told once, whatever the number of runs that see it.
"""

import hashlib
import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg
import msgspec

from connectors.registry import connector_of
from journey_platform.alerting.alert import Alert, Fact, Notice, moment
from journey_platform.alerting.config import NO_CHANNEL, channels
from journey_platform.alerting.freshness import limit_hours, stale
from journey_platform.alerting.memory import Memory
from journey_platform.defs.platform import Platform
from journey_platform.defs.restatements import MATURE_STAND
from journey_platform.operating.arrival import complete_until

# A run's row may become visible this much after the time it bears.
_OVERLAP = timedelta(minutes=5)
_EVENTS_PER_READ = 1_000
_SHOWN_DAYS = 10
_WATCHED = {
    dg.DagsterEventType.ASSET_CHECK_EVALUATION,
    dg.DagsterEventType.ASSET_MATERIALIZATION,
    dg.DagsterEventType.STEP_FAILURE,
    dg.DagsterEventType.STEP_SUCCESS,
    dg.DagsterEventType.RUN_FAILURE,
    dg.DagsterEventType.RUN_SUCCESS,
}


class Watch(msgspec.Struct):
    """The cursor of `alert_on_runs`. `since`: runs that ended before are history, not news. `until`: changes
    of runs up to here were seen. `runs`: how far the log of each recent or running run was read. `held`: the
    held days of each asset, by its path."""

    since: datetime
    until: datetime
    runs: dict[str, str] = {}
    held: dict[str, list[str]] = {}
    memory: Memory = msgspec.field(default_factory=Memory)


def alert_sensors(sources: Sequence[str]) -> list[dg.SensorDefinition]:
    """The two sensors. They run from the start and say so where no channel is configured."""

    @dg.sensor(
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells failed checks, held days and failed steps once, and when they are over.",
    )
    def alert_on_runs(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        configured = channels(os.environ)
        if not configured:
            return dg.SkipReason(NO_CHANNEL)
        now = datetime.now(UTC)
        if context.cursor is None:
            return _answer(msgspec.json.encode(Watch(since=now, until=now)).decode(), [], [])
        watch = msgspec.json.decode(context.cursor, type=Watch)
        entries = _new_events(context.instance, watch)
        notices = [notice for entry in entries for notice in _notices(watch.memory, entry)]
        notices += _held_notices(watch, entries)
        troubles = watch.memory.tell(notices, configured, now)
        return _answer(msgspec.json.encode(watch).decode(), notices, troubles)

    @dg.sensor(
        minimum_interval_seconds=900,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells which sources have not arrived whole for longer than declared.",
    )
    def alert_on_freshness(
        context: dg.SensorEvaluationContext, platform: Platform
    ) -> dg.SensorResult | dg.SkipReason:
        configured = channels(os.environ)
        if not configured:
            return dg.SkipReason(NO_CHANNEL)
        memory = msgspec.json.decode(context.cursor, type=Memory) if context.cursor else Memory()
        now = platform.now()
        notices = memory.become(_late(sources, platform, now), now)
        troubles = memory.tell(notices, configured, now)
        return _answer(msgspec.json.encode(memory).decode(), notices, troubles)

    return [alert_on_runs, alert_on_freshness]


def _answer(cursor: str, notices: Sequence[Notice], troubles: Sequence[str]) -> dg.SensorResult:
    said = [f"{len(notices)} to tell" if notices else "nothing new", *troubles]
    return dg.SensorResult(cursor=cursor, skip_reason="; ".join(said))


def _new_events(instance: dg.DagsterInstance, watch: Watch) -> list[dg.EventLogEntry]:
    """What all runs logged since the last look, in the order of time. Moves `watch` on."""
    seen_from = max(watch.since, watch.until - _OVERLAP)
    changed = instance.get_run_records(dg.RunsFilter(updated_after=seen_from))
    known = instance.get_run_records(dg.RunsFilter(run_ids=[*watch.runs])) if watch.runs else []
    records = {record.dagster_run.run_id: record for record in (*known, *changed)}
    entries: list[dg.EventLogEntry] = []
    runs: dict[str, str] = {}
    for run_id, record in records.items():
        # A run that ended before was read to its end; only its tags changed.
        if record.end_time is not None and record.end_time < seen_from.timestamp():
            continue
        read, runs[run_id] = _log_since(instance, run_id, watch.runs.get(run_id))
        entries += read
        watch.until = max(watch.until, record.update_timestamp.replace(tzinfo=UTC))
    watch.runs = runs
    return sorted(entries, key=lambda entry: entry.timestamp)


def _log_since(
    instance: dg.DagsterInstance, run_id: str, cursor: str | None
) -> tuple[list[dg.EventLogEntry], str]:
    entries: list[dg.EventLogEntry] = []
    while True:
        part = instance.get_records_for_run(run_id, cursor, _WATCHED, _EVENTS_PER_READ)
        entries += [record.event_log_entry for record in part.records]
        cursor = part.cursor
        if not part.has_more:
            return entries, cursor


def _notices(memory: Memory, entry: dg.EventLogEntry) -> Iterator[Notice]:
    """What one event has to tell."""
    at = moment(entry.timestamp)
    event = entry.get_dagster_event()
    run = f"/runs/{entry.run_id}"
    match event.event_type:
        case dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            evaluation = event.asset_check_evaluation_data
            if evaluation.check_name == MATURE_STAND:
                return  # told with its KPIs and causes by `alert_on_changes`, each run for itself
            alert = _check_alert(evaluation)
            yield from memory.recover(alert.key, at) if evaluation.passed else memory.raise_alert(alert, at)
        case dg.DagsterEventType.STEP_FAILURE:
            alert = Alert(f"step/{event.step_key}", "failed", f"step {event.step_key} failed", run)
            yield from memory.raise_alert(alert, at)
        case dg.DagsterEventType.STEP_SUCCESS:
            yield from memory.recover(f"step/{event.step_key}", at)
        case dg.DagsterEventType.RUN_SUCCESS:
            yield from memory.recover(f"run/{entry.job_name}", at)
        case dg.DagsterEventType.RUN_FAILURE:
            # What a dead worker's run is failed with has no data. A failed step was told by itself.
            reason = getattr(event.event_specific_data, "failure_reason", None)
            if reason is None or reason.value != "STEP_FAILURE":
                alert = Alert(f"run/{entry.job_name}", "failed", f"run of {entry.job_name} died", run)
                yield from memory.raise_alert(alert, at)


def _check_alert(evaluation: dg.AssetCheckEvaluation) -> Alert:
    path = evaluation.asset_key.to_user_string()
    counts = {
        name: value.value
        for name, value in evaluation.metadata.items()
        if isinstance(value, dg.IntMetadataValue | dg.FloatMetadataValue) and value.value is not None
    }
    return Alert(
        key=f"check/{path}/{evaluation.check_name}",
        state=evaluation.severity.value.lower(),
        title=f"check {evaluation.check_name} of {path} failed ({evaluation.severity.value.lower()})",
        path=f"/assets/{path}?view=checks&checkDetail={evaluation.check_name}",
        facts=counts,
    )


def _held_notices(watch: Watch, entries: Sequence[dg.EventLogEntry]) -> Iterator[Notice]:
    """A day whose materialization says `held` keeps its last good version; the next one without ends it."""
    changed: dict[str, datetime] = {}
    for entry in entries:
        made = entry.asset_materialization
        if made is None or made.partition is None:
            continue
        path = made.asset_key.to_user_string()
        days = set(watch.held.get(path, ()))
        if ("held" in made.metadata) != (made.partition in days):
            watch.held[path] = sorted(days ^ {made.partition})
            changed[path] = moment(entry.timestamp)
    for path, at in changed.items():
        if held := watch.held[path]:
            yield from watch.memory.raise_alert(_held_alert(path, held), at)
        else:
            del watch.held[path]
            yield from watch.memory.recover(f"held/{path}", at)


def _held_alert(path: str, days: Sequence[str]) -> Alert:
    facts: dict[str, Fact] = {"days": len(days), "latest": ", ".join(days[-_SHOWN_DAYS:])}
    state = hashlib.sha256(",".join(days).encode()).hexdigest()[:16]
    return Alert(f"held/{path}", state, f"{path} holds days back", f"/assets/{path}", facts)


def _late(sources: Sequence[str], platform: Platform, now: datetime) -> list[Alert]:
    """The vendors that are late. Before the first pull of all nothing is."""
    arrived = {
        vendor: complete_until(platform.lake, connector_of(vendor), platform.zone) for vendor in sources
    }
    if not any(until for streams in arrived.values() for until in streams.values()):
        return []
    found = (stale(vendor, until, limit_hours(vendor, os.environ), now) for vendor, until in arrived.items())
    return [alert for alert in found if alert]
