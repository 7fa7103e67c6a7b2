"""A daily run begins where something is missing, and reads no day that is in and settled."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from connectors.base import StreamKind
from connectors.registry import CONNECTORS
from journey_platform.defs.build import build_definitions
from journey_platform.defs.catching_up import LONGEST_DAYS, Arrived, days_that_spill, days_to_read, first_day
from journey_platform.defs.partitions import CHANGED_ONLY_TAG, LOOKBACK_TAG
from journey_platform.defs.platform import Platform
from journey_platform.lake import Lake
from journey_platform.run_tags import RANGE_END_TAG, RANGE_START_TAG
from journey_platform.sources import archive_of

FIRST, LAST = date(2026, 1, 1), date(2026, 10, 31)


def day(before: int) -> date:
    return LAST - timedelta(days=before)


def span(first: int, last: int) -> frozenset[date]:
    """Days from `first` to `last`, counted back from LAST."""
    return frozenset(day(n) for n in range(last, first + 1))


@pytest.mark.parametrize(
    ("streams", "begins"),
    [
        pytest.param([], 7, id="nothing was ever read"),
        pytest.param([Arrived(span(40, 1), 2)], 7, id="only yesterday is missing"),
        pytest.param(
            [Arrived(span(40, 15), 2)], 16, id="off for two weeks, and what was late when it stopped"
        ),
        pytest.param([Arrived(span(40, 1), 2), Arrived(span(40, 12), 7)], 18, id="one stream of two"),
        pytest.param([Arrived(span(40, 31) | span(29, 1), 0)], 30, id="a day in between"),
        pytest.param([Arrived(span(4, 1), 2)], 7, id="days before the first that arrived are no gap"),
        pytest.param([Arrived(span(200, 150), 2)], LONGEST_DAYS + 2, id="a gap that nobody filled for long"),
    ],
)
def test_a_run_begins_at_the_first_gap(streams: list[Arrived], begins: int) -> None:
    assert first_day(streams, LAST, lookback_days=7, start=FIRST) == day(begins)


def test_a_run_never_begins_before_the_start_date() -> None:
    start = day(3)
    assert first_day([Arrived(span(40, 10), 2)], LAST, lookback_days=7, start=start) == start


@pytest.mark.parametrize(
    ("arrived", "read"),
    [
        pytest.param(span(30, 1), [2, 1, 0], id="a usual morning"),
        pytest.param(span(30, 15), [*range(16, -1, -1)], id="off for two weeks"),
        pytest.param(span(30, 11) | span(9, 1), [12, 11, 10, 2, 1, 0], id="a day in between"),
        pytest.param(frozenset(), [*range(20, -1, -1)], id="the first run"),
        pytest.param(span(30, 0), [2, 1, 0], id="nothing is missing"),
    ],
)
def test_days_that_are_in_and_settled_are_not_read_again(arrived: frozenset[date], read: list[int]) -> None:
    assert days_to_read(sorted(span(20, 0)), arrived, 2) == [day(n) for n in read]


@pytest.mark.parametrize(
    ("asked", "read"),
    [
        pytest.param([4], [5, 4], id="one day"),
        pytest.param([6, 5, 4], [7, 6, 5, 4], id="a range"),
        pytest.param([9, 4], [10, 9, 5, 4], id="two days apart"),
        pytest.param([20], [20], id="the day before never arrived"),
    ],
)
def test_a_backfill_reads_the_days_whose_records_its_days_list(asked: list[int], read: list[int]) -> None:
    assert days_that_spill([day(n) for n in asked], span(20, 0), 1) == [day(n) for n in read]


@pytest.fixture
def platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Platform:
    settings = {
        "JOURNEY_ROOT": str(tmp_path),
        "JOURNEY_ZONE": "Europe/Amsterdam",
        "JOURNEY_START_DATE": FIRST.isoformat(),
        "JOURNEY_SOURCES": "mastodon",
        "JOURNEY_PSEUDONYM_KEY": "any",
        "MASTODON_BASE_URL": "http://127.0.0.1:1",
        "MASTODON_TAGS": "shop",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return Platform()


def read_before(lake: Lake, days: Iterable[date]) -> None:
    """The streams' archives hold these days, on which nothing was said."""
    for stream in CONNECTORS["mastodon"].streams:
        if stream.kind is StreamKind.EVENT:
            table = archive_of("mastodon", stream)
            lake.replace_days(table, table.empty(), sorted(days), run_id="before", allow_shrink=True)


def ticked(platform: Platform) -> dict[str, str]:
    """The tags of the run that the schedule asks for on the morning after LAST."""
    return dict(asked_at(platform, datetime(2026, 11, 1, 2, tzinfo=UTC)).tags)


def asked_at(platform: Platform, tick: datetime) -> dg.RunRequest:
    """What the schedule asks for at that tick."""
    [schedule] = [
        schedule
        for schedule in build_definitions(platform.settings).schedules or []
        if schedule.name == "daily_at_three"
    ]
    assert isinstance(schedule, dg.ScheduleDefinition)
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_schedule_context(
            instance,
            scheduled_execution_time=tick,
            resources={"platform": platform},
        )
        [request] = schedule.evaluate_tick(context).run_requests or []
    return request


def test_a_machine_that_was_off_for_two_weeks_asks_for_all_missed_days_in_one_run(platform: Platform) -> None:
    read_before(platform.lake, span(60, 14))
    tags = ticked(platform)
    assert (tags[RANGE_START_TAG], tags[RANGE_END_TAG]) == (day(15).isoformat(), LAST.isoformat())
    assert LOOKBACK_TAG in tags, "each stream reads of the range what it lacks"
    assert CHANGED_ONLY_TAG in tags, "what the gap does not change is not derived again"


def test_an_usual_morning_asks_for_yesterday_and_the_lookback(platform: Platform) -> None:
    read_before(platform.lake, span(60, 1))
    tags = ticked(platform)
    lookback = max(stream.lookback_days for stream in CONNECTORS["mastodon"].streams)
    assert (tags[RANGE_START_TAG], tags[RANGE_END_TAG]) == (day(lookback).isoformat(), LAST.isoformat())
    assert CHANGED_ONLY_TAG not in tags


def test_a_clock_set_back_over_the_tick_asks_for_the_same_run_once_and_one_ahead_leaves_no_gap(
    platform: Platform,
) -> None:
    read_before(platform.lake, span(60, 1))
    night = datetime(2026, 11, 1, 2, tzinfo=UTC)
    # Dagster starts one run a key: the second tick of the same night, two hours later, is the same run.
    assert asked_at(platform, night).run_key == asked_at(platform, night).run_key == LAST.isoformat()
    ahead = asked_at(platform, night + timedelta(days=1))
    assert ahead.tags[RANGE_END_TAG] == (LAST + timedelta(days=1)).isoformat()
    # The day that was read before it was over is among those that the right clock's next night reads again.
    read_before(platform.lake, [LAST + timedelta(days=1)])
    right = asked_at(platform, night + timedelta(days=2))
    assert right.tags[RANGE_START_TAG] <= (LAST + timedelta(days=1)).isoformat() <= right.tags[RANGE_END_TAG]
    assert LOOKBACK_TAG in right.tags
