"""Runs over the demo company: equal to its truth, and the same however and however often they are made."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from journey_platform.defs.partitions import RECOMPUTE_TAG
from journey_platform.demo.truth import partition
from journey_platform.demo.vendors.server import Served
from journey_platform.demo.world import World
from journey_platform.tables import IDENTIFIERS_TABLE
from tests.runs import contents
from tests.runs.conftest import FIRST, LAST, NARROW, WHOLE, Undisturbed, install
from tests.runs.running import Order

Parts = tuple[float, float | None]


def published(root: Path) -> dict[tuple[str, str, date, str], Parts]:
    """The parts of every KPI value, by the truth's keys. A day with nothing to count is left out."""
    found: dict[tuple[str, str, date, str], Parts] = {}
    for table in contents.KPIS:
        for row in contents.rows(root, table):
            of = row["dimension_value"]
            dimension = "all" if row["dimension"] == "all" else f"{row['dimension']}={of}"
            parts = (row["numerator"], row["denominator"])
            if any(parts):
                found[row["kpi"], row["period"], row["day"], dimension] = parts
    return found


def test_a_run_over_all_days_succeeds_and_materializes_every_asset(undisturbed: Undisturbed) -> None:
    assert undisturbed.outcome.failures == {}
    assert undisturbed.outcome.is_success
    of = (*contents.TABLES, *contents.INSIGHTS, *contents.OPERATIONS, *contents.MEMORIES)
    tables = {table.name for table in of}
    assert set(undisturbed.outcome.materialized) == {*tables, "kpis/overview", "operations/data_docs"}


def test_the_only_failed_checks_are_of_rows_that_the_world_sends_broken(undisturbed: Undisturbed) -> None:
    failed = {name: check["rows_failed"] for name, check in undisturbed.outcome.failed_checks.items()}
    assert failed == {
        "raw/mailchimp/email_activity:action_known": 1,
        "raw/matomo/visits:actions_are_a_list": 1,
        "raw/zendesk/tickets:requester_is_a_number": 1,
        "operations/references:zendesk_tickets_requester_known": 1,
    }


def test_every_kpi_equals_the_truth(undisturbed: Undisturbed, world: World) -> None:
    truth = {key: parts for key, parts in world.truth.kpis.items() if key[2] >= FIRST and any(parts)}
    early_weeks = [key for key in world.truth.kpis if key[2] < FIRST]
    assert early_weeks, "the first week is not whole, so that its values must not be published"
    # The tally keeps days where days add up, and not every dimension; what it keeps must be all there is.
    kept = {(kpi, period, of.partition("=")[0]) for kpi, period, _, of in world.truth.kpis}
    found = published(undisturbed.installation.lake)
    told = {key: parts for key, parts in found.items() if (key[0], key[1], key[3].partition("=")[0]) in kept}
    assert told == truth
    assert {key[0] for key in found} >= {key[0] for key in truth}


def test_no_value_is_published_for_a_day_that_has_not_ended(undisturbed: Undisturbed) -> None:
    tables = [t for t in (*contents.TOUCHPOINTS, *contents.JOURNEYS, *contents.KPIS) if t.is_daily]
    days = [day for table in tables for day in contents.states(undisturbed.installation.lake, table)]
    assert (min(days), max(days)) == (str(FIRST), str(LAST))


def test_the_profiles_are_the_truths_partition_and_none_has_two_owners(
    undisturbed: Undisturbed, world: World
) -> None:
    members: dict[int, set[tuple[str, str]]] = {}
    for row in contents.rows(undisturbed.installation.lake, IDENTIFIERS_TABLE):
        if row["person_key"] is not None:
            members.setdefault(row["person_key"], set()).add((row["kind"], row["value"]))
    assert {frozenset(found) for found in members.values()} == set(partition(world.truth))
    assert all(len({world.truth.owner_of[one] for one in found}) == 1 for found in members.values())


def test_the_same_range_twice_changes_no_byte(
    undisturbed: Undisturbed, served: Served, tmp_path: Path
) -> None:
    again = install(tmp_path, served).with_lake_of(undisturbed.installation)
    before, versions = contents.data_files(again.lake), contents.versions(again.lake)
    assert again.run(replace(WHOLE, tags={RECOMPUTE_TAG: "yes"})).is_success
    assert contents.data_files(again.lake) == before
    assert contents.versions(again.lake) == versions
    assert contents.fingerprints(again.lake) == undisturbed.fingerprints


@pytest.mark.chaos
def test_parts_of_the_range_in_any_order_give_the_same_tables(
    undisturbed_narrow: Undisturbed, served: Served, tmp_path: Path
) -> None:
    piecewise = install(tmp_path, served, JOURNEY_SOURCES=NARROW)
    half = FIRST + timedelta(days=6)
    for order in (Order(half, LAST), Order(FIRST, half - timedelta(days=1))):
        assert piecewise.run(order).failures == {}
    found = contents.fingerprints(piecewise.lake)
    assert contents.differences(found, undisturbed_narrow.fingerprints) == {}


@pytest.mark.chaos
def test_two_runs_at_once_give_the_same_tables(
    undisturbed_narrow: Undisturbed, served: Served, tmp_path: Path
) -> None:
    shared = install(tmp_path, served, JOURNEY_SOURCES=NARROW)
    half = FIRST + timedelta(days=8)
    # They overlap on three days, and both write every table that is not daily.
    both = [shared.start(Order(FIRST, half)), shared.start(Order(half - timedelta(days=2), LAST))]
    outcomes = [run.outcome() for run in both]
    assert [outcome.failures for outcome in outcomes] == [{}, {}]
    # What one had derived before the other's days arrived, the next run of either range puts right.
    assert shared.run(Order(FIRST, LAST, job="rederive")).failures == {}
    found = contents.fingerprints(shared.lake)
    assert contents.differences(found, undisturbed_narrow.fingerprints) == {}
