"""Cutting rows into pages, for lists paged by offset and by cursor, and the paging faults of both.

How a vendor words its pages (envelopes, links, tokens) is in that vendor's file.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from journey_platform.demo.vendors.messages import Request

T = TypeVar("T")


@dataclass(slots=True)
class Slice(Generic[T]):
    """The rows of one page, where the next one starts, and whether anything follows.

    `mark` goes into the next cursor beside the position: an empty page in the middle is followed by a cursor
    that differs from its own.
    """

    rows: list[T]
    next: int
    mark: int
    has_more: bool


def size(request: Request, text: str | None, default: int, maximum: int) -> int:
    """The page size that a vendor grants: `default` where none is asked, never above `maximum`.

    Raises ValueError where the text is no positive whole number.
    """
    asked = default if text is None else int(text)
    if asked < 1:
        raise ValueError("a page holds at least one row")
    return granted(request, min(asked, maximum))


def granted(request: Request, limit: int) -> int:
    """What is given of a page size, which may be less than what the contract promises. Negative: all rows."""
    if request.max_rows is not None:
        limit = request.max_rows if limit < 0 else min(limit, request.max_rows)
    return limit // 2 if request.fault == "short_page" and limit > 1 else limit


def by_offset(request: Request, rows: Sequence[T], offset: int, limit: int) -> list[T]:
    """At most `limit` rows from `offset`; a negative limit means all."""
    if request.fault == "repeated_cursor":
        offset = 0
    offset -= shift(request, offset, limit)
    page = list(rows[offset:]) if limit < 0 else list(rows[offset : offset + limit])
    return [] if request.fault == "empty_page" else _disturbed(request, page)


def shift(request: Request, offset: int, limit: int) -> int:
    """By how many rows a list paged by offset has moved down since its first page."""
    return min(_overlap(limit), offset) if request.fault == "duplicated_page" and limit > 0 else 0


def by_cursor(request: Request, rows: Sequence[T], start: int, limit: int, mark: int = 0) -> Slice[T]:
    """The rows from position `start`; `start` and `mark` are what the vendor read from its own cursor."""
    end = min(start + limit, len(rows))
    if request.fault == "repeated_cursor":
        return Slice(list(rows[start:end]), start, mark, True)
    if request.fault == "empty_page":
        return Slice([], start, mark + 1, True)
    is_doubled = request.fault == "duplicated_page" and end > start
    first = max(0, start - _overlap(limit)) if is_doubled else start
    return Slice(_disturbed(request, list(rows[first:end])), end, 0, end < len(rows))


def _overlap(limit: int) -> int:
    return max(1, limit // 2)


def _disturbed(request: Request, page: list[T]) -> list[T]:
    if request.fault == "shuffled_page":
        random.Random(len(page)).shuffle(page)
    return page
