"""Recounts what a demo world's shop sold and what was left in its carts, from the records, the slow way."""

from collections import defaultdict
from datetime import date, datetime, timedelta

from journey_platform.demo.world import ShopOrder, World
from tests.demo.naive import Key, Parts
from tests.demo.naive_people import DAY, Recount

PLACE = {"web": "web", "pos": "store", "phone": "phone"}
FORTNIGHT = timedelta(days=14)


def order_kpis(world: World) -> dict[Key, Parts]:
    recount = Recount(world)
    orders = [order for order in world.orders if not order.is_test]
    by_day: dict[date, list[ShopOrder]] = defaultdict(list)
    flow: dict[tuple[date, str], list[int]] = defaultdict(list)
    for order in orders:
        by_day[recount.day(order.created_at)].append(order)
        flow[recount.day(order.created_at), order.currency].append(cents(order.total))
        given = 0
        for refund in order.refunds:
            flow[recount.day(refund.at), order.currency].append(-cents(refund.amount))
            given += cents(refund.amount)
        if order.cancelled_at:
            flow[recount.day(order.cancelled_at), order.currency].append(given - cents(order.total))
    tracked = {a.order_id for visit in recount.visits for a in visit.actions if a.kind == "order"}
    kpis: dict[Key, Parts] = {}

    def matched(order: ShopOrder) -> str:
        if order.number in tracked:
            return "web visit"
        return "profile" if buyer(recount, order) is not None else "nobody"

    for day, made in by_day.items():
        for currency in {order.currency for order in made}:
            totals = [cents(order.total) for order in made if order.currency == currency]
            key = ("day", day, f"currency={currency}")
            kpis["revenue_gross", *key] = sum(totals) / 100, None
            kpis["average_order_value", *key] = sum(totals) / 100, float(len(totals))
        by_value = {"all": made}
        for order in made:
            by_value.setdefault(f"sold={PLACE[order.source]}", []).append(order)
        for dimension, of in by_value.items():
            kpis["promo_code_rate", "day", day, dimension] = (
                float(sum(o.code is not None for o in of)),
                len(of),
            )
            if day + FORTNIGHT <= world.last_day:
                back = sum(is_back(recount, order, day) for order in of)
                kpis["refund_rate", "day", day, dimension] = float(back), float(len(of))
        for order in made:
            by_value.setdefault(f"code={order.code or 'Unassigned'}", []).append(order)
            by_value.setdefault(f"matched={matched(order)}", []).append(order)
        for dimension, of in by_value.items():
            kpis["orders", "day", day, dimension] = float(len(of)), None
    for (day, currency), amounts in flow.items():
        kpis["revenue_net", "day", day, f"currency={currency}"] = sum(amounts) / 100, None
    return kpis | _repeats(recount, orders) | _owned(recount, orders)


def _owned(recount: Recount, orders: list[ShopOrder]) -> dict[Key, Parts]:
    kpis: dict[Key, Parts] = {}
    sold = [
        (who, recount.day(order.created_at), item.title)
        for order in orders
        for item in order.items
        if (who := buyer(recount, order)) is not None
    ]
    for _, start, end in recount.periods("month"):
        had = {(who, title) for who, day, title in sold if 0 < (end - day).days <= 365}
        had_before = {(who, title) for who, day, title in sold if day < start and (end - day).days <= 365}
        customers = {who for who, _ in had_before}
        if had:
            of = float(len({who for who, _ in had}))
            kpis["products_per_customer", "month", start, "all"] = float(len(had)), of
            again = {who for who, _ in had - had_before} & customers
            kpis["cross_sell_rate", "month", start, "all"] = float(len(again)), float(len(customers))
    return kpis


def _repeats(recount: Recount, orders: list[ShopOrder]) -> dict[Key, Parts]:
    kpis: dict[Key, Parts] = {}
    named = [(who, order) for order in orders if (who := buyer(recount, order)) is not None]
    for _, start, end in recount.periods("month"):
        here = {who for who, order in named if start <= recount.day(order.created_at) < end}
        until = [who for who, order in named if recount.day(order.created_at) < end]
        if here:
            again = sum(until.count(who) > 1 for who in here)
            kpis["repeat_purchase_rate", "month", start, "all"] = float(again), float(len(here))
    return kpis


def left_kpis(world: World) -> dict[Key, Parts]:
    """Visits by what they hold."""
    recount = Recount(world)
    kpis: dict[Key, tuple[float, float]] = {}
    for visit in recount.visits:
        kinds = {action.kind for action in visit.actions}
        has_seen = any(action.path[:9] == "/checkout" for action in visit.actions)
        for kpi, is_in in (
            ("cart_abandonment", "add_to_cart" in kinds),
            ("checkout_abandonment", has_seen or "order" in kinds),
        ):
            for dimension in ("all", f"device={visit.device}"):
                if is_in:
                    key = (kpi, "day", recount.day(visit.actions[0].at), dimension)
                    above, below = kpis.get(key, (0.0, 0.0))
                    kpis[key] = above + ("order" not in kinds), below + 1
    return dict(kpis)


def followed_kpis(world: World) -> dict[Key, Parts]:
    """Carts and checkouts by what their visitor orders later, in whichever visit."""
    recount = Recount(world)
    orders: list[tuple[object, datetime]] = []
    tries: list[tuple[str, object, datetime, str]] = []
    for visit in recount.visits:
        known = recount.visitor(visit)
        visitor: object = visit.cookie if known is None else known
        seen = set()
        for action in visit.actions:
            if action.kind == "order":
                orders.append((visitor, action.at))
            reached = {"cart"} if action.kind == "add_to_cart" else set()
            if action.kind == "order" or action.path[:9] == "/checkout":
                reached.add("checkout")
            tries += [(step, visitor, action.at, visit.device) for step in reached - seen]
            seen |= reached
    kpis: dict[Key, tuple[float, float]] = {}
    for step, visitor, at, device in tries:
        waits = [(ordered - at) / DAY for who, ordered in orders if who == visitor and ordered >= at]
        is_left = min(waits, default=9) > 1
        told = [(f"{step}_abandonment_24h", DAY, is_left)]
        told += (
            [("carts_recovered_7d", 7 * DAY, min(waits, default=9) <= 7)]
            if step == "cart" and is_left
            else []
        )
        for kpi, window, is_above in told:
            day = recount.day(at)
            for dimension in ("all", f"device={device}"):
                if day + window < recount.today:
                    above, below = kpis.get((kpi, "day", day, dimension), (0.0, 0.0))
                    kpis[kpi, "day", day, dimension] = above + is_above, below + 1
    return dict(kpis)


def buyer(recount: Recount, order: ShopOrder) -> int | None:
    number = None if order.customer_id is None else str(order.customer_id)
    return recount.who(("shop", number), ("email", order.email), ("phone", order.phone))


def is_back(recount: Recount, order: ShopOrder, day: date) -> bool:
    moments = [refund.at for refund in order.refunds] + ([order.cancelled_at] if order.cancelled_at else [])
    return any(recount.day(at) <= day + FORTNIGHT for at in moments)


def cents(money: float) -> int:
    return round(money * 100)
