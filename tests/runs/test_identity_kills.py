"""kill -9 in the whole steps of identity and in an erasure, between the writes of two tables.

Run again, everything is as if nothing had happened: also what was told of merges and splits, and the receipt.
"""

import random
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from journey_platform.demo.vendors.server import Served
from journey_platform.identity.decisions import UNLINK
from journey_platform.lake import Lake
from journey_platform.settings import load
from journey_platform.stewardship.erasing import look_again, unfinished
from journey_platform.stewardship.ledger import decide
from journey_platform.stewardship.personal import personal_tables
from journey_platform.tables import (
    ERASURES,
    HOUSEHOLDS_TABLE,
    IDENTIFIERS_TABLE,
    IDENTITY_EVENTS,
    JOURNEY_TOUCHPOINTS,
    LINKS_TABLE,
    PROFILE_ATTRIBUTES_TABLE,
    PROFILE_REDIRECTS,
    PROFILES_TABLE,
    Table,
)
from tests.runs import contents
from tests.runs.choosing import chosen
from tests.runs.conftest import NARROW, WHOLE, Undisturbed, install
from tests.runs.running import PSEUDONYM_KEY, ZONE, Installation, Order, Started

DERIVE = Order(WHOLE.first, WHOLE.last, job="derive")
NOW = datetime(2026, 11, 15, 5, tzinfo=UTC)
LONGEST_DELAY_S = 0.05
PATIENCE_S = 120.0
STEPS = {
    "after events": IDENTITY_EVENTS,
    "after redirects": PROFILE_REDIRECTS,
    "after links": LINKS_TABLE,
    "after identifiers": IDENTIFIERS_TABLE,
    "after profiles": PROFILES_TABLE,
    "after attributes": PROFILE_ATTRIBUTES_TABLE,
}
ERASING = {
    "after the intent": ERASURES,
    "after touchpoints": JOURNEY_TOUCHPOINTS,
    "after links": LINKS_TABLE,
    "after identifiers": IDENTIFIERS_TABLE,
}
TOLD = (IDENTITY_EVENTS, PROFILE_REDIRECTS, HOUSEHOLDS_TABLE)


def copied(before: Installation, folder: Path, served: Served) -> Installation:
    """A new installation with a copy of the lake of another."""
    return install(folder, served, JOURNEY_SOURCES=NARROW).with_lake_of(before)


@pytest.fixture(scope="module")
def split(
    served: Served, undisturbed_narrow: Undisturbed, tmp_path_factory: pytest.TempPathFactory
) -> Installation:
    """A whole lake in which a person is split by a decision that no run has applied yet."""
    made = copied(undisturbed_narrow.installation, tmp_path_factory.mktemp("split"), served)
    lake = Lake(str(made.lake))
    apart, _ = chosen(lake)
    decide(lake, UNLINK, apart, who="kim", why="asked", now=NOW, zone=ZONE)
    return made


