"""Coverage and reconciliation: what is there of a day, and whether the vendor counts as we do."""

import json
from datetime import UTC, date, datetime

import pyarrow as pa
import pytest

from journey_platform.quality import reconciliation
from journey_platform.quality.coverage import Arrived, coverage
from journey_platform.quality.reconciliation import Gone
from journey_platform.quality.verdict import DayVerdict, RuleResult
from journey_platform.tables import raw_table

DAY = date(2026, 3, 2)
RAW = raw_table("matomo", "visits", "visit", is_entity=False)

NONE = Gone({}, {})


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
        summary, raws(*[visit(9)] * 20), Gone({DAY: refused}, {}), [DAY], zone="Europe/Amsterdam"
    )
    assert [(r["measure"], r["theirs"], r["ours"], r["unexplained"]) for r in found.to_pylist()] == [
        ("visits", theirs, 20, unexplained),
        ("actions", theirs, 20, 0),
    ]


def test_a_visit_counts_on_the_local_day_of_its_last_action() -> None:
    """23:30 UTC is half past midnight in Amsterdam."""
    summary = raws({"date": "2026-03-02", "nb_visits": 1, "nb_actions": 1})
    found = reconciliation.visits(summary, raws(visit(9), visit(23)), NONE, [DAY], zone="Europe/Amsterdam")
    assert found["ours"].to_pylist() == [1, 1]


@pytest.mark.parametrize(
    ("visits", "actions", "unexplained"),
    [
        pytest.param(20, 61, 41, id="all visits are here"),
        pytest.param(21, 61, 0, id="one is not, and may have had them"),
        pytest.param(21, 161, 91, id="but not more than the longest has"),
    ],
)
def test_a_visit_that_is_not_here_took_its_actions_along(visits: int, actions: int, unexplained: int) -> None:
    told = {"date": "2026-03-02", "nb_visits": visits, "nb_actions": actions, "max_actions": 50}
    found = reconciliation.visits(raws(told), raws(*[visit(9)] * 20), NONE, [DAY], zone="Europe/Amsterdam")
    assert found["unexplained"].to_pylist() == [0, unexplained]


def test_a_day_that_matomo_counts_nothing_for_is_compared_all_the_same() -> None:
    found = reconciliation.visits(raws(), raws(*[visit(9)] * 9), NONE, [DAY], zone="Europe/Amsterdam")
    assert found["unexplained"].to_pylist() == [-9, 0]


def test_opens_and_clicks_are_compared_by_mailing_on_the_day_it_was_sent() -> None:
    reports = raws(
        {"id": "c1", "opens": {"opens_total": 3, "unique_opens": 2}, "clicks": {"clicks_total": 30}},
        {"id": "c2"},
    )
    acts = raws(
        *(
            {"campaign_id": "c1", "action": action, "email_id": who}
            for action, who in (("open", "a"), ("open", "a"), ("open", "b"), ("click", "a"))
        )
    )
    found = reconciliation.activity(reports, acts, {"c1": DAY, "c2": date(2026, 3, 9)}, NONE, [DAY])
    assert [(r["subject"], r["measure"], r["ours"], r["unexplained"]) for r in found.to_pylist()] == [
        ("c1", "opens", 3, 0),
        ("c1", "openers", 2, 0),
        ("c1", "clicks", 1, 29),
        ("c1", "clickers", 1, 0),
    ]


@pytest.mark.parametrize(
    ("gone", "unexplained"),
    [
        pytest.param(NONE, {"opens": 20, "openers": 20}, id="nothing known"),
        pytest.param(Gone({}, {DAY: 20}), {"opens": 0, "openers": 20}, id="twice: no other opener"),
        pytest.param(Gone({date(2026, 3, 5): 20}, {}), {"opens": 0, "openers": 0}, id="refused since"),
        pytest.param(Gone({date(2026, 3, 1): 20}, {}), {"opens": 20, "openers": 20}, id="refused before"),
        pytest.param(Gone({DAY: 9}, {DAY: 9}), {"opens": 0, "openers": 11}, id="two left are tolerated"),
    ],
)
def test_what_is_known_explains_a_difference(gone: Gone, unexplained: dict[str, int]) -> None:
    reports = raws({"id": "c1", "opens": {"opens_total": 20, "unique_opens": 20}})
    found = reconciliation.activity(reports, raws(), {"c1": DAY}, gone, [DAY]).to_pylist()
    assert {row["measure"]: row["unexplained"] for row in found if "open" in row["measure"]} == unexplained


@pytest.mark.parametrize(
    ("count", "refused", "unexplained"),
    [
        pytest.param(2, [], 0, id="equal: the deleted one does not count"),
        pytest.param(12, [], 10, id="ten are missing"),
        pytest.param(12, [{"created_at": "2026-03-02T10:00:00Z"}] * 10, 0, id="they are in quarantine"),
        pytest.param(12, [{"created_at": "2026-03-01T10:00:00Z"}] * 10, 10, id="of another day"),
        pytest.param(12, [{"created_at": "soon"}] * 10, 0, id="of a day that cannot be read"),
    ],
)
def test_tickets_are_compared_with_what_the_search_counts(
    count: int, refused: list[dict[str, str]], unexplained: int
) -> None:
    span = {"start": "2026-03-01T23:00:00Z", "end": "2026-03-02T23:00:00Z"}
    tickets = raws(
        {"created_at": "2026-03-01T23:00:00Z", "status": "open"},
        {"created_at": "2026-03-02T22:59:59Z", "status": "solved"},
        {"created_at": "2026-03-02T12:00:00Z", "status": "deleted"},
        {"created_at": "2026-03-02T23:00:00Z", "status": "open"},
    )
    bodies = [json.dumps(body) for body in refused]
    [row] = reconciliation.tickets(
        raws({"date": "2026-03-02", "count": count, **span}), tickets, bodies, [DAY]
    ).to_pylist()
    assert (row["theirs"], row["ours"], row["unexplained"]) == (count, 2, unexplained)


@pytest.mark.parametrize(
    ("stored", "gone", "unexplained"),
    [
        pytest.param({DAY: 100}, NONE, 0, id="all landed"),
        pytest.param({DAY: 90}, Gone({DAY: 7}, {DAY: 3}), 0, id="the rest is elsewhere"),
        pytest.param({}, Gone({DAY: 100}, {}), 0, id="held: all in quarantine"),
        pytest.param({DAY: 99}, NONE, 1, id="one is lost"),
        pytest.param({DAY: 100}, Gone({DAY: 1}, {}), -1, id="one is doubled"),
    ],
)
def test_every_record_received_is_accounted_for_to_the_last(
    stored: dict[date, int], gone: Gone, unexplained: int
) -> None:
    [row] = reconciliation.records("shop/visits", {DAY: 100}, stored, gone).to_pylist()
    assert (row["measure"], row["tolerance"], row["unexplained"]) == ("records", 0, unexplained)


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
