"""`journey maintain`, `journey backup` and `journey restore`: the lake and Dagster's instance as wholes."""

import argparse
from collections.abc import Iterator
from pathlib import Path

from journey_platform import settings
from journey_platform.commands.journeys import Command
from journey_platform.lake import Lake
from journey_platform.operating.backup import Taken, back_up, restore
from journey_platform.operating.maintenance import (
    KEEP_RUNS_DAYS,
    KEEP_VERSIONS_DAYS,
    prune_runs,
    tidy_lake,
)


def _lake() -> Lake:
    known = settings.load()
    return Lake(known.root, known.storage_options)


def _of_maintain(parser: argparse.ArgumentParser) -> None:
    versions = "earlier versions of tables stay readable so long (KPI values: always)"
    parser.add_argument("--versions-days", type=int, default=KEEP_VERSIONS_DAYS, help=versions)
    runs = "runs stay so long, and as long as they are the last to have made something"
    parser.add_argument("--runs-days", type=int, default=KEEP_RUNS_DAYS, help=runs)
    parser.set_defaults(run=_maintain)


def _maintain(chosen: argparse.Namespace) -> Iterator[str]:
    import dagster as dg

    now = settings.now()
    done = tidy_lake(_lake(), now=now, keep_days=chosen.versions_days)
    for name, count in done.files.items():
        yield f"{name}: {count} files of earlier versions let go"
    yield f"{done.bytes / 1e6:.1f} MB let go"
    with dg.DagsterInstance.get() as instance:
        pruned = prune_runs(instance, now=now, keep_days=chosen.runs_days)
    yield f"{pruned} runs deleted with their events and logs"


def _of_backup(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="a new folder, best on another disk")
    parser.set_defaults(run=_backup)


def _backup(chosen: argparse.Namespace) -> Iterator[str]:
    yield _told("backed up", back_up(_lake(), chosen.folder, now=settings.now()))


def _of_restore(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="a backup; it is checked whole before anything is written")
    parser.set_defaults(run=_restore)


def _restore(chosen: argparse.Namespace) -> Iterator[str]:
    yield _told("restored", restore(chosen.folder, _lake()))
    yield "people erased since the backup was taken are back: erase them again"


def _told(what: str, taken: Taken) -> str:
    return f"{what}: {len(taken.tables)} tables, {taken.files} files, {taken.bytes / 1e6:.1f} MB"


COMMANDS = {
    "maintain": Command("let go of what old versions and old runs leave behind", _of_maintain),
    "backup": Command("copy the lake and Dagster's instance to a folder", _of_backup),
    "restore": Command("put a backup back; nothing may run meanwhile", _of_restore),
}
