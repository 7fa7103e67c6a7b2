"""Visits to the site: who comes, when, on which device and from where.

Customers come back at the measured intervals, people whom nobody knows come once or a few times, mailings and
the stories bring further visits. What happens within a visit is in `walk`; robots and broken records are in
`dirt`.
"""

import math
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from journey_platform.demo.calendar import Calendar
from journey_platform.demo.chance import Wheel, from_quantiles, happens, one_of, some_of, stream, whole
from journey_platform.demo.marginals import (
    ANONYMOUS_CHANNELS,
    BETWEEN_VISITS_DAYS,
    CUSTOMER_CHANNELS,
    LOGIN_SHARE,
    ONE_PAGE_VISITS,
    ONE_PAGE_VISITS_OVERALL,
    PLATFORMS,
    SHOP_LOGIN_SHARE,
    VISIT_NUMBERS,
)
from journey_platform.demo.people import Cast, Device, device
from journey_platform.demo.stories import Plot
from journey_platform.demo.truth import PLACEHOLDERS, Tally
from journey_platform.demo.walk import Draft, steps_of_visit, with_left_cart
from journey_platform.demo.world import Customer, TrueSession, Visit

ANONYMOUS_VISITS_PER_CUSTOMER = 3.0
ANONYMOUS_BUYS = 0.15
CUSTOMER_BUYS = 1.0
_APART = timedelta(minutes=40)
_RUN_UP_DAYS = 160


@dataclass(frozen=True)
class Source:
    """Where a visit came from, as Matomo says it."""

    channel: str
    referrer_type: str
    referrer_name: str = ""
    campaign: str = ""
    source: str = ""
    medium: str = ""


_SOURCES = {
    "Organic Search": (("search", "Google"), ("search", "DuckDuckGo"), ("search", "Bing")),
    "Referral": (("website", "tests.example"), ("website", "forum.example")),
    "Direct": (("direct", ""),),
    "Organic Social": (
        ("social", "Mastodon"),
        ("social", "Reddit"),
        ("campaign", "", "share", "mastodon", "social"),
        ("campaign", "", "share", "mastodon", "Social"),
    ),
    "Paid Search": (("campaign", "", "brand", "google", "cpc"), ("campaign", "", "router", "bing", "CPC")),
    "Affiliates": (("campaign", "", "partners", "deals.example", "affiliate"),),
    "Display": (
        ("campaign", "", "autumn", "adnet", "display"),
        ("campaign", "", "autumn", "adnet", "banner"),
    ),
    "Email": (("campaign", "", "account-mail", "service", "email"),),
    "Other": (("campaign", "", "shop-window", "poster", "qr"),),
}
_CUSTOMER_CHANNEL = Wheel(CUSTOMER_CHANNELS)
_ANONYMOUS_CHANNEL = Wheel({**ANONYMOUS_CHANNELS, "Other": 0.01})


