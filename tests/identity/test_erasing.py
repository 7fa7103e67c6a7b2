"""Erasing one customer of a small shop: what goes, what stays, and that it can be done again."""

import json
import re
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from deltalake import DeltaTable

from connectors.base import Page, Record
from journey_platform.defs.erasures import erasure_assets
from journey_platform.defs.platform import Platform
from journey_platform.history.trace import known_tables
from journey_platform.identity.erasure import Erased
from journey_platform.lake import Lake
from journey_platform.landing import land_events, land_versions
from journey_platform.settings import load
from journey_platform.stewardship import erasing
from journey_platform.stewardship.erasing import erase, look_again, unfinished
from journey_platform.stewardship.ledger import decide
from journey_platform.stewardship.personal import Removed, personal_tables
from journey_platform.stewardship.whom import erased_of
from journey_platform.tables import (
    DECISIONS,
    ERASURES,
    IDENTIFIERS_TABLE,
    IDENTITY_EVENTS,
    JOURNEY_TOUCHPOINTS,
    ORGANIZATION_MEMBERS,
    ORGANIZATIONS,
    PROFILES_TABLE,
    raw_table,
    touchpoints_table,
)
from tests.identity.remains import Traces
from tests.identity.shop import DAY, SECRET, SOURCES, Say, fill, key, run

ANN = ("u-ann", "c-ann", "ann@shop.example")
OTHERS = ("u-bo", "c-bo", "bo@shop.example", "cy@shop.example", "+31612345678", "kiosk")
WHY = ("--why", "asked by letter", "--by", "kim")
NOW = datetime(2026, 3, 9, tzinfo=UTC)
TICKETS = raw_table("zendesk", "tickets", "", is_entity=True)
EVENTS = raw_table("zendesk", "ticket_metric_events", "", is_entity=False)


def ann_is_erased(lake: Lake) -> None:
    erase(lake, load(), key("user_id", "u-ann"), secret=SECRET.encode(), who="kim", why="a letter", now=NOW)


@pytest.mark.parametrize("named", ["email:ANN@shop.example", "user_id:u-ann", "cookie_id:c-ann", "profile"])
def test_nothing_of_the_person_is_left_whichever_identifier_names_them(
    lake: Lake, say: Say, tmp_path: Path, named: str
) -> None:
    if named == "profile":
        named = next(
            row["profile_id"]
            for row in lake.read(PROFILES_TABLE).to_pylist()
            if row["email"] == "ann@shop.example"
        )
    traces = Traces(ANN)
    assert {word for word, _ in traces.in_folder(tmp_path)} >= set(ANN)
    say("erase", named, *WHY)
    assert traces.in_folder(tmp_path) == set()


def test_everybody_else_is_as_before(lake: Lake, say: Say, tmp_path: Path) -> None:
    before = {row["person_key"]: row for row in lake.read(PROFILES_TABLE).to_pylist()}
    days = {d: s.fingerprint for d, s in lake.day_states(JOURNEY_TOUCHPOINTS).items()}
    say("erase", "user_id:u-ann", *WHY)
    run(tmp_path)
    after = {row["person_key"]: row for row in lake.read(PROFILES_TABLE).to_pylist()}
    assert {word for word, _ in Traces(OTHERS).in_folder(tmp_path)} >= set(OTHERS)
    assert [before[p]["email"] for p in before.keys() - after.keys()] == ["ann@shop.example"]
    assert after == {person: before[person] for person in after}
    assert lake.read(ORGANIZATIONS)["name"].to_pylist() == ["Eik Works"]
    assert lake.read(ORGANIZATION_MEMBERS)["record"].to_pylist() == ["zendesk/users/3"]
    changed = {d for d, s in lake.day_states(JOURNEY_TOUCHPOINTS).items() if s.fingerprint != days[d]}
    assert {(day - DAY).days for day in changed} == {0, 1, 2}
    assert lake.read(IDENTITY_EVENTS).num_rows == 0


def test_what_the_person_shared_does_not_become_the_last_ones_own(
    lake: Lake, say: Say, tmp_path: Path
) -> None:
    """Ann and Bo used the kiosk: without Ann it would look like Bo's, with whoever else stood before it."""
    say("erase", "user_id:u-ann", *WHY)
    run(tmp_path)
    status = {row["value"]: row for row in lake.read(IDENTIFIERS_TABLE).to_pylist()}
    assert (status["kiosk"]["status"], status["kiosk"]["person_key"]) == ("blocked", None)
    say("unblock", "cookie_id:kiosk", *WHY)
    run(tmp_path)
    status = {row["value"]: row for row in lake.read(IDENTIFIERS_TABLE).to_pylist()}
    assert status["kiosk"]["person_key"] == status["u-bo"]["person_key"]


