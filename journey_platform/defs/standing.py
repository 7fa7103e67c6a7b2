"""The asset `operations/coverage`: how whole each day is."""

from collections.abc import Sequence
from datetime import date

import dagster as dg
import pyarrow as pa

from connectors.base import StreamKind
from connectors.registry import connector_of
from journey_platform.defs.describe import report_days, spec
from journey_platform.defs.partitions import RANGE_POLICY, days_of
from journey_platform.defs.platform import Platform
from journey_platform.landing.ledger import held_days, verdicts_of
from journey_platform.quality.coverage import Arrived, coverage
from journey_platform.sources import archive_of
from journey_platform.tables import COVERAGE, JOURNEY_TOUCHPOINTS, PROFILES_TABLE


def coverage_asset(sources: Sequence[str], partitions: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    """Coverage of every stream of events."""
    streams = [
        (f"{vendor}/{stream.name}", stream.lookback_days, archive_of(vendor, stream))
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
        said = verdicts_of(lake, [table for _, _, table in streams], days)
        arrived = [
            Arrived(
                source,
                lookback,
                {day: state.rows for day, state in lake.day_states(table).items()},
                said[table.name],
                held.get(table.name, set()),
                persons.get(source, {}),
            )
            for source, lookback, table in streams
        ]
        rows = coverage(arrived, days, as_of=platform.today())
        writes = lake.replace_days(COVERAGE, rows, days, run_id=context.run.run_id, allow_shrink=True)
        return report_days(context, COVERAGE, writes, _told(rows))

    return covered


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
