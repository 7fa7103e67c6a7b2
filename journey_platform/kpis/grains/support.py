"""Units of the help desk: tickets on the day of their creation or solution, those that wait, ratings."""

from typing import TYPE_CHECKING

from journey_platform.kpis.grains.scope import Scope
from journey_platform.tables import JOURNEY_TOUCHPOINTS, TICKETS

if TYPE_CHECKING:
    import ibis.expr.types as ir

REPEAT_DAYS = 7


def ticket(scope: Scope) -> "ir.Table":
    """One row per ticket on the day of its creation."""
    tickets = scope.whole(TICKETS)
    return scope.of_days(
        tickets.mutate(
            is_unmatched=tickets.person_key.isnull(),
            has_no_reason=tickets.reason.isnull() | (tickets.reason.lower() == "other"),
        ),
        "created_day",
    )


def contact_or_order(scope: Scope) -> "ir.Table":
    """One row per ticket written and per purchase: which it is, `is_contact` or `is_order`."""
    acts = scope.rows(JOURNEY_TOUCHPOINTS)
    acts = acts.mutate(is_contact=acts.type == "ticket_created", is_order=acts.type == "purchase")
    return scope.of_days(acts.filter((acts.is_contact | acts.is_order) & ~acts.is_bot))


def created(scope: Scope) -> "ir.Table":
    """One row per ticket that was replied to, on the day of its creation: `response_h`, and in working time
    `response_working_h`, null where no business hours are declared."""
    tickets = scope.whole(TICKETS)
    replied = tickets.filter(tickets.replied_at.notnull())
    hours = replied.replied_at.delta(replied.created_at, unit="second") / 3600
    working = replied.replied_working_s / 3600
    return scope.of_days(replied.mutate(response_h=hours, response_working_h=working), "created_day")


def solved(scope: Scope) -> "ir.Table":
    """One row per solved ticket on the day of its last solution: `resolution_h`, `resolution_working_h`."""
    tickets = scope.whole(TICKETS)
    done = tickets.filter(tickets.solved_at.notnull())
    hours = done.solved_at.delta(done.created_at, unit="second") / 3600
    working = done.solved_working_s / 3600
    return scope.of_days(done.mutate(resolution_h=hours, resolution_working_h=working), "solved_day")


def solution(scope: Scope) -> "ir.Table":
    """One row per solved ticket of somebody known, on the day of its last solution.

    `is_repeated`, `is_settled`. Left out are those whose days of following are not over.
    """
    import ibis

    tickets = scope.whole(TICKETS)
    done = tickets.filter(
        tickets.solved_at.notnull()
        & tickets.person_key.notnull()
        & (tickets.solved_day <= scope.over_by(REPEAT_DAYS))
    )
    until = done.solved_at + ibis.interval(days=REPEAT_DAYS)
    done = done.mutate(is_repeated=(done.next_at <= until).fill_null(False))
    return scope.of_days(done.mutate(is_settled=~done.is_repeated), "solved_day")


def open_ticket(scope: Scope) -> "ir.Table":
    """One row per period and ticket that waits when it ends, or ended its last day so far."""
    tickets, periods = scope.whole(TICKETS), scope.periods()
    return periods.join(
        tickets,
        [
            tickets.created_day < periods.ends,
            tickets.solved_day.isnull() | (tickets.solved_day >= periods.ends),
        ],
    )


def rating(scope: Scope) -> "ir.Table":
    """One row per rating of a ticket, on its day: `score` 1 or 0."""
    acts = scope.rows(JOURNEY_TOUCHPOINTS)
    rated = acts.filter((acts.type == "ticket_rated") & (acts.unit == "csat") & ~acts.is_bot)
    return scope.of_days(rated.mutate(score=rated.value))
