"""The jobs replay and rederive run by Dagster: nothing lost, nothing doubled, whenever it is killed."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from connectors.base import Window
from connectors.config import from_environment
from connectors.registry import CONNECTORS
from connectors.times import day_start
from journey_platform.defs.replays import rederive_what_changed, replay_job
from journey_platform.demo.company import build_world
from journey_platform.demo.vendors.server import Served, serve
from journey_platform.lake import Lake
from journey_platform.landing import land_events
from journey_platform.landing.ledger import gate_of
from journey_platform.quality.rules import is_one_of
from journey_platform.quality.suites.raw import Stream, raw_suite
from journey_platform.run_tags import RANGE_END_TAG, RANGE_START_TAG
from journey_platform.sources import archive_of
from journey_platform.tables import QUARANTINE
from tests.connectors.controlled_clock import ControlledClock
from tests.runs import contents
from tests.runs.conftest import FIRST, LAST, WHOLE
from tests.runs.running import ZONE, Installation, Order

DAYS = [FIRST + timedelta(days=n) for n in range((LAST - FIRST).days + 1)]
VISITS = archive_of("matomo", CONNECTORS["matomo"].stream("visits"))
# Somebody forgot that people use telephones.
STRICT = raw_suite(
    Stream(
        fields={"device": "$.deviceType"},
        rules=(is_one_of("device_known", "device", ("Desktop",)),),
        largest_share_failed=1.0,
        is_steady=False,
    ),
    is_entity=False,
)
REPLAY = Order(
    FIRST,
    LAST,
    job="replay",
    is_recorded=True,
    config={"ops": {"replay_rows": {"config": {"table": VISITS.name, "reason": "device_known"}}}},
)
REDERIVE = Order(FIRST, LAST, job="rederive")


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    world = build_world(customers=60, first_day=FIRST, last_day=LAST)
    with serve(world) as serving:
        serving.lift_outage("qualtrics")
        yield serving


@pytest.fixture(scope="module")
def sound(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """What a run gives with the rules as they are."""
    folder = tmp_path_factory.mktemp("sound")
    made = Installation.at(folder, served.environment, start=FIRST, now=served.now, JOURNEY_SOURCES="matomo")
    assert made.run(WHOLE).failures == {}
    return made


@pytest.fixture
def refused(sound: Installation, served: Served, tmp_path: Path) -> Installation:
    """The same lake after a pull under the rule that was too strict."""
    only, now = {"JOURNEY_SOURCES": "matomo"}, served.now
    here = Installation.at(tmp_path, served.environment, start=FIRST, now=now, **only)
    here.with_lake_of(sound)
    lake, matomo = Lake(str(here.lake)), CONNECTORS["matomo"]
    source = matomo(from_environment(matomo.config_class, served.environment), ControlledClock(served.now))
    window = Window(day_start(FIRST, ZoneInfo(ZONE)), day_start(LAST + timedelta(days=1), ZoneInfo(ZONE)))
    land_events(
        lake,
        VISITS,
        source.read("visits", window),
        DAYS,
        zone=ZONE,
        run_id="strict",
        extracted_at=datetime.now(UTC),
        gate=gate_of(lake, VISITS, STRICT, DAYS),
    )
    assert here.run(REDERIVE).failures == {}
    assert lake.read(QUARANTINE).num_rows > 2 * len(DAYS)
    return here


@pytest.mark.chaos
def test_replay_and_rederive_give_what_the_rules_as_they_are_give(
    refused: Installation, sound: Installation
) -> None:
    assert contents.differences(contents.fingerprints(refused.lake), contents.fingerprints(sound.lake))
    assert refused.run(REPLAY).is_success
    assert requested(refused) == (str(FIRST), str(LAST))
    assert refused.run(REDERIVE).failures == {}
    found, expected = (contents.fingerprints(of.lake) for of in (refused, sound))
    assert contents.differences(found, expected) == {}
    versions = contents.versions(refused.lake)
    assert refused.run(REPLAY).is_success
    assert requested(refused) is None
    assert contents.versions(refused.lake) == versions


@pytest.mark.chaos
@pytest.mark.parametrize("commits", [1, 2, 7, 20])
def test_a_replay_that_is_killed_half_way_and_run_again_gives_the_same(
    refused: Installation, sound: Installation, commits: int
) -> None:
    """Each day's replay has three commits, in three tables; the run is killed after so many of all."""
    places = [refused.lake.joinpath(*table.key, "_delta_log") for table in (VISITS, QUARANTINE)]
    before = sum(len(list(place.glob("*.json"))) for place in places)
    started = refused.start(REPLAY)
    give_up_at = time.monotonic() + 120
    while sum(len(list(place.glob("*.json"))) for place in places) < before + commits:
        assert started.process.is_alive(), started.tail()
        assert time.monotonic() < give_up_at
        time.sleep(0.001)
    started.kill()
    assert not started.answer.exists(), "the run was over before it was killed"
    assert refused.run(REPLAY).is_success
    assert refused.run(REDERIVE).failures == {}
    found, expected = (contents.fingerprints(of.lake) for of in (refused, sound))
    assert contents.differences(found, expected) == {}


def requested(installation: Installation) -> tuple[str, str] | None:
    """The days over which the sensor asks for rederive after the last replay; None where it asks for none."""
    with installation.instance() as instance:
        [run, *_] = instance.get_runs(dg.RunsFilter(job_name=replay_job.name), limit=1)
        event = next(
            record.event_log_entry.dagster_event
            for record in instance.get_records_for_run(run.run_id).records
            if record.event_log_entry.dagster_event
            and record.event_log_entry.dagster_event.event_type_value == "PIPELINE_SUCCESS"
        )
        context = dg.build_run_status_sensor_context(
            sensor_name="rederive_what_changed",
            dagster_instance=instance,
            dagster_run=run,
            dagster_event=event,
        )
        answer = rederive_what_changed(context)
    if not isinstance(answer, dg.RunRequest):
        return None
    return answer.tags[RANGE_START_TAG], answer.tags[RANGE_END_TAG]
