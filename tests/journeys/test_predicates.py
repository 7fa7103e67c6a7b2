"""What is left out before an answer changes none: a predicate holds where the mask of its condition does."""

import ibis
import numpy as np
import pyarrow as pa
import pytest

from journey_platform import asking
from journey_platform.asking import ask
from journey_platform.engine import Engine
from journey_platform.journeys.answers import Asked, Span
from journey_platform.journeys.conditions import condition
from journey_platform.journeys.predicates import predicate
from journey_platform.journeys.questions import Activity, Attribution, Funnel, Paths, Retention, Visits
from tests.journeys.lakes import FIRST, LAST, made_lake

SPAN = Span(FIRST, LAST, "UTC")
TEXTS = ["A", "AB", "a", "A_", "A%", "", None]
ROWS = pa.table(
    {
        "type": [text for text in TEXTS for _ in range(len(TEXTS) * 3)],
        "page": [text for _ in range(len(TEXTS)) for text in TEXTS for _ in range(3)],
        "is_new": [flag for _ in range(len(TEXTS) ** 2) for flag in (True, False, None)],
        "value": pa.array(np.arange(len(TEXTS) ** 2 * 3, dtype=float)),
    }
)


@pytest.mark.parametrize(
    "text",
    [
        "type = 'A'",
        "'A' < type",
        "type >= 'A_'",
        "not type = 'A'",
        "type <> 'A' or page is null",
        "type in ('A', 'AB') and page is not null",
        "not (type in ('A', '') or page like 'A%')",
        "type like 'A_'",
        "type like '%'",
        "is_new",
        "not is_new",
        "is_new = false",
        "type = 'A' and (page = 'a' or not is_new)",
        "true",
        "shop",
    ],
)
def test_a_predicate_holds_where_its_condition_does(text: str) -> None:
    read = condition(text, {"shop": "page = 'AB' or type is null"})
    rows = ibis.memtable(ROWS)
    told = predicate(read, rows)
    assert told is not None
    found = rows.mutate(holds=told).order_by("value").to_pyarrow()["holds"].to_pylist()
    assert found == read.mask(ROWS).tolist()


@pytest.mark.parametrize(
    "text", ["value > 3", "type = 'A' or value = 1", "type like 'A\\%'", "type = 3", "value in (1, 'A')"]
)
def test_what_could_be_compared_in_several_ways_is_not_translated(text: str) -> None:
    assert predicate(condition(text), ibis.memtable(ROWS)) is None


A, B, C = (f"type = '{kind}'" for kind in "ABC")


@pytest.mark.parametrize(
    "question",
    [
        pytest.param(Funnel(steps=[A, B]), id="ordered"),
        pytest.param(Funnel(steps=[A, B], without=[C], attempt="every", unit="account"), id="excluding"),
        pytest.param(Funnel(steps=[A, B], order="strict", attempt="every", within="3 days"), id="strict"),
        pytest.param(Funnel(steps=[A, B], order="any"), id="any order"),
        pytest.param(
            Funnel(steps=[C, B], unit="session", gap="1 day", attempt="every", within="5 days"),
            id="by session",
        ),
        pytest.param(Funnel(steps=[A, B], hold="page", where=f"{A} or {B}"), id="holding"),
        pytest.param(Funnel(steps=["is_session_start", B]), id="from session starts"),
        pytest.param(Funnel(steps=[A, B], entry="profile.plan = 'year'"), id="of a plan"),
        pytest.param(Retention(start=A, returning=B, period="day"), id="retention"),
        pytest.param(Activity(active=A, lapse_days=3), id="activity"),
        pytest.param(Attribution(conversion=C, touch=B, models=["linear", "shapley"]), id="converted paths"),
        pytest.param(Attribution(conversion=C, touch=B), id="all paths"),
        pytest.param(Paths(start=A, where=f"not {C}"), id="paths"),
        pytest.param(Paths(where=f"not {C}", unit="session"), id="paths of sessions"),
    ],
)
@pytest.mark.parametrize("few", [pytest.param(-1, id="owners first never"), pytest.param(9, id="always")])
def test_a_question_alone_has_the_answer_that_it_has_among_others(
    question, few, tmp_path, monkeypatch
) -> None:
    """Among others that look at every touchpoint, none is left out."""
    monkeypatch.setattr(asking, "_FEW", few)
    alone, beside = Asked("it", question, SPAN), Asked("it", question, SPAN)
    others = [
        Asked("all", Visits(), SPAN),
        Asked("all", Funnel(steps=[A, B], order="strict", unit="account"), SPAN),
    ]
    with Engine(made_lake(tmp_path)) as engine:
        [[found]] = ask(engine, [alone]).values()
        together = ask(engine, [beside, *others])
    [expected] = [t for tables in together.values() for t in tables if t["name"][0].as_py() == "it"]
    assert found.num_rows > 0
    assert found.equals(expected)
