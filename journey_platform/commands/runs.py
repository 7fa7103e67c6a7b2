"""`journey runs`: what became of runs when the machine stopped."""

import argparse
from collections.abc import Iterator

from journey_platform.operating.clearing import await_serving, clear_dead_runs, dead_runs

HELP = "runs that died with their machine"


def add_commands(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(dest="command", required=True)
    dead = commands.add_parser("dead", help="their ids; changes nothing")
    dead.set_defaults(run=_dead)
    clear = commands.add_parser("clear", help="fail dead runs, so that they are tried again, and free slots")
    clear.add_argument("ids", nargs="*", help="runs that were dead before; default: those that are dead now")
    clear.add_argument("--when-serving", metavar="HOST:PORT", help="once this code server is up again")
    clear.set_defaults(run=_clear)


def _dead(_: argparse.Namespace) -> Iterator[str]:
    import dagster as dg

    with dg.DagsterInstance.get() as instance:
        yield from dead_runs(instance)


def _clear(chosen: argparse.Namespace) -> Iterator[str]:
    import dagster as dg

    if chosen.when_serving:
        host, _, port = chosen.when_serving.rpartition(":")
        await_serving(host, int(port))
    with dg.DagsterInstance.get() as instance:
        # Told which are dead, even none, it looks at no other: those may live by now.
        known = chosen.ids if chosen.ids or chosen.when_serving else None
        done = clear_dead_runs(instance, known)
    for run_id in done.failed:
        yield f"{run_id}: failed, its worker is gone"
    for run_id in done.canceled:
        yield f"{run_id}: canceled, its worker is gone"
    for run_id in done.freed:
        yield f"{run_id}: was over, and gave its slots back"
    for run_id in done.left:
        yield f"{run_id}: under way"
    yield f"{len(done.failed) + len(done.canceled)} runs cleared, {len(done.left)} under way"
