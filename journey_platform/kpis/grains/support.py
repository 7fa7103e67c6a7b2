"""Units of the help desk: tickets on the day of their creation or solution, those that wait, and
what is said of how they were solved."""

from typing import TYPE_CHECKING

from journey_platform.kpis.grains.scope import Scope
from journey_platform.kpis.grains.words import SATISFIED, scores
from journey_platform.tables import JOURNEY_TOUCHPOINTS, TICKETS

if TYPE_CHECKING:
    import ibis.expr.types as ir

REPEAT_DAYS = 7
ANSWER_DAYS = 14


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
    return scope.of_days(_ratings(scope.rows(JOURNEY_TOUCHPOINTS)))


def solved_rating(scope: Scope) -> "ir.Table":
    """One row per solved ticket with a rating, the latest: as `rating`, on the day of its last solution."""
    return _when_solved(scope, _ratings(_near(scope)), "subject_id", ())


def solved_score(scope: Scope) -> "ir.Table":
    """One row per solved ticket, survey and scale with an answer on satisfaction, the latest: its `value`
    and whether it `is_good`, on the day of the ticket's last solution."""
    return _when_solved(scope, scores(_near(scope), SATISFIED), "source", ("survey", "scale"))


def _ratings(acts: "ir.Table") -> "ir.Table":
    rated = acts.filter((acts.type == "ticket_rated") & (acts.unit == "csat") & ~acts.is_bot)
    return rated.mutate(score=rated.value)


def _near(scope: Scope) -> "ir.Table":
    return scope.rows(JOURNEY_TOUCHPOINTS, before=ANSWER_DAYS, after=ANSWER_DAYS)


def _when_solved(scope: Scope, told: "ir.Table", about: str, apart: tuple[str, ...]) -> "ir.Table":
    """Of each ticket whose days are over, and for each of the columns `apart`, the latest answer up to
    `ANSWER_DAYS` before or after its last solution. The column `about` names the ticket."""
    import ibis

    tickets = scope.whole(TICKETS)
    done = tickets.filter(tickets.solved_day.notnull() & (tickets.solved_day <= scope.over_by(ANSWER_DAYS)))
    done = done.select("ticket_id", "solved_day", ticket_reason="reason")
    days = ibis.interval(days=ANSWER_DAYS)
    joined = told.inner_join(
        done,
        [
            told[about] == done.ticket_id,
            told.day >= (done.solved_day - days).cast("date"),
            told.day <= (done.solved_day + days).cast("date"),
        ],
    )
    latest_first = ibis.window(
        group_by=["ticket_id", *apart], order_by=[joined.occurred_at.desc(), joined.touchpoint_id.desc()]
    )
    latest = joined.mutate(place=ibis.row_number().over(latest_first), reason=joined.ticket_reason)
    return scope.of_days(latest.filter(latest.place == 0), "solved_day")
