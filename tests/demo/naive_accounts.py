"""Recounts a demo world's business customers from its records: contracts, seats, users, who falls silent."""

import math
from collections import defaultdict
from datetime import date, datetime
from statistics import median, median_low

from journey_platform.demo.world import ShopOrder, World
from tests.demo.naive import Key, Parts, begin, kept_actions
from tests.demo.naive_commerce import buyer
from tests.demo.naive_people import DAY, Recount


def companies_of(recount: Recount) -> dict[int, list[str]]:
    """By profile the companies that the list and the desk name; then those whose domains it writes from."""
    world = recount.world
    told: dict[int, list[str]] = defaultdict(list)
    addresses: dict[int, set[str]] = defaultdict(set)
    for member in world.members:
        who = recount.who(("list", member.email))
        assert who is not None
        addresses[who].add(member.email.strip().lower().split("@")[1])
        if member.company:
            told[who].append(member.company)
    named = {of.organization_id: of.name for of in world.organizations}
    for u in world.support_users:
        who = recount.who(("support", str(u.user_id)))
        if who is not None and u.organization_id is not None:
            told[who].append(named[u.organization_id])
    for membership in world.memberships:
        who = recount.who(("support", str(membership.user_id)))
        if who is not None and not membership.is_default:
            told[who].append(named[membership.organization_id])
    others: list[tuple[int | None, str | None]] = []
    others += [(recount.who(("support", str(u.user_id))), u.email) for u in world.support_users]
    others += [(buyer(recount, o), o.email) for o in world.orders if not o.is_test]
    for r in world.responses:
        if r.is_finished and r.distribution != "preview":
            others.append((recount.who(("user_id", r.user_id), ("email", r.email)), r.email))
    for who, email in others:
        if who is not None and email:
            addresses[who].add(email.strip().lower().split("@")[1])
    found = {who: list(dict.fromkeys(companies)) for who, companies in told.items()}
    for company in {name for names in told.values() for name in names}:
        domain = company.lower().replace(" ", "-") + ".example"
        there = [who for who, of in addresses.items() if domain in of]
        is_declared = any(of.name == company and domain in of.domain_names for of in world.organizations)
        if is_declared or 2 * sum(company in told.get(who, ()) for who in there) >= len(there):
            for who in there:
                found[who] = list(dict.fromkeys([*found.get(who, ()), company]))
    return found


def used_by(recount: Recount, companies: dict[int, list[str]]) -> dict[str, dict[int, list[datetime]]]:
    """By company and member, when they did something on the site."""
    used: dict[str, dict[int, list[datetime]]] = defaultdict(lambda: defaultdict(list))
    for visit in recount.visits:
        who = recount.visitor(visit)
        for name in companies.get(who, ()) if who is not None else ():
            used[name][who] += [action.at for action in kept_actions(visit)]
    return used


def contracts_of(recount: Recount, companies: dict[int, list[str]]) -> dict[str | None, list[ShopOrder]]:
    """By company the orders of seats, the first one first."""
    contracts: dict[str | None, list[ShopOrder]] = defaultdict(list)
    for order in sorted(recount.world.orders, key=lambda o: o.created_at):
        if order.seats is not None:
            who = buyer(recount, order)
            theirs = companies.get(who) if who is not None else None
            contracts[theirs[0] if theirs else None].append(order)
    return contracts


