"""Credits against published figures, enumeration, and histories told row by row."""

import csv
import gzip
import itertools
import math
import random
from collections import defaultdict
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from journey_platform.journeys.attribution import TOUCH_PATHS, touch_paths
from journey_platform.journeys.conditions import condition
from journey_platform.journeys.credits import credit, removal_effects
from journey_platform.journeys.history import history
from tests.journeys.brute import START, by_person, micros, random_history

PUBLISHED = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "channelattribution_paths"
END = START + timedelta(days=12)


def _paths(*rows):
    """Rows as (channels, conversions, value, nulls) with touches a day apart, the last a day old."""
    return pa.Table.from_pylist(
        [
            {
                "channels": list(channels),
                "ages_s": [86_400.0 * (len(channels) - n) for n in range(len(channels))],
                "conversions": float(conversions),
                "value": float(value),
                "nulls": float(nulls),
            }
            for channels, conversions, value, nulls in rows
        ],
        schema=TOUCH_PATHS,
    )


def _earned(paths, model, part="conversions", **asked):
    return {
        row["channel"]: row[part]
        for row in credit(paths, **asked).to_pylist()
        if row["model"] == model and row[part]
    }


@pytest.mark.parametrize(
    ("model", "channels", "shares"),
    [
        pytest.param("first", "abc", {"a": 1}, id="first"),
        pytest.param("last", "abc", {"c": 1}, id="last"),
        pytest.param("last_non_direct", ["a", "b", "Direct"], {"b": 1}, id="last-non-direct"),
        pytest.param("last_non_direct", ["Direct", "Direct"], {"Direct": 1}, id="nothing-but-direct"),
        pytest.param("linear", "aab", {"a": 2 / 3, "b": 1 / 3}, id="linear"),
        pytest.param("position", "abcd", {"a": 0.4, "b": 0.1, "c": 0.1, "d": 0.4}, id="position-40-20-40"),
        pytest.param("position", "ab", {"a": 0.5, "b": 0.5}, id="position-of-two"),
        pytest.param("position", "a", {"a": 1}, id="position-of-one"),
        pytest.param("custom", "abc", {"a": 0.2, "b": 0.2, "c": 0.6}, id="custom-20-20-60"),
        pytest.param("custom", "ab", {"a": 0.25, "b": 0.75}, id="custom-of-two-is-25-75"),
        pytest.param("shapley", "aab", {"a": 0.5, "b": 0.5}, id="shapley"),
    ],
)
def test_a_conversion_is_shared_out_by_the_rule(model, channels, shares):
    found = _earned(_paths((channels, 1, 10, 0)), model, weights=(0.2, 0.2, 0.6))
    assert found == pytest.approx(shares)


def test_time_decay_halves_with_each_half_life():
    paths = _paths((["a"] + ["b"] * 7, 1, 10, 0))
    found = _earned(paths, "time_decay")
    # Touches are 8, 7, ... 1 days old.
    assert found["a"] == pytest.approx(2 ** (-8 / 7) / sum(2 ** (-n / 7) for n in range(1, 9)))


@pytest.mark.parametrize("seed", range(8))
def test_credits_sum_to_conversions_and_to_their_value_in_every_model(seed):
    paths = _random_paths(seed)
    shared = credit(paths, weights=(0.5, 0.1, 0.4), order=2)
    sums = defaultdict(lambda: [0.0, 0.0])
    for row in shared.to_pylist():
        sums[row["model"]][0] += row["conversions"]
        sums[row["model"]][1] += row["value"]
    expected = [sum(paths["conversions"].to_pylist()), sum(paths["value"].to_pylist())]
    assert len(sums) == 9
    for model, found in sums.items():
        assert found == pytest.approx(expected), model


def _random_paths(seed):
    print(f"seed {seed}")
    draw = random.Random(seed)
    return _paths(
        *(
            (
                draw.choices("abcd", k=draw.randrange(0, 5)),
                draw.randrange(1, 4),
                draw.random() * 50,
                draw.randrange(3),
            )
            for _ in range(30)
        )
    )


