"""Mailchimp's Marketing API 3.0 over the demo's list and mailings.

As the real one: ten rows a page unless asked, at most 1,000; an offset past the end gives no rows and the
same `total_items`; `_links` are most of the bytes; errors are problem+json; no rate headers and no
Retry-After; a member's id is the MD5 of the lower-case address; absent times are "".
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

import msgspec

from journey_platform.demo.notation import click_id
from journey_platform.demo.vendors import pages
from journey_platform.demo.vendors.mailchimp_reports import plus_zero, totals
from journey_platform.demo.vendors.messages import Refused, Reply, Request, Vendor, encode, moment_of
from journey_platform.demo.vendors.projection import projected
from journey_platform.demo.world import Campaign, EmailAction, Member, World

API_KEY = "demo0mailchimp0key0demo0mailchim-us1"
MAX_COUNT = 1000
PROBLEM = "application/problem+json; charset=utf-8"

_TITLES = {
    400: ("Invalid Resource", "The resource submitted could not be validated."),
    401: ("API Key Invalid", "The key is not valid or has been disabled."),
    403: ("Forbidden", "You may not do this."),
    404: ("Resource Not Found", "The requested resource could not be found."),
    405: ("Method Not Allowed", "The method is not allowed on this resource."),
    429: ("Too Many Requests", "More than 10 simultaneous connections."),
}

_Member = tuple[datetime, str, Member | msgspec.Raw]
"""When the member changed, its id, and what is rendered."""


class Mailchimp(Vendor):
    """One list, its members and its mailings; see the module's docstring."""

    name = "mailchimp"

    def __init__(self, world: World, as_of: datetime, base_url: str) -> None:
        super().__init__(world, as_of, base_url)
        joined = [member for member in world.members if member.joined_at <= as_of]
        members: list[_Member] = [(self._changed_at(m), email_id(m.email), m) for m in joined]
        members.extend((noon, "", record) for noon, record in self.malformed("members"))
        self._members = sorted(members, key=lambda row: row[:2])
        sent = (campaign for campaign in world.campaigns if campaign.sent_at <= as_of)
        self._campaigns = sorted(sent, key=lambda campaign: (campaign.sent_at, campaign.campaign_id))
        self._malformed = {
            stream: list(self.malformed(stream)) for stream in ("email_activity", "unsubscribes")
        }
        self._by_id = {campaign.campaign_id: campaign for campaign in self._campaigns}
        self._member_of = {member.email.lower(): member for member in world.members}

    def environment(self) -> dict[str, str]:
        return {"MAILCHIMP_BASE_URL": f"{self.base_url}/3.0", "MAILCHIMP_API_KEY": API_KEY}

    def refuse(self, status: int) -> Reply:
        if status >= 500:
            return Reply(status, b"", "text/html")
        title, detail = _TITLES[status]
        problem = {
            "type": "https://mailchimp.com/developer/marketing/docs/errors/",
            "title": title,
            "status": status,
            "detail": detail,
            "instance": _hex(f"problem {status}"),
        }
        return Reply(status, encode(problem), PROBLEM)

    def period(self, request: Request) -> tuple[datetime, datetime] | None:
        asked = request.query
        start = asked.get("since") or asked.get("since_last_changed") or asked.get("since_send_time")
        try:
            return (moment_of(start), self.as_of) if start else None
        except ValueError:
            return None

    def answer(self, request: Request) -> Reply:
        if request.basic_auth is None or request.basic_auth[1] != API_KEY:
            return self.refuse(401)
        if request.method != "GET":
            return self.refuse(405)
        try:
            return Reply(200, encode(projected(self._resource(request), request.query)))
        except Refused as refused:
            return self.refuse(refused.status)

    def _resource(self, request: Request) -> dict[str, Any]:
        match request.path.removeprefix("/3.0").strip("/").split("/"):
            case ["ping"]:
                return {"health_status": "Everything's Chimpy!"}
            case ["lists"]:
                return self._collection(request, "lists", [None], lambda _: self._list())
            case ["lists", list_id] if list_id == self.world.list_id:
                return self._list()
            case ["lists", list_id, "members"] if list_id == self.world.list_id:
                return self._list_members(request)
            case ["campaigns"]:
                return self._collection(request, "campaigns", self._sent(request), self._campaign)
            case ["reports"]:
                return self._collection(request, "reports", self._sent(request), self._report)
            case ["reports", campaign_id] if campaign_id in self._by_id:
                return self._report(self._by_id[campaign_id])
            case ["reports", campaign_id, "email-activity"] if campaign_id in self._by_id:
                return self._email_activity(request, self._by_id[campaign_id])
            case ["reports", campaign_id, "unsubscribed"] if campaign_id in self._by_id:
                campaign = self._by_id[campaign_id]
                rows: list[Any] = [item for item in campaign.unsubscribed if item[1] <= self.as_of]
                rows.extend(record for _, record in self._malformed_of("unsubscribes", campaign))
                body = self._collection(
                    request, "unsubscribes", rows, lambda item: self._unsubscribe(campaign, *item)
                )
                return body | {"campaign_id": campaign_id}
        raise Refused(404)

    def _collection(
        self, request: Request, plural: str, rows: Sequence[Any], render: Callable[[Any], dict[str, Any]]
    ) -> dict[str, Any]:
        try:
            limit = int(request.query.get("count", "10"))
            offset = int(request.query.get("offset", "0"))
        except ValueError:
            raise Refused(400) from None
        if not 0 <= limit <= MAX_COUNT or offset < 0:
            raise Refused(400)
        limit = pages.granted(request, limit)
        return {
            plural: [
                row if isinstance(row, msgspec.Raw) else render(row)
                for row in pages.by_offset(request, rows, offset, limit)
            ],
            "total_items": len(rows) + pages.shift(request, offset, limit),
            "_links": self._links(request.path, "parent"),
        }

    def _links(self, path: str, *more: str) -> list[dict[str, str]]:
        schema = "https://us1.api.mailchimp.com/schema/3.0/Definitions"
        return [
            {
                "rel": rel,
                "href": f"https://us1.api.mailchimp.com{path}",
                "method": "GET",
                "targetSchema": f"{schema}{path.rpartition('/')[0]}/Response.json",
            }
            for rel in ("self", *more)
        ]

    def _list(self) -> dict[str, Any]:
        members = [row for _, _, row in self._members if isinstance(row, Member)]
        states = Counter(self._status(member) for member in members)
        return {
            "id": self.world.list_id,
            "web_id": 1,
            "name": self.world.site_name,
            "permission_reminder": "",
            "use_archive_bar": True,
            "date_created": plus_zero(self.day_start(self.world.first_day)),
            "list_rating": 4,
            "email_type_option": False,
            "visibility": "prv",
            "double_optin": False,
            "stats": {
                "member_count": states["subscribed"],
                "unsubscribe_count": states["unsubscribed"],
                "cleaned_count": states["cleaned"],
                "campaign_count": len(self._campaigns),
                "campaign_last_sent": plus_zero(self._campaigns[-1].sent_at) if self._campaigns else "",
            },
            "_links": self._links(f"/3.0/lists/{self.world.list_id}", "parent", "members"),
        }

    def _changed_at(self, member: Member) -> datetime:
        return member.changed_at if member.changed_at <= self.as_of else member.joined_at

    def _status(self, member: Member) -> str:
        return member.status if member.changed_at <= self.as_of else "subscribed"

    def _list_members(self, request: Request) -> dict[str, Any]:
        rows = self._members
        if since := _moment(request.query.get("since_last_changed") or None):
            rows = [row for row in rows if row[0] > since]
        if request.query.get("sort_field") != "last_changed":
            rows = sorted(rows, key=lambda row: row[1])
        if request.query.get("sort_dir") == "DESC":
            rows = rows[::-1]
        found = [row for _, _, row in rows]
        return self._collection(request, "members", found, self._member) | {"list_id": self.world.list_id}

    def _member(self, member: Member) -> dict[str, Any]:
        key = email_id(member.email)
        path = f"/3.0/lists/{self.world.list_id}/members/{key}"
        return {
            "id": key,
            "email_address": member.email,
            "unique_email_id": click_id(member.email),
            "contact_id": _hex(f"contact {member.email}"),
            "full_name": f"{member.first_name} {member.last_name}".strip(),
            "web_id": int(key[:7], 16),
            "email_type": "html",
            "status": self._status(member),
            "consents_to_one_to_one_messaging": True,
            "merge_fields": self._merge_fields(member),
            "stats": {"avg_open_rate": 0, "avg_click_rate": 0},
            "ip_signup": "",
            "timestamp_signup": "",
            "ip_opt": "",
            "timestamp_opt": plus_zero(member.joined_at),
            "member_rating": 2,
            "last_changed": plus_zero(self._changed_at(member)),
            "language": "",
            "vip": False,
            "email_client": "",
            "location": {
                "latitude": 0,
                "longitude": 0,
                "gmtoff": 0,
                "dstoff": 0,
                "country_code": member.country_code,
                "timezone": "",
                "region": "",
            },
            "source": "API - Generic",
            "tags_count": 0,
            "tags": [],
            "list_id": self.world.list_id,
            "_links": self._links(path, "parent", "activity", "goals", "notes"),
        }

    def _merge_fields(self, member: Member) -> dict[str, str]:
        return {
            "FNAME": member.first_name,
            "LNAME": member.last_name,
            "ADDRESS": "",
            "PHONE": member.phone,
            "COUNTRY": member.country_code,
            "PLAN": member.plan,
            "COMPANY": member.company,
            "JOBTITLE": member.job_title,
            "HANDLE": member.handle or "",
        }

    def _sent(self, request: Request) -> list[Campaign]:
        """Campaigns, the one sent last first, unless asked otherwise."""
        rows = self._campaigns
        if since := _moment(request.query.get("since_send_time") or None):
            rows = [campaign for campaign in rows if campaign.sent_at >= since]
        is_ascending = request.query.get("sort_field") == "send_time" and (
            request.query.get("sort_dir") == "ASC"
        )
        return rows if is_ascending else rows[::-1]

    def _campaign(self, campaign: Campaign) -> dict[str, Any]:
        numbers = self._totals[campaign.campaign_id]
        return {
            "id": campaign.campaign_id,
            "web_id": int(_hex(campaign.campaign_id)[:6], 16),
            "type": "regular",
            "create_time": plus_zero(campaign.sent_at),
            "archive_url": "",
            "long_archive_url": "",
            "status": "sent",
            "emails_sent": len(campaign.recipients),
            "send_time": plus_zero(campaign.sent_at),
            "content_type": "template",
            "needs_block_refresh": False,
            "resendable": True,
            "recipients": {
                "list_id": self.world.list_id,
                "list_is_active": True,
                "list_name": self.world.site_name,
                "segment_text": "",
                "recipient_count": len(campaign.recipients),
            },
            "settings": {
                "subject_line": campaign.subject,
                "title": campaign.title,
                "from_name": self.world.site_name,
                "reply_to": "news@shop.example",
            },
            "tracking": {"opens": True, "html_clicks": True, "text_clicks": False},
            "report_summary": {
                "opens": numbers["opens"]["opens_total"],
                "unique_opens": numbers["opens"]["unique_opens"],
                "open_rate": numbers["opens"]["open_rate"],
                "clicks": numbers["clicks"]["clicks_total"],
                "subscriber_clicks": numbers["clicks"]["unique_subscriber_clicks"],
                "click_rate": numbers["clicks"]["click_rate"],
            },
            "delivery_status": {"enabled": False},
            "_links": self._links(f"/3.0/campaigns/{campaign.campaign_id}", "parent", "content", "report"),
        }

    @cached_property
    def _totals(self) -> dict[str, dict[str, Any]]:
        return {campaign.campaign_id: totals(campaign, self.as_of) for campaign in self._campaigns}

    def _report(self, campaign: Campaign) -> dict[str, Any]:
        return {
            "id": campaign.campaign_id,
            "campaign_title": campaign.title,
            "type": "regular",
            "list_id": self.world.list_id,
            "list_is_active": True,
            "list_name": self.world.site_name,
            "subject_line": campaign.subject,
            "preview_text": "",
            "emails_sent": len(campaign.recipients),
            "abuse_reports": 0,
            "unsubscribed": sum(at <= self.as_of for _, at in campaign.unsubscribed),
            "send_time": plus_zero(campaign.sent_at),
            **self._totals[campaign.campaign_id],
            "forwards": {"forwards_count": 0, "forwards_opens": 0},
            "delivery_status": {"enabled": False},
            "_links": self._links(
                f"/3.0/reports/{campaign.campaign_id}", "parent", "campaign", "email-activity"
            ),
        }

    def _email_activity(self, request: Request, campaign: Campaign) -> dict[str, Any]:
        """One row a recipient; with `since`, only those who did something since then, and only that."""
        since = _moment(request.query.get("since"))
        done: dict[str, list[Any]] = {} if since else {email: [] for email in campaign.recipients}
        for action in sorted(campaign.actions, key=lambda action: action.at):
            if action.at <= self.as_of and (since is None or action.at >= since):
                done.setdefault(action.email, []).append(action)
        for noon, record in self._malformed_of("email_activity", campaign):
            if since is None or noon >= since:
                done.setdefault(campaign.recipients[0], []).append(record)
        rows = sorted(done.items(), key=lambda item: email_id(item[0]))

        def render(item: tuple[str, list[Any]]) -> dict[str, Any]:
            email, actions = item
            path = f"/3.0/reports/{campaign.campaign_id}/email-activity/{email_id(email)}"
            return {
                "campaign_id": campaign.campaign_id,
                "list_id": self.world.list_id,
                "list_is_active": True,
                "email_id": email_id(email),
                "email_address": email,
                "activity": [self._activity(a) if isinstance(a, EmailAction) else a for a in actions],
                "_links": self._links(path, "parent", "member"),
            }

        body = self._collection(request, "emails", rows, render)
        return body | {"campaign_id": campaign.campaign_id}

    def _malformed_of(self, stream: str, campaign: Campaign) -> list[tuple[datetime, msgspec.Raw]]:
        """The records that belong to the report of this mailing: the last one before their noon."""
        found = []
        for noon, record in self._malformed[stream]:
            before = [other for other in self._campaigns if other.sent_at <= noon]
            if (before or self._campaigns)[-1] is campaign:
                found.append((noon, record))
        return found

    def _activity(self, action: EmailAction) -> dict[str, Any]:
        item: dict[str, Any] = {"action": action.action, "timestamp": plus_zero(action.at)}
        optional = {"type": action.bounce_type, "url": action.url, "ip": action.ip}
        return item | {name: value for name, value in optional.items() if value}

    def _unsubscribe(self, campaign: Campaign, email: str, at: datetime) -> dict[str, Any]:
        member = self._member_of.get(email.lower())
        path = f"/3.0/reports/{campaign.campaign_id}/unsubscribed/{email_id(email)}"
        return {
            "email_id": email_id(email),
            "email_address": email,
            "merge_fields": self._merge_fields(member) if member else {},
            "vip": False,
            "timestamp": plus_zero(at),
            "reason": "N/A (Unsubscribed by the recipient)",
            "campaign_id": campaign.campaign_id,
            "list_id": self.world.list_id,
            "list_is_active": True,
            "_links": self._links(path, "parent", "member"),
        }


def email_id(address: str) -> str:
    """MD5 of the lower-case address: Mailchimp's id of a member."""
    return _hex(address.lower())


def _moment(text: str | None) -> datetime | None:
    try:
        return None if text is None else moment_of(text)
    except ValueError:
        raise Refused(400) from None


def _hex(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()
