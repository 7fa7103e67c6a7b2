"""The assets of `journeys`: touchpoints with their person, sessions, mailings, tickets, moods."""

from collections.abc import Iterator, Sequence
from datetime import date
from functools import partial

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from connectors.registry import CONNECTORS
from journey_platform.asking import declared
from journey_platform.defs import checks
from journey_platform.defs.describe import spec, whole_assets
from journey_platform.defs.keeping import keep_days, keep_judged_days, surrounded
from journey_platform.defs.partitions import RANGE_POLICY, days_to_derive
from journey_platform.defs.planning import nothing_by_day, plan, widen, with_neighbours
from journey_platform.defs.platform import Platform
from journey_platform.defs.whole import Whole, unless_standing
from journey_platform.history.trace import HOURS_MARK
from journey_platform.identity.assign import assign
from journey_platform.journeys.sentiment import MODEL, sentiment
from journey_platform.journeys.sessions import CARRY_DAYS, sessions, truncated_chains
from journey_platform.journeys.tickets import tickets, with_working_time
from journey_platform.journeys.topics import Topics
from journey_platform.journeys.working import in_words
from journey_platform.landing.current import current_versions
from journey_platform.landing.refusals import quarantine_refused
from journey_platform.quality.suites import suite_of
from journey_platform.sources import FILES, archive_of
from journey_platform.stewardship.hands import COLUMNS, days_changing_hands
from journey_platform.tables import (
    IDENTIFIERS_TABLE,
    JOURNEY_TOUCHPOINTS,
    MAILINGS,
    SENTIMENT,
    SESSIONS,
    TICKETS,
    Table,
    touchpoints_table,
)
from journey_platform.touchpoints.mailings import mailings

WITH_TICKETS = frozenset({"zendesk", FILES})
WITH_TEXTS = frozenset({"zendesk", "qualtrics", "mastodon", FILES})
"""Sources that may tell of tickets, and of what people wrote."""


