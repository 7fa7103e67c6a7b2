"""PostgreSQL and nginx as they are installed on this machine, each in a folder of its own on a free port."""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from string import Template

import psutil
import pytest

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
PASSWORD = "canary-database-password-1c9e"
# PostgreSQL does not run as root; as anybody else it runs as who we are.
_UNPRIVILEGED = "nobody" if os.geteuid() == 0 else None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def program(name: str) -> str:
    """Its path. Skips the test where it is not installed."""
    places = [os.environ["PATH"], *map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin"))), "/usr/sbin"]
    found = shutil.which(name, path=os.pathsep.join(places))
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


class Postgres:
    """One server; `environment`: how the instance of deploy/production finds it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.environment = {
            "DAGSTER_PG_HOST": "127.0.0.1",
            "DAGSTER_PG_PORT": str(self._port),
            "DAGSTER_PG_USER": "dagster",
            "DAGSTER_PG_PASSWORD": PASSWORD,
            "DAGSTER_PG_DB": "postgres",
        }

    def create(self) -> None:
        password = self._folder / "password"
        password.write_text(PASSWORD)
        if _UNPRIVILEGED:
            shutil.chown(self._folder, _UNPRIVILEGED)
            shutil.chown(password, _UNPRIVILEGED)
        command = [program("initdb"), "--no-sync", "--username=dagster", "--auth=scram-sha-256"]
        command += [f"--pwfile={password}", f"--pgdata={self._folder}/data", "--encoding=UTF8", "--locale=C"]
        subprocess.run(command, check=True, capture_output=True, cwd=self._folder, user=_UNPRIVILEGED)

    def start(self) -> None:
        settings = {"port": self._port, "listen_addresses": "127.0.0.1", "fsync": "off"}
        settings["unix_socket_directories"] = str(self._folder)
        command = [program("postgres"), "-D", f"{self._folder}/data"]
        command += [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=self._folder, user=_UNPRIVILEGED
            )
        await_port(self._port)

    def stop(self) -> None:
        """At once; it recovers when it is started again."""
        if self._process is not None:
            self._process.send_signal(3)
            self._process.wait(30)

    def kill(self) -> None:
        """The server and every process of a connection, with kill -9."""
        if self._process is not None:
            connections = psutil.Process(self._process.pid).children(recursive=True)
            self._process.kill()
            for process in connections:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            self._process.wait(30)


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A new server. Its folder is not pytest's, which only its owner may enter."""
    folder = Path(tempfile.mkdtemp(prefix="journey-postgres-"))
    folder.chmod(0o755)
    server = Postgres(folder)
    try:
        server.create()
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def proxy(folder: Path, upstreams: Mapping[str, str]) -> Iterator[int]:
    """nginx with deploy's own configuration; the port it listens on. `upstreams`: PROXY_UI, PROXY_VIEW."""
    nginx, port = program("nginx"), free_port()
    values = {
        "PROXY_PORT": f"127.0.0.1:{port}",
        "PROXY_SECRETS": str(folder),
        "JOURNEY_UI_HOST": "journey.test",
        "JOURNEY_VIEW_HOST": "view.journey.test",
        **upstreams,
    }
    template = (DEPLOY / "proxy" / "journey.conf.template").read_text()
    filled = Template(template).safe_substitute(values).replace("/dev/stdout", f"{folder}/access.log")
    (folder / "journey.conf").write_text(filled)
    certificate = ["-keyout", f"{folder}/certificate_key", "-out", f"{folder}/certificate"]
    subject = ["-subj", "/CN=journey.test", "-days", "2"]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *certificate, *subject],
        check=True,
        capture_output=True,
    )
    for name, person in (("editors", "ann"), ("viewers", "vic")):
        line = subprocess.run(
            ["openssl", "passwd", "-apr1", f"{person}-password"], check=True, capture_output=True, text=True
        )
        (folder / name).write_text(f"{person}:{line.stdout}")
    temporary = " ".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;\n"
        f"events {{}} http {{ {temporary} include {folder}/journey.conf; }}\n"
    )
    folder.chmod(0o755)
    user = [] if os.geteuid() else ["-g", "user root;"]
    process = subprocess.Popen([nginx, "-c", f"{folder}/nginx.conf", *user])
    try:
        await_port(port)
        yield port
    finally:
        process.terminate()
        process.wait(10)


def await_port(port: int, patience_s: float = 30.0) -> None:
    give_up_at = time.monotonic() + patience_s
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if time.monotonic() > give_up_at:
                raise
            time.sleep(0.05)
