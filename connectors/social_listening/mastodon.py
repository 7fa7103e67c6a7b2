"""Mastodon: statuses under tags, of accounts, and found by a search, as one server sees them.

Timelines page only by the Link header; an empty page has none. Ids grow with time (milliseconds since 1970 in
the upper bits), so a window is read upward from its start. Errors are worded in the server's language: only
their status counts. `text`, the content without HTML, is added to each status; those under a competitor's tag
are marked `is_competitor`, those by one of the brand's accounts `is_brand`, wherever they were found.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

import msgspec

from connectors.auth import BearerAuth
from connectors.base import Connector, Page, Stream, StreamKind, Window
from connectors.clock import SYSTEM_CLOCK, Clock
from connectors.config import Secret, secret, setting
from connectors.errors import ConfigurationError
from connectors.http import HttpClient
from connectors.moving import settled
from connectors.pagination import Part, by_offset, by_token, link
from connectors.records import RowReader, joined, time_of, with_fields
from connectors.social_listening.post_text import plain_text

_STATUSES_A_PAGE = 40
_NOTHING: Mapping[str, Any] = {}
_PERSONAL = (
    "account.id",
    "account.acct",
    "account.username",
    "account.display_name",
    "account.url",
    "account.avatar",
    "account.note",
    "account.fields",
    "mentions.acct",
    "content",
    "text",
)


@dataclass(frozen=True)
class MastodonConfig:
    """Which server, and what to listen to there. A list left empty gives a stream without rows."""

    base_url: str = setting("MASTODON_BASE_URL", "address of the server")
    token: Secret = secret("MASTODON_TOKEN", "access token; search needs one", default="")
    tags: str = setting("MASTODON_TAGS", "tags, parted by commas", default="")
    accounts: str = setting("MASTODON_ACCOUNTS", "ids of the brand's accounts, parted by commas", default="")
    query: str = setting("MASTODON_QUERY", "words to search for", default="")
    competitors: str = setting("MASTODON_COMPETITORS", "competitors' tags, parted by commas", default="")


class _Reblog(msgspec.Struct):
    content: str = ""


class _Status(msgspec.Struct):
    id: str
    created_at: str | None = None
    content: str | None = None
    reblog: _Reblog | None = None
    tag: str = ""


class _Account(msgspec.Struct):
    id: str


class _Written(msgspec.Struct):
    account: _Account


class _Instance(msgspec.Struct):
    domain: str


class _Found(msgspec.Struct):
    statuses: list[msgspec.Raw]


def _created(status: _Status) -> datetime:
    return time_of(status.created_at, "created_at")


_STATUSES = RowReader(_Status, lambda status: joined(status.id), _created)
_TAGGED = RowReader(_Status, lambda status: joined(status.tag, status.id), _created)
_decoder = msgspec.json.Decoder(_Status)
_by_whom = msgspec.json.Decoder(_Written)


def _stream(name: str, grain: str, primary_key: tuple[str, ...]) -> Stream:
    return Stream(
        name, StreamKind.EVENT, grain, primary_key, True, lookback_days=2, personal_fields=_PERSONAL
    )


class Mastodon(Connector):
    """What one Mastodon server shows."""

    area: ClassVar[str] = "social_listening"
    vendor: ClassVar[str] = "mastodon"
    config_class: ClassVar[type[Any]] = MastodonConfig
    streams: ClassVar[tuple[Stream, ...]] = (
        _stream("tag_timelines", "public status under one of the tags, per tag", ("tag", "id")),
        _stream("account_statuses", "status of one of the brand's accounts", ("id",)),
        _stream("search", "status that the search finds", ("id",)),
    )

    def __init__(self, config: MastodonConfig, clock: Clock = SYSTEM_CLOCK) -> None:
        self._has_token = bool(config.token.reveal())
        auth = BearerAuth(config.token) if self._has_token else None
        self._tags, self._competitors = _tags(config.tags), _tags(config.competitors)
        if {tag.lower() for tag in self._tags} & {tag.lower() for tag in self._competitors}:
            raise ConfigurationError("MASTODON_COMPETITORS names a tag of MASTODON_TAGS", where=self.vendor)
        self._accounts = _parts(config.accounts)
        self._query = config.query.strip()
        self._client = HttpClient(config.base_url, auth, vendor=self.vendor, clock=clock)

    def read(self, stream: str, window: Window, cursor: str | None = None) -> Iterator[Page]:  # noqa: ARG002
        readers: dict[str, Callable[[Window], Iterator[Page]]] = {
            "tag_timelines": self._tag_timelines,
            "account_statuses": self._account_statuses,
            "search": self._search,
        }
        return readers[self.stream(stream).name](window)

    def check(self) -> None:
        if self._has_token:
            self._client.get("api/v1/accounts/verify_credentials").json(_Account)
        else:
            self._client.get("api/v2/instance").json(_Instance)

    def _tag_timelines(self, window: Window) -> Iterator[Page]:
        ours: dict[str, dict[str, Any]] = {tag: {"tag": tag} for tag in self._tags}
        theirs = {tag: {"tag": tag, "is_competitor": True} for tag in self._competitors}
        for tag, fields in (ours | theirs).items():
            for rows in self._timeline("tag_timelines", f"api/v1/timelines/tag/{tag}", window):
                yield _TAGGED.page([self._told(row, fields) for row in rows], window)

    def _account_statuses(self, window: Window) -> Iterator[Page]:
        for account in self._accounts:
            for rows in self._timeline("account_statuses", f"api/v1/accounts/{account}/statuses", window):
                yield _STATUSES.page([self._told(row) for row in rows], window)

    def _search(self, window: Window) -> Iterator[Page]:
        where = "mastodon/search"
        bounds = {"min_id": _first_id(window.start) - 1, "max_id": _first_id(window.end)}

        def fetch(offset: int, limit: int) -> Part[tuple[list[bytes], int | None]]:
            asked: dict[str, str | int] = {
                "q": self._query,
                "type": "statuses",
                "limit": limit,
                "offset": offset,
                **bounds,
            }
            rows = self._client.get("api/v2/search", asked, stream="search").json(_Found).statuses
            return Part(([bytes(row) for row in rows], None), len(rows))

        if self._query:
            read = settled(lambda: by_offset(fetch, _STATUSES_A_PAGE, where=where), _id_of, where=where)
            for rows in read:
                yield _STATUSES.page([self._told(row) for row in rows], window)

    def _told(self, row: bytes, fields: Mapping[str, Any] = _NOTHING) -> bytes:
        """The status as it is kept: with its plain text, how it was found, and whether it is the brand's."""
        try:
            is_brand = _by_whom.decode(row).account.id in self._accounts
        except ValueError:
            is_brand = False
        return _with_text(row, {**fields, "is_brand": True} if is_brand else fields)

    def _timeline(self, stream: str, path: str, window: Window) -> Iterator[list[bytes]]:
        """Upward from the window's start by the `prev` links, until a page is empty or past the window."""
        end = _first_id(window.end)

        def fetch(newer: str | None) -> Part[list[bytes]]:
            if newer is None:
                asked = {"limit": _STATUSES_A_PAGE, "min_id": _first_id(window.start) - 1}
                response = self._client.get(path, asked, stream=stream)
            else:
                response = self._client.follow(newer, stream=stream)
            rows = [bytes(row) for row in response.json(list[msgspec.Raw])]
            is_past = bool(rows) and all(_number(row) >= end for row in rows)
            return Part(rows, len(rows), link(response.headers, "prev") if rows and not is_past else None)

        return by_token(fetch, where=f"mastodon/{stream}")


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _tags(text: str) -> list[str]:
    return [part.lstrip("#") for part in _parts(text)]


def _first_id(at: datetime) -> int:
    """The lowest id that a status made at this moment can have."""
    return int(at.timestamp() * 1000) << 16


def _id_of(row: bytes) -> str | bytes:
    try:
        return _decoder.decode(row).id
    except ValueError:
        return row


def _number(row: bytes) -> int:
    """The id as a number; 0 for a row without one, which says nothing about where the page stands."""
    found = _id_of(row)
    return int(found) if isinstance(found, str) and found.isdigit() else 0


def _with_text(row: bytes, fields: Mapping[str, Any]) -> bytes:
    """The status with its plain text (a reblog's is that of the original) and how it was found."""
    try:
        status = _decoder.decode(row)
    except ValueError:
        return with_fields(row, fields)
    html = status.content or (status.reblog.content if status.reblog else "")
    return with_fields(row, {"text": plain_text(html), **fields})
