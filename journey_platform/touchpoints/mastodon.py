"""Mastodon: public statuses about the brand, and the brand's own.

The same status may arrive in several streams and under several tags: it is one touchpoint, whose id names the
status and not the stream. The brand's own are marked so by the connector, which knows the brand's accounts;
of records that were kept before there were marks, those whose author has a status in `account_statuses`.
A status under a competitor's tag is a touchpoint of its own for each such tag, and nobody's: it tells how
much is said of others, and no more. How often a status was answered, boosted and liked, and how many follow
its author, is told as of the reading.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec
import numpy as np
import pyarrow as pa

from journey_platform.touchpoints.mapping import (
    Contact,
    LookedUp,
    Mapped,
    Origin,
    StreamMapping,
    Touch,
    decoded,
    map_contacts,
    map_touchpoints,
    text,
)

TOUCHPOINT_STREAMS: tuple[str, ...] = ("account_statuses", "search", "tag_timelines")
CONTACT_STREAMS: tuple[str, ...] = TOUCHPOINT_STREAMS
LOOKUPS: Mapping[str, LookedUp] = {}
PER_FOLLOWER = "per_follower"
"""Unit of the value of the brand's own posts."""


class _Account(msgspec.Struct):
    id: str
    acct: str
    url: str | None = None
    display_name: str | None = None
    bot: bool = False
    followers_count: int | None = None


class _Original(msgspec.Struct):
    id: str


class _Status(msgspec.Struct):
    id: str
    account: _Account
    edited_at: str | None = None
    reblog: _Original | None = None
    text: str | None = None
    replies_count: int | None = None
    reblogs_count: int | None = None
    favourites_count: int | None = None
    tag: str = ""
    is_competitor: bool = False
    is_brand: bool = False


def touchpoints(raw: Mapping[str, pa.Table], *, zone: str) -> Mapped:
    """Rows of `tables.touchpoints_table("mastodon")`: `social_post`, `social_reblog`, `brand_post`,
    `competitor_post` and `competitor_reblog`.

    The brand's own posts carry no identifiers: the brand is not a customer of itself. Their value is the
    interactions per follower, where the record tells both; what the brand boosts of others has none.
    """
    brand = _brand_accounts(raw)

    def rows(status: _Status, origin: Origin) -> Iterator[Touch]:
        is_brand = status.is_brand or status.account.id in brand
        is_reblog = status.reblog is not None
        if status.is_competitor:
            if not is_brand:
                yield Touch(
                    type="competitor_reblog" if is_reblog else "competitor_post",
                    occurred_at=origin.occurred_at,
                    subject_id=status.reblog.id if status.reblog else status.id,
                    source=status.tag.lower(),
                    is_bot=status.account.bot,
                )
            return
        engagement = _interactions_per_follower(status) if is_brand and not is_reblog else None
        yield Touch(
            type="brand_post" if is_brand else "social_reblog" if is_reblog else "social_post",
            occurred_at=origin.occurred_at,
            identifiers=() if is_brand else (("social_handle", _handle(status.account)),),
            id=f"mastodon/status/{status.id}",
            subject_id=status.reblog.id if status.reblog else status.id,
            is_bot=status.account.bot,
            value=engagement,
            unit=None if engagement is None else PER_FOLLOWER,
            text=text(status.text),
        )

    return map_touchpoints("mastodon", "social", _mappings(rows), _one_each(raw), zone)


def contacts(raw: Mapping[str, pa.Table], *, zone: str) -> Mapped:
    """Rows of `tables.contacts_table("mastodon")`: what each status says about its author."""
    brand = _brand_accounts(raw)

    def rows(status: _Status, origin: Origin) -> Iterator[Contact]:
        is_brand = status.is_brand or status.account.id in brand
        if is_brand or status.account.bot or status.is_competitor:
            return
        yield Contact(
            observed_at=origin.occurred_at,
            identifiers=(("social_handle", _handle(status.account)),),
            attributes=(("name", status.account.display_name or ""),),
            id=f"mastodon/status/{status.id}",
        )

    return map_contacts("mastodon", _mappings(rows), _one_each(raw), zone)


def _mappings(rows: Callable[[_Status, Origin], Iterator[Any]]) -> tuple[StreamMapping[Any], ...]:
    return tuple(StreamMapping(stream, _Status, rows) for stream in TOUCHPOINT_STREAMS)


def _brand_accounts(raw: Mapping[str, pa.Table]) -> set[str]:
    return {status.account.id for _, status in decoded(raw.get("account_statuses"), _Status)}


def _interactions_per_follower(status: _Status) -> float | None:
    """None where the author has no followers, or the record does not tell."""
    told = [status.replies_count, status.reblogs_count, status.favourites_count]
    counts = [count for count in told if count is not None]
    followers = status.account.followers_count or 0
    return sum(counts) / followers if followers > 0 and len(counts) == len(told) else None


def _handle(account: _Account) -> str:
    """name@host. A local account's `acct` has no host: it stands in the account's address."""
    host = urlsplit(account.url or "").netloc
    return account.acct if "@" in account.acct or not host else f"{account.acct}@{host}"


def _one_each(raw: Mapping[str, pa.Table]) -> dict[str, pa.Table]:
    """The streams with each status once: the last edited, then the first stream and key by name. Under tags
    of competitors it stands beside that, once for each.

    Rows that do not decode stay, to be rejected.
    """
    chosen: dict[tuple[str, str], tuple[str, int, str, int]] = {}
    bad: list[tuple[str, int]] = []
    decoder = msgspec.json.Decoder(_Status)
    for order, stream in enumerate(TOUCHPOINT_STREAMS):
        if stream not in raw:
            continue
        columns = (raw[stream][name].to_pylist() for name in ("record_key", "body"))
        for position, (key, body) in enumerate(zip(*columns, strict=True)):
            try:
                status = decoder.decode(body)
            except msgspec.DecodeError:
                bad.append((stream, position))
                continue
            rank = (status.edited_at or "", -order, key, position)
            name = (status.id, status.tag if status.is_competitor else "")
            best = chosen.get(name)
            if best is None or _is_better(rank, best):
                chosen[name] = rank
    kept = [(TOUCHPOINT_STREAMS[-rank[1]], rank[3]) for rank in chosen.values()] + bad
    return {
        stream: raw[stream].take(np.array(sorted(p for s, p in kept if s == stream), dtype=np.int64))
        for stream in TOUCHPOINT_STREAMS
        if stream in raw
    }


def _is_better(rank: tuple[str, int, str, int], best: tuple[str, int, str, int]) -> bool:
    if rank[:2] != best[:2]:
        return rank[:2] > best[:2]
    return rank[2:] < best[2:]
