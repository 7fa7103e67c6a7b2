"""The assets of `kpis`: one per stage of the journey, with the values themselves as plotted metadata."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from functools import partial
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from connectors.base import StreamKind
from connectors.registry import CONNECTORS
from journey_platform.code_version import code_version
from journey_platform.defs import checks
from journey_platform.defs.describe import report_days, spec
from journey_platform.defs.partitions import RANGE_POLICY, days_to_derive
from journey_platform.defs.planning import Touched, changed_days, plan, with_neighbours
from journey_platform.defs.platform import Platform
from journey_platform.defs.sources import archive
from journey_platform.history.trace import CODE_MARK
from journey_platform.kpis import early, late, middle, periods
from journey_platform.kpis.catalogue import EVERYTHING, Stage, definitions
from journey_platform.kpis.values import values
from journey_platform.lake import Lake
from journey_platform.landing.checkpoint import checkpoint
from journey_platform.landing.ledger import gate_of, held_days
from journey_platform.landing.publish import publish
from journey_platform.quality.suites import suite_of
from journey_platform.tables import (
    IDENTIFIERS_TABLE,
    JOURNEY_TOUCHPOINTS,
    MAILINGS,
    PROFILES_TABLE,
    SESSIONS,
    Table,
    kpis_table,
)

if TYPE_CHECKING:
    import ibis.expr.types as ir

# Given the days to value, the parts of a stage.
Parts = Callable[[Platform, Sequence[date]], "ir.Table"]
Inputs = Callable[[Platform], Mapping[Table, Touched]]


def kpi_assets(sources: Sequence[str], partitions: dg.PartitionsDefinition) -> list[dg.AssetsDefinition]:
    """Early, middle and late."""
    mailed = [MAILINGS] if "mailchimp" in sources else []
    asset = partial(_stage_asset, sources=sources, partitions=partitions)
    return [
        asset("early", [SESSIONS, JOURNEY_TOUCHPOINTS, *mailed], _early, _early_inputs),
        asset("middle", [SESSIONS], _middle, _middle_inputs),
        asset("late", [JOURNEY_TOUCHPOINTS, PROFILES_TABLE], _late, _late_inputs),
    ]


def _stage_asset(
    stage: Stage,
    deps: Sequence[Table],
    parts: Parts,
    inputs: Inputs,
    *,
    sources: Sequence[str],
    partitions: dg.PartitionsDefinition,
) -> dg.AssetsDefinition:
    table = kpis_table(stage)
    suite = suite_of(table)

    @dg.multi_asset(
        name="__".join(table.key),
        specs=[
            spec(
                table,
                group="kpis",
                deps=deps,
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
        asked = {*days_to_derive(context, lake.day_states(table)), *_ripened(platform, table, today)}
        work = plan(
            lake,
            table,
            sorted(asked),
            inputs(platform),
            span=platform.span,
            marks={CODE_MARK: code_version()},
            rules=definitions(stage),
        )
        holds = _holds(platform, sources)
        rows = values(
            stage,
            platform.engine.arrow(parts(platform, work.days)),
            days=work.days,
            arrivals=_arrivals(platform, sources),
            holds=holds,
            as_of=today,
            identity_revision=lake.cursor(IDENTIFIERS_TABLE) or "",
        )
        gate = gate_of(lake, table, suite, work.days)
        writes = publish(lake, table, rows, work.days, gate, run_id=context.run.run_id, cursor=work.cursor)
        results = checks.rule_results(table, suite, gate.verdicts)
        return report_days(context, table, writes, _plotted(rows), check_results=results)

    return valued


def _early(platform: Platform, days: Sequence[date]) -> "ir.Table":
    engine = platform.engine
    sent = engine.table(MAILINGS)
    since = [day for day in platform.lake.day_states(JOURNEY_TOUCHPOINTS) if days and day >= days[0]]
    return early.parts(
        engine.table(SESSIONS, days),
        engine.table(JOURNEY_TOUCHPOINTS, since),
        sent.filter(sent.day.isin(list(days))),
    )


def _early_inputs(platform: Platform) -> Mapping[Table, Touched]:
    lake, engine = platform.lake, platform.engine

    def of_touchpoints(table: Table, since: int | None) -> set[date]:
        days = changed_days(lake, table, since)
        sent = early.days_touched(engine.table(table, days), engine.table(MAILINGS))
        return days | set(engine.arrow(sent)["day"].to_pylist())

    def of_mailings(_: Table, since: int | None) -> set[date]:
        known = set() if since is None else _mailings(lake, since)
        return {day for day, *_ in known ^ _mailings(lake)}

    return {
        SESSIONS: with_neighbours(lake),
        JOURNEY_TOUCHPOINTS: of_touchpoints,
        MAILINGS: of_mailings,
    }


def _mailings(lake: Lake, version: int | None = None) -> set[tuple[date, str, int]]:
    columns = ("day", "campaign_id", "delivered")
    rows = lake.read(MAILINGS, columns=columns, version=version)
    return set(zip(*(column.to_pylist() for column in rows.columns), strict=True))


def _middle(platform: Platform, days: Sequence[date]) -> "ir.Table":
    return middle.parts(platform.engine.table(SESSIONS, days))


def _middle_inputs(platform: Platform) -> Mapping[Table, Touched]:
    return {SESSIONS: with_neighbours(platform.lake)}


def _late(platform: Platform, days: Sequence[date]) -> "ir.Table":
    whole_weeks = periods.days_of(periods.periods_touched(days, "week"), "week")
    return late.parts(
        platform.engine.table(JOURNEY_TOUCHPOINTS, whole_weeks), platform.engine.table(PROFILES_TABLE)
    )


def _late_inputs(platform: Platform) -> Mapping[Table, Touched]:
    def weeks(table: Table, since: int | None) -> set[date]:
        return set(periods.periods_touched(changed_days(platform.lake, table, since), "week"))

    def weeks_of_known(table: Table, since: int | None) -> set[date]:
        return set(periods.periods_touched(_days_of_newly_known(platform, table, since), "week"))

    return {JOURNEY_TOUCHPOINTS: weeks, PROFILES_TABLE: weeks_of_known}


def _days_of_newly_known(platform: Platform, table: Table, since: int | None) -> set[date]:
    """Days of people who are known now and were not, or the other way round, since that version."""
    if since is None:
        return set()
    columns = ("person_key", "is_known")
    old, new = (platform.lake.read(table, columns=columns, version=at) for at in (since, None))
    was, now = ({*rows.filter(rows["is_known"])["person_key"].to_pylist()} for rows in (old, new))
    if was == now:
        return set()
    people = platform.engine.memtable(pa.table({"person_key": pa.array(sorted(was ^ now), pa.int64())}))
    seen = platform.engine.table(JOURNEY_TOUCHPOINTS).semi_join(people, "person_key")
    return set(platform.engine.arrow(seen.select("day").distinct())["day"].to_pylist())


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
    return {
        f"{vendor}/{stream.name}": held.get(archive(vendor, stream).name, set())
        for vendor in sources
        for stream in CONNECTORS[vendor].streams
        if stream.kind is StreamKind.EVENT
    }


def _arrivals(platform: Platform, sources: Sequence[str]) -> dict[str, set[date]]:
    """Per stream, the local days that arrived: of current state, those before it was asked last."""
    lake, found = platform.lake, {}
    for vendor in sources:
        for stream in CONNECTORS[vendor].streams:
            table = archive(vendor, stream)
            if stream.kind is StreamKind.EVENT:
                found[f"{vendor}/{stream.name}"] = set(lake.day_states(table))
                continue
            asked = checkpoint(lake, table)
            last = asked.asked_at.astimezone(ZoneInfo(platform.zone)).date() if asked else date.min
            first = platform.settings.start_date
            found[f"{vendor}/{stream.name}"] = {
                first + timedelta(days=n) for n in range((last - first).days if asked else 0)
            }
    return found


def _plotted(rows: pa.Table) -> dict[date, dict[str, float | int | str | None]]:
    """Per day the values that are not divided by a dimension, by name."""
    plotted: dict[date, dict[str, float | int | str | None]] = {}
    for row in rows.filter(pc.equal(rows["dimension"], EVERYTHING)).to_pylist():
        value = row["value"]
        plotted.setdefault(row["day"], {})[row["kpi"]] = None if value is None else round(value, 4)
    return plotted
