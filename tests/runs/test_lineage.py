"""Every value leads back to people and raw records, and can be computed again from them."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from journey_platform import settings
from journey_platform.asking import declared
from journey_platform.cli import main
from journey_platform.engine import Engine
from journey_platform.history.lineage import Lineage, lineage, raw_records
from journey_platform.journeys.segments import memberships, of_people
from journey_platform.kpis.catalogue import KPIS
from journey_platform.kpis.grains.registry import GRAINS
from journey_platform.kpis.members import Cell
from journey_platform.kpis.periods import days_of
from journey_platform.kpis.trails import TRAILS
from journey_platform.lake import Lake
from journey_platform.tables import JOURNEY_TOUCHPOINTS, PROFILES_TABLE, kpis_table
from tests.runs import contents
from tests.runs.conftest import LAST, Undisturbed

TODAY = LAST.fromordinal(LAST.toordinal() + 1)


@pytest.fixture(scope="module")
def engine(undisturbed: Undisturbed) -> Iterator[Engine]:
    with Engine(Lake(str(undisturbed.installation.lake))) as opened:
        yield opened


@pytest.fixture(scope="module")
def touchpoints(undisturbed: Undisturbed) -> dict[str, dict[str, Any]]:
    rows = contents.rows(undisturbed.installation.lake, JOURNEY_TOUCHPOINTS)
    return {row["touchpoint_id"]: row for row in rows}


@pytest.fixture(scope="module")
def raw_keys(undisturbed: Undisturbed) -> set[str]:
    root = undisturbed.installation.lake
    return {
        f"{'/'.join(table.key[1:])}/{row['record_key']}"
        for table in contents.RAW
        for row in contents.rows(root, table)
    }


def told(undisturbed: Undisturbed, engine: Engine, kpi: str) -> Iterator[tuple[dict[str, Any], Lineage]]:
    """The KPI's values that rest on most units, with their lineage: by period and, of its shortest, by
    dimension."""
    root = undisturbed.installation.lake
    rows = [row for row in contents.rows(root, kpis_table(KPIS[kpi].stage)) if row["kpi"] == kpi]
    most: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        key = (row["period"], row["dimension"])
        if row["n"] and (key not in most or row["n"] > most[key]["n"]):
            most[key] = row
    lake = Lake(str(root))
    segments = of_people(declared(settings.load(undisturbed.installation.environment)).segments)
    members = memberships(lake.read(PROFILES_TABLE), segments)
    shortest, undivided = KPIS[kpi].periods[0], KPIS[kpi].dimensions[0]
    for (period, dimension), row in most.items():
        if period != shortest and dimension != undivided:
            continue
        cell = Cell(KPIS[kpi], row["period"], row["day"], row["dimension"], row["dimension_value"])
        yield row, lineage(lake, engine, cell, as_of=TODAY, segments=members)


def test_every_grain_has_a_trail() -> None:
    assert set(TRAILS) == set(GRAINS)


NOT_YET = {
    # They follow people and companies over more days than this world has.
    "retention_calendar",
    "retention_rolling",
    "churn_inactive_28d",
    "refund_rate",
    "contract_in_use_28d",
    "contract_to_first_user_median",
    "silent_churn",
    *("contract_churn", "seat_retention_net", "seat_retention_gross"),
    *("revenue_retention_net", "revenue_retention_gross"),
    "newcomers_converting_28d",
    *("time_to_convert_p25", "time_to_convert_median", "time_to_convert_p75", "time_to_convert_of_buyers"),
    *("half_of_seats_28d", "time_to_half_of_seats"),
    # Nobody tells rates, items, invitations, satisfaction, effort or reviews here.
    *("csat_top2", "csat_mean", "ces", "ces_easy"),
    *("review_rating", "review_rating_shrunk", "review_one_star"),
    *("csat_top2_when_solved", "csat_mean_when_solved", "csat_when_solved"),
    *("cross_sell_rate", "products_per_customer"),
    *("revenue_net_converted", "invited_active_28d", "time_to_activate"),
    "seats_active_before_renewal",
}


def every_kpi(without: str = "") -> Iterator[object]:
    """One of each kind always, the others in the long tests; none of the grain `without`."""
    seen = set()
    for name, kpi in KPIS.items():
        kind = (kpi.grain, kpi.is_additive)
        if name not in NOT_YET and kpi.grain != without:
            yield pytest.param(name, marks=[pytest.mark.chaos] if kind in seen else [])
            seen.add(kind)


@pytest.mark.parametrize("kpi", list(every_kpi()))
def test_a_value_computed_again_from_its_units_is_the_published_one(
    undisturbed: Undisturbed,
    engine: Engine,
    touchpoints: dict[str, dict[str, Any]],
    raw_keys: set[str],
    kpi: str,
) -> None:
    values = list(told(undisturbed, engine, kpi))
    assert values
    for row, found in values:
        assert found.published == row
        assert found.is_equal
        assert found.again.numerator == pytest.approx(row["numerator"], rel=1e-12)
        units = found.members.units["unit"].to_pylist()
        assert len(set(units)) == len(units) or KPIS[kpi].is_additive
        records = found.members.records.to_pylist()
        assert {record["unit"] for record in records} <= set(units)
        counted = {record["touchpoint_id"] for record in records}
        excluded = set(found.members.excluded["touchpoint_id"].to_pylist())
        assert not counted & excluded
        assert counted | excluded <= set(touchpoints)
        for behind in raw_records(KPIS[kpi], found).values():
            assert set(behind) <= raw_keys


# A mailing's recipients are counted by the vendor.
@pytest.mark.parametrize("kpi", list(every_kpi(without="mailing")))
def test_no_unit_that_adds_something_is_without_a_record(
    undisturbed: Undisturbed, engine: Engine, kpi: str
) -> None:
    for _, found in told(undisturbed, engine, kpi):
        behind = raw_records(KPIS[kpi], found)
        adding = {row["unit"] for row in found.members.units.to_pylist() if row["above"]}
        assert all(behind[unit] for unit in adding)


def test_robots_are_named_as_such_and_nothing_of_the_kind_is_forgotten(
    undisturbed: Undisturbed, engine: Engine, touchpoints: dict[str, dict[str, Any]]
) -> None:
    [(row, found)] = [
        (row, found)
        for row, found in told(undisturbed, engine, "visits")
        if (row["period"], row["dimension"]) == ("month", "all")
    ]
    reasons = {entry["touchpoint_id"]: entry["reason"] for entry in found.members.excluded.to_pylist()}
    robots = {name for name, reason in reasons.items() if reason == "robot"}
    assert robots
    assert all(touchpoints[name]["is_bot"] for name in robots)
    days = set(days_of([row["day"]], "month"))
    web = {
        name
        for name, row in touchpoints.items()
        if row["vendor"] == "matomo" and row["day"] in days and row["type"] in TRAILS["session"].types
    }
    counted = {record["touchpoint_id"] for record in found.members.records.to_pylist()}
    assert web == {name for name in counted | set(reasons) if touchpoints[name]["day"] in days}


def test_the_command_lists_people_records_and_exclusions_and_computes_the_value_again(
    undisturbed: Undisturbed, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in undisturbed.installation.environment.items():
        monkeypatch.setenv(name, value)
    rows = contents.rows(undisturbed.installation.lake, kpis_table("middle"))
    row = max((r for r in rows if r["kpi"] == "visits" and r["period"] == "day"), key=lambda r: r["n"])
    assert main(["kpi", "visits", "--day", str(row["day"]), "--members"]) == 0
    out = capsys.readouterr().out
    assert f"from this list: {row['value']:g}, {row['value']:g}" in out
    assert f"published: {row['value']:g}\n" in out
    assert out.count("  visit matomo/visits/") == row["value"]
    assert "1  P" in out
    assert "@" not in json.dumps(out), "people are named by profile id only"


def test_what_is_in_quarantine_is_left_out_with_its_rule(undisturbed: Undisturbed, engine: Engine) -> None:
    refused = [entry for _, found in told(undisturbed, engine, "visits") for entry in found.refused]
    assert any(record.startswith("matomo/visits/") and "error: " in reason for record, reason in refused)
