"""Sound days raise no alarm: all vendors over 90 days, with what is normal in them, such as robots, late and
repeated records, wrong clocks, mailings and weekends."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from connectors.base import StreamKind, Window
from connectors.config import from_environment
from connectors.registry import CONNECTORS
from journey_platform.demo.company import build_world
from journey_platform.demo.vendors.server import VENDORS, Served, serve
from journey_platform.lake import Lake
from journey_platform.landing import land_events, land_versions
from journey_platform.landing.ledger import gate_of
from journey_platform.quality.suites import suite_of
from journey_platform.sources import archive_of
from journey_platform.tables import QUARANTINE
from tests.connectors.controlled_clock import ControlledClock

LAST = date(2026, 11, 20)
DAYS = [LAST - timedelta(days=89 - n) for n in range(90)]
SEEDS = (3, 11)


@pytest.fixture(scope="module", params=SEEDS, ids=lambda seed: f"seed {seed}")
def served(request: pytest.FixtureRequest) -> Iterator[Served]:
    world = build_world(seed=request.param, customers=500, first_day=DAYS[0], last_day=LAST)
    with serve(replace(world, malformed=[], outages=[])) as serving:
        yield serving


def alarms(served: Served, lake: Lake, vendor: str) -> list[tuple[str, date, str, str]]:
    """Every rule of any severity that failed, by table and day."""
    zone, connector = ZoneInfo(served.world.zone), CONNECTORS[vendor]
    start, end = (
        datetime.combine(day, time(), zone).astimezone(UTC) for day in (DAYS[0], LAST + timedelta(days=1))
    )
    source = connector(
        from_environment(connector.config_class, served.environment), ControlledClock(served.now)
    )
    about = {"zone": served.world.zone, "run_id": "run", "extracted_at": served.now}
    found = []
    for stream in connector.streams:
        table = archive_of(vendor, stream)
        pages = source.read(stream.name, Window(start, end))
        if stream.kind is StreamKind.EVENT:
            gate = gate_of(lake, table, suite_of(table), DAYS, is_read_by_day=True)
            land_events(lake, table, pages, DAYS, gate=gate, **about)
        else:
            gate = gate_of(lake, table, suite_of(table), (), stands_on=LAST)
            land_versions(lake, table, pages, gate=gate, **about)
        assert gate.verdicts
        found += [
            (table.name, day, result.rule, result.severity)
            for day, verdict in gate.verdicts.items()
            for result in verdict.results
            if not result.is_passed
        ]
    return found


@pytest.mark.chaos
@pytest.mark.parametrize("vendor", VENDORS)
def test_90_sound_days_raise_no_alarm(served: Served, vendor: str, tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "lake"))
    assert alarms(served, lake, vendor) == []
    assert lake.read(QUARANTINE).num_rows == 0
