"""The asset of organisations, where a help desk that keeps them is enabled."""

from collections.abc import Iterator, Sequence

import dagster as dg

from journey_platform.defs.describe import spec, whole_assets
from journey_platform.defs.platform import Platform
from journey_platform.defs.whole import Whole, unless_standing
from journey_platform.landing.current import current_versions
from journey_platform.landing.refusals import quarantine_refused
from journey_platform.sources import archive_of, connector_of
from journey_platform.tables import ORGANIZATIONS
from journey_platform.touchpoints.organizations import organizations

_VENDOR, _STREAM = "zendesk", "organizations"


def keeps_organizations(sources: Sequence[str]) -> bool:
    """Whether an enabled source keeps organisations."""
    return _VENDOR in sources


def organization_assets(sources: Sequence[str]) -> list[dg.AssetsDefinition]:
    """One asset, or none."""
    if not keeps_organizations(sources):
        return []
    archive = archive_of(_VENDOR, connector_of(_VENDOR).stream(_STREAM))

    @whole_assets(
        *ORGANIZATIONS.key,
        specs=[
            spec(
                ORGANIZATIONS,
                group="customers",
                deps=[archive],
                kinds=(_VENDOR, "deltalake"),
                note="Whom agents put together, and the mail domains that they declared.",
            )
        ],
    )
    @unless_standing(ORGANIZATIONS, reads=[archive])
    def kept(platform: Platform, whole: Whole) -> Iterator[dg.MaterializeResult]:
        lake = platform.lake
        mapped = organizations(current_versions(lake.read(archive)))
        quarantine_refused(lake, ORGANIZATIONS, mapped.rejected, run_id=whole.run_id)
        yield whole.write(ORGANIZATIONS, mapped.rows)

    return [kept]
