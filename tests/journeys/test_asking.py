"""Questions asked of a lake: through the file, the commands, and Python."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from journey_platform.asking import ask, asked_of, left_out
from journey_platform.cli import main
from journey_platform.engine import Engine
from journey_platform.journeys.answers import TABLES, Asked, Span
from journey_platform.journeys.declared import load, read
from journey_platform.journeys.questions import Funnel, Stages
from journey_platform.lake import Lake
from journey_platform.tables import FUNNELS, IDENTIFIERS_TABLE, JOURNEY_TOUCHPOINTS, SENTIMENT, STAGES
from tests.journeys.brute import START, random_history
from tests.journeys.lakes import FIRST, LAST, made_lake, settings_of
from tests.journeys.made import touchpoints

ROOT = Path(__file__).resolve().parents[2]
SPAN = Span(FIRST, LAST, "UTC")
EVERYTHING = """
segments:
  mail: traffic_channel = 'Email'
  paid: traffic_channel = 'Paid Search'
visits:
  of_people: {by: 'mail, paid'}
  of_devices: {variant: universal, period: week}
funnels:
  by_person: {steps: [type = 'A', type = 'B'], by: 'mail, paid'}
  by_session: {steps: [type = 'A', type = 'B'], unit: session}
  by_account: {steps: [type = 'A', type = 'B'], unit: account, attempt: every}
  of_a_plan: {steps: [type = 'A', type = 'B'], entry: profile.plan = 'year'}
paths:
  after: {start: type = 'A', converted: type = 'C'}
retention:
  back: {start: type = 'A', returning: type = 'B', period: day}
activity:
  people: {active: channel = 'web', lapse_days: 3}
attribution:
  c: {conversion: type = 'C', touch: is_session_start, order: 2}
stages:
  way: {stages: {starts: type = 'A', goes on: type = 'B', ends: type = 'C'}, quiet_days: 3}
friction:
  site: {conversion: type = 'C'}
