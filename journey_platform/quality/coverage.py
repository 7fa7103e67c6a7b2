"""What arrived of a stream on a day, whether more may come, and how much of it may be used."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date, timedelta

import pyarrow as pa

from journey_platform.quality.verdict import DayVerdict
from journey_platform.tables import COVERAGE


@dataclass(frozen=True)
class Arrived:
    """A stream of events. `rows`: what each day that was read holds; `held`: days that the gate holds;
    `persons`: by day the profiles seen and those of them that are known."""

    source: str
    lookback_days: int
    rows: Mapping[date, int]
    verdicts: Mapping[date, DayVerdict]
    held: Set[date]
    persons: Mapping[date, tuple[int, int]]


def coverage(streams: Sequence[Arrived], days: Sequence[date], *, as_of: date) -> pa.Table:
    """Rows of `tables.COVERAGE`: one a stream and day. `as_of` is today."""
    rows = [_row(stream, day, as_of) for stream in streams for day in days]
    return pa.Table.from_pylist(rows, schema=COVERAGE.schema)


def _row(stream: Arrived, day: date, as_of: date) -> dict[str, object]:
    settles_on = day + timedelta(days=stream.lookback_days + 1)
    is_arrived, is_held = day in stream.rows, day in stream.held
    usable = stream.rows.get(day, 0)
    verdict = stream.verdicts.get(day)
    offered = verdict.rows_offered if verdict else usable
    persons, known = stream.persons.get(day, (0, 0))
    if is_held:
        status = "held"
    elif not is_arrived:
        status = "missing"
    else:
        status = "open" if as_of < settles_on else "ok"
    return {
        "day": day,
        "source": stream.source,
        "status": status,
        "is_arrived": is_arrived,
        "settles_on": settles_on,
        "rows_offered": offered,
        "rows_usable": usable,
        "usable_share": min(usable / offered, 1.0) if offered else None,
        "persons": persons,
        "persons_known": known,
        "known_share": known / persons if persons else None,
    }
