"""Stages against hand-made histories and told row by row."""

from datetime import timedelta

import pytest

from journey_platform.journeys.conditions import condition
from journey_platform.journeys.history import history
from journey_platform.journeys.stages import stage_rows, stage_visits
from tests.journeys.brute import START, by_person, micros, random_history
from tests.journeys.made import at, touchpoints

UNTIL = START + timedelta(days=12)
STAGES = {"starts": "type = 'A'", "goes on": "type = 'B'", "ends": "type = 'C'"}


def _rows(rows, *, stages=STAGES, quiet_days=3, map_by="traffic_channel"):
    read = {name: condition(text) for name, text in stages.items()}
    visits = stage_visits(history(rows), read, map_by=map_by, until=micros(UNTIL))
    found = stage_rows(visits, list(stages), quiet_days=quiet_days, until=micros(UNTIL))
    return {(row["part"], row["stage"], row["of"]): row for row in found}


def _one(person, *said, **common):
    return [
        {
            "person_key": person,
            "occurred_at": at("2026-03-20 12:00") + timedelta(hours=hour),
            "type": kind,
            **common,
        }
        for hour, kind in said
    ]


def test_moves_go_forward_and_backward():
    found = _rows(
        touchpoints([*_one(1, (0, "A"), (1, "B"), (2, "A"), (3, "B"), (4, "C")), *_one(2, (0, "B"))])
    )
    moves = {
        (key[1], key[2]): (row["direction"], row["units"], row["visits"])
        for key, row in found.items()
        if key[0] == "move"
    }
    assert moves == {
        ("starts", "goes on"): ("forward", 1, 2),
        ("goes on", "starts"): ("backward", 1, 1),
        ("goes on", "ends"): ("forward", 1, 1),
    }
    assert found["stage", "goes on", ""]["units"] == 2
    assert found["stage", "goes on", ""]["visits"] == 3


def test_a_touchpoint_of_several_stages_puts_into_the_furthest():
    stages = {"any": "channel = 'web'", "bought": "type = 'order'"}
    found = _rows(touchpoints(_one(1, (0, "order"))), stages=stages)
    assert (found["stage", "any", ""]["units"], found["stage", "bought", ""]["units"]) == (0, 1)


def test_who_has_not_left_a_stage_counts_in_the_time_there():
    # One leaves after 1 h; two never do: of three, a third has left, so half never have.
    rows = touchpoints([*_one(1, (0, "A"), (1, "B")), *_one(2, (0, "A")), *_one(3, (0, "A"))])
    assert _rows(rows)["stage", "starts", ""]["median_s"] is None
    rows = touchpoints([*_one(1, (0, "A"), (1, "B")), *_one(2, (0, "A"), (2, "B")), *_one(3, (0, "A"))])
    assert _rows(rows)["stage", "starts", ""]["median_s"] == 7200


def test_who_is_quiet_has_dropped_off_where_it_was_unless_at_the_end():
    rows = touchpoints([*_one(1, (0, "A"), (1, "X")), *_one(2, (0, "A"), (1, "C")), *_one(3, (250, "A"))])
    found = _rows(rows)
    assert (found["stage", "starts", ""]["dropped"], found["stage", "starts", ""]["drop_off"]) == (1, 1 / 3)
    assert found["stage", "ends", ""]["dropped"] == 0


def test_the_map_has_answers_and_moods_where_they_were_given():
    rows = touchpoints(
        [
            *_one(1, (0, "A"), traffic_channel="Email"),
            *_one(1, (1, "X"), traffic_channel="Email", value=10.0, unit="nps"),
            *_one(2, (0, "A"), (1, "B"), traffic_channel="Direct"),
            *_one(2, (2, "X"), traffic_channel="Direct", value=3.0, unit="nps"),
            *_one(2, (3, "X"), traffic_channel="Direct", value=8.0, unit="nps"),
        ]
    )
    moods = [
        None if kind != "X" else mood
        for kind, mood in zip(rows["type"].to_pylist(), (0, 0, 0, 0.5, -1, 0), strict=False)
    ]
    import pyarrow as pa

    found = _rows(rows.append_column("sentiment", pa.array(moods, pa.float64())))
    assert found["map", "starts", "Email"]["nps"] == 100.0
    assert (found["map", "goes on", "Direct"]["nps"], found["map", "goes on", "Direct"]["answers"]) == (
        -50.0,
        2,
    )
    assert (
        found["stage", "starts", ""]["sentiment"] is not None
        or found["stage", "goes on", ""]["sentiment"] is not None
    )
    assert found["map", "starts", "Direct"]["nps"] is None


@pytest.mark.parametrize("seed", range(10))
def test_the_map_counts_the_touchpoints_and_units_of_each_stage_and_channel(seed):
    rows = random_history(seed)
    touched, units, visits = {}, {}, {}
    for person, events in by_person(rows).items():
        stage = None
        for row in events:
            if row["occurred_at"] >= UNTIL:
                break
            reached = {"A": "starts", "B": "goes on", "C": "ends"}.get(row["type"])
            if reached and reached != stage:
                visits[reached] = visits.get(reached, 0) + 1
            stage = reached or stage
            if stage:
                key = (stage, row["traffic_channel"])
                touched[key] = touched.get(key, 0) + 1
                units.setdefault(key, set()).add(person)
    found = _rows(rows)
    cells = {key[1:]: row for key, row in found.items() if key[0] == "map"}
    assert {key: row["touchpoints"] for key, row in cells.items()} == touched
    assert {key: row["units"] for key, row in cells.items()} == {key: len(who) for key, who in units.items()}
    assert {name: found["stage", name, ""]["visits"] for name in visits} == visits
