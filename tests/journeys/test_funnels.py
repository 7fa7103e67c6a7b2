"""Funnels against hand-made histories and against every choice of touchpoints that could fill the steps."""

from datetime import timedelta

import pytest

from journey_platform.journeys.conditions import condition
from journey_platform.journeys.funnels import funnel_attempts, funnel_steps
from journey_platform.journeys.history import history
from tests.journeys.brute import START, by_person, micros, random_history
from tests.journeys.made import at, touchpoints

END = START + timedelta(days=12)
HOUR = 3600


def _made(*steps):
    """Steps as (seconds after noon, type)."""
    noon = at("2026-03-20 12:00")
    return touchpoints(
        {"person_key": 1, "device_key": 1, "occurred_at": noon + timedelta(seconds=s), "type": kind}
        for s, kind in steps
    )


def _attempts(rows, steps, *, without=(), **asked):
    asked = {"within_s": 24 * HOUR, "until": micros(END), **asked}
    read = [condition(step) for step in steps]
    rules = [(condition(text), after, before) for text, after, before in without]
    return funnel_attempts(history(rows), read, without=rules, **asked)


def _depths(*args, **asked):
    return [row["depth"] for row in _attempts(*args, **asked).to_pylist() if not row["is_excluded"]]


ABC = ("type = 'A'", "type = 'B'", "type = 'C'")


@pytest.mark.parametrize(
    ("steps", "asked", "depths"),
    [
        pytest.param([(0, "A"), (1, "X"), (2, "B"), (3, "C")], {}, [3], id="others-lie-between"),
        pytest.param([(0, "A"), (1, "X"), (2, "B")], {"order": "strict"}, [1], id="none-may-in-a-strict-one"),
        pytest.param(
            [(0, "A"), (2, "B"), (3, "C")], {"order": "strict"}, [3], id="strict-one-after-the-other"
        ),
        pytest.param([(0, "B"), (1, "A"), (2, "C")], {"order": "any"}, [3], id="any-order"),
        pytest.param([(0, "B"), (1, "A"), (2, "C")], {}, [1], id="ordered-wants-the-order"),
        pytest.param([(0, "A"), (10, "B")], {"within_s": 10}, [2], id="a-window-holds-its-last-instant"),
        pytest.param([(0, "A"), (11, "B")], {"within_s": 10}, [1], id="and-not-a-second-more"),
        pytest.param([(5, "B"), (5, "A"), (6, "C")], {}, [3], id="at-one-instant-either-order-converts"),
        pytest.param([(0, "A"), (5, "C"), (5, "B")], {}, [3], id="also-between-later-steps"),
        pytest.param(
            [(0, "A"), (100, "A"), (110, "B"), (120, "C")],
            {"within_s": 60},
            [1],
            id="the-first-attempt-is-held-to-its-own-window",
        ),
        pytest.param(
            [(0, "A"), (100, "A"), (110, "B"), (120, "C")],
            {"within_s": 60, "attempt": "deepest_earliest"},
            [3],
            id="the-deepest-attempt-may-be-a-later-one",
        ),
        pytest.param(
            [(0, "A"), (100, "A"), (110, "B"), (120, "C")],
            {"within_s": 60, "attempt": "every"},
            [1, 3],
            id="every-entry-is-an-attempt",
        ),
        pytest.param(
            [(0, "A"), (10, "B"), (100, "B"), (120, "C")],
            {"step_within_s": [None, None, 60]},
            [3],
            id="a-later-touchpoint-fills-the-step-where-a-steps-window-asks-for-it",
        ),
        pytest.param(
            [(0, "A"), (10, "B"), (100, "C")], {"step_within_s": [None, None, 60]}, [2], id="a-steps-window"
        ),
        pytest.param([(0, "A"), (1, "X"), (2, "B")], {"without": [("type = 'X'", 1, 2)]}, [], id="excluded"),
        pytest.param(
            [(0, "A"), (1, "B"), (2, "X"), (3, "C")],
            {"without": [("type = 'X'", 1, 2)]},
            [3],
            id="an-exclusion-outside-its-steps",
        ),
        pytest.param(
            [(0, "A"), (1, "X")], {"without": [("type = 'X'", 1, 2)]}, [], id="excluded-without-a-next-step"
        ),
        pytest.param(
            [(0, "A"), (90, "X")],
            {"without": [("type = 'X'", 1, 2)], "within_s": 60},
            [1],
            id="an-exclusion-after-the-window",
        ),
    ],
)
def test_how_far_attempts_get(steps, asked, depths):
    assert _depths(_made(*steps), ABC, **asked) == depths


