"""`journey doctor`: what is wrong, and what mends it."""

import argparse
from collections.abc import Iterator

from journey_platform.lake import LakeError
from journey_platform.operating.doctor import examine

HELP = "what is wrong with this installation, and what mends it"


class Unwell(LakeError):  # noqa: N818 - says what was found
    """Something is wrong; what, was printed."""


def add_commands(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_run)


def _run(_: argparse.Namespace) -> Iterator[str]:
    wrong = 0
    for finding in examine():
        yield f"{'WRONG' if finding.is_wrong else 'well':<6} {finding.subject}: {finding.told}"
        if finding.is_wrong:
            wrong += 1
            yield f"{'':<6} -> {finding.fix}"
    if wrong:
        raise Unwell(f"{wrong} {'thing is' if wrong == 1 else 'things are'} wrong")
