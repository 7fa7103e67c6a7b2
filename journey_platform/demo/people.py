"""The customers of the demo company, their devices, and what several of them share.

"Noordlicht" sells internet to homes, devices in a web shop, and reporting software to businesses. Here
belongs who exists and by which identifiers they can be known; what they do is in the modules beside this one.
"""

from dataclasses import dataclass
from datetime import timedelta
from random import Random

from journey_platform.demo.calendar import Calendar
from journey_platform.demo.chance import Wheel, happens, one_of, some_of, stream, whole
from journey_platform.demo.marginals import (
    CONTRACTS,
    COUNTRIES,
    DEVICES_PER_CUSTOMER,
    HANDLE_SHARE,
    PLATFORMS,
)
from journey_platform.demo.names import (
    COMPANY_KINDS,
    COMPANY_WORDS,
    FIRST_NAMES,
    JOB_TITLES,
    LAST_NAMES,
    domain_of,
)
from journey_platform.demo.truth import Identifier
from journey_platform.demo.world import Customer

_DIALLING = {"NL": "+316", "BE": "+324", "DE": "+4915", "FR": "+336", "GB": "+447"}
_PLAIN = str.maketrans("éëïöüäçğıșşøêłŁ' ", "eeiouacgissoelL--", "")
_AGENTS = {
    "desktop": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "mobile": "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36",
    "tablet": "Mozilla/5.0 (iPad; CPU OS 18_6 like Mac OS X) AppleWebKit/605.1.15 Version/18.6",
}
_STORIES_OF_HOMES = Wheel({"telecom": 0.4, "shop": 0.35, "none": 0.25})


@dataclass(frozen=True)
class Device:
    """One browser: its cookie and what it calls itself."""

    cookie: str
    platform: str
    user_agent: str
    ip: str


@dataclass(frozen=True)
class Family:
    """Two customers of one household: one phone number and one mailbox, and maybe one tablet."""

    members: tuple[Customer, Customer]
    email: str
    phone: str
    tablet: str | None


@dataclass(frozen=True)
class Mailbox:
    """A company's info@ address, which several of its people write from."""

    email: str
    users: tuple[Customer, ...]


@dataclass(frozen=True)
class Kiosk:
    """A screen in the shop's entrance where many log in."""

    cookie: str
    users: tuple[Customer, ...]


@dataclass(frozen=True)
class Cast:
    """Everybody, and what they share. `devices` is keyed by cookie."""

    customers: tuple[Customer, ...]
    devices: dict[str, Device]
    families: tuple[Family, ...]
    mailboxes: tuple[Mailbox, ...]
    kiosk: Kiosk

    def shared(self) -> list[Identifier]:
        """The identifiers that belong to several customers, normalised."""
        shared: list[Identifier] = [("cookie_id", self.kiosk.cookie)]
        for family in self.families:
            shared += [("email", family.email), ("phone", family.phone)]
            shared += [("cookie_id", family.tablet)] if family.tablet else []
        return shared + [("email", mailbox.email) for mailbox in self.mailboxes]

    def sharers(self) -> set[int]:
        """The numbers of those who use a shared mailbox, phone or tablet."""
        groups = [family.members for family in self.families] + [mailbox.users for mailbox in self.mailboxes]
        return {customer.number for group in groups for customer in group}


def device(rng: Random, platforms: Wheel[str]) -> Device:
    """A browser that nobody has used yet."""
    platform = platforms.spin(rng)
    ip = f"198.{whole(rng, 18, 19)}.{whole(rng, 0, 255)}.{whole(rng, 1, 254)}"
    return Device(
        f"{int(rng.random() * 2**52):014x}{whole(rng, 0, 255):02x}", platform, _AGENTS[platform], ip
    )


def plain(name: str, fallback: str) -> str:
    """The name in the letters of an e-mail address."""
    letters = name.lower().translate(_PLAIN)
    return letters if letters.isascii() else fallback


