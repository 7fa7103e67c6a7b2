"""Accounts' journeys: contracts, shapes, users who are activated, habitual or added later."""

from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest

from journey_platform.journeys.accounts import AccountJourneys, account_journeys, deals, habitual_on, use
from journey_platform.tables import ACCOUNT_MEMBERS_TABLE, ACCOUNTS_TABLE, JOURNEY_TOUCHPOINTS
from tests.kpis.made import Tables

MONDAY = date(2026, 3, 2)
ACME, BOLT = 10, 20
MEMBERS = {1: (ACME, "buyer"), 2: (ACME, "end_user"), 3: (ACME, "it"), 4: (BOLT, None), 5: (ACME, "it")}


def act(day: int, person: int | None, kind: str = "page_view", channel: str = "web", **said: object) -> dict:
    at = datetime.combine(MONDAY + timedelta(days=day), datetime.min.time(), UTC) + timedelta(hours=9)
    row = {"vendor": "files", "type": kind, "channel": channel, "person_key": person, "occurred_at": at}
    return {**row, "day": at.date(), "is_bot": False, "is_machine": False, **said}


def signed(day: int, person: int, contract: str = "C1", seats: int = 5) -> dict:
    return act(day, person, "contract_signed", "commerce", subject_id=contract, value=float(seats))


def told(*acts: dict) -> AccountJourneys:
    rows = [{"touchpoint_id": str(n), **row} for n, row in enumerate(acts)]
    members = [
        {"person_key": person, "account_key": account, "role": role, "is_main": True}
        for person, (account, role) in MEMBERS.items()
    ]
    members.append({"person_key": 5, "account_key": BOLT, "role": "buyer", "is_main": False})
    names = [{"account_key": ACME, "name": "Acme"}, {"account_key": BOLT, "name": "Bolt"}]
    source = Tables({})
    touched = source.memtable(_table(rows, JOURNEY_TOUCHPOINTS))
    of = source.memtable(_table(members, ACCOUNT_MEMBERS_TABLE))
    return account_journeys(
        source.arrow(use(touched, of)), source.arrow(deals(touched, of)), _table(names, ACCOUNTS_TABLE)
    )


def _table(rows: list[dict], table: object) -> pa.Table:
    schema = table.schema  # type: ignore[attr-defined]
    return pa.table([pa.array([row.get(f.name) for row in rows], f.type) for f in schema], schema=schema)


def account(*acts: dict, key: int = ACME) -> dict:
    [found] = [row for row in told(*acts).accounts.to_pylist() if row["account_key"] == key]
    return found


@pytest.mark.parametrize(
    ("acts", "shape", "hours"),
    [
        pytest.param([act(0, 2), signed(1, 1)], "bottom-up", None, id="a user before the contract"),
        pytest.param([signed(1, 1), act(3, 2)], "top-down", 48.0, id="the contract before any user"),
        pytest.param([signed(1, 1), act(1, 2)], "top-down", 0.0, id="both at one moment"),
        pytest.param([signed(1, 1)], None, None, id="nobody has used it yet"),
        pytest.param([act(0, 2)], None, None, id="no contract is known"),
        pytest.param(
            [signed(1, 1), act(0, 2, "ticket_created", "ticket")], None, None, id="a ticket is no use"
        ),
        pytest.param([signed(1, 1), act(0, 2, is_bot=True)], None, None, id="a robot is no user"),
        pytest.param([signed(1, 1), act(0, 4)], None, None, id="another company's user"),
    ],
)
def test_the_shape_says_what_came_first(acts: list[dict], shape: str | None, hours: float | None) -> None:
    found = account(*acts)
    assert (found["shape"], found["to_first_use_h"]) == (shape, hours)


def test_a_user_is_added_over_thirty_days_after_going_live() -> None:
    users = told(signed(0, 1), act(5, 2), act(35, 3)).users.to_pylist()
    assert {row["person_key"]: row["is_added"] for row in users} == {2: False, 3: False}
    users = told(signed(0, 1), act(5, 2), act(36, 3)).users.to_pylist()
    assert {row["person_key"]: row["is_added"] for row in users} == {2: False, 3: True}
    # Where somebody says when it went live, that counts.
    users = told(signed(0, 1), act(4, 1, "go_live", "account"), act(35, 3)).users.to_pylist()
    assert {row["person_key"]: row["is_added"] for row in users}[3] is True


def test_who_is_of_two_accounts_uses_for_both_and_signs_for_the_main_one() -> None:
    found = told(act(0, 5), act(2, 4), signed(3, 5), act(1, 5, "user_invited", "account"))
    users = {(row["account_key"], row["person_key"]): row for row in found.users.to_pylist()}
    told_of = {who: (row["role"], row["is_main"], row["first_use_day"]) for who, row in users.items()}
    assert told_of == {
        (ACME, 5): ("it", True, MONDAY),
        (BOLT, 5): ("buyer", False, MONDAY),
        (BOLT, 4): (None, True, MONDAY + timedelta(days=2)),
    }
    assert users[ACME, 5]["invited_at"] is not None
    assert users[BOLT, 5]["invited_at"] is None
    assert [row["account_key"] for row in found.contracts.to_pylist()] == [ACME]
    assert {row["account_key"]: row["users"] for row in found.accounts.to_pylist()} == {ACME: 1, BOLT: 2}


def test_the_latest_contract_that_runs_says_the_seats() -> None:
    found = told(
        signed(0, 1, "C1", 5),
        signed(9, 1, "C2", 8),
        act(12, 1, "contract_ended", "commerce", subject_id="C2"),
    )
    seats = {
        row["contract_id"]: (row["seats"], row["is_first"], row["ended_day"])
        for row in found.contracts.to_pylist()
    }
    assert seats == {"C1": (5, True, None), "C2": (8, False, MONDAY + timedelta(days=12))}
    [acme] = found.accounts.to_pylist()
    assert (acme["contracts"], acme["seats"]) == (2, 5)


def test_a_contract_of_nobody_known_is_kept_without_an_account() -> None:
    found = told(signed(0, 99))
    assert [row["account_key"] for row in found.contracts.to_pylist()] == [None]
    assert found.accounts.num_rows == 0


def test_milestones_stand_in_order_whoever_told_them() -> None:
    found = account(
        act(0, 1, "first_meeting", "account"), signed(7, 1), act(9, 3, "kick_off", "account"), act(8, 2)
    )
    assert found["milestones"] == [
        "2026-03-02 first_meeting",
        "2026-03-09 contract_signed",
        "2026-03-10 first_use",
        "2026-03-11 kick_off",
    ]


@pytest.mark.parametrize(
    ("weeks", "since"),
    [
        pytest.param([0, 1, 2], 2, id="three in a row"),
        pytest.param([0, 1, 3], 3, id="three of four"),
        pytest.param([0, 1, 4], None, id="three of five"),
        pytest.param([0, 3, 4, 6], 6, id="later"),
        pytest.param([0, 0, 0], None, id="one week"),
    ],
)
def test_a_habit_is_use_in_three_of_four_weeks(weeks: list[int], since: int | None) -> None:
    days = [MONDAY + timedelta(days=7 * week + place) for place, week in enumerate(weeks)]
    assert habitual_on(days) == (None if since is None else MONDAY + timedelta(days=7 * since))


def test_the_order_of_the_records_does_not_matter() -> None:
    acts = [act(0, 2), act(3, 3), signed(1, 1), signed(1, 1, "C2"), act(2, 2, "user_invited", "account")]
    one, other = told(*acts), told(*reversed(acts))
    assert (one.contracts, one.accounts, one.users) == (other.contracts, other.accounts, other.users)
