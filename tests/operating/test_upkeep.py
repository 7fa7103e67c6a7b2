"""Old runs go and what they made last stays shown; a backup put back holds the same bytes."""

import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import psycopg2
import pytest

from journey_platform.lake import Lake
from journey_platform.operating.backup import Unusable, back_up, check, restore
from journey_platform.operating.maintenance import prune_runs
from journey_platform.tables import QUARANTINE, SESSIONS
from tests.deploy.servers import DEPLOY, postgres, program
from tests.operating.made import rows_of

DAY = date(2026, 11, 2)
NOW = datetime(2026, 11, 22, tzinfo=UTC)
LATER = datetime.now(UTC) + timedelta(days=100)
DAYS = dg.StaticPartitionsDefinition(["mon", "tue"])


@dg.asset(partitions_def=DAYS)
def by_day() -> None:
    print("a line of the compute log")


@dg.asset
def whole() -> None:
    pass


@dg.op
def broken() -> None:
    raise ValueError("as expected")


@dg.job
def breaking() -> None:
    broken()


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        yield instance


def test_old_runs_go_but_those_that_made_something_last(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    first, second, third = (
        dg.materialize([by_day], partition_key=day, instance=instance).run_id for day in ("mon", "mon", "tue")
    )
    of_whole = [dg.materialize([whole], instance=instance).run_id for _ in range(2)]
    failed = breaking.execute_in_process(instance=instance, raise_on_error=False).run_id
    assert prune_runs(instance, now=datetime.now(UTC)) == 0, "none is old"
    assert list(tmp_path.rglob("*.out"))
    assert prune_runs(instance, now=LATER) == 3
    assert {run.run_id for run in instance.get_runs()} == {second, third, of_whole[1]}
    assert instance.get_materialized_partitions(by_day.key) == {"mon", "tue"}
    assert instance.get_latest_materialization_event(whole.key) is not None
    assert instance.get_run_by_id(first) is None
    assert instance.get_run_by_id(failed) is None
    assert not list(tmp_path.rglob("*.out")), "the logs go of runs that stay too"
    assert prune_runs(instance, now=LATER) == 0


def filled(root: Path) -> Lake:
    lake = Lake(str(root))
    for rows in (1, 2):
        lake.replace_days(QUARANTINE, rows_of(QUARANTINE, DAY, rows), [DAY], run_id=f"run {rows}")
    lake.replace_days(SESSIONS, SESSIONS.empty(), [DAY], run_id="run 3", cursor='{"a": 1}')
    return lake


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A DAGSTER_HOME on SQLite with two runs."""
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(DEPLOY / "dagster.yaml", home)
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    with dg.DagsterInstance.get() as instance:
        for _ in range(2):
            dg.materialize([whole], instance=instance)
    return home


def test_a_backup_put_back_holds_the_same_bytes_and_runs(home: Path, tmp_path: Path) -> None:
    lake, environment = filled(tmp_path / "lake"), {"DAGSTER_HOME": str(home)}
    before = {version: lake.read(QUARANTINE, version=version) for version in (1, 2)}
    (tmp_path / "lake" / "_shadows").mkdir()
    (tmp_path / "lake" / "_shadows" / "aside").write_text("no table")
    taken = back_up(lake, tmp_path / "backup", now=NOW, environment=environment)
    assert taken.tables == {"operations/quarantine": 2, "journeys/sessions": 1}
    assert check(tmp_path / "backup") == taken

    shutil.move(tmp_path / "lake", tmp_path / "lost")
    shutil.rmtree(home / "storage")
    again = Lake(str(tmp_path / "lake"))
    Path(again.root).mkdir()
    assert restore(tmp_path / "backup", again, environment=environment) == taken
    shutil.rmtree(tmp_path / "lost" / "_shadows")
    assert contents(tmp_path / "lake") == contents(tmp_path / "lost")
    assert {version: again.read(QUARANTINE, version=version) for version in (1, 2)} == before
    assert again.cursor(SESSIONS) == '{"a": 1}'
    with dg.DagsterInstance.get() as instance:
        assert len(instance.get_runs()) == 2


def test_a_damaged_backup_and_a_lake_that_is_there_are_refused_before_anything_is_written(
    home: Path, tmp_path: Path
) -> None:
    lake, environment = filled(tmp_path / "lake"), {"DAGSTER_HOME": str(home)}
    back_up(lake, tmp_path / "backup", now=NOW, environment=environment)
    with pytest.raises(Unusable, match="there already"):
        back_up(lake, tmp_path / "backup", now=NOW, environment=environment)
    with pytest.raises(Unusable, match="the lake holds tables"):
        restore(tmp_path / "backup", lake, environment=environment)
    victim = next((tmp_path / "backup" / "lake").rglob("*.parquet"))
    victim.write_bytes(victim.read_bytes()[:-1] + b"x")
    empty = Lake(str(tmp_path / "empty"))
    Path(empty.root).mkdir()
    with pytest.raises(Unusable, match="missing or damaged"):
        restore(tmp_path / "backup", empty, environment=environment)
    assert list(Path(empty.root).iterdir()) == []
    (tmp_path / "backup" / "manifest.json").unlink()
    with pytest.raises(Unusable, match="not ended"):
        check(tmp_path / "backup")


def test_a_postgresql_instance_is_put_back_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program("pg_dump")
    with postgres() as server:
        environment = {
            **server.environment,
            "DAGSTER_HOME": str(DEPLOY / "production"),
            "JOURNEY_STATE": str(tmp_path / "state"),
        }
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        lake = filled(tmp_path / "lake")
        with dg.DagsterInstance.get() as instance:
            kept = dg.materialize([whole], instance=instance).run_id
        back_up(lake, tmp_path / "backup", now=NOW)
        events = event_log(server.environment)
        with dg.DagsterInstance.get() as instance:
            dg.materialize([whole], instance=instance)
        assert event_log(server.environment) != events
        restore(tmp_path / "backup", Lake(str(tmp_path / "empty")))
        assert event_log(server.environment) == events
        with dg.DagsterInstance.get() as instance:
            assert [run.run_id for run in instance.get_runs()] == [kept]


def event_log(database: dict[str, str]) -> list[tuple[object, ...]]:
    with (
        psycopg2.connect(
            host=database["DAGSTER_PG_HOST"],
            port=database["DAGSTER_PG_PORT"],
            user=database["DAGSTER_PG_USER"],
            password=database["DAGSTER_PG_PASSWORD"],
            dbname=database["DAGSTER_PG_DB"],
        ) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("select * from event_logs order by id")
        return list(cursor.fetchall())
