"""Which sources are late: a stream's last complete pull is older than what is declared for its vendor."""

import math
from collections.abc import Mapping
from datetime import datetime

from connectors.errors import ConfigurationError
from journey_platform.alerting.alert import Alert

_VARIABLE = "JOURNEY_FRESH_HOURS"
# A day is pulled in the night after it: at the end of the next night's run it is just over 27 hours old.
_DEFAULT_HOURS = "36"


def limit_hours(vendor: str, environment: Mapping[str, str]) -> float:
    """Declared as JOURNEY_FRESH_HOURS, and for one vendor as JOURNEY_FRESH_HOURS_<VENDOR>."""
    name = f"{_VARIABLE}_{vendor.upper()}"
    name = name if name in environment else _VARIABLE
    try:
        hours = float(environment.get(name) or _DEFAULT_HOURS)
    except ValueError:
        hours = math.nan
    if not hours > 0:
        raise ConfigurationError(f"{name} must be a number of hours")
    return hours


def stale(
    vendor: str, complete_until: Mapping[str, datetime | None], limit: float, now: datetime
) -> Alert | None:
    """An alert on the streams of a vendor whose data end more than `limit` hours ago; None where none do.

    `complete_until`: per stream, the instant up to which its archive is whole; None: it never arrived.
    """
    ages = {
        stream: math.inf if until is None else (now - until).total_seconds() / 3600
        for stream, until in complete_until.items()
    }
    late = {stream: age for stream, age in sorted(ages.items()) if age > limit}
    if not late:
        return None
    facts = {
        stream: "never arrived" if age == math.inf else f"{age:.0f} h old" for stream, age in late.items()
    }
    return Alert(
        key=f"fresh/{vendor}",
        state=",".join(late),
        title=f"{vendor} is not fresh",
        path=f"/assets/raw/{vendor}/{next(iter(late))}",
        facts={**facts, "limit": f"{limit:g} h"},
    )
