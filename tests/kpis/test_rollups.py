"""Weeks and months summed from days equal those computed from the sessions themselves."""

import random
from datetime import date, timedelta

import pytest

from journey_platform.kpis.catalogue import KPIS
from journey_platform.kpis.grains.registry import GRAINS
from journey_platform.kpis.periods import start_of
from journey_platform.kpis.values import values
from journey_platform.tables import SESSIONS
from tests.kpis.made import count, sessions

FIRST = date(2026, 1, 1)
DAYS = [FIRST + timedelta(days=n) for n in range(59)]
OF_SESSIONS = [name for name, kpi in KPIS.items() if kpi.grain == "session" and kpi.is_additive]
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


@pytest.mark.parametrize("period", ["week", "month"])
@pytest.mark.parametrize("seed", range(2))
def test_a_rollup_equals_recomputation(period, seed):
    """The oracle moves each session to the first day of its period, and counts days."""
    rows = _random_sessions(seed)
    starts = [start_of(day, period) for day in DAYS]
    found = count({SESSIONS: rows}, OF_SESSIONS, starts).to_pylist()
    moved = [{**row, "day": start_of(row["day"], period)} for row in rows.to_pylist()]
    whole = count({SESSIONS: sessions(moved)}, OF_SESSIONS, starts).to_pylist()
    names = ["day", "kpi", "dimension", "dimension_value", "numerator", "denominator", "squares", "n"]

    def of(rows, kind):
        return sorted(([row[name] for name in names] for row in rows if row["period"] == kind), key=repr)

    # A month's first week began in the month before, where no session is read.
    assert of(found, period) == of(whole, "day")
    assert of(whole, "day")


def test_a_rolled_up_value_is_the_ratio_of_the_sums_with_its_own_interval():
    # One visit of one page; then two visits of 4 and 2 pages.
    rows = sessions({"day": FIRST + timedelta(days=n), "page_views": p} for n, p in ((4, 1), (5, 4), (5, 2)))
    parts = count({SESSIONS: rows}, ["pages_per_session"], DAYS)
    found = values("middle", parts, days=DAYS, **STANDING).to_pylist()
    [row] = [
        row
        for row in found
        if (row["kpi"], row["period"], row["dimension"], row["n"]) == ("pages_per_session", "week", "all", 3)
    ]
    assert row["value"] == pytest.approx(7 / 3)
    half = 1.959964 * ((21 / 3 - (7 / 3) ** 2) / 3) ** 0.5
    assert (row["lower"], row["upper"]) == pytest.approx((7 / 3 - half, 7 / 3 + half), abs=1e-5)
    assert row["day"] == date(2026, 1, 5)


def test_a_day_that_did_not_arrive_leaves_its_week_partial():
    standing = {**STANDING, "arrivals": {"matomo/visits": set(DAYS) - {date(2026, 1, 7)}}}
    parts = count({SESSIONS: _random_sessions(5)}, ["visits"], DAYS)
    found = values("middle", parts, days=[date(2026, 1, 5), date(2026, 1, 12)], **standing).to_pylist()
    weeks = {
        (row["day"], row["status"], round(row["coverage"], 3))
        for row in found
        if (row["kpi"], row["period"]) == ("visits", "week")
    }
    assert weeks == {(date(2026, 1, 5), "partial", 0.857), (date(2026, 1, 12), "ok", 1.0)}


@pytest.mark.parametrize(
    "kpi",
    [name for name, kpi in KPIS.items() if "person" in GRAINS[kpi.grain].one_per or not kpi.is_additive],
)
def test_counts_of_distinct_units_are_declared_as_not_additive(kpi):
    """Their periods are computed anew; sums over days would count a person once a day."""
    is_per_period = any(word in GRAINS[KPIS[kpi].grain].one_per for word in ("period", "week", "person's"))
    assert not KPIS[kpi].is_additive
    assert is_per_period or KPIS[kpi].statistic != "ratio" or KPIS[kpi].grain == "open_ticket"
