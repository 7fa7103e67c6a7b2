"""The assets of `kpis`: one per stage of the journey, with the values themselves as plotted metadata."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from connectors.base import StreamKind
from connectors.registry import connector_of
from journey_platform.asking import declared
from journey_platform.code_version import code_version
from journey_platform.defs import checks
from journey_platform.defs.describe import spec, whole_assets
from journey_platform.defs.following import followed
from journey_platform.defs.journeys import WITH_TICKETS
from journey_platform.defs.keeping import keep_days, keep_judged_days, surrounded
from journey_platform.defs.kpi_inputs import inputs_of
from journey_platform.defs.partitions import RANGE_POLICY, days_to_derive
from journey_platform.defs.planning import plan
from journey_platform.defs.platform import Platform
from journey_platform.defs.stand_ins import arrived_everywhere, held_anywhere
from journey_platform.defs.whole import Whole, unless_standing
from journey_platform.history.trace import CODE_MARK
from journey_platform.journeys.segments import memberships, of_people
from journey_platform.kpis.bridges import bridged, variants
from journey_platform.kpis.catalogue import KPIS, STAGES, definitions, of_stage
from journey_platform.kpis.definition import EVERYTHING, Stage
from journey_platform.kpis.parts import parts
from journey_platform.kpis.periods import start_of
from journey_platform.kpis.reasons import reasons
from journey_platform.kpis.values import values
from journey_platform.landing.checkpoint import checkpoint
from journey_platform.landing.ledger import held_days
from journey_platform.quality.suites import suite_of
from journey_platform.sources import archive_of
from journey_platform.tables import (
    BRIDGES,
    IDENTIFIERS_TABLE,
    PROFILES_TABLE,
    TICKET_REASONS,
    TICKETS,
    Table,
    kpis_table,
)


def kpi_assets(sources: Sequence[str], partitions: dg.PartitionsDefinition) -> list[dg.AssetsDefinition]:
    """One asset per stage, and the reasons of tickets week by week where there are tickets."""
    stages = [_stage_asset(stage, sources, partitions) for stage in STAGES]
    return [
        *stages,
        _bridges_asset(sources, partitions),
        *([_reasons_asset()] if WITH_TICKETS & set(sources) else []),
    ]


def _stage_asset(
    stage: Stage, sources: Sequence[str], partitions: dg.PartitionsDefinition
) -> dg.AssetsDefinition:
    table = kpis_table(stage)
    suite = suite_of(table)
    kpis = of_stage(stage)
    inputs = inputs_of(kpis, sources)

    @dg.multi_asset(
        name="__".join(table.key),
        specs=[
            spec(
                table,
                group="kpis",
                deps=list(inputs),
                note="Beside each value: its parts, n, interval, coverage, maturity and definition version.",
                partitions=partitions,
            )
        ],
        check_specs=checks.rule_specs(table, suite),
        partitions_def=partitions,
        backfill_policy=RANGE_POLICY,
    )
    def valued(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:
        lake, today = platform.lake, platform.today()
        segments = of_people(declared(platform.settings).segments)
        stood = arrived_days(platform, sources), _holds(platform, sources)
        revision, people = lake.cursor(IDENTIFIERS_TABLE) or "", lake.content(PROFILES_TABLE)
        asked = {*days_to_derive(context, lake.day_states(table)), *_ripened(platform, table, today)}
        work = plan(
            lake,
            table,
            sorted(asked),
            {read: inputs[read](platform) for read in inputs},
            span=platform.span,
            marks={CODE_MARK: code_version()},
            rules=_rules(stage, segments),
            within=surrounded(
                context,
                platform,
                today,
                revision,
                people,
                *map(_in_words, stood),
                guarded=(table, suite),
            ),
        )
        rows = table.empty()
        if work.days:
            found = parts(
                [kpi for kpi in kpis if kpi.is_fed_by(stood[0])],
                platform.engine,
                days=work.days,
                as_of=today,
                segments=memberships(lake.read(PROFILES_TABLE), segments),
            )
            rows = values(
                stage,
                found,
                days=work.days,
                arrivals=stood[0],
                holds=stood[1],
                as_of=today,
                identity_revision=revision,
            )
        shown = pa.concat_tables([rows, lake.read(table, work.kept)])
        return keep_judged_days(context, platform, (table, suite), rows, work, _plotted(shown))

    return valued


def _bridges_asset(sources: Sequence[str], partitions: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    inputs = inputs_of(variants(), sources)

    @dg.multi_asset(
        name="__".join(BRIDGES.key),
        specs=[
            spec(
                BRIDGES,
                group="kpis",
                deps=list(inputs),
                note="The steps add up: the difference of two variants has no rest.",
                partitions=partitions,
            )
        ],
        partitions_def=partitions,
        backfill_policy=RANGE_POLICY,
    )
    def led(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:
        lake, today = platform.lake, platform.today()
        work = plan(
            lake,
            BRIDGES,
            sorted({*days_to_derive(context, lake.day_states(BRIDGES)), *_unripe(today)}),
            {read: inputs[read](platform) for read in inputs},
            span=platform.span,
            rules=",".join(f"{kpi.name}={kpi.version}" for kpi in variants()),
            within=surrounded(context, platform, today),
        )
        found = BRIDGES.empty()
        if work.days:
            fed = arrived_days(platform, sources)
            found = bridged(platform.engine, days=work.days, as_of=today, fed=fed)
        return keep_days(context, platform, BRIDGES, found, work)

    return led


def _unripe(today: date) -> set[date]:
    """Days whose periods may have got units since whose windows were not over before."""
    windows = {(kpi.maturity_days, period) for kpi in variants() for period in kpi.periods}
    days = {today - timedelta(days=n) for n in range(max(days for days, _ in windows) + 7)}
    return {start_of(day, period) for day in days for _, period in windows}


def _in_words(days: Mapping[str, set[date]]) -> list[tuple[str, list[date]]]:
    return [(name, sorted(of)) for name, of in sorted(days.items())]


def _rules(stage: Stage, segments: Mapping[str, str]) -> str:
    """What the values depend on beside the data: another text, and every day is computed again."""
    named = ",".join(f"segment {name}: {text}" for name, text in sorted(segments.items()))
    return f"{definitions(stage)},{named}" if named else definitions(stage)


def _reasons_asset() -> dg.AssetsDefinition:
    @whole_assets(
        *TICKET_REASONS.key,
        specs=[
            spec(
                TICKET_REASONS,
                group="kpis",
                deps=[TICKETS],
                note="What rises and what is new, with the interval of the change.",
            )
        ],
    )
    @unless_standing(TICKET_REASONS, reads=[TICKETS], more=lambda platform: [platform.today()])
    def told(platform: Platform, whole: Whole) -> Iterator[dg.MaterializeResult]:
        lake, today, first = platform.lake, platform.today(), platform.settings.start_date
        found = reasons(lake.read(TICKETS), first_day=first, today=today)
        latest = found.filter(pc.equal(found["week"], pc.max(found["week"])))
        new, rising = (
            ", ".join(sorted(latest.filter(latest[column])["reason"].to_pylist()))
            for column in ("is_new", "is_rising")
        )
        yield whole.write(TICKET_REASONS, found, {"new_reasons": new, "rising_reasons": rising})

    return told


def _ripened(platform: Platform, table: Table, today: date) -> set[date]:
    """Days with values that were open, and are no longer, or whose sources had not all arrived."""
    stored = platform.lake.read(table, columns=("day", "status", "matures_on"))
    is_ripe = pc.and_(
        pc.equal(stored["status"], "open"), pc.less_equal(stored["matures_on"], pa.scalar(today, pa.date32()))
    )
    is_waiting = pc.is_in(stored["status"], pa.array(["partial", "held", "missing"]))
    return set(stored.filter(pc.or_(is_ripe, is_waiting))["day"].to_pylist())


def _holds(platform: Platform, sources: Sequence[str]) -> dict[str, set[date]]:
    """Per stream of events, the days that the gate holds."""
    held = held_days(platform.lake)
    found = {
        f"{vendor}/{stream.name}": held.get(archive_of(vendor, stream).name, set())
        for vendor in sources
        for stream in connector_of(vendor).streams
        if stream.kind is StreamKind.EVENT
    }
    return held_anywhere(found, sources)


def arrived_days(platform: Platform, sources: Sequence[str]) -> dict[str, set[date]]:
    """Per stream, the local days that arrived, and went on into touchpoints where these are made of it. Of
    current state, the days before it was asked last arrived."""
    lake = platform.lake
    found: dict[str, set[date]] = {}
    for vendor in sources:
        for stream in connector_of(vendor).streams:
            table = archive_of(vendor, stream)
            if stream.kind is StreamKind.EVENT:
                there = set(lake.day_states(table))
                found[f"{vendor}/{stream.name}"] = followed(platform, vendor, stream, there)
                continue
            asked = checkpoint(lake, table)
            last = asked.asked_at.astimezone(ZoneInfo(platform.zone)).date() if asked else date.min
            first = platform.settings.start_date
            there = {first + timedelta(days=n) for n in range((last - first).days if asked else 0)}
            found[f"{vendor}/{stream.name}"] = followed(platform, vendor, stream, there)
    return arrived_everywhere(found, sources)


def _plotted(rows: pa.Table) -> dict[date, dict[str, float | int | str | None]]:
    """Per day the values that are not divided by a dimension, by name, each of its shortest period; and in
    words which are not whole."""
    plotted: dict[date, dict[str, float | int | str | None]] = {}
    wanting: dict[date, list[str]] = {}
    columns = ("day", "kpi", "period", "value", "status", "coverage")
    for row in rows.filter(pc.equal(rows["dimension"], EVERYTHING)).select(columns).to_pylist():
        if row["period"] != KPIS[row["kpi"]].periods[0]:
            continue
        value = row["value"]
        plotted.setdefault(row["day"], {})[row["kpi"]] = None if value is None else round(value, 4)
        if row["status"] in ("partial", "held", "missing"):
            words = f"{row['kpi']} {row['status']} {row['coverage']:.0%}"
            wanting.setdefault(row["day"], []).append(words)
    return {day: {**of, "standing": ", ".join(wanting.get(day, ["whole"]))} for day, of in plotted.items()}
