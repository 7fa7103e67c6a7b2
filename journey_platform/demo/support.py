"""The help desk: who writes or calls, about what, how long it takes and how it is rated.

The usual questions come at a steady rate; the stories bring theirs (see `stories`). Families, whose phone
number is known under two user ids, and shared mailboxes write too. Spam and deleted tickets are in `dirt`.
"""

from datetime import date, datetime, timedelta

from journey_platform.demo.calendar import Calendar
from journey_platform.demo.chance import Wheel, from_quantiles, happens, one_of, stream, whole
from journey_platform.demo.marginals import CYCLE_DAYS, OPENING_WEEKDAYS
from journey_platform.demo.notation import email_as_typed, phone_as_typed
from journey_platform.demo.people import Cast
from journey_platform.demo.stories import Plot
from journey_platform.demo.truth import Identifier, Tally
from journey_platform.demo.words import COMPLAINTS, ODD_LINES, PRAISE, TOPICS, mood
from journey_platform.demo.world import Customer, SupportUser, Ticket

USUAL_TICKETS_PER_CUSTOMER = 0.2
"""In 90 days."""
_USUAL_TOPICS = Wheel({"invoice": 0.25, "delivery": 0.25, "account": 0.2, "connection": 0.2, "returns": 0.1})
_CHANNELS = Wheel({"email": 0.45, "web": 0.3, "chat": 0.25})
_CALLS = Wheel({"voice": 0.7, "chat": 0.3})
_WEEKDAY = Wheel(dict(enumerate(OPENING_WEEKDAYS)))
_FIRST_USER, _FIRST_TICKET = 903_000_000_000, 5_001


