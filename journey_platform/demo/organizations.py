"""The help desk's organisations: a company each, as agents keep them, and which requesters are in them.

Agents put whoever writes from a company's address into its organisation. For two companies of three they also
declared its mail domain, which says that everybody on it is of the company. Some people of one company work
for another, too: the desk knows them there under a second record, with that company's address. And two, who
keep another company's books, are in its organisation, too, with the one record that they have.
"""

from collections.abc import Collection, Iterable, Sequence, Set

from journey_platform.demo.calendar import Calendar
from journey_platform.demo.chance import one_of, some_of, stream
from journey_platform.demo.names import domain_of
from journey_platform.demo.people import plain
from journey_platform.demo.support import HelpDesk
from journey_platform.demo.truth import Tally
from journey_platform.demo.world import Customer, Membership, Organization, SupportUser

_FIRST_ORGANIZATION = 360_000_001
_FIRST_MEMBERSHIP = 380_000_001
_PEOPLE_PER_CONSULTANT = 20
_BOOKKEEPERS = 2
_SECOND = -1_000_000
"""Below every number of a stranger: the desk's key of a second record."""


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
            organization.created_at = min(organization.created_at, user.created_at)
            tally.employed(("zendesk_user_id", str(user.user_id)), organization.name)
    return found


def consultants(
    seed: int, customers: Collection[Customer], listed: Set[str], desk: HelpDesk, calendar: Calendar
) -> None:
    """Second records of people on the list whom the desk knows by their user id and address."""
    rng = stream(seed, "consultants")
    companies = sorted({customer.company for customer in customers} - {""})
    known = {(user.external_id, (user.email or "").strip().lower()) for user in desk.users}
    able = {
        c.number: c
        for c in customers
        if c.company and c.user_id and c.emails[0] in listed and (c.user_id, c.emails[0]) in known
    }
    since = calendar.moment(calendar.day_at(0.3), 9 * 3600)
    for number in some_of(rng, sorted(able), max(1, len(able) // _PEOPLE_PER_CONSULTANT)):
        who = able[number]
        at = one_of(rng, [company for company in companies if company != who.company])
        address = f"{plain(who.first_name, 'klant')}.{plain(who.last_name, 'lid')}{number}@{domain_of(at)}"
        who.emails.append(address)
        name = f"{who.first_name} {who.last_name}"
        user, _ = desk.user(_SECOND - number, name, number, address, None, who.user_id)
        user.created_at = user.changed_at = max(since, who.joined_at)


def memberships(
    seed: int, users: Iterable[SupportUser], bodies: Sequence[Organization], tally: Tally
) -> list[Membership]:
    """Who is in which organisation: each user in the one that their record names, two in another one, too."""
    rng = stream(seed, "bookkeepers")
    of = {user.user_id: user for user in users if user.organization_id is not None}
    found = [(user.user_id, user.organization_id, True, user.created_at) for user in of.values()]
    for user_id in some_of(rng, sorted(of), _BOOKKEEPERS):
        user = of[user_id]
        second = one_of(rng, [body for body in bodies if body.organization_id != user.organization_id])
        found.append((user_id, second.organization_id, False, max(user.created_at, second.created_at)))
        tally.employed(("zendesk_user_id", str(user_id)), second.name)
    return [
        Membership(_FIRST_MEMBERSHIP + nth, user_id, organization_id, is_default, at)
        for nth, (user_id, organization_id, is_default, at) in enumerate(found)
        if organization_id is not None
    ]
