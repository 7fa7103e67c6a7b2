"""`python -m connectors` as a person uses it: in a process of its own, against the demo's emulations."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from connectors.config import settings_of
from connectors.registry import CONNECTORS
from journey_platform.demo.vendors.faults import Fault, Faults
from journey_platform.demo.vendors.server import serve
from journey_platform.demo.world import Malformed
from tests.demo.worlds import small_world
from tests.servers.raw_socket import RawServer, answer

ROOT = Path(__file__).resolve().parents[2]
DAYS = ["--start", "2026-03-01", "--end", "2026-03-04"]


def run(*arguments: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "connectors", *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **(environment or {})},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    malformed = Malformed("zendesk", "tickets", date(2026, 3, 2), '{"subject": "no id, jane@example.org"}')
    with serve(small_world(malformed=[malformed]), max_rows=4) as served:
        yield served.environment


def test_the_list_names_every_stream_and_setting_and_marks_secrets() -> None:
    listed = run()
    assert (listed.returncode, listed.stderr) == (0, "")
    lines = [line.strip() for line in listed.stdout.splitlines()]
    for vendor, connector in CONNECTORS.items():
        assert f"{vendor} ({connector.area.replace('_', ' ')})" in lines
        for declared in settings_of(connector.config_class).values():
            need = "required" if declared.is_required else "optional"
            assert f"{declared.env} ({need}{', secret' if declared.is_secret else ''})" in lines
        for stream in connector.streams:
            [line] = [
                line for line in lines if line.startswith(f"{stream.name}: one row per {stream.grain}; ")
            ]
            assert f"key {', '.join(stream.primary_key)}; " in line
            assert ("not replayable" in line) == (not stream.is_replayable)


def test_records_are_json_lines_on_stdout_and_the_rest_is_on_stderr(environment: dict[str, str]) -> None:
    done = run("zendesk", "satisfaction_ratings", *DAYS, environment=environment)
    assert done.returncode == 0
    ids = [json.loads(line)["id"] for line in done.stdout.splitlines()]
    assert sorted(ids) == list(range(1, 9))
    assert "zendesk/satisfaction_ratings: page 2, 8 records" in done.stderr


def test_an_entity_stream_tells_its_cursor_and_goes_on_from_it(environment: dict[str, str]) -> None:
    first = run("zendesk", "users", *DAYS, environment=environment)
    cursor = first.stderr.strip().rsplit("next cursor ", 1)[1]
    again = run("zendesk", "users", *DAYS, "--cursor", cursor, environment=environment)
    assert (first.returncode, again.returncode) == (0, 0)
    assert len(first.stdout.splitlines()) == 3
    assert len(again.stdout.splitlines()) < 3


def test_bad_records_are_counted_by_reason_and_field_and_do_not_show(environment: dict[str, str]) -> None:
    done = run("zendesk", "tickets", *DAYS, environment=environment)
    assert done.returncode == 1
    assert "zendesk/tickets: 1 bad records: a required field is missing, field $.id" in done.stderr
    assert len(done.stdout.splitlines()) == 9
    assert "jane@" not in done.stdout + done.stderr


def test_line_breaks_between_tokens_do_not_break_the_lines() -> None:
    reply = answer(
        b'{"users": [{\r\n "id": 1,\n "updated_at": "2026-03-01T00:00:00Z"}], "end_of_stream": true}'
    )
    with RawServer(reply) as server:
        settings = {"ZENDESK_BASE_URL": server.url, "ZENDESK_EMAIL": "a@b.example", "ZENDESK_TOKEN": "t"}
        done = run("zendesk", "users", *DAYS, environment=settings)
    assert done.stdout.count("\n") == 1
    assert json.loads(done.stdout)["id"] == 1


@pytest.mark.parametrize("vendor", list(CONNECTORS))
def test_check_says_that_the_credentials_work(vendor: str, environment: dict[str, str]) -> None:
    done = run("check", vendor, environment=environment)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == f"{vendor}: the credentials work\n"


@pytest.mark.parametrize(
    ("arguments", "changes", "code", "words"),
    [
        pytest.param(
            ["zendex", "tickets"], {}, 2, "no connector 'zendex'; there are: matomo,", id="unknown vendor"
        ),
        pytest.param(
            ["zendesk", "ticket"],
            {},
            2,
            "zendesk: no stream 'ticket'; there are: tickets,",
            id="unknown stream",
        ),
        pytest.param(
            ["zendesk", "tickets"],
            {"ZENDESK_TOKEN": "", "ZENDESK_EMAIL": ""},
            2,
            "zendesk: missing settings ZENDESK_EMAIL, ZENDESK_TOKEN",
            id="missing settings",
        ),
        pytest.param(
            ["check", "zendesk"],
            {"ZENDESK_BASE_URL": "http://x.example"},
            2,
            "ZENDESK_BASE_URL must be",
            id="http",
        ),
        pytest.param(
            ["zendesk", "tickets", "--start", "2026-03-04", "--end", "2026-03-01"],
            {},
            2,
            "must end after",
            id="no window",
        ),
        pytest.param(
            ["check", "zendesk"], {"ZENDESK_TOKEN": "wrong-canary"}, 4, "zendesk: ", id="wrong token"
        ),
    ],
)
def test_a_failure_is_one_clear_line_and_an_exit_code_by_recovery(
    arguments: list[str], changes: dict[str, str], code: int, words: str, environment: dict[str, str]
) -> None:
    done = run(*arguments, environment=environment | changes)
    assert (done.returncode, done.stdout) == (code, "")
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert "canary" not in done.stderr


def test_a_malformed_date_is_a_usage_error(environment: dict[str, str]) -> None:
    done = run("zendesk", "tickets", "--start", "yesterday", environment=environment)
    assert done.returncode == 2
    assert "--start" in done.stderr


def test_a_vendor_that_asks_for_a_day_of_patience_may_be_tried_again_later() -> None:
    with serve(small_world(), faults=Faults(Fault("zendesk", "/", "429", retry_after="86400"))) as served:
        done = run("zendesk", "tickets", *DAYS, environment=served.environment)
    assert done.returncode == 3
    assert done.stderr == "zendesk/tickets: GET /api/v2/incremental/tickets/cursor.json: 429\n"


def test_a_reader_that_goes_away_is_no_error(environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "connectors", "mastodon", "tag_timelines", *DAYS]
    settings = {"PATH": os.environ["PATH"], **environment}
    process = subprocess.Popen(
        command, cwd=ROOT, env=settings, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    said = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=60) == 0
    assert b"Traceback" not in said
    assert b"BrokenPipe" not in said


def test_a_vendor_is_imported_only_when_it_is_asked_for() -> None:
    program = (
        "import sys; from connectors.registry import CONNECTORS; before = set(sys.modules);"
        "assert 'zendesk' in CONNECTORS and len(CONNECTORS) == 6; CONNECTORS['zendesk'];"
        "vendors = ('matomo', 'mailchimp', 'zendesk', 'qualtrics', 'mastodon', 'shopify');"
        "print([m for m in sorted(sys.modules) if m.endswith(vendors)], 'requests' in before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "['connectors.ticketing.zendesk'] False"
