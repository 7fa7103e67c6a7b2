"""Units that are people: customers active in a period, those who come back, those who fall silent."""

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from journey_platform.kpis.grains.scope import Scope
from journey_platform.tables import JOURNEY_TOUCHPOINTS, PROFILES_TABLE

if TYPE_CHECKING:
    import ibis.expr.types as ir

OUTBOUND = (
    *("brand_post", "email_bounce", "ticket_replied", "ticket_solved", "ticket_reopened"),
    *("refund", "cancellation", "contract_ended"),
)
"""Touchpoints that are not the person's own doing."""

SILENT_DAYS = 28


def acts(scope: Scope, *, before: int = 0, after: int = 0) -> "ir.Table":
    """What known people did themselves, robots and machines excluded."""
    rows, profiles = scope.rows(JOURNEY_TOUCHPOINTS, before=before, after=after), scope.whole(PROFILES_TABLE)
    own = rows.filter(~rows.is_bot & ~rows.is_machine & rows.type.notin(OUTBOUND))
    return own.semi_join(profiles.filter(profiles.is_known), "person_key")


def customer(scope: Scope) -> "ir.Table":
    """One row per period and known profile that did something in it.

    `has_ticket`, `tickets` created, `active_days`, and the `days` of the period so far.
    """
    own = acts(scope).mutate(local_day=lambda t: t.day)
    theirs = scope.of_days(own)
    is_ticket = theirs.type == "ticket_created"
    found = theirs.group_by(["day", "person_key"]).aggregate(
        tickets=theirs.subject_id.nunique(where=is_ticket),
        has_ticket=is_ticket.any(),
        active_days=theirs.local_day.nunique(),
    )
    return found.join(scope.periods(), "day")


def returner(clock: Literal["calendar", "rolling"]) -> Callable[[Scope], "ir.Table"]:
    """One row per week and known profile active in it whose following is over: `is_back`."""

    def by_calendar(scope: Scope) -> "ir.Table":
        import ibis

        own = acts(scope, after=7)
        weeks = own.select("person_key", day=own.day.truncate("W").cast("date")).distinct()
        later = weeks.mutate(following=weeks.day.lead().over(group_by="person_key", order_by="day"))
        is_back = (later.following == later.day + ibis.interval(days=7)).fill_null(False)
        last = scope.as_of - timedelta(days=14)
        return later.mutate(is_back=is_back).filter(lambda t: t.day.isin(scope.starts) & (t.day <= last))

    def by_clock(scope: Scope) -> "ir.Table":
        import ibis

        own = acts(scope, after=14)
        firsts = (
            scope.of_days(own)
            .group_by(["day", "person_key"])
            .aggregate(first_at=lambda t: t.occurred_at.min())
        )
        firsts = firsts.filter(firsts.day <= scope.as_of - timedelta(days=21))
        later = own.select("person_key", "occurred_at")
        since = firsts.first_at + ibis.interval(days=7)
        until = firsts.first_at + ibis.interval(days=14)
        back = firsts.semi_join(
            later,
            [
                firsts.person_key == later.person_key,
                later.occurred_at >= since,
                later.occurred_at < until,
            ],
        ).select("day", "person_key", is_back=True)
        joined = firsts.left_join(back, ["day", "person_key"])
        return joined.select("day", "person_key", is_back=joined.is_back.fill_null(False))

    return by_calendar if clock == "calendar" else by_clock


def stayer(scope: Scope) -> "ir.Table":
    """One row per period and known profile active in the `SILENT_DAYS` before it: `is_gone`.

    Gone is whose silence of that many days ends in the period, by yesterday.
    """
    import ibis

    silence = ibis.interval(days=SILENT_DAYS)
    own = acts(scope, before=SILENT_DAYS)
    days = own.select("person_key", acted_on=own.day).distinct()
    following = days.acted_on.lead().over(group_by="person_key", order_by="acted_on")
    days = days.mutate(gone_on=(days.acted_on + silence).cast("date"), following=following)
    days = days.mutate(is_silent=days.following.isnull() | (days.following > days.gone_on))
    periods = scope.periods()
    near = periods.join(
        days, [days.acted_on >= (periods.day - silence).cast("date"), days.acted_on < periods.ends]
    )
    is_gone = near.is_silent & (near.gone_on >= near.day) & (near.gone_on < near.ends)
    found = near.group_by(["day", "person_key"]).aggregate(
        was_there=(near.acted_on < near.day).any(), is_gone=is_gone.any()
    )
    return found.filter(found.was_there)