def cast(seed: int, customers: int, calendar: Calendar) -> Cast:
    """`customers` people (at least 40), a quarter of them users of business customers."""
    if customers < 40:
        raise ValueError(f"the demo company needs at least 40 customers, not {customers}")
    rng = stream(seed, "people")
    platforms, devices = Wheel(PLATFORMS), dict[str, Device]()
    companies = _companies(rng, customers // 4)
    people = []
    for number in range(1, customers + 1):
        company = companies[number - 1] if number <= len(companies) else ""
        customer = _customer(rng, number, company, calendar)
        for _ in range(Wheel(DEVICES_PER_CUSTOMER).spin(rng)):
            own = device(rng, platforms)
            devices[own.cookie] = own
            customer.cookies.append(own.cookie)
        people.append(customer)
    kiosk = device(rng, Wheel({"tablet": 1.0}))
    devices[kiosk.cookie] = kiosk
    homes = [c for c in people if not c.company and c.user_id and c.joined_at < calendar.start]
    families = _families(rng, homes, max(1, customers // 160), devices)
    visitors = some_of(rng, [c.number for c in homes], max(3, customers // 130))
    return Cast(
        customers=tuple(people),
        devices=devices,
        families=families,
        mailboxes=_mailboxes(people, calendar, max(1, customers // 300)),
        kiosk=Kiosk(kiosk.cookie, tuple(people[number - 1] for number in visitors)),
    )


def _companies(rng: Random, users: int) -> list[str]:
    """The company of each business user: 3 to 10 users to a company."""
    names = [f"{word} {kind}" for word in COMPANY_WORDS for kind in COMPANY_KINDS]
    companies: list[str] = []
    for name in some_of(rng, names, len(names)):
        companies += [name] * whole(rng, 3, 10)
    return sorted(companies[:users])


def _customer(rng: Random, number: int, company: str, calendar: Calendar) -> Customer:
    first, last = one_of(rng, FIRST_NAMES), one_of(rng, LAST_NAMES)
    country = Wheel(COUNTRIES).spin(rng)
    local = f"{plain(first, 'klant')}.{plain(last, 'lid')}{number}"
    domain = domain_of(company) if company else f"mail{number % 7}.example"
    emails = [f"{local}@{domain}"]
    if happens(rng, 0.2):
        emails.append(f"{local}+thuis@post.example")
    is_user = bool(company) or happens(rng, 0.8)
    is_new = happens(rng, 0.08)
    days_ago = -whole(rng, 0, calendar.length - 1) if is_new else whole(rng, 1, 1800)
    joined_at = calendar.some_time(rng, calendar.first_day - timedelta(days=days_ago))
    story = "software" if company else _STORIES_OF_HOMES.spin(rng)
    product = {"software": "reports", "telecom": "internet", "shop": "shop", "none": "internet"}[story]
    return Customer(
        number=number,
        first_name=first,
        last_name=last,
        emails=emails,
        phone=f"{_DIALLING[country]}{20_000_000 + number * 1_237}",
        country=country,
        company=company,
        plan="shop" if product == "shop" else f"{product}, {Wheel(CONTRACTS).spin(rng)}",
        user_id=f"u-{100_000 + number * 7}" if is_user else None,
        cookies=[],
        handle=f"{plain(first, 'klant')}_{number}@social.example" if happens(rng, HANDLE_SHARE) else None,
        joined_at=joined_at,
        story=story,
        job_title=JOB_TITLES[number % len(JOB_TITLES)] if company else "",
    )


def _families(
    rng: Random, homes: list[Customer], count: int, devices: dict[str, Device]
) -> tuple[Family, ...]:
    families = []
    by_number = {customer.number: customer for customer in homes}
    chosen = some_of(rng, sorted(by_number), 2 * count)
    for nth, (one, other) in enumerate(zip(chosen[::2], chosen[1::2], strict=True)):
        first, second = by_number[one], by_number[other]
        second.last_name, second.phone = first.last_name, first.phone
        tablet = device(rng, Wheel({"tablet": 1.0})) if nth % 2 == 0 else None
        if tablet:
            devices[tablet.cookie] = tablet
        email = f"familie.{plain(first.last_name, 'lid')}{one}@post.example"
        families.append(Family((first, second), email, first.phone, tablet.cookie if tablet else None))
    return tuple(families)


def _mailboxes(people: list[Customer], calendar: Calendar, count: int) -> tuple[Mailbox, ...]:
    by_company: dict[str, list[Customer]] = {}
    for customer in people:
        if customer.company and customer.joined_at < calendar.start:
            by_company.setdefault(customer.company, []).append(customer)
    large = [users for _, users in sorted(by_company.items()) if len(users) >= 3][:count]
    return tuple(Mailbox(f"info@{users[0].emails[0].split('@')[1]}", tuple(users[:4])) for users in large)
