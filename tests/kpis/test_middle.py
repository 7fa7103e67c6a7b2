"""Middle-stage parts on hand-made sessions, and on a published table of them."""

from datetime import date
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from journey_platform.tables import JOURNEY_TOUCHPOINTS, SESSIONS
from tests.journeys.made import at, touchpoints
from tests.kpis.made import count, days, of_kpi, sessions

MON, TUE = date(2026, 2, 2), date(2026, 2, 3)
KPIS = (
    "visits",
    "bounce_single_page",
    "bounce_ga4",
    "bounce_snowplow",
    "pages_per_session",
    "conversion_rate",
)
SHOP = Path(__file__).resolve().parents[2].parent / "shared/data/ga_merchandise_store"


@pytest.fixture(scope="module")
def parts():
    rows = [
        {"day": MON},
        {"day": MON, "page_views": 3, "is_bounce_single_page": False, "is_engaged_ga4": True, "orders": 2},
        {"day": MON, "traffic_channel": "Email", "is_engaged_ga4": True},
        {"day": MON, "traffic_channel": "Email", "is_engaged_ga4": True, "is_engaged_snowplow": True},
        {"day": MON, "traffic_channel": None, "page_views": 0, "is_bounce_single_page": False},
        {"day": MON, "is_bot": True, "page_views": 900, "orders": 9},
        {"day": TUE, "traffic_channel": "Email"},
        {"day": TUE, "is_bot": True},
    ]
    return count({SESSIONS: sessions(rows)}, KPIS, [MON, TUE])


@pytest.mark.parametrize(
    ("kpi", "everything", "direct", "email", "unassigned", "tuesday"),
    [
        pytest.param(
            "visits", (5, None, 5), (2, None, 2), (2, None, 2), (1, None, 1), (1, None, 1), id="visits"
        ),
        pytest.param(
            "bounce_single_page", (3, 5, 5), (1, 2, 2), (2, 2, 2), (0, 1, 1), (1, 1, 1), id="single"
        ),
        pytest.param("bounce_ga4", (2, 5, 5), (1, 2, 2), (0, 2, 2), (1, 1, 1), (1, 1, 1), id="ga4"),
        pytest.param("bounce_snowplow", (4, 5, 5), (2, 2, 2), (1, 2, 2), (1, 1, 1), (1, 1, 1), id="snowplow"),
        pytest.param("pages_per_session", (6, 5, 5), (4, 2, 2), (2, 2, 2), (0, 1, 1), (1, 1, 1), id="pages"),
        pytest.param("conversion_rate", (1, 5, 5), (1, 2, 2), (0, 2, 2), (0, 1, 1), (0, 1, 1), id="orders"),
    ],
)
def test_parts_are_counted_by_day_and_channel_without_robots(
    parts, kpi, everything, direct, email, unassigned, tuesday
):
    assert of_kpi(parts, kpi, dimension="traffic_channel") == {
        ("2026-02-02", "all"): everything,
        ("2026-02-02", "Direct"): direct,
        ("2026-02-02", "Email"): email,
        ("2026-02-02", "Unassigned"): unassigned,
        ("2026-02-03", "all"): tuesday,
        ("2026-02-03", "Email"): tuesday,
    }


def test_only_a_mean_keeps_squares(parts):
    kept = parts.filter(pc.is_valid(parts["squares"]))
    assert set(kept["kpi"].to_pylist()) == {"pages_per_session"}
    is_whole = (pc.field("dimension") == "all") & (pc.field("day") == MON) & (pc.field("period") == "day")
    whole = kept.filter(is_whole)
    assert whole["squares"].to_pylist() == [1 + 9 + 1 + 1 + 0]


@pytest.mark.skipif(not SHOP.exists(), reason="shared/data/ga_merchandise_store is not beside the repository")
def test_one_page_sessions_of_a_published_shop_are_found_by_channel():
    [file] = SHOP.glob("ga_sessions_*.parquet")
    published = pq.read_table(file)
    rows = [
        {
            "day": MON,
            "traffic_channel": row["channel_grouping"],
            "page_views": row["page_views"],
            "is_bounce_single_page": row["page_views"] == 1,
        }
        for row in published.select(["channel_grouping", "page_views"]).to_pylist()
    ]
    found = count({SESSIONS: sessions(rows)}, ["visits", "bounce_single_page", "pages_per_session"], [MON])
    visits = {of: parts[0] for (_, of), parts in of_kpi(found, "visits", dimension="traffic_channel").items()}
    assert visits["all"] == 38_007
    # All of the shop's own 12,566 bounces, and the 83 one-page sessions that it does not call so.
    [bounces] = [parts for (_, of), parts in of_kpi(found, "bounce_single_page").items() if of == "all"]
    assert bounces == (12_649, 38_007, 38_007)
    expected = {"Organic Search": 19_683, "Referral": 7_098, "Direct": 6_549, "Social": 2_663, "Display": 311}
    assert {name: visits[name] for name in expected} == expected
    pages = of_kpi(found, "pages_per_session")["2026-02-02", "all"]
    assert pages[0] == pc.sum(published["page_views"]).as_py()


