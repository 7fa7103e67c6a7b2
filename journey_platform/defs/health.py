"""The asset `customers/identity_health`: the identity graph in numbers, one day a run, and the alarm."""

from datetime import timedelta

import dagster as dg

from journey_platform.defs.describe import asset_key, spec, whole_assets
from journey_platform.defs.platform import Platform
from journey_platform.identity.health import giant, health
from journey_platform.tables import IDENTIFIERS_TABLE, IDENTITY_HEALTH, JOURNEY_TOUCHPOINTS, LINKS_TABLE

NO_GIANT = "no_sudden_giant"
_DAYS_COMPARED = 28


def health_assets() -> list[dg.AssetsDefinition]:
    """One asset with its check."""

    @whole_assets(
        *IDENTITY_HEALTH.key,
        specs=[
            spec(
                IDENTITY_HEALTH,
                group="customers",
                deps=[IDENTIFIERS_TABLE, LINKS_TABLE, JOURNEY_TOUCHPOINTS],
                note="Each run writes its day. Plotted over runs; every number is also in the metadata.",
            )
        ],
        check_specs=[
            dg.AssetCheckSpec(
                NO_GIANT,
                asset=asset_key(IDENTITY_HEALTH),
                description=f"The largest profile is below ten times the median of {_DAYS_COMPARED} days: a "
                "placeholder that nobody listed, or a limit that is missing, shows here first.",
            )
        ],
    )
    def watched(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:
        lake, today = platform.lake, platform.today()
        touchpoints = platform.engine.table(JOURNEY_TOUCHPOINTS)
        counted = touchpoints.group_by("vendor").aggregate(
            total=touchpoints.count(), resolved=touchpoints.person_key.count()
        )
        rows = health(
            lake.read(IDENTIFIERS_TABLE, columns=("identifier_key", "kind", "status", "person_key")),
            lake.read(LINKS_TABLE, columns=("rule", "is_accepted", "reason")),
            {
                row["vendor"]: (row["total"], row["resolved"])
                for row in platform.engine.arrow(counted).to_pylist()
            },
            day=today,
        )
        days = [today - timedelta(days=n + 1) for n in range(_DAYS_COMPARED)]
        wrong = giant(rows, lake.read(IDENTITY_HEALTH, days))
        lake.replace_days(IDENTITY_HEALTH, rows, [today], run_id=context.run.run_id, allow_shrink=True)
        named = {f"{row['metric']}/{row['of']}": row["value"] for row in rows.to_pylist()}
        return dg.MaterializeResult(
            asset_key=asset_key(IDENTITY_HEALTH),
            metadata={"dagster/row_count": rows.num_rows, **named},
            check_results=[
                dg.AssetCheckResult(
                    asset_key=asset_key(IDENTITY_HEALTH),
                    check_name=NO_GIANT,
                    passed=wrong is None,
                    severity=dg.AssetCheckSeverity.ERROR,
                    metadata={"reason": wrong} if wrong else {},
                )
            ],
        )

    return [watched]
