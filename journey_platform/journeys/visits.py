"""Visits by any of the rules that tell sessions apart, counted by period.

For who asks how many visits there would be with another pause, split at midnight or by campaign, or of the
device before stitching; the rules are in `sessions`. The platform's own, with everything that is measured of
them, are the table `journeys/sessions`; here a visit is followed for as long as it lasts.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from journey_platform.journeys.history import History
from journey_platform.journeys.periods import first_day, numbers
from journey_platform.journeys.sessions import VARIANTS, is_text, session_starts

COUNTS = pa.schema(
    [
        pa.field("period", pa.int64()),
        pa.field("by", pa.string()),
        *(pa.field(name, pa.int64()) for name in ("visits", "units", "page_views", "bounces", "orders")),
    ]
)
"""One row per period's number and value that divides it, of some whole units."""


def visit_counts(
    events: History,
    *,
    gap_s: int,
    variant: str,
    period: str,
    zone: str,
    since: int,
    until: int,
    by: np.ndarray | None = None,
    values: Sequence[str | None] = (),
) -> pa.Table:
    """What whole units visited, in `COUNTS`. `since` and `until`: in which a visit begins, microseconds.
    `by`: per row a code of `values`, read at the first action; -1 is the last."""
    order, is_first = session_starts(events.rows, gap_s=gap_s, zone=zone, variant=VARIANTS[variant])
    starts, visit = order[is_first], np.cumsum(is_first) - 1
    at = events.at[starts]
    is_inside = (at >= since) & (at < until)
    pages, orders = (
        np.bincount(visit[is_text(events.rows["type"], kind)[order]], minlength=len(starts))
        for kind in ("page_view", "order")
    )
    found = pa.table(
        {
            "period": numbers(at, zone, period),
            "unit": events.unit[starts],
            "page_views": pages,
            "bounces": (pages == 1).astype(np.int64),
            "orders": (orders > 0).astype(np.int64),
            "by": pa.repeat(pa.scalar("all"), len(starts)),
        }
    ).filter(pa.array(is_inside))
    pieces = [_counted(found)]
    if by is not None:
        texts = pa.array(["(none)" if value is None else value for value in values], pa.string())
        named = texts.take(pa.array(by[starts[is_inside]] % len(values)))
        pieces.append(_counted(found.set_column(found.num_columns - 1, "by", named)))
    return pa.concat_tables(pieces)


def _counted(visits: pa.Table) -> pa.Table:
    sums = [(name, "sum") for name in ("page_views", "bounces", "orders")]
    found = visits.group_by(["period", "by"], use_threads=False).aggregate(
        [([], "count_all"), ("unit", "count_distinct"), *sums]
    )
    names = ["period", "by", "count_all", "unit_count_distinct", *(f"{name}_sum" for name, _ in sums)]
    return found.select(names).rename_columns(COUNTS.names).cast(COUNTS)


def visit_rows(counts: pa.Table, *, period: str) -> list[dict[str, Any]]:
    """One row per value of `by`, "all" first, and period, from `COUNTS`, as `tables.VISITS` tells it."""
    names = COUNTS.names[2:]
    summed = counts.group_by(["period", "by"], use_threads=False).aggregate([(n, "sum") for n in names])
    rows = [
        {
            "by": row["by"],
            "period": first_day(row["period"], period),
            **{name: row[f"{name}_sum"] for name in names},
            "pages_per_visit": row["page_views_sum"] / row["visits_sum"],
            "bounce_rate": row["bounces_sum"] / row["visits_sum"],
            "conversion_rate": row["orders_sum"] / row["visits_sum"],
        }
        for row in summed.to_pylist()
    ]
    return sorted(rows, key=lambda row: (row["by"] != "all", row["by"], row["period"]))
