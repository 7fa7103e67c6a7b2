"""Asking, deciding and previewing over a real lake, by the command line and by runs of the real assets."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from journey_platform.defs.platform import Platform
from journey_platform.defs.stewardship import identity_decision, identity_preview
from journey_platform.identity.keys import profile_id
from journey_platform.lake import Lake
from journey_platform.tables import (
    DECISIONS,
    IDENTIFIERS_TABLE,
    IDENTITY_EVENTS,
    JOURNEY_TOUCHPOINTS,
    LINKS_TABLE,
    PROFILE_REDIRECTS,
    PROFILES_TABLE,
)
from tests.identity.shop import DAY, Say, fill, key, run

ANN, BO, STRAY = "email:ann@shop.example", "user_id:u-bo", "cookie_id:c-stray"
WHY = ("--why", "asked on the phone", "--who", "kim")


def person(lake: Lake, kind: str, value: str) -> int | None:
    (row,) = (
        row for row in lake.read(IDENTIFIERS_TABLE).to_pylist() if row["identifier_key"] == key(kind, value)
    )
    found: int | None = row["person_key"]
    return found


def versions(lake: Lake) -> dict[date, int]:
    return {day: state.version for day, state in lake.day_states(JOURNEY_TOUCHPOINTS).items()}


def changed(lake: Lake, before: dict[date, int]) -> list[int]:
    """Which days of the touchpoints were rewritten, counted from the first."""
    return [(day - DAY).days for day, version in versions(lake).items() if before.get(day) != version]


def test_an_explanation_is_the_path_of_evidence(lake: Lake, say: Say) -> None:
    lines = say("explain", ANN, "cookie_id:c-ann")
    assert "one person" in lines
    steps = [line for line in lines if line.startswith("  ")]
    assert [step.split(": ")[0].strip() for step in steps] == [
        "email ann@shop.example - user_id u-ann",
        "user_id u-ann - cookie_id c-ann",
    ]
    assert "co_observed" in steps[0]
    assert "zendesk/users/0@0" in steps[0]


def test_two_who_are_apart_are_told_what_stands_between(lake: Lake, say: Say) -> None:
    lines = say("explain", ANN, BO)
    assert "not one person" in lines
    refused = [line for line in lines if "REFUSED" in line]
    assert len(refused) == 2
    assert all("kiosk" in line and "an end is shared" in line for line in refused)
    assert "  no chain of records or rules leads from one to the other" in say("explain", ANN, STRAY)


def test_one_identifier_is_told_with_its_links(lake: Lake, say: Say) -> None:
    first, *links = say("explain", "cookie_id:kiosk")
    assert "shared (seen with 2 of user_id, at most 1), belongs to nobody" in first
    assert len(links) == 2


def test_a_record_stands_for_all_its_identifiers(lake: Lake, say: Say) -> None:
    assert "one person" in say("explain", "record:zendesk/users/0", "cookie_id:c-ann")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        pytest.param(("explain", "email:zoe@shop.example"), "email: never seen", id="unseen"),
        pytest.param(("explain", "ann"), "an id is", id="no id"),
        pytest.param(("explain", ANN, BO, STRAY), "one id or two", id="three"),
        pytest.param(("block", "record:zendesk/users/0", "--why", "x"), "name one of them", id="a record"),
        pytest.param(("link", ANN, ANN, "--why", "x"), "identifiers that differ", id="itself"),
        pytest.param(("block", ANN, "--why", " "), "and why", id="no reason"),
        pytest.param(("preview", "--limit", "email.max=3"), "a limit is", id="no limit"),
    ],
)
def test_what_is_asked_wrongly_is_told_without_the_value(
    lake: Lake, say: Say, words: tuple[str, ...], told: str
) -> None:
    (line,) = say(*words, code=2)
    assert told in line
    assert "zoe" not in line


def test_unlinking_changes_exactly_the_profiles_and_days_concerned(
    lake: Lake, say: Say, tmp_path: Path
) -> None:
    before, people = versions(lake), set(lake.read(PROFILES_TABLE)["person_key"].to_pylist())
    preview = say("preview", "--unlink", ANN, "cookie_id:c-ann")
    say("unlink", ANN, "cookie_id:c-ann", *WHY)
    run(tmp_path)
    assert person(lake, "email", "ann@shop.example") != person(lake, "cookie_id", "c-ann")
    # The cookie came first and keeps the profile's id; Ann's other touchpoints, on three days, get another.
    assert changed(lake, before) == [0, 1, 2]
    assert "days to restate: 2026-03-02, 2026-03-03, 2026-03-04" in preview
    assert len(set(lake.read(PROFILES_TABLE)["person_key"].to_pylist()) - people) == 1
    assert "REFUSED: a decision keeps the two sides apart" in "".join(say("explain", ANN, "cookie_id:c-ann"))


def test_a_decision_holds_after_a_rebuild_and_can_be_undone(lake: Lake, say: Say, tmp_path: Path) -> None:
    was = lake.read(IDENTIFIERS_TABLE)
    say("block", "cookie_id:c-bo", *WHY)
    run(tmp_path)
    assert person(lake, "cookie_id", "c-bo") is None
    fill(tmp_path)
    lake.replace_all(IDENTIFIERS_TABLE, IDENTIFIERS_TABLE.empty(), run_id="rebuild")
    before = versions(lake)
    run(tmp_path)
    assert person(lake, "cookie_id", "c-bo") is None
    assert changed(lake, before) == []
    say("unblock", "cookie_id:c-bo", *WHY)
    run(tmp_path)
    assert lake.read(IDENTIFIERS_TABLE).equals(was)
    assert lake.read(DECISIONS)["action"].to_pylist() == ["block", "unblock"]
    # On day 1 the device was logged in: those touchpoints were never in doubt.
    assert changed(lake, before) == [3]


def test_a_link_joins_redirects_and_is_told(lake: Lake, say: Say, tmp_path: Path) -> None:
    old = person(lake, "cookie_id", "c-stray")
    before = versions(lake)
    preview = say("preview", "--link", ANN, STRAY)
    assert lake.read(DECISIONS).num_rows == 0
    assert preview[0] == "profiles: 4 -> 3"
    say("link", ANN, STRAY, *WHY)
    run(tmp_path)
    to = person(lake, "email", "ann@shop.example")
    assert person(lake, "cookie_id", "c-stray") == to
    assert changed(lake, before) == [2]
    (redirect,) = lake.read(PROFILE_REDIRECTS).to_pylist()
    assert (redirect["person_key"], redirect["to_profile_id"]) == (old, profile_id(to or 0))
    (event,) = lake.read(IDENTITY_EVENTS).to_pylist()
    (decided,) = lake.read(DECISIONS).to_pylist()
    assert (event["event"], event["from_key"], event["to_key"]) == ("merge", old, to)
    assert event["cause"] == f"decision: {decided['decision_id']}"
    run(tmp_path)
    assert lake.read(IDENTITY_EVENTS).num_rows == 1


def test_an_explanation_as_of_a_past_time_knows_nothing_of_later_decisions(
    lake: Lake, say: Say, tmp_path: Path
) -> None:
    moment = datetime.now(UTC) + timedelta(milliseconds=5)
    while datetime.now(UTC) <= moment:
        pass
    say("link", ANN, STRAY, *WHY)
    run(tmp_path)
    assert "one person" in say("explain", ANN, STRAY)
    assert "not one person" in say("explain", ANN, STRAY, "--at", moment.isoformat())


def test_a_preview_tells_the_kpis_of_people_that_would_change(lake: Lake, say: Say) -> None:
    lines = say("preview", "--link", ANN, "email:cy@shop.example")
    assert "  support_rate 2026-03-02 all=all: 2/3 -> 1/2" in lines
    assert not any(line.startswith("  support_rate") for line in say("preview", "--link", ANN, STRAY))


def test_a_preview_of_another_limit(lake: Lake, say: Say) -> None:
    lines = say("preview", "--limit", "cookie_id.max_user_ids=2")
    assert lines[0] == "profiles: 4 -> 4"
    assert "days to restate: 2026-03-04, 2026-03-05" not in lines
    assert say("preview", "--limit", "cookie_id.max_per_profile=5")[1] == "days to restate: none"


def test_a_job_decides_and_previews_by_key(lake: Lake) -> None:
    ids = [f"key:{key('email', 'ann@shop.example')}", f"key:{key('cookie_id', 'c-stray')}"]
    resources = {"platform": Platform()}
    previewed = identity_preview.execute_in_process(
        run_config={"ops": {"preview_change": {"config": {"rulings": [{"action": "link", "ids": ids}]}}}},
        resources=resources,
    )
    assert previewed.success
    config = {"action": "link", "ids": ids, "who": "kim", "why": "asked"}
    decided = identity_decision.execute_in_process(
        run_config={"ops": {"add_decision": {"config": config}}}, resources=resources
    )
    assert decided.success
    assert lake.read(DECISIONS)["left_key"].to_pylist() == [min(int(text[4:]) for text in ids)]


def test_a_job_refuses_an_address_in_its_configuration(lake: Lake) -> None:
    config = {"action": "block", "ids": [ANN], "who": "kim", "why": "asked"}
    with pytest.raises(ValueError, match="configuration is kept"):
        identity_decision.execute_in_process(
            run_config={"ops": {"add_decision": {"config": config}}}, resources={"platform": Platform()}
        )


def test_a_run_without_news_writes_nothing(lake: Lake, tmp_path: Path) -> None:
    tables = (IDENTIFIERS_TABLE, LINKS_TABLE, PROFILES_TABLE, PROFILE_REDIRECTS, JOURNEY_TOUCHPOINTS)
    before = [lake.version(table) for table in tables]
    result = run(tmp_path)
    assert [lake.version(table) for table in tables] == before
    assert isinstance(result, dg.ExecuteInProcessResult)
