"""Dropped files through the machinery of every source: archive, gate, quarantine, touchpoints and KPIs."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from pyarrow.parquet import write_table

from journey_platform.lake import DayState, Lake
from journey_platform.tables import (
    COVERAGE,
    JOURNEY_TOUCHPOINTS,
    PROFILE_ATTRIBUTES_TABLE,
    PROFILES_TABLE,
    QUARANTINE,
    RESTATEMENTS,
    SESSIONS,
    kpis_table,
    raw_table,
    touchpoints_table,
)
from tests.files.shop import CARDS, DECLARATION, FIRST, LAST, NOW, RECEIPTS, drop, folder_of
from tests.runs.running import Installation, Order, Outcome

TICKETS = """
  tickets:
    files: tickets.csv
    notation: {zone: Europe/Amsterdam}
    key: [number, what]
    time: at
    touchpoints:
      - type: {column: what, values: {asked: ticket_created, solved: ticket_solved}}
        channel: ticket
        subject_id: $number
"""
HOURS = "business_hours: {week: Mon-Fri 09:00-17:00}"

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
    folder = folder_of(home / "dropped", DECLARATION + TICKETS, tills__one_csv=RECEIPTS, cards_csv=CARDS)
    drop(folder, "tickets.csv", "number,at,what\n7,2026-11-03 15:00,asked\n7,2026-11-04 11:00,solved\n")
    (home / "journeys.yaml").write_text(HOURS)
    drop(folder, "tills/two.csv", "receipt;sold;kind;amount;card\nR9;yesterday;sale;3,00;C2\n")
    pages(folder / "site" / "november.parquet")
    settings = {
        "JOURNEY_FILES": str(folder),
        "JOURNEY_SOURCES": "files",
        "JOURNEY_JOURNEYS": str(home / "journeys.yaml"),
    }
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
    assert streams == {"files/receipts", "files/pages", "files/tickets"}


def test_a_solution_is_told_in_business_hours_once_they_are_declared(
    shop: tuple[Installation, Outcome],
) -> None:
    assert solutions(shop[0]) == (20.0, 4.0)


@dataclass(frozen=True)
class Changed:
    """The days of the receipts at first, read again as they were, and with a file changed; the hours were
    changed with it."""

    first: dict[date, DayState]
    again: dict[date, DayState]
    last: dict[date, DayState]


@pytest.fixture(scope="module")
def changed(shop: tuple[Installation, Outcome]) -> Changed:
    installation = shop[0]
    lake, table = Lake(str(installation.lake)), raw_table("files", "receipts", "receipt", is_entity=False)
    first = lake.day_states(table)
    installation.run(WHOLE)
    again = lake.day_states(table)
    folder = Path(installation.environment["JOURNEY_FILES"])
    drop(folder, "tills/one.csv", RECEIPTS.replace(";sale;7;", ";sale;8;"))
    Path(installation.environment["JOURNEY_JOURNEYS"]).write_text(HOURS.replace("17:00", "18:00"))
    assert installation.run(WHOLE).failures == {}
    return Changed(first, again, lake.day_states(table))


def test_reading_again_changes_nothing_and_a_changed_file_changes_its_days(
    shop: tuple[Installation, Outcome], changed: Changed
) -> None:
    assert changed.again == changed.first
    assert {day for day in changed.last if changed.last[day] != changed.first[day]} == {LAST}
    amounts = {row["subject_id"]: row["value"] for row in rows(shop[0], touchpoints_table("files"))}
    assert amounts["R4"] == 8.0


@pytest.mark.usefixtures("changed")
def test_other_business_hours_restate_what_is_told_in_them_and_are_the_cause(
    shop: tuple[Installation, Outcome],
) -> None:
    assert solutions(shop[0]) == (20.0, 5.0)
    restated = [row for row in rows(shop[0], RESTATEMENTS) if str(row["kpi"]).startswith("resolution")]
    assert {row["kpi"] for row in restated} == {"resolution_business_median", "resolution_business_p90"}
    cause = {
        "kind": "definition",
        "name": "business hours",
        "detail": "Mon-Fri 09:00-17:00 Europe/Amsterdam to Mon-Fri 09:00-18:00 Europe/Amsterdam",
    }
    assert all(cause in row["causes"] for row in restated)  # type: ignore[operator]


def solutions(installation: Installation) -> tuple[object, object]:
    """The median hours to the solution of the one ticket, by the calendar and in business hours."""
    found = {
        row["kpi"]: row["value"]
        for row in rows(installation, kpis_table("late"))
        if (row["day"], row["period"], row["dimension"]) == (date(2026, 11, 4), "day", "all")
    }
    return found["resolution_median"], found["resolution_business_median"]