def test_one_touchpoint_fills_one_step():
    again = ("type = 'A'", "type = 'A'")
    assert _depths(_made((0, "A"), (0, "A")), again) == [2]
    assert _depths(_made((0, "A"), (0, "B")), again) == [1]
    assert _depths(_made((0, "A"), (0, "B"), (1, "C")), ("type = 'A'", "type = 'B'", "type = 'A'")) == [2]


def test_what_stays_the_same_over_an_attempt():
    rows = touchpoints(
        {
            "person_key": 1,
            "occurred_at": at("2026-03-20 12:00") + timedelta(seconds=n),
            "type": kind,
            "subject_id": held,
        }
        for n, (kind, held) in enumerate([("A", "x"), ("A", "y"), ("B", "y"), ("A", None), ("B", None)])
    )
    found = funnel_attempts(
        history(rows).holding("subject_id"),
        [condition(step) for step in ABC[:2]],
        within_s=HOUR,
        until=micros(END),
    )
    assert sorted(found["depth"].to_pylist()) == [1, 2]


def test_attempts_whose_window_has_not_ended_count_apart_and_only_in_the_time_to_convert():
    rows = touchpoints(
        [
            {"person_key": 1, "occurred_at": START, "type": "A"},
            {"person_key": 1, "occurred_at": START + timedelta(hours=2), "type": "B"},
            {"person_key": 2, "occurred_at": START, "type": "A"},
            {"person_key": 3, "occurred_at": END - timedelta(hours=3), "type": "A"},
            {"person_key": 3, "occurred_at": END - timedelta(hours=2), "type": "B"},
        ]
    )
    [entry, order] = funnel_steps(_attempts(rows, ABC[:2]), ["in", "out"]).to_pylist()
    assert (entry["units"], order["units"], order["conversion"], order["immature"]) == (2, 1, 0.5, 1)
    # Of three at risk one converts after 1 h, then one of the two left after 2 h: 2/3 * 1/2 remain.
    assert (order["p25_s"], order["median_s"], order["p75_s"]) == (HOUR, 2 * HOUR, None)
    assert order["converters_median_s"] == 1.5 * HOUR


def test_without_anybody_a_funnel_has_no_rate():
    [entry, order] = funnel_steps(_attempts(_made((0, "X")), ABC[:2]), ["in", "out"]).to_pylist()
    assert (entry["units"], order["conversion"], order["from_previous"], order["median_s"]) == (
        0,
        None,
        None,
        None,
    )


# --- the oracle -------------------------------------------------------------------------------------------


def _deepest(rows, entry, fits, within, windows, places=None):
    """The furthest step that some choice of touchpoints reaches from an entry, and when it gets there first.

    The frontier is the furthest touchpoint so far; at its instant, an earlier one that fits no earlier step
    fills the next.
    """
    best = {1: rows[entry]["occurred_at"]}

    def walk(step, frontier, at):
        if step == len(fits):
            return
        for place, row in enumerate(rows):
            moment = row["occurred_at"]
            is_later = place > frontier
            is_tied = place < frontier and moment == at and not any(fit(row) for fit in fits[:step])
            if not (is_later or is_tied) or not fits[step](row):
                continue
            if moment - rows[entry]["occurred_at"] > within:
                continue
            if windows[step] is not None and moment - at > windows[step]:
                continue
            if step + 1 not in best or moment < best[step + 1]:
                best[step + 1] = moment
            walk(step + 1, max(place, frontier), moment)

    walk(1, entry, rows[entry]["occurred_at"])
    return max(best)


