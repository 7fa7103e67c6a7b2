"""The assets of `operations`: what a team looks at when something is wrong.

Their rows are written where things happen, by pulls and computations; here they are counted and shown.
"""

from collections import Counter
from collections.abc import Sequence

import dagster as dg
import pyarrow.compute as pc

from journey_platform.defs.describe import asset_key, spec, whole_assets
from journey_platform.defs.platform import Platform
from journey_platform.kpis.catalogue import STAGES
from journey_platform.landing.ledger import held_days
from journey_platform.quality.masking import masked
from journey_platform.tables import GATE_VERDICTS, QUARANTINE, REFERENCES, kpis_table, touchpoints_table

NO_DAY_HELD = "no_day_is_held"

_SHOWN = 50


def operations_assets(sources: Sequence[str]) -> list[dg.AssetsDefinition]:
    """The quarantine and the gate's verdicts."""
    touchpoint_tables = [touchpoints_table(vendor) for vendor in sources]
    stages = [kpis_table(stage) for stage in STAGES]

    @whole_assets(
        *QUARANTINE.key,
        specs=[
            spec(
                QUARANTINE,
                group="operations",
                deps=[*touchpoint_tables, REFERENCES],
                note="Kept whole, with the reason. Severity excluded: a sound row that must not be counted. "
                "`journey quarantine replay`, or the job replay, takes rows through the gate again.",
            )
        ],
    )
    def quarantine(platform: Platform) -> dg.MaterializeResult:
        held = platform.engine.table(QUARANTINE)
        grouped = held.group_by(["severity", "table", "reason", "field"]).aggregate(
            rows=held.count(), days=held.day.nunique(), first_day=held.day.min(), sample=held.body.min()
        )
        counts = platform.engine.arrow(grouped).to_pylist()
        counts.sort(key=lambda entry: (-entry["rows"], entry["table"], entry["reason"], entry["field"]))
        records = [
            dg.TableRecord(
                {
                    **{
                        name: entry[name] for name in ("severity", "table", "reason", "field", "rows", "days")
                    },
                    "first_day": str(entry["first_day"]),
                    "sample": masked(entry["sample"]),
                }
            )
            for entry in counts[:_SHOWN]
        ]
        by_severity = Counter[str]()
        for entry in counts:
            by_severity[f"rows_{entry['severity']}"] += entry["rows"]
        return dg.MaterializeResult(
            asset_key=asset_key(QUARANTINE),
            metadata={
                "dagster/row_count": by_severity.total(),
                **by_severity,
                **({"by_reason": dg.MetadataValue.table(records)} if records else {}),
            },
        )

    @whole_assets(
        *GATE_VERDICTS.key,
        specs=[
            spec(
                GATE_VERDICTS,
                group="operations",
                deps=[*touchpoint_tables, *stages],
                note="Judged again only where the rows or the rules changed.",
            )
        ],
        check_specs=[
            dg.AssetCheckSpec(
                NO_DAY_HELD,
                asset=asset_key(GATE_VERDICTS),
                description="No day of any table is held now, whichever run held it. To publish one: fix its "
                "source and backfill it, or look at it and replay it with --accept.",
            )
        ],
    )
    def verdicts(platform: Platform) -> dg.MaterializeResult:
        told = platform.engine.table(GATE_VERDICTS)
        counts = {
            f"verdicts_{entry['verdict']}": entry["rows"]
            for entry in platform.engine.arrow(
                told.group_by("verdict").aggregate(rows=told.count())
            ).to_pylist()
        }
        held = held_days(platform.lake)
        days = sorted({day for of_table in held.values() for day in of_table})
        rows = platform.lake.read(GATE_VERDICTS, days).filter
        listed = rows(pc.field("verdict") == "held").to_pylist()
        shown = [
            {
                "day": str(row["day"]),
                "table": row["table"],
                "rule": row["rule"],
                "observed": (row["observed"] or row["error"] or "")[:200],
            }
            for row in listed[:_SHOWN]
        ]
        return dg.MaterializeResult(
            asset_key=asset_key(GATE_VERDICTS),
            metadata={"dagster/row_count": sum(counts.values()), "days_held": len(listed), **counts},
            check_results=[
                dg.AssetCheckResult(
                    asset_key=asset_key(GATE_VERDICTS),
                    check_name=NO_DAY_HELD,
                    passed=not listed,
                    metadata={
                        "days_held": len(listed),
                        **({"held": dg.MetadataValue.json(shown)} if shown else {}),
                    },
                )
            ],
        )

    return [quarantine, verdicts]