@pytest.fixture(scope="module")
def derived(split: Installation, served: Served, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """The same after a run that nothing disturbed."""
    made = copied(split, tmp_path_factory.mktemp("derived"), served)
    assert made.run(DERIVE).failures == {}
    return made


def kill_when_written(run: Started, lake: Path, table: Table, seed: int | None) -> None:
    """End the run when a new version of the table appears; a moment later, where there is a seed."""
    log = lake.joinpath(*table.key, "_delta_log")
    before = {*log.glob("*.json")}
    give_up_at = time.monotonic() + PATIENCE_S
    while not {*log.glob("*.json")} - before:
        assert run.process.is_alive(), run.tail()
        assert time.monotonic() < give_up_at, f"{table.name} was never written"
        time.sleep(0.001)
    if seed is not None:
        time.sleep(random.Random(seed).uniform(0, LONGEST_DELAY_S))
    run.kill()
    assert not run.answer.exists(), "the run was over before it was killed"


def assert_same(found: Path, expected: Path, *, tables: tuple[Table, ...]) -> None:
    assert contents.differences(contents.fingerprints(found), contents.fingerprints(expected)) == {}
    for table in tables:
        assert told(found, table) == told(expected, table), table.name


def told(root: Path, table: Table) -> list[dict[str, Any]]:
    """The rows but for versions and clocks, and for files, of which a second try finds others."""
    ours = {"version", "files_removed", "log_entries_removed", "finished_at"}
    return [{k: v for k, v in row.items() if k not in ours} for row in contents.rows(root, table)]


def check_identity_step(
    served: Served, split: Installation, derived: Installation, tmp_path: Path, step: str, seed: int | None
) -> None:
    made = copied(split, tmp_path, served)
    kill_when_written(made.start(DERIVE), made.lake, STEPS[step], seed)
    assert made.run(DERIVE).failures == {}
    assert_same(made.lake, derived.lake, tables=TOLD)


@pytest.mark.chaos
@pytest.mark.parametrize("step", ["after events", "after links"])
def test_an_identity_step_killed_between_two_tables_converges(
    served: Served, split: Installation, derived: Installation, tmp_path: Path, step: str
) -> None:
    check_identity_step(served, split, derived, tmp_path, step, seed=None)


@pytest.mark.chaos
@pytest.mark.parametrize("seed", [None, *range(200, 210)])
@pytest.mark.parametrize("step", STEPS)
def test_an_identity_step_killed_at_many_moments_converges(
    served: Served, split: Installation, derived: Installation, tmp_path: Path, step: str, seed: int | None
) -> None:
    check_identity_step(served, split, derived, tmp_path, step, seed)


def erasing(lake: Path) -> Order:
    """The job that erases the person who is split in `split`."""
    (device, _), _ = chosen(Lake(str(lake)))
    config = {"id": f"key:{device}", "who": "kim", "why": "asked"}
    return Order(
        WHOLE.first, WHOLE.last, job="identity_erase", config={"ops": {"erase_person": {"config": config}}}
    )


@pytest.fixture(scope="module")
def erased(
    served: Served, undisturbed_narrow: Undisturbed, tmp_path_factory: pytest.TempPathFactory
) -> Installation:
    made = copied(undisturbed_narrow.installation, tmp_path_factory.mktemp("erased"), served)
    assert made.run(erasing(made.lake)).is_success
    return made


def check_erasure(
    served: Served, before: Installation, erased: Installation, tmp_path: Path, step: str, seed: int | None
) -> None:
    """Killed, then finished by the daily run's step; nobody asks a second time."""
    made = copied(before, tmp_path, served)
    kill_when_written(made.start(erasing(made.lake)), made.lake, ERASING[step], seed)
    assert unfinished(Lake(str(made.lake)))
    look_again(Lake(str(made.lake)), load(made.environment), secret=PSEUDONYM_KEY.encode(), now=NOW)
    assert not unfinished(Lake(str(made.lake)))
    assert_same(made.lake, erased.lake, tables=(*TOLD, ERASURES))
    of_persons = tuple(f"{table.name}/" for table in personal_tables())
    assert not [file for file in contents.orphans(made.lake) if file.startswith(of_persons)]


@pytest.mark.parametrize("step", ["after the intent", "after links"])
def test_an_erasure_killed_between_two_tables_is_finished(
    served: Served, undisturbed_narrow: Undisturbed, erased: Installation, tmp_path: Path, step: str
) -> None:
    check_erasure(served, undisturbed_narrow.installation, erased, tmp_path, step, seed=None)


@pytest.mark.chaos
@pytest.mark.parametrize("seed", [None, *range(300, 310)])
@pytest.mark.parametrize("step", ERASING)
def test_an_erasure_killed_at_many_moments_is_finished(
    served: Served,
    undisturbed_narrow: Undisturbed,
    erased: Installation,
    tmp_path: Path,
    step: str,
    seed: int | None,
) -> None:
    check_erasure(served, undisturbed_narrow.installation, erased, tmp_path, step, seed)
