"""An installation driven through GraphQL, with the questions and changes that the UI sends."""

import json
import time
from collections.abc import Mapping
from datetime import date
from typing import Any

from journey_platform.run_tags import range_tags
from tests.deploy.production import Production, until

SELECTOR = {"repositoryName": "__repository__", "repositoryLocationName": "journey_platform"}
RUNS = """query { runsOrError(limit: 200) { ... on Runs { results {
    runId status jobName tags { key value } startTime endTime parentRunId } } } }"""
LAUNCH = """mutation($p: ExecutionParams!) { launchRun(executionParams: $p) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
    ... on UnauthorizedError { message } } }"""
POOLS = """query { instance { concurrencyLimits {
    concurrencyKey claimedSlots { runId } pendingSteps { runId } } } }"""
OUTPUTS = """query($id: ID!) { logsForRun(runId: $id, limit: 1000) { ... on EventConnection { events {
    ... on ExecutionStepOutputEvent { metadataEntries { label ... on IntMetadataEntry { intValue }
    ... on TextMetadataEntry { text } ... on TableMetadataEntry { table { records } } } } } } } }"""


def runs(production: Production) -> list[dict[str, Any]]:
    """Newest first."""
    found: list[dict[str, Any]] = production.ask(RUNS)["runsOrError"]["results"]
    return found


def chain(production: Production, run_id: str) -> list[dict[str, Any]]:
    """A run and its retries, in order."""
    known = sorted(runs(production), key=lambda run: run["startTime"] or time.time())
    ids, found = {run_id}, []
    for run in known:
        if run["runId"] == run_id or run["parentRunId"] in ids:
            ids.add(run["runId"])
            found.append(run)
    return found


def try_to_launch(
    production: Production,
    job: str,
    *,
    days: tuple[date, date] | None = None,
    config: Mapping[str, Any] | None = None,
    service: str = "webserver",
) -> dict[str, Any]:
    """What the answer to the launch of a job is."""
    tags = range_tags(*days) if days else {}
    wanted = {
        "selector": {**SELECTOR, "jobName": job},
        "runConfigData": config or {},
        "executionMetadata": {"tags": [{"key": key, "value": value} for key, value in tags.items()]},
    }
    answer: dict[str, Any] = production.ask(LAUNCH, service=service, p=wanted)["launchRun"]
    return answer


def launch(
    production: Production,
    job: str,
    *,
    days: tuple[date, date] | None = None,
    config: Mapping[str, Any] | None = None,
) -> str:
    """The id of the new run."""
    answer = try_to_launch(production, job, days=days, config=config)
    assert answer["__typename"] == "LaunchRunSuccess", answer
    return str(answer["run"]["runId"])


def finished(production: Production, run_id: str) -> list[dict[str, Any]]:
    """The run and its retries once the last has ended well."""

    def over() -> Any:
        found = chain(production, run_id)
        return found if found and found[-1]["status"] == "SUCCESS" else None

    return list(until(f"the end of {run_id}", over, patience_s=900))


def told_by(production: Production, run_id: str) -> dict[str, Any]:
    """The metadata of what the steps of a run gave: numbers, texts, and tables as lists of records."""
    found: dict[str, Any] = {}
    for event in production.ask(OUTPUTS, id=run_id)["logsForRun"]["events"]:
        for entry in event.get("metadataEntries", ()):
            values = [value for name, value in entry.items() if name != "label"]
            if values:
                [told] = values
                is_table = isinstance(told, dict)
                found[entry["label"]] = [json.loads(row) for row in told["records"]] if is_table else told
    return found


def assert_nothing_is_held(production: Production) -> None:
    def free() -> bool:
        limits = production.ask(POOLS)["instance"]["concurrencyLimits"]
        return not any(limit["claimedSlots"] or limit["pendingSteps"] for limit in limits)

    assert until("all slots free", free, patience_s=60)
