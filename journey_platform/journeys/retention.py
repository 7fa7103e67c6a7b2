"""Retention: of the units that entered together, who comes back, by period since.

The kernel says of each unit when it entered and in which periods it came back; `retention_cells` counts.
Definitions:

* A unit enters once, with its first touchpoint that `start` holds for; that one is no return, a later one is,
  also at the same instant. Period 0 is the rest of the one it entered in.
* Calendar periods are the zone's days, weeks from Monday and months. Rolling ones are 24 hours, 7 and 30 days
  from the entry on.
* A cell of a period that is not over for every unit of the cohort is null, not zero. The row "all" takes in
  the cohorts for which that period is over. Who came back "in it or later" may still do so: that is a lower
  bound.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from journey_platform.journeys.conditions import Condition
from journey_platform.journeys.history import DAY_US, History
from journey_platform.journeys.periods import LENGTH_DAYS, first_day, numbers
from journey_platform.tables.insights import RETENTION

ENTRIES = pa.schema(
    [
        pa.field("cohort", pa.int64()),
        pa.field("returned", pa.list_(pa.int32())),
        pa.field("last_whole", pa.int64()),
    ]
)
"""One row per unit. `cohort`: number of the period it entered in. `returned`: periods since, each once,
rising. `last_whole`: the last period since that is over by the end of the data; -1 if none is."""


def retention_entries(
    events: History,
    start: Condition,
    returning: Condition,
    *,
    period: str,
    clock: str,
    zone: str,
    until: int,
    since: int = 0,
) -> pa.Table:
    """Who entered, and when each came back, in `ENTRIES`, from whole units. `until`: end of the data."""
    entries = np.flatnonzero(events.mask(start) & (events.at >= since) & (events.at < until))
    unit = events.unit[entries]
    entries = entries[np.append(True, np.diff(unit) != 0)[: len(entries)]]
    cohort = numbers(events.at[entries], zone, period)
    back = np.flatnonzero(events.mask(returning) & (events.at < until))
    # The entry of each return's unit: the last entry whose unit begins at or before the return.
    whose = np.searchsorted(events.unit[entries], events.unit[back])
    has_entered = whose < len(entries)
    back, whose = back[has_entered], whose[has_entered]
    is_return = (events.unit[entries[whose]] == events.unit[back]) & (back > entries[whose])
    back, whose = back[is_return], whose[is_return]
    if clock == "calendar":
        offset = numbers(events.at[back], zone, period) - cohort[whose]
        last_whole = numbers(np.array([until]), zone, period)[0] - cohort - 1
    else:
        length = LENGTH_DAYS[period] * DAY_US
        offset = (events.at[back] - events.at[entries[whose]]) // length
        last_whole = (until - events.at[entries]) // length - 1
    is_new = np.ones(len(back), dtype=bool)
    is_new[1:] = (np.diff(whose) != 0) | (np.diff(offset) != 0)
    lengths = np.bincount(whose[is_new], minlength=len(entries))
    columns: list[Any] = [
        pa.array(cohort, pa.int64()),
        pa.ListArray.from_arrays(
            pa.array(np.append(0, np.cumsum(lengths)), pa.int32()), pa.array(offset[is_new], pa.int32())
        ),
        pa.array(last_whole, pa.int64()),
    ]
    return pa.table(columns, schema=ENTRIES)


CELLS = RETENTION.schema.remove(0)


def retention_cells(
    entries: pa.Table,
    *,
    period: str,
    periods: int,
    counted: str = "exactly",
    brackets: Sequence[tuple[int, int]] = (),
) -> pa.Table:
    """One row per cohort, the overall one first, and period or bracket, in `CELLS`, from `ENTRIES`.

    size: units of the cohort; of "all", those for whom the period is over. units and share: who came back;
    null where the period is not over. period_to is null for or_later.
    """
    cohorts, whose = np.unique(entries["cohort"].to_numpy(), return_inverse=True)
    sizes = np.bincount(whose, minlength=len(cohorts))
    last_whole = np.full(len(cohorts), np.iinfo(np.int64).max)
    np.minimum.at(last_whole, whose, entries["last_whole"].to_numpy())
    lists = entries["returned"].combine_chunks()
    lengths = np.diff(lists.offsets.to_numpy()) if len(lists) else np.zeros(0, dtype=np.int64)
    unit = np.repeat(np.arange(len(whose), dtype=np.int32), lengths)
    offset = lists.flatten().to_numpy()
    spans = list(brackets) if counted == "brackets" else [(n, n) for n in range(periods + 1)]
    overall: list[dict[str, Any]] = []
    rows: list[dict[str, Any]] = []
    for first, last in spans:
        back = unit[(offset >= first) & ((counted == "or_later") | (offset <= last))]
        is_first = np.append(True, np.diff(back) != 0)[: len(back)]
        came_back = np.bincount(whose[back[is_first]], minlength=len(cohorts))
        is_over = last_whole >= last
        of_all = int(sizes[is_over].sum()), int(came_back[is_over].sum())
        overall.append(_cell("all", first, last, counted, of_all[0], of_all[1] if of_all[0] else None))
        for number, size, units, over in zip(cohorts, sizes, came_back, is_over, strict=True):
            name = first_day(number, period).isoformat()
            rows.append(_cell(name, first, last, counted, int(size), int(units) if over else None))
    rows.sort(key=lambda row: (row["cohort"], row["period_from"]))
    return pa.Table.from_pylist([*overall, *rows], schema=CELLS)


def _cell(cohort: str, first: int, last: int, counted: str, size: int, units: int | None) -> dict[str, Any]:
    return {
        "cohort": cohort,
        "period_from": first,
        "period_to": None if counted == "or_later" else last,
        "size": size,
        "units": units,
        "share": units / size if units is not None and size else None,
    }
