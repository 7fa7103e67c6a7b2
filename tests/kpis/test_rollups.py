"""Weeks and months summed from days equal those computed from the sessions themselves."""

import random
from datetime import date, timedelta

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from journey_platform.kpis import early, middle
from journey_platform.kpis.parts import PARTS
from journey_platform.kpis.periods import start_of
from journey_platform.kpis.rollups import rolled_up
from journey_platform.kpis.values import values
from journey_platform.tables import MAILINGS
from tests.journeys.made import touchpoints
from tests.kpis.made import run, sessions, table

FIRST = date(2026, 1, 26)
DAYS = [FIRST + timedelta(days=n) for n in range(21)]
STANDING = {"arrivals": {"matomo/visits": set(DAYS)}, "as_of": date(2026, 6, 1), "identity_revision": "rev"}


def _random_sessions(seed):
    print(f"seed {seed}")
    random_ = random.Random(seed)
    return sessions(
        {
            "day": random_.choice(DAYS),
            # Rare channels are absent on most days.
            "traffic_channel": random_.choice(["Direct"] * 20 + ["Email"] * 5 + ["Display", None]),
            "page_views": random_.randrange(6),
            "is_engaged_ga4": random_.random() < 0.5,
            "orders": int(random_.random() < 0.1),
            "is_bot": random_.random() < 0.1,
        }
        for _ in range(400)
    )


def _parts(stage, rows):
    nothing = table(touchpoints([])), table(MAILINGS.schema.empty_table())
    return run(middle.parts(table(rows)) if stage == "middle" else early.parts(table(rows), *nothing))


@pytest.mark.parametrize("period", ["week", "month"])
@pytest.mark.parametrize("stage", ["early", "middle"])
@pytest.mark.parametrize("seed", range(2))
def test_a_rollup_equals_recomputation(stage, period, seed):
    rows = _random_sessions(seed)
    daily = values(stage, _parts(stage, rows), days=DAYS, **STANDING)
    starts = pa.array([start_of(day, period) for day in rows["day"].to_pylist()], pa.date32())
    moved = rows.set_column(rows.schema.get_field_index("day"), rows.schema.field("day"), starts)
    whole = _parts(stage, moved)
    names = ["day", "kpi", "dimension", "dimension_value", "numerator", "denominator", "squares", "n"]
    found = rolled_up(daily, stage, period, **STANDING)
    # The web is the only source that arrived: the rest stands there without numbers.
    found = found.filter(pc.is_in(found["kpi"], whole["kpi"].combine_chunks().unique())).select(names)
    order = [(name, "ascending") for name in names[:4]]
    assert found.to_pylist() == whole.select(names).sort_by(order).to_pylist()


def test_a_rolled_up_value_is_the_ratio_of_the_sums_with_its_own_interval():
    parts = [
        {
            "kpi": "pages_per_session",
            "period": "day",
            "day": FIRST + timedelta(days=n),
            "dimension": "all",
            "dimension_value": "all",
            "numerator": pages,
            "denominator": visits,
            "squares": squares,
            "n": visits,
        }
        # One visit of one page; then two visits of 4 and 2 pages.
        for n, (pages, visits, squares) in enumerate([(1, 1, 1), (6, 2, 20)])
    ]
    [row] = rolled_up(pa.Table.from_pylist(parts, PARTS), "middle", "week", **STANDING).to_pylist()
    assert row["value"] == pytest.approx(7 / 3)
    half = 1.959964 * ((21 / 3 - (7 / 3) ** 2) / 3) ** 0.5
    assert (row["lower"], row["upper"]) == pytest.approx((7 / 3 - half, 7 / 3 + half), abs=1e-5)
    assert (row["period"], row["day"], row["n"]) == ("week", FIRST, 3)


def test_a_day_that_did_not_arrive_leaves_its_week_partial():
    standing = {**STANDING, "arrivals": {"matomo/visits": set(DAYS) - {DAYS[2]}}}
    daily = values("middle", _parts("middle", _random_sessions(5)), days=DAYS, **standing)
    weeks = rolled_up(daily, "middle", "week", **standing).to_pylist()
    status = {(row["day"], row["status"], round(row["coverage"], 3)) for row in weeks}
    assert status == {(DAYS[0], "partial", 0.857), (DAYS[7], "ok", 1.0), (DAYS[14], "ok", 1.0)}


@pytest.mark.parametrize("kpi", ["support_rate", "nps"])
def test_counts_of_distinct_people_are_never_summed(kpi):
    row = {"kpi": kpi, "period": "week", "day": FIRST, "dimension": "all", "dimension_value": "all"}
    with pytest.raises(ValueError, match=f"{kpi} per week cannot be summed"):
        rolled_up(pa.Table.from_pylist([row], PARTS), "late", "month", **STANDING)
