"""The truth of business customers: contracts, seats and their users; a part of the `truth`.

Who is of which companies is what the emitted evidence tells: a record that names it, or an address of its
domain, where the company declared it or half of those who have one are told to be of the company.
"""

from collections import defaultdict
from datetime import date, datetime, timedelta
from math import ceil, inf

from journey_platform.demo.calendar import Calendar
from journey_platform.demo.names import domain_of
from journey_platform.demo.reckoning import Identifier, Key, Log, Parts, People, periods, put, start_of
from journey_platform.demo.world import ShopOrder

_DAY = timedelta(days=1)
_BEGIN, _ADDED = timedelta(days=28), timedelta(days=30)
_BEFORE_RENEWAL = timedelta(days=90)
_BASELINE = 4

Used = dict[str, dict[Identifier, list[datetime]]]


def account_kpis(log: Log, people: People, calendar: Calendar) -> dict[Key, Parts]:
    """All KPIs of accounts."""
    companies_of = _companies(log, people)
    used: Used = defaultdict(lambda: defaultdict(list))
    for who, at in log.used:
        profile = people.profile(who)
        if profile is not None:
            for name in companies_of.get(profile, ()):
                used[name][profile].append(at)
    signed: dict[str | None, list[ShopOrder]] = defaultdict(list)
    for who, order in sorted(log.signed, key=lambda deal: deal[1].created_at):
        buyer = people.profile(who)
        theirs = companies_of.get(buyer) if buyer is not None else None
        signed[theirs[0] if theirs else None].append(order)
    counts: dict[Key, list[float]] = defaultdict(lambda: [0.0, 0.0])

    def count(kpi: str, day: date, dimensions: tuple[str, ...], above: float, below: float) -> None:
        for dimension in dimensions:
            parts = counts[kpi, "day", day, dimension]
            parts[0] += above
            parts[1] += below

    found: dict[Key, Parts] = {}
    hours: dict[tuple[str, date], list[float]] = defaultdict(list)
    shapes: dict[date, list[str]] = defaultdict(list)
    for company, orders in signed.items():
        for order in orders:
            dimensions = ("all", f"company={company or 'Unassigned'}")
            count("contracts", calendar.day_of(order.created_at), dimensions, 1, 0)
        if company is None:
            continue
        first, day = orders[0].created_at, calendar.day_of(orders[0].created_at)
        uses = [at for acts in used.get(company, {}).values() for at in acts]
        begun = min(uses, default=None)
        if begun is not None:
            shapes[calendar.day_of(max(first, begun))].append("bottom-up" if begun < first else "top-down")
        if (begun is None or begun >= first) and day + _BEGIN <= calendar.last_day:
            is_begun = begun is not None and begun - first <= _BEGIN
            count("contract_in_use_28d", day, ("all",), is_begun, 1)
            if begun is not None and is_begun:
                for kind in ("week", "month"):
                    start = day - day.weekday() * _DAY if kind == "week" else day.replace(day=1)
                    hours[kind, start].append((begun - first).total_seconds() / 3600)
    found |= _halves(signed, used, calendar)
    for (kind, start), amounts in hours.items():
        put(found, ("contract_to_first_user_median", kind, start, "all"), amounts, 0.5)
    for day, of_day in shapes.items():
        for shape in set(of_day):
            parts = float(of_day.count(shape)), float(len(of_day))
            found["account_shape", "day", day, f"shape={shape}"] = parts
    for company, acts in used.items():
        deals = signed.get(company, [])
        live = max(deals[0].created_at, min(map(min, acts.values()))) if deals else None
        for profile, uses in acts.items():
            at, is_main = min(uses), companies_of[profile][0] == company
            is_added = live is not None and at - live > _ADDED
            dimensions = (*(("all",) if is_main else ()), f"company={company}")
            count("users_added", calendar.day_of(at), dimensions, is_added, 1)
    found |= {
        key: (above, None if key[0] == "contracts" else below) for key, (above, below) in counts.items()
    }
    features = _features(log, people, companies_of, signed, used, calendar)
    found |= _invited(log, people, companies_of, signed, used, calendar)
    found |= _renewals(log, people, companies_of, signed, used, calendar)
    return found | _seats(signed, used, calendar) | features