def journey_assets(sources: Sequence[str], partitions: dg.PartitionsDefinition) -> list[dg.AssetsDefinition]:
    """Resolved touchpoints, sessions, and the mailings that recipients act on."""
    reports = archive_of("mailchimp", CONNECTORS["mailchimp"].stream("reports"))
    touchpoint_tables = [touchpoints_table(vendor) for vendor in sources]
    guarded = SESSIONS, suite_of(SESSIONS)

    @dg.multi_asset(
        name="journeys__touchpoints",
        specs=[
            spec(
                JOURNEY_TOUCHPOINTS,
                group="journeys",
                deps=[*touchpoint_tables, IDENTIFIERS_TABLE],
                note="A merge or split of profiles rewrites the days in which those people appear.",
                partitions=partitions,
            )
        ],
        partitions_def=partitions,
        backfill_policy=RANGE_POLICY,
    )
    def resolved(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:
        lake = platform.lake

        def reassigned(_: Table, since: int | None) -> set[date]:
            return _days_of_reassigned(platform, sources, since)

        work = plan(
            lake,
            JOURNEY_TOUCHPOINTS,
            days_to_derive(context, lake.day_states(JOURNEY_TOUCHPOINTS)),
            {**dict.fromkeys(touchpoint_tables, with_neighbours(lake)), IDENTIFIERS_TABLE: reassigned},
            span=platform.span,
            within=surrounded(context, platform),
        )
        found = JOURNEY_TOUCHPOINTS.empty()
        if work.days:
            found = assign(
                pa.concat_tables([lake.read(table, work.days) for table in touchpoint_tables]),
                lake.read(IDENTIFIERS_TABLE),
                secret=platform.pseudonym_key(),
                spelling=platform.spelling,
            )
        told = ("day", "person_key")
        rows = [found.select(told), lake.read(JOURNEY_TOUCHPOINTS, work.kept, columns=told)]
        shares = _resolved_share(pa.concat_tables(rows))
        return keep_days(context, platform, JOURNEY_TOUCHPOINTS, found, work, shares)

    @dg.multi_asset(
        name="journeys__sessions",
        specs=[
            spec(
                SESSIONS,
                group="journeys",
                deps=[JOURNEY_TOUCHPOINTS],
                note="30 minutes without an action end a visit; midnight and campaigns do not.",
                partitions=partitions,
            )
        ],
        check_specs=checks.rule_specs(*guarded),
        partitions_def=partitions,
        backfill_policy=RANGE_POLICY,
    )
    def visits(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:
        lake = platform.lake
        around = with_neighbours(lake, before=CARRY_DAYS, after=CARRY_DAYS)
        work = plan(
            lake,
            SESSIONS,
            days_to_derive(context, lake.day_states(SESSIONS)),
            {JOURNEY_TOUCHPOINTS: around},
            span=platform.span,
            within=surrounded(context, platform, guarded=guarded),
        )
        kept = _sessions_on(platform, work.days) if work.days else SESSIONS.empty()
        context.log.info("%d sessions were cut short", truncated_chains(kept, zone=platform.zone))
        return keep_judged_days(context, platform, guarded, kept, work)

    @whole_assets(
        *MAILINGS.key,
        specs=[spec(MAILINGS, group="touchpoints", deps=[reports])],
    )
    @unless_standing(MAILINGS, reads=[reports])
    def sent(platform: Platform, whole: Whole) -> Iterator[dg.MaterializeResult]:
        lake = platform.lake
        work = plan(lake, MAILINGS, (), {reports: nothing_by_day}, span=platform.span)
        mapped = mailings(current_versions(lake.read(reports)), zone=platform.zone)
        quarantine_refused(lake, MAILINGS, mapped.rejected, run_id=whole.run_id)
        yield whole.write(MAILINGS, mapped.rows, cursor=work.cursor)

    return [
        resolved,
        visits,
        *([sent] if "mailchimp" in sources else []),
        *([_tickets_asset()] if WITH_TICKETS & set(sources) else []),
        *([_sentiment_asset(texts, partitions)] if (texts := _texts(sources)) else []),
    ]


def _sessions_on(platform: Platform, days: Sequence[date]) -> pa.Table:
    """The sessions that begin on `days`, told from them and the days around."""
    engine = platform.engine
    read = engine.table(JOURNEY_TOUCHPOINTS, widen(days, before=CARRY_DAYS, after=CARRY_DAYS))
    found = engine.map_persons(
        read, partial(sessions, zone=platform.zone), sort_by=("occurred_at", "touchpoint_id")
    )
    return found.filter(pc.is_in(found["day"], pa.array(days, pa.date32())))


def _tickets_asset() -> dg.AssetsDefinition:
    @whole_assets(
        *TICKETS.key,
        specs=[
            spec(
                TICKETS,
                group="journeys",
                deps=[JOURNEY_TOUCHPOINTS],
                note="A ticket is known from its creation on; of several solutions the last counts. Working "
                "time is by the business_hours of journeys.yaml.",
            )
        ],
    )
    @unless_standing(TICKETS, reads=[JOURNEY_TOUCHPOINTS])
    def asked(platform: Platform, whole: Whole) -> Iterator[dg.MaterializeResult]:
        lake, engine = platform.lake, platform.engine
        hours = declared(platform.settings).business_hours
        read = {JOURNEY_TOUCHPOINTS: nothing_by_day}
        marks = {HOURS_MARK: in_words(hours, platform.zone)}
        work = plan(lake, TICKETS, (), read, span=platform.span, marks=marks)
        found = engine.arrow(tickets(engine.table(JOURNEY_TOUCHPOINTS)))
        timed = with_working_time(found, hours, platform.zone)
        yield whole.write(TICKETS, timed, cursor=work.cursor)

    return asked


def _texts(sources: Sequence[str]) -> list[Table]:
    """The touchpoints that hold what people wrote."""
    return [touchpoints_table(vendor) for vendor in sources if vendor in WITH_TEXTS]


def _sentiment_asset(texts: Sequence[Table], partitions: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name="__".join(SENTIMENT.key),
        specs=[
            spec(
                SENTIMENT,
                group="journeys",
                deps=texts,
                note=f"Model: {MODEL}. What is not English, or cannot be told to be, is unknown.",
                partitions=partitions,
            )
        ],
        partitions_def=partitions,
        backfill_policy=RANGE_POLICY,
    )
    def told(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:
        lake = platform.lake
        changes = dict.fromkeys(texts, with_neighbours(lake))
        asked = days_to_derive(context, lake.day_states(SENTIMENT))
        work = plan(lake, SENTIMENT, asked, changes, span=platform.span, within=surrounded(context, platform))
        written = pa.concat_tables([lake.read(table, work.days) for table in texts])
        topics = Topics(declared(platform.settings).topics)
        moods = sentiment(written, topics) if work.days else SENTIMENT.empty()
        return keep_days(context, platform, SENTIMENT, moods, work)

    return told


def _days_of_reassigned(platform: Platform, sources: Sequence[str], since: int | None) -> set[date]:
    """Days on which touchpoints changed hands since that version of the identifiers."""
    lake = platform.lake
    if since is None or not lake.has_version(IDENTIFIERS_TABLE, since):
        return set(lake.day_states(JOURNEY_TOUCHPOINTS))
    return days_changing_hands(
        lake,
        platform.engine,
        lake.read(IDENTIFIERS_TABLE, columns=COLUMNS, version=since),
        lake.read(IDENTIFIERS_TABLE, columns=COLUMNS),
        sources=sources,
        secret=platform.pseudonym_key(),
        spelling=platform.spelling,
    )


def _resolved_share(rows: pa.Table) -> dict[date, dict[str, float]]:
    """Per day, the share of touchpoints that belong to somebody."""
    counts = rows.group_by("day").aggregate([("person_key", "count"), ([], "count_all")])
    return {
        day: {"share_resolved": round(known / total, 4)}
        for day, known, total in zip(
            *(counts[name].to_pylist() for name in ("day", "person_key_count", "count_all")), strict=True
        )
    }
