"""Seeded faults in the emulated vendors: each is caught by its rule, named and kept, touches no other row and
is gone when the vendor is well again."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from connectors.base import Window
from connectors.config import from_environment
from connectors.registry import CONNECTORS
from journey_platform.defs.platform import Platform
from journey_platform.defs.references import references_asset
from journey_platform.demo.company import build_world
from journey_platform.demo.vendors.faults import Fault, Faults
from journey_platform.demo.vendors.server import Served, serve
from journey_platform.demo.world import Malformed, World
from journey_platform.lake import Lake
from journey_platform.landing import LandingReport, land_events, land_versions
from journey_platform.landing.ledger import gate_of, verdicts
from journey_platform.quality.suites import suite_of
from journey_platform.sources import archive_of
from journey_platform.tables import GATE_VERDICTS, QUARANTINE, Table
from tests.connectors.controlled_clock import ControlledClock
from tests.demo.worlds import FIRST_DAY, LAST_DAY, small_world
from tests.quality.conftest import InstalledFor

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
USER = {"id": 990_002, "role": "end-user", "email": "a@b.example", "created_at": ISO, "updated_at": ISO}
BODY = {
    "id": 990_005,
    "name": "Eik Works",
    "domain_names": ["eik.example"],
    "created_at": ISO,
    "updated_at": ISO,
}
MEMBERSHIP = {
    "id": 990_006,
    "user_id": 990_007,
    "organization_id": 701,
    "default": True,
    "updated_at": ISO,
}
RATING = {"id": 990_003, "ticket_id": 1, "requester_id": 501, "score": "good", "created_at": ISO}
EVENT = {"id": 990_004, "ticket_id": None, "metric": "reply_time", "type": "fulfill", "time": ISO}
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
    return archive_of(vendor, CONNECTORS[vendor].stream(stream))


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
        pytest.param(
            "zendesk",
            "tickets",
            {**TICKET, "generated_timestamp": EPOCH + 10 * 365 * 86_400},
            "not_in_the_future",
            id="in the future",
        ),
        pytest.param("zendesk", "users", {**USER, "email": "no address"}, "address_like", id="a form"),
        pytest.param("zendesk", "organizations", {**BODY, "name": None}, "name_given", id="no name"),
        pytest.param("zendesk", "organizations", {**BODY, "name": "  "}, "name_not_blank", id="a blank name"),
        pytest.param("zendesk", "organizations", {**BODY, "name": 7}, "name_is_text", id="a numeric name"),
        pytest.param(
            "zendesk",
            "organizations",
            {**BODY, "domain_names": {}},
            "domains_are_a_list",
            id="no list of domains",
        ),
        pytest.param(
            "zendesk",
            "organizations",
            {**BODY, "domain_names": ["eik.example", "ann@eik.example"]},
            "domains_like",
            id="an address among the domains",
        ),
        pytest.param(
            "zendesk",
            "organization_memberships",
            {**MEMBERSHIP, "organization_id": None},
            "organizations_given",
            id="in no organisation",
        ),
        pytest.param(
            "zendesk",
            "organization_memberships",
            {**MEMBERSHIP, "updated_at": None},
            "changes_dated",
            id="since nobody knows when",
        ),
        pytest.param(
            "zendesk",
            "organization_memberships",
            {**MEMBERSHIP, "default": None},
            "one_default",
            id="no default",
        ),
        pytest.param(
            "zendesk", "satisfaction_ratings", {**RATING, "score": None}, "score_given", id="required"
        ),
        pytest.param("zendesk", "ticket_metric_events", EVENT, "ticket_given", id="a key of another stream"),
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


def test_a_record_without_a_key_is_kept_and_one_of_another_time_is_left_out(tmp_path: Path) -> None:
    """No rule sees either: the connector cannot place the one, and the other was not asked for."""
    table, lake = table_of("matomo", "visits"), Lake(str(tmp_path / "lake"))
    days = [FIRST_DAY, FIRST_DAY + timedelta(days=1), LAST_DAY]
    records = [{**VISIT, "idVisit": None}, {**VISIT, "firstActionTimestamp": EPOCH - 40 * 86_400}]
    seeded = [Malformed("matomo", "visits", date(2026, 3, 2), json.dumps(record)) for record in records]
    with serve(small_world(malformed=seeded)) as served:
        report = pull(served, lake, table, days)
    [row] = lake.read(QUARANTINE).to_pylist()
    assert (row["table"], row["field"], row["severity"]) == (table.name, "$.idVisit", "error")
    assert (report.quarantined, report.skipped) == (1, 1)
    assert report.received == report.landed + report.quarantined + report.duplicates
    with serve(small_world()) as served:
        pull(served, lake, table, days[1:2])
        assert lake.read(QUARANTINE).num_rows == 1, "it may be of another of the days"
        pull(served, lake, table, days)
        assert lake.read(QUARANTINE).num_rows == 0


def test_a_rating_of_a_ticket_that_nobody_has_is_named_until_the_vendor_is_well(
    installed_for: InstalledFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = [FIRST_DAY, FIRST_DAY + timedelta(days=1), LAST_DAY]
    ratings, tickets = (table_of("zendesk", name) for name in ("satisfaction_ratings", "tickets"))
    seeded = Malformed(*ratings.key[1:], date(2026, 3, 2), json.dumps({**RATING, "ticket_id": 777}))
    with serve(small_world(malformed=[seeded])) as served:
        start = str(FIRST_DAY)
        lake = installed_for(
            "zendesk", **served.environment, JOURNEY_ZONE=served.world.zone, JOURNEY_START_DATE=start
        )
        for table in (tickets, ratings):
            pull(served, lake, table, days)
    asset = references_asset(["zendesk"])

    def judge() -> list[tuple[str, str]]:
        done = dg.materialize([asset], resources={"platform": Platform()})
        failed = [check.check_name for check in done.get_asset_check_evaluations() if not check.passed]
        assert failed == ["zendesk_satisfaction_ratings_ticket_known"] * bool(failed)
        return [(row["reason"], row["severity"]) for row in lake.read(QUARANTINE).to_pylist()]

    assert judge() == [("ticket_known", "warn")]
    with serve(small_world()) as served:
        monkeypatch.setenv("ZENDESK_BASE_URL", served.environment["ZENDESK_BASE_URL"])
        pull(served, lake, ratings, days)
    assert judge() == []


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


@pytest.fixture(scope="module")
def history(busy: World, served_well: Served, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with 27 sound days of visits: three of each weekday at least."""
    folder = tmp_path_factory.mktemp("history") / "lake"
    report = pull(served_well, Lake(str(folder)), table_of("matomo", "visits"), days_of(busy)[:27])
    assert report.held == ()
    return folder


