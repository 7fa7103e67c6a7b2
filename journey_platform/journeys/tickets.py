"""Tickets put together from what happened to them, and the trend of their reasons.

Relational: touchpoints or tickets in, one row per ticket or week and reason out. Which rates are made of them
is in `kpis`.
"""

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from journey_platform.days import moments_us
from journey_platform.journeys.working import BusinessHours
from journey_platform.tables import TICKETS

if TYPE_CHECKING:
    import ibis.expr.types as ir


def tickets(touchpoints: "ir.Table") -> "ir.Table":
    """Rows of `tables.TICKETS`, without working time, from rows of `tables.JOURNEY_TOUCHPOINTS`, of all days.

    A ticket is known from its creation on: replies to one that was never seen created are left out. A ticket
    that was solved, opened again and solved again counts as solved the last time; one that is open again, as
    not solved.
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
        opened_at=acts.occurred_at.max(where=acts.type == "ticket_reopened"),
    )
    is_open = (found.opened_at > found.solved_at).fill_null(False)
    found = found.mutate(
        solved_day=ibis.ifelse(is_open, None, found.solved_day),
        solved_at=ibis.ifelse(is_open, None, found.solved_at),
    )
    found = found.filter(found.created_at.notnull()).rename(ticket_id="subject_id")
    following = ibis.window(group_by=["person_key", "reason"], order_by=["created_at", "ticket_id"])
    next_at = ibis.ifelse(found.person_key.notnull(), found.created_at.lead().over(following), None)
    told = found.mutate(next_at=next_at, **{name: ibis.null("int64") for name in _WORKING.values()})
    return told.select(*TICKETS.schema.names)


_WORKING = {"replied_at": "replied_working_s", "solved_at": "solved_working_s"}


def with_working_time(rows: pa.Table, hours: BusinessHours | None, zone: str) -> pa.Table:
    """The tickets with the working time that they took; `zone` is the reporting zone.

    As they are where no hours are declared. What is replied to or solved out of hours took until they closed.
    """
    if hours is None:
        return rows
    began = moments_us(rows["created_at"])
    for moment, name in _WORKING.items():
        is_there = pc.is_valid(rows[moment])
        ended = moments_us(pc.coalesce(rows[moment], rows["created_at"]))
        told = hours.clock(zone)(np.concatenate([began, ended]))
        took = (told[len(began) :] - told[: len(began)]) // 1_000_000
        column = pc.if_else(is_there, pa.array(took, pa.int64()), None)
        rows = rows.set_column(rows.schema.get_field_index(name), rows.schema.field(name), column)
    return rows
