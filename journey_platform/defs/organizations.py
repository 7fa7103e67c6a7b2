"""The assets of organisations and who is in them, where a help desk that keeps them is enabled."""

from collections.abc import Iterator, Sequence

import dagster as dg

from journey_platform.defs.describe import spec, whole_assets
from journey_platform.defs.platform import Platform
from journey_platform.defs.whole import Whole, unless_standing
from journey_platform.landing.current import current_versions
from journey_platform.landing.refusals import quarantine_refused
from journey_platform.sources import archive_of, connector_of
from journey_platform.tables import ORGANIZATION_MEMBERS, ORGANIZATIONS
from journey_platform.touchpoints.organizations import organization_members, organizations

_VENDOR = "zendesk"


def keeps_organizations(sources: Sequence[str]) -> bool:
    """Whether an enabled source keeps organisations."""
    return _VENDOR in sources


def organization_assets(sources: Sequence[str]) -> list[dg.AssetsDefinition]:
    """Two tables of one step, or none."""
    if not keeps_organizations(sources):
        return []
    bodies, memberships, users = (
        archive_of(_VENDOR, connector_of(_VENDOR).stream(name))
        for name in ("organizations", "organization_memberships", "users")
    )

    @whole_assets(
        *ORGANIZATIONS.key,
        specs=[
            spec(
                ORGANIZATIONS,
                group="customers",
                deps=[bodies],
                kinds=(_VENDOR, "deltalake"),
                note="Whom agents put together, and the mail domains that they declared.",
            ),
            spec(
                ORGANIZATION_MEMBERS,
                group="customers",
                deps=[memberships, users],
                kinds=(_VENDOR, "deltalake"),
                note="All organisations of each user: a consultant is in several.",
            ),
        ],
    )
    @unless_standing(ORGANIZATIONS, ORGANIZATION_MEMBERS, reads=[bodies, memberships, users])
    def kept(platform: Platform, whole: Whole) -> Iterator[dg.MaterializeResult]:
        lake = platform.lake
        current = [current_versions(lake.read(archive)) for archive in (bodies, memberships, users)]
        for table, mapped in (
            (ORGANIZATIONS, organizations(current[0])),
            (ORGANIZATION_MEMBERS, organization_members(*current[1:])),
        ):
            quarantine_refused(lake, table, mapped.rejected, run_id=whole.run_id)
            yield whole.write(table, mapped.rows)

    return [kept]
