"""Paging ends where the vendor's rows end, and says so when they do not."""

from collections.abc import Callable, Iterator
from itertools import islice

import pytest

from connectors.errors import ConnectorError, PaginationLoop, Truncated
from connectors.pagination import Part, by_number, by_offset, by_token, link

TokenFetch = Callable[[str | None], Part[list[int]]]


def chain(*parts: Part[list[int]]) -> TokenFetch:
    """The first page for no token, page n for the token "n"."""
    return lambda token: parts[int(token or 0)]


def rows(pages: Iterator[list[int]]) -> list[int]:
    return [row for page in islice(pages, 50) for row in page]


@pytest.mark.parametrize(
    ("fetch", "expected"),
    [
        pytest.param(chain(Part([1, 2], 2)), [1, 2], id="one page, no token"),
        pytest.param(chain(Part([1], 1, "1"), Part([2], 1)), [1, 2], id="no token on the last page"),
        pytest.param(
            chain(Part([1], 1, "1"), Part([2], 1, "1", has_more=False)), [1, 2], id="flag beats token"
        ),
        pytest.param(
            chain(Part([1], 1, "1", True), Part([2], 1, "0", False)), [1, 2], id="flag, stale token"
        ),
        pytest.param(
            chain(Part([1], 1, "1"), Part([], 0, "2"), Part([3], 1)), [1, 3], id="an empty page between"
        ),
        pytest.param(chain(Part([1], 1, "1", total=2), Part([2], 1, total=2)), [1, 2], id="total reached"),
    ],
)
def test_tokens_are_followed_to_the_end(fetch: TokenFetch, expected: list[int]) -> None:
    assert rows(by_token(fetch)) == expected


ENDLESS = [Part([], 0, str(number + 1)) for number in range(100)]


@pytest.mark.parametrize(
    ("fetch", "error", "words"),
    [
        pytest.param(
            lambda token: Part([1], 1, "same"), PaginationLoop, "came back", id="the same token for ever"
        ),
        pytest.param(
            chain(Part([0], 1, "1"), Part([1], 1, "2"), Part([2], 1, "1")),
            PaginationLoop,
            "came back",
            id="A, B, A",
        ),
        pytest.param(chain(*ENDLESS), PaginationLoop, "10 empty pages", id="empty pages with more promised"),
        pytest.param(
            chain(Part([1], 1, None, has_more=True)), Truncated, "promised", id="more, but no token"
        ),
        pytest.param(chain(Part([1], 1, total=3)), Truncated, "1 of 3 rows", id="fewer rows than the total"),
        pytest.param(
            chain(Part([1], 1, "1", total=3), Part([], 0, total=3)),
            Truncated,
            "1 of 3 rows",
            id="an end that is early",
        ),
    ],
)
def test_a_token_series_that_does_not_end_well_is_an_error(
    fetch: TokenFetch, error: type[ConnectorError], words: str
) -> None:
    with pytest.raises(error, match=rf"^vendor/stream: .*{words}"):
        rows(by_token(fetch, where="vendor/stream"))


def test_a_start_token_that_leads_to_itself_is_a_loop() -> None:
    with pytest.raises(PaginationLoop):
        rows(by_token(lambda token: Part([1], 1, "start"), "start"))


def test_rows_before_a_loop_are_yielded_first() -> None:
    pages = by_token(lambda token: Part([7], 1, "same"))
    assert next(pages) == [7]
    assert next(pages) == [7]
    with pytest.raises(PaginationLoop):
        next(pages)


class Listing:
    """A list served by offset or by page number; `most` is the server's own cap on a page."""

    def __init__(self, count: int, *, total: int | None = None, most: int = 1000) -> None:
        self.items = list(range(count))
        self.total = total
        self.most = most
        self.calls = 0

    def by_offset(self, offset: int, limit: int) -> Part[list[int]]:
        self.calls += 1
        page = self.items[offset : offset + min(limit, self.most)]
        return Part(page, len(page), total=self.total, marker=str(page[:1]))

    def by_number(self, number: int) -> Part[list[int]]:
        return self.by_offset((number - 1) * 10, 10)


@pytest.mark.parametrize("total", [pytest.param(True, id="with a total"), pytest.param(False, id="without")])
@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 20, 25])
def test_offsets_and_numbers_bring_every_row_once(count: int, total: bool) -> None:
    told = count if total else None
    assert rows(by_offset(Listing(count, total=told).by_offset, 10)) == list(range(count))
    assert rows(by_number(Listing(count, total=told).by_number)) == list(range(count))


def test_a_page_smaller_than_asked_loses_nothing() -> None:
    assert rows(by_offset(Listing(25, most=4).by_offset, 10)) == list(range(25))


def test_a_total_saves_the_last_request() -> None:
    with_total, without = Listing(20, total=20), Listing(20)
    rows(by_offset(with_total.by_offset, 10))
    rows(by_offset(without.by_offset, 10))
    assert (with_total.calls, without.calls) == (2, 3)


def test_an_offset_list_that_stops_before_its_total_is_truncated() -> None:
    with pytest.raises(Truncated, match="12 of 30 rows"):
        rows(by_offset(Listing(12, total=30).by_offset, 10))
    with pytest.raises(Truncated, match="12 of 30 rows"):
        rows(by_number(Listing(12, total=30).by_number))


def test_a_server_that_ignores_the_offset_is_a_loop() -> None:
    listing = Listing(30)
    with pytest.raises(PaginationLoop, match="twice"):
        rows(by_offset(lambda offset, limit: listing.by_offset(0, limit), 10))
    with pytest.raises(PaginationLoop, match="twice"):
        rows(by_number(lambda number: listing.by_number(1)))


@pytest.mark.parametrize(
    ("header", "rel", "target"),
    [
        pytest.param(
            '<https://a.example/x?max_id=1>; rel="next"', "next", "https://a.example/x?max_id=1", id="one"
        ),
        pytest.param('</x?n=1>; rel="prev", </x?n=3>; rel="next"', "next", "/x?n=3", id="second of two"),
        pytest.param('</x?ids=1,2>; rel="next"', "next", "/x?ids=1,2", id="a comma in the target"),
        pytest.param("</x>; rel=next", "next", "/x", id="without quotes"),
        pytest.param(
            '</x>; title="a, b"; rel="last next"', "next", "/x", id="other attributes, two relations"
        ),
        pytest.param('</x>; REL="Next"', "next", "/x", id="capitals"),
        pytest.param('</x>; rel="prev"', "next", None, id="only another relation"),
        pytest.param("garbage", "next", None, id="no link at all"),
    ],
)
def test_a_link_header_is_read(header: str, rel: str, target: str | None) -> None:
    assert link({"link": header}, rel) == target


def test_no_link_header_is_no_link() -> None:
    assert link({}) is None
