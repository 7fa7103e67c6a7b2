"""Recounts a demo world's way to orders from its records: steps, credits, newcomers and friction."""

import math
from collections import defaultdict
from datetime import date, datetime
from fractions import Fraction
from itertools import pairwise
from statistics import median

from journey_platform.demo.world import Action, World
from tests.demo.naive import Key, Parts, begin, channel, kept_actions, sessions
from tests.demo.naive_people import DAY, Recount


def visit_kpis(world: World) -> dict[Key, Parts]:
    """Each visit by how far it got, and by what went wrong in it."""
    recount = Recount(world)
    kpis: dict[Key, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for visit in recount.visits:
        actions = kept_actions(visit)
        day = recount.day(actions[0].at)
        score = _score(actions)
        carts = [n for n, a in enumerate(actions) if a.kind == "add_to_cart"]
        there = [n for n, a in enumerate(actions) if a.kind == "order" or a.path[:9] == "/checkout"]
        there = [n for n in there if carts and n >= carts[0]]
        orders = [n for n, a in enumerate(actions) if a.kind == "order" and there and n >= there[0]]
        for of in ("all", f"traffic_channel={channel(visit)}", f"device={visit.device}"):
            for kpi, above, below in (
                ("step_visit_to_cart", bool(carts), True),
                ("step_cart_to_checkout", bool(there), bool(carts)),
                ("step_checkout_to_order", bool(orders), bool(there)),
                ("friction_score", score, True),
                ("friction_rate", score >= 6, True),
            ):
                kpis[kpi, "day", day, of][0] += above
                kpis[kpi, "day", day, of][1] += below
    return {key: (above, below) for key, (above, below) in kpis.items()}


def _score(actions: list[Action]) -> int:
    score = 0
    failed: list[str] = []
    for action in actions:
        if action.kind == "error":
            score += 7 if action.path in failed else 5
            failed.append(action.path)
    seen = [action for action in actions if action.kind == "page_view"]
    for (before, here), (_, after) in pairwise(pairwise(seen)):
        is_quick = (after.at - here.at).total_seconds() <= 10
        score += is_quick and before.path == after.path and here.path != after.path
    return score


def credit_kpis(world: World) -> dict[Key, Parts]:
    """Each order shared out over its visitor's visits of thirty days."""
    recount = Recount(world)
    visits: dict[object, list[tuple[datetime, str, str]]] = defaultdict(list)
    orders = []
    for visit, actions in sessions(world):
        visitor = visit.cookie if (who := recount.visitor(visit)) is None else who
        visits[visitor].append((actions[0].at, channel(visit), visit.campaign_name or "Unassigned"))
        orders += [(visitor, action.at) for action in actions if action.kind == "order"]
    kpis: dict[Key, list[Fraction]] = defaultdict(list)
    for visitor, at in orders:
        near = sorted(row for row in visits[visitor] if 0 <= (at - row[0]) / DAY <= 30)
        n = len(near)
        told = [place for place in range(n) if near[place][1] != "Direct"] or [n - 1]
        half_lives = [2.0 ** ((came - at) / (7 * DAY)) for came, _, _ in near]
        for place, (_, by, campaign) in enumerate(near):
            is_end = place in (0, n - 1)
            shares = {
                "first": place == 0,
                "last": place == n - 1,
                "last_non_direct": place == told[-1],
                "linear": 1 / n,
                "position": 1 / n if n < 3 else 0.4 if is_end else 0.2 / (n - 2),
                "time_decay": half_lives[place] / sum(half_lives),
            }
            for model, share in shares.items():
                for kind in ("week", "month"):
                    for of in ("all", f"traffic_channel={by}", f"campaign={campaign}"):
                        key = (f"attributed_{model}", kind, begin(recount.day(at), kind), of)
                        kpis[key] += [Fraction(round(share * 10**12), 10**12)] if share else []
    return {key: (float(sum(earned)), None) for key, earned in kpis.items() if earned}


def newcomer_kpis(world: World) -> dict[Key, Parts]:
    """Who comes after thirty days without, and when that person first buys."""
    recount = Recount(world)
    bought = [
        (recount.visitor(visit), action.at)
        for visit in recount.visits
        for action in kept_actions(visit)
        if action.kind == "order"
    ]
    for order in world.orders:
        if not order.is_test:
            bought.append((recount.who(("email", order.email), ("phone", order.phone)), order.created_at))
    waits: dict[tuple[str, date], list[float]] = defaultdict(list)
    for person, acts in recount.acts().items():
        for at in set(acts):
            is_new = not any(0 < (at - other) / DAY <= 30 for other in acts)
            if not is_new or recount.day(at) + 28 * DAY >= recount.today:
                continue
            took = [goal - at for who, goal in bought if who == person and 0 <= (goal - at) / DAY <= 28]
            for kind in ("week", "month"):
                hours = min(took).total_seconds() / 3600 if took else math.inf
                waits[kind, begin(recount.day(at), kind)].append(hours)
    kpis: dict[Key, Parts] = {}
    for (kind, start), hours_of in waits.items():
        buyers = sorted(hours for hours in hours_of if hours < math.inf)
        n = len(hours_of)
        kpis["newcomers_converting_28d", kind, start, "all"] = float(len(buyers)), float(n)
        if buyers:
            kpis["time_to_convert_of_buyers", kind, start, "all"] = median(buyers), None
        for name, quarters in (("p25", 1), ("median", 2), ("p75", 3)):
            # So many have bought when a share of them first has.
            needed = next(count for count in range(n + 1) if 4 * count >= quarters * n)
            if needed <= len(buyers):
                kpis[f"time_to_convert_{name}", kind, start, "all"] = buyers[needed - 1], None
    return kpis
