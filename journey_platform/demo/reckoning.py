"""What is reckoned at the end of a world's making: KPIs that count distinct people, browsers or tickets,
whose days cannot be summed, and quantiles. The definitions are applied plainly, one person after the other.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from datetime import date, datetime, timedelta

from journey_platform.demo.calendar import Calendar
from journey_platform.demo.world import ShopOrder, Ticket, Truth

Identifier = tuple[str, str]
Who = Identifier | None
Key = tuple[str, str, date, str]
Parts = tuple[float, float | None]

_DAY, _WEEK = timedelta(days=1), timedelta(days=7)
_CART_DAYS = _REPEAT_DAYS = 7
_SILENT_DAYS = 28


@dataclass
class Log:
    """What was told, in the order in which it was told. An `owner` is as in `Truth.owner_of`."""

    acts: list[tuple[Who, int | None, datetime]] = field(default_factory=list)
    asked: list[tuple[Who, int | None, datetime]] = field(default_factory=list)
    answers: list[tuple[str, Who, int | None, datetime, int]] = field(default_factory=list)
    visitors: list[tuple[Who, str, str, datetime]] = field(default_factory=list)
    shopping: list[tuple[Who, datetime, str, bool]] = field(default_factory=list)
    tickets: list[tuple[Who, str, Ticket]] = field(default_factory=list)
    sales: list[tuple[Who, ShopOrder]] = field(default_factory=list)
    entered: list[tuple[datetime, Identifier, str, str]] = field(default_factory=list)
    ordered: list[tuple[datetime, Identifier]] = field(default_factory=list)
    tried: list[tuple[str, datetime, Identifier, str]] = field(default_factory=list)
    employed: list[tuple[Who, str]] = field(default_factory=list)
    addressed: list[tuple[Identifier, str]] = field(default_factory=list)
    declared: set[tuple[str, str]] = field(default_factory=set)
    used: list[tuple[Who, datetime]] = field(default_factory=list)
    features: list[tuple[Who, datetime, str]] = field(default_factory=list)
    signed: list[tuple[Who, ShopOrder]] = field(default_factory=list)
    measured: dict[tuple[str, date, str], list[float]] = field(default_factory=lambda: defaultdict(list))
    rates: list[tuple[date, str, str]] = field(default_factory=list)
    """What one of a currency is worth in euros, as it is written."""
    reviews: list[tuple[date, str, int]] = field(default_factory=list)
    invited: list[tuple[Who, datetime, str]] = field(default_factory=list)
    decided: list[tuple[Who, datetime, str]] = field(default_factory=list)

    def with_lists_of(self, other: "Log") -> "Log":
        """This, and after it what another one was told, as far as that is kept in lists."""
        both = Log()
        for name in [of.name for of in fields(Log)]:
            own = getattr(self, name)
            setattr(both, name, own + getattr(other, name) if isinstance(own, list) else own)
        return both


class People:
    """Who is one person, as far as the evidence tells, or really."""

    def __init__(self, truth: Truth, partition: Iterable[frozenset[Identifier]]) -> None:
        self._profile_of = {identifier: min(profile) for profile in partition for identifier in profile}
        self._known = {
            identifier
            for profile in partition
            for identifier in profile
            if any(kind != "cookie_id" for kind, _ in profile)
        }
        self._truth = truth

    def profile(self, who: Who) -> Identifier | None:
        return None if who is None else self._profile_of[who]

    def visitor(self, who: Identifier) -> Identifier:
        """The profile; of a shared cookie with nobody logged in, the cookie."""
        return self._profile_of.get(who, who)

    def known(self, who: Who, owner: int | None, *, is_by_person: bool) -> object | None:
        """The known profile, or with `is_by_person` the real person, if it is a customer or has a name."""
        is_known = who is not None and who in self._known
        if is_by_person:
            return owner if owner is not None and (owner > 0 or is_known) else None
        return self.profile(who) if is_known else None

    def moments(
        self, told: Iterable[tuple[Who, int | None, datetime]], *, is_by_person: bool
    ) -> dict[object, list[datetime]]:
        """When each known one did what is told of (who, owner, at)."""
        found: dict[object, list[datetime]] = defaultdict(list)
        for who, owner, at in told:
            person = self.known(who, owner, is_by_person=is_by_person)
            if person is not None:
                found[person].append(at)
        return found


def people_kpis(log: Log, people: People, calendar: Calendar, *, is_by_person: bool) -> dict[Key, Parts]:
    """KPIs of active people and of their answers, by profile or by real person."""
    active = people.moments(log.acts, is_by_person=is_by_person)
    asked = [
        [calendar.day_of(at) for at in times]
        for times in people.moments(log.asked, is_by_person=is_by_person).values()
    ]
    days = [{calendar.day_of(at) for at in acts} for acts in active.values()]
    found: dict[Key, Parts] = {}
    for period, start, end in periods(calendar, ("week", "month")):
        here = [{day for day in of if start <= day < end} for of in days]
        there = sum(bool(of) for of in here)
        in_period = [[day for day in of if start <= day < end] for of in asked]
        key = (period, start, "all")
        found["support_rate", *key] = float(sum(map(bool, in_period))), float(there)
        found["contacts_per_100_active", *key] = float(sum(map(len, in_period))), float(there)
        found["stickiness", *key] = float(sum(map(len, here))), float(there * (end - start).days)
        if period == "month":
            stayed = [of for of in days if any(start - _SILENT_DAYS * _DAY <= day < start for day in of)]
            gone = sum(any(start <= day < end for day in _silences(of, end)) for of in stayed)
            found["churn_inactive_28d", *key] = float(gone), float(len(stayed))
    found |= _returns(list(active.values()), calendar)
    found |= _answers(log, people, calendar, is_by_person=is_by_person)
    return found


def counted_anew(log: Log, people: People, calendar: Calendar) -> dict[Key, Parts]:
    """KPIs of visitors, carts and tickets that are not summed over days, and the quantiles."""
    found: dict[Key, Parts] = {}
    by_period: dict[tuple[str, date], list[tuple[Who, str, str, datetime]]] = defaultdict(list)
    for row in log.visitors:
        for period in ("day", "week", "month"):
            by_period[period, start_of(calendar.day_of(row[3]), period)].append(row)
    for period, start, end in periods(calendar, ("day", "week", "month")):
        seen = by_period[period, start]
        for device in (None, *sorted({row[2] for row in seen})):
            of_device = [row for row in seen if device in (None, row[2])]
            key = (period, start, "all" if device is None else f"device={device}")
            cookies = {cookie for _, cookie, _, _ in of_device}
            found["visitors", *key] = float(len(cookies)), None
            found["visits_per_visitor", *key] = float(len(of_device)), float(len(cookies))
        persons = {people.profile(who) for who, *_ in seen} - {None}
        found["visitors_people", period, start, "all"] = float(len(persons)), None
        _support(found, log, people, calendar, (period, start, end))
    for period in ("day", "week", "month"):
        whole: dict[tuple[str, date, str], list[float]] = defaultdict(list)
        for (kpi, day, dimension), amounts in log.measured.items():
            whole[kpi, start_of(day, period), dimension] += amounts
        for (kpi, start, dimension), amounts in whole.items():
            put(found, (kpi, period, start, dimension), amounts, 0.5)
    return found | _carts(log, people, calendar)


def periods(calendar: Calendar, kinds: Sequence[str]) -> Iterator[tuple[str, date, date]]:
    """(kind, first day, day after) of the periods that the range touches, cut off where it ends."""
    for kind in kinds:
        for start in sorted({start_of(day, kind) for day in calendar.days()}):
            if kind == "month":
                end = (start + 31 * _DAY).replace(day=1)
            else:
                end = start + (_WEEK if kind == "week" else _DAY)
            yield kind, start, min(end, calendar.last_day + _DAY)


def start_of(day: date, kind: str) -> date:
    if kind == "month":
        return day.replace(day=1)
    return day - timedelta(days=day.weekday()) if kind == "week" else day


def _silences(days: set[date], end: date) -> list[date]:
    """The days on which so many days without an act are over, as far as acts before `end` tell."""
    acted = sorted(day for day in days if day < end)
    following = [*acted[1:], date.max]
    span = _SILENT_DAYS * _DAY
    return [day + span for day, then in zip(acted, following, strict=True) if then > day + span]


def _returns(active: list[list[datetime]], calendar: Calendar) -> dict[Key, Parts]:
    found: dict[Key, Parts] = {}
    today = calendar.last_day + _DAY
    by_week = [_first_of_weeks(acts, calendar) for acts in active]
    for _, week, _ in periods(calendar, ("week",)):
        there = [n for n, firsts in enumerate(by_week) if week in firsts]
        if week + 2 * _WEEK <= today:
            back = sum(week + _WEEK in by_week[n] for n in there)
            found["retention_calendar", "week", week, "all"] = float(back), float(len(there))
        if week + 3 * _WEEK <= today:
            rolled = sum(
                any(by_week[n][week] + _WEEK <= at < by_week[n][week] + 2 * _WEEK for at in active[n])
                for n in there
            )
            found["retention_rolling", "week", week, "all"] = float(rolled), float(len(there))
    return found


def _first_of_weeks(acts: list[datetime], calendar: Calendar) -> dict[date, datetime]:
    """Per week with an act the first of them."""
    firsts: dict[date, datetime] = {}
    for at in sorted(acts):
        firsts.setdefault(calendar.week_of(at), at)
    return firsts


def _answers(log: Log, people: People, calendar: Calendar, *, is_by_person: bool) -> dict[Key, Parts]:
    """NPS: of each person, survey and period the latest answer."""
    found: dict[Key, Parts] = {}
    for kind in ("week", "month"):
        latest: dict[tuple[str, date, object], tuple[datetime, int]] = {}
        for nth, (survey_id, who, owner, at, nps) in enumerate(log.answers):
            person: object = owner if is_by_person else people.profile(who)
            start = start_of(calendar.day_of(at), kind)
            one = (survey_id, start, ("nobody", nth) if person is None else person)
            latest[one] = max(latest.get(one, (at, nps)), (at, nps))
        scores: dict[tuple[str, date], list[int]] = defaultdict(list)
        for (survey_id, start, _), (_, nps) in latest.items():
            scores[survey_id, start].append(nps)
        for (survey_id, start), given in sorted(scores.items()):
            net = sum(score >= 9 for score in given) - sum(score <= 6 for score in given)
            found["nps", kind, start, f"survey={survey_id}"] = (float(net), float(len(given)))
    return found


def _carts(log: Log, people: People, calendar: Calendar) -> dict[Key, Parts]:
    """What is put into a cart and ordered within the window, by attempt policy."""
    orders: dict[object, list[datetime]] = defaultdict(list)
    attempts: dict[object, list[tuple[datetime, str, date]]] = defaultdict(list)
    for who, at, device, is_order in log.shopping:
        person = people.profile(who)
        if person is not None and is_order:
            orders[person].append(at)
        elif person is not None:
            attempts[person].append((at, device, calendar.day_of(at)))
    window = timedelta(days=_CART_DAYS)
    last = calendar.last_day - window
    found: dict[Key, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for kind, start, end in periods(calendar, ("day", "week", "month")):
        for buyer, tried in attempts.items():
            mature = [
                (any(at <= order <= at + window for order in orders[buyer]), at, device)
                for at, device, day in sorted(tried)
                if start <= day < end and day <= last
            ]
            if not mature:
                continue
            best = min(mature, key=lambda attempt: (not attempt[0], attempt[1]))
            counted = {"first": mature[:1], "deepest": [best], "every": mature if kind == "day" else []}
            for policy, rows in counted.items():
                for has_order, _, device in rows:
                    for dimension in ("all", f"device={device}"):
                        parts = found[f"cart_conversion_{policy}", kind, start, dimension]
                        parts[0] += has_order
                        parts[1] += 1
    return {key: (above, below) for key, (above, below) in found.items()}


def contacts(log: Log, calendar: Calendar) -> dict[Key, Parts]:
    """Tickets and orders of the same weeks and months."""
    found: dict[Key, Parts] = {}
    for kind, start, end in periods(calendar, ("week", "month")):
        written = [
            ticket for _, _, ticket in log.tickets if start <= calendar.day_of(ticket.created_at) < end
        ]
        sold = [order for _, order in log.sales if start <= calendar.day_of(order.created_at) < end]
        found["contacts_per_100_orders", kind, start, "all"] = float(len(written)), float(len(sold))
    return found


def _support(
    found: dict[Key, Parts], log: Log, people: People, calendar: Calendar, of: tuple[str, date, date]
) -> None:
    """Backlog, times and repeated contacts of one period."""
    kind, start, end = of
    day_of = calendar.day_of
    rows_here = [
        (who, why, ticket)
        for who, why, ticket in log.tickets
        if day_of(ticket.created_at) < end and (ticket.solved_at is None or day_of(ticket.solved_at) >= start)
    ]

    def is_here(at: datetime | None) -> bool:
        return at is not None and start <= day_of(at) < end

    reasons = (None, *sorted({reason for _, reason, _ in log.tickets}))
    for reason in reasons:
        dimension = "all" if reason is None else f"reason={reason}"
        rows = [row for row in rows_here if reason in (None, row[1])]
        tickets = [ticket for *_, ticket in rows]
        waiting = sum(
            calendar.day_of(t.created_at) < end
            and (t.solved_at is None or calendar.day_of(t.solved_at) >= end)
            for t in tickets
        )
        if waiting:
            found["ticket_backlog", kind, start, dimension] = float(waiting), None
        for kpi, spans in (
            ("first_response", [(t.created_at, t.first_reply_at) for t in tickets if is_here(t.created_at)]),
            ("resolution", [(t.created_at, t.solved_at) for t in tickets if is_here(t.solved_at)]),
        ):
            ended = [(begin, end) for begin, end in spans if end is not None]
            hours = [_hours(begin, end) for begin, end in ended]
            open_hours = [calendar.open_s(begin, end) / 3600 for begin, end in ended]
            for name, share in (("median", 0.5), ("p90", 0.9)):
                put(found, (f"{kpi}_{name}", kind, start, dimension), hours, share)
                put(found, (f"{kpi}_business_{name}", kind, start, dimension), open_hours, share)
        solved = [
            (who, why, ticket)
            for who, why, ticket in rows
            if is_here(ticket.solved_at) and ticket.solved_at is not None and people.profile(who) is not None
            if calendar.day_of(ticket.solved_at) <= calendar.last_day - _REPEAT_DAYS * _DAY
        ]
        if kind == "day" and solved:
            again = sum(_is_repeated(row, log, people) for row in solved)
            key = (kind, start, dimension)
            found["repeat_contact_rate", *key] = float(again), float(len(solved))
            found["first_contact_resolution", *key] = float(len(solved) - again), float(len(solved))


def _is_repeated(row: tuple[Who, str, Ticket], log: Log, people: People) -> bool:
    """Whether the person came again for the same reason, by a week after the solution."""
    who, reason, ticket = row
    assert ticket.solved_at is not None
    until = ticket.solved_at + timedelta(days=_REPEAT_DAYS)
    return any(
        people.profile(other) == people.profile(who)
        and why == reason
        and (ticket.created_at, ticket.ticket_id) < (later.created_at, later.ticket_id)
        and later.created_at <= until
        for other, why, later in log.tickets
    )


def _hours(begin: datetime, end: datetime) -> float:
    return (end - begin).total_seconds() / 3600


def put(found: dict[Key, Parts], key: Key, amounts: list[float], share: float) -> None:
    """The quantile, linear between ranks; nothing where there are no amounts."""
    if amounts:
        ordered = sorted(amounts)
        place = (len(ordered) - 1) * share
        under = int(place)
        low, high = ordered[under], ordered[min(under + 1, len(ordered) - 1)]
        found[key] = (low + (high - low) * (place - under), None)
