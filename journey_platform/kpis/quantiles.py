"""Quantiles of what units measure, with the interval of their order statistics.

The interval of the q-quantile of n amounts goes from the amount of rank floor(nq - z sqrt(nq(1-q))) to that
of rank ceil(nq + z sqrt(nq(1-q))) + 1, within 1 and n: it supposes nothing of the amounts (Conover, Practical
Nonparametric Statistics, 3.2).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from journey_platform.kpis.definition import Kpi
from journey_platform.kpis.grains.scope import Source
from journey_platform.kpis.intervals import Z_95

if TYPE_CHECKING:
    import ibis.expr.types as ir

_SHARES = {"median": 0.5, "p90": 0.9}


def quantiles(kpis: Sequence[Kpi], source: Source, units: "ir.Table", amount: Any) -> pa.Table:
    """A row per KPI, day and dimension value: the quantile as `numerator`, `lower`, `upper` and `n`.

    `units` has `day` and `dimension_value`; units without the amount are left out.
    """
    measured = units.select("day", "dimension_value", amount=amount.cast("float64"))
    measured = measured.filter(measured.amount.notnull())
    rows = source.arrow(measured.order_by(["day", "dimension_value", "amount"]))
    place = {
        name: np.asarray(rows[name].combine_chunks().dictionary_encode().indices)
        for name in ("day", "dimension_value")
    }
    changes = [np.diff(codes) != 0 for codes in place.values()]
    starts = (
        np.flatnonzero(np.concatenate([[True], np.logical_or(*changes)])) if len(rows) else np.zeros(0, int)
    )
    amounts = np.asarray(rows["amount"].to_numpy(), dtype=np.float64)
    counts = np.diff(np.append(starts, len(rows)))
    tables = [
        pa.table(
            {
                "kpi": pa.array([kpi.name] * len(starts), pa.string()),
                "day": rows["day"].take(pa.array(starts)),
                "dimension_value": rows["dimension_value"].take(pa.array(starts)),
                "n": pa.array(counts, pa.int64()),
                **_of(amounts, starts, counts, _SHARES[kpi.statistic]),
            }
        )
        for kpi in kpis
    ]
    return pa.concat_tables(tables)


def _of(amounts: np.ndarray, starts: np.ndarray, counts: np.ndarray, share: float) -> dict[str, pa.Array]:
    """Per group of sorted amounts its quantile (linear between ranks) and the bounds."""
    place = (counts - 1) * share
    under = np.floor(place).astype(np.int64)
    over = np.minimum(under + 1, counts - 1)
    low, high = amounts[starts + under], amounts[starts + over]
    spread = Z_95 * np.sqrt(counts * share * (1 - share))
    first = np.clip(np.floor(counts * share - spread).astype(np.int64), 1, counts)
    last = np.clip(np.ceil(counts * share + spread).astype(np.int64) + 1, 1, counts)
    return {
        "numerator": pa.array(low + (high - low) * (place - under)),
        "lower": pa.array(amounts[starts + first - 1]),
        "upper": pa.array(amounts[starts + last - 1]),
    }
