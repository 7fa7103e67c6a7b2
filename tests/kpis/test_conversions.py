"""The way to an order, counted by hand: steps, credits, newcomers, friction; and again from their members."""

import random
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from journey_platform.journeys.conditions import condition
from journey_platform.journeys.credits import credit
from journey_platform.journeys.friction import friction_sessions
from journey_platform.journeys.history import history
from journey_platform.journeys.survival import kaplan_meier
from journey_platform.kpis.catalogue import KPIS
from journey_platform.kpis.grains.friction import struggle_visit
from journey_platform.kpis.grains.scope import Scope
from journey_platform.kpis.members import Cell, members, recompute
from journey_platform.tables import JOURNEY_TOUCHPOINTS, PROFILES_TABLE, SESSIONS, Table
from tests.journeys.brute import micros
from tests.journeys.made import touchpoints
from tests.kpis import made

MONDAY = date(2026, 3, 2)
NOON = datetime.combine(MONDAY, time(12), UTC)
TODAY = date(2026, 6, 1)


def act(kind: str, visit: str = "v", minute: float = 0, day: int = 0, **more: Any) -> dict[str, Any]:
    at = NOON + timedelta(days=day, minutes=minute)
    return {"occurred_at": at, "type": kind, "visit_id": visit, "person_key": 1, **more}


def visit(channel: str, day: float, minute: float = 0, **more: Any) -> dict[str, Any]:
    at = NOON + timedelta(days=day, minutes=minute)
    return {"day": at.date(), "started_at": at, "traffic_channel": channel, "person_key": 1, **more}


def tables(acts: Iterable[Mapping[str, Any]], visits: Iterable[Mapping[str, Any]] = ()) -> dict[Table, Any]:
    return {
        JOURNEY_TOUCHPOINTS: touchpoints(acts),
        SESSIONS: made.sessions(visits),
        PROFILES_TABLE: made.profiles([1, 2, 3, 4, 5]),
    }


def parts(
    rows: dict[Table, Any], *kpis: str, start: date = MONDAY, as_of: date = TODAY
) -> dict[str, dict[str, tuple[float | None, float | None, int]]]:
    """Of each KPI (numerator, denominator, n) by "dimension=value", of the shortest period of that day."""
    found: dict[str, dict[str, Any]] = {kpi: {} for kpi in kpis}
    for row in made.count(rows, kpis, [start], as_of=as_of).to_pylist():
        if row["period"] == KPIS[row["kpi"]].periods[0]:
            of = f"{row['dimension']}={row['dimension_value']}"
            found[row["kpi"]][of] = row["numerator"], row["denominator"], row["n"]
    return found


def part(rows: dict[Table, Any], kpi: str, **about: Any) -> dict[str, Any]:
    return parts(rows, kpi, **about)[kpi]


STEPS = ("step_cart_to_checkout", "step_checkout_to_order")
BUYS = [act("page_view"), act("add_to_cart", minute=1), act("checkout", minute=2), act("order", minute=3)]


@pytest.mark.parametrize(
    ("acts", "steps"),
    [
        pytest.param(BUYS, (1, 1, 1), id="all the way"),
        pytest.param([BUYS[0], *BUYS[3:]], (0, None, None), id="an order without a cart is no step"),
        pytest.param(
            [BUYS[1], act("page_view", minute=2, page="/checkout/shipping")], (1, 1, 0), id="a page of it"
        ),
        pytest.param([BUYS[1], BUYS[3]], (1, 1, 1), id="express: an order is at the checkout"),
        pytest.param([act("checkout"), BUYS[1]], (1, 0, None), id="the checkout before the cart is none"),
        pytest.param(
            [BUYS[1], act("order", minute=1), act("checkout", minute=1)], (1, 1, 1), id="at one instant"
        ),
        pytest.param(
            [BUYS[1], act("checkout", "w", 2), act("order", "w", 3)], (1, 0, None), id="another visit's"
        ),
        pytest.param([BUYS[0]], (0, None, None), id="none"),
        pytest.param([{**row, "is_bot": True} for row in BUYS], (None, None, None), id="a robot"),
    ],
)
def test_a_step_counts_after_the_step_before_it(
    acts: list[dict[str, Any]], steps: tuple[int | None, ...]
) -> None:
    told = []
    for of_kpi in parts(tables(acts), "step_visit_to_cart", *STEPS).values():
        above, below, _ = of_kpi.get("all=all", (None, None, 0))
        told.append(above if below else None)
    assert tuple(told) == steps


def test_a_visit_over_midnight_steps_on_the_day_it_begins() -> None:
    acts = [{**row, "occurred_at": row["occurred_at"] + timedelta(hours=11.96)} for row in BUYS]
    assert part(tables(acts), STEPS[1])["all=all"] == (1, 1, 1)
    assert part(tables(acts), STEPS[1], start=MONDAY + timedelta(days=1)) == {}


THREE = [visit("Email", -20), visit("Paid Search", -7), visit("Direct", 0)]
ORDER = act("order", minute=5)


