"""Published web logs, dropped as files: their own sessions, bounce rates and abandonment."""

from datetime import date

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from journey_platform import journeys
from journey_platform.journeys.questions import Funnel
from journey_platform.tables import SESSIONS
from tests.kpis.made import count, days, of_kpi
from tests.public.dropped import SHARED, Dropped, dropped, share

pytestmark = pytest.mark.skipif(not SHARED.exists(), reason="needs ../shared/data")

CLICKS = """
feeds:
  clicks:
    files: ecom.csv.gz
    time: timestamp
    touchpoints:
      - type:
          column: event
          values:
            {add_to_cart: add_to_cart, purchase: order, search: search, shipping_details: checkout,
             checkout_bug: error, payment_error: error, error_page: error, wishlist_add: event}
          otherwise: page_view
        channel: web
        identifiers: {cookie_id: $user_id}
        subject_id: $session_id
        page: /$event
        traffic_channel: $acquisition_channel
"""

CLICK_DAYS = date(2024, 1, 4), date(2024, 6, 29)


@pytest.fixture(scope="module")
def clicks(tmp_path_factory: pytest.TempPathFactory) -> Dropped:
    home = tmp_path_factory.mktemp("clicks")
    first, last = CLICK_DAYS
    files = [SHARED / "rete_ecom" / "ecom.csv.gz"]
    return dropped(home / "drop", CLICKS, files, first=first, last=last, lake=home / "lake")


@pytest.mark.slow
def test_every_row_of_the_log_is_landed_and_mapped(clicks: Dropped) -> None:
    [report] = clicks.reports["clicks"]
    assert (report.received, report.landed, report.quarantined) == (31_106, 31_106, 0)
    assert (clicks.touchpoints.num_rows, clicks.refused.num_rows) == (31_106, 0)


@pytest.mark.slow
@pytest.mark.parametrize(("gap_s", "sessions"), [(1800, 3605), (900, 3722)])
def test_sessions_are_as_many_as_published(clicks: Dropped, gap_s: int, sessions: int) -> None:
    assert clicks.sessions(gap_s).num_rows == sessions


@pytest.mark.slow
def test_every_session_id_is_reproduced(clicks: Dropped) -> None:
    """Each session begins with the first action of another true session, and holds all of its actions."""
    found = clicks.sessions()
    names = dict(
        zip(*(clicks.journeys[name].to_pylist() for name in ("touchpoint_id", "subject_id")), strict=True)
    )
    sizes = pc.value_counts(clicks.journeys["subject_id"].combine_chunks())
    expected = dict(zip(sizes.field("values").to_pylist(), sizes.field("counts").to_pylist(), strict=True))
    named = [names[first] for first in found["session_id"].to_pylist()]
    assert dict(zip(named, found["actions"].to_pylist(), strict=True)) == expected


@pytest.mark.slow
def test_single_event_sessions_are_as_many_as_published(clicks: Dropped) -> None:
    found = clicks.sessions()
    assert share(pc.sum(pc.equal(found["actions"], 1)).as_py(), found.num_rows) == 6.41


@pytest.mark.slow
@pytest.mark.parametrize(
    ("step", "entered", "abandoned"),
    [
        pytest.param("add_to_cart", 1213, 61.25, id="cart"),
        pytest.param("checkout", 798, 41.10, id="checkout"),
    ],
)
def test_abandonment_is_as_published(clicks: Dropped, step: str, entered: int, abandoned: float) -> None:
    """Counted by what a session holds: in this log some purchases stand before the cart they empty."""
    steps = [f"type = '{step}'", "type = 'order'"]
    asked = Funnel(steps=steps, unit="session", within="1 day", days=200, order="any")
    units = funnel(clicks.journeys, asked, CLICK_DAYS[0], date(2024, 7, 2))["all"]
    assert units == [entered, 470]
    assert round(100 - 100 * units[1] / units[0], 2) == abandoned


def funnel(rows: pa.Table, asked: Funnel, first: date, last: date) -> dict[str, list[int]]:
    """Units at each step, by the value that divides them."""
    found: dict[str, list[int]] = {}
    for row in journeys.answer(rows, asked, first=first, last=last, zone="UTC").to_pylist():
        found.setdefault(row["by"], []).append(row["units"])
    return found


SHOP = """
feeds:
  visits:
    files: ga_sessions_*.parquet
    time: visit_start_time
    touchpoints:
      - type: visit
        channel: web
        identifiers: {user_id: VISIT}
        visit_id: VISIT
        traffic_channel: $channel_grouping
      - type: page_view
        channel: web
        unless: {page_views: null}
        identifiers: {user_id: VISIT}
        visit_id: VISIT
      - type: page_view
        channel: web
        unless: {page_views: [1, null]}
        identifiers: {user_id: VISIT}
        visit_id: VISIT
      - type: interaction
        channel: web
        unless: {bounces: 1}
        identifiers: {user_id: VISIT}
        visit_id: VISIT
""".replace("VISIT", "$full_visitor_id:$visit_id:$visit_start_time")

SHOP_DAYS = date(2017, 4, 30), date(2017, 8, 2)


@pytest.fixture(scope="module")
def visits(tmp_path_factory: pytest.TempPathFactory) -> Dropped:
    """Rows that are a visit each: a first page, a second where there was one, an interaction. Their visitors'
    numbers were rounded, so that each visit is a person of its own."""
    home = tmp_path_factory.mktemp("shop")
    [file] = (SHARED / "ga_merchandise_store").glob("*.parquet")
    first, last = SHOP_DAYS
    return dropped(home / "drop", SHOP, [file], first=first, last=last, lake=home / "lake")


@pytest.fixture(scope="module")
def engaged(visits: Dropped) -> dict[str, list[int]]:
    """By channel, visits and those that interacted."""
    steps = ["type = 'visit'", "type = 'interaction'"]
    asked = Funnel(steps=steps, order="any", within="1 hour", by="traffic_channel", days=120)
    first, last = SHOP_DAYS
    return funnel(visits.journeys, asked, first, last)


@pytest.mark.slow
def test_bounces_are_as_published(engaged: dict[str, list[int]]) -> None:
    """Visits without an interaction, as Google Analytics counted then."""
    everybody, interacted = engaged["all"]
    assert (everybody, share(everybody - interacted, everybody)) == (38_007, 33.06)


@pytest.mark.slow
def test_bounces_of_one_page_are_those_and_83_more(visits: Dropped, engaged: dict[str, list[int]]) -> None:
    found = count({SESSIONS: visits.sessions()}, ["bounce_single_page"], days(*SHOP_DAYS))
    of_days = [row for (_, value), row in of_kpi(found, "bounce_single_page").items() if value == "all"]
    bounced, everybody, _ = (sum(column) for column in zip(*of_days, strict=True))
    assert (bounced, everybody, share(bounced, everybody)) == (12_649, 38_007, 33.28)
    assert bounced - (everybody - engaged["all"][1]) == 83


@pytest.mark.slow
@pytest.mark.parametrize(
    ("channel", "sessions", "bounced"),
    [
        ("Organic Search", 19_683, 41.31),
        ("Referral", 7_098, 7.35),
        ("Direct", 6_549, 31.87),
        ("Social", 2_663, 60.23),
        ("Paid Search", 1_256, 9.79),
        ("Affiliates", 446, 4.71),
        ("Display", 311, 24.76),
    ],
)
def test_bounces_by_channel_are_as_published(
    engaged: dict[str, list[int]], channel: str, sessions: int, bounced: float
) -> None:
    everybody, interacted = engaged[channel]
    assert (everybody, share(everybody - interacted, everybody)) == (sessions, bounced)
