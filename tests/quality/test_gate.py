"""The traps of Great Expectations: what it lets pass, what it hides, and what the gate makes of it."""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime

import pyarrow as pa
import pytest

from journey_platform.quality.gate import NOT_EVALUATED, evaluate, judged
from journey_platform.quality.masking import masked
from journey_platform.quality.rules import Rule, Suite, is_between, is_one_of, is_present, is_unique, matches
from journey_platform.quality.suites import guarded_tables, suite_of
from journey_platform.tables import raw_table, touchpoints_table

TABLE = raw_table("shop", "visits", "visit", is_entity=False)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def raw(*bodies: str) -> pa.Table:
    return pa.Table.from_pylist(
        [
            {
                "day": date(2026, 3, 1),
                "record_key": f"k{n}",
                "occurred_at": NOON,
                "extracted_at": NOON,
                "body": b,
            }
            for n, b in enumerate(bodies)
        ],
        schema=TABLE.schema,
    )


KIND = Suite(
    fields={"kind": "$.kind"},
    rules=(is_present("kind_given", "kind"), is_one_of("kind_known", "kind", ("a", "b"))),
)


def failed(rows: pa.Table, suite: Suite) -> dict[str, list[int]]:
    verdict = evaluate(rows, suite)
    assert not verdict.is_broken
    return {
        rule.name: [found.position for found in verdict.findings if found.rule == rule.name]
        for rule in suite.rules
    }


@pytest.mark.parametrize(
    ("bodies", "expected"),
    [
        pytest.param([], {"kind_given": [], "kind_known": []}, id="no rows"),
        pytest.param(['{"kind": null}'] * 3, {"kind_given": [0, 1, 2], "kind_known": []}, id="all null"),
        pytest.param(["{}", '{"kind": "a"}'], {"kind_given": [0], "kind_known": []}, id="absent"),
        pytest.param(['{"kind": "a"}', '{"kind": "c"}'], {"kind_given": [], "kind_known": [1]}, id="unknown"),
        pytest.param(["not json", '{"kind": "a"}'], {"kind_given": [0], "kind_known": []}, id="not JSON"),
        pytest.param(
            ['{"kind": 7}', '{"kind": "b"}'], {"kind_given": [], "kind_known": [0]}, id="mixed types"
        ),
    ],
)
def test_positions_are_those_of_the_rows(bodies: list[str], expected: dict[str, list[int]]) -> None:
    assert failed(raw(*bodies), KIND) == expected


def test_positions_count_rows_whatever_index_a_frame_has() -> None:
    import pandas as pd

    frame = pd.DataFrame({"n": [5.0, 50.0, 6.0, 60.0]}, index=[0, 0, 1, 1])
    verdict = judged(frame, [is_between("small", "n", 0, 10)], 4)
    assert [found.position for found in verdict.findings] == [1, 3]


def test_positions_count_rows_also_where_an_expression_looks_at_other_rows() -> None:
    """Rows come out of a window in its order: here by owner, while owners take turns in the batch."""
    rows = raw(*(f'{{"owner": "{"abc"[n % 3]}", "n": {n}}}' for n in range(3000)))
    suite = Suite(
        fields={"owner": "$.owner", "n": "$.n"},
        columns={"since_first": "n::integer - min(n::integer) over (partition by owner)"},
        rules=(is_between("early", "since_first", None, 2994),),
    )
    assert failed(rows, suite) == {"early": [2997, 2998, 2999]}


def test_many_bad_rows_are_all_named() -> None:
    rows = raw(*['{"kind": "z"}'] * 500)
    assert len(failed(rows, KIND)["kind_known"]) == 500


