"""Sessions against hand-made visits and a row-by-row oracle."""

import random
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from journey_platform.engine import Engine
from journey_platform.journeys.sessions import CARRY_DAYS, session_starts, sessions, truncated_chains
from journey_platform.lake import Lake
from journey_platform.tables import SESSIONS
from tests.journeys.made import at, touchpoints

ZONE = "Europe/Amsterdam"


def _visit(*steps, **common):
    """Steps as (seconds after noon, type, further columns)."""
    noon = at("2026-02-03 12:00")
    return touchpoints(
        {
            "person_key": 1,
            "device_key": 1,
            "occurred_at": noon + timedelta(seconds=second),
            "type": kind,
            **common,
            **more,
        }
        for second, kind, more in steps
    )


@pytest.mark.parametrize(
    ("steps", "bounce", "ga4", "snowplow"),
    [
        pytest.param([(0, "page_view", {})], True, False, False, id="one-page-without-dwell"),
        pytest.param([(0, "page_view", {"dwell_s": 10.0})], True, False, False, id="one-page-of-10-s"),
        pytest.param([(0, "page_view", {"dwell_s": 10.5})], True, True, False, id="one-page-of-over-10-s"),
        pytest.param([(0, "page_view", {"dwell_s": 20.0})], True, True, True, id="one-page-of-two-beats"),
        pytest.param([(0, "page_view", {}), (5, "page_view", {})], False, True, True, id="two-pages"),
        pytest.param([(0, "page_view", {}), (5, "order", {})], True, True, True, id="one-page-and-an-order"),
        pytest.param([(0, "page_view", {}), (5, "search", {})], True, False, False, id="a-page-and-a-search"),
        pytest.param([(0, "page_view", {}), (11, "event", {})], True, True, False, id="an-event-after-11-s"),
        pytest.param([(0, "event", {})], False, False, False, id="no-page-at-all"),
    ],
)
def test_the_three_bounces_follow_their_definitions(steps, bounce, ga4, snowplow):
    [row] = sessions(_visit(*steps), zone=ZONE).to_pylist()
    assert row["is_bounce_single_page"] is bounce
    assert row["is_engaged_ga4"] is ga4
    assert row["is_engaged_snowplow"] is snowplow


def test_heartbeats_are_counted_page_by_page_and_only_on_pages():
    steps = [
        (0, "page_view", {"dwell_s": 19.0}),
        (20, "page_view", {"dwell_s": 19.0}),
        (40, "event", {"dwell_s": 60.0}),
    ]
    [row] = sessions(_visit(*steps), zone=ZONE).to_pylist()
    assert (row["heartbeats"], row["engaged_s"]) == (2, 38.0)
    assert row["ended_at"] - row["started_at"] == timedelta(seconds=100)


def test_a_session_describes_itself_by_its_first_and_last_pages():
    rows = _visit(
        (
            0,
            "event",
            {"page": "/", "traffic_channel": "Email", "source": "news", "campaign": "may", "is_bot": False},
        ),
        (1, "page_view", {"page": "/in", "traffic_channel": "Direct"}),
        (2, "order", {"page": "/buy", "value": 19.5, "unit": "EUR"}),
        (3, "page_view", {"page": "/out", "is_bot": True}),
        (4, "order", {"value": 0.5, "unit": "EUR"}),
        (5, "cart", {"page": "/cart", "value": 99.0}),
    )
    [row] = sessions(rows, zone=ZONE).to_pylist()
    assert row["session_id"] == "matomo/x/000000"
    assert (row["landing_page"], row["exit_page"]) == ("/in", "/out")
    assert (row["traffic_channel"], row["source"], row["campaign"]) == ("Email", "news", "may")
    assert (row["actions"], row["page_views"], row["orders"], row["revenue"]) == (6, 2, 2, 20.0)
    assert row["is_bot"] is True


@pytest.mark.parametrize(
    ("pause", "count"),
    [pytest.param(1800, 1, id="exactly-30-minutes"), pytest.param(1801, 2, id="a-second-more")],
)
def test_a_pause_of_more_than_30_minutes_begins_a_session(pause, count):
    assert sessions(_visit((0, "page_view", {}), (pause, "page_view", {})), zone=ZONE).num_rows == count


