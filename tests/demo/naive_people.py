"""Recounts what a demo world's people did, from its records: customers, visitors, carts and tickets.

Who is one person is told by `naive.profiles`. Each number is counted on its own, the slow way.
"""

import math
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from journey_platform.demo.world import Ticket, World
from tests.demo.naive import Key, Parts, begin, kept_actions, normal, profiles

DAY = timedelta(days=1)


class Recount:
    """A world's records by person."""

    def __init__(self, world: World) -> None:
        self.world, self.profile = world, profiles(world)
        self.zone = ZoneInfo(world.zone)
        self.known = {number for (kind, _), number in self.profile.items() if kind != "cookie_id"}
        self.today = world.last_day + DAY
        self.visits = list({v.visit_id: v for v in world.visits if not v.is_bot}.values())
        self.tickets = [t for t in world.tickets if t.status != "deleted" and "spam" not in t.tags]

    def who(self, *identifiers: tuple[str, str | None]) -> int | None:
        for kind, value in identifiers:
            identifier = normal(kind, value)
            if identifier and identifier in self.profile:
                return self.profile[identifier]
        return None

    def visitor(self, visit: object) -> int | None:
        user = visit.user_id  # type: ignore[attr-defined]
        kind = "email" if "@" in (user or "") else "user_id"
        return self.who((kind, user), ("cookie_id", visit.cookie))  # type: ignore[attr-defined]

    def requester(self, ticket: Ticket) -> int | None:
        return self.who(("support", str(ticket.requester_id)))

    def day(self, at: datetime) -> date:
        return at.astimezone(self.zone).date()

    def periods(self, *kinds: str) -> Iterator[tuple[str, date, date]]:
        days = [self.world.first_day + n * DAY for n in range((self.today - self.world.first_day).days)]
        for kind in kinds:
            for start in {begin(day, kind) for day in days}:
                end = start + DAY
                while begin(end, kind) == start and end < self.today:
                    end += DAY
                yield kind, start, end

    def acts(self) -> dict[int, list[datetime]]:
        """What known people did themselves."""
        world, found = self.world, defaultdict(list)
        told: list[tuple[int | None, datetime]] = []
        for visit in self.visits:
            told += [(self.visitor(visit), action.at) for action in kept_actions(visit)]
        for campaign in world.campaigns:
            opened = [(a.email, a.at) for a in campaign.actions if a.action != "bounce" and a.ip[:3] != "17."]
            for email, at in opened + campaign.unsubscribed:
                told.append((self.who(("email", email), ("list", email)), at))
        for ticket in self.tickets:
            told += [(self.requester(ticket), at) for at in (ticket.created_at, ticket.rated_at) if at]
        told += [(self.who(("social_handle", p.handle)), p.at) for p in world.posts if not p.is_brand]
        for line in world.files.get("accounts.csv", "").splitlines()[1:]:
            told_at, what, mail = line.split(",")
            if what == "renewed":
                told.append((self.who(("email", mail)), datetime.fromisoformat(told_at)))
        for o in [order for order in world.orders if not order.is_test]:
            told.append((self.who(("email", o.email), ("phone", o.phone)), o.created_at))
        for r in world.responses:
            if r.is_finished and r.distribution != "preview":
                told.append((self.who(("user_id", r.user_id), ("email", r.email)), r.recorded_at))
        for person, at in told:
            if person in self.known:
                found[person].append(at)
        return found


def people_kpis(world: World) -> dict[Key, Parts]:
    recount = Recount(world)
    days = {person: {recount.day(at) for at in acts} for person, acts in recount.acts().items()}
    asked = [(recount.requester(t), recount.day(t.created_at)) for t in recount.tickets]
    kpis: dict[Key, Parts] = {}
    for kind, start, end in recount.periods("week", "month"):
        active = {person: {d for d in of if start <= d < end} for person, of in days.items()}
        active = {person: of for person, of in active.items() if of}
        contacts = [p for p, day in asked if p in recount.known and start <= day < end]
        n = float(len(active))
        kpis["support_rate", kind, start, "all"] = float(len(set(contacts))), n
        kpis["contacts_per_100_active", kind, start, "all"] = float(len(contacts)), n
        in_all = float(sum(len(of) for of in active.values()))
        kpis["stickiness", kind, start, "all"] = in_all, n * (end - start).days
        if kind == "month":
            before = [of for of in days.values() if any(start - 28 * DAY <= day < start for day in of)]
            gone = 0
            for of in before:
                # Silent on each of 28 days up to a day of the month, after an act on the day before them.
                gone += any(
                    day - 28 * DAY in of and not any(day - n * DAY in of for n in range(28))
                    for day in (start + n * DAY for n in range((end - start).days))
                )
            kpis["churn_inactive_28d", kind, start, "all"] = float(gone), float(len(before))
    return kpis | _returns(recount) | _answers(recount)


