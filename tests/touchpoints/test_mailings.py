"""Mailings out of raw reports."""

import json
from datetime import date

import pyarrow as pa
import pytest

from journey_platform.tables import MAILINGS, raw_table
from journey_platform.touchpoints.mailings import mailings
from tests.journeys.made import at

RAW = raw_table("mailchimp", "reports", "report", is_entity=True)
GOOD = {
    "id": "c1",
    "campaign_title": "Spring",
    "emails_sent": 100,
    "send_time": "2026-03-28T23:30:00+00:00",
    "bounces": {"hard_bounces": 2, "soft_bounces": 3, "syntax_errors": 0},
    "opens": {"opens_total": 12},
}


def _raw(*bodies):
    rows = [
        {
            "day": date(2026, 4, 1),
            "record_key": f"c{number}",
            "occurred_at": at("2026-04-01 03:00"),
            "extracted_at": at("2026-04-01 03:00"),
            "body": body if isinstance(body, str) else json.dumps(body),
        }
        for number, body in enumerate(bodies, 1)
    ]
    return pa.Table.from_pylist(rows, RAW.schema)


def test_a_report_becomes_a_mailing_on_its_local_send_day():
    found = mailings(_raw(GOOD), zone="Europe/Amsterdam")
    assert found.rejected.num_rows == 0
    assert found.rows.to_pylist() == [
        {
            "day": date(2026, 3, 29),
            "campaign_id": "c1",
            "title": "Spring",
            "sent_at": at("2026-03-28 23:30"),
            "emails_sent": 100,
            "bounces": 5,
            "delivered": 95,
        }
    ]


@pytest.mark.parametrize(
    ("change", "reason", "field"),
    [
        pytest.param({"send_time": ""}, "Invalid RFC3339", "send_time", id="never-sent"),
        pytest.param({"send_time": "2026-03-28T23:30:00"}, "timezone", "send_time", id="no-zone"),
        pytest.param({"emails_sent": None}, "Expected `int`", "emails_sent", id="no-number"),
        pytest.param({"emails_sent": -1}, "Expected `int` >= 0", "emails_sent", id="negative"),
        pytest.param({"bounces": {"hard_bounces": 1}}, "missing required field", "bounces", id="half"),
        pytest.param({"emails_sent": 4}, "more bounces than recipients", "", id="bounces"),
    ],
)
def test_a_report_that_cannot_be_counted_is_rejected_with_its_reason(change, reason, field):
    found = mailings(_raw(GOOD, {**GOOD, **change}, "{"), zone="UTC")
    assert found.rows["campaign_id"].to_pylist() == ["c1"]
    rejected, broken = found.rejected.to_pylist()
    assert reason in rejected["reason"]
    assert (rejected["field"], rejected["record_key"]) == (field, "mailchimp/reports/c2")
    assert (rejected["table"], rejected["severity"], rejected["day"]) == (
        "journeys/mailings",
        "error",
        date(2026, 4, 1),
    )
    assert broken["body"] == "{"


def test_no_reports_give_no_mailings():
    found = mailings(_raw(), zone="UTC")
    assert (found.rows.schema, found.rows.num_rows, found.rejected.num_rows) == (MAILINGS.schema, 0, 0)
