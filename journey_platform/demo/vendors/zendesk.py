"""Zendesk Support's API v2 over the demo's tickets, users and organisations.

As the real one: incremental exports by cursor (kept at the end, too) and by time (rows of one second are
never split, `next_page` is there at the end, too); links in bodies name another host than the one that was
called; lists page by `page[size]` with `meta.has_more`; the search counts without listing; deleted tickets
are rows; 429 is plain text with Retry-After.
"""

import base64
import re
from bisect import bisect_left
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

import msgspec

from journey_platform.demo.vendors import pages
from journey_platform.demo.vendors.messages import Refused, Reply, Request, Vendor, encode, epoch, iso_z
from journey_platform.demo.vendors.zendesk_rows import AGENT_ID, OTHER_HOST, Rows
from journey_platform.demo.world import SupportUser, Ticket, World

EMAIL = "platform@shop.example"
TOKEN = "demo-zendesk-token"
EXPORT_SIZE = 1000
LIST_SIZE = 100
RETRY_AFTER_S = 27

_COUNTED = re.compile(r"type:ticket created>=(\S+Z) created<(\S+Z)")

_Row = tuple[int, int, Any]
"""Second, id, and what is rendered."""

_ERRORS: dict[int, dict[str, str]] = {
    400: {"error": "InvalidValue", "description": "Invalid request"},
    401: {"error": "Couldn't authenticate you"},
    403: {"error": "Forbidden", "description": "You do not have access to this page."},
    404: {"error": "RecordNotFound", "description": "Not found"},
    500: {"error": "InternalError", "description": "Something went wrong"},
}


