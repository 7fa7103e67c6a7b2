"""A backfill of 90 days with three bad ones, by the daily job: 87 are published, 3 held, and told in the UI.
After the fix the three are published as if nothing had been."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from connectors.registry import CONNECTORS
from journey_platform.demo.bad_days import with_bad_days
from journey_platform.demo.company import build_world
from journey_platform.demo.vendors.server import serve
from journey_platform.demo.world import World
from journey_platform.sources import archive_of
from tests.runs import contents
from tests.runs.running import Installation, Order

LAST = date(2026, 11, 20)
FIRST = LAST - timedelta(days=89)
DAYS = [FIRST + timedelta(days=n) for n in range(90)]
EMPTY, BROKEN, CUT = DAYS[45], DAYS[60], DAYS[72]
BAD = {EMPTY: "rows_like_same_weekday", BROKEN: "few_rows_fail", CUT: "rows_like_same_weekday"}
VISITS = archive_of("matomo", CONNECTORS["matomo"].stream("visits"))


@pytest.fixture(scope="module")
def well() -> World:
    world = build_world(customers=300, first_day=FIRST, last_day=LAST)
    return replace(world, outages=[], malformed=[])


@pytest.mark.chaos
def test_of_90_days_87_are_published_3_held_and_after_the_fix_the_3_too(well: World, tmp_path: Path) -> None:
    with serve(with_bad_days(well, empty=EMPTY, broken=BROKEN, cut=CUT)) as served, serve(well) as mended:
        now, only = served.now, {"JOURNEY_SOURCES": "matomo"}
        installation = Installation.at(tmp_path, served.environment, start=FIRST, now=now, **only)
        outcome = installation.run(Order(FIRST, LAST, is_recorded=True))
        assert outcome.failures == {}
        assert set(contents.states(installation.lake, VISITS)) == {str(day) for day in DAYS if day not in BAD}
        check = outcome.failed_checks["raw/matomo/visits:every_day_arrived"]
        assert (check["days_held"], set(check["first_days"])) == (3, {str(day) for day in BAD})
        for day, reason in BAD.items():
            assert check["first_days"][str(day)].startswith(reason)
            assert installation.told("raw/matomo/visits", day)["held"].startswith(reason)
        assert "held" not in installation.told("raw/matomo/visits", DAYS[44])
        held = outcome.failed_checks["operations/gate_verdicts:no_day_is_held"]
        assert {entry["day"] for entry in held["held"]} == {str(day) for day in BAD}
        kpis = contents.rows(installation.lake, contents.KPIS[1])
        statuses = {r["day"]: r["status"] for r in kpis if (r["kpi"], r["period"]) == ("visits", "day")}
        assert {statuses[day] for day in BAD} == {"held"}
        assert {statuses[day] for day in DAYS if day not in BAD} == {"ok", "open"}

        fixed = replace(installation, environment={**installation.environment, **mended.environment})
        for day in BAD:
            outcome = fixed.run(Order(day, day, is_recorded=True))
            assert "held" not in fixed.told("raw/matomo/visits", day)
        # What was held counted as missing: the weeks and months around it were restated, and say so.
        assert set(outcome.failed_checks) <= {"kpis/restatements:mature_values_stand"}
        clean = Installation.at(tmp_path / "clean", mended.environment, start=FIRST, now=now, **only)
        assert clean.run(Order(FIRST, LAST)).failed_checks == {}
    assert len(contents.states(fixed.lake, VISITS)) == 90
    found, expected = (contents.fingerprints(of.lake) for of in (fixed, clean))
    assert contents.differences(found, expected) == {}
