"""What reads otherwise than before is told once: restated mature values, and days that came late."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

from journey_platform.defs.changed import alert_on_changes
from journey_platform.defs.platform import Platform
from journey_platform.lake import Lake
from journey_platform.sources import archives
from journey_platform.tables import RESTATEMENTS
from tests.servers.raw_socket import RawServer, answer

EMAIL = "canary.person@mail.example"
VISITS = archives()["raw/matomo/visits"]


@dataclass
class Place:
    """A lake, its sensor's cursor, and what the receiver got."""

    lake: Lake
    receiver: RawServer
    cursor: str | None = None

    def look(self) -> str | None:
        """Evaluate the sensor once, as the daemon would."""
        found = alert_on_changes(["matomo"])(dg.build_sensor_context(cursor=self.cursor), platform=Platform())
        if isinstance(found, dg.SkipReason):
            return found.skip_message
        self.cursor = found.cursor
        return found.skip_reason.skip_message

    def told(self) -> list[Mapping[str, Any]]:
        return [notice for body in self.receiver.bodies for notice in json.loads(body)["alerts"]]

    def land(self, rows: Mapping[str, int]) -> None:
        """The days hold so many visits."""
        records = [
            {
                "day": date.fromisoformat(day),
                "record_key": f"{day}-{n}",
                "occurred_at": datetime.fromisoformat(f"{day}T12:00:00+00:00"),
                "extracted_at": datetime(2026, 3, 20, tzinfo=UTC),
                "body": json.dumps({"userId": EMAIL}),
            }
            for day, count in rows.items()
            for n in range(count)
        ]
        table = pa.Table.from_pylist(records, schema=VISITS.schema)
        self.lake.replace_days(
            VISITS, table, [date.fromisoformat(day) for day in rows], run_id="test", allow_shrink=True
        )

    def restate(self, version: int, kpis: Mapping[str, bool]) -> None:
        """A publication restated a value of each of the KPIs, which was mature or not."""
        row: dict[str, Any] = {
            "day": date(2026, 3, 20),
            "stage": "kpis/middle",
            "version": version,
            "period": "day",
            "value_day": date(2026, 3, 4),
            "dimension": "all",
            "dimension_value": "all",
            "published_at": datetime.now(UTC),
            "run_id": f"run-{version}",
            "causes": [{"kind": "source", "name": "matomo/visits", "detail": "days 2026-03-04"}],
        }
        rows = [row | {"kpi": kpi, "is_mature": is_mature} for kpi, is_mature in kpis.items()]
        added = pa.concat_tables(
            [self.lake.read(RESTATEMENTS), pa.Table.from_pylist(rows, schema=RESTATEMENTS.schema)]
        )
        cursor = json.dumps({"kpis/middle": version})
        self.lake.replace_days(RESTATEMENTS, added, [row["day"]], run_id=row["run_id"], cursor=cursor)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    with RawServer(answer(b"{}")) as receiver:
        for name, value in {
            "JOURNEY_ALERT_WEBHOOK_URL": receiver.url,
            "JOURNEY_UI_URL": "https://ui.example",
            "JOURNEY_PSEUDONYM_KEY": "any",
            "JOURNEY_ROOT": str(tmp_path / "lake"),
            "JOURNEY_START_DATE": "2026-03-01",
            "JOURNEY_SOURCES": "matomo",
            "MATOMO_BASE_URL": "https://matomo.example",
            "MATOMO_TOKEN": "any",
            "MATOMO_SITE_ID": "1",
        }.items():
            monkeypatch.setenv(name, value)
        place = Place(Lake(str(tmp_path / "lake")), receiver)
        place.land({"2026-03-15": 3, "2026-03-18": 3, "2026-03-19": 3})
        place.restate(1, {"visits": True})
        place.look()
        yield place


def test_what_was_there_before_the_first_look_is_not_told(place: Place) -> None:
    assert place.look() == "nothing new"
    assert place.told() == []


def test_a_run_that_restated_mature_values_is_told_once_with_kpis_causes_and_where(place: Place) -> None:
    place.restate(2, {"visits": True, "conversion_rate": True, "page_depth": False})
    place.look()
    place.look()
    [notice] = place.told()
    assert notice["key"] == "restated/run-2"
    assert notice["link"] == "https://ui.example/assets/kpis/restatements"
    assert notice["facts"] == {
        "values": 2,
        "kpis": "conversion_rate 1; visits 1",
        "days": "2026-03-04",
        "because_of": "source matomo/visits 2",
    }


def test_values_that_were_only_ripening_are_not_told(place: Place) -> None:
    place.restate(2, {"visits": False})
    assert place.look() == "nothing new"


def test_every_run_that_restates_is_told_for_itself(place: Place) -> None:
    for version in (2, 3):
        place.restate(version, {"visits": True})
        place.look()
    assert [notice["key"] for notice in place.told()] == ["restated/run-2", "restated/run-3"]


@pytest.mark.parametrize(
    ("landed", "facts"),
    [
        pytest.param({"2026-03-18": 5}, {"visits": "2026-03-18 (+2 rows)"}, id="rows came late"),
        pytest.param(
            {"2026-03-18": 2, "2026-03-19": 4},
            {"visits": "2026-03-18 to 2026-03-19 (+0 rows)"},
            id="two days",
        ),
        pytest.param({"2026-03-18": 3, "2026-03-20": 7}, None, id="a new day, and one read again unchanged"),
        pytest.param({"2026-03-15": 9}, None, id="a day before the lookback: a backfill's"),
    ],
)
def test_days_within_the_lookback_that_changed_after_they_landed_are_told(
    place: Place, landed: Mapping[str, int], facts: Mapping[str, str] | None
) -> None:
    place.land(landed)
    place.look()
    place.look()
    assert [notice["facts"] for notice in place.told()] == ([facts] if facts else [])
    assert {notice["key"] for notice in place.told()} <= {"late/matomo"}


def test_no_record_is_in_what_is_told_or_remembered(place: Place) -> None:
    place.land({"2026-03-19": 9})
    place.restate(2, {"visits": True})
    place.look()
    assert len(place.told()) == 2
    assert EMAIL.encode() not in b"".join(place.receiver.bodies)
    assert EMAIL not in str(place.cursor)


def test_a_receiver_that_is_down_gets_it_later(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.restate(2, {"visits": True})
    with RawServer(answer(status="503 Busy")) as down:
        monkeypatch.setenv("JOURNEY_ALERT_WEBHOOK_URL", down.url)
        assert place.look() == "1 to tell; webhook: the receiver answered 503; 1 waiting"
    monkeypatch.setenv("JOURNEY_ALERT_WEBHOOK_URL", place.receiver.url)
    place.look()
    place.look()
    assert [notice["key"] for notice in place.told()] == ["restated/run-2"]
