"""Every command in the documents runs, on a small demo company.

A command is a line of a `sh` block. `make test` is left out: it is what runs this.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from journey_platform.demo.vendors.apart import serve_apart

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
RUNS_THIS = "make test"
SERVES = "dagster dev"
LOOKS_AT_THE_CLOCK = "journey doctor"


def commands() -> Iterator[object]:
    """Each once, though several documents may name it."""
    known = {RUNS_THIS}
    for document in DOCUMENTS:
        for block in re.findall(r"^```sh\n(.*?)^```", document.read_text(), re.DOTALL | re.MULTILINE):
            for command in re.sub(r"\\\n\s*", "", block).splitlines():
                if command not in known:
                    known.add(command)
                    yield pytest.param(command, id=f"{document.stem}: {command[:60]}")


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Settings of an installation that reads a small demo company, whose days the documents name."""
    home = tmp_path_factory.mktemp("installation")
    (home / "dagster").mkdir()
    (home / "dagster" / "dagster.yaml").write_bytes((ROOT / "deploy" / "dagster.yaml").read_bytes())
    with serve_apart(seed=7, customers=60, days=21, last_day=date(2026, 11, 12)) as served:
        yield {
            **{name: value for name, value in os.environ.items() if not name.startswith("JOURNEY_")},
            **served.environment,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "DAGSTER_HOME": str(home / "dagster"),
            "JOURNEY_ROOT": str(home / "lake"),
            "JOURNEY_ZONE": "Europe/Amsterdam",
            # Those that the documents ask something of; the demo and the tests of runs have all.
            "JOURNEY_SOURCES": "matomo,mailchimp,zendesk,shopify",
            "JOURNEY_START_DATE": "2026-10-23",
            "JOURNEY_NOW": "2026-11-13T06:00:00+01:00",
            "JOURNEY_PSEUDONYM_KEY": "any long text",
            "JOURNEY_DEMO_UI": "0",
            "JOURNEY_DEMO_CUSTOMERS": "40",
            "JOURNEY_DEMO_DAYS": "14",
            "JOURNEY_DEMO_HOME": str(home / "demo"),
            "JOURNEY_DEMO_PORT": "3950",
            "JOURNEY_BACKUPS": str(home / "backups"),
        }
    for picture in ROOT.glob("*.svg"):
        picture.unlink()


@pytest.mark.slow
@pytest.mark.parametrize("command", list(commands()))
def test_a_documented_command_runs(command: str, environment: dict[str, str]) -> None:
    if command.startswith(SERVES):
        assert_serves(command, environment)
        return
    if command.startswith(LOOKS_AT_THE_CLOCK):
        # A replayed past, as here, is what it would complain of.
        environment = {name: value for name, value in environment.items() if name != "JOURNEY_NOW"}
    done = subprocess.run(
        command, shell=True, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]


def assert_serves(command: str, environment: dict[str, str]) -> None:
    """The webserver answers, and knows the code location."""
    port = "3960"
    process = subprocess.Popen(
        f"exec {command} --port {port}",
        shell=True,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        question = b'{"query": "{ assetNodes { assetKey { path } } }"}'
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/graphql", question, {"Content-Type": "application/json"}
        )
        for _ in range(120):
            try:
                answer = urllib.request.urlopen(request, timeout=10).read()
                break
            except OSError:
                time.sleep(1)
        paths = [node["assetKey"]["path"] for node in json.loads(answer)["data"]["assetNodes"]]
        assert ["raw", "matomo", "visits"] in paths
    finally:
        # Started by what ignores interrupts, as a shell's background does, it would ignore a SIGTERM, too.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(60)
