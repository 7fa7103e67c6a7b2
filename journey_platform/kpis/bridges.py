"""Bridges: why two variants of a KPI differ, as steps that add up from one value to the other.

With parts a0 / d0 of the first variant and a1 / d1 of the second, units that are counted otherwise above the
line make (a1 - a0) / d0, one step for each declared reason and one for the rest; what is counted otherwise
below it makes the last step, a1 / d1 - a1 / d0. The steps are exact: nothing is left over.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from journey_platform.kpis.catalogue import KPIS
from journey_platform.kpis.definition import EVERYTHING, Amount, Kpi
from journey_platform.kpis.grains.scope import Source
from journey_platform.kpis.parts import parts
from journey_platform.tables import BRIDGES

if TYPE_CHECKING:
    import ibis.expr.types as ir

BELOW = "other units below the line"
ABOVE = "other units above the line"


@dataclass(frozen=True)
class Bridge:
    """From one variant to another. `reasons`: what units are that the two count differently above the line;
    they exclude each other, and only variants of one grain can have them."""

    name: str
    first: str
    second: str
    reasons: Mapping[str, Amount]


_DECLARED = (
    Bridge(
        "bounce_single_page_to_ga4",
        "bounce_single_page",
        "bounce_ga4",
        {
            "one page, but over 10 s or an order": lambda s: s.is_bounce_single_page & s.is_engaged_ga4,
            "no page view, and not engaged": lambda s: ~s.is_bounce_single_page & ~s.is_engaged_ga4,
        },
    ),
    Bridge(
        "bounce_ga4_to_snowplow",
        "bounce_ga4",
        "bounce_snowplow",
        {
            "over 10 s, but fewer than two heartbeats": lambda s: s.is_engaged_ga4 & ~s.is_engaged_snowplow,
            "two heartbeats, but not over 10 s": lambda s: ~s.is_engaged_ga4 & s.is_engaged_snowplow,
        },
    ),
    Bridge(
        "open_rate_lower_to_upper",
        "open_rate_lower",
        "open_rate_upper",
        {"opened by a machine only": lambda mailing: mailing.opened > mailing.opened_surely},
    ),
    Bridge("net_sentiment_to_opinions", "net_sentiment", "net_sentiment_of_opinions", {}),
    Bridge("cart_conversion_first_to_deepest", "cart_conversion_first", "cart_conversion_deepest", {}),
    Bridge("cart_conversion_first_to_every", "cart_conversion_first", "cart_conversion_every", {}),
    Bridge("retention_calendar_to_rolling", "retention_calendar", "retention_rolling", {}),
)

BY_NAME: dict[str, Bridge] = {bridge.name: bridge for bridge in _DECLARED}


def variants() -> list[Kpi]:
    """The KPIs that bridges lead from and to."""
    return [KPIS[name] for name in sorted({name for b in _DECLARED for name in (b.first, b.second)})]


def bridged(source: Source, *, days: Sequence[date], as_of: date, fed: Collection[str]) -> pa.Table:
    """Rows of `tables.BRIDGES` for all bridges and their periods that begin on one of `days`.

    A period in which one of the two variants has nothing below the line has no bridge. `fed`: the streams
    (vendor/stream) in use.
    """
    counted = [kpi for bridge in _DECLARED for kpi in _counted(bridge) if kpi.is_fed_by(fed)]
    # One KPI may stand in two bridges: it is counted once.
    alone = {kpi.name: kpi for kpi in counted}
    found = parts(alone.values(), source, days=days, as_of=as_of).to_pylist()
    of = {(row["kpi"], row["period"], row["day"]): row for row in found}
    periods = sorted({(row["day"], row["period"]) for row in found})
    rows = [
        {"day": day, "bridge": bridge.name, "period": period, "place": place, "step": step, "value": value}
        for bridge in _DECLARED
        for day, period in periods
        for place, (step, value) in enumerate(_steps(bridge, of, period, day))
    ]
    schema = BRIDGES.schema
    table = pa.table([pa.array([row[f.name] for row in rows], f.type) for f in schema], schema=schema)
    return table.sort_by([(name, "ascending") for name in BRIDGES.sort_by])


def _counted(bridge: Bridge) -> list[Kpi]:
    """The two variants, and a KPI that adds up each reason's difference above the line."""
    first, second = (replace(KPIS[name], dimensions=(EVERYTHING,)) for name in (bridge.first, bridge.second))
    reasons = [
        replace(second, name=f"{bridge.name}/{words}", above=_difference(first, second, is_reason))
        for words, is_reason in bridge.reasons.items()
    ]
    return [first, second, *reasons]


def _difference(first: Kpi, second: Kpi, is_reason: Amount) -> Amount:
    def amount(unit: "ir.Table") -> Any:
        added = second.above(unit).cast("float64") - first.above(unit).cast("float64")
        return added * is_reason(unit).cast("float64")

    return amount


def _steps(
    bridge: Bridge, of: Mapping[tuple[str, str, date], Mapping[str, Any]], period: str, day: date
) -> list[tuple[str, float]]:
    old, new = of.get((bridge.first, period, day)), of.get((bridge.second, period, day))
    if old is None or new is None or not old["denominator"] or not new["denominator"]:
        return []
    scale = KPIS[bridge.second].scale
    (a0, d0), (a1, d1) = ((row["numerator"], row["denominator"]) for row in (old, new))
    moved = [(words, of[f"{bridge.name}/{words}", period, day]["numerator"]) for words in bridge.reasons]
    rest = a1 - a0 - sum(amount for _, amount in moved)
    steps = [
        *moved,
        *([(ABOVE, rest)] if rest or not moved else []),
    ]
    below = a1 / d1 - a1 / d0
    return [
        (bridge.first, scale * a0 / d0),
        *((words, scale * amount / d0) for words, amount in steps),
        *([(BELOW, scale * below)] if d1 != d0 else []),
        (bridge.second, scale * a1 / d1),
    ]
