"""Rows become records with exactly the vendor's bytes; a bad row is told by reason and field, alone."""

import json
from datetime import UTC, datetime

import msgspec
import pytest

from connectors.base import Page, Window
from connectors.decoding import decode
from connectors.errors import ConnectorError, Truncated, UnexpectedResponse
from connectors.records import RowReader, joined
from connectors.times import utc


class Envelope(msgspec.Struct):
    rows: list[msgspec.Raw]
    next: str | None = None


class Keys(msgspec.Struct):
    id: int | str
    at: str


ENVELOPE = msgspec.json.Decoder(Envelope)
READER = RowReader(Keys, key=lambda row: joined(row.id), time=lambda row: utc(row.at))
GOOD = b'{"id": 1, "at": "2026-03-01T12:00:00Z", "text": "x"}'


def page_of(*rows: bytes, window: Window | None = None) -> Page:
    return READER.page(decode(b'{"rows": [%s], "next": "n"}' % b",".join(rows), ENVELOPE).rows, window)


def good(**fields: object) -> bytes:
    return json.dumps({"id": 2, "at": "2026-03-01T12:00:00Z", **fields}, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(GOOD, id="plain"),
        pytest.param(
            b'{ "at" : "2026-03-01T12:00:00Z",\n "id":1 , "n": 1.50, "n": 2 }', id="spaces and twice a name"
        ),
        pytest.param(good(text="caf\u00e9 \u05d0 \U0001f600"), id="text beyond ASCII"),
        pytest.param(GOOD.replace(b'"x"', rb'"\ud83d\ude00"'), id="a whole surrogate pair"),
        pytest.param(GOOD.replace(b'"x"', rb'"\\u0000 and \\ud83d"'), id="an escaped backslash before u"),
        pytest.param(good(big=2**80, text="x" * 1_000_000), id="a huge number and a long text"),
    ],
)
def test_a_record_keeps_its_bytes(row: bytes) -> None:
    [record] = page_of(row).records
    assert record.body == row
    assert record.time == datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("row", "reason", "field"),
    [
        pytest.param(b'{"at": "2026-03-01"}', "a required field is missing", "$.id", id="no key"),
        pytest.param(b'{"id": null, "at": "2026-03-01"}', "not int | str", "$.id", id="null key"),
        pytest.param(b'{"id": "", "at": "2026-03-01"}', "unusable id", "key", id="empty key"),
        pytest.param(
            rb'{"id": "a\nb", "at": "2026-03-01"}', "unusable id", "key", id="line break in the key"
        ),
        pytest.param(b'{"id": 1, "at": "yesterday"}', "not a time", "time", id="no time"),
        pytest.param(b'{"id": 1, "at": 5}', "not str", "$.at", id="time of another type"),
        pytest.param(
            b'{"id": 1, "at": "0001-01-01T00:00+09:00"}', "not a time of the calendar", "time", id="year 0"
        ),
        pytest.param(b"17", "not object", "$", id="no object"),
        pytest.param(b"null", "not object", "$", id="null"),
        pytest.param(
            GOOD.replace(b'"x"', rb'{"y": ["ok", "\u0000"]}'), "NUL in a text", "$.text.y[1]", id="NUL"
        ),
        pytest.param(
            GOOD.replace(b'"x"', rb'"\ud83d!"'),
            "half a surrogate pair in a text",
            "$.text",
            id="first half only",
        ),
        pytest.param(
            GOOD.replace(b'"x"', rb'"\uDE00"'),
            "half a surrogate pair in a text",
            "$.text",
            id="second half only",
        ),
        pytest.param(
            GOOD.replace(b'"x"', rb'"\ud83d\ud83d\ude00"'),
            "half a surrogate pair in a text",
            "$.text",
            id="one and a half",
        ),
        pytest.param(GOOD.replace(b'"x"', b'"caf\xe9"'), "not UTF-8", "$.text", id="latin-1"),
        pytest.param(
            good(**{"jane@example.org": "\0"}),
            "NUL in a text",
            "$[...]",
            id="a name that is data is not told",
        ),
    ],
)
def test_a_row_that_cannot_be_used_is_kept_with_its_reason_beside_the_good_ones(
    row: bytes, reason: str, field: str
) -> None:
    page = page_of(GOOD, row, good(id=3))
    assert [record.key for record in page.records] == ["1", "3"]
    [bad] = page.bad
    assert (bad.reason, bad.field, bad.body) == (reason, field, row)
    assert page.received == 3


def test_many_half_surrogates_in_one_page_are_told_apart() -> None:
    rows = [GOOD.replace(b'"x"', rb'"\ud8%02x"' % number) for number in range(50)]
    page = page_of(*rows[:25], GOOD, *rows[25:], GOOD)
    assert [bad.body for bad in page.bad] == rows
    assert [record.body for record in page.records] == [GOOD, GOOD]


def test_rows_outside_the_window_are_counted_and_its_end_is_open() -> None:
    window = Window(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC))
    times = [
        "2026-02-28T23:59:59Z",
        "2026-03-01T00:00:00Z",
        "2026-03-02T00:30:00+01:00",
        "2026-03-02T00:00:00Z",
    ]
    page = page_of(*[good(id=number, at=at) for number, at in enumerate(times)], window=window)
    assert [record.key for record in page.records] == ["1", "2"]
    assert (page.skipped, page.received) == (2, 2)


def test_a_reader_without_a_time_takes_every_row() -> None:
    page = RowReader(Keys, key=lambda row: joined(row.id)).page([GOOD], cursor="c")
    assert page.records[0].time is None
    assert page.cursor == "c"


@pytest.mark.parametrize(
    ("parts", "key"), [((1, "a"), "1:a"), (("x",), "x"), ((2**70,), str(2**70)), (("é", 0), "é:0")]
)
def test_a_key_joins_its_parts(parts: tuple[str | int, ...], key: str) -> None:
    assert joined(*parts) == key


@pytest.mark.parametrize("parts", [("",), ("a", ""), ("a\0",), ("a" * 600,), ("\ud800",)])
def test_parts_that_cannot_name_a_record_are_refused(parts: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="unusable id"):
        joined(*parts)


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        pytest.param(
            b'{"rows": {"secret": 1}}', UnexpectedResponse, r"not array at \$\.rows", id="another type"
        ),
        pytest.param(
            b'{"error": "InvalidToken"}', UnexpectedResponse, r"missing at \$\.rows", id="an error in a 200"
        ),
        pytest.param(b'{"rows": [{"a": 1}', Truncated, "ends early", id="cut"),
        pytest.param(b'{"rows": [{"a": 01}]}', UnexpectedResponse, "not JSON", id="a number that is none"),
        pytest.param(rb'{"rows": [{"a": "\ud800"}', Truncated, "ends early", id="half a pair, then cut"),
    ],
)
def test_a_page_that_is_not_the_contract_is_refused(
    content: bytes, error: type[ConnectorError], words: str
) -> None:
    with pytest.raises(error, match=words):
        decode(content, ENVELOPE)
