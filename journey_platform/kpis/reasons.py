"""The reasons of tickets week by week: how often, rising or not, new or not.

A week's share of a reason is compared with its share of the four weeks before, whose tickets are taken
together. The interval of the change is Newcombe's (1998, method 10): from the Wilson intervals of the two
shares. A reason is new in the week in which it is first seen, if there were tickets in each of the four weeks
before; in a first month everything is new, and nothing is told.
"""

from collections import Counter, defaultdict
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from journey_platform.kpis import intervals
from journey_platform.kpis.definition import UNASSIGNED
from journey_platform.tables import TICKET_REASONS

WEEKS_BEFORE = 4
_WEEK = timedelta(days=7)


def reasons(tickets: pa.Table, *, first_day: date, today: date) -> pa.Table:
    """Rows of `tables.TICKET_REASONS` from rows of `tables.TICKETS`.

    One row for each week that is over and each reason seen in it or in the four weeks before; weeks begin on
    Monday, and the first is the first whole one from `first_day` on.
    """
    counts: dict[date, Counter[str]] = defaultdict(Counter)
    for day, reason in zip(*(tickets[name].to_pylist() for name in ("created_day", "reason")), strict=True):
        counts[day - timedelta(days=day.weekday())][reason or UNASSIGNED] += 1
    week = first_day + timedelta(days=-first_day.weekday() % 7)
    rows: list[dict[str, Any]] = []
    seen = {reason for earlier, found in counts.items() if earlier < week for reason in found}
    while week + _WEEK <= today:
        earlier = [counts[week - n * _WEEK] for n in range(1, WEEKS_BEFORE + 1)]
        before = sum(earlier, Counter())
        is_told = all(earlier)
        rows += _week(week, counts[week], before, seen if is_told else None)
        seen |= set(counts[week])
        week += _WEEK
    schema = TICKET_REASONS.schema
    return pa.table([pa.array([row[f.name] for row in rows], f.type) for f in schema], schema=schema)


def _week(week: date, now: Counter[str], before: Counter[str], seen: set[str] | None) -> list[dict[str, Any]]:
    total, total_before = now.total(), before.total()
    rows: list[dict[str, Any]] = []
    cumulated = 0
    for reason in sorted(now.keys() | before.keys(), key=lambda name: (-now[name], name)):
        cumulated += now[reason]
        lower, upper = _change(now[reason], total, before[reason], total_before)
        rows.append(
            {
                "week": week,
                "reason": reason,
                "tickets": now[reason],
                "all_tickets": total,
                "before": before[reason],
                "all_before": total_before,
                "share": now[reason] / total if total else None,
                "change": now[reason] / total - before[reason] / total_before
                if total and total_before
                else None,
                "lower": lower,
                "upper": upper,
                "is_new": seen is not None and now[reason] > 0 and reason not in seen,
                "is_rising": lower is not None and lower > 0,
                "cumulated": cumulated / total if total else None,
            }
        )
    return rows


def _change(now: int, total: int, before: int, total_before: int) -> tuple[float | None, float | None]:
    """Newcombe's interval of the difference of two shares."""
    if not total or not total_before:
        return None, None
    share, old = now / total, before / total_before
    low, high = intervals.wilson(np.array([now, before]), np.array([total, total_before]))
    down = float(np.hypot(share - low[0], high[1] - old))
    up = float(np.hypot(high[0] - share, old - low[1]))
    return share - old - down, share - old + up