class Zendesk(Vendor):
    """The help desk of one brand; see the module's docstring."""

    name = "zendesk"

    def __init__(self, world: World, as_of: datetime, base_url: str) -> None:
        super().__init__(world, as_of, base_url)
        self._rows = Rows(world, as_of)
        self._tickets = self._in_order(
            "tickets",
            [(self._rows.generated(t), t.ticket_id, t) for t in world.tickets if t.created_at <= as_of],
        )
        self._users = self._in_order(
            "users",
            [
                (epoch(self._rows.user_changed_at(user)), user.user_id, user)
                for user in world.support_users
                if user.created_at <= as_of
            ],
        )
        self._organizations = self._in_order(
            "organizations",
            [
                (epoch(organization.created_at), organization.organization_id, organization)
                for organization in world.organizations
                if organization.created_at <= as_of
            ],
        )
        self._memberships = self._in_order(
            "organization_memberships",
            [
                (epoch(membership.created_at), membership.membership_id, membership)
                for membership in world.memberships
                if membership.created_at <= as_of
            ],
        )
        self._events = self._in_order(
            "ticket_metric_events",
            [
                (epoch(at), ticket.ticket_id * 10 + place, (ticket, metric, kind))
                for ticket in world.tickets
                for place, (at, metric, kind) in enumerate(_metric_events(ticket))
                if at <= as_of
            ],
        )
        self._ratings = self._in_order(
            "satisfaction_ratings",
            [
                (epoch(ticket.rated_at), ticket.ticket_id, ticket)
                for ticket in world.tickets
                if ticket.rated_at is not None and ticket.rated_at <= as_of
            ],
        )

    def _in_order(self, stream: str, rows: list[_Row]) -> list[_Row]:
        records = [(epoch(at), number, record) for number, (at, record) in enumerate(self.malformed(stream))]
        return sorted(rows + records, key=lambda row: row[:2])

    def environment(self) -> dict[str, str]:
        return {"ZENDESK_BASE_URL": self.base_url, "ZENDESK_EMAIL": EMAIL, "ZENDESK_TOKEN": TOKEN}

    def refuse(self, status: int) -> Reply:
        headers = _rate_headers()
        if status == 429:
            headers["Retry-After"] = str(RETRY_AFTER_S)
            return Reply(429, b"Number of allowed API requests per minute exceeded", "text/plain", headers)
        if status in _ERRORS:
            return Reply(status, encode(_ERRORS[status]), headers=headers)
        return Reply(status, b"", "text/html", headers)

    def period(self, request: Request) -> tuple[datetime, datetime] | None:
        try:
            if counted := _COUNTED.fullmatch(request.query.get("query", "")):
                return datetime.fromisoformat(counted[1]), datetime.fromisoformat(counted[2])
            if "cursor" in request.query:
                start = _read_cursor(request.query["cursor"])[0]
            elif "start_time" in request.query:
                start = int(request.query["start_time"])
            else:
                return None
            end = int(request.query.get("end_time", epoch(self.as_of)))
            return datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC)
        except (ValueError, Refused):
            return None

    def answer(self, request: Request) -> Reply:
        if request.basic_auth != (f"{EMAIL}/token", TOKEN):
            return self.refuse(401)
        try:
            body = self._resource(request)
        except Refused as refused:
            return self.refuse(refused.status)
        except ValueError:
            return self.refuse(400)
        return Reply(200, encode(body), headers=_rate_headers())

    def _resource(self, request: Request) -> dict[str, Any]:
        match request.path.removeprefix("/api/v2/").removesuffix(".json"):
            case "users/me":
                return {"user": self._agent()}
            case "incremental/tickets/cursor":
                return self._cursor_export(request, "tickets", self._tickets, self._rows.ticket)
            case "incremental/users/cursor":
                return self._cursor_export(request, "users", self._users, self._rows.user)
            case "incremental/tickets":
                return self._time_export(request, "tickets", self._tickets, self._rows.ticket)
            case "incremental/users":
                return self._time_export(request, "users", self._users, self._rows.user)
            case "incremental/organizations":
                organizations = self._organizations
                return self._time_export(request, "organizations", organizations, self._rows.organization)
            case "incremental/ticket_metric_events":
                return self._time_export(request, "ticket_metric_events", self._events, self._rows.event)
            case "organization_memberships":
                rows, render = self._memberships, self._rows.membership
                return self._list(request, "organization_memberships", rows, render)
            case "satisfaction_ratings":
                first = int(request.query.get("start_time", "0"))
                last = int(request.query.get("end_time", epoch(self.as_of)))
                rows = [row for row in self._ratings if first <= row[0] <= last]
                return self._list(request, "satisfaction_ratings", rows, self._rows.rating)
            case "search/count":
                return {"count": self._search_count(request.query.get("query", ""))}
        raise Refused(404)

    def _cursor_export(
        self, request: Request, plural: str, rows: list[_Row], render: Callable[..., dict[str, Any]]
    ) -> dict[str, Any]:
        """A cursor holds the second and the id of the last row that was sent."""
        limit = pages.size(request, request.query.get("per_page"), EXPORT_SIZE, EXPORT_SIZE)
        if "cursor" in request.query:
            second, last_id, mark = _read_cursor(request.query["cursor"])
        elif "start_time" in request.query:
            second, last_id, mark = int(request.query["start_time"]), -1, 0
        else:
            raise Refused(400)
        start = bisect_left(rows, (second, last_id + 1), key=lambda row: row[:2])
        page = pages.by_cursor(request, rows, start, limit, mark)
        if page.next > start:
            second, last_id = rows[page.next - 1][:2]
        cursor = _cursor(second, last_id, page.mark)
        size = {"per_page": request.query["per_page"]} if "per_page" in request.query else {}
        return {
            plural: _rendered(page.rows, render),
            "after_url": f"{OTHER_HOST}{request.path}?{urlencode({'cursor': cursor} | size)}",
            "before_url": None,
            "after_cursor": cursor,
            "before_cursor": None,
            "end_of_stream": not page.has_more,
        }

    def _time_export(
        self, request: Request, plural: str, rows: list[_Row], render: Callable[..., dict[str, Any]]
    ) -> dict[str, Any]:
        """A page ends with the last row of a second; the next one starts with the second after it."""
        if "start_time" not in request.query:
            raise Refused(400)
        limit = pages.size(request, request.query.get("per_page"), EXPORT_SIZE, EXPORT_SIZE)
        second = int(request.query["start_time"])
        start = bisect_left(rows, (second, -1), key=lambda row: row[:2])
        end = min(start + limit, len(rows))
        while 0 < end < len(rows) and rows[end][0] == rows[end - 1][0]:
            end += 1
        page = pages.by_cursor(request, rows, start, end - start)
        if page.next == start and start < len(rows):  # nothing new was sent although more follows
            end_time = second if request.fault == "repeated_cursor" else rows[start][0]
        elif page.has_more:
            end_time = rows[end - 1][0] + 1
        else:
            end_time = rows[end - 1][0] if end > start else second
        size = {"per_page": request.query["per_page"]} if "per_page" in request.query else {}
        return {
            plural: _rendered(page.rows, render),
            "count": len(page.rows),
            "end_of_stream": not page.has_more,
            "next_page": f"{OTHER_HOST}{request.path}?{urlencode(size | {'start_time': end_time})}",
            "end_time": end_time,
        }

    def _list(
        self, request: Request, plural: str, rows: list[_Row], render: Callable[..., dict[str, Any]]
    ) -> dict[str, Any]:
        """A list by cursor, oldest first. What it says of the next page is there at the end, too."""
        limit = pages.size(request, request.query.get("page[size]"), LIST_SIZE, LIST_SIZE)
        start, _, mark = _read_cursor(request.query.get("page[after]") or _cursor(0, 0, 0))
        page = pages.by_cursor(request, rows, start, limit, mark)
        after = _cursor(page.next, 0, page.mark)
        kept = {name: value for name, value in request.query.items() if not name.startswith("page[")}
        link = f"{OTHER_HOST}{request.path}?{urlencode(kept | {'page[after]': after, 'page[size]': limit})}"
        before = link.replace("page%5Bafter%5D", "page%5Bbefore%5D")
        return {
            plural: _rendered(page.rows, render),
            "meta": {"has_more": page.has_more, "after_cursor": after, "before_cursor": _cursor(start, 0, 0)},
            "links": {"prev": before, "next": link},
        }

    def _search_count(self, query: str) -> int:
        """Tickets created in [start, end) that are not deleted: the one search that is understood here."""
        asked = _COUNTED.fullmatch(query)
        if asked is None:
            raise Refused(400)
        first, last = (bisect_left(self._created, iso_z(datetime.fromisoformat(asked[n]))) for n in (1, 2))
        return last - first

    @cached_property
    def _created(self) -> list[str]:
        """When the tickets that a search finds were created, in order; also those that no reader can use."""
        sent = _rendered(self._tickets, self._rows.ticket)
        rows = [msgspec.json.decode(row) if isinstance(row, msgspec.Raw) else row for row in sent]
        return sorted(str(row.get("created_at")) for row in rows if row.get("status") != "deleted")

    def _agent(self) -> dict[str, Any]:
        start = self.day_start(self.world.first_day)
        agent = SupportUser(AGENT_ID, "Support", EMAIL, None, None, start, start)
        return self._rows.user(0, AGENT_ID, agent) | {"role": "admin", "restricted_agent": False}


