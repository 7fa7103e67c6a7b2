"""Pulling a range of days so that a bad day never blocks a good one. No Dagster here.

A range is read in as few requests as the vendor allows. Where reading fails, the range is halved until the
days that cannot be read stand alone; they keep their last good version, and the others land.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from connectors.errors import AuthenticationFailed, ConfigurationError, ConnectorError
from journey_platform.landing import LandingReport

# Every vendor's exports reach back this far in one request; longer ranges are cut.
_LONGEST_RUN_DAYS = 366


@dataclass
class Pull:
    """What landed, and the days that could not be read, each with its reason."""

    reports: list[LandingReport] = field(default_factory=list)
    failed: dict[date, str] = field(default_factory=dict)


def pull_days(
    days: Sequence[date],
    land: Callable[[Sequence[date]], LandingReport],
    probe: Callable[[], None],
) -> Pull:
    """Land `days`, isolating those that fail.

    `land` reads and lands consecutive days, or raises `ConnectorError` and leaves them as they were. `probe`
    asks whether the vendor answers at all: where it does not, its error is raised, and no day is tried again.
    """
    pull = Pull()
    for run in consecutive(days):
        _pull_run(run, land, probe, pull)
    return pull


def _pull_run(
    days: Sequence[date],
    land: Callable[[Sequence[date]], LandingReport],
    probe: Callable[[], None],
    pull: Pull,
) -> None:
    try:
        pull.reports.append(land(days))
    except (AuthenticationFailed, ConfigurationError):
        raise
    except ConnectorError as error:
        if not pull.failed:
            probe()
        if len(days) == 1:
            pull.failed[days[0]] = str(error)
            return
        middle = len(days) // 2
        _pull_run(days[:middle], land, probe, pull)
        _pull_run(days[middle:], land, probe, pull)


def consecutive(days: Sequence[date]) -> list[list[date]]:
    """Cut days into runs that follow each other, none longer than a request may reach."""
    runs: list[list[date]] = []
    for day in sorted(days):
        follows = runs and runs[-1][-1] + timedelta(days=1) == day and len(runs[-1]) < _LONGEST_RUN_DAYS
        if follows:
            runs[-1].append(day)
        else:
            runs.append([day])
    return runs
