"""Quantiles of what units measure, with the interval of their order statistics.

The interval of the q-quantile of n amounts goes from the amount of rank floor(nq - z sqrt(nq(1-q))) to that
of rank ceil(nq + z sqrt(nq(1-q))) + 1, within 1 and n: it supposes nothing of the amounts (Conover, Practical
Nonparametric Statistics, 3.2).

Kaplan and Meier's quantiles ("km_") are over all units, those without the amount lasting longer than any: all
were followed for as long, so that the curve falls by one unit in n at each amount (J. Am. Stat. Assoc. 53,
1958). The q-quantile is the amount of rank ceil(nq), and null where fewer units have one.
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

SHARES = {"median": 0.5, "p90": 0.9}
SURVIVAL = {"km_p25": 0.25, "km_median": 0.5, "km_p75": 0.75}


def quantiles(kpis: Sequence[Kpi], source: Source, units: "ir.Table", amount: Any) -> pa.Table:
    """A row per KPI, day and dimension value: the quantile as `numerator`, `lower`, `upper` and `n`.

    `units` has `day` and `dimension_value`; units without the amount are left out, but for Kaplan and Meier.
    """
    measured = units.select("day", "dimension_value", amount=amount.cast("float64"))
    plain = [kpi for kpi in kpis if kpi.statistic in SHARES]
    surviving = [kpi for kpi in kpis if kpi.statistic in SURVIVAL]
    tables = []
    if plain:
        tables += _quantiles(plain, source.arrow(_in_order(measured.filter(measured.amount.notnull()))))
    if surviving:
        longest = measured.mutate(amount=measured.amount.fill_null(float("inf")))
        tables += _quantiles(surviving, source.arrow(_in_order(longest)))
    return pa.concat_tables(tables)


def survival(amounts: np.ndarray, share: float) -> float | None:
    """Kaplan and Meier's quantile of sorted amounts, infinite where a unit has none."""
    rank = int(np.ceil(len(amounts) * share))
    return float(amounts[rank - 1]) if rank and np.isfinite(amounts[rank - 1]) else None


def _in_order(measured: "ir.Table") -> "ir.Table":
    return measured.order_by(["day", "dimension_value", "amount"])


def _quantiles(kpis: Sequence[Kpi], rows: pa.Table) -> list[pa.Table]:
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
    return [
        pa.table(
            {
                "kpi": pa.array([kpi.name] * len(starts), pa.string()),
                "day": rows["day"].take(pa.array(starts)),
                "dimension_value": rows["dimension_value"].take(pa.array(starts)),
                "n": pa.array(counts, pa.int64()),
                **(
                    _of(amounts, starts, counts, SHARES[kpi.statistic])
                    if kpi.statistic in SHARES
                    else _survived(amounts, starts, counts, SURVIVAL[kpi.statistic])
                ),
            }
        )
        for kpi in kpis
    ]


def _of(amounts: np.ndarray, starts: np.ndarray, counts: np.ndarray, share: float) -> dict[str, pa.Array]:
    """Per group of sorted amounts its quantile (linear between ranks) and the bounds."""
    place = (counts - 1) * share
    under = np.floor(place).astype(np.int64)
    over = np.minimum(under + 1, counts - 1)
    low, high = amounts[starts + under], amounts[starts + over]
    first, last = _ranks(counts, share)
    return {
        "numerator": pa.array(low + (high - low) * (place - under)),
        "lower": pa.array(amounts[starts + first - 1]),
        "upper": pa.array(amounts[starts + last - 1]),
    }


def _survived(
    amounts: np.ndarray, starts: np.ndarray, counts: np.ndarray, share: float
) -> dict[str, pa.Array]:
    """Per group the quantile and the bounds; null where the amount of the rank is none."""
    first, last = _ranks(counts, share)
    ranks = {"numerator": np.ceil(counts * share).astype(np.int64), "lower": first, "upper": last}
    found = {name: amounts[starts + rank - 1] for name, rank in ranks.items()}
    return {name: pa.array(amount, mask=~np.isfinite(amount)) for name, amount in found.items()}


def _ranks(counts: np.ndarray, share: float) -> tuple[np.ndarray, np.ndarray]:
    """The ranks of the bounds."""
    spread = Z_95 * np.sqrt(counts * share * (1 - share))
    first = np.clip(np.floor(counts * share - spread).astype(np.int64), 1, counts)
    last = np.clip(np.ceil(counts * share + spread).astype(np.int64) + 1, 1, counts)
    return first, last