def test_browsers_and_people_are_counted_anew_for_each_period():
    rows = [
        {"day": day, "device_key": device, "person_key": person, "device": kind}
        for day, device, person, kind in [
            (MON, 1, 7, "desktop"),
            (MON, 1, 7, "desktop"),
            (MON, 2, 7, "mobile"),
            (TUE, 1, 7, "desktop"),
            (TUE, 3, None, "mobile"),
        ]
    ]
    rows.append({"day": TUE, "device_key": 9, "person_key": 9, "is_bot": True})
    february = days(date(2026, 2, 1), date(2026, 2, 28))
    found = count({SESSIONS: sessions(rows)}, ["visitors", "visitors_people", "visits_per_visitor"], february)
    visitors = {"desktop": (1, None, 1), "mobile": (2, None, 2), "all": (3, None, 3)}
    assert of_kpi(found, "visitors", "week") == {("2026-02-02", of): n for of, n in visitors.items()}
    assert of_kpi(found, "visitors", "month") == {("2026-02-01", of): n for of, n in visitors.items()}
    assert of_kpi(found, "visitors")["2026-02-02", "all"] == (2, None, 2)
    people = of_kpi(found, "visitors_people", "week", dimension="all")
    assert people == {("2026-02-02", "all"): (1, None, 1)}
    assert of_kpi(found, "visits_per_visitor", "week")["2026-02-02", "all"] == (5, 3, 3)


def test_the_median_visit_comes_with_the_interval_of_its_ranks():
    rows = [{"day": MON, "page_views": n} for n in range(1, 21)]
    found = count({SESSIONS: sessions(rows)}, ["pages_per_session_median"], [MON]).to_pylist()
    [row] = [row for row in found if row["dimension"] == "all" and row["period"] == "day"]
    # 20 visits: ranks floor(10 - 1.96 * sqrt(5)) = 5 and ceil(10 + 1.96 * sqrt(5)) + 1 = 16.
    assert (row["numerator"], row["lower"], row["upper"], row["n"]) == (10.5, 5, 16, 20)


def _act(kind, when, person=1, **more):
    return {"type": kind, "occurred_at": at(when), "person_key": person, "device": "desktop", **more}


def test_time_on_page_is_of_the_views_that_told_it():
    rows = [
        _act("page_view", "2026-02-02 10:00", visit_id="a", page="/x", dwell_s=10.0),
        _act("page_view", "2026-02-02 10:01", visit_id="a", page="/x", dwell_s=30.0),
        _act("page_view", "2026-02-02 10:02", visit_id="b", page="/x"),
        _act("page_view", "2026-02-02 10:03", visit_id="b", page="/y", dwell_s=5.0),
        _act("page_view", "2026-02-02 10:03", visit_id="c", page="/y", dwell_s=900.0, is_bot=True),
        _act("search", "2026-02-02 10:04", visit_id="b", page="/y", dwell_s=7.0),
    ]
    found = count({JOURNEY_TOUCHPOINTS: touchpoints(rows)}, ["time_on_page", "time_on_page_measured"], [MON])
    times = of_kpi(found, "time_on_page", dimension="page")
    assert times["2026-02-02", "all"] == (45, 3, 3)
    assert times["2026-02-02", "/x"] == (40, 2, 2)
    assert of_kpi(found, "time_on_page_measured")["2026-02-02", "all"] == (3, 4, 4)
    # A unit is a visit's views of a page: (40 s, 2), (0 s, 0) and (5 s, 1).
    [whole] = [
        row for row in found.to_pylist() if row["kpi"] == "time_on_page" and row["dimension"] == "all"
    ][:1]
    assert (whole["squares"], whole["squares_below"], whole["products"]) == (1625, 5, 85)


@pytest.mark.parametrize(
    ("policy", "day", "week"),
    [
        pytest.param("first", (1, 3, 3), (0, 2, 2), id="the first attempt, lost"),
        pytest.param("deepest", (2, 3, 3), (2, 2, 2), id="the attempt that succeeded"),
        pytest.param("every", (2, 4, 4), (2, 4, 4), id="each attempt"),
    ],
)
def test_attempt_policies_count_one_history_differently(policy, day, week):
    rows = [
        # One tries on Monday, too early for the order, again on Thursday and orders ten days after Monday.
        _act("add_to_cart", "2026-02-02 10:00"),
        _act("add_to_cart", "2026-02-05 10:00"),
        _act("order", "2026-02-12 10:00"),
        # Two tries twice in an hour, and orders exactly a week after the second.
        _act("add_to_cart", "2026-02-05 11:00", 2),
        _act("add_to_cart", "2026-02-05 12:00", 2),
        _act("order", "2026-02-12 12:00", 2),
        _act("add_to_cart", "2026-02-05 12:00", None),
        _act("add_to_cart", "2026-02-05 12:00", 3, is_bot=True),
    ]
    kpi = f"cart_conversion_{policy}"
    rows = {JOURNEY_TOUCHPOINTS: touchpoints(rows)}
    found = count(rows, [kpi], days(MON, date(2026, 2, 28)))
    daily = of_kpi(found, kpi, dimension="all")
    assert tuple(map(sum, zip(*daily.values(), strict=True))) == day
    assert of_kpi(found, kpi, "week", dimension="all")["2026-02-02", "all"] == week


def test_attempts_whose_days_are_not_over_are_left_out():
    rows = {
        JOURNEY_TOUCHPOINTS: touchpoints(
            [_act("add_to_cart", "2026-02-02 10:00"), _act("add_to_cart", "2026-02-03 10:00", 2)]
        )
    }
    kpi = "cart_conversion_every"
    found = count(rows, [kpi], days(MON, date(2026, 2, 9)), as_of=date(2026, 2, 10))
    assert of_kpi(found, kpi, dimension="all") == {("2026-02-02", "all"): (0, 1, 1)}