def test_the_sources_give_the_person_again_and_no_row_returns(lake: Lake, say: Say, tmp_path: Path) -> None:
    say("erase", "user_id:u-ann", *WHY)
    held = {t.name: lake.read(t).num_rows for t in personal_tables()}
    fill(tmp_path)
    assert Traces(ANN).in_folder(tmp_path) != set()
    say("erase", "user_id:u-ann", *WHY)
    run(tmp_path)
    assert Traces(ANN).in_folder(tmp_path) == set()
    assert {t.name: lake.read(t).num_rows for t in personal_tables()} == held


def test_what_is_put_back_is_removed_by_the_next_run(lake: Lake, say: Say, tmp_path: Path) -> None:
    """As by a pull that had begun before the decision, or from a copy."""
    say("erase", "user_id:u-ann", *WHY)
    fill(tmp_path)
    assert Traces(ANN).in_folder(tmp_path) != set()
    made = dg.materialize(erasure_assets(SOURCES), resources={"platform": Platform()})
    (told,) = made.get_asset_materialization_events()
    assert told.materialization.metadata["carried_out_in_this_run"].value == 1
    assert Traces(ANN).in_folder(tmp_path) == set()
    made = dg.materialize(erasure_assets(SOURCES), resources={"platform": Platform()})
    (told,) = made.get_asset_materialization_events()
    assert told.materialization.metadata["carried_out_in_this_run"].value == 0


def test_what_the_person_opens_later_is_left_out_with_what_names_it(lake: Lake, say: Say) -> None:
    """A ticket names its requester; what happens to it names only the ticket."""
    say("erase", "user_id:u-ann", *WHY)

    def gone() -> Erased:
        return erased_of(lake, secret=SECRET.encode(), settings=load())

    tickets = [record("901", {"id": 901, "requester_id": 1}), record("902", {"id": 902, "requester_id": 3})]
    settings = {"zone": "UTC", "run_id": "r", "extracted_at": NOW}
    landed = land_versions(lake, TICKETS, [Page(tickets)], erased=gone(), **settings)
    assert (landed.erased, lake.read(TICKETS)["record_key"].to_pylist()) == (1, ["902"])
    happened = [record("1", {"id": 1, "ticket_id": 901}), record("2", {"id": 2, "ticket_id": 902})]
    landed = land_events(lake, EVENTS, [Page(happened)], [NOW.date()], erased=gone(), **settings)
    assert (landed.erased, lake.read(EVENTS)["record_key"].to_pylist()) == (1, ["2"])
    assert len(unfinished(lake)) == 1
    look_again(lake, load(), secret=SECRET.encode(), now=NOW)
    assert unfinished(lake) == []
    land_versions(lake, TICKETS, [Page(tickets)], erased=gone(), **settings)
    assert unfinished(lake) == []


def record(key: str, body: dict[str, object]) -> Record:
    return Record(key, NOW, json.dumps(body).encode())


def test_the_receipt_lists_tables_days_rows_and_files_and_nothing_personal(lake: Lake, say: Say) -> None:
    lines = say("erase", "email:ann@shop.example", *WHY)
    (decided,) = lake.read(DECISIONS).filter(lake.read(DECISIONS)["erased"].is_valid()).to_pylist()
    assert lines[0].startswith(decided["decision_id"])
    assert {pair["kind"] for pair in decided["erased"]} >= {"email", "user_id", "cookie_id"}
    rows = {(row["table"], row["of_day"]): row for row in lake.read(ERASURES).to_pylist()}
    of_day = {day: row["rows_removed"] for (table, day), row in rows.items() if table == "touchpoints/matomo"}
    assert of_day == {"2026-03-02": 1, "2026-03-03": 1, "2026-03-04": 1, "all": 3}
    assert rows["customers/identifiers", "all"]["rows_removed"] == 4
    assert rows["customers/identifiers", "all"]["files_removed"] >= 1
    assert rows["customers/identifiers", "all"]["log_entries_removed"] >= 1
    assert {row["decision_id"] for row in rows.values()} == {decided["decision_id"]}
    assert all(row["finished_at"] is not None for row in rows.values())
    assert lines[-2] == "The sensor follow_identity has 2026-03-02 to 2026-03-04 derived again."


def test_only_the_newest_version_of_a_table_is_left(lake: Lake, say: Say, tmp_path: Path) -> None:
    say("erase", "email:ann@shop.example", *WHY)
    for table in (IDENTIFIERS_TABLE, JOURNEY_TOUCHPOINTS, touchpoints_table("matomo")):
        place = tmp_path.joinpath(*table.key)
        named = {Path(uri).name for uri in DeltaTable(str(place)).file_uris()}
        assert {path.name for path in place.rglob("*.parquet") if "_delta_log" not in path.parts} == named
        assert not lake.has_version(table, 0)


