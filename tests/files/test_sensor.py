"""The sensor over dropped files asks for the days that they hold, once, and for no others."""

import os
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import pytest

from journey_platform.defs.build import build_definitions
from journey_platform.defs.drops import Memory, news
from journey_platform.defs.platform import Platform
from journey_platform.run_tags import RANGE_END_TAG, RANGE_START_TAG
from journey_platform.settings import load
from tests.files.shop import CARDS, FIRST, LAST, NOW, RECEIPTS, ZONE, drop, folder_of, source

HEAD = RECEIPTS.splitlines(keepends=True)[0]
SPAN = (FIRST, date(2026, 11, 9))


def days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def look(folder: Path, memory: Memory, last: date = SPAN[1]) -> list[tuple[list[date], list[str]]]:
    wanted, troubles = news(source(folder), memory, ZONE, (FIRST, last))
    assert troubles == []
    return wanted


def test_a_new_file_asks_for_its_days_once(tmp_path: Path) -> None:
    folder, memory = folder_of(tmp_path, tills__a_csv=RECEIPTS), {}
    assert look(folder, memory) == [(days(FIRST, LAST), ["receipts"])]
    assert look(folder, memory) == []


def test_a_changed_file_asks_for_the_days_it_holds_and_held(tmp_path: Path) -> None:
    folder, memory = folder_of(tmp_path, tills__a_csv=RECEIPTS), {}
    look(folder, memory)
    drop(folder, "tills/a.csv", HEAD + "R1;08-11-2026 10:00;sale;1;C1\n", at=NOW.timestamp() - 60)
    eighth = date(2026, 11, 8)
    assert look(folder, memory) == [(days(FIRST, LAST), ["receipts"]), ([eighth], ["receipts"])]


def test_days_that_are_not_over_are_asked_for_when_they_are(tmp_path: Path) -> None:
    folder, memory = folder_of(tmp_path, tills__a_csv=RECEIPTS), {}
    assert look(folder, memory, date(2026, 11, 4)) == [(days(FIRST, date(2026, 11, 4)), ["receipts"])]
    assert look(folder, memory, date(2026, 11, 5)) == [([date(2026, 11, 5)], ["receipts"])]
    assert look(folder, memory) == [([LAST], ["receipts"])]


def test_days_before_the_first_are_left_out(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, tills__a_csv=RECEIPTS + "R0;01-01-2020 10:00;sale;1;C1\n")
    assert look(folder, {}) == [(days(FIRST, LAST), ["receipts"])]


def test_a_file_of_current_state_asks_for_the_last_day(tmp_path: Path) -> None:
    folder, memory = folder_of(tmp_path, cards_csv=CARDS), {}
    assert look(folder, memory) == [([SPAN[1]], ["cards"])]
    assert look(folder, memory) == []


def test_a_file_that_goes_away_asks_for_nothing(tmp_path: Path) -> None:
    folder, memory = folder_of(tmp_path, tills__a_csv=RECEIPTS), {}
    look(folder, memory)
    (folder / "tills" / "a.csv").unlink()
    assert look(folder, memory) == []


def test_a_half_written_file_is_told_and_looked_at_again(tmp_path: Path) -> None:
    folder, memory = folder_of(tmp_path, tills__a_csv=RECEIPTS[:-4]), {}
    wanted, troubles = news(source(folder), memory, ZONE, SPAN)
    assert (wanted, troubles) == ([], ["files/receipts: a.csv line 5: the file ends within a row"])
    drop(folder, "tills/a.csv", RECEIPTS)
    assert look(folder, memory) == [(days(FIRST, LAST), ["receipts"])]


@pytest.fixture
def platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Platform:
    folder = folder_of(tmp_path / "dropped", tills__a_csv=RECEIPTS, cards_csv=CARDS)
    settings = {
        "JOURNEY_FILES": str(folder),
        "JOURNEY_SOURCES": "files",
        "JOURNEY_ROOT": str(tmp_path / "lake"),
        "JOURNEY_ZONE": ZONE,
        "JOURNEY_START_DATE": FIRST.isoformat(),
        "JOURNEY_PSEUDONYM_KEY": "any",
        "JOURNEY_NOW": NOW.isoformat(),
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return Platform()


def test_runs_read_the_feeds_with_news_and_what_follows_from_them(platform: Platform) -> None:
    defs = build_definitions(load(os.environ))
    [sensor] = [sensor for sensor in defs.sensors or [] if sensor.name == "files_dropped"]
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_sensor_context(instance=instance, resources={"platform": platform})
        ticked = sensor.evaluate_tick(context)
    asked = {
        (request.tags[RANGE_START_TAG], request.tags[RANGE_END_TAG]): {
            key.to_user_string() for key in request.asset_selection or []
        }
        for request in ticked.run_requests or []
    }
    assert set(asked) == {("2026-11-02", "2026-11-06"), ("2026-11-09", "2026-11-09")}
    of_receipts, of_cards = asked["2026-11-02", "2026-11-06"], asked["2026-11-09", "2026-11-09"]
    follows = {
        "touchpoints/files",
        "contacts/files",
        "customers/profiles",
        "kpis/middle",
        "journeys/sessions",
    }
    assert of_receipts >= {"raw/files/receipts", *follows}
    assert of_cards - of_receipts == {"raw/files/cards"}
    assert not {name for name in of_receipts | of_cards if name.startswith("raw/files/pages")}


def test_the_daily_job_leaves_dropped_files_out(platform: Platform) -> None:
    job = build_definitions(load(os.environ)).resolve_job_def("daily")
    keys = {key.to_user_string() for key in job.asset_layer.asset_graph.executable_asset_keys}
    assert not {name for name in keys if name.startswith("raw/files")}
    assert "touchpoints/files" in keys
