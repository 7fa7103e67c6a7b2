"""What people say of how they heard of us, beside their first tracked visit."""

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from journey_platform.journeys.declared import DeclarationError, read
from journey_platform.journeys.heard import agreement, heard, summary
from journey_platform.tables import HEARD, JOURNEY_TOUCHPOINTS, SESSIONS, Table
from tests.kpis.made import Tables

STANDS_FOR = {"social media": ("Organic Social",), "television": ()}
SOCIAL, NEVER = "Organic Social", "(no visit before)"


def at(hour: int) -> datetime:
    return datetime(2026, 3, 2, hour, tzinfo=UTC)


def answered(person: int | None, stated: str | None = "social media", **said: Any) -> dict[str, Any]:
    row = {"type": "survey_heard", "person_key": person, "reason": stated, "occurred_at": at(12)}
    return row | {"is_bot": False} | said


def visit(person: int, channel: str, hour: int = 9, **said: Any) -> dict[str, Any]:
    return {"person_key": person, "traffic_channel": channel, "started_at": at(hour), "is_bot": False} | said


def matrix(answers: list[dict[str, Any]], visits: list[dict[str, Any]]) -> pa.Table:
    source = Tables({})
    told = source.memtable(_table(answers, JOURNEY_TOUCHPOINTS))
    seen = source.memtable(_table(visits, SESSIONS))
    return agreement(source.arrow(heard(told, seen)), STANDS_FOR)


def _table(rows: list[dict[str, Any]], table: Table) -> pa.Table:
    schema = table.schema
    return pa.table([pa.array([row.get(f.name) for row in rows], f.type) for f in schema], schema=schema)


@pytest.mark.parametrize(
    ("answer", "visits", "tracked", "reading"),
    [
        pytest.param(answered(1), [visit(1, SOCIAL)], SOCIAL, "agrees", id="agrees"),
        pytest.param(answered(1), [visit(1, "Email")], "Email", "differs", id="differs"),
        pytest.param(
            answered(1),
            [visit(1, SOCIAL, 10), visit(1, "Email", 8)],
            "Email",
            "differs",
            id="the first counts",
        ),
        pytest.param(answered(1), [visit(1, "Email", 13)], NEVER, "not tracked", id="a visit after"),
        pytest.param(answered(1), [visit(2, "Email")], NEVER, "not tracked", id="another's visit"),
        pytest.param(answered(1), [visit(1, "Email", is_bot=True)], NEVER, "not tracked", id="a robot's"),
        pytest.param(answered(None), [], "(nobody known)", "not tracked", id="an anonymous answer"),
        pytest.param(answered(1, "television"), [visit(1, "Email")], "Email", "decoy", id="a decoy"),
        pytest.param(answered(1, "a zeppelin"), [], NEVER, "not declared", id="not declared"),
        pytest.param(answered(1, "Social Media"), [visit(1, SOCIAL)], SOCIAL, "agrees", id="capitals"),
    ],
)
def test_an_answer_is_read_beside_the_first_visit_before_it(
    answer: dict[str, Any], visits: list[dict[str, Any]], tracked: str, reading: str
) -> None:
    [row] = matrix([answer], visits).to_pylist()
    assert (row["tracked"], row["answers"], row["share"], row["reading"]) == (tracked, 1, 1.0, reading)


def test_shares_are_of_the_answer_and_surveys_and_tills_stand_apart() -> None:
    answers = [answered(n) for n in (1, 2, 3)] + [answered(1, type="heard_about_us"), answered(4, None)]
    found = matrix(answers, [visit(1, SOCIAL), visit(2, "Email"), visit(3, "Email")])
    assert found.schema == HEARD.schema
    shares = {(r["asked"], r["tracked"]): (r["answers"], round(r["share"], 3)) for r in found.to_pylist()}
    assert shares == {
        ("survey", "Email"): (2, 0.667),
        ("survey", SOCIAL): (1, 0.333),
        ("commerce", SOCIAL): (1, 1.0),
    }
    assert summary(found) == {"answers": 4, "compared": 4, "agreement": 0.5, "decoys": 0.0}


def test_nothing_compared_is_null_and_not_zero() -> None:
    assert summary(matrix([], [])) == {"answers": 0, "compared": 0, "agreement": None, "decoys": None}


def test_what_an_answer_stands_for_is_declared_and_a_mistake_told_with_its_line() -> None:
    assert read("heard:\n  Social Media: [Email]\n  a zeppelin: []\n").heard == {
        "social media": ("Email",),
        "a zeppelin": (),
    }
    with pytest.raises(DeclarationError, match=r"line 2, heard\.a friend: a list of channels"):
        read("heard:\n  a friend: Direct\n")
