"""The command line: `journey GROUP COMMAND`. Groups are modules of `commands`; nothing else belongs here."""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from journey_platform.commands import (
    accounts,
    backfill,
    doctor,
    identity,
    journeys,
    kpi,
    metrics,
    quarantine,
    runs,
    upkeep,
)
from journey_platform.lake import LakeError
from journey_platform.settings import SettingsError

_GROUPS: dict[str, Any] = {
    "accounts": accounts,
    "backfill": backfill,
    "doctor": doctor,
    "identity": identity,
    "kpi": kpi,
    "metrics": metrics,
    "quarantine": quarantine,
    "runs": runs,
    **journeys.COMMANDS,
    **upkeep.COMMANDS,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 where it did what was asked, 2 where it was asked wrongly, 1 where it failed."""
    parser = argparse.ArgumentParser(
        prog="journey", description="Customer journeys: what a person asks of them."
    )
    groups = parser.add_subparsers(dest="group", required=True)
    for name, module in _GROUPS.items():
        module.add_commands(groups.add_parser(name, help=module.HELP, description=module.HELP))
    chosen = parser.parse_args(arguments)
    try:
        for line in chosen.run(chosen):
            print(line)
    except (SettingsError, ValueError, LookupError) as error:
        print(f"journey: {error}", file=sys.stderr)
        return 2
    except LakeError as error:
        print(f"journey: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
