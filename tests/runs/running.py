"""Runs of the real jobs, each in a process of its own: Dagster, connectors, lake and checks as in production.

An `Installation` is what a team would have on a machine: a lake, a DAGSTER_HOME and an environment. Its runs
start from a fork server that has the heavy imports behind it, so that a run costs its work and can be killed.
Only waiting is shortened: connectors get a clock that a wait moves at once. What a lake holds is read in
`contents`.
"""

import json
import multiprocessing
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import dagster as dg

PROJECT = Path(__file__).resolve().parents[2]
ZONE = "Europe/Amsterdam"
PSEUDONYM_KEY = "canary-pseudonym-key-5f1c"

_PATIENCE_S = 240.0
_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(["tests.runs.preloaded"])


@dataclass(frozen=True)
class Order:
    """What is asked for: a job over the days `first` to `last`.

    `is_recorded`: Dagster keeps its records in DAGSTER_HOME, else in memory, which is three times as fast.
    `largest_file_bytes`: no file may grow beyond, as on a disk that is full. `tags`: further ones of the run.
    `config`: the run's, for a job that wants some.
    """

    first: date
    last: date
    job: str = "daily"
    is_lookback: bool = False
    is_recorded: bool = False
    largest_file_bytes: int | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, Any] | None = None


@dataclass
class Outcome:
    """How a run ended, by asset: those that were made, why others were not, and "asset:check" that failed
    with what the check says. An asset of several tables is named by the first."""

    is_success: bool = False
    materialized: list[str] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    failed_checks: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Started:
    """A run under way."""

    process: BaseProcess
    answer: Path
    output: Path

    def outcome(self) -> Outcome:
        """Wait for its end. A run that died without an answer is an error here; its output says why."""
        self.process.join(_PATIENCE_S)
        if self.process.is_alive():
            self.process.kill()
            raise TimeoutError(f"the run was not over in {_PATIENCE_S} s; {self.tail()}")
        if not self.answer.exists():
            raise ChildProcessError(f"the run died with {self.process.exitcode}; {self.tail()}")
        return Outcome(**json.loads(self.answer.read_text()))

    def kill(self) -> None:
        """End it as kill -9 does."""
        self.process.kill()
        self.process.join()

    def tail(self) -> str:
        return self.output.read_text()[-4000:] if self.output.exists() else "no output"


@dataclass(frozen=True)
class Installation:
    """A lake, a DAGSTER_HOME and the settings, under one folder."""

    folder: Path
    environment: Mapping[str, str]

    @classmethod
    def at(
        cls, folder: Path, vendors: Mapping[str, str], *, start: date, now: datetime, **settings: str
    ) -> "Installation":
        """A new one in `folder`, for the vendors that are served with these settings."""
        home = folder / "dagster"
        home.mkdir(parents=True)
        shutil.copy(PROJECT / "deploy" / "dagster.yaml", home)
        environment = {
            "PATH": os.environ["PATH"],
            "DAGSTER_HOME": str(home),
            "JOURNEY_ROOT": str(folder / "lake"),
            "JOURNEY_ZONE": ZONE,
            "JOURNEY_START_DATE": start.isoformat(),
            "JOURNEY_PSEUDONYM_KEY": PSEUDONYM_KEY,
            "JOURNEY_NOW": now.isoformat(),
            **vendors,
            **settings,
        }
        return cls(folder, environment)

    @property
    def lake(self) -> Path:
        return self.folder / "lake"

    def with_lake_of(self, other: "Installation") -> "Installation":
        """This one, its lake replaced by a copy of another's."""
        shutil.rmtree(self.lake, ignore_errors=True)
        shutil.copytree(other.lake, self.lake)
        return self

    def start(self, order: Order) -> Started:
        """Begin a run in a new process."""
        number = len(list(self.folder.glob("run-*.out")))
        answer, output = self.folder / f"run-{number}.json", self.folder / f"run-{number}.out"
        output.touch()
        process = _forks.Process(target=_run, args=(dict(self.environment), order, answer, output))
        process.start()
        return Started(process, answer, output)

    def run(self, order: Order) -> Outcome:
        return self.start(order).outcome()

    @contextmanager
    def instance(self) -> "Iterator[dg.DagsterInstance]":
        """Its Dagster, for this process to ask."""
        import dagster as dg

        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DAGSTER_HOME", self.environment["DAGSTER_HOME"])
            with dg.DagsterInstance.get() as instance:
                yield instance

    def told(self, asset: str, day: date) -> dict[str, Any]:
        """What the UI shows beside a day of an asset: of its last materialization in a recorded run."""
        import dagster as dg

        key = dg.AssetKey(asset.split("/"))
        with self.instance() as instance:
            wanted = dg.AssetRecordsFilter(key, asset_partitions=[day.isoformat()])
            [record] = instance.fetch_materializations(wanted, limit=1).records
        materialization = record.asset_materialization
        assert materialization is not None
        return {name: value.value for name, value in materialization.metadata.items()}


