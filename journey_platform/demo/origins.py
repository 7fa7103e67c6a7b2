"""The truth of where visitors came from, and of visits by days of UTC; a part of the `truth`."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta

from journey_platform.demo.calendar import Calendar
from journey_platform.demo.reckoning import Identifier, Key, Log, Parts, People

_LOOK_BACK = timedelta(days=30)


def origins(log: Log, people: People, calendar: Calendar) -> dict[Key, Parts]:
    """Each visit by its visitor's first channel, by the last that was not direct, and by its day of UTC."""
    first: dict[Identifier, str] = {}
    told: dict[Identifier, tuple[datetime, str]] = {}
    counts: dict[tuple[str, date, str], int] = defaultdict(int)
    totals: dict[date, int] = defaultdict(int)
    found: dict[Key, Parts] = {}
    fixed: dict[date, int] = defaultdict(int)
    for at, who, channel, _ in sorted(log.entered):
        visitor = people.visitor(who)
        first.setdefault(visitor, channel)
        if channel != "Direct":
            told[visitor] = at, channel
        came_at, came_by = told.get(visitor, (at, channel))
        source = came_by if at - came_at <= _LOOK_BACK else channel
        day = calendar.day_of(at)
        counts["traffic_source_first_user", day, first[visitor]] += 1
        counts["traffic_source_last_non_direct", day, source] += 1
        totals[day] += 1
        fixed[at.astimezone(UTC).date()] += 1
    for (kpi, day, channel), n in counts.items():
        found[kpi, "day", day, f"traffic_channel={channel}"] = float(n), float(totals[day])
    for day, n in fixed.items():
        found["visits_fixed_day", "day", day, "all"] = float(n), None
    return found
