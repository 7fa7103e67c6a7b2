"""The demo company for benchmarks: served from a process of its own, its outages over."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
LAST_DAY = date(2026, 11, 20)


@contextmanager
def served(folder: Path, root: str, *, customers: int, days: int, **more: str) -> Iterator[date]:
    """Serve `days` days up to LAST_DAY; gives the first. This process, and through environment.json in
    `folder` later ones, find its vendors, the lake in `root` under `folder`, and `more` variables."""
    from journey_platform.demo.vendors.apart import serve_apart
    from journey_platform.demo.vendors.server import VENDORS

    first_day = LAST_DAY - timedelta(days=days - 1)
    with serve_apart(seed=7, customers=customers, days=days, last_day=LAST_DAY) as company:
        for vendor in VENDORS:
            company.lift_outage(vendor)
        environment = {
            **company.environment,
            "JOURNEY_ROOT": str(folder / root),
            "JOURNEY_ZONE": "Europe/Amsterdam",
            "JOURNEY_START_DATE": first_day.isoformat(),
            "JOURNEY_PSEUDONYM_KEY": "benchmark",
            "JOURNEY_NOW": f"{LAST_DAY + timedelta(days=1)}T05:00:00+00:00",
            "DAGSTER_HOME": str(folder / "dagster"),
            **more,
        }
        (folder / "environment.json").write_text(json.dumps(environment))
        os.environ.update(environment)
        yield first_day


def answer_of(arguments: list[str], folder: Path) -> str:
    """What a new interpreter prints, over the company once it was served in `folder`. As after any
    installation, compiled modules are kept."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    if (known := folder / "environment.json").exists():
        environment |= json.loads(known.read_text())
    command = [sys.executable, "-W", "ignore", *arguments]
    done = subprocess.run(
        command, env=environment, check=True, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY
    )
    return done.stdout