@pytest.mark.parametrize("seed", range(8))
def test_shapley_is_the_mean_marginal_worth_over_all_orders_of_channels(seed):
    rows = [row for row in _random_paths(seed).to_pylist() if row["channels"]]

    def worth(coalition):
        return sum(row["conversions"] for row in rows if set(row["channels"]) <= set(coalition))

    expected = defaultdict(float)
    for order in itertools.permutations("abcd"):
        for place, channel in enumerate(order):
            expected[channel] += (worth(order[: place + 1]) - worth(order[:place])) / math.factorial(4)
    found = _earned(pa.Table.from_pylist(rows, schema=TOUCH_PATHS), "shapley")
    assert found == pytest.approx(dict(expected))


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("seed", range(4))
def test_removal_effects_are_those_of_the_chain_walked_step_by_step(seed, order):
    paths = _random_paths(seed)
    moves = defaultdict(lambda: defaultdict(float))
    for row in paths.to_pylist():
        if not row["channels"]:
            continue
        state = "start"
        for place in range(len(row["channels"])):
            after = tuple(row["channels"][max(0, place + 1 - order) : place + 1])
            moves[state][after] += row["conversions"] + row["nulls"]
            state = after
        moves[state]["won"] += row["conversions"]
        moves[state]["lost"] += row["nulls"]

    def chance(gone):
        """Mass that has arrived after so many steps that nothing is left under way."""
        mass, won = {"start": 1.0}, 0.0
        for _ in range(4000):
            after = defaultdict(float)
            for state, amount in mass.items():
                total = sum(moves[state].values())
                for target, weight in moves[state].items():
                    if target == "won":
                        won += amount * weight / total
                    elif target != "lost" and gone not in target:
                        after[target] += amount * weight / total
            mass = after
        return won

    whole = chance("nobody")
    found = removal_effects(paths, order=order)
    assert found == pytest.approx({name: 1 - chance(name) / whole for name in found}, abs=1e-9)


@pytest.mark.parametrize("seed", range(10))
def test_a_conversion_is_credited_to_the_touches_of_its_lookback(seed):
    rows = random_history(seed)
    expected = []
    for events in by_person(rows).values():
        since = 0
        for place, row in enumerate(events):
            if row["type"] == "C":
                touches = [
                    t["traffic_channel"]
                    for t in events[: place + 1]
                    if t["type"] in "AB" and row["occurred_at"] - t["occurred_at"] <= timedelta(hours=12)
                ]
                expected.append((touches, 1.0, row["value"] or 0.0, 0.0))
                since = place + 1
        rest = [t["traffic_channel"] for t in events[since:] if t["type"] in "AB"]
        if rest:
            expected.append((rest, 0.0, 0.0, 1.0))
    found = touch_paths(
        history(rows),
        condition("type = 'C'"),
        condition("type in ('A', 'B')"),
        channel="traffic_channel",
        lookback_s=12 * 3600,
        until=micros(END) + 10**15,
    )
    got = [
        tuple(row[name] for name in ("channels", "conversions", "value", "nulls"))
        for row in found.to_pylist()
    ]
    assert sorted(got) == sorted(expected)


@pytest.fixture(scope="module")
def published():
    if not PUBLISHED.exists():
        pytest.skip("shared/data/channelattribution_paths is not beside the repository")
    with gzip.open(PUBLISHED / "PathData.csv.gz", "rt") as file:
        return _paths(
            *(
                (
                    row["path"].split(" > "),
                    row["total_conversions"],
                    row["total_conversion_value"],
                    row["total_null"],
                )
                for row in csv.DictReader(file, delimiter=";")
            )
        )


@pytest.mark.parametrize("model", ["first", "last", "linear"])
def test_published_credits_of_simple_models_are_met_to_the_cent(published, model):
    with (PUBLISHED / "expected_heuristic_first_last_linear.csv").open() as file:
        expected = {row["channel_name"]: row for row in csv.DictReader(file)}
    for part, suffix in (("conversions", "conversions"), ("value", "value")):
        wanted = {name: float(row[f"{model}_touch_{suffix}"]) for name, row in expected.items()}
        found = _earned(published, model, part)
        assert {name: found.get(name, 0.0) for name in wanted} == pytest.approx(wanted, abs=0.005)


def test_published_removal_effects_of_the_exact_chain_are_met_to_the_cent(published):
    with (PUBLISHED / "expected_markov_order1_exact_absorbing_chain.csv").open() as file:
        expected = {row["channel_name"]: row for row in csv.DictReader(file)}
    earned = _earned(published, "markov")
    effects = _earned(published, "markov", "removal_effect")
    assert earned == pytest.approx(
        {k: float(v["total_conversions_exact"]) for k, v in expected.items()}, abs=0.005
    )
    assert effects == pytest.approx(
        {k: float(v["removal_effect_exact"]) for k, v in expected.items()}, abs=1e-9
    )
