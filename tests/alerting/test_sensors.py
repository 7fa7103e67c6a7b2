"""The sensors on an instance of their own: real runs, whose checks fail and recover, told over a socket."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from connectors.base import StreamKind
from connectors.web_analytics.matomo import Matomo
from journey_platform.defs.alerts import alert_sensors
from journey_platform.defs.platform import Platform
from journey_platform.lake import Lake
from journey_platform.run_tags import RANGE_END_TAG, RANGE_START_TAG
from journey_platform.sources import archive_of
from tests.servers.raw_socket import RawServer, answer

DAYS = dg.DailyPartitionsDefinition("2026-03-01", end_date="2026-03-20")
EMAIL = "canary.person@mail.example"


@dataclass
class Weather:
    """How the next run goes."""

    passed: bool = True
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR
    held: set[str] = field(default_factory=set)
    step_fails: bool = False


@dataclass
class Place:
    """An instance, its sensor's cursor, and what the receiver got."""

    instance: dg.DagsterInstance
    receiver: RawServer
    weather: Weather = field(default_factory=Weather)
    cursor: str | None = None

    def run(self, days: tuple[str, str] = ("2026-03-01", "2026-03-01"), **weather: Any) -> None:
        self.weather = Weather(**weather)
        tags = {RANGE_START_TAG: days[0], RANGE_END_TAG: days[1]}
        self.job().execute_in_process(instance=self.instance, tags=tags, raise_on_error=False)

    def job(self) -> dg.JobDefinition:
        return dg.Definitions([self.visits()], jobs=[dg.define_asset_job("daily")]).resolve_job_def("daily")

    def visits(self) -> dg.AssetsDefinition:
        key = dg.AssetKey(["raw", "matomo", "visits"])

        @dg.multi_asset(
            specs=[dg.AssetSpec(key, partitions_def=DAYS)],
            check_specs=[dg.AssetCheckSpec("key_present", asset=key)],
            partitions_def=DAYS,
            backfill_policy=dg.BackfillPolicy.single_run(),
        )
        def raw__matomo__visits(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
            if self.weather.step_fails:
                raise ValueError(EMAIL)
            for day in context.partition_keys:
                metadata = {"held": f"lost {EMAIL}"} if day in self.weather.held else {"dagster/row_count": 3}
                context.add_asset_metadata(metadata, asset_key=key, partition_key=day)
            result = dg.AssetCheckResult(
                passed=self.weather.passed,
                severity=self.weather.severity,
                metadata={"rows_failed": 0 if self.weather.passed else 3, "sample": EMAIL},
            )
            return dg.MaterializeResult(asset_key=key, check_results=[result])

        return raw__matomo__visits

    def look(self) -> str | None:
        """Evaluate the sensor once, as the daemon would."""
        sensor = alert_sensors(["matomo"])[0]
        found = sensor(dg.build_sensor_context(instance=self.instance, cursor=self.cursor))
        if isinstance(found, dg.SkipReason):
            return found.skip_message
        self.cursor = found.cursor
        return found.skip_reason.skip_message

    def told(self) -> list[tuple[str, str]]:
        """Happening and key of everything the receiver got, in order."""
        return [(n["happening"], n["key"]) for n in self.notices()]

    def notices(self) -> list[Mapping[str, Any]]:
        return [notice for body in self.receiver.bodies for notice in json.loads(body)["alerts"]]


CHECK = "check/raw/matomo/visits/key_present"
HELD = "held/raw/matomo/visits"
STEP = "step/raw__matomo__visits"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    quiet = {"telemetry": {"enabled": False}}
    with (
        RawServer(answer(b"{}")) as receiver,
        dg.DagsterInstance.local_temp(str(tmp_path), quiet) as instance,
    ):
        monkeypatch.setenv("JOURNEY_ALERT_WEBHOOK_URL", receiver.url)
        monkeypatch.setenv("JOURNEY_UI_URL", "https://ui.example")
        place = Place(instance, receiver)
        place.look()
        yield place


def test_a_failed_check_of_a_green_run_is_told_once_and_its_recovery_once(place: Place) -> None:
    for passed in (False, False, True, True):
        place.run(passed=passed)
        assert [r.status for r in place.instance.get_runs(limit=1)] == [dg.DagsterRunStatus.SUCCESS]
        place.look()
        place.look()
    assert place.told() == [("raised", CHECK), ("recovered", CHECK)]
    raised = place.notices()[0]
    assert raised["link"] == "https://ui.example/assets/raw/matomo/visits?view=checks&checkDetail=key_present"
    assert raised["facts"] == {"rows_failed": 3}


def test_what_fails_and_recovers_between_two_looks_is_told_in_order(place: Place) -> None:
    for passed in (False, True, False):
        place.run(passed=passed)
    place.look()
    assert place.told() == [("raised", CHECK), ("recovered", CHECK), ("raised", CHECK)]


def test_a_check_that_gets_worse_is_told_again(place: Place) -> None:
    for severity in (dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR):
        place.run(passed=False, severity=severity)
        place.look()
    assert place.told() == [("raised", CHECK), ("changed", CHECK)]


def test_held_days_last_until_each_of_them_arrived(place: Place) -> None:
    march = ("2026-03-01", "2026-03-10")
    place.run(march, held={"2026-03-02", "2026-03-05"})
    place.look()
    place.run(("2026-03-11", "2026-03-12"))
    place.look()
    place.run(("2026-03-02", "2026-03-02"))
    place.look()
    place.run(march)
    place.look()
    assert place.told() == [("raised", HELD), ("changed", HELD), ("recovered", HELD)]
    assert place.notices()[0]["facts"] == {"days": 2, "latest": "2026-03-02, 2026-03-05"}
    assert place.notices()[1]["facts"] == {"days": 1, "latest": "2026-03-05"}


def test_a_failed_step_is_told_without_its_error_and_ends_with_its_success(place: Place) -> None:
    place.run(step_fails=True)
    place.look()
    place.run()
    place.look()
    assert place.told() == [("raised", STEP), ("recovered", STEP)]
    assert place.notices()[0]["link"].startswith("https://ui.example/runs/")


def test_a_run_that_died_without_a_failed_step_is_told(place: Place) -> None:
    place.run()
    run = place.instance.create_run_for_job(place.job())
    place.instance.report_run_failed(run, "the worker is gone")
    place.look()
    place.run()
    place.look()
    assert place.told() == [("raised", "run/daily"), ("recovered", "run/daily")]


def test_nothing_told_holds_personal_data(place: Place) -> None:
    place.run(passed=False, held={"2026-03-01"})
    place.run(step_fails=True)
    place.look()
    assert {key for _, key in place.told()} == {CHECK, HELD, STEP}
    assert EMAIL.encode() not in b"".join(place.receiver.bodies)
    assert place.cursor is not None
    assert EMAIL not in place.cursor


def test_what_happened_before_the_first_look_is_not_told(place: Place) -> None:
    place.cursor = None
    place.run(passed=False)
    place.look()
    place.look()
    assert place.told() == []
    place.run(passed=False)
    place.look()
    assert place.told() == [("raised", CHECK)]


def test_tagging_an_old_run_tells_nothing(place: Place) -> None:
    place.run(passed=False)
    place.look()
    place.run(passed=True)
    place.look()
    old = place.instance.get_runs()[-1]
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    assert place.cursor is not None
    place.cursor = json.dumps({**json.loads(place.cursor), "until": later, "runs": {}})
    place.instance.add_run_tags(old.run_id, {"note": "looked at"})
    place.look()
    assert place.told() == [("raised", CHECK), ("recovered", CHECK)]


def test_without_a_channel_the_sensor_says_how_to_get_one(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JOURNEY_ALERT_WEBHOOK_URL")
    assert "JOURNEY_ALERT_WEBHOOK_URL" in str(place.look())


def test_a_receiver_that_is_down_is_said_in_the_tick_and_gets_it_later(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.run(passed=False)
    with RawServer(answer(status="503 Busy")) as down:
        monkeypatch.setenv("JOURNEY_ALERT_WEBHOOK_URL", down.url)
        assert place.look() == "1 to tell; webhook: the receiver answered 503; 1 waiting"
    monkeypatch.setenv("JOURNEY_ALERT_WEBHOOK_URL", place.receiver.url)
    place.look()
    place.look()
    assert place.told() == [("raised", CHECK)]


def test_a_source_that_did_not_arrive_for_longer_than_declared_is_told_until_it_does(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake(str(tmp_path / "lake"))
    for name, value in {
        "JOURNEY_ROOT": str(tmp_path / "lake"),
        "JOURNEY_START_DATE": "2026-03-01",
        "JOURNEY_SOURCES": "matomo",
        "JOURNEY_PSEUDONYM_KEY": "any",
        "MATOMO_BASE_URL": "https://matomo.example",
        "MATOMO_TOKEN": "any",
        "MATOMO_SITE_ID": "1",
    }.items():
        monkeypatch.setenv(name, value)
    sensor, cursor = alert_sensors(["matomo"])[1], None
    told = []
    for now, arrived in [
        ("2026-03-05T04:00:00+00:00", None),
        ("2026-03-05T04:00:00+00:00", date(2026, 3, 4)),
        ("2026-03-06T11:00:00+00:00", None),
        ("2026-03-06T13:00:00+00:00", None),
        ("2026-03-06T14:00:00+00:00", None),
        ("2026-03-07T14:00:00+00:00", date(2026, 3, 6)),
    ]:
        monkeypatch.setenv("JOURNEY_NOW", now)
        if arrived:
            pulled(lake, arrived, now)
        found = sensor(dg.build_sensor_context(place.instance, cursor), platform=Platform())
        cursor = found.cursor
        told.append([happening for happening, _ in place.told()])
    assert told == [[], [], [], ["raised"], ["raised"], ["raised", "recovered"]]
    assert place.told()[0] == ("raised", "fresh/matomo")


def pulled(lake: Lake, day: date, now: str) -> None:
    """Every stream of the vendor arrived, with no rows; events up to the end of `day`."""
    for stream in Matomo.streams:
        table = archive_of("matomo", stream)
        cursor = json.dumps({"cursor": None, "asked_at": now}) if stream.kind is StreamKind.ENTITY else None
        lake.replace_days(table, table.schema.empty_table(), [day], run_id="test", cursor=cursor)
