"""Figures to watch, as Prometheus reads them: sources, quarantine, KPIs and runs.

Read from the lake and from Dagster's instance when asked for; nothing is counted in memory, so that any
process tells the same. Labels are names of sources, tables, jobs and rules: nobody's, and no secret.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from connectors.base import StreamKind
from connectors.registry import connector_of
from connectors.times import day_start
from journey_platform.kpis.catalogue import STAGES
from journey_platform.lake import Lake
from journey_platform.landing.ledger import held_days
from journey_platform.operating.arrival import complete_until
from journey_platform.settings import Settings
from journey_platform.sources import archive_of
from journey_platform.tables import QUARANTINE, RESTATEMENTS, kpis_table

if TYPE_CHECKING:
    import dagster as dg

API_CALLS, API_LEFT = "api_calls", "api_limit_left"
"""Names in the metadata of a pull: requests it took, and what the vendor said is left."""

_RECENT = timedelta(days=1)


@dataclass
class Metric:
    """One name with its help; `samples` by labels."""

    name: str
    help: str
    samples: dict[tuple[tuple[str, str], ...], float] = field(default_factory=dict)

    def add(self, value: float, **labels: str) -> None:
        self.samples[tuple(labels.items())] = float(value)


def exposition(metrics: Iterator[Metric]) -> str:
    """Prometheus' text format, version 0.0.4; every metric is a gauge."""
    lines: list[str] = []
    for metric in metrics:
        lines += [f"# HELP {metric.name} {metric.help}", f"# TYPE {metric.name} gauge"]
        for labels, value in sorted(metric.samples.items()):
            told = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels)
            lines.append(f"{metric.name}{{{told}}} {value:.17g}" if told else f"{metric.name} {value:.17g}")
    return "\n".join(lines) + "\n"


def collect(
    lake: Lake, known: Settings, instance: "dg.DagsterInstance | None", *, now: datetime
) -> Iterator[Metric]:
    """All figures as of `now`; those of runs and API calls only with an instance."""
    yield from _sources(lake, known, now)
    yield from _refused(lake)
    yield from _kpis(lake, known.zone, now)
    if instance is not None:
        yield from _pulls(instance, known)
        yield from _runs(instance, now)


def _sources(lake: Lake, known: Settings, now: datetime) -> Iterator[Metric]:
    lag = Metric("journey_source_lag_seconds", "Time since the end of what has arrived of a stream")
    rows = Metric("journey_source_rows", "Rows of a stream's newest day; of current state, all versions")
    for vendor in known.sources:
        connector = connector_of(vendor)
        for name, until in complete_until(lake, connector, known.zone).items():
            if until is not None:
                lag.add((now - until).total_seconds(), source=f"{vendor}/{name}")
        for stream in connector.streams:
            states = lake.day_states(archive_of(vendor, stream))
            if states:
                is_event = stream.kind is StreamKind.EVENT
                count = states[max(states)].rows if is_event else sum(s.rows for s in states.values())
                rows.add(count, source=f"{vendor}/{stream.name}")
    yield lag
    yield rows


def _refused(lake: Lake) -> Iterator[Metric]:
    quarantined = Metric("journey_quarantined_rows", "Rows in quarantine now")
    told = lake.read(QUARANTINE, columns=("table", "severity"))
    counts = told.group_by(["table", "severity"]).aggregate([([], "count_all")])
    for row in counts.to_pylist():
        quarantined.add(row["count_all"], table=row["table"], severity=row["severity"])
    yield quarantined
    held = Metric("journey_held_days", "Days of a table whose last good content stays because a rule failed")
    for table, days in held_days(lake).items():
        held.add(len(days), table=table)
    yield held


def _kpis(lake: Lake, zone: str, now: datetime) -> Iterator[Metric]:
    age = Metric("journey_kpi_age_seconds", "Time since the end of the newest day with values")
    published = Metric("journey_kpi_published_timestamp_seconds", "When values were last brought up to date")
    values = Metric("journey_kpi_values", "Values of the newest day by status")
    for stage in STAGES:
        table = kpis_table(stage)
        states = lake.day_states(table)
        if not states:
            continue
        newest = max(states)
        ended = day_start(newest + timedelta(days=1), ZoneInfo(zone))
        age.add((now - ended).total_seconds(), stage=stage)
        version = lake.version(table)
        commit = None if version is None else lake.commit(table, version)
        if commit is not None:
            published.add(commit.at.timestamp(), stage=stage)
        told = lake.read(table, [newest], columns=("status",))
        for row in told.group_by("status").aggregate([([], "count_all")]).to_pylist():
            values.add(row["count_all"], stage=stage, status=row["status"])
    yield from (age, published, values)
    restated = Metric("journey_kpi_restated_values", "Published values that changed, on the last seven days")
    oldest = (now - timedelta(days=7)).date()
    restated.add(sum(state.rows for day, state in lake.day_states(RESTATEMENTS).items() if day > oldest))
    yield restated


def _pulls(instance: "dg.DagsterInstance", known: Settings) -> Iterator[Metric]:
    import dagster as dg

    calls = Metric("journey_source_api_calls", "Requests that the last pull of a stream took")
    left = Metric("journey_source_api_limit_left", "Requests that the vendor said are left, at the last pull")
    for vendor in known.sources:
        for stream in connector_of(vendor).streams:
            key = dg.AssetKey(archive_of(vendor, stream).key)
            event = instance.get_latest_materialization_event(key)
            told = event.asset_materialization.metadata if event and event.asset_materialization else {}
            for name, metric in ((API_CALLS, calls), (API_LEFT, left)):
                if name in told and isinstance(value := told[name].value, int):
                    metric.add(value, source=f"{vendor}/{stream.name}")
    yield from (calls, left)


def _runs(instance: "dg.DagsterInstance", now: datetime) -> Iterator[Metric]:
    import dagster as dg

    duration = Metric("journey_run_seconds", "How long the last run of a job took that ended well")
    ended = Metric("journey_run_ended_timestamp_seconds", "When the last run of a job ended well")
    recent = Metric("journey_runs", "Runs of the last day by job and status, and those under way")
    counts: dict[tuple[str, str], int] = defaultdict(int)
    jobs: set[str] = set()
    for record in instance.get_run_records(dg.RunsFilter(updated_after=now - _RECENT)):
        run = record.dagster_run
        jobs.add(run.job_name)
        counts[run.job_name, run.status.value.lower()] += 1
    for (job, status), count in counts.items():
        recent.add(count, job=_job(job), status=status)
    for job in jobs:
        wanted = dg.RunsFilter(job_name=job, statuses=[dg.DagsterRunStatus.SUCCESS])
        for record in instance.get_run_records(wanted, limit=1):
            if record.start_time is not None and record.end_time is not None:
                duration.add(record.end_time - record.start_time, job=_job(job))
                ended.add(record.end_time, job=_job(job))
    yield from (duration, ended, recent)


def _job(name: str) -> str:
    """Dagster's own name for what is materialized by hand says little."""
    return "by hand" if name.startswith("__") else name


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
