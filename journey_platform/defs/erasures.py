"""The asset `customers/erasures`: what was erased from where; and what came back in since, removed again."""

from collections.abc import Sequence

import dagster as dg

from journey_platform.defs.describe import asset_key, spec, whole_assets
from journey_platform.defs.journeys import WITH_TEXTS, WITH_TICKETS
from journey_platform.defs.platform import Platform
from journey_platform.stewardship.erasing import look_again
from journey_platform.stewardship.personal import personal_tables
from journey_platform.tables import (
    DECISIONS,
    ERASURES,
    LINK_REVIEW,
    MATCHED_RECORDS,
    PROBABILISTIC_LINKS,
    SENTIMENT,
    TICKETS,
)


def erasure_assets(
    sources: Sequence[str], *, has_probabilistic_links: bool = False
) -> list[dg.AssetsDefinition]:
    """One asset, after everything that holds rows of persons: the last word of each run."""
    left_out = [
        *([] if has_probabilistic_links else [LINK_REVIEW, MATCHED_RECORDS, PROBABILISTIC_LINKS]),
        *([] if WITH_TICKETS & {*sources} else [TICKETS]),
        *([] if WITH_TEXTS & {*sources} else [SENTIMENT]),
    ]
    of_persons = [
        table
        for table in personal_tables()
        if table not in left_out
        and table.key[0] != "today"
        and (table.key[0] not in ("raw", "touchpoints", "contacts") or table.key[1] in sources)
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