class Site:
    """Takes visits, refuses those that no clock allows, tells the tally of the rest."""

    def __init__(self, seed: int, calendar: Calendar, tally: Tally) -> None:
        self.visits: list[Visit] = []
        self._rng = stream(seed, "visits")
        self._calendar = calendar
        self._tally = tally
        self._taken: dict[str, list[tuple[datetime, datetime]]] = defaultdict(list)

    def source(self, channel: str) -> Source:
        return Source(channel, *one_of(self._rng, _SOURCES[channel]))

    def visit(
        self,
        on: Device,
        start: datetime,
        source: Source,
        owner: int | None,
        *,
        user: str | None = None,
        steps: list[str] | None = None,
        buys: float = CUSTOMER_BUYS,
        country: str = "NL",
        is_bot: bool = False,
    ) -> Visit | None:
        """One visit, or None where the device is busy then or the visit would not end within the range.

        `owner` is None where nobody can say whose visit it is.
        """
        visit_id = 40_001 + len(self.visits)
        draft = Draft(self._rng, visit_id, start)
        one_page = ONE_PAGE_VISITS.get(source.channel, ONE_PAGE_VISITS_OVERALL)
        draft.take(steps or steps_of_visit(self._rng, is_one_page=happens(self._rng, one_page), buys=buys))
        last = max(draft.ended_at, draft.actions[-1].at)
        if start not in self._calendar or last not in self._calendar:
            return None
        if any(start < end + _APART and begin - _APART < last for begin, end in self._taken[on.cookie]):
            return None
        self._taken[on.cookie].append((start, last))
        visit = Visit(
            visit_id=visit_id,
            cookie=on.cookie,
            user_id=user,
            actions=draft.actions,
            referrer_type=source.referrer_type,
            referrer_name=source.referrer_name,
            campaign_name=source.campaign,
            campaign_source=source.source,
            campaign_medium=source.medium,
            device=on.platform,
            country_code=country.lower(),
            ip=on.ip,
            user_agent=on.user_agent,
            is_bot=is_bot,
            recorded_at=draft.actions[-1].at,
        )
        self.visits.append(visit)
        self._tell(visit, draft, source.channel, owner)
        return visit

    def _tell(self, visit: Visit, draft: Draft, channel: str, owner: int | None) -> None:
        start = draft.actions[0].at
        self._tally.session(
            TrueSession(
                visit_id=visit.visit_id,
                owner=owner,
                day=self._calendar.day_of(start),
                started_at=start,
                ended_at=draft.ended_at,
                traffic_channel=channel,
                page_views=draft.page_views,
                heartbeats=draft.heartbeats,
                orders=draft.orders,
                revenue=round(draft.revenue, 2),
                is_bot=visit.is_bot,
                cookie=visit.cookie,
                device=visit.device,
                campaign=visit.campaign_name,
                landing_page=draft.landing_page,
                engaged_s=draft.engaged_s,
            )
        )
        if visit.is_bot:
            return
        user = visit.user_id
        kind = "email" if user is not None and "@" in user else "user_id"
        who = self._tally.record(owner, ("cookie_id", visit.cookie), (kind, user))
        self._tally.visitor(who, visit.cookie, visit.device, start)
        self._tally.entered(who, visit.cookie, start, channel, visit.campaign_name)
        self._tally.went(who, visit, channel)
        for action in draft.actions:
            if action.kind == "page_view":
                self._tally.page(action.at, action.path, visit.device, action.dwell_s)
            elif action.kind in ("add_to_cart", "order"):
                self._tally.shopping(who, action.at, visit.device, is_order=action.kind == "order")
        # A visit over the midnight that ends a week is activity of both weeks.
        for at in (start, draft.actions[-1].at):
            self._tally.is_active(who, owner, at)
            self._tally.used(who, at)


def customer_visits(seed: int, cast: Cast, plot: Plot, site: Site, calendar: Calendar) -> None:
    """Customers come back at the measured intervals, logged in or not, until they give up their plan."""
    rng = stream(seed, "customers come back")

    def days() -> float:
        return from_quantiles(rng, BETWEEN_VISITS_DAYS, low=0.3, high=80.0)

    for customer in cast.customers:
        logs_in = customer.user_id is not None or happens(rng, 0.3)
        # Long before the range, so that its days are as busy as any others.
        passed = days() - _RUN_UP_DAYS
        while passed < calendar.length:
            day = calendar.first_day + timedelta(days=math.floor(passed))
            passed += days()
            if day < calendar.first_day:
                continue
            at = calendar.some_time(rng, day)
            if plot.is_gone(customer, at):
                break
            on = cast.devices[one_of(rng, customer.cookies)]
            is_in = logs_in and at >= customer.joined_at and happens(rng, LOGIN_SHARE)
            site.visit(
                on,
                at,
                site.source(_CUSTOMER_CHANNEL.spin(rng)),
                customer.number,
                user=login(rng, customer) if is_in else None,
                country=customer.country,
            )


def login(rng: Random, customer: Customer) -> str:
    """What the site calls a customer who logs in: the shop knows an address, the account pages a user id."""
    if customer.user_id is None or happens(rng, SHOP_LOGIN_SHARE):
        return customer.emails[0]
    return customer.user_id


def anonymous_visits(seed: int, customers: int, tally: Tally, site: Site, calendar: Calendar) -> None:
    """People whom no record names: how often each comes follows from the measured visit numbers."""
    rng = stream(seed, "anonymous")
    platforms = Wheel(PLATFORMS)
    shares = (*VISIT_NUMBERS[:5], 0.0)
    visits_of_one = Wheel({n + 1: shares[n] - shares[n + 1] for n in range(5)})
    left = round(customers * ANONYMOUS_VISITS_PER_CUSTOMER * calendar.length / 90)
    placeholders = sorted(PLACEHOLDERS - {"n/a"})
    while left > 0:
        on, owner = device(rng, platforms), tally.stranger()
        user = one_of(rng, placeholders) if happens(rng, 0.012) else None
        for _ in range(visits_of_one.spin(rng)):
            at = calendar.some_time(rng, calendar.day_at(rng.random()))
            source = site.source(_ANONYMOUS_CHANNEL.spin(rng))
            site.visit(on, at, source, owner, user=user, buys=ANONYMOUS_BUYS)
            left -= 1