@pytest.mark.parametrize(
    ("model", "earned"),
    [
        pytest.param("first", {"Email": 1}, id="first"),
        pytest.param("last", {"Direct": 1}, id="last"),
        pytest.param("last_non_direct", {"Paid Search": 1}, id="last that was not direct"),
        pytest.param("linear", dict.fromkeys(("Email", "Paid Search", "Direct"), 1 / 3), id="linear"),
        pytest.param("position", {"Email": 0.4, "Paid Search": 0.2, "Direct": 0.4}, id="position"),
        pytest.param(
            "time_decay",
            {"Email": 0.138011 / 1.638011, "Paid Search": 0.5 / 1.638011, "Direct": 1 / 1.638011},
            id="twenty days, seven and none at a half-life of seven",
        ),
    ],
)
def test_the_visits_before_an_order_earn_it(model: str, earned: dict[str, float]) -> None:
    rows = tables(
        [ORDER], [*THREE, visit("Display", -31), visit("Referral", 1), visit("Email", -1, person_key=2)]
    )
    found = part(rows, f"attributed_{model}")
    assert found.pop("all=all") == (pytest.approx(1), None, len(earned))
    assert {key: row[0] for key, row in found.items() if key.startswith("traffic") and row[0]} == {
        f"traffic_channel={channel}": pytest.approx(share, rel=1e-5) for channel, share in earned.items()
    }


@pytest.mark.parametrize(
    ("acts", "visits", "found"),
    [
        pytest.param([ORDER], THREE[:2], {"Email": 0.5, "Paid Search": 0.5}, id="of two, half each"),
        pytest.param([ORDER], [], {"Unassigned": 1}, id="without a visit, itself"),
        pytest.param([{**ORDER, "is_bot": True}], THREE, {}, id="a robot's order"),
        pytest.param(
            [{**ORDER, "person_key": None, "device_key": 9}],
            [*THREE, visit("Email", 0, person_key=None, device_key=9)],
            {"Email": 1},
            id="of nobody known, the device's",
        ),
    ],
)
def test_credits_by_position(
    acts: list[dict[str, Any]], visits: list[dict[str, Any]], found: dict[str, float]
) -> None:
    told = part(tables(acts, visits), "attributed_position")
    assert {key.partition("=")[2]: row[0] for key, row in told.items() if "channel" in key} == found


MODELS = ("first", "last", "last_non_direct", "linear", "position", "time_decay")


@pytest.mark.parametrize("seed", range(3))
def test_the_credits_are_those_of_the_declared_journeys(seed: int) -> None:
    print(f"seed {seed}")
    draw = random.Random(seed)
    names = ("Email", "Direct", "Paid Search", "Referral")
    visits = [
        visit(draw.choice(names), draw.uniform(-40, 5), person_key=draw.randrange(1, 5), session_id=f"s{n}")
        for n in range(40)
    ]
    orders = [
        act("order", minute=draw.uniform(0, 900), day=draw.randrange(3), person_key=n) for n in (1, 2, 3)
    ]
    paths: dict[str, list[Any]] = {"channels": [], "ages_s": []}
    for order in orders:
        near = sorted(
            (row["started_at"], row["traffic_channel"])
            for row in visits
            if row["person_key"] == order["person_key"]
            and timedelta(0) <= order["occurred_at"] - row["started_at"] <= timedelta(days=30)
        )
        paths["channels"].append([channel for _, channel in near])
        paths["ages_s"].append([(order["occurred_at"] - at).total_seconds() for at, _ in near])
    ones = [1.0] * len(orders)
    expected = credit(pa.table({**paths, "conversions": ones, "value": ones, "nulls": [0.0] * len(orders)}))
    found = parts(tables(orders, visits), *(f"attributed_{model}" for model in MODELS))
    for model in MODELS:
        of_model = {
            row["channel"].replace("(none)", "Unassigned"): row["conversions"]
            for row in expected.to_pylist()
            if row["model"] == model and row["conversions"]
        }
        told = found[f"attributed_{model}"]
        earned = {key.partition("=")[2]: row[0] for key, row in told.items() if "channel" in key and row[0]}
        assert earned == pytest.approx(of_model, abs=1e-9)
        assert told["all=all"][0] == pytest.approx(len(orders), abs=1e-9)


def came(person: int, day: float, kind: str = "page_view", **more: Any) -> dict[str, Any]:
    return {"occurred_at": NOON + timedelta(days=day), "type": kind, "person_key": person, **more}


QUARTILES = {"time_to_convert_p25": 0.25, "time_to_convert_median": 0.5, "time_to_convert_p75": 0.75}
NEWCOMERS = [
    came(1, 0),
    came(1, 2, "order"),
    came(2, 1),
    came(2, 1.5, "purchase", channel="commerce"),
    came(3, 2),
    came(3, 31, "order"),
    came(4, -25),
    came(4, 3, "order"),
    came(5, 4),
]
"""Of the week: one buys after two days, one after half a day, two not in time; the fourth came before."""


