"""`journey quarantine`: what was refused, by reason, and through the gate with it again; no row is shown."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest

from connectors.base import Page, Record
from journey_platform.cli import main
from journey_platform.commands.quarantine import raw_archive
from journey_platform.lake import Lake
from journey_platform.landing import land_events
from journey_platform.landing.ledger import gate_of
from journey_platform.quality.rules import Suite, is_one_of
from journey_platform.tables import QUARANTINE
from tests.quality.conftest import InstalledFor

DAY = date(2026, 3, 2)
TABLE = raw_archive("raw/mastodon/tag_timelines")
# A rule that was too strict: since then it is gone.
STRICT = Suite(rules=(is_one_of("language_known", "language", ("nl",)),), fields={"language": "$.language"})


@pytest.fixture
def lake(installed_for: InstalledFor) -> Lake:
    """Three posts, of which one is in quarantine."""
    lake = installed_for("mastodon")
    noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    records = [
        Record(
            f"acme:{n}",
            noon,
            json.dumps({"id": str(n), "language": language, "account": {"acct": "ann@x.example"}}).encode(),
        )
        for n, language in enumerate(["nl", "nl", "fr"])
    ]
    land_events(
        lake,
        TABLE,
        [Page(records)],
        [DAY],
        zone="UTC",
        run_id="r",
        extracted_at=noon + timedelta(days=1),
        gate=gate_of(lake, TABLE, STRICT, [DAY], is_read_by_day=True),
    )
    return lake


def test_the_list_counts_by_reason_and_shows_no_row(lake: Lake, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["quarantine", "list"]) == 0
    told = capsys.readouterr().out
    assert told.split() == [
        "1",
        "error",
        "raw/mastodon/tag_timelines",
        "language_known",
        "on",
        "1",
        "days",
        "from",
        "2026-03-02",
    ]


def test_a_replay_lands_what_the_rules_of_today_let_through_and_then_nothing(
    lake: Lake, capsys: pytest.CaptureFixture[str]
) -> None:
    again = [
        "quarantine",
        "replay",
        "--table",
        TABLE.name,
        "--day",
        "2026-03-02",
        "--reason",
        "language_known",
    ]
    assert main(again) == 0
    assert "2026-03-02: 1 taken, 1 landed, 0 refused" in capsys.readouterr().out
    assert (lake.read(TABLE).num_rows, lake.read(QUARANTINE).num_rows) == (3, 0)
    versions = (lake.version(TABLE), lake.version(QUARANTINE))
    assert main(again) == 0
    assert "0 taken" in capsys.readouterr().out
    assert versions == (lake.version(TABLE), lake.version(QUARANTINE))


def test_a_table_that_is_no_archive_is_refused(lake: Lake, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["quarantine", "replay", "--table", "touchpoints/matomo"]) == 2
    assert "no raw table" in capsys.readouterr().err
