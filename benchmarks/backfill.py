"""A year of five sources derived: in one run, in one run a day, after a fix of some days, and unchanged.

The demo company is served and pulled once. Then, over the same raw archive and each in a process of its own
on a Dagster instance with `deploy/dagster.yaml`:

- one run: everything derived, all days at once; and the same through a queue and a daemon;
- one run a day: the archive grows by a day, and a run derives that day; `--daily-runs` of them;
- a fix: some days of visits lose every second visit, which is derived; then they are mended, which is timed;
- unchanged: the same job over all days again.

`python benchmarks/backfill.py` prints the table and what we aim for; nothing is kept.
"""

import argparse
import json
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import date, timedelta
from operator import itemgetter
from pathlib import Path
from typing import Any

from company import LAST_DAY, REPOSITORY, answer_of, served
from refresh import REST, Stopwatch, wrap_all

SOURCES = ("matomo", "mailchimp", "zendesk", "qualtrics", "mastodon")
AIMS = (
    "aims: one run through the daemon under 120 s beyond the compute, inside it at most 0.2 on top;\n"
    "a fix of k of N days at most 1.3 x (k + 2) / N of the compute of all and 0.5 s; unchanged: nothing"
)
PARTS_TOLD = 6
LAYERS = ("touchpoints", "contacts", "journeys", "customers", "kpis")
MEMORIES = {
    *("customers/decisions", "customers/erasures", "customers/identity_events", "customers/identity_health"),
    *("customers/profile_redirects", "kpis/restatements", "kpis/today"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--customers", type=int, default=2_000)
    parser.add_argument("--fix", type=int, default=5, help="days that are mended")
    parser.add_argument("--daily-runs", type=int, default=30, help="of one run a day, so many are made")
    parser.add_argument("--phase", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.phase:
        print(json.dumps(PHASES[options.phase](options)))
        return
    folder = Path(tempfile.mkdtemp(prefix="journey-benchmark-"))
    try:
        measure(folder, options)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def measure(folder: Path, options: argparse.Namespace) -> None:
    def phase(name: str) -> dict[str, Any]:
        return in_process_of_its_own(folder, name, options)

    print(f"{options.days} days, {options.customers} customers, {len(SOURCES)} sources\n{AIMS}\n", flush=True)
    print(f"pulled in {phase('land')['seconds']:.0f} s", flush=True)
    head = f"{'':<28}{'wall s':>9}{'compute s':>11}{'on top':>8}{'MB':>7}{'events':>9}"
    print(head, flush=True)
    whole = phase("whole")
    row("one run", whole)
    compute = whole["compute"]
    queued = phase("queued")
    beyond = f"{queued['wall'] - compute:.1f} s beyond the compute"
    print(f"{'  through queue and daemon':<28}{queued['wall']:>9.1f}  {beyond}", flush=True)
    daily = phase("daily")
    row(f"one run a day, {daily['runs']} days", daily)
    share = options.days / daily["runs"]
    print(f"{'  all days by that rule':<28}{daily['wall'] * share:>9.1f}{daily['compute'] * share:>11.1f}")
    print(f"  {daily['equal']}")
    fixed = phase("fix")
    row(f"a fix of {options.fix} days", fixed)
    most = 1.3 * (options.fix + 2) / options.days * compute + 0.5
    print(f"  compute {fixed['compute']:.2f} s, at most {most:.2f} s aimed at; {fixed['equal']}")
    same = phase("unchanged")
    row("unchanged", same)
    print(f"  tables that changed: {same['changed'] or 'none'}; values restated: {same['restated']}")


def row(name: str, found: dict[str, Any]) -> None:
    over = (found["wall"] - found["compute"]) / found["compute"] if found["compute"] else 0.0
    print(
        f"{name:<28}{found['wall']:>9.1f}{found['compute']:>11.1f}{over:>8.2f}"
        f"{found['megabytes']:>7.0f}{found['events']:>9}",
        flush=True,
    )
    if "most" in found:
        print("  most of it:", ", ".join(f"{part} {seconds:.1f}" for part, seconds in found["most"]))


def in_process_of_its_own(folder: Path, phase: str, options: argparse.Namespace) -> dict[str, Any]:
    sizes = [
        f"--{name}={getattr(options, name.replace('-', '_'))}"
        for name in ("days", "customers", "fix", "daily-runs")
    ]
    answer = answer_of([__file__, "--phase", phase, "--folder", str(folder), *sizes], folder)
    found: dict[str, Any] = json.loads(answer.splitlines()[-1])
    return found


# The phases


def land(options: argparse.Namespace) -> dict[str, Any]:
    """Serve the company and pull every stream once."""
    folder = options.folder
    (folder / "dagster").mkdir()
    shutil.copy(REPOSITORY / "deploy" / "dagster.yaml", folder / "dagster")
    size = {"customers": options.customers, "days": options.days}
    with served(folder, "raw", **size, JOURNEY_SOURCES=",".join(SOURCES)) as first:
        started = time.perf_counter()
        execute(first, LAST_DAY, raw=True)
        return {"seconds": time.perf_counter() - started}


def whole(options: argparse.Namespace) -> dict[str, Any]:
    lake_in(options, "whole", shutil.copytree)
    return timed(lambda: execute(first_day(options), LAST_DAY))


def queued(options: argparse.Namespace) -> dict[str, Any]:
    """One run again, asked for by the command and made by a daemon: from the request to its end."""
    import dagster as dg

    from journey_platform.run_tags import range_tags

    lake_in(options, "queued", shutil.copytree)
    tags = json.dumps(range_tags(first_day(options), LAST_DAY))
    where = ["-m", "journey_platform.definitions"]
    dagster = Path(sys.executable).with_name("dagster")
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([str(dagster.with_name("dagster-daemon")), "run", *where], **quiet) as daemon:
        try:
            started = time.perf_counter()
            command = [str(dagster), "job", "launch", *where, "-j", "rederive", "--tags", tags]
            subprocess.run(command, check=True, **quiet)
            with dg.DagsterInstance.get() as instance:
                while True:
                    [record] = instance.get_run_records(dg.RunsFilter(job_name="rederive"), limit=1)
                    if record.dagster_run.is_finished:
                        break
                    time.sleep(0.5)
            assert record.dagster_run.is_success
            return {"wall": time.perf_counter() - started}
        finally:
            daemon.terminate()


def daily(options: argparse.Namespace) -> dict[str, Any]:
    """One run a day. What is of current state is there from the first."""
    from journey_platform.lake import Lake

    raw = Lake(str(options.folder / "raw"))
    lake = lake_in(options, "daily")
    first, runs = first_day(options), min(options.daily_runs, options.days)
    events, states = raw_tables(is_event=True), raw_tables(is_event=False)
    for table in states:
        days = sorted(raw.day_states(table))
        lake.replace_days(table, raw.read(table), days, run_id="benchmark", cursor=raw.cursor(table))
    found = {"wall": 0.0, "compute": 0.0, "megabytes": 0.0, "events": 0}
    stopwatch = wrapped()
    for n in range(runs):
        day = first + timedelta(days=n)
        for table in events:
            lake.replace_days(table, raw.read(table, [day]), [day], run_id="benchmark", allow_shrink=True)
        one = timed(lambda day=day: execute(day, day), stopwatch)
        found = {
            "wall": found["wall"] + one["wall"],
            "compute": found["compute"] + one["compute"],
            "megabytes": one["megabytes"],
            "events": found["events"] + one["events"],
        }
    told = differing(options, "daily") if runs == options.days else "not compared: not all days were run"
    return {**found, "runs": runs, "equal": told}


def fix(options: argparse.Namespace) -> dict[str, Any]:
    """Days in the middle are wrong, and mended: the mending is timed."""
    from journey_platform.lake import Lake
    from journey_platform.tables import raw_table

    visits = raw_table("matomo", "visits", "", is_entity=False)
    raw, lake = Lake(str(options.folder / "raw")), lake_in(options, "fix", shutil.copytree, of="whole")
    middle = first_day(options) + timedelta(days=options.days // 2)
    days = [middle + timedelta(days=n) for n in range(options.fix)]
    rows = raw.read(visits, days)
    half = rows.take(list(range(0, rows.num_rows, 2)))
    lake.replace_days(visits, half, days, run_id="benchmark", allow_shrink=True)
    execute(first_day(options), LAST_DAY, changed_only=True)
    lake.replace_days(visits, rows, days, run_id="benchmark", allow_shrink=True)
    found = timed(lambda: execute(first_day(options), LAST_DAY, changed_only=True))
    return {**found, "equal": differing(options, "fix")}


def unchanged(options: argparse.Namespace) -> dict[str, Any]:
    from journey_platform.tables import RESTATEMENTS

    lake = lake_in(options, "unchanged", shutil.copytree, of="whole")
    before = {table.name: lake.version(table) for table in derived_tables()}
    restated = lake.read(RESTATEMENTS).num_rows
    found = timed(lambda: execute(first_day(options), LAST_DAY, changed_only=True))
    changed = [table.name for table in derived_tables() if lake.version(table) != before[table.name]]
    return {**found, "changed": changed, "restated": lake.read(RESTATEMENTS).num_rows - restated}


PHASES = {"land": land, "whole": whole, "queued": queued, "daily": daily, "fix": fix, "unchanged": unchanged}


# What the phases share


def wrapped() -> Stopwatch:
    """A stopwatch over all that assets of derived tables call."""
    from journey_platform.defs import customers, erasures, health, insights, overview, restatements

    stopwatch = Stopwatch()
    wrap_all(stopwatch)
    stopwatch.wrap(insights, "ask left_out", "insights")
    stopwatch.wrap(restatements, "keep_up", "restatements")
    stopwatch.wrap(erasures, "look_again", "erasures")
    stopwatch.wrap(customers, "accounts", "accounts")
    stopwatch.wrap(health, "health", "health of identity")
    stopwatch.wrap(overview, "nps_picture stage_picture", "pictures")
    return stopwatch


def first_day(options: argparse.Namespace) -> date:
    return LAST_DAY - timedelta(days=options.days - 1)


def lake_in(options: argparse.Namespace, name: str, copy: Any = None, *, of: str = "raw") -> Any:
    """The lake of a phase, by which the definitions work from now on."""
    from journey_platform.lake import Lake

    root = options.folder / name
    if copy is not None:
        copy(options.folder / of, root)
    os.environ["JOURNEY_ROOT"] = str(root)
    return Lake(str(root))


def execute(first: date, last: date, *, raw: bool = False, changed_only: bool = False) -> None:
    """Everything derived of some days, or their raw archive, in this process, on the instance."""
    import dagster as dg

    from journey_platform.definitions import defs
    from journey_platform.defs.partitions import CHANGED_ONLY_TAG
    from journey_platform.run_tags import range_tags

    job = defs.resolve_job_def("daily")
    is_wanted = [key for key in job.asset_layer.selected_asset_keys if (key.path[0] == "raw") == raw]
    tags = {**range_tags(first, last), **({CHANGED_ONLY_TAG: "yes"} if changed_only else {})}
    with dg.DagsterInstance.get() as instance:
        result = job.execute_in_process(
            instance=instance,
            asset_selection=is_wanted,
            tags=tags,
            run_config={"loggers": {"console": {"config": {"log_level": "ERROR"}}}},
        )
    assert result.success


def timed(work: Any, stopwatch: Stopwatch | None = None) -> dict[str, Any]:
    """Seconds of a run, of those in what the assets call, peak memory, and rows in Dagster's event log."""
    import journey_platform.definitions  # noqa: F401 - the import is no part of the run

    stopwatch = stopwatch or wrapped()
    before, rows = dict(stopwatch.seconds), event_rows()
    started = time.perf_counter()
    work()
    wall = time.perf_counter() - started
    spent = {
        name: seconds - before.get(name, 0) for name, seconds in stopwatch.seconds.items() if name != REST
    }
    return {
        "wall": wall,
        "compute": sum(spent.values()),
        "most": sorted(spent.items(), key=itemgetter(1), reverse=True)[:PARTS_TOLD],
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "events": event_rows() - rows,
    }


def event_rows() -> int:
    """Rows in the logs of all runs."""
    count = 0
    for database in Path(os.environ["DAGSTER_HOME"]).rglob("runs/*.db"):
        if database.name != "index.db":
            with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
                names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
                if "event_logs" in names:
                    count += connection.execute("SELECT count(*) FROM event_logs").fetchone()[0]
            connection.close()
    return count


def raw_tables(*, is_event: bool) -> Sequence[Any]:
    from connectors.base import StreamKind
    from journey_platform.sources import archive_of, connector_of

    return [
        archive_of(vendor, stream)
        for vendor in SOURCES
        for stream in connector_of(vendor).streams
        if (stream.kind is StreamKind.EVENT) == is_event
    ]


def derived_tables() -> list[Any]:
    """What follows from the records alone."""
    from journey_platform.history.trace import known_tables

    return [t for name, t in known_tables().items() if t.key[0] in LAYERS and name not in MEMORIES]


def differing(options: argparse.Namespace, name: str) -> str:
    """In words, whether a phase's derived tables equal those of the one run, by fingerprints of rows."""
    from journey_platform.lake import Lake

    one, other = Lake(str(options.folder / "whole")), Lake(str(options.folder / name))
    found = [table.name for table in derived_tables() if one.content(table) != other.content(table)]
    return f"differs from one run in {', '.join(found)}" if found else "the same rows as one run"


if __name__ == "__main__":
    main()
