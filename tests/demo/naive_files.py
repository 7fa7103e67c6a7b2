"""Recounts what a demo world's dropped files tell, as text: sales abroad, rates, reviews, accounts."""

import csv
import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from statistics import mean, median_low

from journey_platform.demo.world import Refund, ShopOrder, World
from tests.demo.naive import Key, Parts, begin
from tests.demo.naive_accounts import companies_of, contracts_of, used_by
from tests.demo.naive_people import DAY, Recount


def lines(world: World, file: str, delimiter: str = ",") -> Iterator[dict[str, str]]:
    """The rows of a file; none where it is not there."""
    return csv.DictReader(world.files.get(file, "").splitlines(), delimiter=delimiter)


def without_files(world: World) -> World:
    """The world of who reads the vendors only."""
    return replace(world, files={})


def with_receipts(world: World) -> World:
    """The world with what is sold abroad among its orders."""
    orders: dict[str, ShopOrder] = {}
    for row in sorted(lines(world, "receipts.csv", ";"), key=lambda row: row["kind"] == "return"):
        number, at = row["receipt"], datetime.fromisoformat(row["at"])
        amount = float(row["amount"].replace(",", "."))
        if row["kind"] == "return":
            orders[number].refunds.append(Refund(0, at, amount))
        else:
            mail, currency = row["mail"] or None, row["currency"]
            orders[number] = ShopOrder(
                0, number, at, "pos", amount, mail, None, None, "", "", currency=currency
            )
    return replace(world, orders=[*world.orders, *orders.values()])


def review_kpis(world: World) -> dict[Key, Parts]:
    recount = Recount(world)
    given: dict[tuple[str, date, str], list[int]] = defaultdict(list)
    for row in lines(world, "reviews.csv"):
        day = recount.day(datetime.fromisoformat(row["at"]))
        for kind in ("week", "month"):
            for dimension in ("all", f"platform={row['site']}"):
                given[kind, begin(day, kind), dimension].append(int(row["stars"]))
    kpis: dict[Key, Parts] = {}
    for key, stars in given.items():
        n = float(len(stars))
        kpis["review_rating", *key] = kpis["review_rating_shrunk", *key] = round(mean(stars) * n), n
        kpis["review_one_star", *key] = float(sum(1 for star in stars if star < 2)), n
    return kpis


def money_kpis(world: World) -> dict[Key, Parts]:
    """Amounts at the last rate of eight days; without any rate there is nothing to convert into."""
    recount = Recount(world)
    rates = [
        (recount.day(datetime.fromisoformat(row["at"])), row["currency"], Decimal(row["rate"]))
        for row in lines(world, "rates.csv")
    ]
    kpis: dict[Key, Parts] = {}
    for day, currency, amount in flows(recount):
        recent = [rate for rate in rates if 0 <= (day - rate[0]).days <= 7]
        own = [(rate[0], rate[2]) for rate in recent if rate[1] == currency]
        rate = Decimal(1) if currency == "EUR" else max(own)[1] if own else None
        key = ("revenue_without_rate", "day", day, f"currency={'EUR' if recent else 'Unassigned'}")
        is_lost = not recent or rate is None
        above, below = kpis.get(key, (0.0, 0.0))
        kpis[key] = above + is_lost, (below or 0) + 1
        if recent and rate is not None:
            of = ("revenue_net_converted", "day", day, "currency=EUR")
            cents = abs(amount) * rate * 100
            worth = math.copysign(math.floor(cents + Decimal("0.5")), amount)
            kpis[of] = round(kpis.get(of, (0.0,))[0] + worth / 100, 2), None
    return kpis


def flows(recount: Recount) -> Iterator[tuple[date, str, Decimal]]:
    """What comes in and goes out by day and currency."""
    for order in recount.world.orders:
        if not order.is_test:
            told = [(order.created_at, order.total), *((r.at, -r.amount) for r in order.refunds)]
            if order.cancelled_at:
                told.append((order.cancelled_at, -round(sum(amount for _, amount in told), 2)))
            for at, amount in told:
                yield recount.day(at), order.currency, Decimal(f"{amount:.2f}")


def member_kpis(world: World) -> dict[Key, Parts]:
    """Invitations, and the seats in use before contracts were decided upon."""
    recount = Recount(world)
    companies = companies_of(recount)
    used, contracts = used_by(recount, companies), contracts_of(recount, companies)
    invited: dict[int, datetime] = {}
    kpis: dict[Key, tuple[float, float]] = {}
    decided = set()
    for row in sorted(lines(world, "accounts.csv"), key=lambda row: row["at"]):
        who, at = recount.who(("email", row["mail"])), datetime.fromisoformat(row["at"])
        if who in companies and who is not None:
            if row["what"] == "invited":
                invited.setdefault(who, at)
            else:
                decided.add((companies[who][0], recount.day(at), row["what"]))
    waits: dict[tuple[str, date, str], list[float]] = defaultdict(list)
    for who, at in invited.items():
        company, day = companies[who][0], recount.day(at)
        uses = used[company].get(who, [])
        if any(use < at for use in uses) or not day + 28 * DAY < recount.today:
            continue
        begun = [use for acts in used[company].values() for use in acts]
        signed = [order.created_at for order in contracts[company]]
        is_late = bool(begun and signed) and (at - max(min(begun), min(signed, default=at))) / DAY > 30
        wait = min(((use - at) / DAY * 24 for use in uses), default=math.inf)
        for kind in ("week", "month"):
            for of in ("all", f"company={company}", "phase=steady" if is_late else "phase=roll-out"):
                waits[kind, begin(day, kind), of].append(wait if wait <= 28 * 24 else math.inf)
    found: dict[Key, Parts] = {}
    for key, hours in waits.items():
        found["invited_active_28d", *key] = float(sum(map(math.isfinite, hours))), float(len(hours))
        if key[2].partition("=")[0] != "company" and math.isfinite(median_low(hours)):
            found["time_to_activate", *key] = median_low(hours), None
    for company, day, what in decided:
        before = day - 90 * DAY
        running = [
            order
            for order in contracts[company]
            if recount.day(order.created_at) < before
            and not (order.cancelled_at and recount.day(order.cancelled_at) < before)
        ]
        if running:
            seats = running[-1].seats or 0
            there = sum(
                any(1 <= (before - recount.day(use)).days <= 28 for use in uses)
                for uses in used[company].values()
            )
            for of in ("all", f"company={company}", f"outcome={what}"):
                kpi = ("seats_active_before_renewal", "month", begin(day, "month"), of)
                above, below = kpis.get(kpi, (0.0, 0.0))
                kpis[kpi] = above + min(there, seats), below + seats
    return found | kpis