@pytest.mark.parametrize(
    ("first", "second", "count"),
    [
        pytest.param({}, {"device_key": 2}, 2, id="another-device"),
        pytest.param({}, {"person_key": 2}, 2, id="another-person-on-a-shared-device"),
        pytest.param({"person_key": None}, {"person_key": None}, 1, id="nobody-known-on-one-device"),
        pytest.param({"visit_id": "1"}, {"visit_id": "2"}, 1, id="two-vendor-visits-of-one-device"),
        pytest.param(
            {"device_key": None, "person_key": None, "visit_id": "1"},
            {"device_key": None, "person_key": None, "visit_id": "2"},
            2,
            id="two-vendor-visits-without-a-device",
        ),
        pytest.param({}, {"channel": "email", "device_key": 2}, 1, id="an-email-is-no-action-on-the-site"),
    ],
)
def test_who_and_where_decide_what_is_one_session(first, second, count):
    assert sessions(_visit((0, "page_view", first), (60, "page_view", second)), zone=ZONE).num_rows == count


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        pytest.param("2026-01-10 22:59:59", date(2026, 1, 10), id="last-second-in-winter"),
        pytest.param("2026-01-10 23:00", date(2026, 1, 11), id="midnight-in-winter"),
        pytest.param("2026-07-10 22:00", date(2026, 7, 11), id="midnight-in-summer"),
        pytest.param("2026-03-28 23:00", date(2026, 3, 29), id="start-of-the-23-hour-day"),
        pytest.param("2026-03-29 21:59:59", date(2026, 3, 29), id="end-of-the-23-hour-day"),
        pytest.param("2026-03-29 22:00", date(2026, 3, 30), id="after-the-23-hour-day"),
        pytest.param("2026-10-25 22:59:59", date(2026, 10, 25), id="end-of-the-25-hour-day"),
    ],
)
def test_a_session_stands_on_the_local_day_of_its_first_action(instant, day):
    start = at(instant)
    rows = touchpoints({"device_key": 1, "occurred_at": start + timedelta(minutes=m)} for m in (0, 20))
    [row] = sessions(rows, zone=ZONE).to_pylist()
    assert (row["day"], row["started_at"]) == (day, start)


def test_who_is_of_two_accounts_has_the_sessions_in_each():
    visit = _visit((0, "page_view", {}), (5, "page_view", {}), (3600, "page_view", {}))
    accounts = pa.concat_tables(
        visit.append_column("account_key", pa.array([account] * 3, pa.int64())) for account in (20, 10)
    )
    order, is_start = session_starts(accounts)
    assert sorted(order.tolist()) == list(range(6))
    assert sorted(order[is_start].tolist()) == [0, 2, 3, 5]


def test_rows_out_of_order_are_refused():
    rows = _visit((0, "page_view", {}), (0, "page_view", {}), (9, "page_view", {}))
    for wrong in ([2, 0, 1], [1, 0, 2]):
        with pytest.raises(ValueError, match="order occurred_at, touchpoint_id"):
            sessions(rows.take(wrong), zone=ZONE)


def test_no_touchpoints_give_no_sessions():
    found = sessions(touchpoints([]), zone=ZONE)
    assert found.schema == SESSIONS.schema
    assert found.num_rows == truncated_chains(found, zone=ZONE) == 0


# --- the oracle -------------------------------------------------------------------------------------------