def _rendered(rows: list[_Row], render: Callable[..., dict[str, Any]]) -> list[Any]:
    return [row[2] if isinstance(row[2], msgspec.Raw) else render(*row) for row in rows]


def _metric_events(ticket: Ticket) -> Iterator[tuple[datetime, str, str]]:
    yield ticket.created_at, "reply_time", "activate"
    yield ticket.created_at, "resolution_time", "activate"
    if ticket.first_reply_at is not None:
        yield ticket.first_reply_at, "reply_time", "fulfill"
    if ticket.solved_at is not None:
        yield ticket.solved_at, "resolution_time", "fulfill"


def _cursor(second: int, row_id: int, mark: int) -> str:
    return base64.b64encode(f"{second}.0||{row_id}|{mark or ''}".encode()).decode()


def _read_cursor(text: str) -> tuple[int, int, int]:
    try:
        second, _, row_id, mark = base64.b64decode(text, validate=True).decode().split("|")
        return int(float(second)), int(row_id), int(mark or 0)
    except ValueError:
        raise Refused(400) from None


def _rate_headers() -> dict[str, str]:
    """An account limit that is far away: the emulation's own limit is set where it is served."""
    return {
        "X-Rate-Limit": "700",
        "X-Rate-Limit-Remaining": "699",
        "ratelimit-limit": "700",
        "ratelimit-remaining": "699",
        "ratelimit-reset": "12",
    }