def shared_device_visits(seed: int, cast: Cast, site: Site, calendar: Calendar) -> None:
    """The kiosk and the families' tablets: several log in on one cookie, and some do not log in at all."""
    rng = stream(seed, "shared devices")
    kiosk = cast.devices[cast.kiosk.cookie]
    for nth, day in enumerate(calendar.days()):
        user = cast.kiosk.users[nth % len(cast.kiosk.users)]
        source = site.source("Direct")
        steps = ["kiosk", "catalog", "product_view"]
        noon = calendar.moment(day, 12 * 3600 + whole(rng, 0, 1800))
        site.visit(kiosk, noon, source, user.number, user=user.user_id, steps=steps)
        if happens(rng, 0.3):
            site.visit(kiosk, noon + timedelta(hours=4), source, None, steps=["kiosk", "catalog"])
    for family in cast.families:
        if family.tablet is None:
            continue
        days = some_of(rng, list(calendar.days()), 6)
        for nth, day in enumerate(days):
            member = family.members[nth % 2]
            at = calendar.moment(day, 19 * 3600 + whole(rng, 0, 1800))
            on = cast.devices[family.tablet]
            site.visit(
                on, at, site.source("Direct"), member.number, user=member.user_id, steps=["home", "catalog"]
            )


def story_visits(seed: int, cast: Cast, plot: Plot, site: Site, calendar: Calendar) -> dict[int, datetime]:
    """The stories' visits (see `stories`). Returns when each cart leaver left a cart, for the exit survey."""
    rng = stream(seed, "story visits")
    left_carts: dict[int, datetime] = {}
    for customer in cast.customers:
        if customer.number in plot.strugglers:
            for _ in range(whole(rng, 2, 5)):
                until = plot.plan_ends.get(customer.number, calendar.end)
                at = _some_time(rng.random(), plot.export_released_at, until, calendar, hour=9)
                tries = ["export", "export_failed"] * whole(rng, 2, 4)
                steps = ["reports", *tries, *(["contact"] if happens(rng, 0.4) else [])]
                if not plot.is_gone(customer, at):
                    on = cast.devices[customer.cookies[0]]
                    source = site.source("Direct")
                    site.visit(on, at, source, customer.number, user=customer.user_id, steps=steps)
        elif customer.story == "software" and happens(rng, 0.6):
            at = _some_time(rng.random(), calendar.start, calendar.end, calendar, hour=10)
            if not plot.is_gone(customer, at):
                on = cast.devices[customer.cookies[0]]
                steps = ["reports", "export", "export_done"]
                site.visit(on, at, site.source("Direct"), customer.number, user=customer.user_id, steps=steps)
        elif customer.number in plot.cart_leavers:
            at = _some_time(rng.random() * 0.8, calendar.start, calendar.end, calendar, hour=20)
            pages = ["product_view"] * whole(rng, 1, 3)
            steps = with_left_cart([*pages, "add_to_cart", "cart", "shipping_details"])
            on, source = cast.devices[customer.cookies[0]], site.source("Organic Social")
            visit = site.visit(on, at, source, customer.number, steps=steps, country=customer.country)
            if visit is not None:
                left_carts[customer.number] = visit.actions[-1].at
        elif customer.number in plot.affected:
            for _ in range(whole(rng, 1, 3)):
                share = rng.random() * 0.9
                at = plot.router_updated_at + share * (plot.router_repaired_at - plot.router_updated_at)
                at = at.replace(microsecond=0)
                user = login(rng, customer) if happens(rng, LOGIN_SHARE) else None
                on, source = cast.devices[customer.cookies[0]], site.source("Organic Search")
                steps = ["router_help", "router_help", "contact"]
                site.visit(on, at, source, customer.number, user=user, steps=steps)
    return left_carts


def _some_time(share: float, begin: datetime, end: datetime, calendar: Calendar, *, hour: int) -> datetime:
    """A moment around `hour` of the day that lies at `share` of the time between two moments."""
    at = begin + share * (end - begin)
    return calendar.moment(calendar.day_of(at), hour * 3600 + at.minute * 60 + at.second)


def midnight_visits(seed: int, cast: Cast, site: Site, calendar: Calendar) -> None:
    """Visits over each midnight, so also over the end of each week, and over each change of the clocks."""
    rng = stream(seed, "midnight")
    before = [calendar.moment(day, 24 * 3600 - whole(rng, 40, 100)) for day in list(calendar.days())[:-1]]
    before += [change - timedelta(seconds=whole(rng, 40, 100)) for change in calendar.clock_changes()]
    for at in before:
        customer = one_of(rng, cast.customers)
        on = cast.devices[customer.cookies[-1]]
        steps = ["home", "catalog", "product_view", "catalog", "product_view"]
        site.visit(on, at, site.source("Direct"), customer.number, steps=steps, country=customer.country)
