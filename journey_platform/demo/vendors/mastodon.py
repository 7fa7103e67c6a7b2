"""Mastodon's client API over the demo's public statuses.

As the real one: lists page only by the Link header (`next` older, `prev` newer), and only an empty page has
none; `min_id` pages upward without gaps; twenty rows unless asked, at most forty; a local account's `acct`
has no host; the words of an error depend on the language; the rate limit's reset is an ISO time; some 404s
have no body.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import msgspec

from journey_platform.demo.vendors import pages
from journey_platform.demo.vendors.messages import Reply, Request, Vendor, encode
from journey_platform.demo.world import Post, World

TOKEN = "demo-mastodon-token"
DEFAULT_SIZE = 20
MAX_SIZE = 40

_ERRORS = {
    400: {"en": "Bad request", "de": "Ungültige Anfrage", "ja": "不正なリクエストです"},
    401: {
        "en": "The access token is invalid",
        "de": "Das Zugangstoken ist ungültig",
        "ja": "アクセストークンが無効です",
    },
    403: {"en": "This action is not allowed", "de": "Nicht erlaubt", "ja": "許可されていません"},
    404: {"en": "Record not found", "de": "Nicht gefunden", "ja": "見つかりません"},
    429: {"en": "Too many requests", "de": "Zu viele Anfragen", "ja": "リクエストが多すぎます"},
}

_Row = tuple[int, Post | msgspec.Raw]
"""A status's id, and what is rendered."""


