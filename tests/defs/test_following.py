"""A day that arrived counts once its touchpoints were made: before that its zeros would be taken for true."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

from journey_platform.defs.build import build_definitions
from journey_platform.defs.following import made_from
from journey_platform.defs.kpis import arrived_days
from journey_platform.defs.planning import plan
from journey_platform.defs.platform import Platform
from journey_platform.defs.touchpoints import mapped_on
from journey_platform.kpis.catalogue import KPIS
from journey_platform.kpis.values import standing
from journey_platform.landing.checkpoint import Checkpoint
from journey_platform.settings import load
from journey_platform.sources import archive_of, connector_of
from journey_platform.tables import Table, touchpoints_table
from tests.touchpoints.raws import raw

TABLE = touchpoints_table("zendesk")
FIRST = date(2026, 3, 9)
DAYS = [FIRST + timedelta(days=n) for n in range(4)]
LAST = DAYS[-1]
TODAY = LAST + timedelta(days=1)
ASKED = datetime(2026, 3, 13, 4, tzinfo=UTC)
COUNTED = ("tickets", "ticket_metric_events")


@pytest.fixture
def platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Platform:
    """A ticket on the first day; all streams but the ratings arrived, no touchpoints were made."""
    monkeypatch.setenv("JOURNEY_ROOT", str(tmp_path))
    monkeypatch.setenv("JOURNEY_ZONE", "UTC")
    monkeypatch.setenv("JOURNEY_START_DATE", FIRST.isoformat())
    monkeypatch.setenv("JOURNEY_NOW", ASKED.isoformat())
    monkeypatch.setenv("JOURNEY_SOURCES", "zendesk")
    monkeypatch.setenv("JOURNEY_PSEUDONYM_KEY", "any long text")
    for name, value in (("BASE_URL", "http://127.0.0.1:1"), ("EMAIL", "x@x.example"), ("TOKEN", "x")):
        monkeypatch.setenv(f"ZENDESK_{name}", value)
    found = Platform()
    add_ticket(found, 1, FIRST, FIRST)
    for name in ("ticket_metric_events", "ticket_counts"):
        table = archive(name)
        found.lake.replace_days(table, table.empty(), DAYS, run_id="made")
    return found


def archive(stream: str) -> Table:
    return archive_of("zendesk", connector_of("zendesk").stream(stream))


def add_ticket(platform: Platform, number: int, created: date, changed: date) -> None:
    body = {"id": number, "created_at": f"{created}T09:00:00Z"}
    at = datetime(changed.year, changed.month, changed.day, 10, tzinfo=UTC)
    rows = raw("zendesk", "tickets", body, keys=[str(number)], at=at)
    cursor = Checkpoint(None, ASKED).encode()
    platform.lake.add_versions(archive("tickets"), rows, run_id="made", cursor=cursor)


def make_touchpoints(platform: Platform) -> None:
    work = plan(platform.lake, TABLE, DAYS, made_from(platform, "zendesk"), span=platform.span)
    rows = mapped_on(platform, "zendesk", work.days).rows
    platform.lake.replace_days(TABLE, rows, work.days, run_id="made", cursor=work.cursor, allow_shrink=True)


def arrived(platform: Platform) -> dict[str, set[date]]:
    found = arrived_days(platform, ["zendesk"])
    return {name: found[f"zendesk/{name}"] for name in (*COUNTED, "ticket_counts")}


def tickets_of(platform: Platform, day: date) -> tuple[str, float]:
    told = standing(KPIS["tickets"], "day", day, arrived_days(platform, ["zendesk"]), TODAY)
    return told.status, told.coverage


def test_what_no_touchpoints_were_made_of_is_missing_though_the_archive_has_it(platform: Platform) -> None:
    assert arrived(platform) == {**{key: set() for key in COUNTED}, "ticket_counts": set(DAYS)}
    assert tickets_of(platform, LAST) == ("missing", 0.0)


def test_once_they_are_made_every_day_counts_though_another_stream_never_arrived(platform: Platform) -> None:
    make_touchpoints(platform)
    assert arrived(platform) == {key: set(DAYS) for key in (*COUNTED, "ticket_counts")}
    assert tickets_of(platform, LAST) == ("open", 1.0)


def test_a_ticket_that_is_in_the_archive_alone_takes_its_day_out_until_it_is_followed(
    platform: Platform,
) -> None:
    """It was changed after its day: it stands elsewhere in the archive."""
    make_touchpoints(platform)
    add_ticket(platform, 2, created=LAST, changed=TODAY)
    assert arrived(platform)["tickets"] == set(DAYS) - {LAST}
    assert arrived(platform)["ticket_metric_events"] == set(DAYS)
    assert tickets_of(platform, LAST) == ("missing", 0.0)
    assert tickets_of(platform, FIRST)[1] == 1.0
    make_touchpoints(platform)
    assert arrived(platform)["tickets"] == set(DAYS)


def test_events_that_came_late_take_out_their_day_and_the_next_until_they_are_followed(
    platform: Platform,
) -> None:
    make_touchpoints(platform)
    event = {"id": 1, "ticket_id": 1, "metric": "reply_time", "type": "fulfill"}
    rows = raw("zendesk", "ticket_metric_events", event, at=datetime(2026, 3, 10, 9, tzinfo=UTC))
    platform.lake.replace_days(archive("ticket_metric_events"), rows, [DAYS[1]], run_id="late")
    assert arrived(platform)["ticket_metric_events"] == {DAYS[0], DAYS[3]}
    make_touchpoints(platform)
    assert arrived(platform)["ticket_metric_events"] == set(DAYS)


def test_a_day_asked_again_without_news_still_counts(platform: Platform) -> None:
    make_touchpoints(platform)
    table = archive("ticket_metric_events")
    platform.lake.replace_days(table, pa.Table.from_pylist([], schema=table.schema), DAYS, run_id="again")
    add_ticket(platform, 1, FIRST, FIRST)
    assert arrived(platform) == {key: set(DAYS) for key in (*COUNTED, "ticket_counts")}


def test_after_a_failed_run_the_touchpoints_of_what_did_arrive_are_made(platform: Platform) -> None:
    """In the daily run they wait for all streams of the vendor; in the run after it for none."""
    assert platform.settings.sources == ("zendesk",)
    defs = build_definitions(load())
    [sensor] = [s for s in defs.sensors or [] if s.name == "derive_after_failure"]
    assert isinstance(sensor, dg.SensorDefinition)
    keys: set[Any] = set(defs.resolve_job_def(sensor.job_name).asset_layer.executable_asset_keys)
    assert {"touchpoints/zendesk", "contacts/zendesk"} <= {key.to_user_string() for key in keys}
    assert not {key for key in keys if key.path[0] == "raw"}
