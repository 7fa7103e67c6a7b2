"""Late-stage KPIs: how customers fare. Support and recommendation, per week, on its Monday.

They count distinct people over the week, so a week is always computed whole: the caller reads the days
`periods.days_of(periods.periods_touched(days, "week"), "week")`.
"""

from typing import TYPE_CHECKING

from journey_platform.kpis.catalogue import KPIS
from journey_platform.kpis.parts import counted

if TYPE_CHECKING:
    import ibis.expr.types as ir

OUTBOUND = ("brand_post", "email_bounce", "ticket_replied", "ticket_solved")
"""Touchpoints that are not the person's own doing."""

_PROMOTER, _DETRACTOR = 9, 6


def parts(touchpoints: "ir.Table", profiles: "ir.Table") -> "ir.Table":
    """`parts.PARTS` of the late-stage KPIs.

    `touchpoints` (`tables.JOURNEY_TOUCHPOINTS`) hold whole weeks, `profiles` (`tables.PROFILES_TABLE`) all.
    """
    import ibis

    weekly = touchpoints.filter(~touchpoints.is_bot).mutate(day=touchpoints.day.truncate("W").cast("date"))
    customers = _active_customers(weekly, profiles)
    answers = _latest_answers(weekly, profiles)
    one = ibis.literal(1)
    recommends = (answers.value >= _PROMOTER).cast("int64") - (answers.value <= _DETRACTOR).cast("int64")
    return ibis.union(
        counted(KPIS["support_rate"], customers, customers.has_ticket, one),
        counted(KPIS["nps"], answers, recommends, one),
    )


def _active_customers(weekly: "ir.Table", profiles: "ir.Table") -> "ir.Table":
    """One row per week and known profile that did something in it."""
    own = weekly.filter(~weekly.is_machine & weekly.type.notin(OUTBOUND))
    known = own.semi_join(profiles.filter(profiles.is_known), "person_key")
    is_ticket = (known.type == "ticket_created").cast("int64")
    return known.group_by(["day", "person_key"]).aggregate(has_ticket=is_ticket.max())


def _latest_answers(weekly: "ir.Table", profiles: "ir.Table") -> "ir.Table":
    """One row per week, survey and respondent: the latest score. An anonymous response is a respondent."""
    import ibis

    scored = weekly.filter((weekly.type == "survey_response") & (weekly.unit == "nps"))
    known = profiles.filter(profiles.is_known).select("person_key", "profile_id")
    named = scored.left_join(known, "person_key")
    named = named.select(
        "day",
        "occurred_at",
        "touchpoint_id",
        "value",
        survey=named.subject_id,
        respondent=ibis.coalesce(named.profile_id, named.touchpoint_id),
    )
    latest_first = ibis.window(
        group_by=["day", "survey", "respondent"],
        order_by=[named.occurred_at.desc(), named.touchpoint_id.desc()],
    )
    return named.mutate(rank=ibis.row_number().over(latest_first)).filter(lambda t: t.rank == 0)
