"""A 90-day backfill on the production instance, disturbed: parts killed at seeded moments, others at work.

Its end is that of an undisturbed one, table by table; nothing holds a slot. The sources tell now one thing
and now another, so that each backfill has 90 days to change. JOURNEY_KILLS: how many (50);
JOURNEY_KILL_SEED; JOURNEY_KILL_DAYS: 90, or fewer, not below 30, for a first look.
"""

import contextlib
import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from journey_platform.demo.company import build_world
from journey_platform.demo.vendors.server import Served, serve
from journey_platform.demo.world import World
from tests.deploy.driving import assert_nothing_is_held, chain, finished, launch, runs
from tests.deploy.production import Production, installed, until
from tests.deploy.servers import Postgres, postgres
from tests.runs import contents
from tests.runs.running import PSEUDONYM_KEY, ZONE

pytestmark = pytest.mark.chaos

LAST = date(2026, 11, 20)
FIRST = LAST - timedelta(days=int(os.environ.get("JOURNEY_KILL_DAYS", "90")) - 1)
SEED = int(os.environ.get("JOURNEY_KILL_SEED", "1"))
KILLS = int(os.environ.get("JOURNEY_KILLS", "50"))
PARTS = ("worker", "code", "daemon", "postgres")
"""What is killed in one backfill, each once, in an order by the dice. A worker, its code server and its
database each end the run. Dagster tries what died again twice, and not what a step told of its lost database:
then somebody has to launch it again."""
TRIES = 3
UNDER_WAY = {"QUEUED", "NOT_STARTED", "STARTING", "STARTED", "CANCELING"}


def told_otherwise(world: World) -> World:
    """The same visits and posts at the same times, told with other pages' times, referrers and words."""
    visits = [
        replace(
            visit,
            referrer_type="direct",
            referrer_name="",
            actions=[replace(a, dwell_s=(a.dwell_s or 0) + 7) for a in visit.actions],
        )
        for visit in world.visits
    ]
    return replace(
        world, visits=visits, posts=[replace(p, html=f"{p.html}<p>Awful!</p>") for p in world.posts]
    )


@dataclass
class Place:
    """The installation, its database, what the vendors tell, and what was done to bring it back."""

    production: Production
    database: Postgres
    served: Served
    worlds: tuple[World, World]
    root: Path
    commands: int = 0
    took_s: float = 0.0

    def tell(self, number: int) -> None:
        """From now on the vendors tell the world of that number."""
        self.served.world = self.worlds[number]
        self.served.as_of = self.served.now

    def tables(self) -> contents.Fingerprints:
        return contents.fingerprints(self.root)

    def rest(self) -> None:
        """Until nothing is under way or waits."""
        until(
            "rest", lambda: not [r for r in runs(self.production) if r["status"] in UNDER_WAY], patience_s=300
        )
        assert_nothing_is_held(self.production)


def under_way(production: Production) -> list[str]:
    return [run["runId"] for run in runs(production) if run["status"] in UNDER_WAY]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("disturbed")
    world = replace(build_world(customers=40, first_day=FIRST, last_day=LAST), outages=[])
    with (
        postgres() as database,
        serve(world) as served,
        installed(
            folder,
            database.environment,
            served.environment,
            services=("code", "webserver", "daemon"),
            ZONE=ZONE,
            START_DATE=FIRST.isoformat(),
            NOW=served.now.isoformat(),
            SOURCES="matomo,mastodon",
            PSEUDONYM_KEY=PSEUDONYM_KEY,
        ) as running,
    ):
        finished(running, launch(running, "daily", days=(FIRST, LAST)))
        yield Place(running, database, served, (world, told_otherwise(world)), folder / "lake")


