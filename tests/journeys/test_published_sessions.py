"""Sessions of a published event log that carries its own session ids."""

from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pytest

from journey_platform import journeys
from journey_platform.journeys.questions import Funnel, Paths
from journey_platform.journeys.sessions import sessions
from journey_platform.tables import JOURNEY_TOUCHPOINTS

LOG = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "rete_ecom" / "ecom.csv.gz"

pytestmark = pytest.mark.skipif(not LOG.exists(), reason="shared/data/rete_ecom is not beside the repository")


@pytest.fixture(scope="module")
def log() -> pa.Table:
    events = pyarrow.csv.read_csv(LOG)
    order = pc.sort_indices(events, sort_keys=[("user_id", "ascending"), ("timestamp", "ascending")])
    return events.take(order)


def _touchpoints(log: pa.Table) -> pa.Table:
    ids = pa.array([f"rete/{number:06d}" for number in range(log.num_rows)])
    columns = {
        "device_key": pc.cast(pc.utf8_slice_codeunits(log["user_id"], 5), pa.int64()),
        "occurred_at": pc.assume_timezone(log["timestamp"].cast(pa.timestamp("us")), "UTC"),
        "touchpoint_id": ids,
        "channel": pa.array(["web"] * log.num_rows),
        "person_key": pc.cast(pc.utf8_slice_codeunits(log["user_id"], 5), pa.int64()),
        "type": pc.if_else(pc.equal(log["event"], "purchase"), "order", "page_view"),
        "page": log["event"],
        "traffic_channel": log["acquisition_channel"],
    }
    empty = pa.nulls(log.num_rows)
    schema = JOURNEY_TOUCHPOINTS.schema
    return pa.table({f.name: columns.get(f.name, empty).cast(f.type) for f in schema})


@pytest.mark.parametrize(
    ("gap_minutes", "count"),
    [
        pytest.param(15, 3722, id="15-min"),
        pytest.param(30, 3605, id="30-min"),
        pytest.param(120, 3605, id="2-h"),
    ],
)
def test_the_published_number_of_sessions_is_found(log, gap_minutes, count):
    assert sessions(_touchpoints(log), zone="UTC", gap_s=gap_minutes * 60).num_rows == count


def test_every_published_session_is_found_with_its_events_orders_and_channel(log):
    published = log.group_by(["session_id", "acquisition_channel"], use_threads=False).aggregate(
        [([], "count_all"), ("timestamp", "min"), ("user_id", "min")]
    )
    bought = set(log.filter(pc.equal(log["event"], "purchase"))["session_id"].to_pylist())
    expected = {
        (int(row["user_id_min"][5:]), row["timestamp_min"].isoformat()): (
            row["count_all"],
            row["session_id"] in bought,
            row["acquisition_channel"],
        )
        for row in published.to_pylist()
    }
    found = {
        (row["device_key"], row["started_at"].replace(tzinfo=None).isoformat()): (
            row["actions"],
            row["orders"] > 0,
            row["traffic_channel"],
        )
        for row in sessions(_touchpoints(log), zone="UTC").to_pylist()
    }
    assert found == expected
    assert sum(is_bought for _, is_bought, _ in found.values()) == 470


def test_the_published_abandonments_follow_from_the_sessions_that_enter_a_funnel(log):
    days = sorted(log["timestamp"].cast(pa.date32()).to_pylist())
    entered = {}
    for event in ("add_to_cart", "shipping_details", "purchase"):
        steps = [f"page = '{event}'", "page = 'purchase'"]
        question = Funnel(steps=steps, unit="session", within="1 day", days=10_000)
        # Two days on, so that every attempt's window has ended.
        last = days[-1] + timedelta(days=2)
        found = journeys.answer(_touchpoints(log), question, first=days[0], last=last, zone="UTC")
        entered[event] = found["units"][0].as_py()
    assert entered == {"add_to_cart": 1213, "shipping_details": 798, "purchase": 470}
    assert 1 - entered["purchase"] / entered["add_to_cart"] == pytest.approx(0.6125, abs=5e-5)
    assert 1 - entered["purchase"] / entered["shipping_details"] == pytest.approx(0.4110, abs=5e-5)


def test_the_published_share_of_sessions_has_a_single_event(log):
    days = sorted(log["timestamp"].cast(pa.date32()).to_pylist())
    question = Paths(node="page", unit="session", steps=2, has_repeats=True, days=10_000, top=20)
    found = journeys.answer(_touchpoints(log), question, first=days[0], last=days[-1], zone="UTC").to_pylist()
    [left] = [
        row["share"]
        for row in found
        if row["part"] == "step" and (row["step"], row["source"]) == (2, "(left)")
    ]
    assert left == pytest.approx(0.0641, abs=5e-5)
