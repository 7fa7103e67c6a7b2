"""Kill -9 at any moment, two writers at once, a full disk: the old content or the new; a rerun converges."""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from journey_platform.lake import Lake
from journey_platform.landing import checkpoint
from journey_platform.tables import QUARANTINE
from tests.lake import worker
from tests.lake.tables import CONTACTS, D1, D2, EVENTS, ORDERS, contents, of_days

_REPOSITORY = Path(__file__).parents[2]
_POINTS = (
    "while staging",
    "before quarantine",
    "after quarantine",
    "after the first file",
    "before the commit of events",
    "after the commit of events",
    "before the commit of versions",
    "after the commit of versions",
)


def start(command: str, root: Path, *arguments: str) -> subprocess.Popen[str]:
    """A worker that has imported everything and waits to be told to go."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.lake.worker", command, str(root), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=_REPOSITORY,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def end(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, errors = process.communicate(timeout=60)
    return process.returncode, errors


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Lake]:
    """Lakes in state 1 and, by way of 1, in state 2."""
    lakes = {}
    for last in (1, 2):
        root = str(tmp_path_factory.mktemp("undisturbed"))
        for state in range(1, last + 1):
            worker.land(root, str(state))
        lakes[last] = Lake(root)
    return lakes


def check_and_converge(root: Path, undisturbed: dict[int, Lake]) -> None:
    lake = Lake(str(root))
    found = {table: contents(lake, table) for table in (EVENTS, CONTACTS, QUARANTINE)}
    for table, bytes_now in found.items():
        assert bytes_now in [contents(known, table) for known in undisturbed.values()], table.name
    is_ahead = checkpoint(lake, CONTACTS).cursor == "cursor-2"
    assert is_ahead == (found[CONTACTS] == contents(undisturbed[2], CONTACTS))
    worker.land(str(root), "2")
    for table in (EVENTS, CONTACTS):
        assert contents(lake, table) == contents(undisturbed[2], table)
    assert contents(lake, QUARANTINE) == contents(undisturbed[2], QUARANTINE)
    assert [p for p in root.iterdir() if p.name not in {"raw", "operations"}] == []


@pytest.mark.slow
@pytest.mark.parametrize("point", _POINTS)
def test_a_kill_between_two_steps_leaves_old_or_new(
    tmp_path: Path, undisturbed: dict[int, Lake], point: str
) -> None:
    worker.land(str(tmp_path), "1")
    process = start("die_while_landing", tmp_path, point)
    go(process)
    assert end(process)[0] == -9
    check_and_converge(tmp_path, undisturbed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_a_kill_at_a_random_moment_leaves_old_or_new(
    tmp_path: Path, undisturbed: dict[int, Lake], seed: int
) -> None:
    worker.land(str(tmp_path), "1")
    process = start("land", tmp_path, "2")
    go(process)
    time.sleep(random.Random(seed).uniform(0, 0.4))
    process.kill()
    assert end(process)[0] in (-9, 0)
    check_and_converge(tmp_path, undisturbed)


def _both(command: str, root: Path) -> None:
    processes = [start(command, root, name) for name in ("a", "b")]
    for process in processes:
        go(process)
    assert [end(process) for process in processes] == [(0, ""), (0, "")]


@pytest.mark.slow
def test_two_processes_on_different_days_never_disturb_each_other(tmp_path: Path) -> None:
    _both("own_day", tmp_path)
    lake = Lake(str(tmp_path))
    last = float(worker.ROUNDS - 1)
    for day in (D1, D2):
        assert lake.read(ORDERS, [day], columns=["amount"])["amount"].to_pylist() == [last] * 50
    assert lake.version(ORDERS) == 2 * worker.ROUNDS
    assert sorted(state.version for state in lake.day_states(ORDERS).values())[1] == 2 * worker.ROUNDS


@pytest.mark.slow
def test_of_two_processes_on_one_day_one_wins_whole(tmp_path: Path) -> None:
    _both("same_day", tmp_path)
    lake = Lake(str(tmp_path))
    for version in range(1, lake.version(ORDERS) + 1):
        rows = lake.read(ORDERS, version=version)
        writers, rounds = (set(rows[column].to_pylist()) for column in ("email", "amount"))
        assert (len(rows), len(writers), len(rounds)) == (50, 1, 1)
        assert lake.day_states(ORDERS, version=version)[D1].version == version


@pytest.mark.slow
def test_two_processes_that_add_to_one_day_add_up(tmp_path: Path) -> None:
    _both("same_archive", tmp_path)
    lake = Lake(str(tmp_path))
    everything = {f"{name}{number}" for name in "ab" for number in range(worker.ROUNDS)}
    for table in (CONTACTS, QUARANTINE):
        keys = lake.read(table)["record_key"].to_pylist()
        assert (len(keys), set(keys)) == (len(everything), everything)


@pytest.mark.parametrize(
    ("command", "size"),
    [
        pytest.param("little_disk", 100_000, id="while staging"),
        pytest.param("little_disk", 4_096, id="at once"),
        pytest.param("big_days", 60_000, id="while writing a day"),
    ],
)
def test_a_full_disk_is_said_clearly_and_changes_nothing(tmp_path: Path, command: str, size: int) -> None:
    worker.land(str(tmp_path), "1")
    lake = Lake(str(tmp_path))
    lake.replace_days(ORDERS, of_days(D1), [D1], run_id="r")
    before = [
        (contents(lake, table), lake.version(table)) for table in (EVENTS, CONTACTS, QUARANTINE, ORDERS)
    ]
    files = sorted(tmp_path.rglob("*.parquet"))
    process = start(command, tmp_path, str(size))
    go(process)
    code, errors = end(process)
    assert code == 1
    assert errors.strip().splitlines()[-1].startswith("journey_platform.lake.errors.WriteFailed: ")
    after = [(contents(lake, table), lake.version(table)) for table in (EVENTS, CONTACTS, QUARANTINE, ORDERS)]
    assert (after, sorted(tmp_path.rglob("*.parquet"))) == (before, files)
