"""Stages: where on its way each unit is, how it moves forward and backward, and the map of stages by channel.

The kernel says of each unit's visits to stages what happened there; `stage_rows` counts. Definitions: a
touchpoint puts its unit into the furthest stage whose condition it meets; other touchpoints belong to the
stage the unit is in, and before the first stage to none. Who has not left a stage is still in it: the time
there is Kaplan and Meier's. A unit whose last touchpoint is older than the quiet days has dropped off in its
stage, unless that is the last one.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from journey_platform.journeys.conditions import Condition
from journey_platform.journeys.history import DAY_US, MOOD, SECOND_US, History
from journey_platform.journeys.survival import kaplan_meier

NO_VALUE = "(none)"
_PROMOTER, _DETRACTOR = 9, 6

VISITS = pa.schema(
    [
        pa.field("stage", pa.int64()),
        pa.field("of", pa.string()),
        pa.field("from_stage", pa.int64()),
        pa.field("is_visit", pa.bool_()),
        pa.field("is_first_in_stage", pa.bool_()),
        pa.field("is_first_move", pa.bool_()),
        pa.field("is_first_on_map", pa.bool_()),
        pa.field("watched_s", pa.float64()),
        pa.field("has_left", pa.bool_()),
        pa.field("quiet_since", pa.int64()),
        pa.field("touchpoints", pa.int64()),
        pa.field("sentiment", pa.float64()),
        pa.field("sentiments", pa.int64()),
        pa.field("promoters", pa.int64()),
        pa.field("detractors", pa.int64()),
        pa.field("answers", pa.int64()),
    ]
)
"""One row per visit of a unit to a stage and value of the map's column. Once a visit (`is_visit`): the stage
before (-1: none), whether the unit was here or moved so for the first time, seconds watched here, whether it
left. `quiet_since`: time of the unit's last touchpoint, on the row that holds it; else null."""


