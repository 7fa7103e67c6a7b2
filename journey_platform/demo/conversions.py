"""The truth of the way to an order: steps of visits, what they earned, newcomers who buy, and what went wrong
in visits; a part of the `truth`."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from math import ceil

from journey_platform.demo.calendar import Calendar
from journey_platform.demo.reckoning import Identifier, Key, Log, Parts, People, put, start_of
from journey_platform.demo.world import Action

_LOOK_BACK, _CONVERT, _HALF_LIFE = timedelta(days=30), timedelta(days=28), timedelta(days=7)
_BACK = timedelta(seconds=10)
_PLACES = 10**12
"""Credits are kept to twelve places."""

Model = Callable[[Sequence[tuple[timedelta, bool]]], list[float]]


def steps(actions: Iterable[Action]) -> Iterator[tuple[str, bool, bool]]:
    """Of one visit, per KPI of its steps what is above the line and below it."""
    reached = 0
    for action in actions:
        is_order = action.kind == "order"
        if reached == 0 and action.kind == "add_to_cart":
            reached = 1
        if reached == 1 and (is_order or action.path.startswith("/checkout")):
            reached = 2
        if reached == 2 and is_order:
            reached = 3
    names = ("step_visit_to_cart", "step_cart_to_checkout", "step_checkout_to_order")
    for nth, name in enumerate(names):
        yield name, reached > nth, reached >= nth


def begun(actions: Sequence[Action]) -> Iterator[tuple[str, datetime]]:
    """When one visit first puts something into a cart, and when it first is at the checkout, if it does."""
    at_checkout = [
        action.at for action in actions if action.kind == "order" or action.path.startswith("/checkout")
    ]
    for name, times in (
        ("cart", [action.at for action in actions if action.kind == "add_to_cart"]),
        ("checkout", at_checkout),
    ):
        if times:
            yield name, min(times)


def points(actions: Sequence[Action]) -> float:
    """Five for an error, two more where the page had one before, one for a page left at once for the last."""
    errors = [action.path for action in actions if action.kind == "error"]
    views = [(action.path, action.at) for action in actions if action.kind == "page_view"]
    backs = sum(
        before[0] == after[0] != here[0] and after[1] - here[1] <= _BACK
        for (before, here), (_, after) in pairwise(pairwise(views))
    )
    return 5.0 * len(errors) + 2.0 * (len(errors) - len(set(errors))) + backs


def conversions(log: Log, people: People, calendar: Calendar) -> dict[Key, Parts]:
    """What the visits before orders earned, how newcomers came to buy, and which carts were left."""
    return _credits(log, people, calendar) | _newcomers(log, people, calendar) | _left(log, people, calendar)


def _left(log: Log, people: People, calendar: Calendar) -> dict[Key, Parts]:
    """Carts and checkouts whose visitor does not order in a day, and carts bought in the week after."""
    orders: dict[Identifier, list[datetime]] = defaultdict(list)
    for at, who in log.ordered:
        orders[people.visitor(who)].append(at)
    counts: dict[Key, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for step, at, who, device in log.tried:
        waits = [order - at for order in orders[people.visitor(who)] if order >= at]
        is_left = not any(wait <= timedelta(days=1) for wait in waits)
        told = [(f"{step}_abandonment_24h", 1, is_left)]
        if step == "cart" and is_left:
            told.append(("carts_recovered_7d", 7, any(wait <= timedelta(days=7) for wait in waits)))
        day = calendar.day_of(at)
        for kpi, days, is_above in told:
            for dimension in ("all", device) if day + timedelta(days=days) <= calendar.last_day else ():
                counts[kpi, "day", day, dimension][0] += is_above
                counts[kpi, "day", day, dimension][1] += 1
    return {key: (above, below) for key, (above, below) in counts.items()}


def _credits(log: Log, people: People, calendar: Calendar) -> dict[Key, Parts]:
    visits: dict[Identifier, list[tuple[datetime, str, str]]] = defaultdict(list)
    for at, who, channel, campaign in sorted(log.entered):
        visits[people.visitor(who)].append((at, channel, campaign or "Unassigned"))
    earned: dict[Key, int] = defaultdict(int)
    for at, who in log.ordered:
        near = [row for row in visits[people.visitor(who)] if at - _LOOK_BACK <= row[0] <= at]
        touches = [(at - came, channel == "Direct") for came, channel, _ in near]
        for kind in ("week", "month"):
            start = start_of(calendar.day_of(at), kind)
            for model, share in _MODELS.items():
                for credit, (_, channel, campaign) in zip(share(touches), near, strict=True):
                    for of in ("all", f"traffic_channel={channel}", f"campaign={campaign}"):
                        earned[f"attributed_{model}", kind, start, of] += round(credit * _PLACES)
    return {key: (credit / _PLACES, None) for key, credit in earned.items() if credit}


def _one(place: int) -> Model:
    return lambda touches: [float(nth == place % len(touches)) for nth in range(len(touches))]


def _last_non_direct(touches: Sequence[tuple[timedelta, bool]]) -> list[float]:
    told = [nth for nth, (_, is_direct) in enumerate(touches) if not is_direct]
    return _one(told[-1] if told else -1)(touches)


def _by_position(touches: Sequence[tuple[timedelta, bool]]) -> list[float]:
    n = len(touches)
    return [1 / n] * n if n < 3 else [0.4, *[0.2 / (n - 2)] * (n - 2), 0.4]


def _by_age(touches: Sequence[tuple[timedelta, bool]]) -> list[float]:
    weights = [2.0 ** -(age / _HALF_LIFE) for age, _ in touches]
    return [weight / sum(weights) for weight in weights]


_MODELS: dict[str, Model] = {
    "first": _one(0),
    "last": _one(-1),
    "last_non_direct": _last_non_direct,
    "linear": lambda touches: [1 / len(touches)] * len(touches),
    "position": _by_position,
    "time_decay": _by_age,
}


def _newcomers(log: Log, people: People, calendar: Calendar) -> dict[Key, Parts]:
    """Who does something after a pause, and how long it is until the first purchase."""
    acts = people.moments(log.acts, is_by_person=False)
    bought: dict[object, list[datetime]] = defaultdict(list)
    for who, order in log.sales:
        bought[people.profile(who)].append(order.created_at)
    for who, at, _, is_order in log.shopping:
        if is_order:
            bought[people.profile(who)].append(at)
    hours: dict[tuple[str, date], list[float]] = defaultdict(list)
    for person, of in acts.items():
        times = sorted(of)
        for before, at in zip([None, *times], times, strict=False):
            day = calendar.day_of(at)
            if (before is not None and at - before <= _LOOK_BACK) or day + _CONVERT > calendar.last_day:
                continue
            first = min((goal for goal in bought[person] if at <= goal <= at + _CONVERT), default=None)
            took = float("inf") if first is None else (first - at).total_seconds() / 3600
            for kind in ("week", "month"):
                hours[kind, start_of(day, kind)].append(took)
    found: dict[Key, Parts] = {}
    for (kind, start), amounts in hours.items():
        of_buyers = [amount for amount in amounts if amount != float("inf")]
        key = kind, start, "all"
        found["newcomers_converting_28d", *key] = float(len(of_buyers)), float(len(amounts))
        put(found, ("time_to_convert_of_buyers", *key), of_buyers, 0.5)
        for name, share in (("p25", 0.25), ("median", 0.5), ("p75", 0.75)):
            reached = sorted(amounts)[ceil(len(amounts) * share) - 1]
            if reached != float("inf"):
                found[f"time_to_convert_{name}", *key] = reached, None
    return found
