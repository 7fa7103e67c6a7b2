"""The help desk's organisations: a company each, as agents keep them, and which requesters are in them.

Agents put whoever writes from a company's address into its organisation. For two companies of three they also
declared its mail domain, which says that everybody on it is of the company.
"""

from collections.abc import Iterable

from journey_platform.demo.calendar import Calendar
from journey_platform.demo.names import domain_of
from journey_platform.demo.truth import Tally
from journey_platform.demo.world import Customer, Organization, SupportUser

_FIRST_ORGANIZATION = 360_000_001


def organizations(
    customers: Iterable[Customer], users: Iterable[SupportUser], calendar: Calendar, tally: Tally
) -> list[Organization]:
    """All organisations; puts the users into theirs."""
    since = calendar.moment(calendar.first_day, 5 * 3600)
    joined = sorted((c.company, max(c.joined_at, since)) for c in customers if c.company)
    first_at = dict(reversed(joined))
    found = []
    for nth, company in enumerate(sorted(first_at)):
        domains = [domain_of(company)] if nth % 3 else []
        found.append(Organization(_FIRST_ORGANIZATION + nth, company, domains, first_at[company]))
        for domain in domains:
            tally.declared(company, domain)
    of_domain = {domain_of(organization.name): organization for organization in found}
    for user in users:
        organization = of_domain.get((user.email or "").strip().lower().rpartition("@")[2])
        if organization is not None:
            user.organization_id = organization.organization_id
            tally.employed(("zendesk_user_id", str(user.user_id)), organization.name)
    return found