def on_screens(world: World, day: date) -> World:
    """Every visit of the day comes from a device that no visit came from before."""
    zone = ZoneInfo(world.zone)
    visits = [
        replace(v, device="Smart display") if v.actions[0].at.astimezone(zone).date() == day else v
        for v in world.visits
    ]
    return replace(world, visits=visits)


def six_times(world: World, day: date) -> World:
    """Each visit of the day six times, under numbers of their own."""
    zone = ZoneInfo(world.zone)
    more = [
        replace(v, visit_id=v.visit_id + 1_000_000 * n)
        for v in world.visits
        for n in range(1, 6)
        if v.actions[0].at.astimezone(zone).date() == day
    ]
    return replace(world, visits=[*world.visits, *more])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "fault", "rule"),
    [
        pytest.param(None, ("new_field", "loyaltyTier"), "fields_known", id="a new field"),
        pytest.param(None, ("missing_field", "browserName"), "fields_present", id="a field is missing"),
        pytest.param(None, ("retyped_field", "browserName"), "fields_of_one_type", id="of another type"),
        pytest.param(on_screens, None, "device_mix_like_before", id="the mix shifts"),
        pytest.param(six_times, None, "rows_not_far_above_same_weekday", id="six times as many"),
    ],
)
def test_a_day_that_is_not_like_the_others_is_named_alone_and_well_again_afterwards(
    busy: World,
    served_well: Served,
    history: Path,
    tmp_path: Path,
    change: Callable[[World, date], World] | None,
    fault: tuple[str, str] | None,
    rule: str,
) -> None:
    table, days = table_of("matomo", "visits"), days_of(busy)[:28]
    today, lake = days[27], Lake(str(tmp_path / "lake"))
    shutil.copytree(history, tmp_path / "lake")

    def failed() -> set[tuple[date, str]]:
        told = verdicts(lake, table, days)
        return {(day, r.rule) for day, of in told.items() for r in of.results if not r.is_passed}

    before = failed()  # the world's own broken records
    world = change(busy, today) if change else busy
    faults = Faults(Fault("matomo", "/", fault[0], times=None, field=fault[1])) if fault else None
    with serve(world, faults=faults) as served:
        assert pull(served, lake, table, [today]).held == ()
    assert failed() - before == {(today, rule)}
    report = pull(served_well, lake, table, [today])
    if change is six_times:
        assert [day.day for day in report.held] == [today], "most records are gone: somebody must look"
        return
    assert (report.held, failed()) == ((), before)
