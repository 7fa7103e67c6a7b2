"""Tickets put together from what happened to them, and the trend of their reasons.

Relational: touchpoints or tickets in, one row per ticket or week and reason out. Which rates are made of them
is in `kpis`.
"""

from typing import TYPE_CHECKING

from journey_platform.tables import TICKETS

if TYPE_CHECKING:
    import ibis.expr.types as ir


def tickets(touchpoints: "ir.Table") -> "ir.Table":
    """Rows of `tables.TICKETS` from rows of `tables.JOURNEY_TOUCHPOINTS`, of all days.

    A ticket is known from its creation on: replies to one that was never seen created are left out. A ticket
    that was solved, opened again and solved again counts as solved the last time.
    """
    import ibis

    acts = touchpoints.filter((touchpoints.channel == "ticket") & touchpoints.subject_id.notnull())
    is_created, is_solved = acts.type == "ticket_created", acts.type == "ticket_solved"
    found = acts.group_by("subject_id").aggregate(
        person_key=acts.person_key.max(where=is_created),
        reason=acts.reason.max(where=is_created),
        created_day=acts.day.min(where=is_created),
        created_at=acts.occurred_at.min(where=is_created),
        replied_at=acts.occurred_at.min(where=acts.type == "ticket_replied"),
        solved_day=acts.day.max(where=is_solved),
        solved_at=acts.occurred_at.max(where=is_solved),
    )
    found = found.filter(found.created_at.notnull()).rename(ticket_id="subject_id")
    following = ibis.window(group_by=["person_key", "reason"], order_by=["created_at", "ticket_id"])
    next_at = ibis.ifelse(found.person_key.notnull(), found.created_at.lead().over(following), None)
    return found.mutate(next_at=next_at).select(*TICKETS.schema.names)