def _returns(recount: Recount) -> dict[Key, Parts]:
    kpis: dict[Key, Parts] = {}
    acts = recount.acts()
    for _, monday, _ in recount.periods("week"):
        cohort = [
            sorted(of) for of in acts.values() if any(begin(recount.day(at), "week") == monday for at in of)
        ]
        n = float(len(cohort))
        if recount.today >= monday + 14 * DAY:
            after = monday + 7 * DAY
            back = [of for of in cohort if any(begin(recount.day(at), "week") == after for at in of)]
            kpis["retention_calendar", "week", monday, "all"] = float(len(back)), n
        if recount.today >= monday + 21 * DAY:
            back = []
            for of in cohort:
                first = next(at for at in of if begin(recount.day(at), "week") == monday)
                if any(7 <= (at - first) / DAY < 14 for at in of):
                    back.append(of)
            kpis["retention_rolling", "week", monday, "all"] = float(len(back)), n
    return kpis


def _answers(recount: Recount) -> dict[Key, Parts]:
    kpis: dict[Key, Parts] = {}
    for kind in ("week", "month"):
        latest: dict[tuple[str, date, object], tuple[datetime, int]] = {}
        for r in recount.world.responses:
            if r.is_finished and r.distribution != "preview" and r.nps is not None:
                person = recount.who(("user_id", r.user_id), ("email", r.email))
                start = begin(recount.day(r.recorded_at), kind)
                key = (r.survey_id, start, r.response_id if person is None else person)
                latest[key] = max(latest.get(key, (r.recorded_at, r.nps)), (r.recorded_at, r.nps))
        for survey, start in {key[:2] for key in latest}:
            scores = [score for key, (_, score) in latest.items() if key[:2] == (survey, start)]
            net = sum(score >= 9 for score in scores) - sum(score <= 6 for score in scores)
            kpis["nps", kind, start, f"survey={survey}"] = (float(net), float(len(scores)))
    return kpis


def visitor_kpis(world: World) -> dict[Key, Parts]:
    recount = Recount(world)
    kpis: dict[Key, Parts] = {}
    rows = [(recount.day(v.actions[0].at), v.cookie, v.device, recount.visitor(v)) for v in recount.visits]
    for kind, start, end in recount.periods("day", "week", "month"):
        seen = [row for row in rows if start <= row[0] < end]
        for device in {None, *(row[2] for row in seen)}:
            of = [row[1] for row in seen if device in (None, row[2])]
            dimension = f"device={device}" if device else "all"
            kpis["visitors", kind, start, dimension] = float(len(set(of))), None
            kpis["visits_per_visitor", kind, start, dimension] = float(len(of)), float(len(set(of)))
        people = {row[3] for row in seen if row[3] is not None}
        kpis["visitors_people", kind, start, "all"] = float(len(people)), None
    return kpis


