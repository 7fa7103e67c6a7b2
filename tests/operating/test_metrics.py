"""Figures for Prometheus: what they count, that they can be read, and what the dashboard asks for."""

import json
import re
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from http.server import ThreadingHTTPServer
from pathlib import Path

import dagster as dg
import pytest

from connectors.usage import Usage, count, remaining, usage
from journey_platform.commands import metrics as command
from journey_platform.lake import Lake
from journey_platform.operating.arrival import archive_of
from journey_platform.operating.metrics import collect, exposition
from journey_platform.settings import Settings
from journey_platform.sources import connector_of
from journey_platform.tables import GATE_VERDICTS, QUARANTINE, Table, kpis_table
from tests.deploy.servers import DEPLOY
from tests.operating.made import rows_of

DAY = date(2026, 11, 20)
NOW = datetime(2026, 11, 21, 5, tzinfo=UTC)
KNOWN = Settings("", "Europe/Amsterdam", DAY, ("matomo",), memory_limit="1GB", storage_options={})
LINE = re.compile(r'^[a-z_]+(\{[a-z_]+="[^"\n]*"(,[a-z_]+="[^"\n]*")*\})? -?[0-9.e+]+$')
VISITS = archive_of("matomo", connector_of("matomo").stream("visits"))


def put(lake: Lake, into: Table, count: int, **values: object) -> None:
    lake.replace_days(into, rows_of(into, DAY, count, **values), [DAY], run_id="r")


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = Lake(str(tmp_path_factory.mktemp("lake")))
    put(lake, VISITS, 7)
    put(lake, QUARANTINE, 3, table="raw/matomo/visits", severity="error", body='{"mail": "ann@x.example"}')
    put(lake, GATE_VERDICTS, 1, table="raw/matomo/visits", verdict="held", observed="")
    put(lake, kpis_table("middle"), 4, status="ok")
    return lake


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    """With a pull of visits, and a run that failed."""

    @dg.asset(key=dg.AssetKey(VISITS.key))
    def visits() -> dg.MaterializeResult:
        return dg.MaterializeResult(metadata={"api_calls": 12, "api_limit_left": 288})

    @dg.op
    def broken() -> None:
        raise ValueError("as expected")

    @dg.job
    def breaking() -> None:
        broken()

    with dg.DagsterInstance.local_temp(str(tmp_path_factory.mktemp("instance"))) as instance:
        dg.materialize([visits], instance=instance)
        breaking.execute_in_process(instance=instance, raise_on_error=False)
        yield instance


@pytest.fixture(scope="module")
def told(lake: Lake, instance: dg.DagsterInstance) -> str:
    return exposition(collect(lake, KNOWN, instance, now=NOW))


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ('journey_source_lag_seconds{source="matomo/visits"}', 6 * 3600),
        ('journey_source_rows{source="matomo/visits"}', 7),
        ('journey_quarantined_rows{table="raw/matomo/visits",severity="error"}', 3),
        ('journey_held_days{table="raw/matomo/visits"}', 1),
        ('journey_kpi_age_seconds{stage="middle"}', 6 * 3600),
        ('journey_kpi_values{stage="middle",status="ok"}', 4),
        ("journey_kpi_restated_values", 0),
        ('journey_source_api_calls{source="matomo/visits"}', 12),
        ('journey_source_api_limit_left{source="matomo/visits"}', 288),
    ],
)
def test_a_figure_is_what_the_lake_and_the_instance_hold(told: str, line: str, value: float) -> None:
    [found] = [text for text in told.splitlines() if text.startswith(f"{line} ")]
    assert float(found.rpartition(" ")[2]) == value


def test_runs_are_counted_and_timed(lake: Lake, instance: dg.DagsterInstance) -> None:
    told = exposition(collect(lake, KNOWN, instance, now=datetime.now(UTC)))
    assert 'journey_runs{job="breaking",status="failure"} 1' in told
    assert 'journey_runs{job="by hand",status="success"} 1' in told
    assert 'journey_run_seconds{job="by hand"} ' in told
    assert 'journey_run_seconds{job="breaking"}' not in told, "it never ended well"


def test_every_line_can_be_read_and_names_nobody(told: str) -> None:
    samples = [line for line in told.splitlines() if not line.startswith("#")]
    assert [line for line in samples if not LINE.match(line)] == []
    assert "ann" not in told
    described = re.findall(r"^# TYPE (\S+) gauge$", told, re.MULTILINE)
    assert {re.match(r"[a-z_]+", line)[0] for line in samples} <= set(described)  # type: ignore[index]
    assert len(described) == len(set(described))


def test_the_dashboard_asks_only_for_figures_that_there_are(told: str) -> None:
    board = json.loads((DEPLOY / "grafana" / "journey.json").read_text())
    asked = {
        name
        for panel in board["panels"]
        for target in panel["targets"]
        for name in re.findall(r"journey_\w+", target["expr"])
    }
    described = set(re.findall(r"^# TYPE (\S+) gauge$", told, re.MULTILINE))
    assert asked == described
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    places = [tuple(panel["gridPos"].values()) for panel in board["panels"]]
    assert len(set(places)) == len(places)


def test_they_are_served_and_nothing_else_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "figures", lambda: "journey_kpi_restated_values 0\n")
    with ThreadingHTTPServer(("127.0.0.1", 0), command._Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        base = f"http://127.0.0.1:{server.server_port}"
        with urllib.request.urlopen(f"{base}/metrics", timeout=10) as answer:
            assert answer.read() == b"journey_kpi_restated_values 0\n"
            assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"{base}/", timeout=10)
        server.shutdown()


def test_an_empty_lake_has_figures_too(tmp_path: Path) -> None:
    told = exposition(collect(Lake(str(tmp_path)), KNOWN, None, now=NOW + timedelta(days=1)))
    assert "journey_kpi_restated_values 0" in told


@pytest.mark.parametrize(
    ("headers", "left"),
    [
        pytest.param({}, None, id="nothing said"),
        pytest.param({"x-ratelimit-remaining": "299"}, 299, id="mastodon"),
        pytest.param({"x-rate-limit-remaining": "650", "ratelimit-remaining": "9"}, 9, id="zendesk"),
        pytest.param({"x-ratelimit-remaining": "599.0"}, 599, id="a decimal"),
        pytest.param({"x-shopify-shop-api-call-limit": "12/40"}, 28, id="used of how many"),
        pytest.param({"x-ratelimit-remaining": "lots"}, None, id="no number"),
    ],
)
def test_what_is_left_of_a_limit_is_read_from_the_headers(headers: dict[str, str], left: int | None) -> None:
    assert remaining(headers) == left


def test_requests_add_up_and_the_last_word_on_the_limit_stays() -> None:
    for headers in ({"x-ratelimit-remaining": "5"}, {}):
        count("a vendor of this test", headers)
    assert usage("a vendor of this test") == Usage(2, 5)
