"""Zendesk Support API v2: tickets and users by cursor export, organisations and metric events by time export,
who is in which of these and ratings by list, and the search's own count of tickets a day to reconcile with.

An export ends at `end_of_stream`, a list where `meta.has_more` is false: both name a next page even then. The
links in bodies may name another host; they are not used, every next request is built from the cursor.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from types import MappingProxyType
from typing import Any, ClassVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from connectors.auth import BasicAuth
from connectors.base import Connector, Page, Record, Stream, StreamKind, Window
from connectors.clock import SYSTEM_CLOCK, Clock
from connectors.config import Secret, secret, setting
from connectors.errors import AuthenticationFailed
from connectors.http import HttpClient, Policy
from connectors.pagination import Part, by_token
from connectors.records import RowReader, joined, time_of, with_fields
from connectors.times import day_start, local_days

_ROWS_AN_EXPORT_PAGE = 1000
_ROWS_A_LIST_PAGE = 100
# Exports refuse a start in the last minute.
_EXPORT_LAG = timedelta(minutes=1)
# The lowest plan's limit for an account.
_POLICY = Policy(requests_per_minute=200)


@dataclass(frozen=True)
class ZendeskConfig:
    """The account's address, and an agent's address with an API token."""

    base_url: str = setting("ZENDESK_BASE_URL", "https://{subdomain}.zendesk.com, without /api/v2")
    email: str = setting("ZENDESK_EMAIL", "address of the agent whom the token belongs to")
    token: Secret = secret("ZENDESK_TOKEN", "API token")


class _Ticket(msgspec.Struct):
    id: int | str
    generated_timestamp: int | float | None = None


class _User(msgspec.Struct):
    id: int | str
    updated_at: str | None = None


class _Organization(msgspec.Struct):
    id: int | str
    updated_at: str | None = None


class _Membership(msgspec.Struct):
    id: int
    user_id: int


class _Event(msgspec.Struct):
    id: int | str
    time: str | None = None


class _Rating(msgspec.Struct):
    id: int | str
    created_at: str | None = None


class _Count(msgspec.Struct):
    date: str
    start: str


class _Counted(msgspec.Struct):
    count: int


class _Meta(msgspec.Struct):
    has_more: bool
    after_cursor: str | None = None


class _Me(msgspec.Struct):
    id: int | None = None
    iana_time_zone: str | None = None


class _Answer(msgspec.Struct):
    user: _Me


_TICKETS = RowReader(
    _Ticket, lambda row: joined(row.id), lambda row: time_of(row.generated_timestamp, "generated_timestamp")
)
_USERS = RowReader(_User, lambda row: joined(row.id), lambda row: time_of(row.updated_at, "updated_at"))
_ORGANIZATIONS = RowReader(
    _Organization, lambda row: joined(row.id), lambda row: time_of(row.updated_at, "updated_at")
)
_MEMBERSHIPS = RowReader(_Membership, lambda row: joined(row.user_id))
_MEMBERSHIP = msgspec.json.Decoder(_Membership)
_EVENTS = RowReader(_Event, lambda row: joined(row.id), lambda row: time_of(row.time, "time"))
_RATINGS = RowReader(_Rating, lambda row: joined(row.id), lambda row: time_of(row.created_at, "created_at"))
_COUNTS = RowReader(_Count, lambda row: joined(row.date), lambda row: time_of(row.start, "start"))


class Zendesk(Connector):
    """One Zendesk Support account."""

    area: ClassVar[str] = "ticketing"
    vendor: ClassVar[str] = "zendesk"
    config_class: ClassVar[type[Any]] = ZendeskConfig
    streams: ClassVar[tuple[Stream, ...]] = (
        Stream(
            name="tickets",
            kind=StreamKind.ENTITY,
            grain="ticket in its present state; a deleted one is a row with that status",
            primary_key=("id",),
            is_replayable=False,
            personal_fields=(
                "subject",
                "raw_subject",
                "description",
                "recipient",
                "requester_id",
                "submitter_id",
                "collaborator_ids",
                "follower_ids",
                "email_cc_ids",
                "via.source.from",
            ),
        ),
        Stream(
            name="users",
            kind=StreamKind.ENTITY,
            grain="end user or agent in their present state",
            primary_key=("id",),
            is_replayable=False,
            personal_fields=(
                "email",
                "name",
                "phone",
                "external_id",
                "notes",
                "details",
                "photo",
                "user_fields",
                "last_login_at",
            ),
        ),
        Stream(
            name="organizations",
            kind=StreamKind.ENTITY,
            grain="company or other body that users belong to, in its present state",
            primary_key=("id",),
            is_replayable=False,
            personal_fields=("details", "notes", "organization_fields"),
        ),
        Stream(
            name="organization_memberships",
            kind=StreamKind.ENTITY,
            grain="user who is in organisations, with all that they are in now",
            primary_key=("user_id",),
            is_replayable=False,
            personal_fields=("user_id",),
        ),
        Stream(
            name="ticket_metric_events",
            kind=StreamKind.EVENT,
            grain="moment that a ticket's metrics count from: created, replied, solved, ...",
            primary_key=("id",),
            is_replayable=True,
            lookback_days=2,
        ),
        Stream(
            name="satisfaction_ratings",
            kind=StreamKind.EVENT,
            grain="customer's rating of how a ticket was handled",
            primary_key=("id",),
            is_replayable=True,
            lookback_days=7,
            personal_fields=("requester_id", "comment"),
        ),
        Stream(
            name="ticket_counts",
            kind=StreamKind.EVENT,
            grain="local day of the agent: tickets created on it, as the search counts them",
            primary_key=("date",),
            is_replayable=True,
            lookback_days=2,
        ),
    )

    def __init__(self, config: ZendeskConfig, clock: Clock = SYSTEM_CLOCK) -> None:
        self._clock = clock
        auth = BasicAuth(f"{config.email}/token", config.token)
        self._client = HttpClient(config.base_url, auth, vendor=self.vendor, policy=_POLICY, clock=clock)

    def read(self, stream: str, window: Window, cursor: str | None = None) -> Iterator[Page]:
        readers: dict[str, Callable[[], Iterator[Page]]] = {
            "tickets": lambda: self._cursor_export("tickets", _TICKETS, window, cursor),
            "users": lambda: self._cursor_export("users", _USERS, window, cursor),
            "organizations": lambda: self._organizations(cursor),
            "organization_memberships": self._organization_memberships,
            "ticket_metric_events": lambda: self._ticket_metric_events(window),
            "satisfaction_ratings": lambda: self._satisfaction_ratings(window),
            "ticket_counts": lambda: self._ticket_counts(window),
        }
        return readers[self.stream(stream).name]()

    def check(self) -> None:
        self._me("")

    def _me(self, stream: str) -> _Me:
        """The agent. Zendesk answers an unknown caller with a user that has no id."""
        me: _Me = self._client.get("api/v2/users/me.json", stream=stream).json(_Answer).user
        if me.id is None:
            raise AuthenticationFailed("the token is not accepted", where=self.vendor)
        return me

    def _cursor_export(
        self, plural: str, reader: RowReader[Any], window: Window, cursor: str | None
    ) -> Iterator[Page]:
        def fetch(after: str | None) -> Part[Page]:
            start = None if after else self._start_time(window)
            told = self._export(
                f"{plural}/cursor", plural, cursor=after, start_time=start, per_page=_ROWS_AN_EXPORT_PAGE
            )
            page = reader.page(told.rows, cursor=told.after_cursor or after)
            return Part(page, len(told.rows), told.after_cursor, has_more=not told.end_of_stream)

        return by_token(fetch, cursor, where=f"zendesk/{plural}")

    def _organizations(self, cursor: str | None) -> Iterator[Page]:
        """By time, first of all time: who wrote this week may be of a body that has stood for years.

        The cursor is the last `end_time`, whose second is read again.
        """
        plural = "organizations"

        def fetch(start: str | None) -> Part[Page]:
            told = self._export(plural, plural, start_time=int(start or 0), per_page=_ROWS_AN_EXPORT_PAGE)
            end = str(told.end_time) if told.end_time else None
            page = _ORGANIZATIONS.page(told.rows, cursor=end)
            return Part(page, len(told.rows), end, has_more=not told.end_of_stream)

        start = min(int(cursor or 0), _epoch(self._clock.now() - _EXPORT_LAG))
        return by_token(fetch, str(start), where=f"zendesk/{plural}")

    def _organization_memberships(self) -> Iterator[Page]:
        """All of them, put together by user: one that ends is listed no more, and nothing else tells of it.

        The rows of a user are spread over the list, which is held until it is read: some 300 bytes each.
        """
        of_user: dict[str, dict[int, msgspec.Raw]] = defaultdict(dict)
        for page in self._list("organization_memberships", _MEMBERSHIPS):
            yield Page([], bad=page.bad)
            for record in page.records:
                of_user[record.key][_MEMBERSHIP.decode(record.body).id] = msgspec.Raw(record.body)
        bodies = {
            user: {"user_id": int(user), "memberships": [rows[number] for number in sorted(rows)]}
            for user, rows in of_user.items()
        }
        yield Page([Record(user, None, msgspec.json.encode(bodies[user])) for user in sorted(bodies)])

    def _ticket_metric_events(self, window: Window) -> Iterator[Page]:
        """By time: the next page starts at the last one's `end_time`, and may repeat rows of that second."""
        plural = "ticket_metric_events"
        last: set[bytes] = set()

        def fetch(start: str | None) -> Part[Page]:
            nonlocal last
            told = self._export(plural, plural, start_time=int(start or 0), per_page=_ROWS_AN_EXPORT_PAGE)
            rows = [bytes(row) for row in told.rows]
            page = _EVENTS.page([row for row in rows if row not in last], window)
            last = set(rows)
            has_more = not told.end_of_stream and (told.end_time or 0) < window.end.timestamp()
            return Part(page, len(rows), str(told.end_time) if told.end_time else None, has_more=has_more)

        return by_token(fetch, str(self._start_time(window)), where=f"zendesk/{plural}")

    def _satisfaction_ratings(self, window: Window) -> Iterator[Page]:
        asked = {"start_time": _epoch(window.start), "end_time": _epoch(window.end)}
        return self._list("satisfaction_ratings", _RATINGS, asked, window)

    def _list(
        self,
        plural: str,
        reader: RowReader[Any],
        params: Mapping[str, int] = MappingProxyType({}),
        window: Window | None = None,
    ) -> Iterator[Page]:
        def fetch(after: str | None) -> Part[Page]:
            paging = {"page[size]": _ROWS_A_LIST_PAGE, "page[after]": after}
            response = self._client.get(f"api/v2/{plural}.json", {**params, **paging}, stream=plural)
            told = response.json(_list_page(plural))
            page = reader.page(told.rows, window)
            return Part(page, len(told.rows), told.meta.after_cursor, has_more=told.meta.has_more)

        return by_token(fetch, where=f"zendesk/{plural}")

    def _ticket_counts(self, window: Window) -> Iterator[Page]:
        """One request a day: the search counts without listing. It leaves deleted tickets out."""
        zone = _zone_named(self._me("ticket_counts").iana_time_zone)
        for day in local_days(window, zone):
            start, end = (_iso(day_start(of, zone)) for of in (day, day + timedelta(days=1)))
            query = {"query": f"type:ticket created>={start} created<{end}"}
            told = self._client.get("api/v2/search/count.json", query, stream="ticket_counts")
            fields = {"date": day.isoformat(), "start": start, "end": end}
            rows = [with_fields(told.json(msgspec.Raw), fields)] if told.json(_Counted).count else []
            yield _COUNTS.page(rows, window)

    def _export(self, resource: str, plural: str, **params: str | int | None) -> Any:
        response = self._client.get(f"api/v2/incremental/{resource}.json", params, stream=plural)
        return response.json(_export_page(plural))

    def _start_time(self, window: Window) -> int:
        return _epoch(min(window.start, self._clock.now() - _EXPORT_LAG))


@cache
def _export_page(plural: str) -> type[Any]:
    """A page of an incremental export, its rows raw."""
    fields: list[tuple[str, Any] | tuple[str, Any, Any]] = [
        ("rows", list[msgspec.Raw]),
        ("end_of_stream", bool),
        ("after_cursor", str | None, None),
        ("end_time", int | None, None),
    ]
    return msgspec.defstruct("ExportPage", fields, rename={"rows": plural})


@cache
def _list_page(plural: str) -> type[Any]:
    """A page of a list, its rows raw."""
    return msgspec.defstruct(
        "ListPage", [("rows", list[msgspec.Raw]), ("meta", _Meta)], rename={"rows": plural}
    )


def _epoch(at: datetime) -> int:
    return int(at.timestamp())


def _iso(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _zone_named(name: str | None) -> tzinfo:
    """The agent's zone; UTC where it is not known: which day a count is of is in its row."""
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return UTC