def _features(
    log: Log,
    people: People,
    companies_of: dict[Identifier, list[str]],
    signed: dict[str | None, list[ShopOrder]],
    used: Used,
    calendar: Calendar,
) -> dict[Key, Parts]:
    """Of the members that were there in four weeks, who used each feature; and of how many companies under
    contract they are."""
    days = {who: {calendar.day_of(at) for at in acts} for of in used.values() for who, acts in of.items()}
    found: dict[Key, Parts] = {}
    for kind, start, end in periods(calendar, ("week",)):
        since = end - _BEGIN
        there = [who for who, of in days.items() if any(since <= day < end for day in of)]
        users: dict[str, set[Identifier | None]] = defaultdict(set)
        for who, at, feature in log.features:
            if since <= calendar.day_of(at) < end and people.profile(who) in companies_of:
                users[feature].add(people.profile(who))
        bound = {company for company, of in signed.items() if company and _running(of, end, calendar)}
        for feature, of_feature in users.items():
            parts = float(len(of_feature)), float(len(there))
            found["feature_adoption", kind, start, f"feature={feature}"] = parts
            theirs = {company for who in of_feature if who for company in companies_of[who]}
            parts = float(len(theirs & bound)), float(len(bound))
            found["feature_adoption_accounts", kind, start, f"feature={feature}"] = parts
    return found


def _halves(signed: dict[str | None, list[ShopOrder]], used: Used, calendar: Calendar) -> dict[Key, Parts]:
    """How long it is from each first contract until half of its seats were ever used."""
    hours: dict[tuple[str, date], list[float]] = defaultdict(list)
    for company, orders in signed.items():
        day, seats = calendar.day_of(orders[0].created_at), orders[0].seats or 0
        if company is None or day + _BEGIN > calendar.last_day:
            continue
        firsts = sorted(map(min, used.get(company, {}).values()))
        half = ceil(seats / 2)
        spent = firsts[half - 1] - orders[0].created_at if len(firsts) >= half else timedelta.max
        amount = max(spent.total_seconds() / 3600, 0.0) if spent <= _BEGIN else inf
        for kind in ("week", "month"):
            hours[kind, start_of(day, kind)].append(amount)
    found: dict[Key, Parts] = {}
    for (kind, start), amounts in hours.items():
        is_half = sum(amount < inf for amount in amounts)
        found["half_of_seats_28d", kind, start, "all"] = float(is_half), float(len(amounts))
        _put_middle(found, ("time_to_half_of_seats", kind, start, "all"), amounts)
    return found


def _put_middle(found: dict[Key, Parts], key: Key, amounts: list[float]) -> None:
    """What half of them take at most; nothing where fewer than half get there."""
    middle = sorted(amounts)[ceil(len(amounts) / 2) - 1]
    if middle < inf:
        found[key] = middle, None


def _invited(
    log: Log,
    people: People,
    companies_of: dict[Identifier, list[str]],
    signed: dict[str | None, list[ShopOrder]],
    used: Used,
    calendar: Calendar,
) -> dict[Key, Parts]:
    """Who is invited to a company's account and was not there before: who comes, and how soon."""
    firsts: dict[Identifier, datetime] = {}
    for who, at, _ in sorted(log.invited, key=lambda deed: deed[1]):
        profile = people.profile(who)
        if profile in companies_of:
            firsts.setdefault(profile, at)
    hours: dict[tuple[str, date, str], list[float]] = defaultdict(list)
    for profile, at in firsts.items():
        company, day = companies_of[profile][0], calendar.day_of(at)
        acts, deals = used.get(company, {}), signed.get(company)
        first = min(acts.get(profile, ()), default=None)
        if day + _BEGIN > calendar.last_day or (first is not None and first < at):
            continue
        live = max(deals[0].created_at, min(map(min, acts.values()))) if deals and acts else None
        phase = "steady" if live is not None and at - live > _ADDED else "roll-out"
        amount = (first - at).total_seconds() / 3600 if first and first - at <= _BEGIN else inf
        for kind in ("week", "month"):
            for dimension in ("all", f"company={company}", f"phase={phase}"):
                hours[kind, start_of(day, kind), dimension].append(amount)
    found: dict[Key, Parts] = {}
    for key, amounts in hours.items():
        found["invited_active_28d", *key] = float(sum(a < inf for a in amounts)), float(len(amounts))
        if not key[2].startswith("company="):
            _put_middle(found, ("time_to_activate", *key), amounts)
    return found