def test_an_erasure_that_was_done_is_the_same_when_done_again(lake: Lake, say: Say) -> None:
    say("erase", "email:ann@shop.example", *WHY)
    receipt = {(r["table"], r["of_day"]): r["rows_removed"] for r in lake.read(ERASURES).to_pylist()}
    versions = {table.name: lake.version(table) for table in personal_tables()}
    say("erase", "cookie_id:c-ann", *WHY)
    again = {(r["table"], r["of_day"]): r["rows_removed"] for r in lake.read(ERASURES).to_pylist()}
    assert again == receipt
    assert {table.name: lake.version(table) for table in personal_tables()} == versions
    actions = lake.read(DECISIONS)["action"].to_pylist()
    assert (actions.count("erase"), actions.count("block")) == (1, 1)


@pytest.mark.parametrize("step", range(8))
def test_an_erasure_cut_short_is_finished_by_the_next(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    whole, done = tmp_path / "whole", erasing.remove
    shutil.copytree(tmp_path, whole, ignore=shutil.ignore_patterns("whole"))
    ann_is_erased(Lake(str(whole)))
    tried = []

    def cut_short(*given: object, **named: object) -> Removed:
        tried.append(given)
        if len(tried) == 1 + step * 4:
            raise KeyboardInterrupt
        return done(*given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(erasing, "remove", cut_short)
    with pytest.raises(KeyboardInterrupt):
        ann_is_erased(lake)
    assert len(unfinished(lake)) == 1
    monkeypatch.setattr(erasing, "remove", done)
    ann_is_erased(lake)
    assert unfinished(lake) == []
    for table in personal_tables():
        assert lake.read(table).equals(Lake(str(whole)).read(table)), table.name
    counted = [
        {(r["table"], r["of_day"]): r["rows_removed"] for r in one.read(ERASURES).to_pylist()}
        for one in (lake, Lake(str(whole)))
    ]
    assert counted[0] == counted[1]


def test_an_erasure_that_is_refused_redacts_nothing(lake: Lake) -> None:
    given = {"who": "kim", "now": NOW, "secret": SECRET.encode()}
    said = "Ann@shop.example asked"
    decide(lake, "block", [key("cookie_id", "kiosk")], who="kim", why=said, now=NOW, zone="UTC")
    with pytest.raises(ValueError, match="why"):
        erase(lake, load(), key("user_id", "u-ann"), why=" ", **given)
    assert lake.read(DECISIONS)["why"].to_pylist() == [said]


def test_earlier_reasons_that_name_the_person_are_redacted(lake: Lake, say: Say, tmp_path: Path) -> None:
    for hour, why in enumerate(("ann@shop.example wrote", "nothing to do with it")):
        decide(
            lake,
            "unlink",
            [key("user_id", "u-ann"), key("user_id", "u-bo")],
            who="kim",
            why=why,
            now=NOW + timedelta(hours=hour),
            zone="UTC",
        )
    say("erase", "user_id:u-ann", *WHY)
    told = {row["why"] for row in lake.read(DECISIONS).to_pylist() if row["action"] == "unlink"}
    assert told == {"redacted: it named somebody who was erased", "nothing to do with it"}
    assert Traces(ANN).in_folder(tmp_path) == set()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        pytest.param(("cookie_id:kiosk", *WHY), "shared by several people", id="a shared identifier"),
        pytest.param(("email:zoe@shop.example", *WHY), "ever seen", id="nobody"),
        pytest.param(
            ("user_id:u-ann", "--why", "Ann@shop.example wrote"), "must not name", id="a reason that tells"
        ),
    ],
)
def test_what_cannot_be_erased_is_told(lake: Lake, say: Say, words: tuple[str, ...], told: str) -> None:
    (line,) = say("erase", *words, code=2)
    assert told in line
    assert lake.read(DECISIONS).num_rows == 0


def test_every_table_that_can_hold_a_person_is_gone_through() -> None:
    """A new table with personal columns, or keys of persons or identifiers, must not be forgotten."""
    keys = re.compile(r"(?:^|_)(?:person|identifier|device|recipient|household|left|right|from|to)_key$")
    holding = {
        name
        for name, table in known_tables().items()
        for column in table.columns
        if column.is_personal or keys.search(column.name)
    }
    # The ledger is redacted; Matomo has no records of persons.
    assert holding - {DECISIONS.name, "contacts/matomo"} <= {table.name for table in personal_tables()}