def _history(seed: int, *, persons: int = 40, days: int = 6, robots: int = 0) -> pa.Table:
    """A random history with ties, shared devices, unknown persons, and robots that never pause."""
    print(f"seed {seed}")
    random_ = random.Random(seed)
    start = at("2026-03-27 00:00")
    rows = []
    for person in range(persons):
        moment = start + timedelta(seconds=random_.randrange(86_400))
        while moment < start + timedelta(days=days):
            rows.append(
                {
                    "person_key": random_.choice([person, person, None]),
                    "device_key": random_.choice([person % 7, 100 + person, 100 + person, None]),
                    "visit_id": str(random_.randrange(3)),
                    "occurred_at": moment,
                    "touchpoint_id": f"t{random_.randrange(10**9):09d}",
                    "type": random_.choice(["page_view", "page_view", "event", "search", "order"]),
                    "page": random_.choice(["/a", "/b", None]),
                    "value": random_.choice([None, 0.1, 0.2, 30.0]),
                    "dwell_s": random_.choice([None, 0.0, 9.9, 10.0, 25.5]),
                    "is_bot": random_.random() < 0.02,
                    "traffic_channel": random_.choice(["Direct", "Email", None]),
                    "channel": random_.choice(["web"] * 9 + ["email"]),
                }
            )
            moment += timedelta(seconds=random_.choice([0, 1, 60, 1799, 1800, 1801, 20_000, 90_000]))
    for robot in range(robots):
        moment = start + timedelta(seconds=random_.randrange(86_400))
        until = moment + timedelta(days=random_.choice([1, 2, 3, 4]))
        while moment < until:
            rows.append({"device_key": 1000 + robot, "occurred_at": moment, "is_bot": True})
            moment += timedelta(seconds=random_.randrange(600, 1800))
    return touchpoints(rows)