def _run(environment: dict[str, str], order: Order, answer: Path, output: Path) -> None:
    """The run's process."""
    with output.open("wb") as out:
        if order.largest_file_bytes is None:
            os.dup2(out.fileno(), 1)
        else:
            # Through a pipe: the limit on this process's files must not silence it.
            writer = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=out)
            assert writer.stdin is not None
            os.dup2(writer.stdin.fileno(), 1)
            writer.stdin.close()
    os.dup2(1, 2)
    sys.stdout, sys.stderr = os.fdopen(1, "w", buffering=1), os.fdopen(2, "w", buffering=1)
    os.environ.clear()
    os.environ.update(environment)
    outcome = _execute(order)
    draft = answer.with_suffix(".draft")
    draft.write_text(json.dumps(asdict(outcome), default=str))
    draft.rename(answer)


def _execute(order: Order) -> Outcome:
    import dagster as dg

    from journey_platform.definitions import defs
    from journey_platform.defs.partitions import LOOKBACK_TAG
    from journey_platform.run_tags import range_tags
    from tests.runs.hurried import HurriedPlatform

    instance = dg.DagsterInstance.get() if order.is_recorded else dg.DagsterInstance.ephemeral()
    job = defs.resolve_job_def(order.job)
    resources = {"platform": HurriedPlatform()}
    tags = range_tags(order.first, order.last) | order.tags
    if order.is_lookback:
        tags[LOOKBACK_TAG] = "yes"
    if order.largest_file_bytes is not None:
        # Python ignores the signal, so that writing beyond is an OSError, as on a full disk.
        resource.setrlimit(resource.RLIMIT_FSIZE, (order.largest_file_bytes, resource.RLIM_INFINITY))
    result = job.execute_in_process(
        run_config=order.config, instance=instance, tags=tags, resources=resources, raise_on_error=False
    )
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    outcome = Outcome(is_success=result.success)
    first_of = {asset.op.name: sorted(asset.keys)[0].to_user_string() for asset in defs.assets or []}
    for event in result.all_events:
        match event.event_type_value:
            case "ASSET_MATERIALIZATION":
                outcome.materialized.append(event.asset_key.to_user_string())
            case "STEP_FAILURE":
                outcome.failures[first_of.get(event.step_key, event.step_key)] = _reason(event)
            case "ASSET_CHECK_EVALUATION" if not event.event_specific_data.passed:
                check = event.event_specific_data
                name = f"{check.asset_key.to_user_string()}:{check.check_name}"
                outcome.failed_checks[name] = {key: value.value for key, value in check.metadata.items()}
    outcome.materialized = sorted(set(outcome.materialized))
    return outcome


def _reason(event: Any) -> str:
    failure = event.step_failure_data
    if failure.user_failure_data is not None and failure.user_failure_data.description:
        return str(failure.user_failure_data.description)
    return failure.error.to_string() if failure.error else ""