def stage_visits(
    events: History,
    stages: Mapping[str, Condition],
    *,
    map_by: str,
    until: int,
    since: int = 0,
) -> pa.Table:
    """Each unit's visits to stages, in `VISITS`, from whole units; touchpoints from `since` until `until`."""
    events = events.take((events.at >= since) & (events.at < until))
    furthest = np.full(len(events), -1)
    for place, what in enumerate(stages.values()):
        furthest[events.mask(what)] = place
    # The stage a unit is in: that of its last touchpoint that meets one.
    latest = (
        np.maximum.accumulate(np.where(furthest >= 0, np.arange(len(events)), -1))
        if len(events)
        else furthest
    )
    is_in = (latest >= 0) & (latest >= events.begins)
    events, stage = events.take(is_in), furthest[latest[is_in]]
    is_visit = events.is_first.copy()
    is_visit[1:] |= np.diff(stage) != 0
    visit = np.cumsum(is_visit) - 1
    heads = np.flatnonzero(is_visit)
    head_unit, head_stage, head_at = events.unit[heads], stage[heads], events.at[heads]
    has_left = np.append(head_unit[1:] == head_unit[:-1], False)[: len(heads)]
    left_at = np.where(has_left, np.append(head_at[1:], 0)[: len(heads)], until)
    from_stage = np.where(
        np.append(False, has_left[:-1])[: len(heads)], np.append(-1, head_stage[:-1])[: len(heads)], -1
    )
    codes, texts = events.codes(map_by)
    # One row per visit and value, the one that holds the visit's first touchpoint leading.
    width = len(texts)
    keys, first, row_of = np.unique(visit * width + codes % width, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    row_of, first, keys = rank[row_of], first[order], keys[order]
    of_visit = keys // width
    leads = is_visit[first]
    is_last = np.append(events.unit[1:] != events.unit[:-1], True)[: len(events)]
    quiet = np.full(len(keys), -1)
    quiet[row_of[is_last]] = events.at[is_last]
    value = events.numbers("value")
    unit_codes, units = events.codes("unit")
    is_nps = (
        unit_codes == units.index("nps") if "nps" in units else np.zeros(len(events), dtype=bool)
    ) & ~np.isnan(value)
    has_mood = MOOD in events.rows.column_names
    mood = events.numbers(MOOD) if has_mood else np.full(len(events), np.nan)

    def total(amounts: np.ndarray) -> np.ndarray:
        return np.bincount(row_of, weights=amounts, minlength=len(keys))

    def count(fits: np.ndarray) -> pa.Array:
        return pa.array(total(fits.astype(float)).astype(np.int64))

    names = pa.array([NO_VALUE if text is None else text for text in texts], pa.string())
    columns: list[Any] = [
        pa.array(head_stage[of_visit], pa.int64()),
        names.take(pa.array(keys % width)),
        pa.array(from_stage[of_visit], pa.int64()),
        pa.array(leads),
        pa.array(leads & _first_of(head_unit[of_visit], head_stage[of_visit])),
        pa.array(
            leads
            & _first_of(head_unit[of_visit], head_stage[of_visit] + (from_stage[of_visit] + 1) * len(stages))
        ),
        pa.array(_first_of(head_unit[of_visit], head_stage[of_visit] * width + keys % width)),
        pa.array(((left_at - head_at) / SECOND_US)[of_visit]),
        pa.array(has_left[of_visit]),
        pa.array(quiet, pa.int64(), mask=quiet < 0),
        count(np.ones(len(events))),
        pa.array(total(np.nan_to_num(mood))),
        count(~np.isnan(mood)),
        count(is_nps & (value >= _PROMOTER)),
        count(is_nps & (value <= _DETRACTOR)),
        count(is_nps),
    ]
    return pa.table(columns, schema=VISITS)


def _first_of(unit: np.ndarray, key: np.ndarray) -> np.ndarray:
    """Whether a row is the first with its unit and key."""
    is_first = np.zeros(len(unit), dtype=bool)
    if len(unit):
        is_first[np.unique(np.column_stack([unit, key]), axis=0, return_index=True)[1]] = True
    return is_first


def stage_rows(
    visits: pa.Table, names: Sequence[str], *, quiet_days: int, until: int
) -> list[dict[str, Any]]:
    """Rows of `tables.STAGES` without their name: each stage, each move, and each cell of the map."""
    got = {name: visits[name].to_numpy(zero_copy_only=False) for name in visits.column_names if name != "of"}
    of = np.array(visits["of"].to_pylist(), dtype=object)
    stage, leads = got["stage"], got["is_visit"].astype(bool)
    quiet = np.nan_to_num(got["quiet_since"].astype(float), nan=np.inf)
    is_gone = (quiet < until - quiet_days * DAY_US) & (stage < len(names) - 1)
    rows: list[dict[str, Any]] = []
    for place, name in enumerate(names):
        here = stage == place
        once = here & leads
        units = int((here & got["is_first_in_stage"]).sum())
        took = kaplan_meier(got["watched_s"][once], got["has_left"][once].astype(bool))
        stay = {"visits": int(once.sum()), "median_s": took.quantile(0.5)}
        rows.append(_row(name, "stage", "", place, here, units, is_gone, got) | stay)
        for target in range(len(names)):
            moved = (stage == target) & leads & (got["from_stage"] == place)
            if moved.any():
                rows.append(
                    {
                        "stage": name,
                        "part": "move",
                        "of": names[target],
                        "place": place + 1,
                        "direction": "forward" if target > place else "backward",
                        "units": int((moved & got["is_first_move"]).sum()),
                        "visits": int(moved.sum()),
                    }
                )
        for value in sorted(set(of[here].tolist())):
            cell = here & (of == value)
            units = int((cell & got["is_first_on_map"]).sum())
            rows.append(_row(name, "map", value, place, cell, units, is_gone, got))
    return rows


def _row(
    stage: str,
    part: str,
    of: str,
    place: int,
    here: np.ndarray,
    units: int,
    is_gone: np.ndarray,
    got: Mapping[str, np.ndarray],
) -> dict[str, Any]:
    moods, answers = int(got["sentiments"][here].sum()), int(got["answers"][here].sum())
    lead = int(got["promoters"][here].sum()) - int(got["detractors"][here].sum())
    dropped = int((here & is_gone).sum())
    return {
        "stage": stage,
        "part": part,
        "of": of,
        "place": place + 1,
        "units": units,
        "touchpoints": int(got["touchpoints"][here].sum()),
        "sentiment": float(got["sentiment"][here].sum() / moods) if moods else None,
        "nps": 100.0 * lead / answers if answers else None,
        "answers": answers,
        "dropped": dropped,
        "drop_off": dropped / units if units else None,
    }
