"""Matomo's visits: one touchpoint per action of a visit.

Numbers may be sent as text, and nothing as null, "", false or []. What an event means is told by its action
name: `add_to_cart`, `error`, `click` and `dead_click` (their name: the element) are ours, every other event,
goal, download or outlink stays an "event".
"""

import re
from collections.abc import Iterator, Mapping

import msgspec
import pyarrow as pa

from journey_platform.touchpoints.mapping import (
    DAY_MICROSECONDS,
    LookedUp,
    Mapped,
    Origin,
    Pairs,
    Refusal,
    StreamMapping,
    Touch,
    map_contacts,
    map_touchpoints,
    number,
    page_path,
    text,
)
from journey_platform.touchpoints.robots import is_declared_robot
from journey_platform.touchpoints.traffic import traffic_channel

TOUCHPOINT_STREAMS: tuple[str, ...] = ("visits",)
CONTACT_STREAMS: tuple[str, ...] = ()
LOOKUPS: Mapping[str, LookedUp] = {}

# A mailing that is sent as a test keeps [UNIQID] in its links.
_MAILING_LINK = re.compile(r"[?&]mc_eid=([0-9a-f]{6,})(?:[&#]|$)")
_Text = str | int | float | bool | None
_TYPES = {
    "action": "page_view",
    "search": "search",
    "ecommerceAbandonedCart": "cart",
    "ecommerceOrder": "order",
}
_EVENT_TYPES = {name: name for name in ("add_to_cart", "error", "click", "dead_click")}


class _Action(msgspec.Struct, gc=False):
    type: str
    timestamp: _Text = None
    url: str | bool | None = None
    timeSpent: _Text = None  # noqa: N815
    revenue: _Text = None
    orderId: _Text = None  # noqa: N815
    siteSearchKeyword: _Text = None  # noqa: N815
    eventCategory: _Text = None  # noqa: N815
    eventAction: _Text = None  # noqa: N815
    eventName: _Text = None  # noqa: N815
    eventValue: _Text = None  # noqa: N815
    goalId: _Text = None  # noqa: N815


class _Dimension(msgspec.Struct):
    name: _Text = None
    value: _Text = None


class _Visit(msgspec.Struct):
    idSite: int | str  # noqa: N815
    idVisit: int | str  # noqa: N815
    actionDetails: list[_Action]  # noqa: N815
    visitorId: _Text = None  # noqa: N815
    userId: _Text = None  # noqa: N815
    siteCurrency: _Text = None  # noqa: N815
    referrerType: _Text = None  # noqa: N815
    referrerName: _Text = None  # noqa: N815
    campaignName: _Text = None  # noqa: N815
    campaignSource: _Text = None  # noqa: N815
    campaignMedium: _Text = None  # noqa: N815
    browserName: _Text = None  # noqa: N815
    deviceType: _Text = None  # noqa: N815
    customDimensions: list[_Dimension] = []  # noqa: N815


def touchpoints(raw: Mapping[str, pa.Table], *, zone: str) -> Mapped:
    """Rows of `tables.touchpoints_table("matomo")` from `visits`.

    An action over a day before its visit began, or after the visit was read, is rejected alone.
    """
    return map_touchpoints("matomo", "web", (StreamMapping("visits", _Visit, _actions),), raw, zone)


def contacts(raw: Mapping[str, pa.Table], *, zone: str) -> Mapped:
    """Matomo has no records of persons: always empty."""
    return map_contacts("matomo", (), raw, zone)


def _actions(visit: _Visit, origin: Origin) -> Iterator[Touch | Refusal]:
    visit_id = f"{visit.idSite}:{visit.idVisit}"
    identifiers = _identifiers(visit)
    currency = text(visit.siteCurrency)
    referrer = text(visit.referrerType)
    is_campaign = referrer == "campaign"
    name = text(visit.referrerName)
    campaign = text(visit.campaignName) or (name if is_campaign else None)
    source = text(visit.campaignSource) or (None if is_campaign else name)
    medium = text(visit.campaignMedium)
    channel = traffic_channel(referrer, campaign, medium)
    is_bot = is_declared_robot(text(visit.browserName), _user_agent(visit))
    device = (text(visit.deviceType) or "").lower() or None
    moment = origin.occurred_at
    for place, action in enumerate(visit.actionDetails):
        try:
            seconds = number(action.timestamp, "timestamp")
            if seconds is not None:
                if seconds * 1_000_000 < origin.occurred_at - DAY_MICROSECONDS:
                    raise Refusal("over a day before its visit began", "timestamp")
                moment = round(seconds * 1_000_000)
            kind, subject, reason, value = _meaning(action)
            dwell_s = number(action.timeSpent, "timeSpent")
        except Refusal as refusal:
            yield Refusal(refusal.reason, f"actionDetails[{place}].{refusal.field}", part=f"{place:04d}")
            continue
        yield Touch(
            type=kind,
            occurred_at=moment,
            identifiers=identifiers,
            part=f"{place:04d}",
            visit_id=visit_id,
            subject_id=subject,
            page=page_path(text(action.url)),
            traffic_channel=channel,
            source=source,
            medium=medium,
            campaign=campaign,
            device=device,
            reason=reason,
            value=value,
            unit=currency if value is not None else None,
            dwell_s=dwell_s,
            is_bot=is_bot,
            text=text(action.siteSearchKeyword),
        )


def _meaning(action: _Action) -> tuple[str, str | None, str | None, float | None]:
    """(type, subject, reason, value) of an action. Refuses an order without a number."""
    kind = _TYPES.get(action.type, "event")
    if kind in ("page_view", "search"):
        return kind, None, None, None
    if kind == "order":
        order = text(action.orderId)
        if order is None:
            raise Refusal("order without a number", "orderId")
        return kind, order, None, number(action.revenue, "revenue")
    if action.type == "event":
        name = text(action.eventAction)
        kind = _EVENT_TYPES.get(name or "", "event")
        value = number(action.eventValue, "eventValue")
        return kind, _joined(text(action.eventCategory), name), text(action.eventName), value
    subject = _joined(action.type, text(action.goalId)) if kind == "event" else None
    return kind, subject, None, number(action.revenue, "revenue")


def _joined(*parts: str | None) -> str | None:
    return "/".join(filter(None, parts)) or None


def _identifiers(visit: _Visit) -> Pairs:
    user = text(visit.userId) or ""
    return (
        ("cookie_id", text(visit.visitorId) or ""),
        ("email" if "@" in user else "user_id", user),
        ("click_id", _click_id(visit)),
    )


def _click_id(visit: _Visit) -> str:
    """What Mailchimp adds to the links in each recipient's mailing, where the visit came by one."""
    for action in visit.actionDetails:
        found = _MAILING_LINK.search(text(action.url) or "")
        if found:
            return found[1]
    return ""


def _user_agent(visit: _Visit) -> str | None:
    """The visit log has no user agent of its own; a site may keep it as a custom dimension of that name."""
    for dimension in visit.customDimensions:
        if (text(dimension.name) or "").lower() == "user agent":
            return text(dimension.value)
    return None
