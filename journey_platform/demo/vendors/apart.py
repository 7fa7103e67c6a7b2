"""Serving a demo company from another process, as `python -m journey_platform.demo.vendors` does.

For callers that must not share an interpreter with the server: the demo's run and the benchmarks.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime

_PATIENCE_S = 10.0


class ServedApart:
    """The company that another process serves. `environment`: the connectors' settings."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.environment = dict(line.split("=", 1) for line in iter(self._line, ""))

    def lift_outage(self, vendor: str) -> None:
        """The vendor answers for every day from now on."""
        self._tell(f"lift {vendor}")

    def see_as_of(self, moment: datetime) -> None:
        """What was recorded after `moment` is not visible from now on."""
        self._tell(f"as-of {moment.isoformat()}")

    def _tell(self, command: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{command}\n")
        self._process.stdin.flush()
        if self._line() != "ok":
            raise RuntimeError("the process that serves the demo did not understand a command")

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the process that serves the demo has ended")
        return line.rstrip("\n")


@contextmanager
def serve_apart(
    *, seed: int, customers: int, days: int, last_day: date, port: int = 0
) -> Iterator[ServedApart]:
    """Build the company and serve it in a process of its own until the block ends.

    Raises RuntimeError when that process ends early; its own message is on standard error.
    """
    options = {"seed": seed, "customers": customers, "days": days, "last-day": last_day, "port": port}
    command = [sys.executable, "-m", "journey_platform.demo.vendors"]
    command += [f"--{name}={value}" for name, value in options.items()]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield ServedApart(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(_PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
