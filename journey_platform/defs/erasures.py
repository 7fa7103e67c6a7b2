"""The asset `customers/erasures`: what was erased from where; and what came back in since, removed again."""

from collections.abc import Sequence

import dagster as dg

from journey_platform.defs.describe import asset_key, spec, whole_assets
from journey_platform.defs.platform import Platform
from journey_platform.stewardship.erasing import look_again
from journey_platform.stewardship.inputs import contact_tables, touchpoint_tables
from journey_platform.tables import (
    DECISIONS,
    ERASURES,
    IDENTIFIERS_TABLE,
    JOURNEY_TOUCHPOINTS,
    PROFILES_TABLE,
    QUARANTINE,
    SESSIONS,
)


def erasure_assets(sources: Sequence[str]) -> list[dg.AssetsDefinition]:
    """One asset, after everything that holds rows of persons."""
    of_persons = [
        *touchpoint_tables(sources),
        *contact_tables(sources),
        *(IDENTIFIERS_TABLE, PROFILES_TABLE, JOURNEY_TOUCHPOINTS, SESSIONS, QUARANTINE),
    ]

    @whole_assets(
        *ERASURES.key,
        specs=[
            spec(
                ERASURES,
                group="customers",
                deps=[DECISIONS, *of_persons],
                note="Written by `journey identity erase`. Each run finishes what was cut short, and removes "
                "what a pull that was under way, or a copy that was put back, brought in again.",
            )
        ],
    )
    def erasures(platform: Platform) -> dg.MaterializeResult:
        lake = platform.lake
        again = look_again(lake, platform.settings, secret=platform.pseudonym_key(), now=platform.now())
        rows = lake.read(ERASURES)
        return dg.MaterializeResult(
            asset_key=asset_key(ERASURES),
            metadata={
                "dagster/row_count": rows.num_rows,
                "erasures": len(set(rows["decision_id"].to_pylist())),
                "carried_out_in_this_run": len(again),
            },
        )

    return [erasures]
