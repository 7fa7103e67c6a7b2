"""Business customers counted by hand, from what happened to the value: contracts, seats, invitations."""

from datetime import date, timedelta
from typing import Any

import pytest

from journey_platform.kpis.catalogue import KPIS
from journey_platform.kpis.members import Cell, members, recompute
from journey_platform.tables import (
    ACCOUNT_JOURNEYS,
    ACCOUNT_USERS,
    CONTRACTS,
    JOURNEY_TOUCHPOINTS,
    PROFILES_TABLE,
    Table,
)
from tests.journeys.test_accounts import MONDAY, act, signed, told
from tests.journeys.test_accounts import _table as table_of
from tests.kpis import made

TODAY = date(2026, 6, 1)


def tables(*acts: dict[str, Any]) -> dict[Table, Any]:
    found = told(*acts)
    rows = [{"touchpoint_id": str(n), **row} for n, row in enumerate(acts)]
    return {
        CONTRACTS: found.contracts,
        ACCOUNT_JOURNEYS: found.accounts,
        ACCOUNT_USERS: found.users,
        JOURNEY_TOUCHPOINTS: table_of(rows, JOURNEY_TOUCHPOINTS),
        PROFILES_TABLE: made.profiles([1, 2, 3, 4]),
    }


def parts(
    rows: dict[Table, Any], *kpis: str, start: date = MONDAY, period: str = "week", as_of: date = TODAY
) -> dict[str, Any]:
    """(numerator, denominator) by "kpi dimension=value"; the dimension that divides nothing is left away."""
    found = made.count(rows, kpis, [start], as_of=as_of).to_pylist()
    return {
        f"{row['kpi']} {row['dimension']}={row['dimension_value']}".removesuffix(" all=all"): (
            row["numerator"],
            row["denominator"],
        )
        for row in found
        if row["period"] == period and row["dimension"] != "company"
    }


MARCH = date(2026, 3, 1)


def ends(day: int, contract: str = "C1") -> dict[str, Any]:
    return act(day, 1, "contract_ended", "commerce", subject_id=contract)


RETAINED = ("contract_churn", "seat_retention_net", "seat_retention_gross")
BEFORE = signed(-9, 1, "C1", 10)


@pytest.mark.parametrize(
    ("acts", "lost", "net", "gross"),
    [
        pytest.param([BEFORE], 0, 10, 10, id="stays"),
        pytest.param([BEFORE, ends(3)], 1, 0, 0, id="ends"),
        pytest.param([BEFORE, ends(3), signed(4, 1, "C2", 12)], 0, 12, 10, id="signs again for more"),
        pytest.param([BEFORE, signed(4, 1, "C2", 4)], 0, 4, 4, id="shrinks"),
        pytest.param([BEFORE, ends(30)], 0, 10, 10, id="ends on the day after the month"),
    ],
)
def test_accounts_at_the_start_stay_grow_shrink_or_leave(
    acts: list[dict[str, Any]], lost: int, net: int, gross: int
) -> None:
    new = signed(1, 4, "C9", 7)
    assert parts(tables(*acts, new), *RETAINED, start=MARCH, period="month") == {
        "contract_churn": (lost, 1),
        "seat_retention_net": (net, 10),
        "seat_retention_gross": (gross, 10),
    }


def pays(day: int, amount: float, contract: str, person: int = 1, currency: str = "EUR") -> dict[str, Any]:
    return act(day, person, "purchase", "commerce", subject_id=contract, value=amount, unit=currency)


PAID = [BEFORE, pays(-9, 100.1, "C1")]


