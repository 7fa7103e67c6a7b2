"""Seeded faults in the emulated vendors: each is caught by its rule, named and kept, touches no other row and
is gone when the vendor is well again."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from connectors.base import Window
from connectors.config import from_environment
from connectors.registry import CONNECTORS
from journey_platform.defs.sources import archive
from journey_platform.demo.company import build_world
from journey_platform.demo.vendors.server import Served, serve
from journey_platform.demo.world import Malformed, World
from journey_platform.lake import Lake
from journey_platform.landing import LandingReport, land_events, land_versions
from journey_platform.landing.ledger import gate_of
from journey_platform.quality.suites import suite_of
from journey_platform.tables import GATE_VERDICTS, QUARANTINE, Table
from tests.connectors.controlled_clock import ControlledClock
from tests.demo.worlds import FIRST_DAY, LAST_DAY, small_world

NOON = datetime(2026, 3, 2, 11, tzinfo=UTC)
EPOCH = int(NOON.timestamp())
VISIT = {
    "idSite": "1",
    "idVisit": "990001",
    "visitorId": "00000000deadbeef",
    "firstActionTimestamp": EPOCH,
    "serverTimestamp": EPOCH,
    "actionDetails": [],
}
ISO = "2026-03-02T11:00:00Z"
TICKET = {
    "id": 990_001,
    "status": "open",
    "requester_id": 501,
    "created_at": ISO,
    "updated_at": ISO,
    "generated_timestamp": EPOCH,
}
ACTIVITY = {"timestamp": "2026-03-02T11:00:00+00:00", "ip": "198.18.0.1", "action": "open"}
ANSWER = {
    "recordedDate": "2026-03-02 11:00:00",
    "status": "0",
    "finished": "1",
    "progress": "100",
    "_recordId": "R_seeded",
}


def days_of(world: World) -> list[date]:
    return [world.first_day + timedelta(days=n) for n in range((world.last_day - world.first_day).days + 1)]


def pull(served: Served, lake: Lake, table: Table, days: list[date]) -> LandingReport:
    _, vendor, name = table.key
    zone = ZoneInfo(served.world.zone)
    start, end = (
        datetime.combine(day, time(), zone).astimezone(UTC) for day in (days[0], days[-1] + timedelta(days=1))
    )
    chosen = CONNECTORS[vendor]
    source = chosen(from_environment(chosen.config_class, served.environment), ControlledClock(served.now))
    pages = source.read(name, Window(start, end))
    about = {"zone": served.world.zone, "run_id": "run", "extracted_at": served.now}
    if "occurred_at" in table.primary_key:
        gate = gate_of(lake, table, suite_of(table), (), stands_on=days[-1])
        return land_versions(lake, table, pages, gate=gate, **about)
    gate = gate_of(lake, table, suite_of(table), days, is_read_by_day=True)
    return land_events(lake, table, pages, days, gate=gate, **about)


def table_of(vendor: str, stream: str) -> Table:
    return archive(vendor, CONNECTORS[vendor].stream(stream))


def keys(lake: Lake, table: Table) -> set[str]:
    return set(lake.read(table)["record_key"].to_pylist())


@pytest.mark.parametrize(
    ("vendor", "stream", "record", "rule"),
    [
        pytest.param(
            "matomo",
            "visits",
            {**VISIT, "actionDetails": None},
            "actions_listed",
            id="null",
        ),
        pytest.param(
            "matomo", "visits", {**VISIT, "actionDetails": "none"}, "actions_are_a_list", id="another type"
        ),
        pytest.param(
            "matomo", "visits", {**VISIT, "totalEcommerceRevenue": "-5"}, "revenue_sane", id="negative money"
        ),
        pytest.param(
            "matomo",
            "visits",
            {**VISIT, "totalEcommerceRevenue": "lots"},
            "revenue_sane",
            id="words",
        ),
        pytest.param(
            "mailchimp",
            "email_activity",
            {**ACTIVITY, "action": "stared_at"},
            "action_known",
            id="unknown",
        ),
        pytest.param("zendesk", "tickets", {**TICKET, "status": "lost"}, "status_known", id="unknown status"),
        pytest.param(
            "zendesk",
            "tickets",
            {**TICKET, "requester_id": "nobody"},
            "requester_is_a_number",
            id="an id of another type",
        ),
        pytest.param(
            "qualtrics", "responses", {**ANSWER, "progress": "140"}, "progress_in_range", id="out of range"
        ),
    ],
)
def test_a_seeded_fault_is_caught_by_its_rule_and_gone_when_the_vendor_is_well(
    tmp_path: Path, vendor: str, stream: str, record: dict[str, object], rule: str
) -> None:
    table, lake = table_of(vendor, stream), Lake(str(tmp_path / "lake"))
    well, days = small_world(), [FIRST_DAY, FIRST_DAY + timedelta(days=1), LAST_DAY]
    seeded = Malformed(vendor, stream, date(2026, 3, 2), json.dumps(record))
    with serve(small_world(malformed=[seeded])) as served:
        report = pull(served, lake, table, days)
    assert report.held == ()
    found = lake.read(QUARANTINE).to_pylist()
    assert [(row["table"], row["reason"]) for row in found] == [(table.name, rule)]
    is_warning = found[0]["severity"] == "warn"
    clean = Lake(str(tmp_path / "clean"))
    with serve(well) as served:
        pull(served, clean, table, days)
        extra = keys(lake, table) - keys(clean, table)
        assert len(extra) == int(is_warning)
        assert keys(clean, table) <= keys(lake, table)
        if "occurred_at" not in table.primary_key:
            pull(served, lake, table, days)
            assert lake.read(QUARANTINE).num_rows == 0
            assert lake.day_states(table).keys() == clean.day_states(table).keys()
            assert keys(lake, table) == keys(clean, table)


@pytest.fixture(scope="module")
def busy() -> World:
    """Five weeks of a shop with some 250 visits a day."""
    return build_world(customers=2000, first_day=date(2026, 10, 1), last_day=date(2026, 11, 4))


@pytest.fixture(scope="module")
def served_well(busy: World) -> Iterator[Served]:
    with serve(busy) as served:
        yield served


@pytest.mark.slow
def test_an_empty_list_and_half_the_pages_are_held_and_published_after_the_fix(
    busy: World, served_well: Served, tmp_path: Path
) -> None:
    """Of 35 days 33 are published and two held; then the two, and the lake is as if nothing had been."""
    table, days = table_of("matomo", "visits"), days_of(busy)
    zone, empty, half = ZoneInfo(busy.zone), days[26], days[30]
    by_day: dict[date, int] = {}
    visits = []
    for visit in busy.visits:
        of = visit.actions[-1].at.astimezone(zone).date()
        by_day[of] = by_day.get(of, 0) + 1
        if of == empty or (of == half and by_day[of] % 2):
            continue
        visits.append(visit)
    lake, clean = Lake(str(tmp_path / "lake")), Lake(str(tmp_path / "clean"))
    with serve(replace(busy, visits=visits)) as served:
        report = pull(served, lake, table, days)
    assert {day.day: (day.reason or "").partition(":")[0] for day in report.held} == {
        empty: "rows_like_same_weekday",
        half: "rows_like_same_weekday",
    }
    assert set(days) - set(lake.day_states(table)) == {empty, half}
    pull(served_well, lake, table, days)
    assert pull(served_well, clean, table, days).held == ()
    states = [
        {day: (of.rows, of.fingerprint) for day, of in where.day_states(table).items()}
        for where in (lake, clean)
    ]
    assert states[0] == states[1]
    assert set(lake.read(GATE_VERDICTS)["verdict"].to_pylist()) <= {"passed", "failed"}
