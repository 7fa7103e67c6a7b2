"""A vendor that is down: for a day, or altogether. The others go on, and the day comes right afterwards."""

import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from journey_platform.demo.vendors.server import Served, serve
from journey_platform.demo.world import World
from journey_platform.kpis.catalogue import KPIS
from journey_platform.kpis.dimensions import DIMENSIONS
from journey_platform.kpis.periods import end_of
from journey_platform.tables import kpis_table
from tests.runs import contents
from tests.runs.conftest import FIRST, LAST, WHOLE, Undisturbed, install
from tests.runs.running import Installation, Order

DAYS = [FIRST + timedelta(days=n) for n in range((LAST - FIRST).days + 1)]
RESPONSES = next(table for table in contents.RAW if table.name == "raw/qualtrics/responses")
SOURCES = {kpi.name: kpi.sources for kpi in KPIS.values()}


@pytest.fixture(scope="module")
def nobody_listens() -> Iterator[str]:
    """The address of a port that refuses connections."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{holder.getsockname()[1]}"


def spans(row: dict[str, object], day: date) -> bool:
    """Whether a day's arrival matters to a value: a day of its period, or of its units' following."""
    first, kpi = row["day"], KPIS[str(row["kpi"])]
    assert isinstance(first, date)
    end = row["matures_on"] if kpi.is_cohort else end_of(first, row["period"])  # type: ignore[arg-type]
    assert isinstance(end, date)
    return first <= day < end


def kpi_rows(installation: Installation) -> list[dict[str, object]]:
    return [row for table in contents.KPIS for row in contents.rows(installation.lake, table)]


def of_devices(installation: Installation) -> dict[tuple[object, ...], tuple[object, ...]]:
    """The parts of the middle stage's KPIs that need no person: help desk or not, they are the same."""
    names = ("kpi", "period", "day", "dimension", "dimension_value")
    return {
        tuple(row[name] for name in names): (row["numerator"], row["denominator"], row["status"])
        for row in contents.rows(installation.lake, kpis_table("middle"))
        if KPIS[row["kpi"]].grain in ("session", "visitor", "page_visit")
        and not DIMENSIONS[row["dimension"]].is_of_person
    }


@pytest.mark.chaos
def test_a_day_that_is_down_is_named_and_marked_and_comes_right_afterwards(
    stormy_world: World, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    [outage] = stormy_world.outages
    with serve(stormy_world) as served:
        installation = install(tmp_path, served)
        outcome = installation.run(replace(WHOLE, is_recorded=True))
        assert outcome.failures == {}
        check = outcome.failed_checks["raw/qualtrics/responses:every_day_arrived"]
        assert list(check["first_days"]) == [str(outage.day)]
        assert "qualtrics/responses" in check["first_days"][str(outage.day)]
        assert "503" in check["first_days"][str(outage.day)]
        arrived = contents.states(installation.lake, RESPONSES)
        assert list(arrived) == [str(day) for day in DAYS if day != outage.day]
        assert all(
            undisturbed.fingerprints.get((RESPONSES.name, d), (0,))[0] == s[0] for d, s in arrived.items()
        )
        needing = [name for name, sources in SOURCES.items() if "qualtrics/responses" in sources]
        assert needing
        for row in kpi_rows(installation):
            is_touched = row["kpi"] in needing and spans(row, outage.day)
            assert (row["status"] in ("partial", "missing")) == is_touched, row
            assert (row["coverage"] < 1) == is_touched, row
        [rate] = [
            row
            for row in kpi_rows(installation)
            if (row["kpi"], row["period"], row["dimension"]) == ("support_rate", "week", "all")
            and spans(row, outage.day)
        ]
        assert rate["status"] == "partial"
        said = installation.told("kpis/late", rate["day"])["standing"]
        assert f"support_rate partial {rate['coverage']:.0%}" in said, "the UI says it beside the value"
        assert installation.told("kpis/middle", outage.day)["standing"] == "whole"

        served.lift_outage("qualtrics")
        assert installation.run(Order(outage.day, outage.day)).failures == {}
    found = contents.fingerprints(installation.lake)
    assert contents.differences(found, undisturbed.fingerprints) == {}


@pytest.mark.chaos
def test_a_vendor_that_cannot_be_reached_fails_alone_and_the_others_kpis_are_derived(
    served: Served, undisturbed: Undisturbed, nobody_listens: str, tmp_path: Path
) -> None:
    healthy = install(tmp_path, served)
    broken = replace(healthy, environment={**healthy.environment, "ZENDESK_BASE_URL": nobody_listens})
    outcome = broken.run(WHOLE)
    assert not outcome.is_success
    assert sorted(outcome.failures) == [
        f"raw/zendesk/{stream}"
        for stream in (
            *("organization_memberships", "organizations", "satisfaction_ratings", "ticket_counts"),
            *("ticket_metric_events", "tickets", "users"),
        )
    ]
    for asset, reason in outcome.failures.items():
        assert reason.startswith("zendesk"), (asset, reason)
        assert reason.endswith("the connection was refused"), reason
    others = [
        table.name
        for table in (*contents.RAW, *contents.TOUCHPOINTS, *contents.CONTACTS)
        if "zendesk" not in table.key
    ]
    assert set(others) <= set(outcome.materialized)

    derived = broken.run(Order(FIRST, LAST, job="rederive"))
    assert derived.failures == {}
    theirs = {name for name, sources in SOURCES.items() if any(s.startswith("zendesk/") for s in sources)}
    assert theirs
    rows = kpi_rows(broken)
    assert {row["kpi"] for row in rows} == set(SOURCES)
    for row in rows:
        assert (row["status"] in ("partial", "missing")) == (row["kpi"] in theirs), row
    unaffected = {key: state for key, state in undisturbed.fingerprints.items() if key[0] in others}
    found = contents.fingerprints(broken.lake)
    assert {key: found.get(key) for key in unaffected} == unaffected
    assert of_devices(broken) == of_devices(undisturbed.installation)
