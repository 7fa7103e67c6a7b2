"""The demo company's 90 days: how long everything derived from the raw archives takes, and where it goes.

First the vendors are served and pulled (timed too, but not the point). Then everything else, touchpoints to
KPIs, runs over all days in one run, in a process of its own on a real Dagster instance; then once more, with
nothing changed. Functions are timed from here, by wrapping them where the assets call them: the product
carries no stopwatch. `python benchmarks/refresh.py` prints the tables; nothing is kept.
"""

import argparse
import json
import os
import resource
import shutil
import tempfile
import time
import warnings
from collections import defaultdict
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from company import LAST_DAY, REPOSITORY, answer_of, served

AIMS = (
    "aims: cold under 60 s, 2048 MB, quality at most a third; definitions at most 1 s over dagster's import"
)

DOMAIN = ("map to touchpoints", "resolve identity", "profiles", "assign persons", "sessions", "KPIs")
QUALITY = (
    "gate", "keep verdicts", "keep quarantine", "judge references", "reconcile", "coverage", "data docs",
)  # fmt: skip
AROUND = ("start and import", "start the engine", "read the lake", "write the lake")
REST = "Dagster"


class Stopwatch:
    """Seconds by part of the work. A part that calls another is not charged for it."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._running: list[str] = []
        self._since = time.perf_counter()

    def start(self, part: str) -> None:
        self._charge()
        self._running.append(part)

    def stop(self) -> None:
        self._charge()
        self._running.pop()

    def wrap(self, owner: Any, names: str, part: str) -> None:
        for name in names.split():
            setattr(owner, name, self._timed(getattr(owner, name), part))

    def _timed(self, function: Callable[..., Any], part: str) -> Callable[..., Any]:
        def timed(*args: Any, **options: Any) -> Any:
            self.start(part)
            try:
                return function(*args, **options)
            finally:
                self.stop()

        return timed

    def _charge(self) -> None:
        now = time.perf_counter()
        if self._running:
            self.seconds[self._running[-1]] += now - self._since
        self._since = now


def wrap_all(stopwatch: Stopwatch) -> None:
    """Time what the assets call, under the names by which they call it."""
    from journey_platform.defs import customers, data_docs, journeys, kpis, references, standing, touchpoints
    from journey_platform.engine import Engine
    from journey_platform.lake import Lake
    from journey_platform.landing import publish
    from journey_platform.quality import reconciliation
    from journey_platform.quality.table_gate import TableGate
    from journey_platform.touchpoints.vendors import MAPPINGS

    for mapping in MAPPINGS.values():
        stopwatch.wrap(mapping, "touchpoints", "map to touchpoints")
        if mapping.CONTACT_STREAMS:
            stopwatch.wrap(mapping, "contacts", "map to touchpoints")
    stopwatch.wrap(touchpoints, "current_versions", "map to touchpoints")
    stopwatch.wrap(customers, "seen further resolve events redirects households", "resolve identity")
    stopwatch.wrap(customers, "survivors profiles", "profiles")
    stopwatch.wrap(journeys, "mailings current_versions", "map to touchpoints")
    stopwatch.wrap(journeys, "assign", "assign persons")
    stopwatch.wrap(Engine, "map_persons", "sessions")
    stopwatch.wrap(kpis, "values parts bridged reasons", "KPIs")
    stopwatch.wrap(journeys, "tickets", "KPIs")
    stopwatch.wrap(journeys, "sentiment", "moods of texts")
    stopwatch.wrap(Engine, "arrow", "KPIs")
    stopwatch.wrap(Engine, "__init__", "start the engine")
    stopwatch.wrap(Engine, "table memtable", "read the lake")
    stopwatch.wrap(TableGate, "__call__ conclude", "gate")
    stopwatch.wrap(publish, "record", "keep verdicts")
    stopwatch.wrap(publish, "quarantine", "keep quarantine")
    stopwatch.wrap(references, "named referred relist", "judge references")
    stopwatch.wrap(reconciliation, "records visits activity tickets", "reconcile")
    stopwatch.wrap(standing, "coverage", "coverage")
    stopwatch.wrap(data_docs, "build_site", "data docs")
    stopwatch.wrap(Lake, "read files day_states cursor version", "read the lake")
    stopwatch.wrap(Lake, "replace_days rewrite_days replace_all", "write the lake")


def land(folder: Path, customers: int, days: int) -> dict[str, Any]:
    """Serve the demo company and pull every stream once."""
    with served(folder, "lake", customers=customers, days=days) as first_day:
        started = time.perf_counter()
        run(["raw"], first_day)
        return {"seconds": time.perf_counter() - started}


def refresh(first_day: date, started: float) -> dict[str, Any]:
    """Run everything derived. `started`: the wall clock's time when the process was asked for."""
    stopwatch = Stopwatch()
    wrap_all(stopwatch)
    start_up = time.time() - started
    run(["touchpoints", "contacts", "customers", "journeys", "kpis", "operations"], first_day)
    wall = time.time() - started
    usage = resource.getrusage(resource.RUSAGE_SELF)
    parts = {"start and import": start_up, **stopwatch.seconds}
    return {
        "wall": wall,
        "cpu": usage.ru_utime + usage.ru_stime,
        "megabytes": usage.ru_maxrss / 1024,
        "parts": {**parts, REST: wall - sum(parts.values())},
    }


