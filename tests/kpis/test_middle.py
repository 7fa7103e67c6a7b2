"""Middle-stage parts on hand-made sessions, and on a published table of them."""

from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from journey_platform.kpis import middle
from tests.kpis.made import counted, of_kpi, run, sessions, table

MON, TUE = date(2026, 2, 2), date(2026, 2, 3)
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
    return run(middle.parts(table(sessions(rows))))


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
    assert of_kpi(parts, kpi) == {
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
    whole = kept.filter((pc.field("dimension") == "all") & (pc.field("day") == MON))
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
    found = counted(run(middle.parts(table(sessions(rows)))))
    day = MON.isoformat()
    assert found["visits", day, "all"][0] == 38_007
    # All of the shop's own 12,566 bounces, and the 83 one-page sessions that it does not call so.
    assert found["bounce_single_page", day, "all"] == (12_649, 38_007, 38_007)
    expected = {"Organic Search": 19_683, "Referral": 7_098, "Direct": 6_549, "Social": 2_663, "Display": 311}
    assert {name: found["visits", day, name][0] for name in expected} == expected
    assert found["pages_per_session", day, "all"][0] == pa.compute.sum(published["page_views"]).as_py()
