"""The truth of what was sold, counted from the orders as they were meant; a part of the `truth`.

Money is in the order's currency; `exchanged` has it in euros, by the rates of files.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from journey_platform.demo.calendar import Calendar
from journey_platform.demo.conversions import begun
from journey_platform.demo.reckoning import Log, periods
from journey_platform.demo.world import ShopOrder, Visit

Parts = tuple[float, float | None]
Key = tuple[str, str, date, str]
Bought = dict[object, list[tuple[date, str]]]

_OURS = "EUR"
_CENT = Decimal("0.01")
_PLACES = {"pos": "store"}
_BACK_DAYS = 14
_YEAR = timedelta(days=365)
_RATE_LASTS = timedelta(days=7)


def takings(
    sales: Iterable[tuple[Any, ShopOrder]], calendar: Calendar, *, tracked: set[str]
) -> dict[Key, Parts]:
    """KPIs of orders. Each sale comes with its buyer's profile, or None; `tracked` are the numbers of orders
    that web analytics has."""
    counts: dict[Key, list[float]] = defaultdict(lambda: [0.0, 0.0])
    buyers: dict[date, dict[object, bool]] = defaultdict(dict)
    bought_on: dict[object, list[date]] = defaultdict(list)
    items: Bought = defaultdict(list)
    last_settled = calendar.last_day - timedelta(days=_BACK_DAYS)

    def count(kpi: str, day: date, dimension: str, above: float, below: float = 0.0) -> None:
        parts = counts[kpi, "day", day, dimension]
        parts[0] = round(parts[0] + above, 2)
        parts[1] += below

    for profile, order in sorted(sales, key=lambda sale: (sale[1].created_at, sale[1].order_id)):
        day = calendar.day_of(order.created_at)
        sold = f"sold={_PLACES.get(order.source, order.source)}"
        matched = "web visit" if order.number in tracked else "nobody" if profile is None else "profile"
        for dimension in ("all", sold, f"code={order.code or 'Unassigned'}", f"matched={matched}"):
            count("orders", day, dimension, 1)
        currency = f"currency={order.currency}"
        count("revenue_gross", day, currency, order.total)
        count("average_order_value", day, currency, order.total, 1)
        for on, amount in _amounts(order, calendar):
            count("revenue_net", on, currency, amount)
        back = [on for on, _ in _amounts(order, calendar)[1:]]
        for dimension in ("all", sold):
            count("promo_code_rate", day, dimension, order.code is not None, 1)
            if day <= last_settled:
                is_back = any(of - day <= timedelta(days=_BACK_DAYS) for of in back)
                count("refund_rate", day, dimension, is_back, 1)
        if profile is not None:
            month = buyers[day.replace(day=1)]
            month[profile] = month.get(profile, False) or bool(bought_on[profile])
            bought_on[profile].append(day)
            items[profile] += [(day, item.title) for item in order.items]
    found: dict[Key, Parts] = {
        key: (above, None if key[0] in ("orders", "revenue_gross", "revenue_net") else below)
        for key, (above, below) in counts.items()
    }
    for first, people in buyers.items():
        found["repeat_purchase_rate", "month", first, "all"] = float(sum(people.values())), float(len(people))
    return found | _products(items, calendar)


def exchanged(log: Log, calendar: Calendar) -> dict[Key, Parts]:
    """What comes and goes in euros, and how many amounts nobody can convert."""
    rates: dict[str, dict[date, Decimal]] = defaultdict(dict)
    for day, currency, told_rate in log.rates:
        rates[currency][day] = Decimal(told_rate)
    net: dict[date, Decimal] = defaultdict(Decimal)
    lost: dict[tuple[date, str], list[int]] = defaultdict(list)
    for _, order in log.sales:
        for day, amount in _amounts(order, calendar):
            near = {
                currency: [rate for on, rate in sorted(of.items()) if on <= day <= on + _RATE_LASTS]
                for currency, of in rates.items()
            }
            told = near.get(order.currency, [])
            # Where no rate of those days is told, nobody knows into what to convert.
            target = _OURS if any(near.values()) else "Unassigned"
            is_lost = target != _OURS or (order.currency != _OURS and not told)
            lost[day, f"currency={target}"].append(is_lost)
            if not is_lost:
                worth = Decimal(f"{amount:.2f}") * (Decimal(1) if order.currency == _OURS else told[-1])
                net[day] += worth.quantize(_CENT, ROUND_HALF_UP)
    found: dict[Key, Parts] = {
        ("revenue_without_rate", "day", day, dimension): (float(sum(of)), float(len(of)))
        for (day, dimension), of in lost.items()
    }
    for day, total in net.items():
        found["revenue_net_converted", "day", day, f"currency={_OURS}"] = float(total), None
    return found


def _amounts(order: ShopOrder, calendar: Calendar) -> list[tuple[date, float]]:
    """What an order brings, what of it is given back, and the rest where it is cancelled, by day."""
    amounts = [(calendar.day_of(order.created_at), order.total)]
    amounts += [(calendar.day_of(refund.at), -refund.amount) for refund in order.refunds]
    if order.cancelled_at is not None:
        amounts.append((calendar.day_of(order.cancelled_at), -sum(amount for _, amount in amounts)))
    return amounts


def _products(items: Bought, calendar: Calendar) -> dict[Key, Parts]:
    """What each buyer has of a year up to each month's end, and who buys something else in the month."""
    found: dict[Key, Parts] = {}
    for kind, start, end in periods(calendar, ("month",)):
        owned, customers, others = [], 0, 0
        for bought in items.values():
            near = [(day, title) for day, title in bought if end - _YEAR <= day < end]
            before = {title for day, title in near if day < start}
            owned.append(len({title for _, title in near}))
            customers += bool(before)
            others += bool(before) and any(title not in before for _, title in near)
        buyers = float(sum(map(bool, owned)))
        if buyers:
            found["cross_sell_rate", kind, start, "all"] = float(others), float(customers)
            found["products_per_customer", kind, start, "all"] = float(sum(owned)), buyers
    return found


def carts(visits: Iterable[Visit], calendar: Calendar) -> dict[Key, Parts]:
    """KPIs of carts and checkouts that are left, by visit; robots are left out."""
    counts: dict[Key, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for visit in visits:
        if visit.is_bot:
            continue
        day = calendar.day_of(visit.actions[0].at)
        is_left = not any(action.kind == "order" for action in visit.actions)
        for step, _ in begun(visit.actions):
            for dimension in ("all", f"device={visit.device}"):
                counts[f"{step}_abandonment", "day", day, dimension][0] += is_left
                counts[f"{step}_abandonment", "day", day, dimension][1] += 1
    return {key: (above, below) for key, (above, below) in counts.items()}