def run(layers: list[str], first_day: date) -> None:
    """Materialize the assets of some layers for all days, in this process, on the instance."""
    import dagster as dg

    from journey_platform.definitions import defs
    from journey_platform.run_tags import range_tags

    everything = defs.resolve_implicit_global_asset_job_def()
    keys = [key for key in everything.asset_layer.selected_asset_keys if key.path[0] in layers]
    with dg.DagsterInstance.get() as instance:
        result = everything.execute_in_process(
            instance=instance,
            asset_selection=keys,
            tags=range_tags(first_day, LAST_DAY),
            run_config={"loggers": {"console": {"config": {"log_level": "ERROR"}}}},
        )
        assert result.success


def in_process_of_its_own(folder: Path, phase: str, options: argparse.Namespace) -> dict[str, Any]:
    arguments = ["--phase", phase, "--customers", str(options.customers), "--days", str(options.days)]
    command = [__file__, *arguments, "--folder", str(folder), "--asked-at", str(time.time())]
    found: dict[str, Any] = json.loads(answer_of(command, folder))
    return found


def import_seconds(folder: Path, module: str, rounds: int = 5) -> float:
    """The least of some rounds, each in a new interpreter, of importing `module`."""
    code = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    return min(float(answer_of(["-c", code], folder)) for _ in range(rounds))


def report(cold: dict[str, Any], unchanged: dict[str, Any]) -> None:
    print(f"{'':24}{'cold':>9}{'share':>8}{'unchanged':>12}")
    for group in (DOMAIN, QUALITY, (*AROUND, REST)):
        for part in group:
            before, after = (found["parts"].get(part, 0.0) for found in (cold, unchanged))
            print(f"{part:24}{before:>7.1f} s{before / cold['wall']:>8.0%}{after:>10.1f} s")
    own, own_again = (sum(found["parts"].get(p, 0.0) for p in DOMAIN) for found in (cold, unchanged))
    shares = [sum(f["parts"].get(p, 0.0) for p in QUALITY) / f["wall"] for f in (cold, unchanged)]
    outside, outside_again = 1 - own / cold["wall"], 1 - own_again / unchanged["wall"]
    print(f"{'wall':24}{cold['wall']:>7.1f} s{'':8}{unchanged['wall']:>10.1f} s")
    print(f"{'processor':24}{cold['cpu']:>7.1f} s{'':8}{unchanged['cpu']:>10.1f} s")
    print(f"{'peak memory':24}{cold['megabytes']:>6.0f} MB{'':8}{unchanged['megabytes']:>9.0f} MB")
    print(f"{'quality in all':24}{shares[0]:>9.0%}{'':8}{shares[1]:>12.0%}")
    print(f"{'outside the domain':24}{outside:>9.0%}{'':8}{outside_again:>12.0%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--customers", type=int, default=2000)
    parser.add_argument("--days", type=int, default=90)
    for internal in ("--phase", "--folder", "--asked-at"):
        parser.add_argument(internal, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.phase:
        warnings.filterwarnings("ignore")
        first_day = LAST_DAY - timedelta(days=options.days - 1)
        found = (
            land(Path(options.folder), options.customers, options.days)
            if options.phase == "land"
            else refresh(first_day, float(options.asked_at))
        )
        print(json.dumps(found))
        return
    with tempfile.TemporaryDirectory(prefix="journey-refresh-") as name:
        folder = Path(name)
        (folder / "dagster").mkdir()
        shutil.copy(REPOSITORY / "deploy" / "dagster.yaml", folder / "dagster")
        landed = in_process_of_its_own(folder, "land", options)
        print(f"{options.customers} customers, {options.days} days, {os.cpu_count()} cores")
        print(f"landing, not part of what follows: {landed['seconds']:.1f} s")
        report(*(in_process_of_its_own(folder, "refresh", options) for _ in range(2)))
        base, ours = (import_seconds(folder, name) for name in ("dagster", "journey_platform.definitions"))
        print(f"import dagster {base:.2f} s, the definitions {ours:.2f} s: {ours - base:.2f} s more")
        print(AIMS)


if __name__ == "__main__":
    main()
