"""The daily assets of `operations`: how whole each day is, and whether the vendors count as we do."""

from collections import Counter
from collections.abc import Sequence
from datetime import date

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from connectors.base import StreamKind
from connectors.registry import CONNECTORS, connector_of
from journey_platform.defs.describe import asset_key, report_days, spec
from journey_platform.defs.partitions import RANGE_POLICY, days_of
from journey_platform.defs.planning import widen
from journey_platform.defs.platform import Platform
from journey_platform.defs.sources import archive
from journey_platform.landing.current import current_versions
from journey_platform.landing.ledger import held_days, verdicts
from journey_platform.quality import reconciliation
from journey_platform.quality.coverage import Arrived, coverage
from journey_platform.tables import (
    COVERAGE,
    JOURNEY_TOUCHPOINTS,
    MAILINGS,
    PROFILES_TABLE,
    QUARANTINE,
    RECONCILIATION,
    Table,
)

VENDORS_AGREE = "vendors_count_as_we_do"

_SHOWN = 20


def standing_assets(sources: Sequence[str], partitions: dg.PartitionsDefinition) -> list[dg.AssetsDefinition]:
    """Coverage of every stream of events; reconciliation with the vendors that count."""
    streams = [
        (f"{vendor}/{stream.name}", stream.lookback_days, archive(vendor, stream))
        for vendor in sources
        for stream in connector_of(vendor).streams
        if stream.kind is StreamKind.EVENT
    ]

    @dg.multi_asset(
        name="__".join(COVERAGE.key),
        specs=[
            spec(
                COVERAGE,
                group="operations",
                deps=[*(table for _, _, table in streams), JOURNEY_TOUCHPOINTS, PROFILES_TABLE],
                note="Whether a day arrived, whether its lag is over, and which share of it may be used.",
                partitions=partitions,
            )
        ],
        partitions_def=partitions,
        backfill_policy=RANGE_POLICY,
    )
    def covered(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:
        lake, days = platform.lake, days_of(context)
        held, persons = held_days(lake), _persons(platform, days)
        arrived = [
            Arrived(
                source,
                lookback,
                {day: state.rows for day, state in lake.day_states(table).items()},
                verdicts(lake, table, days),
                held.get(table.name, set()),
                persons.get(source, {}),
            )
            for source, lookback, table in streams
        ]
        rows = coverage(arrived, days, as_of=platform.today())
        writes = lake.replace_days(COVERAGE, rows, days, run_id=context.run.run_id, allow_shrink=True)
        return report_days(context, COVERAGE, writes, _told(rows))

    @dg.multi_asset(
        name="__".join(RECONCILIATION.key),
        specs=[
            spec(
                RECONCILIATION,
                group="operations",
                deps=[*(table for _, _, table in streams), *([MAILINGS] if "mailchimp" in sources else [])],
                note="Tolerated: 2 %, or 3; of actions 5 %, or 30. What is in quarantine explains the rest.",
                partitions=partitions,
            )
        ],
        check_specs=[
            dg.AssetCheckSpec(
                VENDORS_AGREE,
                asset=asset_key(RECONCILIATION),
                description="Vendors' own counts of a day or mailing equal ours, but for what is in "
                "quarantine and the stated tolerance.",
            )
        ],
        partitions_def=partitions,
        backfill_policy=RANGE_POLICY,
    )
    def reconciled(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:
        days = days_of(context)
        parts = [RECONCILIATION.empty()]
        if "matomo" in sources:
            parts.append(_visits(platform, days))
        if "mailchimp" in sources:
            parts.append(_mailings(platform, days))
        rows = pa.concat_tables(parts)
        writes = platform.lake.replace_days(
            RECONCILIATION, rows, days, run_id=context.run.run_id, allow_shrink=True
        )
        return report_days(context, RECONCILIATION, writes, check_results=[_agreement(rows)])

    return [covered, reconciled]


def _visits(platform: Platform, days: Sequence[date]) -> pa.Table:
    summaries, visits = (
        archive("matomo", CONNECTORS["matomo"].stream(name)) for name in ("visits_summary", "visits")
    )
    return reconciliation.visits(
        platform.lake.read(summaries, days),
        platform.lake.read(visits, widen(days, before=1)),
        _refused(platform, visits, days),
        days,
        zone=platform.zone,
    )


def _mailings(platform: Platform, days: Sequence[date]) -> pa.Table:
    lake = platform.lake
    reports, activity = (
        archive("mailchimp", CONNECTORS["mailchimp"].stream(name)) for name in ("reports", "email_activity")
    )
    sent = lake.read(MAILINGS, columns=("campaign_id", "day"))
    sent_on = dict(zip(sent["campaign_id"].to_pylist(), sent["day"].to_pylist(), strict=True))
    since = [day for day in lake.day_states(activity) if day >= days[0]]
    return reconciliation.activity(
        current_versions(lake.read(reports)),
        lake.read(activity, since),
        sent_on,
        _refused(platform, activity, since),
        days,
    )


def _refused(platform: Platform, table: Table, days: Sequence[date]) -> dict[date, int]:
    """Different records of a table in quarantine that may not be used, by day."""
    rows = platform.lake.read(QUARANTINE, days, columns=("day", "table", "severity", "record_key"))
    is_unused = pc.is_in(rows["severity"], pa.array(["error", "held"]))
    chosen = rows.filter(pc.and_(pc.equal(rows["table"], table.name), is_unused))
    keys = set(zip(chosen["day"].to_pylist(), chosen["record_key"].to_pylist(), strict=True))
    return Counter(day for day, _ in keys)


def _persons(platform: Platform, days: Sequence[date]) -> dict[str, dict[date, tuple[int, int]]]:
    """By source and day, the profiles whose touchpoints were seen, and those of them that are known."""
    seen = platform.engine.table(JOURNEY_TOUCHPOINTS, days)
    seen = seen.filter(seen.person_key.notnull())
    profiles = platform.engine.table(PROFILES_TABLE).select("person_key", "is_known")
    people = seen.select("day", "vendor", "stream", "person_key").distinct().left_join(profiles, "person_key")
    counted = people.group_by(["day", "vendor", "stream"]).aggregate(
        persons=people.count(), known=people.is_known.fill_null(False).cast("int64").sum()
    )
    found: dict[str, dict[date, tuple[int, int]]] = {}
    for row in platform.engine.arrow(counted).to_pylist():
        of_source = found.setdefault(f"{row['vendor']}/{row['stream']}", {})
        of_source[row["day"]] = (row["persons"], row["known"])
    return found


def _told(rows: pa.Table) -> dict[date, dict[str, float | int | str | None]]:
    """Per day: how many streams are in, and in words what is not."""
    told: dict[date, dict[str, float | int | str | None]] = {}
    by_day: dict[date, list[dict[str, object]]] = {}
    for row in rows.to_pylist():
        by_day.setdefault(row["day"], []).append(row)
    for day, of_day in by_day.items():
        whole = [row for row in of_day if row["status"] in ("ok", "open")]
        share = len(whole) / len(of_day)
        wanting = ", ".join(f"{row['source']} {row['status']}" for row in of_day if row not in whole)
        told[day] = {
            "share_of_streams": round(share, 4),
            "standing": "whole" if share == 1 else f"partial {share:.0%}: {wanting}",
        }
    return told


def _agreement(rows: pa.Table) -> dg.AssetCheckResult:
    wrong = [row for row in rows.to_pylist() if row["unexplained"]]
    shown = [{name: str(value) for name, value in row.items()} for row in wrong[:_SHOWN]]
    return dg.AssetCheckResult(
        asset_key=asset_key(RECONCILIATION),
        check_name=VENDORS_AGREE,
        passed=not wrong,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "figures_compared": rows.num_rows,
            "figures_apart": len(wrong),
            **({"apart": dg.MetadataValue.json(shown)} if shown else {}),
        },
    )