class Mastodon(Vendor):
    """The public statuses of one server; see the module's docstring."""

    name = "mastodon"

    def __init__(self, world: World, as_of: datetime, base_url: str) -> None:
        super().__init__(world, as_of, base_url)
        self._host = world.brand_handle.lstrip("@").rpartition("@")[2]
        seen = (post for post in (*world.posts, *world.rival_posts) if post.at <= as_of)
        self._posts = sorted(((post.post_id, post) for post in seen), key=_row_id)
        self._malformed = {
            stream: [(id_of_moment(noon), record) for noon, record in self.malformed(stream)]
            for stream in ("tag_timelines", "account_statuses", "search")
        }
        self._brand_ids = sorted({post.account_id for post in world.posts if post.is_brand})

    def environment(self) -> dict[str, str]:
        return {
            "MASTODON_BASE_URL": self.base_url,
            "MASTODON_TOKEN": TOKEN,
            "MASTODON_TAGS": self.world.brand_tag.lstrip("#"),
            "MASTODON_COMPETITORS": ",".join(self.world.rival_tags),
            "MASTODON_ACCOUNTS": ",".join(str(account_id) for account_id in self._brand_ids),
            "MASTODON_QUERY": self.world.brand_tag.lstrip("#"),
        }

    def refuse(self, status: int) -> Reply:
        return self._refuse(status, {})

    def _refuse(self, status: int, headers: Mapping[str, str]) -> Reply:
        asked = headers.get("accept-language", "")[:2]
        if status not in _ERRORS:
            return Reply(status, b"", "text/html", self._rate_headers())
        words = _ERRORS[status]
        rate = self._rate_headers()
        if status == 429:
            # A client waits by its own clock, whatever day it is in the demo.
            reset = datetime.now(UTC) + timedelta(seconds=1)
            rate |= {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": _iso_micro(reset)}
        return Reply(status, encode({"error": words.get(asked, words["de"])}), headers=rate)

    def period(self, request: Request) -> tuple[datetime, datetime] | None:
        low = request.query.get("min_id") or request.query.get("since_id")
        high = request.query.get("max_id")
        if low is None and high is None:
            return None
        try:
            start = moment_of_id(int(low) + 1) if low else self.day_start(self.world.first_day)
            return start, moment_of_id(int(high)) if high else self.as_of
        except ValueError:
            return None

    def answer(self, request: Request) -> Reply:
        authorization = request.headers.get("authorization")
        if authorization not in (None, f"Bearer {TOKEN}"):
            return self._refuse(401, request.headers)
        match request.path.strip("/").split("/"):
            case ["api", "v1", "accounts", "verify_credentials"]:
                brand = next((post for post in self.world.posts if post.is_brand), None)
                if authorization is None or brand is None:
                    return self._refuse(401, request.headers)
                return self._reply(self._account(brand))
            case ["api", "v1", "timelines", "tag", tag]:
                wanted = tag.lower()
                tagged = [
                    row for row in self._posts if wanted in (t.lower().lstrip("#") for t in row[1].tags)
                ]
                return self._timeline(
                    request, tagged, "" if wanted in self.world.rival_tags else "tag_timelines"
                )
            case ["api", "v1", "accounts", account_id, "statuses"]:
                if account_id not in {str(post.account_id) for post in self.world.posts}:
                    return self._refuse(404, request.headers)
                own = [row for row in self._posts if str(row[1].account_id) == account_id]
                return self._timeline(request, own, "account_statuses")
            case ["api", "v1", "statuses", post_id]:
                found = [post for number, post in self._posts if str(number) == post_id]
                return self._reply(self._status(found[0])) if found else self._refuse(404, request.headers)
            case ["api", "v2", "search"]:
                return self._search(request)
            case ["api", "v2", "instance"]:
                return self._reply({"domain": self._host, "title": self._host, "version": "4.6.4"})
            case ["api", "v1", "instance", "domain_blocks"]:
                return Reply(404, b"", "text/html", self._rate_headers())
        return self._refuse(404, request.headers)

    def _reply(self, value: Any, headers: Mapping[str, str] | None = None) -> Reply:
        return Reply(200, encode(value), headers=self._rate_headers() | dict(headers or {}))

    def _timeline(self, request: Request, posts: list[tuple[int, Post]], stream: str) -> Reply:
        """`posts` are oldest first; a page is newest first. What is malformed stands among a `stream`'s."""
        rows: list[_Row] = sorted([*posts, *self._malformed.get(stream, ())], key=_row_id)
        query = request.query
        try:
            limit = pages.size(request, query.get("limit"), DEFAULT_SIZE, MAX_SIZE)
            high = bisect_left(rows, int(query["max_id"]), key=_row_id) if "max_id" in query else len(rows)
            after = query.get("min_id") or query.get("since_id")
            low = bisect_right(rows, int(after), key=_row_id) if after else 0
        except ValueError:
            return self._refuse(400, request.headers)
        if "min_id" in query:
            page = pages.by_cursor(request, rows[:high], low, limit).rows[::-1]
        else:
            # `duplicated_page` reaches back over the page before: newer statuses than `max_id`.
            newest_first = rows[low:][::-1]
            page = pages.by_cursor(request, newest_first, len(rows) - high, limit).rows
        if not page:
            return self._reply([])
        ids = [number for number, _ in page]
        kept = {name: value for name, value in query.items() if name not in ("max_id", "min_id", "since_id")}
        older, newer = {"max_id": str(min(ids))}, {"min_id": str(max(ids))}
        if request.fault == "repeated_cursor":
            older = newer = {name: value for name, value in query.items() if name not in kept}
        address = f"{self.base_url}{request.path}"
        links = ", ".join(
            f'<{address}?{urlencode(kept | cursor)}>; rel="{rel}"'
            for rel, cursor in (("next", older), ("prev", newer))
        )
        return self._reply(self._rendered(page), {"Link": links})

    def _search(self, request: Request) -> Reply:
        """Newest first, by `offset`, `max_id` and `min_id`; there is no Link header."""
        query = request.query
        words = query.get("q", "").lower().lstrip("#")
        matching = [row for row in self._posts if words in row[1].html.lower()]
        rows: list[_Row] = sorted([*matching, *self._malformed["search"]], key=_row_id)
        try:
            limit = pages.size(request, query.get("limit"), DEFAULT_SIZE, MAX_SIZE)
            offset = int(query.get("offset", "0"))
            high = bisect_left(rows, int(query["max_id"]), key=_row_id) if "max_id" in query else len(rows)
            low = bisect_right(rows, int(query["min_id"]), key=_row_id) if "min_id" in query else 0
        except ValueError:
            return self._refuse(400, request.headers)
        is_asked = words and query.get("type", "statuses") == "statuses"
        page = pages.by_offset(request, rows[low:high][::-1], offset, limit) if is_asked else []
        return self._reply(
            {"accounts": [], "statuses": self._rendered(page), "hashtags": [], "collections": []}
        )

    def _rendered(self, rows: list[_Row]) -> list[Any]:
        return [self._status(row) if isinstance(row, Post) else row for _, row in rows]

    def _status(self, post: Post) -> dict[str, Any]:
        account = self._account(post)
        address = f"{account['url']}/{post.post_id}"
        is_edited = post.edited_at is not None and post.edited_at <= self.as_of
        return {
            "id": str(post.post_id),
            "created_at": _iso_milli(post.at),
            "in_reply_to_id": None,
            "in_reply_to_account_id": None,
            "sensitive": False,
            "spoiler_text": "",
            "visibility": "public",
            "language": post.language,
            "uri": address,
            "url": address,
            "replies_count": post.replies,
            "reblogs_count": post.boosts,
            "favourites_count": post.favourites,
            "quotes_count": 0,
            "edited_at": _iso_milli(post.edited_at) if post.edited_at is not None and is_edited else None,
            "content": post.html,
            "filtered": [],
            "reblog": None,
            "application": None,
            "account": account,
            "media_attachments": [],
            "mentions": [],
            "tags": [{"name": name, "url": f"https://{self._host}/tags/{name}"} for name in _tags(post)],
            "emojis": [],
            "tagged_collections": [],
            "quote": None,
            "card": None,
            "poll": None,
        }

    def _account(self, post: Post) -> dict[str, Any]:
        user, _, host = post.handle.lstrip("@").partition("@")
        is_local = host in ("", self._host)
        url = f"https://{host or self._host}/@{user}"
        return {
            "id": str(post.account_id),
            "username": user,
            "acct": user if is_local else f"{user}@{host}",
            "display_name": post.display_name,
            "locked": False,
            "bot": False,
            "discoverable": True,
            "indexable": True,
            "group": False,
            "created_at": _iso_milli(self.day_start(self.world.first_day)),
            "note": "",
            "url": url,
            "uri": url,
            "avatar": "",
            "avatar_static": "",
            "header": "",
            "header_static": "",
            "followers_count": post.followers,
            "following_count": 0,
            "statuses_count": 1,
            "last_status_at": None,
            "emojis": [],
            "roles": [],
            "fields": [],
        }

    def _rate_headers(self) -> dict[str, str]:
        reset = self.as_of + timedelta(minutes=5)
        return {
            "X-RateLimit-Limit": "300",
            "X-RateLimit-Remaining": "299",
            "X-RateLimit-Reset": _iso_micro(reset),
        }


def moment_of_id(post_id: int) -> datetime:
    """When a status with this id was made: ids are milliseconds since 1970 followed by 16 other bits."""
    return datetime.fromtimestamp((post_id >> 16) / 1000, UTC)


def id_of_moment(moment: datetime) -> int:
    """The lowest id of a status made at this moment."""
    return int(moment.timestamp() * 1000) << 16


def _tags(post: Post) -> list[str]:
    return [tag.lower().lstrip("#") for tag in post.tags]


def _row_id(row: tuple[int, Any]) -> int:
    return row[0]


def _iso_milli(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def _iso_micro(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