def test_two_backfills_and_a_daily_run_at_once_end_as_one_after_another(place: Place) -> None:
    """Of the last month: the ranges of the backfills overlap, and that of the daily run is in both."""
    month = (LAST - timedelta(days=29), LAST)
    wanted = [
        ("backfill_matomo", (month[0], LAST)),
        ("backfill_mastodon", (month[0] + timedelta(days=10), LAST)),
        ("daily", (LAST - timedelta(days=3), LAST)),
    ]
    before = place.tables()
    place.tell(1)
    for job, days in wanted:
        finished(place.production, launch(place.production, job, days=days))
    place.rest()
    expected = place.tables()
    assert contents.differences(expected, before) != {}

    place.tell(0)
    for job in ("backfill_matomo", "backfill_mastodon"):
        finished(place.production, launch(place.production, job, days=month))
    place.rest()
    assert contents.differences(place.tables(), before) == {}

    place.tell(1)
    for run in [launch(place.production, job, days=days) for job, days in wanted]:
        finished(place.production, run)
    place.rest()
    assert contents.differences(place.tables(), expected) == {}


def test_a_backfill_whose_parts_are_killed_ends_as_an_undisturbed_one(place: Place) -> None:
    expected = {}
    for number in (1, 0):
        place.tell(number)
        began = time.monotonic()
        finished(place.production, launch(place.production, "backfill_matomo", days=(FIRST, LAST)))
        place.took_s = time.monotonic() - began
        place.rest()
        expected[number] = place.tables()
    assert contents.differences(expected[0], expected[1]) != {}

    dice, done, backfills = random.Random(SEED), Counter[str](), 0
    while done.total() < KILLS:
        backfills += 1
        number = backfills % 2
        place.tell(number)
        disturbed(place, dice, done)
        place.rest()
        found = contents.differences(place.tables(), expected[number])
        assert found == {}, f"seed {SEED}, after {dict(done)}"
        print(f"seed {SEED}: {backfills} backfills, {dict(done)}, {place.commands} commands", flush=True)


def disturbed(place: Place, dice: random.Random, done: Counter[str]) -> None:
    """A backfill in which parts are killed while it works; it ends well, or this fails."""
    run_id = launch(place.production, "backfill_matomo", days=(FIRST, LAST))
    for part in dice.sample(PARTS, len(PARTS)):
        if done.total() >= KILLS or not is_at_work(place, run_id):
            break
        time.sleep(dice.uniform(0, place.took_s / len(PARTS)))
        if state(place, run_id) != "STARTED":
            break
        kill(place, part)
        done[part] += 1
        print(f"killed {part} of {run_id}", flush=True)
        recovered(place, run_id)
    if not ends(place, run_id):
        # The stated command: it is launched again.
        place.commands += 1
        finished(place.production, launch(place.production, "backfill_matomo", days=(FIRST, LAST)))


def kill(place: Place, part: str) -> None:
    """kill -9; what compose restarts is started again."""
    match part:
        case "worker":
            for worker in place.production.workers():
                worker.kill()
        case "postgres":
            place.database.kill()
            time.sleep(1)
            place.database.start()
        case service:
            place.production.kill(service)
            place.production.start(service)
    place.production.start_what_ended()


def state(place: Place, run_id: str) -> str:
    """Of the run's last try, FAILURE only where no other comes; "" while nobody can tell."""
    with contextlib.suppress(OSError, AssertionError):
        tries = chain(place.production, run_id)
        last = tries[-1]
        is_last = len(tries) == TRIES or {"key": "dagster/will_retry", "value": "false"} in last["tags"]
        return "" if last["status"] == "FAILURE" and not is_last else str(last["status"])
    return ""


def is_at_work(place: Place, run_id: str) -> bool:
    """Wait until it works, or is over."""

    def told() -> Any:
        place.production.start_what_ended()
        return state(place, run_id) in {"STARTED", "SUCCESS", "FAILURE"} and state(place, run_id)

    return bool(until("work", told, patience_s=180) == "STARTED")


def recovered(place: Place, run_id: str) -> None:
    """Wait until the instance answers again, and what was killed had the time to be noticed."""
    until("an answer", lambda: state(place, run_id), patience_s=120)
    time.sleep(3)


def ends(place: Place, run_id: str) -> bool:
    """Whether it ends well by itself, in ten minutes."""

    def told() -> Any:
        place.production.start_what_ended()
        return state(place, run_id) in {"SUCCESS", "FAILURE"} and state(place, run_id)

    with contextlib.suppress(TimeoutError):
        return bool(until("the end", told, patience_s=600) == "SUCCESS")
    return False
