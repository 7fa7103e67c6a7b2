"""The times of our vendors, all as aware UTC; anything else is refused."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from connectors.times import utc

MOMENT = datetime(2022, 12, 20, 16, 46, 31, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("2022-12-20T16:46:31Z", id="Z"),
        pytest.param("2022-12-20T16:46:31+00:00", id="offset of zero"),
        pytest.param("2022-12-20T09:46:31-07:00", id="another offset"),
        pytest.param("2022-12-20 16:46:31", id="space, no zone"),
        pytest.param("2022-12-20T16:46:31", id="no zone"),
        pytest.param("Tue, 20 Dec 2022 16:46:31 UTC", id="RFC 1123 with UTC"),
        pytest.param("Tue, 20 Dec 2022 16:46:31 GMT", id="RFC 1123 with GMT"),
        pytest.param("Tue, 20 Dec 2022 17:46:31 +0100", id="RFC 1123 with an offset"),
        pytest.param("Tue, 20 Dec 2022 09:46:31 -0700", id="RFC 1123 with a minus"),
        pytest.param(1671554791, id="epoch seconds"),
        pytest.param(1671554791.0, id="epoch seconds with a fraction"),
        pytest.param("1671554791", id="epoch seconds as text"),
        pytest.param(" 1671554791.0 ", id="epoch seconds with a fraction as text"),
    ],
)
def test_each_form_is_the_same_moment(value: str | int | float) -> None:
    assert utc(value) == MOMENT
    assert utc(value).tzinfo is UTC


def test_fractions_of_a_second_stay() -> None:
    assert utc("2022-12-20 16:46:31.234567").microsecond == 234567
    assert utc(1671554791.5).microsecond == 500_000


@pytest.mark.parametrize(
    ("text", "hour"), [("2026-03-29 01:59:59", 0), ("2026-03-29 03:00:00", 1), ("2026-07-01 12:00:00", 10)]
)
def test_a_time_without_zone_is_read_in_the_zone_that_the_caller_names(text: str, hour: int) -> None:
    assert utc(text, ZoneInfo("Europe/Amsterdam")).hour == hour


@pytest.mark.parametrize(
    "value",
    [
        *[
            "",
            "x",
            "yesterday",
            "2022-13-01",
            "2022-02-30T00:00:00Z",
            "12:30",
            "nan",
            "inf",
            "0000-00-00 00:00:00",
        ],
        *["0001-01-01T00:00:00+09:00", "9999-12-31T23:59:59-09:00", "²"],
        *[-1, 1671554791000, "1671554791000", float("nan"), float("inf")],
    ],
)
def test_what_is_no_time_is_refused_without_repeating_it(value: str | float) -> None:
    with pytest.raises(ValueError, match=r"^not (a time|a time of the calendar|epoch seconds)$"):
        utc(value)
