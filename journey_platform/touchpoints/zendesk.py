"""Zendesk: tickets, their replies and solutions, satisfaction ratings, and the people who ask.

A ticket that was deleted, marked as spam or opened by staff is excluded, with all that happened to it.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec
import pyarrow as pa

from journey_platform.touchpoints.mapping import (
    Contact,
    LookedUp,
    Mapped,
    Origin,
    Pairs,
    Refusal,
    StreamMapping,
    Touch,
    decoded,
    excluded,
    map_contacts,
    map_touchpoints,
    microseconds,
    text,
)

TOUCHPOINT_STREAMS: tuple[str, ...] = ("tickets", "satisfaction_ratings", "ticket_metric_events", "users")
CONTACT_STREAMS: tuple[str, ...] = ("users",)

_SPAM = "spam"
_STAFF = frozenset({"agent", "admin"})
_SCORES = {"good": 1.0, "bad": 0.0}
_NO_SCORE = frozenset({"offered", "unoffered"})
_TYPES = {
    ("reply_time", "fulfill"): "ticket_replied",
    ("resolution_time", "fulfill"): "ticket_solved",
    ("resolution_time", "activate"): "ticket_reopened",
}
_SINCE_CREATION_US = 60_000_000


class _Ticket(msgspec.Struct):
    id: int
    created_at: datetime
    status: str | None = None
    requester_id: int | None = None
    subject: str | None = None
    description: str | None = None
    tags: list[str] = []


class _Rating(msgspec.Struct):
    ticket_id: int
    score: str
    requester_id: int | None = None
    comment: str | None = None
    reason: str | None = None


class _MetricEvent(msgspec.Struct):
    ticket_id: int
    metric: str
    type: str


class _Role(msgspec.Struct):
    role: str | None = None


class _User(msgspec.Struct):
    id: int
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    external_id: str | int | None = None
    role: str | None = None
    organization_id: int | None = None
    user_fields: dict[str, Any] = {}


def _is_staff(user: str) -> bool:
    try:
        return msgspec.json.decode(user, type=_Role).role in _STAFF
    except msgspec.DecodeError:
        return False


LOOKUPS: Mapping[str, LookedUp] = {"users": LookedUp("zendesk_user_id", _is_staff)}


def touchpoints(raw: Mapping[str, pa.Table], *, zone: str) -> Mapped:
    """Rows of `tables.touchpoints_table("zendesk")`.

    `tickets` holds the current version of each ticket; it also says whose the metric events are. `users` says
    who is staff. A ticket stands on the day it was created, whenever it was changed.
    """
    tickets = {ticket.id: ticket for _, ticket in decoded(raw.get("tickets"), _Ticket)}
    staff = frozenset(user.id for _, user in decoded(raw.get("users"), _User) if user.role in _STAFF)
    mappings = (
        StreamMapping("tickets", _Ticket, _created(staff)),
        StreamMapping("satisfaction_ratings", _Rating, _rated(tickets, staff)),
        StreamMapping("ticket_metric_events", _MetricEvent, _handled(tickets, staff)),
    )
    return map_touchpoints("zendesk", "ticket", mappings, raw, zone)


def contacts(raw: Mapping[str, pa.Table], *, zone: str) -> Mapped:
    """Rows of `tables.contacts_table("zendesk")` from `users`."""
    return map_contacts("zendesk", (StreamMapping("users", _User, _user),), raw, zone)


def _created(staff: frozenset[int]) -> Callable[[_Ticket, Origin], Iterator[Touch]]:
    def rows(ticket: _Ticket, _: Origin) -> Iterator[Touch]:
        _check_counts(ticket, staff)
        if ticket.created_at.tzinfo is None:
            raise Refusal("time without a zone", "created_at")
        yield Touch(
            type="ticket_created",
            occurred_at=microseconds(ticket.created_at),
            identifiers=_requester(ticket.requester_id),
            subject_id=str(ticket.id),
            reason=_topic(ticket.tags),
            text="\n\n".join(filter(None, (text(ticket.subject), text(ticket.description)))) or None,
        )

    return rows


def _rated(
    tickets: Mapping[int, _Ticket], staff: frozenset[int]
) -> Callable[[_Rating, Origin], Iterator[Touch]]:
    def rows(rating: _Rating, origin: Origin) -> Iterator[Touch]:
        ticket = tickets.get(rating.ticket_id)
        if ticket is not None:
            _check_counts(ticket, staff)
        word = rating.score.partition("_")[0]
        if word in _NO_SCORE:
            raise excluded("no score was given", "score")
        if word not in _SCORES:
            raise Refusal("unknown score", "score")
        yield Touch(
            type="ticket_rated",
            occurred_at=origin.occurred_at,
            identifiers=_requester(rating.requester_id),
            subject_id=str(rating.ticket_id),
            reason=text(rating.reason) or (_topic(ticket.tags) if ticket else None),
            value=_SCORES[word],
            unit="csat",
            text=text(rating.comment),
        )

    return rows


def _handled(
    tickets: Mapping[int, _Ticket], staff: frozenset[int]
) -> Callable[[_MetricEvent, Origin], Iterator[Touch]]:
    """Metric events that a customer notices: a reply, a solution, that it is open again. The others are
    clockwork, as is the start of the clock with the ticket."""

    def rows(event: _MetricEvent, origin: Origin) -> Iterator[Touch]:
        kind = _TYPES.get((event.metric, event.type))
        if kind is None:
            return
        ticket = tickets.get(event.ticket_id)
        if kind == "ticket_reopened" and not _is_later(origin, ticket):
            return
        if ticket is not None:
            _check_counts(ticket, staff)
        yield Touch(
            type=kind,
            occurred_at=origin.occurred_at,
            identifiers=_requester(ticket.requester_id if ticket else None),
            subject_id=str(event.ticket_id),
            reason=_topic(ticket.tags) if ticket else None,
        )

    return rows


def _is_later(origin: Origin, ticket: _Ticket | None) -> bool:
    """Whether the clock of a ticket that is known started again after its creation."""
    if ticket is None or ticket.created_at.tzinfo is None:
        return False
    return origin.occurred_at > microseconds(ticket.created_at) + _SINCE_CREATION_US


def _check_counts(ticket: _Ticket, staff: frozenset[int]) -> None:
    if ticket.status == "deleted":
        raise excluded("the ticket was deleted", "status")
    if _SPAM in ticket.tags:
        raise excluded("the ticket is spam", "tags")
    if ticket.requester_id in staff:
        raise excluded("opened by staff, not by a customer", "requester_id")


def _requester(requester_id: int | None) -> Pairs:
    return (("zendesk_user_id", str(requester_id)),) if requester_id is not None else ()


def _topic(tags: list[str]) -> str | None:
    """The first tag is the topic: agents' and triggers' tags come after it."""
    return tags[0] if tags else None


def _user(user: _User, origin: Origin) -> Iterator[Contact]:
    if user.role in _STAFF:
        raise excluded("staff, not a customer", "role")
    yield Contact(
        observed_at=origin.occurred_at,
        identifiers=(
            ("zendesk_user_id", str(user.id)),
            ("email", user.email or ""),
            ("phone", user.phone or ""),
            ("user_id", text(user.external_id) or ""),
        ),
        attributes=(
            ("name", user.name or ""),
            ("email", user.email or ""),
            ("phone", user.phone or ""),
            ("organization", f"zendesk:{user.organization_id}" if user.organization_id else ""),
            ("job_title", text(user.user_fields.get("job_title")) or ""),
        ),
    )
