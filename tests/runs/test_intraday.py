"""The day that is not over: read while it lasts, beside the daily tables, which do not notice."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from journey_platform.demo.company import build_world
from journey_platform.demo.vendors.server import serve
from journey_platform.kpis.catalogue import KPIS, STAGES
from journey_platform.lake import Lake
from journey_platform.tables import KPIS_TODAY, kpis_table
from tests.runs import contents
from tests.runs.definition_set import definitions
from tests.runs.running import Installation, Order

FIRST, TODAY = date(2026, 11, 10), date(2026, 11, 13)
MORNING = datetime(2026, 11, 13, 4, tzinfo=UTC)
NOON, LATE = MORNING.replace(hour=11), MORNING.replace(hour=22, minute=59)
SOURCES = ("matomo", "zendesk", "mastodon")
REFRESH = Order(TODAY, TODAY, job="intraday")

Cell = tuple[str, str, str]


@dataclass(frozen=True)
class Watched:
    """`before`: versions of all tables in the morning; `after`: when the day was over. `noon`, `late`: the
    values at these hours; `night`: the day's values of the daily run, by cell."""

    installation: Installation
    before: dict[str, int | None]
    after: dict[str, int | None]
    noon: list[dict[str, Any]]
    late: list[dict[str, Any]]
    night: dict[Cell, dict[str, Any]]


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    began = TODAY - timedelta(days=13)
    world = replace(build_world(customers=40, first_day=began, last_day=TODAY), outages=[])
    with serve(world) as served:
        installation = Installation.at(
            tmp_path_factory.mktemp("intraday"),
            served.environment,
            start=FIRST,
            now=MORNING,
            JOURNEY_SOURCES=",".join(SOURCES),
        )

        def at(moment: datetime, order: Order) -> None:
            served.as_of = moment
            there = {**installation.environment, "JOURNEY_NOW": moment.isoformat()}
            assert replace(installation, environment=there).run(order).failures == {}

        def shown() -> list[dict[str, Any]]:
            return Lake(str(installation.lake)).read(KPIS_TODAY).to_pylist()

        at(MORNING, Order(FIRST, TODAY - timedelta(days=1), is_lookback=True))
        before = contents.versions(installation.lake)
        at(NOON, REFRESH)
        noon = shown()
        at(LATE, REFRESH)
        late, after = shown(), contents.versions(installation.lake)
        at(served.now, Order(FIRST, TODAY, is_lookback=True))
        night = {
            (row["kpi"], row["dimension"], row["dimension_value"]): row
            for stage in STAGES
            for row in Lake(str(installation.lake)).read(kpis_table(stage), [TODAY]).to_pylist()
            if row["period"] == "day"
        }
        yield Watched(installation, before, after, noon, late, night)


def cells(rows: list[dict[str, Any]]) -> dict[Cell, dict[str, Any]]:
    return {(row["kpi"], row["dimension"], row["dimension_value"]): row for row in rows}


@pytest.mark.chaos
def test_the_days_numbers_are_there_at_noon_and_grow_all_of_them_open(watched: Watched) -> None:
    noon, late = cells(watched.noon), cells(watched.late)
    named = {kpi for kpi, _, _ in noon}
    assert named >= {
        "visits",
        "page_views",
        "social_mentions",
        "tickets",
        "conversion_rate",
        "traffic_source",
    }
    for row in (*watched.noon, *watched.late):
        assert (row["status"], row["day"], row["period"]) == ("open", TODAY, "day")
    assert {row["read_until"] for row in watched.noon} == {NOON}
    whole = ("visits", "all", "all")
    assert 0 < noon[whole]["value"] < late[whole]["value"]


@pytest.mark.chaos
def test_in_its_last_minute_the_day_counts_what_the_night_run_publishes(watched: Watched) -> None:
    """An oracle: the daily tables. Only persons may differ: the night resolves identity with the day."""
    of_persons = {"visitors_people", "tickets_unmatched"}
    late = cells(watched.late)
    checked = 0
    for cell, row in watched.night.items():
        kpi, dimension, _ = cell
        if kpi in of_persons or kpi not in {name for name, _, _ in late}:
            continue
        if dimension not in ("all", "traffic_channel", "reason"):
            continue
        assert (late[cell]["numerator"], late[cell]["denominator"], late[cell]["n"]) == (
            row["numerator"],
            row["denominator"],
            row["n"],
        ), cell
        checked += 1
    assert checked > 20
    assert watched.night["visits", "all", "all"]["status"] == "open"


@pytest.mark.chaos
def test_no_daily_table_archive_or_cursor_is_touched(watched: Watched) -> None:
    assert watched.after == watched.before


def test_nothing_daily_reads_it_and_it_is_off_until_turned_on() -> None:
    defs = definitions()
    graph = defs.resolve_asset_graph()
    today = {key for key in graph.get_all_asset_keys() if "today" in key.path}
    assert len(today) == 4
    assert set(dg.AssetSelection.assets(*today).downstream().resolve(graph)) == today
    for job in ("daily", "derive", "rederive", "repeat", "backfill_matomo"):
        assert not today & set(defs.resolve_job_def(job).asset_layer.executable_asset_keys)
    [schedule] = [s for s in defs.schedules or [] if s.name == "intraday_hourly"]
    assert isinstance(schedule, dg.ScheduleDefinition)
    assert schedule.default_status is dg.DefaultScheduleStatus.STOPPED


@pytest.mark.chaos
def test_only_kpis_whose_streams_are_all_read_are_told(watched: Watched) -> None:
    read = {"matomo/visits", "zendesk/tickets"} | {
        f"mastodon/{name}" for name in ("account_statuses", "search", "tag_timelines")
    }
    assert all(read.issuperset(KPIS[row["kpi"]].sources) for row in watched.noon)
