"""Paths against hand-made histories and told row by row."""

from datetime import timedelta

import pytest

from journey_platform.journeys.conditions import condition
from journey_platform.journeys.history import history
from journey_platform.journeys.paths import (
    LEFT,
    links,
    node_names,
    step_matrix,
    take_paths,
    transitions,
    whole_paths,
)
from tests.journeys.brute import START, by_person, micros, random_history
from tests.journeys.made import at, touchpoints

END = START + timedelta(days=12)


def _found(rows, *, start=None, end=None, converted=None, names=None, **asked):
    events = history(rows)
    codes, texts = node_names(events, "type", {name: condition(text) for name, text in (names or {}).items()})
    asked = {"steps": 4, "within_s": 86_400, "until": micros(END) + 10**15, **asked}
    return take_paths(
        events,
        codes,
        texts,
        start=condition(start) if start else None,
        end=condition(end) if end else None,
        converted=condition(converted) if converted else None,
        **asked,
    )


def _made(kinds, person=1, pause=60):
    return [
        {
            "person_key": person,
            "occurred_at": at("2026-03-20 12:00") + timedelta(seconds=pause * n),
            "type": kind,
        }
        for n, kind in enumerate(kinds)
    ]


@pytest.mark.parametrize(
    ("kinds", "asked", "nodes"),
    [
        pytest.param("XABBC", {"start": "type = 'A'"}, [["A", "B", "C"]], id="forward"),
        pytest.param(
            "XABBC", {"start": "type = 'A'", "has_repeats": True}, [["A", "B", "B", "C"]], id="repeats"
        ),
        pytest.param("ABCAD", {"end": "type = 'A'"}, [["A"]], id="backward-from-the-first-end"),
        pytest.param("ABCXD", {"end": "type = 'D'"}, [["D", "X", "C", "B"]], id="backward"),
        pytest.param("ABCD", {"start": "type = 'A'", "end": "type = 'C'"}, [["A", "B", "C"]], id="between"),
        pytest.param(
            "ABXB", {"start": "type = 'A'", "end": "type = 'C'"}, [["A", "B", "X", "B"]], id="dropped"
        ),
        pytest.param(
            "ABA", {"start": "type = 'A'", "count": "totals"}, [["A", "B", "A"], ["A"]], id="totals"
        ),
        pytest.param("ABCDEF", {}, [["A", "B", "C", "D"]], id="whole-histories-up-to-the-steps"),
        pytest.param("ABC", {"within_s": 60}, [["A", "B"]], id="a-window"),
        pytest.param("AXYB", {"names": {"noise": "type in ('X', 'Y')"}}, [["A", "noise", "B"]], id="names"),
    ],
)
def test_what_a_path_holds(kinds, asked, nodes):
    assert _found(touchpoints(_made(kinds)), **asked)["nodes"].to_pylist() == nodes


def test_a_path_between_has_arrived_or_not():
    rows = touchpoints([*_made("ABC", 1), *_made("ABD", 2), *_made("ABDDEFC", 3)])
    found = _found(rows, start="type = 'A'", end="type = 'C'")
    assert found["has_arrived"].to_pylist() == [True, False, False]


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("mode", ["forward", "backward", "between", "whole"])
@pytest.mark.parametrize("count", ["uniques", "totals"])
def test_paths_are_those_of_the_rows(seed, mode, count):
    rows = random_history(seed)
    start = "type = 'A'" if mode in ("forward", "between") else None
    end = "type = 'B'" if mode in ("backward", "between") else None
    found = _found(rows, start=start, end=end, converted="type = 'C'", count=count)
    day = timedelta(days=1)
    expected = []
    for events in by_person(rows).values():
        kind = {"forward": "A", "between": "A", "backward": "B", "whole": None}[mode]
        anchors = [n for n, row in enumerate(events) if (row["type"] == kind if kind else n == 0)]
        for anchor in anchors[:1] if count == "uniques" else anchors:
            origin = events[anchor]["occurred_at"]
            # Rows of one type in a row are one node, at the time of their first.
            runs = []
            for place, row in enumerate(events):
                if runs and runs[-1]["type"] == row["type"]:
                    runs[-1]["to"] = place
                else:
                    runs.append({"type": row["type"], "at": row["occurred_at"], "from": place, "to": place})
            here = next(n for n, run in enumerate(runs) if run["from"] <= anchor <= run["to"])
            ahead = runs[here::-1] if mode == "backward" else runs[here:]
            ahead = [run for n, run in enumerate(ahead[:4]) if n == 0 or abs(run["at"] - origin) <= day]
            arrived = None
            if mode == "between":
                stop = next((n for n, row in enumerate(events) if n > anchor and row["type"] == "B"), None)
                arrived = stop is not None and events[stop]["occurred_at"] - origin <= day
                if arrived:
                    goal = next(n for n, run in enumerate(runs) if run["from"] <= stop <= run["to"])
                    arrived = goal - here < 4
                    if arrived:
                        ahead = runs[here : goal + 1]
            converted = any(
                row["type"] == "C" and row["occurred_at"] - origin <= day for row in events[anchor:]
            )
            expected.append(([run["type"] for run in ahead], arrived, converted))
    got = [(row["nodes"], row["has_arrived"], row["is_converted"]) for row in found.to_pylist()]
    assert got == expected


def test_links_keep_the_top_names_of_a_step_and_call_the_rest_others():
    rows = touchpoints(
        [row for n, kinds in enumerate(["AB", "AB", "AC", "AD", "A"]) for row in _made(kinds, person=n)]
    )
    found = _found(rows, start="type = 'A'", steps=2)
    assert [(r["source"], r["target"], r["paths"], r["share"]) for r in links(found, top=1)] == [
        ("A", "B", 2, 0.4),
        ("A", "Others", 2, 0.4),
        ("A", LEFT, 1, 0.2),
    ]
    second = {r["source"]: r["share"] for r in step_matrix(found, top=2) if r["step"] == 2}
    assert second == {"B": 0.4, "C": 0.2, "Others": 0.2, LEFT: 0.2}


def test_transitions_say_what_follows_what():
    rows = touchpoints([*_made("ABA", 1), *_made("AC", 2)])
    found = {(r["source"], r["target"]): r["share"] for r in transitions(_found(rows))}
    assert found == {
        ("A", "B"): 1 / 3,
        ("A", "C"): 1 / 3,
        ("A", LEFT): 1 / 3,
        ("B", "A"): 1.0,
        ("C", LEFT): 1.0,
    }


def test_whole_paths_compare_the_converted_with_the_dropped():
    rows = touchpoints(
        [row for n, kinds in enumerate(["ABO", "ABO", "AX", "AB"]) for row in _made(kinds, person=n)]
    )
    found = whole_paths(_found(rows, converted="type = 'O'"), top=2)
    assert [(r["source"], r["paths"], r["converted"], r["dropped"], r["difference"]) for r in found] == [
        ("A > B > O", 2, 2, 0, 1.0),
        ("A > B", 1, 0, 1, -0.5),
    ]


def test_without_touchpoints_there_are_no_paths():
    found = _found(touchpoints([]))
    assert (
        links(found, top=3),
        step_matrix(found, top=3),
        transitions(found),
        whole_paths(found, top=3),
    ) == (
        [],
        [],
        [],
        [],
    )
