"""kill -9 of a run in each of its phases: the next run gives what an undisturbed one gives, nothing doubled.

The moment is drawn from a seed after the phase's table appears in the lake; the seed is in the test's name.
"""

import random
import shutil
import time
from pathlib import Path

import pytest

from journey_platform.demo.vendors.server import Served
from tests.runs import contents
from tests.runs.conftest import NARROW, WHOLE, Undisturbed, install
from tests.runs.running import Order, Started

PHASES = {
    "raw pull": "raw/matomo/visits",
    "touchpoints": "touchpoints/zendesk",
    "identity": "customers/identifiers",
    "journeys": "journeys/touchpoints",
    "kpis": "kpis/late",
}
DERIVED = ("customers", "journeys", "kpis")
DERIVE = Order(WHOLE.first, WHOLE.last, job="derive")
LONGEST_DELAY_S = 0.25
PATIENCE_S = 120.0


def kill_when_there(run: Started, place: Path, seed: int) -> None:
    """End the run a moment after the table at `place` appears."""
    give_up_at = time.monotonic() + PATIENCE_S
    while not (place / "_delta_log").exists():
        assert run.process.is_alive(), run.tail()
        assert time.monotonic() < give_up_at, f"{place.name} never appeared"
        time.sleep(0.002)
    time.sleep(random.Random(seed).uniform(0, LONGEST_DELAY_S))
    run.kill()
    assert not run.answer.exists(), "the run was over before it was killed"


@pytest.mark.chaos
@pytest.mark.parametrize("phase", ["raw pull", "touchpoints"])
def test_a_run_killed_while_it_reads_converges_when_run_again(
    served: Served, undisturbed_narrow: Undisturbed, tmp_path: Path, phase: str
) -> None:
    installation = install(tmp_path, served, JOURNEY_SOURCES=NARROW)
    kill_when_there(installation.start(WHOLE), installation.lake / PHASES[phase], seed=1)
    assert contents.fingerprints(installation.lake) != undisturbed_narrow.fingerprints
    assert installation.run(WHOLE).failures == {}
    assert (
        contents.differences(contents.fingerprints(installation.lake), undisturbed_narrow.fingerprints) == {}
    )


@pytest.mark.parametrize(
    "phase", ["kpis", *(pytest.param(name, marks=pytest.mark.chaos) for name in ("identity", "journeys"))]
)
def test_a_run_killed_while_it_derives_converges_when_run_again(
    served: Served, undisturbed_narrow: Undisturbed, tmp_path: Path, phase: str
) -> None:
    installation = install(tmp_path, served, JOURNEY_SOURCES=NARROW)
    installation.with_lake_of(undisturbed_narrow.installation)
    for folder in DERIVED:
        shutil.rmtree(installation.lake / folder)
    kill_when_there(installation.start(DERIVE), installation.lake / PHASES[phase], seed=1)
    assert installation.run(DERIVE).failures == {}
    assert (
        contents.differences(contents.fingerprints(installation.lake), undisturbed_narrow.fingerprints) == {}
    )


@pytest.mark.chaos
@pytest.mark.parametrize("seed", range(100, 110))
@pytest.mark.parametrize("phase", PHASES)
def test_a_daily_run_killed_at_many_moments_converges_when_run_again(
    served: Served, undisturbed_narrow: Undisturbed, tmp_path: Path, phase: str, seed: int
) -> None:
    installation = install(tmp_path, served, JOURNEY_SOURCES=NARROW)
    kill_when_there(installation.start(WHOLE), installation.lake / PHASES[phase], seed)
    assert installation.run(WHOLE).failures == {}
    assert (
        contents.differences(contents.fingerprints(installation.lake), undisturbed_narrow.fingerprints) == {}
    )
