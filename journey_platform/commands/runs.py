"""`journey runs`: what became of runs when the machine stopped."""

import argparse
from collections.abc import Iterator

from journey_platform.operating.clearing import clear_dead_runs

HELP = "runs that died with their machine"


def add_commands(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(dest="command", required=True)
    clear = commands.add_parser("clear", help="fail dead runs, so that they are tried again, and free slots")
    clear.set_defaults(run=_clear)


def _clear(_: argparse.Namespace) -> Iterator[str]:
    import dagster as dg

    with dg.DagsterInstance.get() as instance:
        done = clear_dead_runs(instance)
    for run_id in done.failed:
        yield f"{run_id}: failed, its worker is gone"
    for run_id in done.canceled:
        yield f"{run_id}: canceled, its worker is gone"
    for run_id in done.freed:
        yield f"{run_id}: was over, and gave its slots back"
    for run_id in done.left:
        yield f"{run_id}: under way"
    yield f"{len(done.failed) + len(done.canceled)} runs cleared, {len(done.left)} under way"