@pytest.mark.parametrize(
    "suite",
    [
        pytest.param(
            Suite(rules=(is_present("x", "n"),), columns={"n": "cast(body as integer)"}),
            id="expression fails",
        ),
        pytest.param(Suite(rules=(is_present("x", "no_such_column"),)), id="no such column"),
        pytest.param(Suite(rules=(is_between("x", "body", 0, 10),)), id="types that do not compare"),
        pytest.param(Suite(rules=(matches("x", "body", "("),)), id="a pattern that is none"),
    ],
)
def test_a_rule_that_cannot_be_evaluated_fails_closed_without_a_value_in_its_words(suite: Suite) -> None:
    verdict = evaluate(raw('{"secret": "hunter2"}'), suite)
    assert verdict.is_broken
    assert verdict.accepted(raw("{}")).num_rows == 0
    assert {result.error for result in verdict.results} == {NOT_EVALUATED}


def test_a_rule_that_most_rows_must_keep_names_the_others_although_it_passes() -> None:
    """Great Expectations then says success, and lists the rows all the same."""
    rule = replace(is_one_of("kind_known", "kind", ("a",)), arguments={"value_set": ["a"], "mostly": 0.5})
    rows = raw(*['{"kind": "a"}'] * 3, '{"kind": "z"}')
    assert failed(rows, Suite(fields={"kind": "$.kind"}, rules=(rule,))) == {"kind_known": [3]}


def test_no_value_of_a_row_is_in_what_the_gate_says_nor_in_what_it_prints(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    verdict = evaluate(raw(*['{"kind": "canary@person.example"}'] * 50), KIND)
    assert verdict.rejected() == set(range(50))
    out, err = capfd.readouterr()
    assert "canary" not in repr(verdict) + out + err + caplog.text
    assert (out, err) == ("", ""), "progress bars would fill the run's log"


def test_the_same_names_can_be_checked_again_in_one_process() -> None:
    rows = raw('{"kind": "z"}')
    assert evaluate(rows, KIND) == evaluate(rows, KIND)


def test_half_a_million_bad_entries_are_named_by_position_in_bounded_time() -> None:
    """With index columns this takes minutes and gigabytes; as positions, seconds."""
    count = 100_000
    rows = pa.table(
        {
            "day": pa.repeat(pa.scalar(date(2026, 3, 1)), count),
            "record_key": pa.repeat("k", count),
            "occurred_at": pa.repeat(pa.scalar(NOON, pa.timestamp("us", "UTC")), count),
            "extracted_at": pa.repeat(pa.scalar(NOON, pa.timestamp("us", "UTC")), count),
            "body": pa.repeat("{}", count),
        }
    )
    suite = Suite(rules=tuple(is_one_of(f"rule_{n}", "record_key", (f"{n}",)) for n in range(5)))
    started = time.process_time()
    verdict = evaluate(rows, suite)
    assert len(verdict.findings) == 5 * count
    assert time.process_time() - started < 30


def test_threads_do_not_disturb_each_other() -> None:
    """Batches of different sizes at once: each gets its own answer."""

    def count(number: int) -> bool:
        rows = raw(*['{"kind": "z"}'] * number, *['{"kind": "a"}'] * (40 - number))
        return failed(rows, KIND)["kind_known"] == list(range(number))

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(count, range(24)))


def test_duplicates_are_all_named() -> None:
    suite = Suite(rules=(is_unique("once", "record_key"),))
    rows = pa.concat_tables([raw("{}"), raw("{}", "{}")])
    assert failed(rows, suite) == {"once": [0, 1]}


def test_a_suite_changes_its_version_with_any_rule() -> None:
    versions = {
        Suite(rules=rules, fields=fields).version
        for rules, fields in (
            ((is_present("x", "a"),), {"a": "$.a"}),
            ((is_present("x", "a"),), {"a": "$.b"}),
            ((is_between("x", "a", 0, 1),), {"a": "$.a"}),
            ((is_between("x", "a", 0, 2),), {"a": "$.a"}),
        )
    }
    assert len(versions) == 4
    assert KIND.version == Suite(rules=KIND.rules, fields=dict(KIND.fields)).version


