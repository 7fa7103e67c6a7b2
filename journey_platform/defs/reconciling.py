"""The asset `operations/reconciliation`: is every record accounted for, and do the vendors count as we do."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from connectors.base import StreamKind
from connectors.registry import connector_of
from journey_platform.defs.describe import asset_key, report_days, spec
from journey_platform.defs.partitions import RANGE_POLICY, days_of
from journey_platform.defs.planning import widen
from journey_platform.defs.platform import Platform
from journey_platform.lake import Lake
from journey_platform.landing.current import current_versions
from journey_platform.landing.ledger import Received, held_days, received
from journey_platform.quality import reconciliation
from journey_platform.quality.reconciliation import Gone
from journey_platform.quality.verdict import ERROR, HELD
from journey_platform.sources import archive_of
from journey_platform.tables import GATE_VERDICTS, MAILINGS, QUARANTINE, RECONCILIATION, Table

ALL_ACCOUNTED = "every_record_accounted_for"
VENDORS_AGREE = "vendors_count_as_we_do"

_SHOWN = 20


def reconciliation_asset(sources: Sequence[str], partitions: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    """Every stream of events with itself, and with the vendors' own counts where they have some."""
    events = [
        (f"{vendor}/{stream.name}", archive_of(vendor, stream))
        for vendor in sources
        for stream in connector_of(vendor).streams
        if stream.kind is StreamKind.EVENT
    ]
    current = [
        _archive(name) for name in ("mailchimp/reports", "zendesk/tickets") if _vendor(name) in sources
    ]

    @dg.multi_asset(
        name="__".join(RECONCILIATION.key),
        specs=[
            spec(
                RECONCILIATION,
                group="operations",
                deps=[
                    *(table for _, table in events),
                    *current,
                    *([MAILINGS] if "mailchimp" in sources else []),
                ],
                note="Records are exact. Of vendors' counts 2 %, or 3, are tolerated; of actions 5 %, or 30. "
                "What is in quarantine, and what came twice, explains the rest.",
                partitions=partitions,
            )
        ],
        check_specs=[
            dg.AssetCheckSpec(
                ALL_ACCOUNTED,
                asset=asset_key(RECONCILIATION),
                description="What the last pull of each day received is in the table, in quarantine, or a "
                "repeat.",
            ),
            dg.AssetCheckSpec(
                VENDORS_AGREE,
                asset=asset_key(RECONCILIATION),
                description="Vendors' own counts of a day or mailing equal ours, but for what is in "
                "quarantine, what came twice, and the stated tolerance.",
            ),
        ],
        partitions_def=partitions,
        backfill_policy=RANGE_POLICY,
    )
    def reconciled(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:
        lake, days = platform.lake, days_of(context)
        told = _Told.since(lake, days[0])
        held = held_days(lake)
        parts = [RECONCILIATION.empty()]
        for source, table in events:
            stored = {
                day: state.rows
                for day, state in lake.day_states(table).items()
                if day not in held.get(table.name, ())
            }
            parts.append(reconciliation.records(source, told.received(table, days), stored, told.gone(table)))
        if "matomo" in sources:
            parts.append(_visits(platform, days, told))
        if "mailchimp" in sources:
            parts.append(_mailings(lake, days, told))
        if "zendesk" in sources:
            parts.append(_tickets(lake, days))
        rows = pa.concat_tables(parts)
        writes = lake.replace_days(RECONCILIATION, rows, days, run_id=context.run.run_id, allow_shrink=True)
        is_records = pc.equal(rows["measure"], reconciliation.RECORDS)
        results = [
            _agreement(ALL_ACCOUNTED, rows.filter(is_records), dg.AssetCheckSeverity.ERROR),
            _agreement(VENDORS_AGREE, rows.filter(pc.invert(is_records)), dg.AssetCheckSeverity.WARN),
        ]
        return report_days(context, RECONCILIATION, writes, check_results=results)

    return reconciled


@dataclass(frozen=True)
class _Told:
    """By raw table and day: what its last pull brought, and how many records of it are in quarantine."""

    brought: Mapping[tuple[str, date], Received]
    refused: Mapping[tuple[str, date], int]

    @classmethod
    def since(cls, lake: Lake, first: date) -> "_Told":
        days = [day for day in lake.day_states(GATE_VERDICTS) if day >= first]
        rows = _refused(lake, days, ("day", "table", "record_key"))
        records = set(zip(*(column.to_pylist() for column in rows.columns), strict=True))
        return cls(received(lake, days), Counter((table, day) for day, table, _ in records))

    def received(self, table: Table, days: Sequence[date]) -> dict[date, int]:
        return {
            day: self.brought[table.name, day].records for day in days if (table.name, day) in self.brought
        }

    def gone(self, table: Table) -> Gone:
        brought = {day: of for (name, day), of in self.brought.items() if name == table.name}
        refused = {day: count for (name, day), count in self.refused.items() if name == table.name}
        return Gone(
            {
                day: refused.get(day, 0) + (brought[day].undated if day in brought else 0)
                for day in {*refused, *brought}
            },
            {day: of.duplicates for day, of in brought.items()},
            {day: of.erased for day, of in brought.items()},
        )


def _refused(lake: Lake, days: Sequence[date] | None, columns: Sequence[str]) -> pa.Table:
    """Rows of the quarantine that may not be used."""
    rows = lake.read(QUARANTINE, days, columns=(*columns, "severity"))
    return rows.filter(pc.is_in(rows["severity"], pa.array([ERROR, HELD]))).select(columns)


def _visits(platform: Platform, days: Sequence[date], told: _Told) -> pa.Table:
    lake = platform.lake
    summaries, visits = _archive("matomo/visits_summary"), _archive("matomo/visits")
    return reconciliation.visits(
        lake.read(summaries, days),
        lake.read(visits, widen(days, before=1)),
        told.gone(visits),
        lake.day_states(summaries).keys() & lake.day_states(visits).keys() & set(days),
        zone=platform.zone,
    )


def _mailings(lake: Lake, days: Sequence[date], told: _Told) -> pa.Table:
    activity = _archive("mailchimp/email_activity")
    sent = lake.read(MAILINGS, columns=("campaign_id", "day"))
    return reconciliation.activity(
        current_versions(lake.read(_archive("mailchimp/reports"))),
        lake.read(activity, [day for day in lake.day_states(activity) if day >= days[0]]),
        dict(zip(sent["campaign_id"].to_pylist(), sent["day"].to_pylist(), strict=True)),
        told.gone(activity),
        days,
    )


def _tickets(lake: Lake, days: Sequence[date]) -> pa.Table:
    counts, tickets = _archive("zendesk/ticket_counts"), _archive("zendesk/tickets")
    refused = _refused(lake, None, ("table", "body"))
    return reconciliation.tickets(
        lake.read(counts, days),
        current_versions(lake.read(tickets)),
        sorted(set(refused.filter(pc.equal(refused["table"], tickets.name))["body"].to_pylist())),
        set(days),
    )


def _archive(source: str) -> Table:
    vendor, _, stream = source.partition("/")
    return archive_of(vendor, connector_of(vendor).stream(stream))


def _vendor(source: str) -> str:
    return source.partition("/")[0]


def _agreement(name: str, rows: pa.Table, severity: dg.AssetCheckSeverity) -> dg.AssetCheckResult:
    wrong = rows.filter(pc.not_equal(rows["unexplained"], 0)).to_pylist()
    shown = [{name: str(value) for name, value in row.items()} for row in wrong[:_SHOWN]]
    return dg.AssetCheckResult(
        asset_key=asset_key(RECONCILIATION),
        check_name=name,
        passed=not wrong,
        severity=severity,
        metadata={
            "figures_compared": rows.num_rows,
            "figures_apart": len(wrong),
            **({"apart": dg.MetadataValue.json(shown)} if shown else {}),
        },
    )
