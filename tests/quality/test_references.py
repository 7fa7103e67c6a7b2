"""Rules between streams: what one names is there in the other; late arrivals are waited for, and forgiven."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pyarrow as pa
import pytest

from connectors.base import Page, Record
from connectors.registry import CONNECTORS
from journey_platform.defs.platform import Platform
from journey_platform.defs.references import references_asset
from journey_platform.lake import Lake
from journey_platform.landing import land_events, land_versions
from journey_platform.landing.ledger import gate_of
from journey_platform.quality.references import named, referred
from journey_platform.quality.rules import Reference
from journey_platform.quality.suites import suite_of
from journey_platform.sources import archive_of
from journey_platform.tables import QUARANTINE, REFERENCES, Table, raw_table
from tests.quality.conftest import InstalledFor

DAY = date(2026, 3, 2)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
EVENTS = raw_table("shop", "events", "event", is_entity=False)
RULE = Reference("ticket_known", "$.ticket_id", "raw/shop/tickets", "$.id")


def raws(*bodies: object) -> pa.Table:
    """One event an hour from noon on."""
    rows = [
        {
            "day": DAY,
            "record_key": str(n),
            "occurred_at": NOON + timedelta(hours=n),
            "extracted_at": NOON,
            "body": body if isinstance(body, str) else json.dumps(body),
        }
        for n, body in enumerate(bodies)
    ]
    return pa.Table.from_pylist(rows, schema=EVENTS.schema)


@pytest.mark.parametrize(
    ("bodies", "asked_after_h", "expected"),
    [
        pytest.param([{"ticket_id": 1}, {"ticket_id": "1"}], 24, (2, 0, ()), id="there, number or text"),
        pytest.param(
            [{"ticket_id": 1}, {"ticket_id": 9}, {"ticket_id": 9}], 24, (3, 0, (1, 2)), id="not there"
        ),
        pytest.param(
            [{"ticket_id": None}, {}, "no JSON"], 24, (0, 0, ()), id="names nothing: another rule's"
        ),
        pytest.param(
            [{"ticket_id": 9}, {"ticket_id": 9}], 0.5, (2, 1, (0,)), id="newer than the last answer"
        ),
        pytest.param([{"ticket_id": 9}], None, (1, 1, ()), id="never asked"),
        pytest.param([], 24, (0, 0, ()), id="no rows"),
    ],
)
def test_a_name_is_judged_once_the_other_stream_was_asked_after_it(
    bodies: list[object], asked_after_h: float | None, expected: tuple[int, int, tuple[int, ...]]
) -> None:
    rows = raws(*bodies)
    names = named(rows, [RULE.names])
    assert names is not None
    asked_at = None if asked_after_h is None else NOON + timedelta(hours=asked_after_h)
    told = referred(RULE, rows, names[0], {"1", "2"}, asked_at=asked_at)
    assert (told.checked.total(), told.waiting.total(), told.dangling) == expected
    assert not told.is_broken


def test_what_cannot_be_read_fails_closed() -> None:
    rows = raws({"ticket_id": 1}, {"ticket_id": 1})
    told = referred(RULE, rows, None, {"1"}, asked_at=NOON)
    assert (told.is_broken, told.checked) == (True, {DAY: 2})


def test_every_reference_names_a_stream_that_is_there() -> None:
    archives = {
        archive_of(vendor, stream).name: archive_of(vendor, stream)
        for vendor, connector in CONNECTORS.items()
        for stream in connector.streams
    }
    references = [(name, of) for name, table in archives.items() for of in suite_of(table).references]
    assert {of.table for _, of in references} <= set(archives)
    assert all("occurred_at" in archives[of.table].primary_key for _, of in references)
    vendors = {name.split("/")[1] for name, _ in references}
    assert vendors == {"matomo", "mailchimp", "zendesk", "qualtrics"}


# Through Dagster

TICKETS, METRICS = (
    archive_of("zendesk", CONNECTORS["zendesk"].stream(name)) for name in ("tickets", "ticket_metric_events")
)
CHECK = "zendesk_ticket_metric_events_ticket_known"


@pytest.fixture
def lake(installed_for: InstalledFor) -> Lake:
    return installed_for("zendesk")


def events(lake: Lake, *tickets: int) -> None:
    """A day's metric events, of these tickets."""
    bodies = [
        {"id": n, "ticket_id": of, "metric": "reply_time", "type": "fulfill"} for n, of in enumerate(tickets)
    ]
    pages = [Page([Record(str(n), NOON, json.dumps(body).encode()) for n, body in enumerate(bodies)])]
    gate = gate_of(lake, METRICS, suite_of(METRICS), [DAY], is_read_by_day=True)
    about = {"zone": "UTC", "run_id": "r", "extracted_at": NOON + timedelta(days=1)}
    land_events(lake, METRICS, pages, [DAY], gate=gate, **about)


def tickets(lake: Lake, *numbers: int, asked_at: datetime = NOON + timedelta(days=1)) -> None:
    bodies = [
        {"id": n, "status": "open", "requester_id": None, "created_at": "2026-03-01T00:00:00Z"}
        for n in numbers
    ]
    pages = [Page([Record(str(body["id"]), NOON, json.dumps(body).encode()) for body in bodies])]
    gate = gate_of(lake, TICKETS, suite_of(TICKETS), (), stands_on=asked_at.date())
    land_versions(lake, TICKETS, pages, zone="UTC", run_id="r", extracted_at=asked_at, gate=gate)


def judge() -> dg.ExecuteInProcessResult:
    return dg.materialize([references_asset(["zendesk"])], resources={"platform": Platform()})


def failed(done: dg.ExecuteInProcessResult) -> list[str]:
    return [check.check_name for check in done.get_asset_check_evaluations() if not check.passed]


def listed(lake: Lake, table: Table = METRICS) -> list[tuple[str, str, str]]:
    rows: Sequence[dict[str, str]] = lake.read(QUARANTINE).to_pylist()
    return [(row["record_key"], row["reason"], row["severity"]) for row in rows if row["table"] == table.name]


def test_a_row_that_names_what_is_not_there_is_used_and_listed_until_it_comes(lake: Lake) -> None:
    tickets(lake, 1, 2)
    events(lake, 1, 2, 3)
    assert failed(judge()) == [CHECK]
    assert listed(lake) == [("2", "ticket_known", "warn")]
    assert lake.day_states(METRICS)[DAY].rows == 3
    state = (lake.version(QUARANTINE), lake.version(REFERENCES))
    judge()
    events(lake, 1, 2, 3)
    assert state == (lake.version(QUARANTINE), lake.version(REFERENCES)), "nothing new, nothing written"
    tickets(lake, 3, asked_at=NOON + timedelta(days=2))
    assert failed(judge()) == []
    assert listed(lake) == []


def test_before_the_other_stream_was_asked_nothing_is_said(lake: Lake) -> None:
    tickets(lake, 1, asked_at=NOON - timedelta(hours=1))
    events(lake, 1, 7)
    assert failed(judge()) == []
    [row] = [row for row in lake.read(REFERENCES).to_pylist() if row["checked"]]
    assert (row["table"], row["checked"], row["waiting"], row["failed"]) == (METRICS.name, 2, 2, 0)
    tickets(lake, 1)
    assert failed(judge()) == [CHECK]
