"""Values of longer periods out of those of days: the parts are summed, then divided, never averaged."""

from datetime import date
from typing import Any

import pyarrow as pa

from journey_platform.kpis.catalogue import EVERYTHING, KPIS, Period, Stage
from journey_platform.kpis.periods import start_of
from journey_platform.kpis.values import Arrivals, valued

_PARTS = ("numerator", "denominator", "squares", "n")


def rolled_up(
    daily: pa.Table, stage: Stage, period: Period, *, arrivals: Arrivals, as_of: date, identity_revision: str
) -> pa.Table:
    """Rows of `tables.kpis_table(stage)` per `period`, from its rows per day (or their parts).

    Raises `ValueError` for a KPI that counts distinct people: the parts of its days overlap, so it has to be
    computed from the period's touchpoints.
    """
    sums: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in daily.to_pylist():
        kpi = KPIS[row["kpi"]]
        if not kpi.is_additive or row["period"] != "day":
            raise ValueError(
                f"{kpi.name} per {row['period']} cannot be summed to a {period}: compute it anew"
            )
        key = (kpi.name, start_of(row["day"], period), row["dimension"], row["dimension_value"])
        total = sums.setdefault(key, dict.fromkeys(_PARTS))
        for part in _PARTS:
            if row[part] is not None:
                total[part] = (total[part] or 0) + row[part]
    rows = [
        {
            "kpi": name,
            "period": period,
            "day": day,
            "dimension": dimension,
            "dimension_value": value,
            **total,
            # A channel without sessions on a day has no row there, yet that day's sessions stand below it.
            **(_whole(sums[name, day, EVERYTHING, EVERYTHING]) if KPIS[name].is_share else {}),
        }
        for (name, day, dimension, value), total in sums.items()
    ]
    return valued(rows, stage, arrivals=arrivals, as_of=as_of, identity_revision=identity_revision)


def _whole(total: dict[str, Any]) -> dict[str, Any]:
    return {"denominator": total["denominator"], "n": total["n"]}
