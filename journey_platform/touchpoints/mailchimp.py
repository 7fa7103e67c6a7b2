"""Mailchimp: what recipients did with mailings, and what the list says about its members."""

from collections.abc import Callable, Iterator, Mapping
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
    map_contacts,
    map_touchpoints,
    page_path,
    text,
)

TOUCHPOINT_STREAMS: tuple[str, ...] = ("email_activity", "unsubscribes", "campaigns")
CONTACT_STREAMS: tuple[str, ...] = ("members",)
LOOKUPS: Mapping[str, LookedUp] = {}

_TYPES = {"open": "email_open", "click": "email_click", "bounce": "email_bounce"}
_APPLE_NETWORK = "17."
"""17.0.0.0/8 is Apple's: its proxies fetch a mailing's pictures whether or not the person reads it."""


class _Activity(msgspec.Struct):
    campaign_id: str
    email_id: str
    action: str
    email_address: str | None = None
    url: str | None = None
    ip: str | None = None
    type: str | None = None


class _Unsubscribe(msgspec.Struct):
    campaign_id: str
    email_id: str
    email_address: str | None = None
    reason: str | None = None


class _CampaignSettings(msgspec.Struct):
    title: str | None = None


class _Campaign(msgspec.Struct):
    id: str
    settings: _CampaignSettings = msgspec.field(default_factory=_CampaignSettings)


class _Location(msgspec.Struct):
    country_code: str | None = None


class _Member(msgspec.Struct):
    id: str
    email_address: str
    unique_email_id: str | None = None
    status: str | None = None
    full_name: str | None = None
    merge_fields: dict[str, Any] = {}
    location: _Location = msgspec.field(default_factory=_Location)


def touchpoints(raw: Mapping[str, pa.Table], *, zone: str) -> Mapped:
    """Rows of `tables.touchpoints_table("mailchimp")` from `email_activity` and `unsubscribes`.

    `campaigns` (current versions), where given, names the mailing; else its id stands for the name.
    """
    campaigns = decoded(raw.get("campaigns"), _Campaign)
    titles = {campaign.id: title for _, campaign in campaigns if (title := text(campaign.settings.title))}
    mappings = (
        StreamMapping("email_activity", _Activity, _activity(titles)),
        StreamMapping("unsubscribes", _Unsubscribe, _unsubscribe(titles)),
    )
    return map_touchpoints("mailchimp", "email", mappings, raw, zone)


def contacts(raw: Mapping[str, pa.Table], *, zone: str) -> Mapped:
    """Rows of `tables.contacts_table("mailchimp")` from `members`."""
    return map_contacts("mailchimp", (StreamMapping("members", _Member, _member),), raw, zone)


def _activity(titles: Mapping[str, str]) -> Callable[[_Activity, Origin], Iterator[Touch]]:
    def rows(activity: _Activity, origin: Origin) -> Iterator[Touch]:
        if activity.action not in _TYPES:
            raise Refusal("unknown action", "action")
        yield Touch(
            type=_TYPES[activity.action],
            occurred_at=origin.occurred_at,
            identifiers=_recipient(activity.email_address, activity.email_id),
            subject_id=activity.campaign_id,
            page=page_path(activity.url),
            medium="email",
            campaign=titles.get(activity.campaign_id, activity.campaign_id),
            reason=text(activity.type),
            is_machine=activity.action == "open" and (activity.ip or "").startswith(_APPLE_NETWORK),
        )

    return rows


def _unsubscribe(titles: Mapping[str, str]) -> Callable[[_Unsubscribe, Origin], Iterator[Touch]]:
    def rows(unsubscribe: _Unsubscribe, origin: Origin) -> Iterator[Touch]:
        yield Touch(
            type="email_unsubscribe",
            occurred_at=origin.occurred_at,
            identifiers=_recipient(unsubscribe.email_address, unsubscribe.email_id),
            subject_id=unsubscribe.campaign_id,
            medium="email",
            campaign=titles.get(unsubscribe.campaign_id, unsubscribe.campaign_id),
            reason=text(unsubscribe.reason),
        )

    return rows


def _recipient(address: str | None, email_id: str) -> Pairs:
    return (("email", address or ""), ("mailchimp_email_id", email_id))


def _member(member: _Member, origin: Origin) -> Iterator[Contact]:
    fields = {name: text(value) or "" for name, value in member.merge_fields.items()}
    given_name = f"{fields.get('FNAME', '')} {fields.get('LNAME', '')}".strip()
    phone = fields.get("PHONE", "")
    yield Contact(
        observed_at=origin.occurred_at,
        identifiers=(
            *_recipient(member.email_address, member.id),
            ("phone", phone),
            ("social_handle", fields.get("HANDLE", "")),
            ("loyalty_id", fields.get("LOYALTYID", "")),
            ("click_id", member.unique_email_id or ""),
            ("promo_code", fields.get("PROMOCODE", "")),
        ),
        attributes=(
            ("name", member.full_name or given_name),
            ("email", member.email_address),
            ("phone", phone),
            ("country", fields.get("COUNTRY") or member.location.country_code or ""),
            ("company", fields.get("COMPANY", "")),
            ("job_title", fields.get("JOBTITLE", "")),
            ("plan", fields.get("PLAN", "")),
            ("email_status", member.status or ""),
        ),
    )