"""


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return made_lake(tmp_path_factory.mktemp("lake"))


@pytest.mark.parametrize("rows_per_call", [1, 40, 10_000])
def test_answers_do_not_depend_on_how_many_persons_are_seen_at_a_time(lake, rows_per_call):
    asked = asked_of(read(EVERYTHING), SPAN)
    with Engine(lake) as engine:
        whole = ask(engine, asked_of(read(EVERYTHING), SPAN))
        found = ask(engine, asked, rows_per_call=rows_per_call)
    assert set(found) == {table.name for table in TABLES.values()}
    for name, tables in whole.items():
        for one, other in zip(tables, found[name], strict=True):
            assert one.num_rows > 0
            assert one.equals(other), name


def test_a_funnel_divides_by_segments_and_counts_sessions_persons_and_accounts(lake):
    with Engine(lake) as engine:
        tables = ask(engine, asked_of(read(EVERYTHING), SPAN))[FUNNELS.name]
    found = {table["name"][0].as_py(): table.to_pylist() for table in tables}
    assert {row["by"] for row in found["by_person"]} == {"all", "mail", "paid", "(other)"}
    entered = {name: rows[0]["units"] + rows[0]["immature"] for name, rows in found.items()}
    history = random_history(3)
    a = history.filter(pc.equal(history["type"], "A"))
    assert entered["by_person"] == len(pc.unique(a["person_key"]))
    assert entered["by_session"] > entered["by_person"] > entered["of_a_plan"] > 0
    members = {key for key in a["person_key"].to_pylist() if key % 2}
    assert entered["by_account"] == sum(key in members for key in a["person_key"].to_pylist())


def test_robots_machines_and_nobody_are_left_out_and_counted(tmp_path):
    kinds = [{}, {"is_bot": True}, {"is_machine": True}, {"person_key": None}]
    rows = touchpoints({"person_key": 1, "occurred_at": START, "type": "A", **more} for more in kinds)
    lake = made_lake(tmp_path, rows)
    with Engine(lake) as engine:
        asked = Asked("f", Funnel(steps=["type = 'A'", "type = 'B'"], attempt="every"), SPAN)
        [found] = ask(engine, [asked])[FUNNELS.name]
        counts = left_out(engine, [FIRST])
    assert found["units"][0].as_py() == 1
    assert counts == {"touchpoints": 4, "of_machines": 2, "of_nobody": 1}


def test_the_journey_map_has_the_mood_of_what_was_written(tmp_path):
    rows = touchpoints({"person_key": 1, "occurred_at": START, "type": kind} for kind in "AAB")
    lake = made_lake(tmp_path, rows)
    moods = [
        {"day": FIRST, "touchpoint_id": text, "compound": mood}
        for text, mood in zip(rows["touchpoint_id"].to_pylist(), (0.75, None, -0.25), strict=True)
    ]
    written = pa.Table.from_pylist(moods, schema=SENTIMENT.schema)
    lake.replace_days(SENTIMENT, written, [FIRST], run_id="made")
    stages = Stages(stages={"one": "type = 'A'", "two": "type = 'B'"})
    with Engine(lake) as engine:
        [found] = ask(engine, [Asked("s", stages, SPAN)])[STAGES.name]
    kept = {row["stage"]: row["sentiment"] for row in found.to_pylist() if row["part"] == "stage"}
    assert kept == {"one": 0.75, "two": -0.25}


COMMANDS = [
    pytest.param(["visits", "--variant", "midnight", "--gap", "5 minutes"], "visits", id="visits"),
    pytest.param(
        ["funnel", "--steps", "type = 'A'", "type = 'B'", "--within", "2 days"], "step_name", id="funnel"
    ),
    pytest.param(["funnel", "by_person", "--attempt", "every"], "units", id="declared-with-another-word"),
    pytest.param(["paths", "--start", "type = 'A'", "--names", "x=type = 'X'"], "target", id="paths"),
    pytest.param(
        [
            "retention",
            "--start",
            "type = 'A'",
            "--returning",
            "type = 'B'",
            "--period",
            "day",
            "--periods",
            "3",
        ],
        "cohort",
        id="retention",
    ),
    pytest.param(["activity", "--active", "channel = 'web'"], "measure", id="activity"),
    pytest.param(
        ["attribution", "--conversion", "type = 'C'", "--touch", "is_session_start"],
        "model",
        id="attribution",
    ),
    pytest.param(["stages", "--stages", "a=type = 'A'", "b=type = 'B'"], "stage", id="stages"),
    pytest.param(["friction", "--conversion", "type = 'C'"], "signal", id="friction"),
]


@pytest.fixture
def installed(lake, tmp_path, monkeypatch):
    declared = tmp_path / "journeys.yaml"
    declared.write_text(EVERYTHING)
    for name, value in settings_of(Path(lake.root), declared).items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(("arguments", "column"), COMMANDS)
def test_a_command_prints_a_table_and_writes_a_picture(installed, capsys, tmp_path, arguments, column):
    picture = tmp_path / "picture.svg"
    assert main([*arguments, "--picture", str(picture)]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert column in head.split()
    assert len(rows) >= 2
    first = picture.read_bytes()
    assert first.startswith(b"<?xml")
    assert main([*arguments, "--picture", str(picture)]) == 0
    assert picture.read_bytes() == first


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        pytest.param(["funnel", "nobody"], "nobody is not declared under funnels", id="an-unknown-name"),
        pytest.param(
            ["funnel", "--steps", "type = 'A'"], "steps: Expected `array` of length >= 2", id="one-step"
        ),
        pytest.param(
            ["funnel", "--steps", "typ = 'A'", "type = 'B'"], "typ is no column", id="an-unknown-column"
        ),
        pytest.param(["funnel", "--steps", "type =", "type = 'B'"], "is no condition", id="no-condition"),
        pytest.param(
            ["funnel", "by_person", "--within", "a week"], "within: Expected `str` matching", id="no-duration"
        ),
    ],
)
def test_what_cannot_be_asked_is_told_in_one_line(installed, capsys, arguments, told):
    assert main(arguments) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert told in line


def test_the_declared_journeys_of_the_demo_company_can_be_read():
    assert len(asked_of(load(ROOT / "journeys.yaml"), SPAN)) >= 12


def test_python_asks_arrow_and_ibis_tables_alike(lake):
    from journey_platform import journeys

    rows = lake.read(JOURNEY_TOUCHPOINTS)
    with Engine(lake) as engine:
        tables = [rows, engine.table(JOURNEY_TOUCHPOINTS)]
        answers = [
            journeys.answer(
                table, Funnel(steps=["type = 'A'", "type = 'B'"]), first=FIRST, last=LAST, zone="UTC"
            )
            for table in tables
        ]
    assert isinstance(answers[0], pa.Table)
    assert answers[0].num_rows == 2
    assert answers[0].equals(answers[1])


@pytest.mark.parametrize(("arguments", "column"), COMMANDS)
def test_a_lake_without_touchpoints_is_asked_too(tmp_path, monkeypatch, capsys, arguments, column):
    declared = tmp_path / "journeys.yaml"
    declared.write_text(EVERYTHING)
    (tmp_path / "lake").mkdir()
    for name, value in settings_of(tmp_path / "lake", declared).items():
        monkeypatch.setenv(name, value)
    assert main([*arguments, "--picture", str(tmp_path / "picture.svg")]) == 0
    assert column in capsys.readouterr().out.splitlines()[0] or arguments[0] in ("paths", "activity")


def test_a_timeline_tells_one_persons_touchpoints_in_order(installed, lake, capsys):
    known = [{"identifier_key": 5, "person_key": 1}, {"identifier_key": 6, "person_key": None}]
    table = IDENTIFIERS_TABLE
    lake.replace_all(table, pa.Table.from_pylist(known, schema=table.schema), run_id="made")
    assert main(["timeline", "key:5", "--days", "12"]) == 0
    head, _, *rows = capsys.readouterr().out.splitlines()
    history = lake.read(JOURNEY_TOUCHPOINTS)
    mine = history.filter(pc.equal(history["person_key"], 1))
    assert f"{mine.num_rows} touchpoints in 12 days" in head
    assert [row[:19] for row in rows] == sorted(
        moment.strftime("%Y-%m-%d %H:%M:%S") for moment in mine["occurred_at"].to_pylist()
    )
    assert main(["timeline", "key:6"]) == 2
    assert "no profile" in capsys.readouterr().err
