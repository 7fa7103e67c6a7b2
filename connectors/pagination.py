"""Three ways to page (token or link, offset, page number), each with an end that is proved.

A paginator is a generator over `fetch`, which makes one request and tells what came as a `Part`. It stops
when the vendor says so, raises `PaginationLoop` when pages repeat or stay empty while more is promised, and
`Truncated` when fewer rows came than the vendor counted. What a page looks like, and which way a stream is
paged, is in the vendor's file.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from connectors.errors import PaginationLoop, Truncated

T = TypeVar("T")

_EMPTY_PAGES_IN_A_ROW = 10
_LINK = re.compile(r'<([^<>]*)>((?:\s*;\s*[\w*-]+\s*=\s*(?:"[^"]*"|[^",;\s]+))*)')
_REL = re.compile(r';\s*rel\s*=\s*(?:"([^"]*)"|([^",;\s]+))', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Part(Generic[T]):
    """One page as the paginator sees it.

    `page`: handed through. `rows`: how many rows the vendor sent in it. `next`: token or link of the next
    page. `has_more`: what the vendor's own flag says; False ends the series though a token is there, None
    means that there is no such flag. `total`: rows of the whole series, where the vendor counts them.
    `marker`: names what the page holds (its first and last key, say), so that the same page under another
    offset or number is seen.
    """

    page: T
    rows: int
    next: str | None = None
    has_more: bool | None = None
    total: int | None = None
    marker: str | None = None


def by_token(
    fetch: Callable[[str | None], Part[T]], start: str | None = None, *, where: str = ""
) -> Iterator[T]:
    """Follow tokens, cursors or links. The first call gets `start`.

    Ends at `has_more=False` or without a `next`; a series that must go on until an empty page gives
    `has_more=False` with that page.
    """
    seen = {start}
    token = start
    empty = rows = 0
    while True:
        part = fetch(token)
        rows += part.rows
        yield part.page
        if part.has_more is False or part.next is None:
            if part.has_more:
                raise Truncated("more rows are promised without a token for them", where=where)
            _check_total(rows, part.total, where)
            return
        if part.next in seen:
            raise PaginationLoop("a page token came back", where=where)
        empty = 0 if part.rows else empty + 1
        if empty == _EMPTY_PAGES_IN_A_ROW:
            raise PaginationLoop(f"{empty} empty pages in a row with more promised", where=where)
        seen.add(part.next)
        token = part.next


def by_offset(fetch: Callable[[int, int], Part[T]], limit: int, *, where: str = "") -> Iterator[T]:
    """Ask `fetch(offset, limit)` until the rows reach the total or a page is empty.

    The offset moves by the rows that came, because a server may give fewer than `limit`.
    """
    return _until_empty(lambda rows, _: fetch(rows, limit), where)


def by_number(fetch: Callable[[int], Part[T]], first: int = 1, *, where: str = "") -> Iterator[T]:
    """Ask `fetch(number)` for first, first + 1, ... until the rows reach the total or a page is empty."""
    return _until_empty(lambda _, pages: fetch(first + pages), where)


def _until_empty(fetch: Callable[[int, int], Part[T]], where: str) -> Iterator[T]:
    """`fetch(rows so far, pages so far)` until `has_more` is False, the total is reached or nothing comes."""
    seen: set[str] = set()
    rows = pages = 0
    while True:
        part = fetch(rows, pages)
        rows += part.rows
        pages += 1
        if part.rows and part.marker is not None:
            if part.marker in seen:
                raise PaginationLoop("a page came twice", where=where)
            seen.add(part.marker)
        yield part.page
        if part.rows == 0 or part.has_more is False:
            if part.has_more:
                raise Truncated("more rows are promised but the page is empty", where=where)
            _check_total(rows, part.total, where)
            return
        if part.total is not None and rows >= part.total:
            return


def link(headers: Mapping[str, str], rel: str = "next") -> str | None:
    """The target of the Link header's `rel`, or None."""
    for target, attributes in _LINK.findall(headers.get("link", "")):
        found = _REL.search(attributes)
        if found and rel in (found[1] or found[2]).lower().split():
            return str(target)
    return None


def _check_total(rows: int, total: int | None, where: str) -> None:
    if total is not None and rows < total:
        raise Truncated(f"{rows} of {total} rows came", where=where)
