"""Business customers and their contracts: who signs for how many seats, and who comes to use them.

Companies that were there sign while their people work: their journey is bottom-up. A few new ones sign first
and begin some days later, top-down; of these the first falls silent after some weeks, contract and all, and
the second gets a user long after the others. New people come last, after all else has been drawn, so that
everybody else lives as without them.
"""

from datetime import datetime, timedelta
from random import Random

from journey_platform.demo.calendar import Calendar
from journey_platform.demo.chance import Wheel, happens, one_of, stream, whole
from journey_platform.demo.commerce import Till
from journey_platform.demo.mailing import Mailings
from journey_platform.demo.marginals import PLATFORMS
from journey_platform.demo.names import COMPANY_KINDS, COMPANY_WORDS, FIRST_NAMES, LAST_NAMES, domain_of
from journey_platform.demo.people import Cast, Device, device, plain
from journey_platform.demo.web import Site
from journey_platform.demo.world import Customer

_SIGNS = 0.5
_PEOPLE_PER_NEW_COMPANY = 4
_CUSTOMERS_PER_NEW_COMPANY = 1000
_STEPS = (("reports",), ("reports", "export", "export_done"))
_SILENT_FROM, _LATE_FROM = 0.65, 0.92


def roll_out(
    seed: int, cast: Cast, site: Site, mailing: Mailings, till: Till, calendar: Calendar
) -> list[Customer]:
    """All contracts of the range. Returns the people of the new companies."""
    rng = stream(seed, "accounts")
    listed = {member.email.strip().lower() for member in mailing.members}
    known: dict[str, list[Customer]] = {}
    for customer in cast.customers:
        if customer.company and customer.emails[0] in listed:
            known.setdefault(customer.company, []).append(customer)
    for _, people in sorted(known.items()):
        if happens(rng, _SIGNS):
            at = calendar.some_time(rng, calendar.day_at(0.1 + 0.8 * rng.random()), is_office_hours=True)
            till.sign(one_of(rng, people), at, len(people) + whole(rng, 0, 4))
    free = [f"{word} {kind}" for word in COMPANY_WORDS for kind in COMPANY_KINDS]
    free = [name for name in free if name not in {customer.company for customer in cast.customers}]
    new: list[Customer] = []
    for nth in range(2 + len(cast.customers) // _CUSTOMERS_PER_NEW_COMPANY):
        name = free.pop(int(rng.random() * len(free)))
        first = len(cast.customers) + len(new) + 1
        new += _begin(rng, name, nth, first, site, mailing, till, calendar)
    site.visits.sort(key=lambda visit: (visit.actions[0].at, visit.visit_id))
    return new


def _begin(
    rng: Random,
    company: str,
    nth: int,
    first: int,
    site: Site,
    mailing: Mailings,
    till: Till,
    calendar: Calendar,
) -> list[Customer]:
    """A new company: its buyer signs, its people begin one after the other and come back each few days."""
    signed_on = calendar.day_at(0.02 + 0.15 * rng.random())
    people, devices = [], []
    for place in range(_PEOPLE_PER_NEW_COMPANY):
        begins = signed_on + timedelta(days=3 * place)
        if nth == 1 and place == _PEOPLE_PER_NEW_COMPANY - 1:
            begins = max(begins, calendar.day_at(_LATE_FROM))
        begins = min(begins, calendar.last_day)
        body = device(rng, Wheel(PLATFORMS))
        person = _person(rng, company, first + place, body, calendar.moment(begins, 8 * 3600), place == 0)
        mailing.subscribe(person)
        people.append(person)
        devices.append(body)
    signed_at = calendar.moment(signed_on, 10 * 3600 + whole(rng, 0, 3600))
    till.sign(people[0], signed_at, _PEOPLE_PER_NEW_COMPANY + whole(rng, 0, 4))
    for place, (person, body) in enumerate(zip(people[1:], devices[1:], strict=True)):
        day = calendar.day_of(person.joined_at)
        last = calendar.day_at(_SILENT_FROM) if nth == 0 and place else calendar.last_day
        while day <= last:
            at = calendar.moment(day, 9 * 3600 + whole(rng, 0, 6 * 3600))
            source = site.source("Direct")
            site.visit(body, at, source, person.number, user=person.emails[0], steps=[*one_of(rng, _STEPS)])
            day += timedelta(days=whole(rng, 2, 5))
    return people


def _person(
    rng: Random, company: str, number: int, body: Device, joined_at: datetime, is_buyer: bool
) -> Customer:
    first, last = one_of(rng, FIRST_NAMES), one_of(rng, LAST_NAMES)
    return Customer(
        number=number,
        first_name=first,
        last_name=last,
        emails=[f"{plain(first, 'klant')}.{plain(last, 'lid')}{number}@{domain_of(company)}"],
        phone=f"+316{20_000_000 + number * 1_237}",
        country="NL",
        company=company,
        plan="reports, one year",
        user_id=None,
        cookies=[body.cookie],
        handle=None,
        joined_at=joined_at,
        story="software",
        job_title="Procurement Manager" if is_buyer else "Data Analyst",
    )
