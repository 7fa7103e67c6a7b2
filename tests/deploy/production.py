"""The services of deploy/compose.yaml as processes: their commands and environment, on loopback.

Only what belongs to containers is replaced: names of hosts by 127.0.0.1, ports by free ones, the image's
folders by ours. A container that is killed takes its processes with it; so does `kill` here.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
import yaml

from tests.deploy.servers import DEPLOY, await_port, free_port

PROJECT = DEPLOY.parent
_BINARIES = Path(sys.executable).parent


class Production:
    """The installation's services by the names they have in compose.yaml."""

    def __init__(self, folder: Path, postgres: Mapping[str, str], settings: Mapping[str, str]) -> None:
        self.folder = folder
        self.ports = {name: free_port() for name in ("code", "webserver", "viewer", "metrics")}
        self._services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        (folder / "state").mkdir()
        self.home = folder / "home"
        shutil.copytree(DEPLOY / "production", self.home)
        # As the image has them.
        for name in (".logs_queue", ".nux", "logs"):
            (self.home / name).mkdir()
        self.instance = {
            "PATH": f"{_BINARIES}:{os.environ['PATH']}",
            "PYTHONPATH": str(PROJECT),
            "DAGSTER_HOME": str(self.home),
            "JOURNEY_STATE": str(folder / "state"),
            "JOURNEY_CODE_HOST": "127.0.0.1",
            "JOURNEY_CODE_PORT": str(self.ports["code"]),
            **postgres,
        }
        self.code = {**self.instance, "JOURNEY_CODE_BIND": "127.0.0.1", **settings}

    def command(self, service: str) -> list[str]:
        told = [str(part) for part in self._services[service]["command"]]
        replaced = {"/opt/deploy/code-server": str(self.home / "code-server"), "0.0.0.0": "127.0.0.1"}
        replaced["3000"] = str(self.ports.get(service, 0))
        replaced["0.0.0.0:9464"] = f"127.0.0.1:{self.ports['metrics']}"
        return [replaced.get(part, part) for part in told]

    def environment(self, service: str) -> dict[str, str]:
        """With the vendors' secrets only where compose gives the service journey.env."""
        return self.code if "env_file" in self._services[service] else self.instance

    def once(self, service: str) -> None:
        done = subprocess.run(
            self.command(service),
            env=self.environment(service),
            cwd=self.home,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr[-3000:]

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """A command in the container of the code server."""
        return subprocess.run(command, env=self.code, cwd=self.home, capture_output=True, text=True)

    def start(self, service: str) -> None:
        with (self.folder / f"{service}.log").open("ab") as log:
            self._processes[service] = subprocess.Popen(
                self.command(service),
                env=self.environment(service),
                cwd=self.home,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        if service in self.ports:
            await_port(self.ports[service], 120)

    def log(self, service: str) -> str:
        return (self.folder / f"{service}.log").read_text()

    def kill(self, service: str) -> None:
        """As a container that is killed ends: the process and all it started, at once."""
        process = self._processes.pop(service)
        for child in psutil.Process(process.pid).children(recursive=True):
            child.kill()
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def start_what_ended(self) -> None:
        """As compose does with what ends by itself (`restart: unless-stopped`)."""
        for service in [name for name, process in self._processes.items() if process.poll() is not None]:
            del self._processes[service]
            self.start(service)

    def workers(self) -> list[psutil.Process]:
        """The run workers: children of the code server that run a spawned function."""
        found = []
        for child in psutil.Process(self._processes["code"].pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                if "spawn_main" in " ".join(child.cmdline()):
                    found.append(child)
        return found

    def stop(self) -> None:
        for service in list(self._processes):
            self.kill(service)

    def ask(self, query: str, *, service: str = "webserver", **variables: Any) -> dict[str, Any]:
        """The data of a GraphQL answer."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.ports[service]}/graphql",
            json.dumps({"query": query, "variables": variables}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            told: dict[str, Any] = json.loads(answer.read())
        assert "errors" not in told, told["errors"]
        return dict(told["data"])


@contextlib.contextmanager
def installed(
    folder: Path,
    postgres: Mapping[str, str],
    vendors: Mapping[str, str],
    *,
    services: Sequence[str],
    **settings: str,
) -> Iterator[Production]:
    """A migrated installation whose `services` run, over a lake in `folder`.

    `vendors`: where they are and who asks; `settings`: what else of the environment, without `JOURNEY_`.
    """
    told = {f"JOURNEY_{name}": value for name, value in settings.items()}
    installation = Production(folder, postgres, {**vendors, "JOURNEY_ROOT": str(folder / "lake"), **told})
    installation.once("migrate")
    try:
        for service in services:
            installation.start(service)
        yield installation
    finally:
        installation.stop()


def until(what: str, ask: Callable[[], Any], *, patience_s: float) -> Any:
    """The first answer that is not nothing."""
    give_up_at = time.monotonic() + patience_s
    while time.monotonic() < give_up_at:
        try:
            if found := ask():
                return found
        except (urllib.error.URLError, ConnectionError):
            pass
        time.sleep(0.25)
    raise TimeoutError(f"{what}: not in {patience_s} s")
