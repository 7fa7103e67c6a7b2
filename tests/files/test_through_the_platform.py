"""Dropped files through the machinery of every source: archive, gate, quarantine, touchpoints and KPIs."""

from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from pyarrow.parquet import write_table

from journey_platform.lake import Lake
from journey_platform.tables import (
    COVERAGE,
    JOURNEY_TOUCHPOINTS,
    PROFILE_ATTRIBUTES_TABLE,
    PROFILES_TABLE,
    QUARANTINE,
    SESSIONS,
    kpis_table,
    raw_table,
    touchpoints_table,
)
from tests.files.shop import CARDS, FIRST, LAST, NOW, RECEIPTS, drop, folder_of
from tests.runs.running import Installation, Order, Outcome

WHOLE = Order(FIRST, LAST, job="dropped")


def pages(path: Path) -> None:
    path.parent.mkdir(parents=True)
    at = [datetime(2026, 11, 2, 8, minute, tzinfo=UTC) for minute in (0, 1, 2, 50)]
    rows = {
        "at": pa.array(at, pa.timestamp("us", "UTC")),
        "what": ["view", "view", "buy", "view"],
        "device": ["D1", "D1", "D1", "D1"],
        "card": ["C1", None, None, None],
        "address": [
            "https://shop.example/?a=1",
            "https://shop.example/tea",
            "https://shop.example/paid",
            "https://shop.example/",
        ],
    }
    write_table(pa.table(rows), path)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[Installation, Outcome]:
    home = tmp_path_factory.mktemp("shop")
    folder = folder_of(home / "dropped", tills__one_csv=RECEIPTS, cards_csv=CARDS)
    drop(folder, "tills/two.csv", "receipt;sold;kind;amount;card\nR9;yesterday;sale;3,00;C2\n")
    pages(folder / "site" / "november.parquet")
    settings = {"JOURNEY_FILES": str(folder), "JOURNEY_SOURCES": "files"}
    installation = Installation.at(home, settings, start=FIRST, now=NOW)
    return installation, installation.run(WHOLE)


def rows(installation: Installation, table: object) -> list[dict[str, object]]:
    found: list[dict[str, object]] = Lake(str(installation.lake)).read(table).to_pylist()  # type: ignore[arg-type]
    return found


def test_a_run_over_the_days_of_the_files_succeeds(shop: tuple[Installation, Outcome]) -> None:
    assert shop[1].failures == {}
    assert shop[1].failed_checks == {}


def test_rows_become_touchpoints_with_money_and_returns_are_negative(
    shop: tuple[Installation, Outcome],
) -> None:
    found = {
        row["subject_id"]: (row["day"], row["type"], row["value"], row["unit"])
        for row in rows(shop[0], touchpoints_table("files"))
        if row["channel"] == "commerce"
    }
    assert found == {
        "R1": (date(2026, 11, 2), "order", 12.5, "EUR"),
        "R2": (date(2026, 11, 2), "order", 1200.0, "EUR"),
        "R3": (date(2026, 11, 4), "refund", -12.5, "EUR"),
        "R4": (date(2026, 11, 6), "order", 7.0, "EUR"),
    }


def test_a_row_that_cannot_be_read_is_quarantined_with_file_line_and_column(
    shop: tuple[Installation, Outcome],
) -> None:
    [bad] = rows(shop[0], QUARANTINE)
    assert (bad["table"], bad["record_key"]) == ("raw/files/receipts", "two.csv:2")
    assert (bad["reason"], bad["field"]) == ("not a time in a declared format", "sold")
    assert '"receipt":"R9"' in str(bad["body"])


def test_a_card_ties_the_till_the_site_and_the_address_to_one_profile(
    shop: tuple[Installation, Outcome],
) -> None:
    lake = Lake(str(shop[0].lake))
    profiles = {row["email"]: row["person_key"] for row in rows(shop[0], PROFILES_TABLE)}
    assert set(profiles) == {"ann@example.org", "bob@example.org"}
    touches = lake.read(JOURNEY_TOUCHPOINTS)
    ann = touches.filter(pc.equal(touches["person_key"], profiles["ann@example.org"]))
    assert Counter(ann["type"].to_pylist()) == {"order": 2, "page_view": 3, "refund": 1}
    told = {
        (row["person_key"], row["attribute"]): row["value"] for row in rows(shop[0], PROFILE_ATTRIBUTES_TABLE)
    }
    assert told[profiles["ann@example.org"], "favourite"] == "tea"


def test_pages_become_sessions_and_visits_are_covered_by_the_feed(
    shop: tuple[Installation, Outcome],
) -> None:
    assert [(row["page_views"], row["orders"]) for row in rows(shop[0], SESSIONS)] == [(2, 1), (1, 0)]
    [visits] = [
        row
        for row in rows(shop[0], kpis_table("middle"))
        if (row["kpi"], row["day"], row["period"], row["dimension"]) == ("visits", FIRST, "day", "all")
    ]
    assert (visits["value"], visits["coverage"], visits["status"]) == (2.0, 1.0, "ok")


def test_coverage_tells_of_each_feed(shop: tuple[Installation, Outcome]) -> None:
    streams = {row["source"] for row in rows(shop[0], COVERAGE)}
    assert streams == {"files/receipts", "files/pages"}


def test_reading_again_changes_nothing_and_a_changed_file_changes_its_days(
    shop: tuple[Installation, Outcome],
) -> None:
    installation = shop[0]
    lake, table = Lake(str(installation.lake)), raw_table("files", "receipts", "receipt", is_entity=False)
    before = lake.day_states(table)
    installation.run(WHOLE)
    assert lake.day_states(table) == before
    folder = Path(installation.environment["JOURNEY_FILES"])
    drop(
        folder,
        "tills/one.csv",
        RECEIPTS.replace(";sale;7;", ";sale;8;"),
    )
    assert installation.run(WHOLE).failures == {}
    after = lake.day_states(table)
    assert {day for day in after if after[day] != before[day]} == {LAST}
    amounts = {row["subject_id"]: row["value"] for row in rows(installation, touchpoints_table("files"))}
    assert amounts["R4"] == 8.0