def _oracle(rows, kinds, within_s, windows_s, attempt):
    within = timedelta(seconds=within_s)
    windows = [None if w is None else timedelta(seconds=w) for w in windows_s]
    fits = [lambda row, kind=kind: row["type"] in kind for kind in kinds]
    found = []
    for events in by_person(rows).values():
        tries = [
            (-_deepest(events, place, fits, within, windows), place)
            for place, row in enumerate(events)
            if fits[0](row)
        ]
        if not tries:
            continue
        chosen = {"first": tries[:1], "deepest_earliest": [min(tries)], "every": tries}[attempt]
        found += [-depth for depth, _ in chosen]
    return found


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("attempt", ["first", "deepest_earliest", "every"])
@pytest.mark.parametrize(
    ("kinds", "windows"),
    [
        pytest.param(["A", "B", "C"], [None, None, None], id="three-steps"),
        pytest.param(["A", "B", "A"], [None, None, None], id="a-step-again"),
        pytest.param(["AB", "B", "BC"], [None, None, None], id="steps-that-overlap"),
        pytest.param(["A", "B", "C"], [None, 60, 3600], id="windows-of-steps"),
        pytest.param(["A", "B", "A", "C"], [None, None, 60, None], id="a-window-of-one-step"),
    ],
)
def test_attempts_go_as_deep_as_any_choice_of_touchpoints(seed, attempt, kinds, windows):
    rows = random_history(seed)
    steps = [f"type in ({', '.join(repr(k) for k in kind)})" for kind in kinds]
    within = 90_000
    far = micros(END) + 10**15
    found = _attempts(rows, steps, within_s=within, until=far, attempt=attempt, step_within_s=windows)
    assert found["depth"].to_pylist() == _oracle(rows, kinds, within, windows, attempt)


@pytest.mark.parametrize("seed", range(12))
def test_any_order_counts_the_steps_within_the_window_of_the_first(seed):
    rows = random_history(seed)
    expected = []
    for events in by_person(rows).values():
        starts = [row for row in events if row["type"] in "ABC"]
        if starts:
            entry = events.index(starts[0])
            seen = {
                row["type"]
                for row in events[entry:]
                if row["type"] in "ABC"
                and row["occurred_at"] - starts[0]["occurred_at"] <= timedelta(hours=5)
            }
            expected.append(len(seen))
    assert _depths(rows, ABC, order="any", within_s=5 * HOUR) == expected


@pytest.mark.parametrize("seed", range(12))
def test_a_strict_funnel_takes_the_very_next_touchpoints(seed):
    rows = random_history(seed)
    expected = []
    for events in by_person(rows).values():
        for place, row in enumerate(events):
            if row["type"] == "A":
                depth, kinds = 0, "ABC"
                for step, kind in enumerate(kinds):
                    late = place + step >= len(events) or (
                        events[place + step]["occurred_at"] - row["occurred_at"] > timedelta(hours=24)
                    )
                    if late or events[place + step]["type"] != kind:
                        break
                    depth += 1
                expected.append(depth)
    assert _depths(rows, ABC, order="strict", attempt="every") == expected


@pytest.mark.parametrize("seed", range(12))
def test_an_exclusion_throws_out_attempts_with_it_between_the_steps(seed):
    rows = random_history(seed)
    expected = []
    for events in by_person(rows).values():
        entry = next((n for n, row in enumerate(events) if row["type"] == "A"), None)
        if entry is None:
            continue
        start = events[entry]["occurred_at"]
        tied = [
            n for n, row in enumerate(events[:entry]) if row["occurred_at"] == start and row["type"] == "B"
        ]
        later = [n for n, row in enumerate(events) if n > entry and row["type"] == "B"]
        end = (
            entry
            if tied
            else next((n for n in later if events[n]["occurred_at"] - start <= timedelta(hours=24)), None)
        )
        hit = next((n for n, row in enumerate(events) if n > entry and row["type"] == "X"), None)
        is_out = hit is not None and (
            hit < end if end is not None else events[hit]["occurred_at"] - start <= timedelta(hours=24)
        )
        if not is_out:
            expected.append(1 if end is None else 2)
    assert _depths(rows, ABC[:2], without=[("type = 'X'", 1, 2)]) == expected
