"""Canaries come out as they are known to be, or what differs is named; and they are in nobody's numbers."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pytest

from journey_platform.canaries import CUSTOMERS, FIRST, LAST, PROFILES, Flown, compared
from journey_platform.defs.build import build_definitions
from journey_platform.defs.canaries import AS_KNOWN, canaries_asset
from journey_platform.defs.platform import Platform
from journey_platform.demo.calendar import opening
from journey_platform.demo.company import build_world
from journey_platform.demo.world import Truth
from journey_platform.journeys.declared import load as declared_in
from journey_platform.journeys.declared import read
from journey_platform.lake import Lake
from journey_platform.settings import SettingsError, load
from journey_platform.tables import CANARIES, IDENTIFIERS_TABLE, kpis_table
from tests.runs import contents

VENDORS = ("matomo", "zendesk")


def environment(root: Path, **settings: str) -> dict[str, str]:
    return {
        "JOURNEY_ROOT": str(root),
        "JOURNEY_ZONE": "Europe/Amsterdam",
        "JOURNEY_START_DATE": "2026-03-01",
        "JOURNEY_SOURCES": ",".join(VENDORS),
        "JOURNEY_PSEUDONYM_KEY": "any",
        "MATOMO_BASE_URL": "http://127.0.0.1:1",
        "MATOMO_TOKEN": "token",
        "MATOMO_SITE_ID": "1",
        "ZENDESK_BASE_URL": "http://127.0.0.1:1",
        "ZENDESK_EMAIL": "agent@shop.example",
        "ZENDESK_TOKEN": "token",
        **settings,
    }


@pytest.fixture(scope="module")
def truth() -> Truth:
    return build_world(customers=CUSTOMERS, first_day=FIRST, last_day=LAST).truth


def as_known(lake: Lake, truth: Truth) -> None:
    """The values of the middle stage, and who is who, as the truth has them."""
    table, rows = kpis_table("middle"), []
    for (kpi, period, day, told), (above, below) in truth.kpis.items():
        dimension, _, value = told.partition("=")
        row = {"kpi": kpi, "period": period, "day": day, "dimension": dimension}
        rows.append({**row, "dimension_value": value or told, "numerator": above, "denominator": below})
    lake.replace_days(
        table,
        pa.Table.from_pylist(rows, schema=table.schema),
        sorted({row["day"] for row in rows}),
        run_id="r",
    )


def test_what_differs_is_named(tmp_path: Path, truth: Truth) -> None:
    lake = Lake(str(tmp_path))
    as_known(lake, truth)
    assert Flown(compared(lake, truth, VENDORS), CUSTOMERS).differing == {}
    key = ("visits", "day", date(2026, 1, 7), "all")
    above, below = truth.kpis[key]
    wrong = replace(truth, kpis={**truth.kpis, key: (above + 1, below)})
    found = Flown(compared(lake, wrong, VENDORS), CUSTOMERS)
    days = sum(name == "visits" and when >= FIRST for name, _, when, _ in truth.kpis)
    assert found.differing == {"visits": f"1 of {days} differ"}


def test_what_is_published_of_a_kpi_that_has_nothing_to_tell_differs_unless_it_is_null(
    tmp_path: Path, truth: Truth
) -> None:
    lake = Lake(str(tmp_path))
    as_known(lake, truth)
    told = {key: parts for key, parts in truth.kpis.items() if key[0] != "page_views"}
    shown = {key: parts for key, parts in truth.kpis.items() if key[0] == "page_views" and key[2] >= FIRST}
    found = Flown(compared(lake, replace(truth, kpis=told), VENDORS), CUSTOMERS)
    counted = sum(above > 0 for above, _ in shown.values())
    assert found.differing == {"page_views": f"{counted} of {len(shown)} differ"}
    nothing = dict.fromkeys(shown, (0.0, None))
    other = Lake(str(tmp_path / "other"))
    as_known(other, replace(truth, kpis={**truth.kpis, **nothing}))
    assert Flown(compared(other, replace(truth, kpis=told), VENDORS), CUSTOMERS).differing == {}


def test_only_what_rests_on_the_sources_in_use_is_compared(tmp_path: Path, truth: Truth) -> None:
    lake = Lake(str(tmp_path))
    as_known(lake, truth)
    few, all_of_them = (
        set(compared(lake, truth, vendors)["answer"].to_pylist())
        for vendors in (("matomo",), ("matomo", "mailchimp", "zendesk", "qualtrics", "mastodon", "shopify"))
    )
    assert {"visits", PROFILES} <= few
    assert "tickets" not in few
    assert all_of_them > few | {"tickets", "nps"}


def test_canaries_are_off_unless_they_are_turned_on(tmp_path: Path) -> None:
    keys = [
        build_definitions(load(environment(tmp_path, **given))).resolve_all_asset_keys()
        for given in ({}, {"JOURNEY_CANARIES": "on"})
    ]
    assert set(keys[1]) - set(keys[0]) == {dg.AssetKey(CANARIES.key)}
    with pytest.raises(SettingsError, match="JOURNEY_CANARIES is on or off, not 'yes'"):
        load(environment(tmp_path, JOURNEY_CANARIES="yes"))


def test_the_help_desk_is_open_for_canaries_as_it_is_in_the_demo() -> None:
    """Its hours are declared for both, and the truth is told by them."""
    shown = declared_in(Path(__file__).resolve().parents[2] / "journeys.yaml")
    assert read(opening()).business_hours == shown.business_hours


@pytest.mark.chaos
def test_canaries_fly_through_the_installed_platform_and_leave_nothing_in_its_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole daily job, in a process of its own; this lake gets the answers and nothing else."""
    for name, value in environment(tmp_path, JOURNEY_CANARIES="on").items():
        monkeypatch.setenv(name, value)
    done = dg.materialize([canaries_asset()], resources={"platform": Platform()})
    [evaluation] = done.get_asset_check_evaluations()
    assert evaluation.check_name == AS_KNOWN
    assert evaluation.passed, evaluation.metadata
    [told] = done.get_asset_materialization_events()
    world = build_world(customers=CUSTOMERS, first_day=FIRST, last_day=LAST)
    assert told.materialization.metadata["customers_excluded_as_test"].value == len(world.customers)
    lake = Lake(str(tmp_path))
    assert lake.read(CANARIES).num_rows > 20
    assert {name for name, version in contents.versions(tmp_path).items() if version is not None} == set()
    assert lake.version(IDENTIFIERS_TABLE) is None
