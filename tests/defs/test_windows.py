"""Windows cover every second of every local day once, also where the clock is changed."""

from datetime import date, timedelta
from itertools import pairwise

import pytest

from journey_platform.defs.partitions import window_of

DAYS = [date(2023, 12, 25) + timedelta(days=n) for n in range(3 * 366)]
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("zone", "lengths"),
    [
        pytest.param("UTC", {24: 1098}, id="UTC"),
        pytest.param("Europe/Amsterdam", {23: 3, 24: 1092, 25: 3}, id="an hour at night"),
        pytest.param("America/Santiago", {23: 3, 24: 1092, 25: 3}, id="midnight is skipped"),
        pytest.param("Asia/Kolkata", {24: 1098}, id="half an hour off"),
        pytest.param("Australia/Lord_Howe", {23.5: 3, 24: 1092, 24.5: 3}, id="half an hour of change"),
    ],
)
def test_days_follow_each_other_without_gap_or_overlap(zone: str, lengths: dict[float, int]) -> None:
    """Leap day and year ends are among them."""
    windows = [window_of([day], zone) for day in DAYS]
    assert all(before.end == after.start for before, after in pairwise(windows))
    hours = [(window.end - window.start) / HOUR for window in windows]
    assert {length: hours.count(length) for length in set(hours)} == lengths
    whole = window_of(DAYS, zone)
    assert (whole.start, whole.end) == (windows[0].start, windows[-1].end)
    assert {date(2024, 2, 29), date(2024, 12, 31), date(2025, 1, 1)} <= set(DAYS)
