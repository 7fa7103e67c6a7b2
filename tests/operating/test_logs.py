"""Lines of a run as JSON: whose run and days, what happened; no person and no secret."""

import json
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from tests.deploy.servers import DEPLOY

SECRET = 'canary-"token"-8d1f'
RANGE = {
    "dagster/asset_partition_range_start": "2026-11-01",
    "dagster/asset_partition_range_end": "2026-11-03",
}


@dg.op
def talking(context: dg.OpExecutionContext) -> None:
    context.log.info("asked for %s with %s", "ann@x.example", SECRET)


@dg.op
def stumbling() -> None:
    raise ValueError(f"row of ann@x.example, token {SECRET}")


@dg.op
def giving_up() -> None:
    raise dg.Failure("zendesk/tickets: GET /api/v2/incremental: 401", allow_retries=False)


@dg.job
def working() -> None:
    talking()
    stumbling()
    giving_up()


@pytest.fixture
def lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    monkeypatch.setenv("ZENDESK_TOKEN", SECRET)
    monkeypatch.setenv("JOURNEY_STATE", str(tmp_path))
    configured = yaml.safe_load((DEPLOY / "production" / "dagster.yaml").read_text())["python_logs"]
    with dg.DagsterInstance.local_temp(str(tmp_path), {"python_logs": configured}) as instance:
        working.execute_in_process(instance=instance, tags=RANGE, raise_on_error=False)
    written = (tmp_path / "runs.jsonl").read_text()
    for hidden in (SECRET, "8d1f", "ann@x.example"):
        assert hidden not in written
    return [json.loads(line) for line in written.splitlines()]


def test_every_line_says_which_run_and_days(lines: list[dict[str, Any]]) -> None:
    assert {line["job"] for line in lines} == {"working"}
    assert len({line["run_id"] for line in lines}) == 1
    assert {(line["first"], line["last"]) for line in lines} == {("2026-11-01", "2026-11-03")}


def test_what_the_platform_says_is_told_and_the_words_of_others_are_not(lines: list[dict[str, Any]]) -> None:
    said = [line for line in lines if line.get("step") == "talking" and "event" not in line]
    assert [line["message"] for line in said] == ["asked for ***@*** with ********"]
    failed = {line["step"]: line for line in lines if line.get("event") == "STEP_FAILURE"}
    assert failed["stumbling"]["error"] == "ValueError"
    assert "reason" not in failed["stumbling"]
    assert failed["giving_up"]["reason"] == "zendesk/tickets: GET /api/v2/incremental: 401"
