"""The demo company's world of these tests, and one undisturbed run over it, made once a session."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from journey_platform.demo.company import build_world
from journey_platform.demo.vendors.server import Served, serve
from journey_platform.demo.world import World
from tests.runs.contents import Fingerprints, fingerprints
from tests.runs.running import Installation, Order, Outcome

# A Sunday: the first week is not whole.
FIRST = date(2026, 11, 1)
LAST = FIRST + timedelta(days=13)
WHOLE = Order(FIRST, LAST)
# Two vendors are enough where it does not matter which.
NARROW = "matomo,zendesk"


@dataclass(frozen=True)
class Undisturbed:
    """A run of all days at once with nothing in its way."""

    installation: Installation
    outcome: Outcome
    fingerprints: Fingerprints


@pytest.fixture(scope="session")
def stormy_world() -> World:
    """60 customers over two weeks; the survey vendor is down for a day."""
    return build_world(customers=60, first_day=FIRST, last_day=LAST)


@pytest.fixture(scope="session")
def world(stormy_world: World) -> World:
    """The same people and events without the outage."""
    return replace(stormy_world, outages=[])


@pytest.fixture(scope="session")
def served(world: World) -> Iterator[Served]:
    with serve(world) as serving:
        yield serving


@pytest.fixture(scope="session")
def undisturbed(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    installation = install(tmp_path_factory.mktemp("undisturbed"), served)
    outcome = installation.run(WHOLE)
    return Undisturbed(installation, outcome, fingerprints(installation.lake))


@pytest.fixture(scope="session")
def undisturbed_narrow(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    installation = install(tmp_path_factory.mktemp("undisturbed_narrow"), served, JOURNEY_SOURCES=NARROW)
    outcome = installation.run(WHOLE)
    assert outcome.failures == {}
    return Undisturbed(installation, outcome, fingerprints(installation.lake))


def install(folder: Path, served: Served, **settings: str) -> Installation:
    """A new installation that reads the served world."""
    return Installation.at(folder, served.environment, start=FIRST, now=served.now, **settings)