def test_every_rule_has_a_name_of_its_own_and_a_column_that_exists() -> None:
    from connectors.registry import CONNECTORS
    from journey_platform.kpis.catalogue import STAGES
    from journey_platform.quality.suites.vendors import STREAMS
    from journey_platform.sources import archive_of
    from journey_platform.tables import PROFILES_TABLE, SESSIONS, kpis_table

    raws = [archive_of(vendor, stream) for vendor, of in CONNECTORS.items() for stream in of.streams]
    ours = [
        PROFILES_TABLE,
        SESSIONS,
        *map(kpis_table, STAGES),
    ]
    assert {table.name for table in raws} >= set(STREAMS)
    assert {table.name for table in ours} == set(guarded_tables())
    for table in (*raws, touchpoints_table("matomo"), *ours):
        suite = suite_of(table)
        names = [rule.name for rule in (*suite.rules, *suite.day_rules)]
        assert len(names) == len(set(names)), table.name
        for rule in suite.rules:
            assert rule.column in {*suite.columns, *suite.fields, *table.schema.names}, (table.name, rule)
        assert not evaluate(_one_row(table), suite).is_broken, table.name


def _one_row(table: object) -> pa.Table:
    """A row of nulls, but for what may not be null; body is an object."""
    schema = table.schema  # type: ignore[attr-defined]
    columns = []
    for field in schema:
        value: object = None
        if not field.nullable or field.name == "body":
            value = {"body": "{}", "day": date(2026, 3, 1), "occurred_at": NOON}.get(field.name)
            if value is None:
                value = "x" if pa.types.is_string(field.type) else 1
        columns.append(pa.array([value], field.type))
    return pa.table(columns, schema=schema)


def test_great_expectations_is_not_imported_by_the_definitions_nor_for_an_empty_batch() -> None:
    code = (
        "import sys; from journey_platform.quality.gate import evaluate;"
        "from journey_platform.quality.suites import suite_of;"
        "from journey_platform.tables import touchpoints_table as t; import journey_platform.defs.build;"
        "evaluate(t('matomo').empty(), suite_of(t('matomo')));"
        "sys.exit('great_expectations' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("body", "shape"),
    [
        pytest.param('{"email": "ann@x.nl", "n": 42}', '{"email": "aaa@a.aa", "n": "99"}', id="an address"),
        pytest.param('{"ann@x.nl": 1}', '{"[...]": "9"}', id="a name that is data"),
        pytest.param("not json", "not JSON, 8 characters", id="no JSON"),
        pytest.param('{"list": [1, 2], "none": null}', '{"list": "list of 2", "none": null}', id="nested"),
    ],
)
def test_samples_show_shapes_only(body: str, shape: str) -> None:
    assert masked(body) == shape


def test_a_rule_is_one_expectation_whatever_its_severity() -> None:
    rule = Rule("x", "ExpectColumnValuesToNotBeNull", "kind", severity="warn")
    verdict = evaluate(raw("{}"), Suite(rules=(rule,), fields={"kind": "$.kind"}))
    assert (verdict.rejected(), len(verdict.findings)) == (set(), 1)


def test_a_score_stays_on_the_scale_that_it_names() -> None:
    table = touchpoints_table("files")
    given = [
        (5.0, "csat_5", "survey_score", True),
        (6.0, "csat_5", "survey_score", False),
        (7.0, "csat_7", "survey_score", True),
        (0.0, "ces_7", "survey_score", False),
        (7.0, "ces_5", "survey_score", False),
        (7.0, None, "survey_score", False),
        (None, None, "survey_score", True),
        (4.5, "stars", "review", True),
        (0.0, "stars", "review", False),
        (5.0, None, "review", False),
        (None, None, "review", True),
        (70.0, "EUR", "purchase", True),
    ]
    rows = pa.Table.from_pylist(
        [
            {
                "day": NOON.date(),
                "touchpoint_id": str(n),
                "occurred_at": NOON,
                "channel": "survey",
                "type": kind,
                "value": value,
                "unit": unit,
            }
            for n, (value, unit, kind, _) in enumerate(given)
        ],
        schema=table.schema,
    )
    refused = [n for n, (*_, is_on_it) in enumerate(given) if not is_on_it]
    assert failed(rows, suite_of(table))["score_on_its_scale"] == refused
