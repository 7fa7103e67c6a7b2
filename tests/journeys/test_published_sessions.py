"""Sessions of a published event log that carries its own session ids."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pytest

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
        "type": pc.if_else(pc.equal(log["event"], "purchase"), "order", "page_view"),
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
