"""Recounts where a demo world's visitors came from, visit by visit."""

from collections import Counter
from datetime import UTC, timedelta

from journey_platform.demo.world import World
from tests.demo.naive import Key, Parts, channel, sessions
from tests.demo.naive_people import Recount


def origin_kpis(world: World) -> dict[Key, Parts]:
    recount = Recount(world)
    visits = []
    for visit, actions in sessions(world):
        who = recount.visitor(visit)
        visits.append((actions[0].at, visit.cookie if who is None else str(who), channel(visit)))
    counts: Counter[Key] = Counter()
    for at, visitor, by in visits:
        own = [row for row in visits if row[1] == visitor and row[0] <= at]
        paid = [row for row in own if row[2] != "Direct" and at - row[0] <= timedelta(days=30)]
        day = recount.day(at)
        counts["traffic_source_first_user", "day", day, f"traffic_channel={min(own)[2]}"] += 1
        source = by if by != "Direct" or not paid else max(paid)[2]
        counts["traffic_source_last_non_direct", "day", day, f"traffic_channel={source}"] += 1
        counts["visits_fixed_day", "day", at.astimezone(UTC).date(), "all"] += 1
    totals = Counter(recount.day(at) for at, _, _ in visits)
    found: dict[Key, Parts] = {}
    for key, n in counts.items():
        found[key] = float(n), None if key[0] == "visits_fixed_day" else float(totals[key[2]])
    return found