@pytest.mark.parametrize(
    ("acts", "net", "gross"),
    [
        pytest.param(PAID, (100.1, 100.1), (100.1, 100.1), id="stays"),
        pytest.param([*PAID, ends(3)], (0, 100.1), (0, 100.1), id="ends"),
        pytest.param(
            [*PAID, signed(4, 1, "C2", 5), pays(4, 120.2, "C2")],
            (120.2, 100.1),
            (100.1, 100.1),
            id="pays more",
        ),
        pytest.param(
            [*PAID, signed(4, 1, "C2", 20), pays(4, 60.0, "C2")],
            (60, 100.1),
            (60, 100.1),
            id="more seats for less",
        ),
        pytest.param([*PAID, signed(4, 1, "C2", 5)], None, None, id="what it pays then is not known"),
        pytest.param(
            [*PAID, signed(4, 1, "C2", 5), pays(4, 9.0, "C2", currency="USD")],
            None,
            None,
            id="in other money",
        ),
        pytest.param([BEFORE], None, None, id="nobody tells a price"),
        pytest.param([*PAID, pays(-8, 1.0, "C1")], None, None, id="two purchases of one number"),
        pytest.param([BEFORE, pays(-9, 5.0, "C8")], None, None, id="of another number"),
        pytest.param([signed(1, 1), pays(1, 7.0, "C1")], None, None, id="new in the month"),
    ],
)
def test_accounts_at_the_start_pay_more_or_less_in_one_currency(
    acts: list[dict[str, Any]], net: tuple[float, float] | None, gross: tuple[float, float] | None
) -> None:
    new = [signed(1, 4, "C9", 7), pays(1, 50.0, "C9", 4)]
    names = ("revenue_retention_net", "revenue_retention_gross")
    found = made.count(tables(*acts, *new), names, [MARCH], as_of=TODAY).to_pylist()
    told = {row["kpi"]: (row["numerator"], row["denominator"]) for row in found}
    assert told == {name: of for name, of in zip(names, (net, gross), strict=True) if of is not None}
    assert {(row["dimension_value"], row["n"]) for row in found} <= {("EUR", 1)}


def test_each_currency_stands_for_itself() -> None:
    other = [signed(-9, 4, "C2"), pays(-9, 30.0, "C2", 4, "USD")]
    rows = tables(*PAID, *other, ends(3))
    found = made.count(rows, ["revenue_retention_net"], [MARCH], as_of=TODAY).to_pylist()
    assert {row["dimension_value"]: (row["numerator"], row["denominator"], row["n"]) for row in found} == {
        "EUR": (0, 100.1, 1),
        "USD": (30, 30, 1),
    }
    cell = Cell(KPIS["revenue_retention_net"], "month", MARCH, "currency", "USD")
    behind = members(cell, made.Tables(rows), as_of=TODAY)
    assert recompute(cell.kpi, behind.units).value == 1.0
    assert behind.records["unit"].to_pylist() == behind.units["unit"].to_pylist()


def test_without_accounts_at_the_start_nothing_is_said() -> None:
    assert parts(tables(signed(1, 1), ends(3)), *RETAINED, start=MARCH, period="month") == {}


ROLLOUT = ("half_of_seats_28d", "time_to_half_of_seats")


@pytest.mark.parametrize(
    ("seats", "uses", "half", "hours"),
    [
        pytest.param(4, {2: 1, 3: 5}, 1, 5 * 24, id="the second of four"),
        pytest.param(3, {2: 1, 3: 5}, 1, 5 * 24, id="half of three is two"),
        pytest.param(2, {2: -3}, 1, 0, id="before the contract"),
        pytest.param(4, {2: 1, 3: 28}, 1, 28 * 24, id="at the last moment"),
        pytest.param(4, {2: 1, 3: 29}, 0, None, id="too late"),
        pytest.param(4, {2: 1, 4: 2}, 0, None, id="another company's"),
    ],
)
def test_half_of_the_seats_are_filled_by_so_many_members(
    seats: int, uses: dict[int, int], half: int, hours: float | None
) -> None:
    rows = tables(signed(0, 1, seats=seats), *(act(day, person) for person, day in uses.items()))
    assert parts(rows, *ROLLOUT) == {"half_of_seats_28d": (half, 1), "time_to_half_of_seats": (hours, None)}
    assert parts(rows, *ROLLOUT, as_of=MONDAY + timedelta(days=28)) == {}


def invites(day: int, person: int) -> dict[str, Any]:
    return act(day, person, "user_invited", "account")


INVITED = ("invited_active_28d", "time_to_activate")


