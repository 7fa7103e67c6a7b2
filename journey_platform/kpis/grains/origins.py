"""Visits by where their visitor came from: first of all, or last but for direct visits; and by fixed days.

A visitor is the profile, or the device where no identifier ties it to one.
"""

from typing import TYPE_CHECKING

from journey_platform.kpis.grains.scope import Scope
from journey_platform.kpis.grains.visits import session
from journey_platform.tables import SESSIONS

if TYPE_CHECKING:
    import ibis.expr.types as ir

LOOK_BACK_DAYS = 30
EVER_DAYS = 3650
"""How far a visitor's first visit may lie back: the lake's first day is never farther."""
DIRECT = "Direct"


def first_user(scope: Scope) -> "ir.Table":
    """The rows of `session`, `traffic_channel` being that of their visitor's first visit in the lake."""
    every = _by_people(scope.whole(SESSIONS))
    begun = every.group_by("visitor").aggregate(first_at=every.started_at.min())
    firsts = every.inner_join(begun, [every.visitor == begun.visitor, every.started_at == begun.first_at])
    origin = firsts.group_by("visitor").aggregate(origin=firsts.traffic_channel.min())
    visits = _by_visitor(session(scope)).drop("traffic_channel")
    return visits.left_join(origin, "visitor").rename(traffic_channel="origin").drop("visitor_right")


def last_non_direct(scope: Scope) -> "ir.Table":
    """The rows of `session`; of a direct one `traffic_channel` is that of the visitor's last visit that was
    not, up to `LOOK_BACK_DAYS` times 24 hours before."""
    import ibis

    came = _by_people(scope.rows(SESSIONS, before=LOOK_BACK_DAYS + 1))
    came = came.filter(came.traffic_channel.notnull() & (came.traffic_channel != DIRECT))
    sources = came.group_by(["visitor", "started_at"]).aggregate(origin=came.traffic_channel.min())
    visits = _by_visitor(session(scope))
    near = visits.filter(visits.traffic_channel == DIRECT).select("session_id", "visitor", "started_at")
    earlier = near.inner_join(
        sources,
        [
            near.visitor == sources.visitor,
            sources.started_at <= near.started_at,
            sources.started_at >= near.started_at - ibis.interval(days=LOOK_BACK_DAYS),
        ],
    )
    last = earlier.group_by("session_id").aggregate(origin=earlier.origin.argmax(earlier.started_at_right))
    joined = visits.left_join(last, "session_id").drop("session_id_right")
    return joined.mutate(traffic_channel=joined.origin.fill_null(joined.traffic_channel))


def fixed_day(scope: Scope) -> "ir.Table":
    """One row per visit, robots excluded, on the day of 24 hours, of UTC, in which it begins."""
    visits = scope.rows(SESSIONS, before=1, after=1)
    people = visits.filter(~visits.is_bot)
    return scope.of_days(people.mutate(fixed=people.started_at.date()), "fixed")


def _by_people(visits: "ir.Table") -> "ir.Table":
    return _by_visitor(visits.filter(~visits.is_bot))


def _by_visitor(visits: "ir.Table") -> "ir.Table":
    import ibis

    return visits.mutate(visitor=ibis.coalesce(visits.person_key, visits.device_key))
