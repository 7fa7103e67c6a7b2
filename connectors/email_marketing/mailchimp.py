"""Mailchimp Marketing API 3.0: lists, members, mailings, their reports, and what each recipient did.

Every list is paged by `count` and `offset` with a `total_items`; `_links`, most of the bytes, is left out by
asking. There are no rate headers: too many requests is 429, or a 403 that is not JSON. Absent times are "".
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, ClassVar

import msgspec

from connectors.auth import BasicAuth
from connectors.base import Connector, Page, Stream, StreamKind, Window
from connectors.clock import SYSTEM_CLOCK, Clock
from connectors.config import Secret, secret, setting
from connectors.errors import ConfigurationError
from connectors.http import HttpClient
from connectors.moving import settled
from connectors.pagination import Part, by_offset
from connectors.records import RowReader, joined, time_of, with_fields
from connectors.transport import Exchange

_ROWS_A_PAGE = 1000
# `since_last_changed` is to the second, and rows of one second may become visible one after the other.
_OVERLAP = timedelta(seconds=60)
_DATA_CENTRE = re.compile(r"-(us\d{1,3})$")


@dataclass(frozen=True)
class MailchimpConfig:
    """The key, whose ending names the data centre; the address only where that is not the one to call."""

    api_key: Secret = secret("MAILCHIMP_API_KEY", "API key, with its ending (-us3)")
    base_url: str = setting(
        "MAILCHIMP_BASE_URL", "address up to /3.0, instead of the key's data centre", default=""
    )


class _Id(msgspec.Struct):
    id: str = ""
    email_id: str = ""


class _Row(msgspec.Struct):
    id: str


class _Member(msgspec.Struct):
    id: str
    list_id: str
    last_changed: str = ""


class _Mailing(msgspec.Struct):
    id: str
    send_time: str = ""


class _Recipient(msgspec.Struct):
    campaign_id: str
    email_id: str
    list_id: str | None = None
    email_address: str | None = None
    activity: list[msgspec.Raw] = []


class _Activity(msgspec.Struct):
    campaign_id: str
    email_id: str
    action: str
    timestamp: str = ""
    url: str | None = None


class _Unsubscribe(msgspec.Struct):
    campaign_id: str
    email_id: str
    timestamp: str = ""


def _activity_key(item: _Activity) -> str:
    url = [hashlib.sha256(item.url.encode()).hexdigest()[:8]] if item.url else []
    return joined(item.campaign_id, item.email_id, item.action, item.timestamp, *url)


def _sent(mailing: _Mailing) -> datetime | None:
    return time_of(mailing.send_time, "send_time") if mailing.send_time else None


def _changed(member: _Member) -> datetime | None:
    return time_of(member.last_changed, "last_changed") if member.last_changed else None


_ROWS = RowReader(_Row, lambda row: joined(row.id))
_MAILINGS = RowReader(_Mailing, lambda row: joined(row.id), _sent)
_MEMBERS = RowReader(_Member, lambda member: joined(member.list_id, member.id), _changed)
_ACTIVITY = RowReader(_Activity, _activity_key, lambda item: time_of(item.timestamp, "timestamp"))
_UNSUBSCRIBES = RowReader(
    _Unsubscribe,
    lambda row: joined(row.campaign_id, row.email_id),
    lambda row: time_of(row.timestamp, "timestamp"),
)
_id_decoder = msgspec.json.Decoder(_Id)
_recipient_decoder = msgspec.json.Decoder(_Recipient)


def _entity(name: str, grain: str, personal_fields: tuple[str, ...] = ()) -> Stream:
    return Stream(name, StreamKind.ENTITY, grain, ("id",), False, personal_fields=personal_fields)


class Mailchimp(Connector):
    """One Mailchimp account."""

    area: ClassVar[str] = "email_marketing"
    vendor: ClassVar[str] = "mailchimp"
    config_class: ClassVar[type[Any]] = MailchimpConfig
    streams: ClassVar[tuple[Stream, ...]] = (
        _entity("lists", "list (audience)", ("contact", "campaign_defaults")),
        Stream(
            name="members",
            kind=StreamKind.ENTITY,
            grain="member of a list, in its present state",
            primary_key=("list_id", "id"),
            is_replayable=False,
            personal_fields=(
                "id",
                "email_address",
                "unique_email_id",
                "contact_id",
                "full_name",
                "merge_fields",
                "ip_signup",
                "ip_opt",
                "location",
            ),
        ),
        _entity("campaigns", "mailing"),
        _entity("reports", "mailing that was sent, with its totals"),
        Stream(
            name="email_activity",
            kind=StreamKind.EVENT,
            grain="open, click or bounce of one recipient of one mailing",
            primary_key=("campaign_id", "email_id", "action", "timestamp", "url"),
            is_replayable=True,
            lookback_days=7,
            personal_fields=("email_id", "email_address", "ip"),
        ),
        Stream(
            name="unsubscribes",
            kind=StreamKind.EVENT,
            grain="recipient who unsubscribed through one mailing",
            primary_key=("campaign_id", "email_id"),
            is_replayable=True,
            lookback_days=2,
            personal_fields=("email_id", "email_address", "merge_fields"),
        ),
    )

    def __init__(self, config: MailchimpConfig, clock: Clock = SYSTEM_CLOCK) -> None:
        base_url = config.base_url or _address(config.api_key)
        self._client = HttpClient(
            base_url,
            BasicAuth("journey-platform", config.api_key),
            vendor=self.vendor,
            clock=clock,
            is_throttled=_is_bare_403,
        )

    def read(self, stream: str, window: Window, cursor: str | None = None) -> Iterator[Page]:
        readers: dict[str, Callable[[], Iterator[Page]]] = {
            "lists": lambda: self._snapshot("lists"),
            "members": lambda: self._members(window, cursor),
            "campaigns": lambda: self._snapshot("campaigns"),
            "reports": lambda: self._snapshot("reports"),
            "email_activity": lambda: self._email_activity(window),
            "unsubscribes": lambda: self._unsubscribes(window),
        }
        return readers[self.stream(stream).name]()

    def check(self) -> None:
        self._client.get("lists", {"count": 1, "fields": "lists.id,total_items"}).json(_envelope("lists"))

    def _snapshot(self, plural: str) -> Iterator[Page]:
        for rows in self._pages(plural, plural, plural):
            yield _ROWS.page(rows)

    def _members(self, window: Window, cursor: str | None) -> Iterator[Page]:
        """List by list, in the order of change; the cursor holds each list's latest change and moves when its
        list was read to the end. A list that it does not know is read from the start."""
        latest = _cursor(cursor)
        for list_id in self._ids("members", "lists"):
            since = window.start if cursor is None else latest.get(list_id)
            order = {"sort_field": "last_changed", "sort_dir": "ASC"}
            if since is not None:
                order["since_last_changed"] = (since - _OVERLAP).isoformat(timespec="seconds")
            for rows in self._pages("members", f"lists/{list_id}/members", "members", order):
                page = _MEMBERS.page(rows)
                for record in page.records:
                    if record.time is not None:
                        latest[list_id] = max(record.time, latest.get(list_id, record.time))
                yield page
            told = {known: latest[known].isoformat() for known in sorted(latest)}
            yield Page([], cursor=msgspec.json.encode(told).decode())

    def _email_activity(self, window: Window) -> Iterator[Page]:
        since = {"since": window.start.isoformat(timespec="seconds")}
        for rows in self._of_mailings("email_activity", "email-activity", "emails", window, since):
            yield _ACTIVITY.page([item for row in rows for item in _items(row)], window)

    def _unsubscribes(self, window: Window) -> Iterator[Page]:
        for rows in self._of_mailings("unsubscribes", "unsubscribed", "unsubscribes", window, {}):
            yield _UNSUBSCRIBES.page(rows, window)

    def _of_mailings(
        self, stream: str, resource: str, plural: str, window: Window, params: Mapping[str, str]
    ) -> Iterator[list[bytes]]:
        """The rows of one report of every mailing sent before the window ends."""
        for mailing in self._ids(stream, "reports", sent_before=window.end):
            yield from self._pages(stream, f"reports/{mailing}/{resource}", plural, params)

    def _ids(self, stream: str, plural: str, sent_before: datetime | None = None) -> list[str]:
        """Ids of all lists or mailings. A row without a usable one is a bad record of its own stream."""
        fields = {"fields": f"{plural}.id,{plural}.send_time,total_items"}
        found = []
        for rows in self._pages(stream, plural, plural, fields):
            for record in _MAILINGS.page(rows).records:
                if sent_before is None or record.time is None or record.time < sent_before:
                    found.append(record.key)
        return list(dict.fromkeys(found))

    def _pages(
        self, stream: str, path: str, plural: str, params: Mapping[str, str] | None = None
    ) -> Iterator[list[bytes]]:
        """The rows of a list, page by page, each once."""
        kept = {"exclude_fields": f"{plural}._links,_links"} if "fields" not in (params or {}) else {}
        asked = {**kept, **(params or {})}
        where = f"mailchimp/{stream}"
        envelope = _envelope(plural)

        def fetch(offset: int, limit: int) -> Part[tuple[list[bytes], int | None]]:
            response = self._client.get(path, {"count": limit, "offset": offset, **asked}, stream=stream)
            told = response.json(envelope)
            rows = [bytes(row) for row in told.rows]
            return Part((rows, told.total_items), len(rows), total=told.total_items)

        return settled(lambda: by_offset(fetch, _ROWS_A_PAGE, where=where), _id_of, where=where)


@cache
def _envelope(plural: str) -> type[Any]:
    """A page: its rows, raw, under their plural, and the total."""
    fields = [("rows", list[msgspec.Raw]), ("total_items", int)]
    return msgspec.defstruct("Envelope", fields, rename={"rows": plural})


def _address(key: Secret) -> str:
    found = _DATA_CENTRE.search(key.reveal())
    if found is None:
        raise ConfigurationError(
            "MAILCHIMP_API_KEY does not end in its data centre (-us3)", where="mailchimp"
        )
    return f"https://{found[1]}.api.mailchimp.com/3.0"


def _is_bare_403(exchange: Exchange) -> bool:
    return exchange.status == 403 and "json" not in exchange.headers.get("content-type", "").lower()


def _cursor(text: str | None) -> dict[str, datetime]:
    try:
        told = msgspec.json.decode(text, type=dict[str, str]) if text else {}
        return {list_id: time_of(change, "cursor") for list_id, change in told.items()}
    except ValueError:
        pass
    raise ConfigurationError("the cursor is not one that this connector gave", where="mailchimp/members")


def _id_of(row: bytes) -> str:
    """What tells rows of one list apart: the id, or that of the recipient, else the row's own bytes."""
    try:
        row_id = _id_decoder.decode(row)
    except ValueError:
        return row.decode("latin-1")
    return row_id.id or row_id.email_id or row.decode("latin-1")


def _items(row: bytes) -> list[bytes]:
    """A recipient's actions, each with what says whose and of which mailing; a bad row stays whole."""
    try:
        recipient = _recipient_decoder.decode(row)
    except ValueError:
        return [row]
    fields = {
        "campaign_id": recipient.campaign_id,
        "list_id": recipient.list_id,
        "email_id": recipient.email_id,
        "email_address": recipient.email_address,
    }
    return [with_fields(item, fields) for item in recipient.activity]
