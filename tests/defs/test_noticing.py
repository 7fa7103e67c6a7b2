"""What is wrong or new in the lake is noticed, asked for once, and no more than that."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

from connectors.base import StreamKind
from connectors.registry import CONNECTORS
from journey_platform.cli import main
from journey_platform.defs.build import build_definitions
from journey_platform.defs.jobs import derive_after_failure
from journey_platform.defs.noticing import WAITS, Memory, due
from journey_platform.defs.partitions import CHANGED_ONLY_TAG, LOOKBACK_TAG
from journey_platform.defs.platform import Platform
from journey_platform.defs.replays import rederive_what_changed
from journey_platform.identity.keys import identifier_key
from journey_platform.lake import Lake
from journey_platform.run_tags import RANGE_END_TAG, RANGE_START_TAG, range_tags
from journey_platform.settings import load
from journey_platform.sources import archive_of
from journey_platform.tables import GATE_VERDICTS, JOURNEY_TOUCHPOINTS
from tests.identity.shop import DAY, SECRET, environment, filled, reopened

NOW = datetime(2026, 3, 9, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
WHY = ("--why", "asked on the phone", "--who", "kim")
VISITS = next(archive_of("matomo", s) for s in CONNECTORS["matomo"].streams if s.name == "visits")


def instance() -> dg.DagsterInstance:
    return dg.DagsterInstance.ephemeral()


def tick(name: str, known: dg.DagsterInstance, cursor: str | None = None) -> Any:
    """What a sensor answers over the lake that the environment names."""
    [sensor] = [sensor for sensor in build_definitions(load()).sensors or [] if sensor.name == name]
    context = dg.build_sensor_context(instance=known, cursor=cursor, resources={"platform": Platform()})
    return sensor.evaluate_tick(context)


# Days that are wanting


def test_a_day_is_asked_for_again_three_times_at_growing_distances_and_forgotten_when_it_came() -> None:
    memory: Memory = {}
    asked: list[int] = []
    for hour in range(60):
        memory, wanted = due(memory, {"raw/a/b": {DAY}}, NOW + hour * HOUR)
        asked += [hour] * bool(wanted)
    assert asked == [1, 5, 17]
    assert [wait / HOUR for wait in WAITS] == [1, 4, 12]
    assert due(memory, {}, NOW + 60 * HOUR) == ({}, {})


def test_a_day_that_turns_bad_later_has_its_own_tries() -> None:
    memory, _ = due({}, {"raw/a/b": {DAY}}, NOW)
    other = DAY + timedelta(days=1)
    memory, wanted = due(memory, {"raw/a/b": {DAY, other}}, NOW + HOUR)
    assert wanted == {"raw/a/b": {DAY}}
    memory, wanted = due(memory, {"raw/a/b": {DAY, other}}, NOW + 2 * HOUR)
    assert wanted == {"raw/a/b": {other}}


@pytest.fixture
def wanting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """Days up to the 8th are in but for the 4th of the visits; their 6th is held."""
    for name, value in {**environment(tmp_path), "JOURNEY_NOW": NOW.isoformat()}.items():
        monkeypatch.setenv(name, value)
    lake = Lake(str(tmp_path))
    days = [DAY + timedelta(days=n) for n in range(7)]
    for vendor in ("matomo", "zendesk"):
        for stream in CONNECTORS[vendor].streams:
            if stream.kind is StreamKind.EVENT:
                table = archive_of(vendor, stream)
                there = [day for day in days if table != VISITS or day.day != 4]
                lake.replace_days(table, table.empty(), there, run_id="r", allow_shrink=True)
    sixth = date(2026, 3, 6)
    verdict = {"day": sixth, "table": VISITS.name, "rule": "volume", "verdict": "held"}
    rows = pa.Table.from_pylist([verdict], schema=GATE_VERDICTS.schema)
    lake.replace_days(GATE_VERDICTS, rows, [sixth], run_id="r")
    return lake


def test_days_that_are_missing_or_held_are_asked_for_of_their_stream_alone(
    wanting: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    with instance() as known:
        first = tick("ask_again", known)
        assert not first.run_requests, "they were noticed just now"
        monkeypatch.setenv("JOURNEY_NOW", (NOW + 1.5 * HOUR).isoformat())
        second = tick("ask_again", known, first.cursor)
        again = tick("ask_again", known, second.cursor)
    assert not again.run_requests
    spans = [(r.tags[RANGE_START_TAG], r.tags[RANGE_END_TAG]) for r in second.run_requests or []]
    assert spans == [("2026-03-04",) * 2, ("2026-03-06",) * 2]
    for request in second.run_requests or []:
        assert request.job_name in (None, "repeat")
        chosen = {key.to_user_string() for key in request.asset_selection or []}
        assert {name for name in chosen if name.startswith("raw/")} == {VISITS.name}
        assert chosen >= {"touchpoints/matomo", "journeys/sessions", "kpis/middle", "customers/erasures"}
        assert request.tags["journey/source"] == "matomo"


def test_nothing_is_asked_while_a_run_is_under_way(wanting: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    with instance() as known:
        noticed = tick("ask_again", known)
        monkeypatch.setenv("JOURNEY_NOW", (NOW + 2 * HOUR).isoformat())
        job = build_definitions(load()).resolve_job_def("daily")
        going = known.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
        for name in ("ask_again", "follow_identity"):
            assert not tick(name, known, noticed.cursor).run_requests
        known.report_run_failed(going)
        assert tick("ask_again", known, noticed.cursor).run_requests


@pytest.mark.parametrize(("hour", "wanted"), [(3, False), (6, True)])
def test_yesterday_is_not_missing_before_its_run_is_over(
    wanting: Lake, monkeypatch: pytest.MonkeyPatch, hour: int, wanted: bool
) -> None:
    monkeypatch.setenv("JOURNEY_NOW", f"2026-03-10T{hour:02}:00:00+00:00")
    with instance() as known:
        answer = tick("ask_again", known)
    assert ("2026-03-09" in (answer.cursor or "")) is wanted


def test_after_a_daily_run_that_failed_the_same_days_are_derived() -> None:
    tags = {**range_tags(DAY, DAY + timedelta(days=20)), LOOKBACK_TAG: "yes", CHANGED_ONLY_TAG: "yes"}

    @dg.op
    def refused() -> None:
        raise dg.Failure("the vendor is down")

    @dg.job(tags=tags)
    def failing() -> None:
        refused()

    with instance() as known:
        done = failing.execute_in_process(instance=known, raise_on_error=False)
        run = known.get_run_by_id(done.run_id)
        assert run is not None
        [ended] = [e for e in done.all_events if e.event_type_value == "PIPELINE_FAILURE"]
        context = dg.build_run_status_sensor_context(
            sensor_name="derive_after_failure", dagster_instance=known, dagster_run=run, dagster_event=ended
        )
        request = derive_after_failure(context.for_run_failure())
    assert isinstance(request, dg.RunRequest)
    assert request.tags == {name: tags[name] for name in (RANGE_START_TAG, RANGE_END_TAG, CHANGED_ONLY_TAG)}


# Who is who


@pytest.fixture(scope="module")
def filled_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return filled(tmp_path_factory.mktemp("shop"))


@pytest.fixture
def shop(filled_shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    return reopened(filled_shop, tmp_path, monkeypatch)


@pytest.fixture
def remember(shop: Lake) -> Callable[[], set[int]]:
    """Which days of the touchpoints were rewritten since the beginning, counted from the first."""
    before = shop.day_states(JOURNEY_TOUCHPOINTS)

    def rewritten() -> set[int]:
        now = shop.day_states(JOURNEY_TOUCHPOINTS)
        return {(day - DAY).days for day, state in now.items() if before.get(day) != state and day.month == 3}

    return rewritten


def derive(request: dg.RunRequest) -> None:
    """The run that was asked for, as far as the touchpoints of persons."""
    selection = [
        *(dg.AssetKey(["customers", name]) for name in ("identifiers", "links", "profile_redirects")),
        dg.AssetKey(["customers", "identity_events"]),
        dg.AssetKey(JOURNEY_TOUCHPOINTS.key),
    ]
    job = build_definitions(load()).resolve_job_def("rederive")
    assert job.execute_in_process(asset_selection=selection, tags=request.tags).success


def test_a_decision_is_followed_in_exactly_the_days_it_touches(
    shop: Lake, remember: Callable[[], set[int]]
) -> None:
    with instance() as known:
        before = tick("follow_identity", known)
        assert not before.run_requests
        assert main(["identity", "unlink", "email:ann@shop.example", "cookie_id:c-ann", *WHY]) == 0
        answer = tick("follow_identity", known, before.cursor)
        [request] = answer.run_requests or []
        assert CHANGED_ONLY_TAG in request.tags
        derive(request)
        assert remember() == {0, 1, 2}
        assert not tick("follow_identity", known, answer.cursor).run_requests


def test_identity_that_was_resolved_without_what_follows_is_followed(
    shop: Lake, remember: Callable[[], set[int]]
) -> None:
    """As by a run that died in between, or by somebody who materialized identity alone."""
    assert main(["identity", "unlink", "email:ann@shop.example", "cookie_id:c-ann", *WHY]) == 0
    identity = [dg.AssetKey(["customers", n]) for n in ("identifiers", "links", "profile_redirects")]
    job = build_definitions(load()).resolve_job_def("derive")
    chosen = [*identity, dg.AssetKey(["customers", "identity_events"])]
    assert job.execute_in_process(asset_selection=chosen).success
    with instance() as known:
        [request] = tick("follow_identity", known).run_requests or []
    derive(request)
    assert remember() == {0, 1, 2}


def test_an_erasure_by_command_is_followed(shop: Lake) -> None:
    with instance() as known:
        before = tick("follow_identity", known)
        assert main(["identity", "erase", "user_id:u-ann", *WHY]) == 0
        assert len(tick("follow_identity", known, before.cursor).run_requests or []) == 1


def test_an_erasure_by_the_job_has_its_days_derived_again(shop: Lake) -> None:
    key = identifier_key(SECRET.encode(), "user_id", "u-ann")
    with instance() as known:
        job = build_definitions(load()).resolve_job_def("identity_erase")
        config = {"ops": {"erase_person": {"config": {"id": f"key:{key}", "who": "kim", "why": "a letter"}}}}
        done = job.execute_in_process(run_config=config, instance=known, resources={"platform": Platform()})
        assert done.success
        run_of_job = known.get_run_by_id(done.run_id)
        assert run_of_job is not None
        [ended] = [e for e in done.all_events if e.event_type_value == "PIPELINE_SUCCESS"]
        context = dg.build_run_status_sensor_context(
            sensor_name="rederive_what_changed",
            dagster_instance=known,
            dagster_run=run_of_job,
            dagster_event=ended,
        )
        request = rederive_what_changed(context)
    assert isinstance(request, dg.RunRequest)
    # Ann was there on the first three days; derived from them is what starts there.
    assert (request.tags[RANGE_START_TAG], request.tags[RANGE_END_TAG]) == ("2026-03-02", "2026-03-04")
    assert CHANGED_ONLY_TAG not in request.tags
