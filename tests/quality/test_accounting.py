"""Received = landed + quarantined + repeats, of every day, from what the tables hold: after a pull with all
that may happen to a record, after a replay, while a day is held, and where a row is lost."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest

from connectors.base import BadRecord, Page, Record
from connectors.registry import CONNECTORS
from journey_platform.defs.partitions import daily_partitions
from journey_platform.defs.platform import Platform
from journey_platform.defs.reconciling import ALL_ACCOUNTED, reconciliation_asset
from journey_platform.lake import Lake
from journey_platform.landing import land_events
from journey_platform.landing.ledger import gate_of
from journey_platform.landing.replay import replay
from journey_platform.quality.rules import Suite, few_rows_fail, is_one_of
from journey_platform.settings import load
from journey_platform.sources import archive_of
from journey_platform.tables import RECONCILIATION
from tests.quality.conftest import InstalledFor

DAY = date(2026, 3, 2)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
TABLE = archive_of("mastodon", CONNECTORS["mastodon"].stream("tag_timelines"))


def suite(*languages: str, most_failing: float = 1.0) -> Suite:
    return Suite(
        rules=(is_one_of("language_known", "language", languages),),
        day_rules=(few_rows_fail(most_failing),),
        fields={"language": "$.language"},
    )


def posts(*languages: str) -> list[Record]:
    bodies = [{"id": str(n), "language": language} for n, language in enumerate(languages)]
    return [Record(body["id"], NOON, json.dumps(body).encode()) for body in bodies]


@pytest.fixture
def lake(installed_for: InstalledFor) -> Lake:
    return installed_for("mastodon")


def pull(lake: Lake, records: Sequence[Record], rules: Suite, bad: Sequence[BadRecord] = ()) -> None:
    land_events(
        lake,
        TABLE,
        [Page(list(records), list(bad))],
        [DAY],
        zone="UTC",
        run_id="r",
        extracted_at=NOON + timedelta(days=1),
        gate=gate_of(lake, TABLE, rules, [DAY]),
    )


def account() -> tuple[tuple[int, ...], bool]:
    """(received, in the table, in quarantine, repeats, unexplained) of the day, and whether the check is
    content."""
    asset = reconciliation_asset(["mastodon"], daily_partitions(load()))
    done = dg.materialize([asset], partition_key=DAY.isoformat(), resources={"platform": Platform()})
    [check] = [c for c in done.get_asset_check_evaluations() if c.check_name == ALL_ACCOUNTED]
    names = ("theirs", "ours", "quarantined", "duplicates", "unexplained")
    rows = Lake(load().root).read(RECONCILIATION).to_pylist()
    [row] = [row for row in rows if row["source"] == "mastodon/tag_timelines"]
    return tuple(row[name] for name in names), check.passed


def messy(lake: Lake) -> None:
    """Ten posts, of which two fail a rule; three of them twice; a record that has no time, twice."""
    records = posts(*["nl"] * 8, "fr", "fr")
    bad = BadRecord("a required field is missing", "$.id", b'{"language": "nl"}')
    pull(lake, [*records, *records[:2], records[9]], suite("nl"), [bad, bad])


def replayed(lake: Lake) -> None:
    messy(lake)
    [done] = replay(lake, TABLE, suite("nl", "fr"), [DAY], run_id="again")
    assert done.landed == 2


def held(lake: Lake) -> None:
    pull(lake, posts("nl"), suite("nl"))
    pull(lake, posts(*["nl"] * 3, *["fr"] * 7), suite("nl", most_failing=0.2))


def lost(lake: Lake) -> None:
    messy(lake)
    lake.rewrite_days(TABLE, [DAY], lambda _, rows: rows.slice(1), run_id="by hand")


@pytest.mark.parametrize(
    ("happens", "expected"),
    [
        pytest.param(messy, ((15, 8, 3, 4, 0), True), id="a pull"),
        pytest.param(replayed, ((15, 10, 1, 4, 0), True), id="a replay"),
        pytest.param(held, ((10, 0, 10, 0, 0), True), id="a day that is held"),
        pytest.param(lost, ((15, 7, 3, 4, 1), False), id="a row is lost"),
    ],
)
def test_every_record_is_accounted_for(
    lake: Lake, happens: Callable[[Lake], None], expected: tuple[tuple[int, ...], bool]
) -> None:
    happens(lake)
    assert account() == expected