def _renewals(
    log: Log,
    people: People,
    companies_of: dict[Identifier, list[str]],
    signed: dict[str | None, list[ShopOrder]],
    used: Used,
    calendar: Calendar,
) -> dict[Key, Parts]:
    """Seats in use three months before a contract was renewed or ended."""
    counts: dict[Key, list[float]] = defaultdict(lambda: [0.0, 0.0])
    decisions = {
        (companies_of[profile][0], calendar.day_of(at), what)
        for who, at, what in log.decided
        if (profile := people.profile(who)) in companies_of
    }
    for company, day, outcome in decisions:
        asked_on = day - _BEFORE_RENEWAL
        running = _running(signed.get(company, []), asked_on, calendar)
        if running:
            days = [{calendar.day_of(at) for at in acts} for acts in used.get(company, {}).values()]
            seats = running[-1].seats or 0
            for dimension in ("all", f"company={company}", f"outcome={outcome}"):
                parts = counts["seats_active_before_renewal", "month", day.replace(day=1), dimension]
                parts[0] += min(_active(days, asked_on - _BEGIN, asked_on), seats)
                parts[1] += seats
    return {key: (above, below) for key, (above, below) in counts.items()}


def _companies(log: Log, people: People) -> dict[Identifier, list[str]]:
    """The companies of each profile, the main one first: what the list tells, told before the desk's."""
    named: dict[str, set[Identifier]] = defaultdict(set)
    found: dict[Identifier, list[str]] = defaultdict(list)
    for who, company in log.employed:
        if (profile := people.profile(who)) is not None:
            named[company].add(profile)
            found[profile] += [company] if company not in found[profile] else []
    at: dict[str, set[Identifier]] = defaultdict(set)
    for somebody, domain in log.addressed:
        if (profile := people.profile(somebody)) is not None:
            at[domain].add(profile)
    for company, told in named.items():
        domain = domain_of(company)
        there = at[domain]
        is_tied = (company, domain) in log.declared or 2 * len(told & there) >= len(there)
        for profile in there - told if is_tied else ():
            found[profile].append(company)
    return found


def _seats(signed: dict[str | None, list[ShopOrder]], used: Used, calendar: Calendar) -> dict[Key, Parts]:
    """Seats that are sold, taken and used when a period ends, who falls silent, who left since it began."""
    counts: dict[Key, list[float]] = defaultdict(lambda: [0.0, 0.0])
    days = {
        company: [{calendar.day_of(at) for at in acts} for acts in of.values()]
        for company, of in used.items()
    }
    for kind, start, end in periods(calendar, ("week", "month")):
        for company, orders in signed.items():
            running = _running(orders, end, calendar)
            if company and kind == "month" and (before := _running(orders, start, calendar)):
                seats_before, after = before[-1].seats or 0, running[-1].seats or 0 if running else 0
                paid, later = before[-1].total, running[-1].total if running else 0.0
                for kpi, amount in (("net", later), ("gross", min(later, paid))):
                    parts = counts[f"revenue_retention_{kpi}", kind, start, "currency=EUR"]
                    parts[0] += amount
                    parts[1] += paid
                for dimension in ("all", f"company={company}"):
                    for kpi, above, below in (
                        ("contract_churn", not running, 1),
                        ("seat_retention_net", after, seats_before),
                        ("seat_retention_gross", min(after, seats_before), seats_before),
                    ):
                        parts = counts[kpi, kind, start, dimension]
                        parts[0] += above
                        parts[1] += below
            if company is None or not running:
                continue
            latest, people = running[-1], days.get(company, [])
            seats = latest.seats or 0
            active = _active(people, start, end)
            amounts = [("seats_activated", sum(min(of) < end for of in people)), ("seats_active", active)]
            dimensions = ("all", f"company={company}")
            for dimension in dimensions:
                for kpi, amount in amounts:
                    parts = counts[kpi, kind, start, dimension]
                    parts[0] += min(amount, seats)
                    parts[1] += seats
            weeks = [start - n * 7 * _DAY for n in range(1, _BASELINE + 1)]
            weekly = sum(_active(people, week, week + 7 * _DAY) for week in weeks)
            is_whole = kind == "week" and (end - start).days == 7
            if is_whole and weekly and calendar.day_of(latest.created_at) < start:
                for dimension in dimensions:
                    parts = counts["silent_churn", kind, start, dimension]
                    parts[0] += active <= weekly / _BASELINE / 2
                    parts[1] += 1
    return {key: (above, below) for key, (above, below) in counts.items()}


def _running(orders: list[ShopOrder], day: date, calendar: Calendar) -> list[ShopOrder]:
    """The contracts that run when a day begins."""
    return [
        order
        for order in orders
        if calendar.day_of(order.created_at) < day
        and (order.cancelled_at is None or calendar.day_of(order.cancelled_at) >= day)
    ]


def _active(people: list[set[date]], start: date, end: date) -> int:
    return sum(any(start <= day < end for day in of) for of in people)
