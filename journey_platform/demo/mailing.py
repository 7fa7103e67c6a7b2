"""The mailing list and its mailings: who gets them, opens, clicks, bounces and leaves.

Opens follow each member's own propensity. Apple's proxy opens every mail of its users, whether they read it
or not, and hides their own opens; some readers block pictures, so that nothing but a click tells of them. A
click leads to a visit of the site. The list came to this vendor on the range's first morning: each member's
last change lies in the range.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from journey_platform.demo.calendar import Calendar
from journey_platform.demo.chance import happens, one_of, stream, whole
from journey_platform.demo.marginals import (
    APPLE_MAIL_SHARE,
    BOUNCE_RATE,
    CLICK_GIVEN_OPEN,
    OPEN_PROPENSITY_BETA,
    OPEN_RATE,
    UNSUBSCRIBE_RATE,
)
from journey_platform.demo.notation import email_as_typed, handle_as_typed, phone_as_typed
from journey_platform.demo.people import Cast
from journey_platform.demo.stories import Plot
from journey_platform.demo.truth import Identifier, Tally
from journey_platform.demo.web import Site, Source
from journey_platform.demo.world import Campaign, Customer, EmailAction, Member

TUESDAY = 1
_SUBJECTS = (
    "What is new this month",
    'Your week, "faster" — and calmer',
    "Wifi in every room 📶",
    "Three tips, one offer",
    "عرض خاص / a special offer",
    "How others work with reports",
)
_LINKS = ("/offers", "/shop", "/help/router-update", "/app/reports", "/shop/router")
_SITE = "https://www.noordlicht.example"
_CART_MAILING = "Your cart is waiting"
_PICTURES_BLOCKED = 0.08
_APPLE_ALSO_ELSEWHERE = 0.1
_BACK_TO_CART = 0.3


@dataclass(eq=False)
class Subscriber:
    """A member, who that is, and how that person treats mailings. `left_at`: when mailings stop."""

    member: Member
    owner: int
    who: Identifier | None
    customer: Customer | None
    opens: float
    is_apple: bool
    left_at: datetime | None = None
    seconds: set[datetime] = field(default_factory=set)


class Mailings:
    """The vendor's side of the list: adds members, sends mailings."""

    def __init__(
        self, seed: int, cast: Cast, plot: Plot, site: Site, calendar: Calendar, tally: Tally
    ) -> None:
        self._rng = stream(seed, "mailings")
        self._cast, self._plot, self._site, self._calendar, self._tally = cast, plot, site, calendar, tally
        self._subscribers: list[Subscriber] = []
        self.campaigns: list[Campaign] = []

    @property
    def members(self) -> list[Member]:
        return [subscriber.member for subscriber in self._subscribers]

    def fill_list(self) -> None:
        """Nearly all customers, the families' and companies' shared mailboxes, and a few useless phones."""
        rng = self._rng
        for customer in self._cast.customers:
            if happens(rng, 0.95):
                phone = phone_as_typed(rng, customer.phone) if happens(rng, 0.7) else ""
                if happens(rng, 0.003):
                    phone = one_of(rng, ("0000", "n/a"))
                handle = customer.handle if customer.handle and happens(rng, 0.6) else None
                self._add(customer.emails[0], customer.number, customer, phone, handle)
        shared = [family.email for family in self._cast.families]
        shared += [mailbox.email for mailbox in self._cast.mailboxes]
        for email in shared:
            self._add(email, self._tally.stranger(), None, "", None)

    def subscribe(self, customer: Customer) -> None:
        """Somebody comes to the list later."""
        self._add(customer.emails[0], customer.number, customer, "", None)

    def _add(self, email: str, owner: int, customer: Customer | None, phone: str, handle: str | None) -> None:
        rng, calendar = self._rng, self._calendar
        moved_at = calendar.moment(calendar.first_day, 6 * 3600 + whole(rng, 0, 3600))
        joined_at = customer.joined_at if customer else calendar.start - timedelta(days=200)
        is_usable = phone not in ("", "0000", "n/a")
        number = customer.phone if customer and is_usable else None
        who = self._tally.record(
            owner,
            ("email", email),
            ("mailchimp_email_id", hashlib.md5(email.encode()).hexdigest()),
            ("phone", number),
            ("social_handle", handle),
        )
        if customer and customer.company:
            self._tally.employed(who, customer.company)
        plan, changed_at = customer.plan if customer else "", max(joined_at, moved_at)
        if customer and (end := self._plot.plan_ends.get(customer.number)) is not None:
            plan, changed_at = "cancelled", max(changed_at, end)
        member = Member(
            email=email_as_typed(rng, email),
            first_name=customer.first_name if customer else "",
            last_name=customer.last_name if customer else "",
            phone=phone,
            country_code=customer.country if customer else "",
            plan=plan,
            status="subscribed",
            joined_at=joined_at,
            changed_at=changed_at,
            handle=handle_as_typed(rng, handle) if handle else None,
            company=customer.company if customer else "",
            job_title=customer.job_title if customer else "",
        )
        opens = rng.betavariate(*OPEN_PROPENSITY_BETA)
        is_apple = happens(rng, APPLE_MAIL_SHARE)
        self._subscribers.append(Subscriber(member, owner, who, customer, opens, is_apple))

    def send_all(self, left_carts: dict[int, datetime]) -> None:
        """One mailing a week, and one to those who left a cart, on the day of a weekly one."""
        tuesdays = [day for day in self._calendar.days() if day.weekday() == TUESDAY]
        for nth, day in enumerate(tuesdays):
            self._send(f"Weekly {day.isoformat()}", one_of(self._rng, _SUBJECTS), day, 10, self._subscribers)
            if nth == (2 * len(tuesdays)) // 3:
                sent_at = self._calendar.moment(day, 14 * 3600)
                leavers = [
                    s
                    for s in self._subscribers
                    if s.customer
                    and s.customer.number in left_carts
                    and left_carts[s.customer.number] < sent_at
                ]
                self._send(_CART_MAILING, "You left something behind", day, 14, leavers)

    def _send(self, title: str, subject: str, day: date, hour: int, to: Iterable[Subscriber]) -> None:
        sent_at = self._calendar.moment(day, hour * 3600)
        campaign_id = hashlib.md5(title.encode()).hexdigest()[:10]
        reached = [
            s for s in to if s.member.joined_at < sent_at and (s.left_at is None or s.left_at > sent_at)
        ]
        if not reached:
            return
        campaign = Campaign(campaign_id, title, subject, sent_at, [s.member.email for s in reached], [], [])
        bounced = {id(s) for s in reached if happens(self._rng, BOUNCE_RATE)}
        if not self.campaigns:
            # Whatever the size of the list, somebody's address is wrong and somebody has had enough.
            bounced = bounced - {id(reached[-1])} | {id(reached[0])}
            self._leaves(campaign, reached[-1])
        self.campaigns.append(campaign)
        self._tally.mailing(campaign_id, sent_at, len(reached), len(reached) - len(bounced))
        for subscriber in reached:
            if id(subscriber) in bounced:
                self._bounces(campaign, subscriber)
            else:
                self._reads(campaign, subscriber)
        campaign.actions.sort(key=lambda action: (action.at, action.email.lower(), action.action))

    def _bounces(self, campaign: Campaign, subscriber: Subscriber) -> None:
        at = campaign.sent_at + timedelta(seconds=whole(self._rng, 20, 900))
        kind = "hard" if happens(self._rng, 0.6) or len(self.campaigns) == 1 else "soft"
        campaign.actions.append(EmailAction(subscriber.member.email, "bounce", at, None, "198.18.0.1", kind))
        if kind == "hard":
            subscriber.member.status, subscriber.left_at = "cleaned", at
            subscriber.member.changed_at = max(subscriber.member.changed_at, at)

    def _reads(self, campaign: Campaign, subscriber: Subscriber) -> None:
        rng = self._rng
        is_about_cart = campaign.title == _CART_MAILING
        read_at = campaign.sent_at + timedelta(seconds=int(60 * 2 ** (rng.random() * 13)))
        has_read = happens(rng, subscriber.opens) and read_at in self._calendar
        is_seen = has_read and not happens(rng, _PICTURES_BLOCKED)
        fetched_at = campaign.sent_at + timedelta(seconds=whole(rng, 30, 2400))
        is_fetched = subscriber.is_apple and self._does(campaign, subscriber, "open", fetched_at)
        if is_fetched:
            is_seen = is_seen and happens(rng, _APPLE_ALSO_ELSEWHERE)
        has_click = False
        if has_read:
            is_seen = is_seen and self._does(campaign, subscriber, "open", read_at, is_human=True)
            if is_seen and happens(rng, 0.3):
                again = read_at + timedelta(seconds=whole(rng, 600, 400_000))
                self._does(campaign, subscriber, "open", again, is_human=True)
            if happens(rng, _BACK_TO_CART if is_about_cart else CLICK_GIVEN_OPEN):
                has_click = self._clicks(campaign, subscriber, read_at, is_about_cart)
            if happens(rng, UNSUBSCRIBE_RATE / OPEN_RATE):
                self._leaves(campaign, subscriber, read_at + timedelta(seconds=whole(rng, 20, 90)))
        self._tally.reader(
            campaign.campaign_id,
            campaign.sent_at,
            has_read=has_read,
            is_seen=is_seen,
            has_any_open=is_seen or is_fetched,
            has_click=has_click,
        )

    def _clicks(
        self, campaign: Campaign, subscriber: Subscriber, read_at: datetime, is_about_cart: bool
    ) -> bool:
        rng = self._rng
        at = read_at + timedelta(seconds=whole(rng, 5, 300))
        link = "/cart" if is_about_cart else one_of(rng, _LINKS)
        if not self._does(campaign, subscriber, "click", at, is_human=True, url=f"{_SITE}{link}"):
            return False
        if (customer := subscriber.customer) is not None:
            source = Source(
                "Email", "campaign", "", campaign.title.lower().replace(" ", "-"), "newsletter", "email"
            )
            on = self._cast.devices[one_of(rng, customer.cookies)]
            steps = ["cart", "shipping_details", "payment_details", "purchase"] if is_about_cart else None
            visit = self._site.visit(
                on, at + timedelta(seconds=2), source, customer.number, steps=steps, country=customer.country
            )
            who = subscriber.who
            if visit is not None and who is not None and visit.actions[0].kind == "page_view":
                # The link tells whose it is, and the site keeps the address of the page.
                visit.link_of = subscriber.member.email
                self._tally.record(customer.number, ("cookie_id", on.cookie), who)
        return True

    def _does(
        self,
        campaign: Campaign,
        subscriber: Subscriber,
        action: str,
        at: datetime,
        *,
        is_human: bool = False,
        url: str | None = None,
    ) -> bool:
        """One action, unless it would fall after the range. No two of a member share a second."""
        while at in subscriber.seconds:
            at += timedelta(seconds=1)
        if at not in self._calendar:
            return False
        subscriber.seconds.add(at)
        ip = self._ip("198.18") if is_human else self._ip("17.58")
        campaign.actions.append(EmailAction(subscriber.member.email, action, at, url, ip))
        if is_human:
            self._tally.is_active(subscriber.who, subscriber.owner, at)
        else:
            self._tally.exclude("mailchimp.email_activity.machine_open")
        return True

    def _leaves(self, campaign: Campaign, subscriber: Subscriber, at: datetime | None = None) -> None:
        at = at or campaign.sent_at + timedelta(seconds=whole(self._rng, 3600, 9000))
        if at not in self._calendar or subscriber.left_at is not None:
            return
        subscriber.member.status, subscriber.left_at = "unsubscribed", at
        subscriber.member.changed_at = max(subscriber.member.changed_at, at)
        campaign.unsubscribed.append((subscriber.member.email, at))
        self._tally.is_active(subscriber.who, subscriber.owner, at)

    def _ip(self, network: str) -> str:
        return f"{network}.{whole(self._rng, 0, 255)}.{whole(self._rng, 1, 254)}"
