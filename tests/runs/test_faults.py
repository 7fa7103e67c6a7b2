"""A token that expires, a disk that fills, a clock that jumps: said clearly, nothing lost, then right."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from journey_platform.demo.vendors.faults import Fault, Faults
from journey_platform.demo.vendors.server import Served, serve
from journey_platform.demo.world import World
from journey_platform.tables import RESTATEMENTS
from tests.runs import contents
from tests.runs.conftest import FIRST, NARROW, WHOLE, Undisturbed, install
from tests.runs.mending import differing, values
from tests.runs.running import Installation, Order


@pytest.mark.chaos
def test_a_token_that_expires_is_named_by_vendor_and_stream_and_the_next_run_converges(
    world: World, served: Served, undisturbed_narrow: Undisturbed, tmp_path: Path
) -> None:
    with serve(world, faults=Faults(Fault("zendesk", "/", "401", after=2, times=None))) as expiring:
        installation = install(tmp_path, expiring, JOURNEY_SOURCES=NARROW)
        started = installation.start(WHOLE)
        outcome = started.outcome()
    assert not outcome.is_success
    assert outcome.failures
    assert "raw/zendesk/satisfaction_ratings" in outcome.materialized, "the token was good at first"
    for asset, reason in outcome.failures.items():
        assert reason.startswith(f"{asset.removeprefix('raw/')}: "), reason
        assert "401" in reason
        assert "\n" not in reason
    assert installation.environment["ZENDESK_TOKEN"] not in started.output.read_text()

    renewed = replace(installation, environment={**installation.environment, **served.environment})
    assert renewed.run(WHOLE).failures == {}
    assert contents.differences(contents.fingerprints(renewed.lake), undisturbed_narrow.fingerprints) == {}


@pytest.mark.chaos
@pytest.mark.parametrize(
    "largest_file_bytes",
    [pytest.param(2500, id="few files fit"), pytest.param(6000, id="most files fit")],
)
def test_a_full_disk_is_an_error_that_says_so_keeps_what_is_there_and_converges(
    served: Served, undisturbed_narrow: Undisturbed, tmp_path: Path, largest_file_bytes: int
) -> None:
    installation = install(tmp_path, served, JOURNEY_SOURCES=NARROW)
    assert installation.run(Order(FIRST, FIRST + timedelta(days=6))).failures == {}
    before = contents.data_files(installation.lake)
    landed = contents.fingerprints(installation.lake)

    full = installation.run(replace(WHOLE, largest_file_bytes=largest_file_bytes))
    assert not full.is_success
    for reason in full.failures.values():
        assert any(words in reason for words in ("File too large", "the disk is full")), reason
    assert before.items() <= contents.data_files(installation.lake).items()
    assert set(landed) <= set(contents.fingerprints(installation.lake))

    assert installation.run(WHOLE).failures == {}
    found = contents.fingerprints(installation.lake)
    assert contents.differences(found, undisturbed_narrow.fingerprints) == {}


def runs_at(*hours_off: float, installation: Installation) -> Iterator[None]:
    """Daily runs under clocks that are so many hours off, one by one."""
    right = datetime.fromisoformat(installation.environment["JOURNEY_NOW"])
    for hours in hours_off:
        now = (right + timedelta(hours=hours)).isoformat()
        off = replace(installation, environment={**installation.environment, "JOURNEY_NOW": now})
        assert off.run(replace(WHOLE, is_lookback=True)).failures == {}
        yield


@pytest.fixture
def narrow(served: Served, undisturbed_narrow: Undisturbed, tmp_path: Path) -> Installation:
    """An installation with the undisturbed one's lake."""
    installation = install(tmp_path, served, JOURNEY_SOURCES=NARROW)
    installation.with_lake_of(undisturbed_narrow.installation)
    return installation


@pytest.mark.chaos
def test_a_clock_that_was_set_back_between_two_runs_changes_no_value_and_restates_nothing(
    narrow: Installation, undisturbed_narrow: Undisturbed
) -> None:
    before = values(narrow.lake)
    for _ in runs_at(-2, 0, installation=narrow):
        assert differing(before, values(narrow.lake)) == set()
        assert contents.rows(narrow.lake, RESTATEMENTS) == []
    found = contents.fingerprints(narrow.lake)
    assert contents.differences(found, undisturbed_narrow.fingerprints) == {}


@pytest.mark.chaos
def test_what_a_clock_that_was_ahead_made_is_right_again_after_the_next_run(
    narrow: Installation, undisturbed_narrow: Undisturbed
) -> None:
    """Weeks and months that are not over grow with the day; days that are over do not."""
    for _ in runs_at(24, 0, installation=narrow):
        pass
    found = contents.fingerprints(narrow.lake)
    assert contents.differences(found, undisturbed_narrow.fingerprints) == {}
