"""Coverage and reconciliation: what is there of a day, and whether the vendor counts as we do."""

import json
from datetime import UTC, date, datetime

import pyarrow as pa
import pytest

from journey_platform.quality import reconciliation
from journey_platform.quality.coverage import Arrived, coverage
from journey_platform.quality.verdict import DayVerdict, RuleResult
from journey_platform.tables import raw_table

DAY = date(2026, 3, 2)
RAW = raw_table("matomo", "visits", "visit", is_entity=False)


def raws(*bodies: object) -> pa.Table:
    noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    rows = [
        {
            "day": DAY,
            "record_key": str(n),
            "occurred_at": noon,
            "extracted_at": noon,
            "body": json.dumps(body),
        }
        for n, body in enumerate(bodies)
    ]
    return pa.Table.from_pylist(rows, schema=RAW.schema)


def visit(hour: int) -> dict[str, object]:
    at = int(datetime(2026, 3, 2, hour, tzinfo=UTC).timestamp())
    return {
        "actionDetails": [{"type": "action", "timestamp": at}, {"type": "ecommerceOrder", "timestamp": at}]
    }


@pytest.mark.parametrize(
    ("theirs", "refused", "unexplained"),
    [
        pytest.param(20, 0, 0, id="equal"),
        pytest.param(23, 0, 0, id="within the tolerance"),
        pytest.param(40, 0, 20, id="half is missing"),
        pytest.param(40, 20, 0, id="half is in quarantine"),
        pytest.param(10, 0, -10, id="they count fewer"),
    ],
)
def test_visits_are_compared_with_what_matomo_counts(theirs: int, refused: int, unexplained: int) -> None:
    summary = raws({"date": "2026-03-02", "nb_visits": theirs, "nb_actions": theirs})
    found = reconciliation.visits(
        summary, raws(*[visit(9)] * 20), {DAY: refused}, [DAY], zone="Europe/Amsterdam"
    )
    assert [(r["measure"], r["theirs"], r["ours"], r["unexplained"]) for r in found.to_pylist()] == [
        ("visits", theirs, 20, unexplained),
        ("actions", theirs, 20, 0),
    ]


def test_a_visit_counts_on_the_local_day_of_its_last_action() -> None:
    """23:30 UTC is half past midnight in Amsterdam."""
    summary = raws({"date": "2026-03-02", "nb_visits": 1, "nb_actions": 1})
    found = reconciliation.visits(summary, raws(visit(9), visit(23)), {}, [DAY], zone="Europe/Amsterdam")
    assert found["ours"].to_pylist() == [1, 1]


def test_opens_and_clicks_are_compared_by_mailing_on_the_day_it_was_sent() -> None:
    reports = raws({"id": "c1", "opens": {"opens_total": 2}, "clicks": {"clicks_total": 30}}, {"id": "c2"})
    acts = raws(*({"campaign_id": "c1", "action": action} for action in ("open", "open", "click")))
    found = reconciliation.activity(reports, acts, {"c1": DAY, "c2": date(2026, 3, 9)}, {}, [DAY])
    assert [(r["subject"], r["measure"], r["ours"], r["unexplained"]) for r in found.to_pylist()] == [
        ("c1", "opens", 2, 0),
        ("c1", "clicks", 1, 29),
    ]


@pytest.mark.parametrize(
    ("arrived", "held", "as_of", "status"),
    [
        pytest.param({DAY: 62}, set(), date(2026, 3, 20), "ok", id="whole"),
        pytest.param({DAY: 62}, set(), date(2026, 3, 4), "open", id="its lag is not over"),
        pytest.param({DAY: 62}, {DAY}, date(2026, 3, 20), "held", id="held"),
        pytest.param({}, set(), date(2026, 3, 20), "missing", id="missing"),
        pytest.param({}, {DAY}, date(2026, 3, 20), "held", id="held without an earlier version"),
    ],
)
def test_a_day_says_what_is_there_of_it(
    arrived: dict[date, int], held: set[date], as_of: date, status: str
) -> None:
    offered = RuleResult("few_rows_fail", "share_failed", "error", 1, 0, None, '{"rows": 100, "failed": 38}')
    stream = Arrived(
        "matomo/visits", 2, arrived, {DAY: DayVerdict(DAY, (offered,), "f", "s", None)}, held, {DAY: (4, 1)}
    )
    [row] = coverage([stream], [DAY], as_of=as_of).to_pylist()
    assert (row["status"], row["settles_on"]) == (status, date(2026, 3, 5))
    assert row["usable_share"] == (0.62 if arrived else 0.0)
    assert (row["persons"], row["known_share"]) == (4, 0.25)