def cart_kpis(world: World) -> dict[Key, Parts]:
    recount = Recount(world)
    orders, tries = [], []
    for visit in recount.visits:
        person = recount.visitor(visit)
        for action in kept_actions(visit):
            if person is not None and action.kind == "order":
                orders.append((person, action.at))
            if person is not None and action.kind == "add_to_cart":
                tries.append((action.at, person, visit.device))
    tries = [t for t in sorted(tries) if recount.day(t[0]) + 7 * DAY < recount.today]
    is_won = {t: any(p == t[1] and 0 <= (at - t[0]) / DAY <= 7 for p, at in orders) for t in tries}
    kpis: dict[Key, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for kind, start, end in recount.periods("day", "week", "month"):
        here = [t for t in tries if start <= recount.day(t[0]) < end]
        first: dict[int, tuple[datetime, int, str]] = {}
        best: dict[int, tuple[datetime, int, str]] = {}
        for t in here:
            first.setdefault(t[1], t)
            if t[1] not in best or (is_won[t] and not is_won[best[t[1]]]):
                best[t[1]] = t
        chosen = {"first": first.values(), "deepest": best.values(), "every": here if kind == "day" else ()}
        for policy, of in chosen.items():
            for t in of:
                for dimension in ("all", f"device={t[2]}"):
                    parts = kpis[f"cart_conversion_{policy}", kind, start, dimension]
                    parts[0] += is_won[t]
                    parts[1] += 1
    return {key: (above, below) for key, (above, below) in kpis.items()}


def ticket_kpis(world: World) -> dict[Key, Parts]:
    recount = Recount(world)
    kpis: dict[Key, Parts] = {}
    for kind, start, end in recount.periods("day", "week", "month"):

        def here(at: datetime | None, start: date = start, end: date = end) -> bool:
            return at is not None and start <= recount.day(at) < end

        created = [t for t in recount.tickets if here(t.created_at)]
        for reason in {"all", *(f"reason={t.tags[0]}" for t in recount.tickets)}:
            of = [t for t in recount.tickets if reason in ("all", f"reason={t.tags[0]}")]
            new = [t for t in of if t in created]
            rated = [t for t in of if here(t.rated_at)]
            key = (kind, start, reason)
            if kind == "day":
                if new:
                    kpis["tickets", *key] = float(len(new)), None
                    if reason != "all":
                        kpis["ticket_reasons", *key] = float(len(new)), float(len(created))
                if rated:
                    kpis["csat", *key] = float(sum(t.rating == "good" for t in rated)), float(len(rated))
                over = [t for t in of if here(t.solved_at) and start + 14 * DAY < recount.today]
                late = [t for t in over if t.rated_at and recount.day(t.rated_at) <= start + 14 * DAY]
                if late:
                    good = sum(t.rating == "good" for t in late)
                    kpis["csat_when_solved", *key] = float(good), float(len(late))
                _repeats(kpis, key, recount, [t for t in of if here(t.solved_at)])
            waiting = [
                t
                for t in of
                if recount.day(t.created_at) < end and not (t.solved_at and recount.day(t.solved_at) < end)
            ]
            if waiting:
                kpis["ticket_backlog", *key] = float(len(waiting)), None
            answered = [(t.created_at, t.first_reply_at) for t in new if t.first_reply_at]
            solved = [(t.created_at, t.solved_at) for t in of if t.solved_at and here(t.solved_at)]
            for kpi, spans in (("first_response", answered), ("resolution", solved)):
                for name, share in (("median", 0.5), ("p90", 0.9)):
                    if spans:
                        hours = sorted(_hours(*span) for span in spans)
                        kpis[f"{kpi}_{name}", *key] = _quantile(hours, share), None
                        hours = sorted(_open_hours(recount, *span) for span in spans)
                        kpis[f"{kpi}_business_{name}", *key] = _quantile(hours, share), None
        orders = [order for order in world.orders if not order.is_test and here(order.created_at)]
        if kind != "day" and (created or orders):
            contacts = float(len(created)), float(len(orders))
            kpis["contacts_per_100_orders", kind, start, "all"] = contacts
        if kind == "day" and created:
            kpis["tickets_unmatched", kind, start, "all"] = 0.0, float(len(created))
            kpis["tickets_without_reason", kind, start, "all"] = 0.0, float(len(created))
    return kpis


def _repeats(
    kpis: dict[Key, Parts], key: tuple[str, date, str], recount: Recount, solved: list[Ticket]
) -> None:
    followed = [t for t in solved if t.solved_at and recount.day(t.solved_at) + 7 * DAY < recount.today]
    again = 0
    for ticket in followed:
        assert ticket.solved_at is not None
        again += any(
            recount.requester(other) == recount.requester(ticket)
            and other.tags[0] == ticket.tags[0]
            and ticket.created_at < other.created_at <= ticket.solved_at + 7 * DAY
            for other in recount.tickets
        )
    if followed:
        kpis["repeat_contact_rate", *key] = float(again), float(len(followed))
        kpis["first_contact_resolution", *key] = float(len(followed) - again), float(len(followed))


def _hours(begin: datetime, end: datetime) -> float:
    return (end - begin).total_seconds() / 3600


def _open_hours(recount: Recount, begin: datetime, end: datetime) -> float:
    """By the company's hours: half past eight to six from Monday to Friday, less its days off."""
    seconds, day = 0.0, recount.day(begin)
    while day <= recount.day(end):
        opens, closes = (datetime.combine(day, at, recount.zone) for at in (time(8, 30), time(18)))
        is_open = day.isoweekday() < 6 and str(day) not in ("2026-10-30", "2026-12-25", "2027-01-01")
        if is_open and begin < closes and opens < end:
            seconds += min(closes, end).timestamp() - max(opens, begin).timestamp()
        day += DAY
    return seconds / 3600


def _quantile(hours: list[float], share: float) -> float:
    place = (len(hours) - 1) * share
    low, high = hours[math.floor(place)], hours[math.ceil(place)]
    return low + (high - low) * (place - math.floor(place))
