"""The asset `operations/data_docs`: the suites and what they last said, as Great Expectations' own site."""

from collections.abc import Sequence
from pathlib import Path

import dagster as dg
import pyarrow as pa

from connectors.registry import connector_of
from journey_platform.defs.describe import asset_key, whole_assets
from journey_platform.defs.platform import Platform
from journey_platform.kpis.catalogue import STAGES
from journey_platform.quality.data_docs import SHOWN, build_site
from journey_platform.quality.suites import suite_of
from journey_platform.sources import archive_of
from journey_platform.tables import (
    GATE_VERDICTS,
    PROFILES_TABLE,
    REFERENCES,
    SESSIONS,
    Table,
    kpis_table,
    touchpoints_table,
)

_KEY = dg.AssetKey(["operations", "data_docs"])


def data_docs_asset(sources: Sequence[str]) -> dg.AssetsDefinition:
    """The site of all suites of the enabled sources and of our own tables, built after those."""
    guarded = _guarded(sources)
    suites = {table.name: suite_of(table) for table in guarded}
    deps = [asset_key(table) for table in (*guarded, REFERENCES)]

    @whole_assets(
        *_KEY.path,
        specs=[
            dg.AssetSpec(
                _KEY,
                deps=deps,
                description="Great Expectations' site of all suites and their latest results: counts only.",
                group_name="operations",
                kinds={"html"},
            )
        ],
    )
    def data_docs(platform: Platform) -> dg.MaterializeResult:
        verdicts = pa.concat_tables(
            [platform.lake.read(t, columns=SHOWN) for t in (GATE_VERDICTS, REFERENCES)]
        )
        first_page = build_site(suites, verdicts, Path(platform.settings.data_docs))
        address = platform.settings.data_docs_url
        return dg.MaterializeResult(
            asset_key=_KEY,
            metadata={
                "site": dg.MetadataValue.url(f"{address.rstrip('/')}/index.html")
                if address
                else dg.MetadataValue.path(first_page),
                "suites": len(suites),
                "rules": sum(len(suite.rules) + len(suite.day_rules) for suite in suites.values()),
            },
        )

    return data_docs


def _guarded(sources: Sequence[str]) -> list[Table]:
    return [
        *(archive_of(vendor, stream) for vendor in sources for stream in connector_of(vendor).streams),
        *(touchpoints_table(vendor) for vendor in sources),
        PROFILES_TABLE,
        SESSIONS,
        *(kpis_table(stage) for stage in STAGES),
    ]
