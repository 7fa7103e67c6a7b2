"""A list that moves while it is read by offset is read until nothing new comes."""

from collections.abc import Callable, Iterator

import pytest

from connectors.errors import PaginationLoop, Truncated
from connectors.moving import settled

Pages = Iterator[tuple[list[bytes], int | None]]


def reader(passes: list[list[list[str]]], total: int | None = None) -> Callable[[], Pages]:
    """Each call reads the next of the passes; the last one again and again."""
    left = list(passes)

    def read() -> Pages:
        pages = left.pop(0) if len(left) > 1 else left[0]
        return iter([([row.encode() for row in page], total) for page in pages])

    return read


def name(row: bytes) -> bytes:
    return row[:1]


@pytest.mark.parametrize(
    ("passes", "total", "rows"),
    [
        pytest.param([[["a", "b"], ["c"]]], None, ["a", "b", "c"], id="at rest"),
        pytest.param([[[]]], 0, [], id="empty"),
        pytest.param([[["a", "b"], ["b", "c"]]], None, ["a", "b", "c"], id="one came twice"),
        pytest.param(
            [[["a", "b"], ["d", "a"]], [["b", "c"], ["d", "a"]]],
            4,
            ["a", "b", "d", "c"],
            id="one moved, one stepped over",
        ),
        pytest.param(
            [[["a", "b"], ["d"]], [["b", "c"], ["d"]]],
            4,
            ["a", "b", "d", "c"],
            id="one went, one stepped over",
        ),
        pytest.param([[["a1"], ["b"], ["a2"]]], None, ["a1", "b", "a2"], id="a row changed: both versions"),
    ],
)
def test_rows_come_until_a_pass_brings_nothing_new(
    passes: list[list[list[str]]], total: int | None, rows: list[str]
) -> None:
    pages = settled(reader(passes, total), name, where="vendor/stream")
    assert [row.decode() for page in pages for row in page] == rows


def test_a_list_at_rest_is_read_once() -> None:
    calls = 0

    def read() -> Pages:
        nonlocal calls
        calls += 1
        return iter([([b"a", b"b"], 2)])

    assert list(settled(read, name, where="")) == [[b"a", b"b"]]
    assert calls == 1


def test_a_server_that_ignores_the_offset_is_a_loop() -> None:
    endless = iter(lambda: ([b"a", b"b"], None), None)
    with pytest.raises(PaginationLoop, match="vendor/stream"):
        list(settled(lambda: endless, name, where="vendor/stream"))


def test_a_list_that_never_rests_is_truncated_not_complete() -> None:
    passes = [[[f"{n}", "x"], ["x"]] for n in "abcdefg"]
    with pytest.raises(Truncated, match="kept moving"):
        list(settled(reader(passes), name, where=""))