@pytest.mark.parametrize(
    ("acts", "found"),
    [
        pytest.param([act(3, 2)], {"roll-out": (1, 1, 48)}, id="comes after two days"),
        pytest.param([], {"roll-out": (0, 1, None)}, id="never comes"),
        pytest.param([act(30, 2)], {"roll-out": (0, 1, None)}, id="comes too late"),
        pytest.param([act(0, 2)], {}, id="was there before"),
        pytest.param([act(-30, 1, "go_live", "account"), act(1, 2)], {"steady": (1, 1, 0)}, id="long after"),
        pytest.param(
            [act(3, 2), act(5, 4), invites(2, 4)],
            {"roll-out": (2, 2, 48)},
            id="of two, the time until half have come",
        ),
        pytest.param([act(3, 2), invites(4, 2)], {"roll-out": (1, 1, 48)}, id="the first invitation counts"),
    ],
)
def test_who_is_invited_comes_or_does_not(acts: list[dict[str, Any]], found: dict[str, Any]) -> None:
    told_of = parts(tables(signed(-2, 1), invites(1, 2), *acts), *INVITED)
    assert {
        phase: (
            *told_of[f"invited_active_28d phase={phase}"],
            told_of[f"time_to_activate phase={phase}"][0],
        )
        for phase in ("roll-out", "steady")
        if f"invited_active_28d phase={phase}" in told_of
    } == found


def does(day: int, person: int, feature: str, **more: Any) -> dict[str, Any]:
    return act(day, person, "feature_used", "product", subject_id=feature, **more)


def test_a_feature_is_adopted_by_so_many_of_those_who_were_there() -> None:
    rows = tables(
        act(0, 1),
        act(-20, 2),
        act(-22, 3),
        does(1, 1, "export"),
        does(2, 1, "export"),
        does(-20, 2, "export"),
        act(3, 4, "event", subject_id="alerts"),
        does(4, 2, "export", is_bot=True),
        does(-21, 3, "old"),
        does(-22, 3, "alerts"),
        does(7, 2, "alerts"),
        does(5, 99, "alerts"),
    )
    week = {"start": MONDAY, "as_of": MONDAY + timedelta(days=40)}
    assert parts(rows, "feature_adoption", **week) == {
        "feature_adoption feature=export": (2, 4),
        "feature_adoption feature=alerts": (1, 4),
        "feature_adoption feature=old": (1, 4),
    }
    cell = Cell(KPIS["feature_adoption"], "week", MONDAY, "feature", "export")
    found = members(cell, made.Tables(rows), as_of=TODAY)
    assert recompute(cell.kpi, found.units).value == 0.5
    adding = {row["unit"] for row in found.units.to_pylist() if row["above"]}
    assert set(found.records["unit"].to_pylist()) == adding


def test_what_a_week_so_far_tells_of_features_is_of_the_days_that_are_over() -> None:
    rows = tables(does(-26, 1, "export"), does(0, 2, "alerts"), act(3, 3))
    assert parts(rows, "feature_adoption", as_of=MONDAY + timedelta(days=2)) == {
        "feature_adoption feature=export": (1, 2),
        "feature_adoption feature=alerts": (1, 2),
    }


@pytest.mark.parametrize(
    ("acts", "found"),
    [
        pytest.param(
            [signed(-9, 1), signed(-9, 4, "C2"), does(0, 2, "export"), does(1, 3, "export")],
            {"export": (1, 2)},
            id="two users are one account",
        ),
        pytest.param([signed(-9, 1), does(3, 5, "export")], {"export": (1, 1)}, id="on its other account"),
        pytest.param(
            [signed(-9, 1), signed(-9, 4, "C2"), does(3, 5, "export")],
            {"export": (2, 2)},
            id="who is of two accounts uses it for both",
        ),
        pytest.param([signed(-9, 1), does(-21, 2, "old")], {"old": (1, 1)}, id="four weeks ago"),
        pytest.param([signed(-9, 1), does(-22, 2, "old")], {}, id="before them"),
        pytest.param([signed(-9, 1), does(7, 2, "later")], {}, id="after the week"),
        pytest.param(
            [signed(-9, 4, "C2"), does(0, 2, "export")], {"export": (0, 1)}, id="without a contract"
        ),
        pytest.param([signed(-9, 1), ends(6), does(0, 2, "export")], {}, id="its contract ended"),
        pytest.param([signed(-9, 1), ends(7), does(0, 2, "export")], {"export": (1, 1)}, id="ended after"),
        pytest.param([signed(-9, 1), does(0, 2, "export", is_bot=True)], {}, id="robots use nothing"),
    ],
)
def test_a_feature_is_adopted_by_so_many_accounts_under_contract(
    acts: list[dict[str, Any]], found: dict[str, Any]
) -> None:
    told_of = parts(tables(*acts), "feature_adoption_accounts")
    assert {key.partition("feature=")[2]: of for key, of in told_of.items()} == found


