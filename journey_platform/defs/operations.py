"""The assets of `operations`: what a team looks at when something is wrong."""

from collections.abc import Sequence

import dagster as dg

from journey_platform.defs.describe import asset_key, spec, whole_step
from journey_platform.defs.partitions import RANGE_POLICY
from journey_platform.defs.platform import Platform
from journey_platform.tables import QUARANTINE, touchpoints_table

_SHOWN_REASONS = 50


def operations_assets(sources: Sequence[str]) -> list[dg.AssetsDefinition]:
    """The quarantine, counted by table and reason. The rows are put there where they are refused."""

    @dg.multi_asset(
        name=whole_step(*QUARANTINE.key),
        backfill_policy=RANGE_POLICY,
        specs=[
            spec(
                QUARANTINE,
                group="operations",
                deps=[touchpoints_table(vendor) for vendor in sources],
                note="Kept whole, with the reason. Severity excluded: a sound row that must not be counted.",
            )
        ],
    )
    def quarantine(platform: Platform) -> dg.MaterializeResult:
        held = platform.engine.table(QUARANTINE)
        counted = held.group_by(["severity", "table", "reason"]).aggregate(rows=held.count())
        counts = platform.engine.arrow(counted.order_by(["severity", "table", "reason"])).to_pylist()
        records = [
            dg.TableRecord({name: entry[name] for name in ("severity", "table", "reason", "rows")})
            for entry in sorted(counts, key=lambda entry: -entry["rows"])[:_SHOWN_REASONS]
        ]
        by_severity = {
            f"rows_{severity}": sum(e["rows"] for e in counts if e["severity"] == severity)
            for severity in sorted({entry["severity"] for entry in counts})
        }
        return dg.MaterializeResult(
            asset_key=asset_key(QUARANTINE),
            metadata={
                "dagster/row_count": sum(entry["rows"] for entry in counts),
                **by_severity,
                **({"by_reason": dg.MetadataValue.table(records)} if records else {}),
            },
        )

    return [quarantine]
