"""From a grain's units back to touchpoints: which are behind a unit, and why others of their kind are not.

One trail a grain, declared beside each other here; how they are followed is in `members`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from journey_platform.kpis.grains.words import EASY, SATISFIED, STARS

Reason = Literal["robot", "machine", "not their own act", "belongs to nobody", "not a known customer"]
"""Why a touchpoint that could count does not. The rest is of another period, or counts through another."""

WEB = ("page_view", "search", "add_to_cart", "cart", "order", "event", "error")
_CLICKS = ("click", "dead_click")
_PURCHASE = ("purchase",)
_MONEY = (*_PURCHASE, "refund", "cancellation")
_TICKET = ("ticket_created", "ticket_replied", "ticket_solved", "ticket_reopened")
_OWN: tuple[Reason, ...] = (
    "robot",
    "machine",
    "not their own act",
    "belongs to nobody",
    "not a known customer",
)


@dataclass(frozen=True)
class Trail:
    """`unit`: the columns that name a unit within its period. `on`: for each of a unit's columns the one of
    `tables.JOURNEY_TOUCHPOINTS` that equals it, or one of them where the column holds several. `types`, and
    `units` of their value: the touchpoints in question; empty for all.

    `is_between`: those from the unit's `started_at` on, up to its `ended_at`. `is_anytime`: whatever their
    day; else those of the period and of the days that the grain looks to either side. `record`: a raw stream
    whose record the unit's first column names. `leaves_out`: reasons to look for, the first that fits.
    """

    unit: tuple[str, ...]
    on: Mapping[str, str] = field(default_factory=dict)
    types: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    is_between: bool = False
    is_anytime: bool = False
    record: str | None = None
    leaves_out: tuple[Reason, ...] = ("robot",)


_ITSELF = {"touchpoint_id": "touchpoint_id"}
_VISIT = Trail(("visit_id",), {"visit_id": "visit_id"}, (*WEB, "checkout"))
_PERSON = Trail(("person_key",), {"person_key": "person_key"}, leaves_out=_OWN)
_TICKETS = Trail(("ticket_id",), {"ticket_id": "subject_id"}, _TICKET, is_anytime=True)
_SESSION = Trail(("session_id",), {"device_key": "device_key"}, WEB, is_between=True)
_CONTRACT = Trail(
    ("company", "contract_id"), {"contract_id": "subject_id"}, ("contract_signed",), is_anytime=True
)
_ATTEMPT = Trail(("touchpoint_id",), _ITSELF, ("add_to_cart",), leaves_out=("robot", "belongs to nobody"))

TRAILS: Mapping[str, Trail] = {
    "session": _SESSION,
    "session_first_user": _SESSION,
    "session_last_non_direct": _SESSION,
    "session_fixed_day": _SESSION,
    "visitor": Trail(("device_key",), {"device_key": "device_key"}, WEB),
    "visiting_person": Trail(
        ("person_key",), {"person_key": "person_key"}, WEB, leaves_out=("robot", "belongs to nobody")
    ),
    "page_visit": Trail(
        ("visit_id", "page", "device"), {"visit_id": "visit_id", "page": "page"}, ("page_view",)
    ),
    "attempt_first": _ATTEMPT,
    "attempt_deepest": _ATTEMPT,
    "attempt_every": _ATTEMPT,
    "cart_visit": _VISIT,
    "checkout_visit": _VISIT,
    "cart": _VISIT,
    "checkout": _VISIT,
    "left_cart": _VISIT,
    "step_visit": _VISIT,
    "touch": Trail(("touchpoint_id", "session_id"), _ITSELF, ("order",)),
    "newcomer": Trail(("person_key", "touchpoint_id"), {"person_key": "person_key"}, leaves_out=_OWN),
    "struggle_visit": Trail(("visit_id",), {"visit_id": "visit_id"}, (*WEB, "checkout", *_CLICKS)),
    "purchase": Trail(("touchpoint_id",), _ITSELF, _PURCHASE),
    "takings": Trail(("touchpoint_id",), _ITSELF, _MONEY),
    "exchanged": Trail(("touchpoint_id",), _ITSELF, _MONEY),
    "settled": Trail(("vendor", "subject_id"), {"vendor": "vendor", "subject_id": "subject_id"}, _MONEY),
    "buyer": Trail(
        ("person_key",), {"person_key": "person_key"}, _PURCHASE, leaves_out=("robot", "belongs to nobody")
    ),
    "owner": Trail(
        ("person_key",),
        {"person_key": "person_key"},
        ("item_bought",),
        leaves_out=("robot", "belongs to nobody"),
    ),
    "mailing": Trail(
        ("campaign",),
        {"campaign": "subject_id"},
        ("email_open", "email_click"),
        is_anytime=True,
        record="mailchimp/reports",
        leaves_out=("robot", "machine"),
    ),
    "post": Trail(
        ("platform", "subject_id"), {"platform": "vendor", "subject_id": "subject_id"}, ("social_post",)
    ),
    "mention": Trail(("touchpoint_id",), _ITSELF, ("social_post", "competitor_post")),
    "own_post": Trail(("touchpoint_id",), _ITSELF, ("brand_post",)),
    "text": Trail(("touchpoint_id",), _ITSELF),
    "asked": Trail(("touchpoint_id",), _ITSELF, ("survey_heard",)),
    "heard": Trail(("touchpoint_id",), _ITSELF, ("survey_heard",)),
    "answer": Trail(("touchpoint_id",), _ITSELF, ("survey_response",)),
    "satisfaction": Trail(("touchpoint_id",), _ITSELF, ("survey_score",), tuple(SATISFIED)),
    "effort": Trail(("touchpoint_id",), _ITSELF, ("survey_score",), tuple(EASY)),
    "review": Trail(("touchpoint_id",), _ITSELF, ("review",), (STARS,)),
    "customer": _PERSON,
    "returner_calendar": _PERSON,
    "returner_rolling": _PERSON,
    "stayer": _PERSON,
    "ticket": _TICKETS,
    "contact_or_order": Trail(("touchpoint_id",), _ITSELF, ("ticket_created", *_PURCHASE)),
    "created": _TICKETS,
    "solved": _TICKETS,
    "solution": _TICKETS,
    "open_ticket": _TICKETS,
    "rating": Trail(("touchpoint_id",), _ITSELF, ("ticket_rated",)),
    "solved_rating": Trail(("touchpoint_id",), _ITSELF, ("ticket_rated",)),
    "solved_score": Trail(("touchpoint_id",), _ITSELF, ("survey_score",), tuple(SATISFIED)),
    "contract": _CONTRACT,
    "shaped": _CONTRACT,
    "beginner": _CONTRACT,
    "licence": _CONTRACT,
    "subscriber": _CONTRACT,
    "contracted": _CONTRACT,
    "invoiced": _CONTRACT,
    "rollout": _CONTRACT,
    "invited": Trail(("person_key",), {"person_key": "person_key"}, ("user_invited",), leaves_out=_OWN),
    "renewal": Trail(
        ("company", "contract_id", "decided_on", "outcome"),
        {"contract_id": "subject_id"},
        ("contract_signed",),
        is_anytime=True,
    ),
    "feature_user": Trail(
        ("account_key", "person_key", "feature"),
        {"person_key": "person_key", "feature": "subject_id"},
        ("event", "feature_used"),
        leaves_out=_OWN,
    ),
    "feature_account": Trail(
        ("account_key", "feature"),
        {"users": "person_key", "feature": "subject_id"},
        ("event", "feature_used"),
        leaves_out=_OWN,
    ),
    "new_user": Trail(("person_key",), {"person_key": "person_key"}, WEB, leaves_out=_OWN),
}
