"""Serve a demo company in a process of its own, so that serving does not share the platform's interpreter.

Prints the settings of the connectors as KEY=VALUE lines, then an empty line, and serves until its standard
input ends. Commands there change what is served, each answered with "ok": `lift VENDOR` ends a vendor's
outages, `as-of 2026-01-31T12:00:00Z` moves the moment as which the vendors answer.
"""

import argparse
import sys
from datetime import UTC, date, datetime, timedelta

from journey_platform.demo.company import build_world
from journey_platform.demo.vendors.messages import moment_of
from journey_platform.demo.vendors.server import Served, serve


def main(arguments: list[str] | None = None) -> None:
    """See the module's docstring; `--help` lists the options."""
    parser = argparse.ArgumentParser(prog="python -m journey_platform.demo.vendors", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="first of six ports; 0: any free ones")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--last-day", type=date.fromisoformat, help="YYYY-MM-DD; yesterday unless given")
    parser.add_argument("--customers", type=int, default=2000)
    options = parser.parse_args(arguments)
    last_day = options.last_day or datetime.now(UTC).date() - timedelta(days=1)
    world = build_world(
        seed=options.seed,
        customers=options.customers,
        first_day=last_day - timedelta(days=options.days - 1),
        last_day=last_day,
    )
    with serve(world, port=options.port) as served:
        for name, value in served.environment.items():
            print(f"{name}={value}")
        print(flush=True)
        for line in sys.stdin:
            print(_obey(served, line.split()), flush=True)


def _obey(served: Served, words: list[str]) -> str:
    match words:
        case ["lift", vendor]:
            served.lift_outage(vendor)
        case ["as-of", moment]:
            served.as_of = moment_of(moment)
        case _:
            return "commands: lift VENDOR, as-of MOMENT"
    return "ok"


if __name__ == "__main__":
    main()
