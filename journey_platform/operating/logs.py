"""Log lines as JSON: what a run says, with its job, days and step; never a person, never a secret.

What is told of an error is its kind, and the description where the platform wrote it itself: the text of any
other exception may hold a row. Known secrets and what looks like an address are removed all the same.
"""

import json
import logging
import logging.handlers
import os
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from connectors.config import settings_of
from connectors.registry import connector_of, sources
from journey_platform.run_tags import RANGE_END_TAG, RANGE_START_TAG
from journey_platform.settings import PSEUDONYM_KEY

_ADDRESS = re.compile(r"[^\s\"'<>(),;:]+@[^\s\"'<>(),;:]+\.[^\s\"'<>(),;:]+")
_PARTITION = "dagster/partition"
_SHORTEST_SECRET = 4


class RunLog(logging.handlers.WatchedFileHandler):
    """Appends to runs.jsonl in the folder JOURNEY_STATE. Named in deploy/production/dagster.yaml.

    Many processes write to it, a line at a time; it may be moved away at any moment.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        path = Path(environment["JOURNEY_STATE"]) / "runs.jsonl"
        super().__init__(path, encoding="utf-8", delay=True)
        self.setFormatter(JsonLines(secrets_of(sources(environment), environment)))


class JsonLines(logging.Formatter):
    """One JSON object a record: time, level, message; of a run also run_id, job, step, event, asset,
    partition (or first and last of a range) and the error's kind."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__()
        # The longest first: one may be part of another.
        self._secrets = sorted({s for s in secrets if len(s) >= _SHORTEST_SECRET}, key=len, reverse=True)

    def format(self, record: logging.LogRecord) -> str:
        told: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        of_run: Mapping[str, Any] | None = getattr(record, "dagster_meta", None)
        if of_run is None:
            told["message"] = record.getMessage()
            if record.exc_info and record.exc_info[0]:
                told["error"] = record.exc_info[0].__name__
        else:
            told |= _of_run(of_run)
        return self._clean(json.dumps(told, ensure_ascii=False))

    def _clean(self, line: str) -> str:
        for secret in self._secrets:
            line = line.replace(json.dumps(secret, ensure_ascii=False)[1:-1], "********")
        return _ADDRESS.sub("***@***", line)


def _of_run(told: Mapping[str, Any]) -> dict[str, Any]:
    tags = told.get("job_tags") or {}
    event = told.get("dagster_event")
    data = getattr(event, "event_specific_data", None)
    error, user = getattr(data, "error", None), getattr(data, "user_failure_data", None)
    key = getattr(event, "asset_key", None)
    found = {
        "message": told.get("orig_message"),
        "run_id": told.get("run_id"),
        "job": told.get("job_name"),
        "step": told.get("step_key"),
        "event": getattr(event, "event_type_value", None),
        "asset": key.to_user_string() if key else None,
        "partition": getattr(event, "partition", None) or tags.get(_PARTITION),
        "first": tags.get(RANGE_START_TAG),
        "last": tags.get(RANGE_END_TAG),
        "error": _kind(error),
        "reason": getattr(user, "description", None),
    }
    return {name: value for name, value in found.items() if value is not None}


def _kind(error: Any) -> str | None:
    """The class of the first cause: Dagster wraps what a step raised."""
    while getattr(error, "cause", None) is not None:
        error = error.cause
    kind: str | None = getattr(error, "cls_name", None)
    return kind


def secrets_of(named: Iterable[str], environment: Mapping[str, str]) -> list[str]:
    """Values that must not be told: the sources' secrets, the pseudonym key and the database's password."""
    names = {PSEUDONYM_KEY, "DAGSTER_PG_PASSWORD"}
    for source in named:
        declared = settings_of(connector_of(source, environment).config_class).values()
        names |= {setting.env for setting in declared if setting.is_secret}
    return [environment[name] for name in sorted(names) if environment.get(name)]