def test_a_newcomer_converts_within_four_weeks_of_the_first_touch() -> None:
    found = parts(tables(NEWCOMERS), "newcomers_converting_28d", "time_to_convert_of_buyers", *QUARTILES)
    assert {kpi: of["all=all"] for kpi, of in found.items()} == {
        "newcomers_converting_28d": (2, 4, 4),
        "time_to_convert_of_buyers": (30, None, 2),
        "time_to_convert_p25": (12, None, 4),
        "time_to_convert_median": (48, None, 4),
        "time_to_convert_p75": (None, None, 4),
    }


@pytest.mark.parametrize(
    ("as_of", "newcomers"),
    [
        pytest.param(date(2026, 3, 30), None, id="nobody's days are over"),
        pytest.param(date(2026, 3, 31), 1, id="those of the first"),
        pytest.param(TODAY, 4, id="all"),
    ],
)
def test_newcomers_whose_days_are_not_over_are_in_neither_part(as_of: date, newcomers: int | None) -> None:
    found = part(tables(NEWCOMERS), "newcomers_converting_28d", as_of=as_of)
    assert found.get("all=all", (None, None, 0))[1] == newcomers


def test_somebody_who_comes_back_after_thirty_days_is_a_newcomer_again() -> None:
    rows = tables([came(1, -30.1), came(1, 0), came(2, -29.9), came(2, 0)])
    assert part(rows, "newcomers_converting_28d")["all=all"] == (0, 1, 1)


@pytest.mark.parametrize("seed", range(4))
def test_the_quantiles_are_kaplan_and_meiers(seed: int) -> None:
    print(f"seed {seed}")
    draw = random.Random(seed)
    people = range(1, draw.randrange(2, 40))
    hours = {person: draw.choice([draw.randrange(1, 600), None]) for person in people}
    acts = [came(person, 0) for person in people]
    acts += [came(person, spent / 24, "order") for person, spent in hours.items() if spent]
    rows = tables(acts) | {PROFILES_TABLE: made.profiles(people)}
    curve = kaplan_meier(
        np.array([spent or 28 * 24.0 for spent in hours.values()]),
        np.array([bool(s) for s in hours.values()]),
    )
    found = {kpi: of["all=all"] for kpi, of in parts(rows, *QUARTILES).items()}
    assert found == {kpi: (curve.quantile(share), None, len(people)) for kpi, share in QUARTILES.items()}


def test_points_of_a_visit_are_those_of_what_went_wrong_in_it() -> None:
    acts = [
        act("page_view", page="/a"),
        act("error", minute=1, page="/a"),
        act("error", minute=2, page="/a"),
        act("page_view", "w", page="/a"),
    ]
    found = parts(tables(acts), "friction_score", "friction_rate")
    assert [of["all=all"] for of in found.values()] == [(12, 2, 2), (1, 2, 2)]


@pytest.mark.parametrize("seed", range(4))
def test_the_points_are_those_of_the_declared_journeys(seed: int) -> None:
    print(f"seed {seed}")
    draw = random.Random(seed)
    kinds = ("page_view", "page_view", "click", "click", "click", "error", "dead_click", "search")
    acts = []
    for person in range(20):
        second = 0.0
        for _ in range(draw.randrange(1, 20)):
            acts.append(
                act(
                    draw.choice(kinds),
                    f"v{person}",
                    second / 60,
                    person_key=person,
                    device_key=person,
                    page=draw.choice(["/a", "/b", None]),
                    reason=draw.choice(["#buy", None]),
                )
            )
            second += draw.choice([0, 0.25, 0.5, 3, 9, 12])
    rows = touchpoints(acts)
    kept = friction_sessions(
        history(rows).by_session(), condition("type = 'order'"), until=micros(NOON + timedelta(days=2))
    )
    expected = kept.filter(pc.equal(kept["page"], "all"))["score"].to_pylist()
    source = made.Tables({JOURNEY_TOUCHPOINTS: rows})
    found = source.arrow(struggle_visit(Scope(source, [MONDAY], "day", TODAY)))
    assert sorted(found["points"].to_pylist()) == sorted(expected)
    assert sum(expected) > 0


@pytest.mark.parametrize(
    "name",
    [
        "step_cart_to_checkout",
        "attributed_position",
        "newcomers_converting_28d",
        "time_to_convert_median",
        "time_to_convert_p75",
        "friction_score",
    ],
)
def test_the_value_can_be_computed_again_from_its_members(name: str) -> None:
    kpi = KPIS[name]
    journeys = [*BUYS, *NEWCOMERS, act("error", minute=2), act("error", minute=2.5)]
    rows = tables(journeys, THREE)
    found = members(Cell(kpi, kpi.periods[0], MONDAY, "all", "all"), made.Tables(rows), as_of=TODAY)
    again = recompute(kpi, found.units)
    above, below, _ = part(rows, name)["all=all"]
    assert (again.numerator or None, again.denominator) == (above and pytest.approx(above), below)
    assert set(found.records["unit"].to_pylist()) == set(found.units["unit"].to_pylist())
