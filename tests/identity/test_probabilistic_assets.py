"""Probabilistic links in the orchestrator: on by one setting, kept between runs, and silent about values."""

from pathlib import Path

import dagster as dg
import pytest

from journey_platform.defs.build import build_definitions
from journey_platform.defs.customers import customer_assets
from journey_platform.defs.platform import Platform
from journey_platform.lake import Lake
from journey_platform.settings import SettingsError, load
from journey_platform.tables import (
    LINK_MODEL,
    LINK_REVIEW,
    LINKS_TABLE,
    PROBABILISTIC_LINKS,
    contacts_table,
)
from tests.identity.matching_people import START, contacts, people
from tests.identity.shop import SOURCES, environment

COUNT = 300


def run() -> dg.ExecuteInProcessResult:
    assets = customer_assets(SOURCES, has_probabilistic_links=True)
    result = dg.materialize(assets, resources={"platform": Platform()})
    assert result.success
    return result


def test_links_join_profiles_and_a_second_run_keeps_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (environment(tmp_path) | {"JOURNEY_PROBABILISTIC_LINKS": "on"}).items():
        monkeypatch.setenv(name, value)
    lake, table = Lake(str(tmp_path)), contacts_table("zendesk")
    told = contacts([said for _, said in people(COUNT, 5)])
    lake.replace_days(table, told, [START.date()], run_id="test")
    result = run()
    links = lake.read(LINKS_TABLE)
    assert "probabilistic" in links.filter(links["is_accepted"])["rule"].to_pylist()
    assert lake.read(LINK_REVIEW).num_rows > 0
    pairs = [pair for row in told["attributes"].to_pylist() for pair in row]
    emails = [pair["value"] for pair in pairs if pair["name"] == "email"]
    assert len(emails) > 100
    shown = str([event.event_specific_data for event in result.all_events])
    assert not [email for email in emails if email in shown]
    version, model = lake.version(PROBABILISTIC_LINKS), lake.read(LINK_MODEL)
    run()
    assert lake.read(LINK_MODEL).equals(model)
    assert lake.version(PROBABILISTIC_LINKS) == version


def test_one_setting_switches_the_assets_on(tmp_path: Path) -> None:
    named = {}
    for word in ("off", "on"):
        settings = load(environment(tmp_path) | {"JOURNEY_PROBABILISTIC_LINKS": word})
        keys = build_definitions(settings).resolve_all_asset_keys()
        named[word] = {key.path[-1] for key in keys if key.path[0] == "customers"}
    assert named["on"] - named["off"] == {
        "link_model",
        "matched_records",
        "probabilistic_links",
        "link_review",
    }
    with pytest.raises(SettingsError, match="JOURNEY_PROBABILISTIC_LINKS is on or off"):
        load(environment(tmp_path) | {"JOURNEY_PROBABILISTIC_LINKS": "perhaps"})
