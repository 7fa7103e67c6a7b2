"""The reasons of tickets week by week: rising, new, and what most are about."""

from datetime import date, timedelta

import pyarrow as pa
import pytest

from journey_platform.kpis.reasons import reasons
from journey_platform.tables import TICKET_REASONS, TICKETS

MONDAY = date(2026, 2, 2)


def _weeks(*weeks, first=MONDAY, today=None):
    """One mapping of reason -> tickets per week."""
    rows = [
        {
            "ticket_id": f"{n}-{reason}-{k}",
            "reason": reason,
            "created_day": first + timedelta(days=7 * n + k % 7),
        }
        for n, week in enumerate(weeks)
        for reason, count in week.items()
        for k in range(count)
    ]
    today = today or first + timedelta(days=7 * len(weeks))
    found = reasons(pa.Table.from_pylist(rows, TICKETS.schema), first_day=first, today=today)
    assert found.schema == TICKET_REASONS.schema
    return {(row["week"], row["reason"]): row for row in found.to_pylist()}


def test_a_week_stands_beside_the_four_before():
    usual = {"bill": 6, "parcel": 4}
    found = _weeks(usual, usual, usual, usual, {"bill": 2, "parcel": 3, "router": 15})
    row = found[MONDAY + timedelta(days=28), "router"]
    assert (row["tickets"], row["all_tickets"], row["before"], row["all_before"]) == (15, 20, 0, 40)
    assert (row["share"], row["change"]) == (0.75, 0.75)
    assert row["is_new"]
    assert row["is_rising"]
    bill = found[MONDAY + timedelta(days=28), "bill"]
    assert (bill["is_new"], bill["is_rising"]) == (False, False)
    assert bill["change"] == pytest.approx(0.1 - 0.6)
    assert bill["upper"] < 0
    cumulated = [
        found[MONDAY + timedelta(days=28), reason]["cumulated"] for reason in ("router", "parcel", "bill")
    ]
    assert cumulated == pytest.approx([0.75, 0.9, 1.0])


def test_the_interval_of_a_change_is_newcombes():
    """His example: 56 of 70 less 48 of 80 is 0.2, from 0.0524 to 0.3339 (1998, table II, a)."""
    row = _weeks({"x": 12, "y": 8}, *[{"x": 12, "y": 8}] * 3, {"x": 56, "y": 14})[
        MONDAY + timedelta(days=28), "x"
    ]
    assert (row["before"], row["all_before"]) == (48, 80)
    assert (row["lower"], row["upper"]) == pytest.approx((0.0524, 0.3339), abs=5e-5)


@pytest.mark.parametrize(
    ("weeks", "is_new"),
    [
        pytest.param([{"a": 1}] * 4 + [{"b": 1}], True, id="after four weeks of others"),
        pytest.param([{"a": 1}] * 3 + [{"b": 1}], False, id="nobody knows what was before"),
        pytest.param([{"b": 1}] + [{"a": 1}] * 5 + [{"b": 1}], False, id="seen long ago"),
        pytest.param([{"a": 1}] * 2 + [{}] + [{"a": 1}] + [{"b": 1}], False, id="a week without tickets"),
    ],
)
def test_a_reason_is_new_when_first_seen_after_weeks_that_tell(weeks, is_new):
    assert _weeks(*weeks)[MONDAY + timedelta(days=7 * (len(weeks) - 1)), "b"]["is_new"] is is_new


def test_a_reason_seen_before_the_first_whole_week_is_not_new():
    days = [MONDAY - timedelta(days=5), *(MONDAY + timedelta(days=7 * n) for n in range(4))]
    told = ["b", "a", "a", "a", "b"]
    rows = [
        {"ticket_id": day.isoformat(), "reason": reason, "created_day": day}
        for day, reason in zip(days, told, strict=True)
    ]
    found = reasons(
        pa.Table.from_pylist(rows, TICKETS.schema),
        first_day=MONDAY - timedelta(days=6),
        today=MONDAY + timedelta(days=28),
    )
    assert not any(row["is_new"] for row in found.to_pylist())


def test_only_whole_weeks_that_are_over_are_told():
    wednesday = MONDAY + timedelta(days=2)
    found = _weeks({"a": 7}, {"a": 7}, {"a": 7}, first=wednesday, today=MONDAY + timedelta(days=20))
    assert {week for week, _ in found} == {MONDAY + timedelta(days=7)}


def test_tickets_without_a_reason_are_one_of_them():
    assert list(_weeks({None: 2})) == [(MONDAY, "Unassigned")]
