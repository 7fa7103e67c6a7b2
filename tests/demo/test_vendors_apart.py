"""The demo company is served from a process of its own, and obeys while it serves."""

from datetime import UTC, date, datetime, timedelta

import pytest

from journey_platform.demo.company import build_world
from journey_platform.demo.vendors.apart import serve_apart
from journey_platform.demo.vendors.server import serve
from tests.demo.clients import Clients

LAST_DAY = date(2026, 3, 28)
FIRST_DAY = LAST_DAY - timedelta(days=13)


def test_another_process_serves_the_same_company_and_takes_commands() -> None:
    world = build_world(seed=5, customers=60, first_day=FIRST_DAY, last_day=LAST_DAY)
    with (
        serve(world) as here,
        serve_apart(seed=5, customers=60, days=14, last_day=LAST_DAY) as apart,
    ):
        assert apart.environment.keys() == here.environment.keys()
        near, far = Clients(here.environment), Clients(apart.environment)
        day = f"{FIRST_DAY},{LAST_DAY}"
        assert (
            far.matomo("VisitsSummary.get", date=day).json()
            == near.matomo("VisitsSummary.get", date=day).json()
        )
        (outage,) = world.outages
        url = (
            f"{apart.environment['QUALTRICS_BASE_URL']}/surveys/{world.surveys[0].survey_id}/export-responses"
        )
        asked = {
            "format": "csv",
            "startDate": f"{outage.day}T10:00:00Z",
            "endDate": f"{outage.day}T11:00:00Z",
        }
        assert far.qualtrics.post(url, json=asked, timeout=5).status_code == 503
        apart.lift_outage("qualtrics")
        assert far.qualtrics.post(url, json=asked, timeout=5).status_code == 200
        apart.see_as_of(datetime(2026, 3, 1, tzinfo=UTC))
        days = far.matomo("VisitsSummary.get", date=day).json()
        assert (len(days), [report for report in days.values() if report]) == (14, [])


def test_a_company_that_cannot_be_built_ends_the_process_with_an_error() -> None:
    with (
        pytest.raises(RuntimeError, match="has ended"),
        serve_apart(seed=5, customers=1, days=14, last_day=LAST_DAY),
    ):
        pass