def _oracle(rows: pa.Table, zone: str, gap_s: int = 1800) -> list[dict]:
    """The definition, row by row."""
    local = ZoneInfo(zone)

    def group(row):
        device = row["device_key"]
        return (row["person_key"], device, row["visit_id"] if device is None else None)

    found: dict = {}
    for row in rows.to_pylist():
        if row["channel"] != "web":
            continue
        chains = found.setdefault(group(row), [])
        if not chains or (row["occurred_at"] - chains[-1][-1]["occurred_at"]).total_seconds() > gap_s:
            chains.append([])
        chains[-1].append(row)
    result = []
    for chains in found.values():
        for chain in chains:
            day = chain[0]["occurred_at"].astimezone(local).date()
            chain = [r for r in chain if r["occurred_at"].astimezone(local).date() <= day + timedelta(days=1)]
            pages = [r for r in chain if r["type"] == "page_view"]
            orders = [r for r in chain if r["type"] == "order"]
            is_active = len(pages) > 1 or len(orders) > 0
            ended = chain[-1]["occurred_at"] + timedelta(seconds=chain[-1]["dwell_s"] or 0)
            started = chain[0]["occurred_at"]
            beats = sum(int((r["dwell_s"] or 0) // 10) for r in pages)
            result.append(
                {
                    "day": day,
                    "session_id": chain[0]["touchpoint_id"],
                    "person_key": chain[0]["person_key"],
                    "device_key": chain[0]["device_key"],
                    "started_at": started,
                    "ended_at": ended,
                    "page_views": len(pages),
                    "actions": len(chain),
                    "engaged_s": float(sum(r["dwell_s"] or 0 for r in pages)),
                    "heartbeats": beats,
                    "orders": len(orders),
                    "revenue": float(sum(r["value"] or 0 for r in orders)),
                    "is_bounce_single_page": len(pages) == 1,
                    "is_engaged_ga4": bool(
                        len(pages) > 1 or orders or ended - started > timedelta(seconds=10)
                    ),
                    "is_engaged_snowplow": is_active or beats > 1,
                    "is_bot": any(r["is_bot"] for r in chain),
                    "traffic_channel": chain[0]["traffic_channel"],
                    "source": chain[0]["source"],
                    "campaign": chain[0]["campaign"],
                    "device": chain[0]["device"],
                    "landing_page": pages[0]["page"] if pages else None,
                    "exit_page": pages[-1]["page"] if pages else None,
                }
            )
    return sorted(result, key=lambda row: row["session_id"])


@pytest.mark.parametrize("seed", range(8))
def test_the_kernel_equals_the_definition_row_by_row(seed):
    rows = _history(seed, robots=seed % 3)
    found = sorted(sessions(rows, zone=ZONE).to_pylist(), key=lambda row: row["session_id"])
    assert found == _oracle(rows, ZONE)


@pytest.mark.parametrize("seed", range(4))
def test_sessions_do_not_depend_on_how_persons_are_batched(seed):
    rows = _history(seed)
    keys = pc.fill_null(rows["person_key"], -1).to_numpy() % 5
    whole = sessions(rows, zone=ZONE)
    parts = pa.concat_tables([sessions(rows.filter(pa.array(keys == part)), zone=ZONE) for part in range(5)])
    assert parts.sort_by("session_id") == whole.sort_by("session_id")


@pytest.mark.parametrize("rows_per_call", [1, 40, 10_000])
def test_the_engine_feeds_the_kernel_whole_persons(tmp_path, rows_per_call):
    rows = _history(11)
    with Engine(Lake(str(tmp_path))) as engine:
        found = engine.map_persons(
            engine.memtable(rows),
            partial(sessions, zone=ZONE),
            sort_by=("occurred_at", "touchpoint_id"),
            rows_per_call=rows_per_call,
        )
    assert found.sort_by("session_id") == sessions(rows, zone=ZONE).sort_by("session_id")


def _cut(rows: pa.Table, cuts: list[date]) -> pa.Table:
    """Sessions of neighbouring ranges, each computed alone with its carry days."""
    local = ZoneInfo(ZONE)
    days = np.array([moment.astimezone(local).date() for moment in rows["occurred_at"].to_pylist()])
    carry = timedelta(days=CARRY_DAYS)
    parts = []
    for first, after in pairwise(cuts):
        found = sessions(rows.filter(pa.array((days >= first - carry) & (days < after + carry))), zone=ZONE)
        parts.append(found.filter((pc.field("day") >= first) & (pc.field("day") < after)))
    return pa.concat_tables(parts).sort_by("session_id")


@pytest.mark.parametrize("seed", range(6))
def test_sessions_do_not_depend_on_how_the_days_are_cut_even_for_robots(seed):
    rows = _history(seed, robots=6, days=8)
    every = [date(2026, 3, 26) + timedelta(days=n) for n in range(16)]
    inner = sorted(random.Random(seed).sample(every[1:-1], 4))
    whole = _cut(rows, [every[0], every[-1]])
    assert _cut(rows, every) == whole
    assert _cut(rows, [every[0], *inner, every[-1]]) == whole
    assert whole == sessions(rows, zone=ZONE).sort_by("session_id")


def test_chains_that_outrun_what_is_followed_are_cut_short_and_counted():
    start = datetime(2026, 2, 2, 12, tzinfo=UTC)

    def robot(device, hours):
        return [
            {"device_key": device, "occurred_at": start + timedelta(minutes=20 * n)} for n in range(hours * 3)
        ]

    found = sessions(touchpoints(robot(1, 100) + robot(2, 30)), zone=ZONE)
    # Noon UTC is 13:00 in Amsterdam: 35 hours are left until the second midnight, three actions an hour.
    assert sorted(found["actions"].to_pylist()) == [90, 105]
    assert truncated_chains(found, zone=ZONE) == 1


@pytest.mark.parametrize(
    ("variant", "count"),
    [
        pytest.param("stitched", 3, id="stitched"),
        pytest.param("unstitched", 2, id="of-the-device-before-stitching"),
        pytest.param("midnight", 4, id="split-at-midnight"),
        pytest.param("campaign", 4, id="split-by-campaign"),
        pytest.param("universal", 3, id="both-and-unstitched"),
    ],
)
def test_variants_of_a_session_are_named(variant, count):
    day = at("2026-02-03 22:50")
    said = [(0, 1, "may"), (5, 1, "may"), (20, 1, "june"), (25, 2, "june"), (400, 2, "june")]
    rows = touchpoints(
        {
            "person_key": person,
            "device_key": 1,
            "occurred_at": day + timedelta(minutes=m),
            "campaign": campaign,
        }
        for m, person, campaign in said
    )
    assert sessions(rows, zone=ZONE, variant=variant).num_rows == count