def account_kpis(world: World) -> dict[Key, Parts]:
    recount = Recount(world)
    companies = companies_of(recount)
    used, contracts = used_by(recount, companies), contracts_of(recount, companies)
    kpis: dict[Key, list[float]] = defaultdict(lambda: [0.0, 0.0])
    hours: dict[Key, list[float]] = defaultdict(list)
    shapes: dict[date, list[str]] = defaultdict(list)

    def add(kpi: str, kind: str, day: date, of: list[str], above: float, below: float) -> None:
        for dimension in of:
            kpis[kpi, kind, day, dimension][0] += above
            kpis[kpi, kind, day, dimension][1] += below

    for name, orders in contracts.items():
        for order in orders:
            add(
                "contracts",
                "day",
                recount.day(order.created_at),
                ["all", f"company={name or 'Unassigned'}"],
                1,
                0,
            )
        if name is None:
            continue
        first = orders[0].created_at
        begun = min((at for acts in used[name].values() for at in acts), default=None)
        is_up = begun is not None and begun < first
        if begun is not None:
            shapes[recount.day(begun if begun > first else first)].append(
                "bottom-up" if is_up else "top-down"
            )
        day = recount.day(first)
        if day + 28 * DAY < recount.today:
            taken = sorted(min(of) for of in used[name].values())
            waits = [
                max(at - first, 0 * DAY)
                for nth, at in enumerate(taken, 1)
                if 2 * nth >= (orders[0].seats or 0)
            ]
            wait = min(waits, default=29 * DAY)
            for kind in ("week", "month"):
                add("half_of_seats_28d", kind, begin(day, kind), ["all"], wait <= 28 * DAY, 1)
                spent = wait.total_seconds() / 3600 if wait <= 28 * DAY else math.inf
                hours["time_to_half_of_seats", kind, begin(day, kind), "all"].append(spent)
        if not is_up and day + 28 * DAY < recount.today:
            in_time = begun is not None and (begun - first) / DAY <= 28
            add("contract_in_use_28d", "day", day, ["all"], in_time, 1)
            for kind in ("week", "month") if in_time and begun is not None else ():
                spent = (begun - first).total_seconds() / 3600
                hours["contract_to_first_user_median", kind, begin(day, kind), "all"].append(spent)
    for name, acts in used.items():
        for who, of_user in acts.items():
            signed = contracts[name][0].created_at if contracts[name] else None
            began = min(at for of in acts.values() for at in of)
            is_added = signed is not None and (min(of_user) - max(signed, began)) / DAY > 30
            of = [*(["all"] if companies[who][0] == name else []), f"company={name}"]
            add("users_added", "day", recount.day(min(of_user)), of, is_added, 1)
    for kind, start, end in recount.periods("week", "month"):
        for name, orders in contracts.items():
            there, running = (
                [
                    order
                    for order in orders
                    if recount.day(order.created_at) < moment
                    and not (order.cancelled_at and recount.day(order.cancelled_at) < moment)
                ]
                for moment in (start, end)
            )
            if name is not None and there and kind == "month":
                old, new = (of[-1].seats or 0 if of else 0 for of in (there, running))
                by = ["all", f"company={name}"]
                price, now_paid = there[-1].total, sum(o.total for o in running[-1:])
                add("revenue_retention_net", kind, start, ["currency=EUR"], now_paid, price)
                add("revenue_retention_gross", kind, start, ["currency=EUR"], min(now_paid, price), price)
                add("contract_churn", kind, start, by, running == [], 1)
                add("seat_retention_net", kind, start, by, new, old)
                add("seat_retention_gross", kind, start, by, new if new < old else old, old)
            if name is None or not running:
                continue
            seats = running[-1].seats or 0
            days = [{recount.day(at) for at in acts} for acts in used[name].values()]
            ever = [of for of in days if any(day < end for day in of)]
            now = [of for of in days if any(start <= day < end for day in of)]
            by = ["all", f"company={name}"]
            add("seats_activated", kind, start, by, min(len(ever), seats), seats)
            add("seats_active", kind, start, by, min(len(now), seats), seats)
            past = {(n, begin(day, "week")) for n, of in enumerate(days) for day in of}
            before = sum(0 < (start - week).days <= 28 for _, week in past)
            is_healthy = recount.day(running[-1].created_at) < start and (end - start).days == 7
            if kind == "week" and before and is_healthy:
                add("silent_churn", kind, start, by, 8 * len(now) <= before, 1)
    found: dict[Key, Parts] = {
        key: (above, None if key[0] == "contracts" else below) for key, (above, below) in kpis.items()
    }
    for key, spent_by in hours.items():
        is_plain = key[0] == "contract_to_first_user_median"
        middle = median(spent_by) if is_plain else median_low(spent_by)
        if middle < math.inf:
            found[key] = middle, None
    members = [visit for visit in recount.visits if recount.visitor(visit) in companies]
    for kind, start, end in recount.periods("week"):
        seen: dict[str, set[int | None]] = defaultdict(set)
        for visit in members:
            for action in kept_actions(visit):
                if 0 < (end - recount.day(action.at)).days <= 28:
                    seen["all"].add(recount.visitor(visit))
                    if action.kind == "event":
                        seen[f"feature=Feature/{action.title}"].add(recount.visitor(visit))
        under_contract = [
            name
            for name, orders in contracts.items()
            if name is not None
            if any(
                recount.day(o.created_at) < end and not (o.cancelled_at and recount.day(o.cancelled_at) < end)
                for o in orders
            )
        ]
        for dimension in seen.keys() - {"all"}:
            parts = float(len(seen[dimension])), float(len(seen["all"]))
            found["feature_adoption", kind, start, dimension] = parts
            using = sum(
                any(who is not None and name in companies[who] for who in seen[dimension])
                for name in under_contract
            )
            parts = float(using), float(len(under_contract))
            found["feature_adoption_accounts", kind, start, dimension] = parts
    for day, of in shapes.items():
        for shape in set(of):
            found["account_shape", "day", day, f"shape={shape}"] = float(of.count(shape)), float(len(of))
    return found
