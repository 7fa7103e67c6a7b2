"""The gate by the day: bad days are held and named, good ones go through, in a range as in single days."""

from pathlib import Path

import pytest

from connectors.base import Record
from journey_platform.lake import Lake
from journey_platform.landing import LandingReport
from journey_platform.landing.ledger import verdicts
from journey_platform.landing.replay import quarantined_days, replay
from journey_platform.quality.rules import Suite, is_one_of
from journey_platform.quality.suites.raw import Stream, raw_suite
from journey_platform.tables import GATE_VERDICTS, QUARANTINE
from tests.quality.raws import SUITE, VISITS, day, land, quarantined, rows_by_day, visits

USUAL = 300
WEEKS = 5


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


def usual(numbers: range) -> list[list[Record]]:
    return [visits(number, USUAL + number % 7) for number in numbers]


def held(report: LandingReport) -> dict[int, str]:
    return {(of.day - day(0)).days: (of.reason or "").partition(":")[0] for of in report.held}


def accounted(report: LandingReport) -> None:
    for of in report.days:
        assert of.received == of.landed + of.known + of.quarantined + of.duplicates + of.held


BAD = 28


@pytest.mark.parametrize(
    ("records", "rule"),
    [
        pytest.param([], "rows_like_same_weekday", id="an empty list with 200"),
        pytest.param(visits(BAD, USUAL // 2), "rows_like_same_weekday", id="half the pages"),
        pytest.param(
            visits(BAD, USUAL - 90) + visits(BAD, 90, start=USUAL, device="fridge"),
            "few_rows_fail",
            id="every third row fails",
        ),
        pytest.param(visits(BAD, USUAL, device=None), "few_rows_fail", id="all null"),
    ],
)
def test_a_bad_day_is_held_and_the_others_go_through(lake: Lake, records: list[Record], rule: str) -> None:
    good = [*usual(range(BAD)), *usual(range(BAD + 1, 35))]
    report = land(lake, range(35), *good, records)
    assert held(report) == {BAD: rule}
    accounted(report)
    assert sorted(rows_by_day(lake)) == [day(n) for n in range(35) if n != BAD]


def test_the_last_good_version_of_a_held_day_stays(lake: Lake) -> None:
    land(lake, range(35), *usual(range(35)))
    before = rows_by_day(lake)
    report = land(lake, range(26, 31), *usual(range(26, 28)), *usual(range(29, 31)))
    assert held(report) == {BAD: "rows_like_same_weekday"}
    assert rows_by_day(lake) == before


def test_single_days_are_judged_as_a_range_is(lake: Lake, tmp_path: Path) -> None:
    other = Lake(str(tmp_path / "other"))
    days = [part if number != BAD else [] for number, part in enumerate(usual(range(32)))]
    land(lake, range(32), *days)
    for number, part in enumerate(days):
        land(other, [number], part)
    assert rows_by_day(lake) == rows_by_day(other)
    held_days = [
        {row["day"] for row in of.read(GATE_VERDICTS).to_pylist() if row["verdict"] == "held"}
        for of in (lake, other)
    ]
    assert held_days == [{day(BAD)}, {day(BAD)}]


def test_a_row_that_fails_goes_to_quarantine_and_its_day_goes_through(lake: Lake) -> None:
    report = land(lake, [0], [*visits(0, 50), *visits(0, 2, start=50, device="fridge")])
    assert held(report) == {}
    accounted(report)
    assert (rows_by_day(lake), quarantined(lake)) == ({day(0): 50}, [(day(0), "device_known", "error")] * 2)


def test_the_same_rows_under_the_same_rules_are_not_judged_again(lake: Lake) -> None:
    first = [*visits(0, 50), *visits(0, 2, start=50, device="fridge")]
    land(lake, [0], first, run_id="first")
    state = (lake.version(VISITS), lake.version(QUARANTINE), lake.version(GATE_VERDICTS))
    report = land(lake, [0], list(reversed(first)), run_id="second")
    accounted(report)
    assert [(of.landed, of.quarantined, of.outcome.value) for of in report.days] == [(50, 2, "unchanged")]
    assert state == (lake.version(VISITS), lake.version(QUARANTINE), lake.version(GATE_VERDICTS))
    assert set(lake.read(GATE_VERDICTS)["run_id"].to_pylist()) == {"first"}


def test_other_rules_judge_again(lake: Lake) -> None:
    first = [*visits(0, 50), *visits(0, 2, start=50, device="fridge")]
    land(lake, [0], first)
    land(lake, [0], first, suite=WITH_FRIDGES)
    assert (rows_by_day(lake), quarantined(lake)) == ({day(0): 52}, [])


def test_a_rule_that_cannot_be_evaluated_holds_only_the_days_it_fails_on(lake: Lake) -> None:
    """The expression divides text as a number, which fails on one day's rows alone."""
    suite = Suite(
        rules=(is_one_of("page_number", "number", ("0",)),),
        fields={"page": "$.page"},
        columns={"number": "cast(case when page = '/' then '0' else page end as integer)::varchar"},
    )
    report = land(lake, range(3), visits(0, 20), visits(1, 20, page="x"), visits(2, 20), suite=suite)
    assert held(report) == {1: "page_number"}
    accounted(report)
    assert rows_by_day(lake) == {day(0): 20, day(2): 20}


@pytest.mark.parametrize(
    ("changes", "rule", "names"),
    [
        pytest.param({"colour": "red"}, "fields_known", {"new_fields": ["colour"]}, id="a new field"),
        pytest.param(
            {"page": 7}, "fields_of_one_type", {"retyped_fields": ["page"]}, id="a field of another type"
        ),
    ],
)
def test_drift_of_fields_is_named_and_holds_nothing(
    lake: Lake, changes: dict[str, object], rule: str, names: dict[str, list[str]]
) -> None:
    report = land(lake, range(12), *usual(range(11)), visits(11, USUAL, **changes))
    assert held(report) == {}
    results = {result.rule: result for result in verdicts(lake, VISITS, [day(11)])[day(11)].results}
    assert not results[rule].is_passed
    assert names.items() <= results[rule].figures.items()
    drifting = [name for name in results if name.startswith("fields_") and not results[name].is_passed]
    assert drifting == [rule]


def test_a_mix_that_shifts_is_told(lake: Lake) -> None:
    land(lake, range(12), *usual(range(11)), visits(11, USUAL, device="desk"))
    failed = {
        (of, result.rule)
        for of, verdict in verdicts(lake, VISITS, [day(n) for n in range(12)]).items()
        for result in verdict.results
        if not result.is_passed
    }
    assert failed == {(day(11), "device_mix_like_before")}


WITH_FRIDGES = raw_suite(
    Stream(
        fields={"device": "$.device"},
        rules=(is_one_of("device_known", "device", ("phone", "desk", "fridge")),),
        categories=("device",),
    ),
    is_entity=False,
)


def test_replay_after_a_rule_was_changed_loses_nothing_and_doubles_nothing(lake: Lake) -> None:
    rows = [*visits(0, 50), *visits(0, 2, start=50, device="fridge")]
    land(lake, [0, 1], rows, visits(1, 40))
    assert quarantined_days(lake, VISITS, "device_known") == [day(0)]
    [done] = replay(lake, VISITS, WITH_FRIDGES, [day(0)], run_id="again", reason="device_known")
    assert (done.taken, done.landed, done.refused, done.held_by) == (2, 2, 0, None)
    assert (rows_by_day(lake), quarantined(lake)) == ({day(0): 52, day(1): 40}, [])
    state = (lake.version(VISITS), lake.version(QUARANTINE), lake.version(GATE_VERDICTS))
    [again] = replay(lake, VISITS, WITH_FRIDGES, [day(0)], run_id="third", reason="device_known")
    assert again.taken == 0
    assert state == (lake.version(VISITS), lake.version(QUARANTINE), lake.version(GATE_VERDICTS))
    # The vendor's same answer is known now, too.
    land(lake, [0], rows, suite=WITH_FRIDGES)
    assert state == (lake.version(VISITS), lake.version(QUARANTINE), lake.version(GATE_VERDICTS))


def test_replay_under_the_same_rules_changes_nothing(lake: Lake) -> None:
    land(lake, [0], [*visits(0, 50), *visits(0, 2, start=50, device="fridge")])
    before = (lake.version(VISITS), lake.read(QUARANTINE).to_pylist())
    [done] = replay(lake, VISITS, SUITE, [day(0)], run_id="again")
    assert (done.taken, done.landed, done.refused) == (2, 0, 2)
    assert before == (lake.version(VISITS), lake.read(QUARANTINE).to_pylist())


def test_a_held_day_that_somebody_accepts_is_published_as_it_was_held(lake: Lake) -> None:
    half = visits(BAD, USUAL // 2)
    land(lake, range(BAD + 1), *usual(range(BAD)), half)
    assert len(quarantined(lake)) == len(half)
    [still] = replay(lake, VISITS, SUITE, [day(BAD)], run_id="again")
    assert (still.held, still.held_by, day(BAD) in rows_by_day(lake)) == (
        150,
        "rows_like_same_weekday",
        False,
    )
    [done] = replay(lake, VISITS, SUITE, [day(BAD)], run_id="accepted", accepts=True)
    assert (done.landed, done.held_by, rows_by_day(lake)[day(BAD)]) == (150, None, 150)
    assert quarantined(lake) == []
    report = land(lake, [BAD], half)
    assert (held(report), report.days[0].outcome.value) == ({}, "unchanged")


def test_after_the_source_is_fixed_held_days_are_published_and_their_rows_leave_quarantine(
    lake: Lake,
) -> None:
    """90 days, three of them bad: 87 are published, 3 held; after the fix, the 3."""
    bad = {40: [], 55: visits(55, 100), 70: visits(70, USUAL, device="fridge")}
    good = usual(range(90))
    report = land(lake, range(90), *(bad.get(number, part) for number, part in enumerate(good)))
    assert held(report) == {
        40: "rows_like_same_weekday",
        55: "rows_like_same_weekday",
        70: "few_rows_fail",
    }
    assert (len(rows_by_day(lake)), len(quarantined(lake))) == (87, 400)
    fixed = land(lake, sorted(bad), *(good[number] for number in bad))
    assert held(fixed) == {}
    assert (len(rows_by_day(lake)), quarantined(lake)) == (90, [])


def test_clean_days_raise_no_alarm(lake: Lake) -> None:
    land(lake, range(90), *usual(range(90)))
    assert set(lake.read(GATE_VERDICTS)["verdict"].to_pylist()) == {"passed"}
