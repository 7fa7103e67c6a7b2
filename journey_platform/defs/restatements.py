"""The asset `kpis/restatements`: every change of a published value, with its causes, and the alarm."""

from collections import Counter
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from journey_platform.defs.describe import asset_key, spec, whole_assets
from journey_platform.defs.platform import Platform
from journey_platform.history.causes import spans
from journey_platform.history.restating import keep_up
from journey_platform.kpis.catalogue import STAGES
from journey_platform.lake import Lake
from journey_platform.tables import RESTATEMENTS, kpis_table

MATURE_STAND = "mature_values_stand"
_SHOWN = 50


def restatement_assets() -> list[dg.AssetsDefinition]:
    """One asset with its check."""

    @whole_assets(
        *RESTATEMENTS.key,
        specs=[
            spec(
                RESTATEMENTS,
                group="kpis",
                deps=[kpis_table(stage) for stage in STAGES],
                note="What was published and reads otherwise now: when, by how much, and what caused it. "
                "Rows are only added.",
            )
        ],
        check_specs=[
            dg.AssetCheckSpec(
                MATURE_STAND,
                asset=asset_key(RESTATEMENTS),
                description="This run changed no value that was said to change no more. One that a backfill "
                "or a correction was to change fails here too: the causes say whether it was meant.",
            )
        ],
    )
    def restated(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:
        added = keep_up(platform.lake, run_id=context.run.run_id, zone=platform.zone)
        mature = added.filter(added["is_mature"])
        counts = Counter(cause["kind"] for row in mature.to_pylist() for cause in row["causes"])
        return dg.MaterializeResult(
            asset_key=asset_key(RESTATEMENTS),
            metadata=told_of(platform.lake, added),
            check_results=[
                dg.AssetCheckResult(
                    asset_key=asset_key(RESTATEMENTS),
                    check_name=MATURE_STAND,
                    passed=not mature.num_rows,
                    severity=dg.AssetCheckSeverity.WARN,
                    metadata={
                        "values_restated": mature.num_rows,
                        **{f"because_of_{kind}": n for kind, n in sorted(counts.items())},
                    },
                )
            ],
        )

    return [restated]


def told_of(lake: Lake, added: pa.Table) -> dict[str, dg.MetadataValue | int]:
    """What stands beside the asset after rows were added to it."""
    return {
        "dagster/row_count": sum(state.rows for state in lake.day_states(RESTATEMENTS).values()),
        "restated": added.num_rows,
        "restated_mature": added.filter(added["is_mature"]).num_rows,
        **(
            {"kpis": dg.MetadataValue.table(_by_kpi(added)), "values": dg.MetadataValue.table(_shown(added))}
            if added.num_rows
            else {}
        ),
    }


def _by_kpi(added: pa.Table) -> list[dg.TableRecord]:
    """All of it in a few lines: which KPI on which days, and because of what."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in added.to_pylist():
        found.setdefault((row["kpi"], row["period"]), []).append(row)
    return [
        dg.TableRecord(
            {
                "kpi": kpi,
                "period": period,
                "values": len(rows),
                "mature": sum(row["is_mature"] for row in rows),
                "because_of": "; ".join(
                    sorted({f"{cause['kind']} {cause['name']}" for row in rows for cause in row["causes"]})
                ),
                "days": spans({row["value_day"] for row in rows}),
            }
        )
        for (kpi, period), rows in sorted(found.items())
    ]


def _shown(added: pa.Table) -> list[dg.TableRecord]:
    """The mature ones first, then by day."""
    order = pc.sort_indices(
        added, sort_keys=[("is_mature", "descending"), ("value_day", "ascending"), ("kpi", "ascending")]
    )
    return [
        dg.TableRecord(
            {
                "kpi": row["kpi"],
                "period": row["period"],
                "day": str(row["value_day"]),
                "of": f"{row['dimension']}={row['dimension_value']}",
                "old": _number(row["old_value"]),
                "new": _number(row["new_value"]),
                "change": _number(row["change"]),
                "outside_its_interval": str(row["is_significant"]),
                "was_mature": str(row["is_mature"]),
                "because_of": "; ".join(f"{cause['kind']} {cause['name']}" for cause in row["causes"]),
            }
        )
        for row in added.take(order).slice(0, _SHOWN).to_pylist()
    ]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"
