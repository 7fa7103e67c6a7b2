"""Secrets and customers' data stay out of what a run leaves outside the lake's rows.

Looked through byte by byte after a good run and a run in which most things fail: DAGSTER_HOME (event log,
run records, captured output), standard output and error, and the lake's own commit log.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from connectors.config import settings_of
from connectors.registry import CONNECTORS
from journey_platform.demo.vendors.faults import Fault, Faults
from journey_platform.demo.vendors.server import serve
from journey_platform.demo.world import Malformed, World
from journey_platform.lake import Lake
from journey_platform.tables import PROFILES_TABLE, QUARANTINE
from tests.runs.conftest import install
from tests.runs.running import PSEUDONYM_KEY, Installation, Order, Outcome

EMAIL = "canary.5f1c@person.example"
NAME = "Canary Yellowfinch"


@dataclass(frozen=True)
class Left:
    """What two runs left behind: the good one's lake, places that must be clean, and how the runs ended."""

    lake: Lake
    places: list[Path]
    secrets: list[str]
    good: Outcome
    bad: Outcome


def planted(world: World) -> World:
    """The world with one person whom every vendor tells of, in sound records and in broken ones."""
    [member, *members] = world.members
    [user, *users] = world.support_users
    first = next(n for n, response in enumerate(world.responses) if response.email)
    responses = list(world.responses)
    responses[first] = replace(responses[first], email=EMAIL, first_name="Canary", last_name="Yellowfinch")
    broken = [
        Malformed(m.vendor, m.stream, m.day, m.json_text[:-1] + f',"told_by":"{NAME} <{EMAIL}>"}}')
        for m in world.malformed
    ]
    return replace(
        world,
        members=[replace(member, email=EMAIL, first_name="Canary", last_name="Yellowfinch"), *members],
        support_users=[replace(user, email=EMAIL, name=NAME), *users],
        responses=responses,
        malformed=[*world.malformed, *broken],
    )


@pytest.fixture(scope="module")
def left(stormy_world: World, tmp_path_factory: pytest.TempPathFactory) -> Left:
    world = planted(stormy_world)
    broken_day = world.malformed[0].day
    order = Order(broken_day - timedelta(days=1), broken_day + timedelta(days=1), is_recorded=True)
    faults = Faults(
        Fault("matomo", "/", "html", after=6, times=None),
        Fault("zendesk", "/", "401", after=2, times=None),
        Fault("mastodon", "/", "truncated", after=2, times=None),
        Fault("mailchimp", "/3.0/reports", "500", after=1, times=None),
    )
    with serve(world) as served, serve(world, faults=faults) as failing:
        good = install(tmp_path_factory.mktemp("good"), served)
        bad = install(tmp_path_factory.mktemp("bad"), failing)
        both = [good.start(order), bad.start(order)]
        good_outcome, bad_outcome = [run.outcome() for run in both]
    return Left(
        lake=Lake(str(good.lake)),
        places=[*outside_of_rows(good), *outside_of_rows(bad)],
        secrets=[*secrets_of(good), PSEUDONYM_KEY],
        good=good_outcome,
        bad=bad_outcome,
    )


def secrets_of(installation: Installation) -> list[str]:
    declared = [s for c in CONNECTORS.values() for s in settings_of(c.config_class).values()]
    return [value for s in declared if s.is_secret and (value := installation.environment.get(s.env))]


def outside_of_rows(installation: Installation) -> list[Path]:
    """Every file but the lake's rows."""
    return [
        path
        for path in installation.folder.rglob("*")
        if path.is_file() and (path.suffix != ".parquet" or "_delta_log" in path.parts)
    ]


def test_the_runs_went_as_meant(left: Left) -> None:
    assert left.good.failures == {}
    assert left.good.failed_checks
    assert {asset.split("/")[1] for asset in left.bad.failures} == {
        "matomo",
        "zendesk",
        "mastodon",
        "mailchimp",
    }
    names = {path.name for path in left.places}
    assert {"index.db", "runs.db", "run-0.out"} <= names


def test_no_secret_is_left_anywhere(left: Left) -> None:
    assert len(left.secrets) == len(CONNECTORS) + 1
    assert hits(left.places, left.secrets) == []


def test_no_customers_data_are_left_outside_the_lakes_rows(left: Left, stormy_world: World) -> None:
    people = {email for customer in stormy_world.customers for email in customer.emails}
    people |= {f"{customer.first_name} {customer.last_name}" for customer in stormy_world.customers}
    people |= {customer.phone for customer in stormy_world.customers if len(customer.phone) > 6}
    assert hits(left.places, [EMAIL, NAME, *sorted(people)]) == []


def test_the_canary_is_in_the_rows(left: Left) -> None:
    """Otherwise its absence elsewhere would say nothing."""
    assert EMAIL in left.lake.read(PROFILES_TABLE)["email"].to_pylist()
    assert any(EMAIL in body for body in left.lake.read(QUARANTINE)["body"].to_pylist())


def hits(places: list[Path], words: list[str]) -> list[str]:
    found = []
    for place in places:
        content = place.read_bytes().lower()
        found += [f"{place.name}: {word}" for word in words if word.lower().encode() in content]
    return found
