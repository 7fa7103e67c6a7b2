"""The asset `operations/canaries`: customers with known answers, and whether the answers came out."""

import dagster as dg

from journey_platform.canaries import fly
from journey_platform.defs.describe import asset_key, spec, whole_assets
from journey_platform.defs.platform import Platform
from journey_platform.tables import CANARIES

AS_KNOWN = "canaries_come_out_as_known"


def canaries_asset() -> dg.AssetsDefinition:
    """One asset with its check. It is there where JOURNEY_CANARIES is on."""

    @whole_assets(
        *CANARIES.key,
        specs=[
            spec(
                CANARIES,
                group="operations",
                note="Customers who do not exist, sent through the installed connectors, identity and KPIs "
                "in a lake of their own: they are in no table, profile or KPI that anybody sees.",
            )
        ],
        check_specs=[
            dg.AssetCheckSpec(
                AS_KNOWN,
                asset=asset_key(CANARIES),
                description="Every KPI of the canaries, and who is who among them, is what it is known to "
                "be. What differs is named: a connector, a rule or a definition does other than it did.",
            )
        ],
    )
    def flown(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:
        settings = platform.settings
        found = fly(settings.sources, zone=settings.zone)
        platform.lake.replace_all(CANARIES, found.rows, run_id=context.run.run_id)
        metadata: dict[str, int | str | dg.MetadataValue] = {
            "answers": found.rows.num_rows,
            "values_compared": sum(found.rows["compared"].to_pylist()),
            **({"differing": dg.MetadataValue.json(found.differing)} if found.differing else {}),
            **({"trouble": found.trouble} if found.trouble else {}),
        }
        return dg.MaterializeResult(
            asset_key=asset_key(CANARIES),
            metadata={
                "dagster/row_count": found.rows.num_rows,
                "customers_excluded_as_test": found.customers,
            },
            check_results=[
                dg.AssetCheckResult(
                    asset_key=asset_key(CANARIES),
                    check_name=AS_KNOWN,
                    passed=not found.trouble and not found.differing,
                    metadata=metadata,
                )
            ],
        )

    return flown