class HelpDesk:
    """Takes tickets, and knows each requester as the vendor does."""

    def __init__(self, seed: int, cast: Cast, plot: Plot, calendar: Calendar, tally: Tally) -> None:
        self.tickets: list[Ticket] = []
        self.solved: list[tuple[Customer, Ticket]] = []
        self._users: dict[int, tuple[SupportUser, Identifier | None]] = {}
        self._rng = stream(seed, "support")
        self._cast, self._plot, self._calendar, self._tally = cast, plot, calendar, tally

    @property
    def users(self) -> list[SupportUser]:
        return [user for user, _ in self._users.values()]

    def open_all(self) -> None:
        """All tickets of the range, in the order they were opened."""
        asked: list[tuple[datetime, int, str]] = []
        customers, calendar, rng = self._cast.customers, self._calendar, self._rng
        weekdays = Wheel({day: OPENING_WEEKDAYS[day.weekday()] for day in calendar.days()})
        for _ in range(round(len(customers) * USUAL_TICKETS_PER_CUSTOMER * calendar.length / 90)):
            who = one_of(rng, customers)
            asked.append((self._at(weekdays.spin(rng)), who.number, _USUAL_TOPICS.spin(rng)))
        for customer in customers:
            asked += [(at, customer.number, topic) for at, topic in self._of_stories(customer)]
        for family in self._cast.families:
            for member in family.members:
                asked.append((self._at(weekdays.spin(rng)), member.number, "connection"))
        for at, number, topic in sorted(asked):
            customer = customers[number - 1]
            if at >= customer.joined_at and not self._plot.is_gone(customer, at):
                self._open(customer, at, topic)
        for mailbox in self._cast.mailboxes:
            self._open_for_mailbox(mailbox.email, self._at(weekdays.spin(rng)))
        self.tickets.sort(key=lambda ticket: (ticket.created_at, ticket.ticket_id))

    def _at(self, day: date) -> datetime:
        """Office hours; what would fall on a weekend waits for a day of the next week."""
        if day.weekday() >= 5:
            later = day + timedelta(days=7 - day.weekday() + _WEEKDAY.spin(self._rng))
            day = later if later <= self._calendar.last_day else day
        return self._calendar.some_time(self._rng, day, is_office_hours=True)

    def _of_stories(self, customer: Customer) -> list[tuple[datetime, str]]:
        rng, plot, calendar = self._rng, self._plot, self._calendar
        if customer.number in plot.strugglers and happens(rng, 0.6):
            first = calendar.day_of(plot.export_released_at)
            last = calendar.day_of(plot.plan_ends.get(customer.number, calendar.end))
            days = (last - first).days
            offsets = [int(rng.random() * days) for _ in range(whole(rng, 1, 2))]
            return [(self._at(first + timedelta(days=offset)), "report_export") for offset in offsets]
        if customer.number in plot.affected and happens(rng, 0.8):
            first = calendar.day_of(plot.router_updated_at)
            last = calendar.day_of(plot.router_repaired_at)
            day = first + timedelta(days=int(rng.random() * (last - first).days))
            calls = []
            for _ in range(whole(rng, 1, 4)):
                calls.append((self._at(day), "router_update"))
                day += timedelta(days=whole(rng, 1, 6))
                # The cause is gone: a straggler or two still calls.
                if day >= last and not happens(rng, 0.05):
                    break
            return [(at, topic) for at, topic in calls if at in calendar]
        return []

    def user(
        self, key: int, name: str, owner: int, email: str | None, phone: str | None, external_id: str | None
    ) -> tuple[SupportUser, Identifier | None]:
        """The vendor's record of a requester, made at the first contact. `key` is ours."""
        if key not in self._users:
            user_id = _FIRST_USER + 1_009 * len(self._users)
            user = SupportUser(
                user_id=user_id,
                name=name,
                email=email and email_as_typed(self._rng, email),
                phone=phone and phone_as_typed(self._rng, phone),
                external_id=external_id,
                created_at=self._calendar.end,
                changed_at=self._calendar.start,
            )
            who = self._tally.record(
                owner,
                ("zendesk_user_id", str(user_id)),
                ("email", email),
                ("phone", phone),
                ("user_id", external_id),
            )
            self._users[key] = (user, who)
        return self._users[key]

    def _known(self, customer: Customer) -> tuple[SupportUser, Identifier | None]:
        rng = self._rng
        has_email, has_phone = happens(rng, 0.93), happens(rng, 0.6)
        is_of_family = any(customer in family.members for family in self._cast.families)
        return self.user(
            customer.number,
            f"{customer.first_name} {customer.last_name}",
            customer.number,
            one_of(rng, customer.emails) if has_email else None,
            customer.phone if has_phone or not has_email or is_of_family else None,
            customer.user_id if is_of_family or happens(rng, 0.7) else None,
        )

    def _open(self, customer: Customer, at: datetime, topic: str) -> None:
        user, who = self._known(customer)
        self._tally.ticket(who, customer.number, at)
        ticket = self.ticket(user, at, topic, self._plot.mood(customer, at))
        self._handled(who, topic, ticket)
        if ticket.rated_at is not None:
            self._tally.is_active(who, customer.number, ticket.rated_at)
        if ticket.solved_at is not None:
            self.solved.append((customer, ticket))

    def _open_for_mailbox(self, email: str, at: datetime) -> None:
        owner = self._tally.stranger()
        user, who = self.user(owner, "Info", owner, email, None, None)
        self._tally.ticket(who, owner, at)
        self._handled(who, "invoice", self.ticket(user, at, "invoice", 0, can_rate=False))

    def _handled(self, who: Identifier | None, topic: str, ticket: Ticket) -> None:
        self._tally.handled(who, topic, ticket)
        self._tally.wrote("ticket", ticket.created_at, mood(ticket.subject, ticket.description))
        if ticket.rated_at is not None:
            self._tally.wrote("ticket", ticket.rated_at, mood(ticket.rating_comment))

    def ticket(
        self, user: SupportUser, at: datetime, topic: str, temper: int, *, can_rate: bool = True
    ) -> Ticket:
        """A ticket as it stands at the end of the range: what would happen later has not happened."""
        rng, calendar = self._rng, self._calendar
        subject, text = TOPICS[topic]
        cycle_s = round(86_400 * from_quantiles(rng, CYCLE_DAYS, low=0.001, high=60.0))
        solved_at = at + timedelta(seconds=cycle_s)
        replied_at = at + timedelta(seconds=max(30, min(cycle_s // 3, whole(rng, 600, 90_000))))
        rated_at = solved_at + timedelta(seconds=whole(rng, 600, 100_000))
        is_solved, is_replied = solved_at in calendar, replied_at in calendar
        is_rated = can_rate and is_solved and rated_at in calendar and happens(rng, 0.35)
        is_good = happens(rng, {-1: 0.35, 0: 0.8, 1: 0.92}[temper])
        seen = [at, *([replied_at] if is_replied else []), *([solved_at] if is_solved else [])]
        ticket = Ticket(
            ticket_id=_FIRST_TICKET + len(self.tickets),
            requester_id=user.user_id,
            subject=subject,
            description=one_of(rng, ODD_LINES) if happens(rng, 0.04) else text,
            tags=[topic],
            channel=(_CALLS if topic == "router_update" else _CHANNELS).spin(rng),
            status=("closed" if happens(rng, 0.5) else "solved")
            if is_solved
            else ("pending" if is_replied else "new"),
            created_at=at,
            first_reply_at=replied_at if is_replied else None,
            solved_at=solved_at if is_solved else None,
            changed_at=max([*seen, *([rated_at] if is_rated else [])]),
            rating=("good" if is_good else "bad") if is_rated else None,
            rated_at=rated_at if is_rated else None,
            rating_comment=one_of(rng, PRAISE if is_good else COMPLAINTS)
            if is_rated and happens(rng, 0.4)
            else None,
        )
        self.tickets.append(ticket)
        user.created_at = min(user.created_at, at)
        user.changed_at = max(user.changed_at, at)
        return ticket