def test_an_account_that_uses_a_feature_leads_to_the_uses_of_all_its_members() -> None:
    rows = tables(
        signed(-9, 1),
        signed(-9, 4, "C2"),
        does(0, 2, "export"),
        does(1, 3, "export"),
        does(-20, 3, "export"),
        does(2, 4, "alerts"),
        does(2, 1, "export", is_bot=True),
    )
    cell = Cell(KPIS["feature_adoption_accounts"], "week", MONDAY, "feature", "export")
    found = members(cell, made.Tables(rows), as_of=TODAY)
    assert recompute(cell.kpi, found.units).value == 0.5
    [using] = [row["unit"] for row in found.units.to_pylist() if row["above"]]
    behind = {(row["unit"], row["touchpoint_id"]) for row in found.records.to_pylist()}
    assert behind == {(using, "2"), (using, "3"), (using, "4")}
    assert {"touchpoint_id": "6", "reason": "robot"} in found.excluded.to_pylist()


def renewed(day: int) -> dict[str, Any]:
    return act(day, 1, "contract_renewed", "account", subject_id="C1")


LONG_AGO = signed(-365, 1, "C1", 4)


@pytest.mark.parametrize(
    ("acts", "found"),
    [
        pytest.param(
            [LONG_AGO, act(-91, 2), act(-118, 3), renewed(0)], {"renewed": (2, 4)}, id="of four weeks"
        ),
        pytest.param(
            [LONG_AGO, act(-90, 2), act(-119, 3), ends(0)], {"ended": (0, 4)}, id="not outside them"
        ),
        pytest.param([signed(-90, 1), act(-91, 2), renewed(0)], {}, id="no contract ran then"),
        pytest.param(
            [LONG_AGO, signed(-91, 1, "C2", 1), act(-95, 2), act(-96, 3), renewed(0)],
            {"renewed": (1, 1)},
            id="of the contract that was the latest then, at most its seats",
        ),
        pytest.param(
            [LONG_AGO, act(-100, 2), renewed(0), ends(20)], {"renewed": (1, 4), "ended": (0, 4)}, id="both"
        ),
        pytest.param([LONG_AGO, act(-91, 2), renewed(-2), renewed(30)], {}, id="in other months"),
    ],
)
def test_seats_in_use_are_told_of_ninety_days_before_a_renewal(
    acts: list[dict[str, Any]], found: dict[str, Any]
) -> None:
    told_of = parts(tables(*acts), "seats_active_before_renewal", start=MARCH, period="month")
    told_of.pop("seats_active_before_renewal", None)
    assert {key.partition("outcome=")[2]: of for key, of in told_of.items()} == found


@pytest.mark.parametrize(
    "name", ["contract_churn", "seat_retention_net", "time_to_half_of_seats", "invited_active_28d"]
)
def test_the_value_can_be_computed_again_from_its_members(name: str) -> None:
    rows = tables(BEFORE, ends(3), signed(0, 4, "C9", 1), act(2, 4), invites(1, 2), act(4, 2), invites(2, 3))
    kpi = KPIS[name]
    period, start = ("month", MARCH) if kpi.periods == ("month",) else ("week", MONDAY)
    cell = Cell(kpi, period, start, "all", "all")
    found = members(cell, made.Tables(rows), as_of=TODAY)
    again = recompute(kpi, found.units)
    assert (again.numerator, again.denominator) == parts(rows, name, start=start, period=period)[name]
    assert again.numerator or name == "seat_retention_net"
    assert set(found.records["unit"].to_pylist()) == set(found.units["unit"].to_pylist())
