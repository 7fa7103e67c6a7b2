"""What each read of each stream gives, from a healthy vendor: records, keys, windows, cursors."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from connectors.base import Stream, StreamKind, Window
from journey_platform.demo.vendors.server import serve
from tests.connectors.contract import ALL_DAYS, STREAMS, Read, build, read
from tests.demo.worlds import small_world

EVENT_STREAMS = [param for param in STREAMS if param.values[1].kind is StreamKind.EVENT]  # type: ignore[union-attr]
ENTITY_STREAMS = [param for param in STREAMS if param.values[1].kind is StreamKind.ENTITY]  # type: ignore[union-attr]


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    """Pages of four rows, so that most streams have several."""
    with serve(small_world(), max_rows=4) as served:
        yield served.environment


@pytest.mark.parametrize(("vendor", "stream"), STREAMS)
def test_records_are_json_objects_that_hold_their_primary_key(
    vendor: str, stream: Stream, environment: dict[str, str]
) -> None:
    found = read(vendor, stream, environment)
    assert found.bodies, "the small world has rows of every stream"
    for page in found.pages:
        assert page.received == len(page.records) + len(page.bad)
        for record in page.records:
            told = msgspec.json.decode(record.body, type=dict[str, msgspec.Raw])
            assert record.body.decode()
            values = [bytes(told[name]) for name in stream.primary_key if name in told]
            assert values
            assert b"null" not in values
            assert record.key.split(":")[0] == str(msgspec.json.decode(values[0]))


@pytest.mark.parametrize(("vendor", "stream"), STREAMS)
def test_a_key_names_one_record(vendor: str, stream: Stream, environment: dict[str, str]) -> None:
    pairs = {
        (record.key, record.body)
        for page in read(vendor, stream, environment).pages
        for record in page.records
    }
    assert len(pairs) == len({key for key, _ in pairs})


@pytest.mark.parametrize(("vendor", "stream"), STREAMS)
def test_two_reads_of_unchanged_data_give_the_same_bytes(
    vendor: str, stream: Stream, environment: dict[str, str]
) -> None:
    assert read(vendor, stream, environment).bodies == read(vendor, stream, environment).bodies


@pytest.mark.parametrize(("vendor", "stream"), EVENT_STREAMS)
def test_events_lie_in_the_window_that_was_asked(
    vendor: str, stream: Stream, environment: dict[str, str]
) -> None:
    whole = read(vendor, stream, environment)
    for number in range(3):
        start = ALL_DAYS.start + timedelta(days=number)
        day = Window(start, start + timedelta(days=1))
        part = read(vendor, stream, environment, day)
        times = [record.time for page in part.pages for record in page.records]
        assert all(moment is not None and moment in day for moment in times)
        expected = {
            r.key for page in whole.pages for r in page.records if r.time is not None and r.time in day
        }
        assert part.keys == expected


@pytest.mark.parametrize(
    "window",
    [
        pytest.param(
            Window(datetime(2097, 1, 1, tzinfo=UTC), datetime(2097, 1, 2, tzinfo=UTC)), id="far future"
        ),
        pytest.param(
            Window(datetime(1999, 1, 1, tzinfo=UTC), datetime(1999, 1, 2, tzinfo=UTC)), id="long ago"
        ),
    ],
)
@pytest.mark.parametrize(("vendor", "stream"), EVENT_STREAMS)
def test_a_window_without_events_yields_nothing(
    vendor: str, stream: Stream, window: Window, environment: dict[str, str]
) -> None:
    found = read(vendor, stream, environment, window)
    assert found.bodies == {}
    assert not [bad for page in found.pages for bad in page.bad]


@pytest.mark.parametrize(("vendor", "stream"), EVENT_STREAMS)
def test_an_event_stream_gives_no_cursor(vendor: str, stream: Stream, environment: dict[str, str]) -> None:
    assert {page.cursor for page in read(vendor, stream, environment).pages} <= {None}


@pytest.mark.parametrize(("vendor", "stream"), ENTITY_STREAMS)
def test_a_read_from_any_cursor_goes_on_without_a_gap(
    vendor: str, stream: Stream, environment: dict[str, str]
) -> None:
    whole = read(vendor, stream, environment)
    for number, page in enumerate(whole.pages, start=1):
        if page.cursor is not None:
            before = Read(whole.pages[:number])
            assert before.keys | read(vendor, stream, environment, cursor=page.cursor).keys == whole.keys


@pytest.mark.parametrize(("vendor", "stream"), ENTITY_STREAMS)
def test_a_read_from_the_last_cursor_brings_only_the_overlap(
    vendor: str, stream: Stream, environment: dict[str, str]
) -> None:
    whole = read(vendor, stream, environment)
    cursors = [page.cursor for page in whole.pages if page.cursor is not None]
    again = read(vendor, stream, environment, cursor=cursors[-1] if cursors else None)
    if cursors:
        assert len(again.keys) < len(whole.keys)
    else:
        assert again.keys == whole.keys, "a stream without a cursor is a snapshot"


@pytest.mark.parametrize(("vendor", "stream"), STREAMS)
def test_pages_come_as_they_are_read(vendor: str, stream: Stream) -> None:
    """Memory stays flat because a page is handed on before the next is asked for."""
    with serve(small_world(), max_rows=1) as served:
        total_pages = len(read(vendor, stream, served.environment).pages)
        requests = served.requests[vendor]
        pages = build(vendor, served.environment).read(stream.name, ALL_DAYS)
        assert served.requests[vendor] == requests, "nothing is asked before the first page is wanted"
        next(pages)
        if total_pages > 2:
            assert served.requests[vendor] - requests < requests
        pages.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize(("vendor", "stream"), STREAMS)
def test_an_unknown_stream_is_named(vendor: str, stream: Stream, environment: dict[str, str]) -> None:
    with pytest.raises(KeyError, match=stream.name):
        list(build(vendor, environment).read("nonsense", ALL_DAYS))
