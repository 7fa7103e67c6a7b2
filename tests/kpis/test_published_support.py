"""A published help desk's log, through the tickets and the KPIs: its cases and its published median."""

import gzip
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv
import pytest

from journey_platform.journeys.tickets import tickets
from journey_platform.tables import JOURNEY_TOUCHPOINTS, TICKETS
from tests.kpis.made import Tables, count

LOG = Path(__file__).resolve().parents[2].parent / "shared/data/ticket_logs/helpdesk.csv.gz"

pytestmark = pytest.mark.skipif(
    not LOG.exists(), reason="shared/data/ticket_logs is not beside the repository"
)


def _touchpoints() -> pa.Table:
    """Each case's first event creates it, its last solves it: the log has no names for that."""
    with gzip.open(LOG) as file:
        log = pacsv.read_csv(file).to_pylist()
    of_case: dict[int, list[object]] = {}
    for row in log:
        of_case.setdefault(row["CaseID"], []).append(row["CompleteTimestamp"])
    rows = []
    for case, moments in of_case.items():
        for kind, at in (("ticket_created", min(moments)), ("ticket_solved", max(moments))):
            common = {"channel": "ticket", "subject_id": str(case), "touchpoint_id": f"{case}/{kind}"}
            rows.append({**common, "type": kind, "occurred_at": at, "day": date(2012, 1, 1)})
    assert len(log) == 13_710
    return pa.Table.from_pylist(rows, JOURNEY_TOUCHPOINTS.schema)


def test_the_cycle_time_of_the_helpdesk_log_is_the_published_one() -> None:
    source = Tables({JOURNEY_TOUCHPOINTS: _touchpoints()})
    found = source.arrow(tickets(source.table(JOURNEY_TOUCHPOINTS)))
    assert found.num_rows == 3_804
    # All on one day, so that one median is of all cases.
    [row] = [
        row
        for row in count({TICKETS: found}, ["resolution_median"], [date(2012, 1, 1)]).to_pylist()
        if (row["period"], row["dimension"]) == ("day", "all")
    ]
    assert row["n"] == 3_804
    assert row["numerator"] / 24 == pytest.approx(3.93, abs=0.005)
    assert row["lower"] < row["numerator"] < row["upper"]
