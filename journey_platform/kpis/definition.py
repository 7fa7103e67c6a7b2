"""What a KPI and a dimension are. KPIs are declared in `early`, `middle`, `late`, `opinions`, `commerce`,
`conversions`, `business`."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import ibis.expr.types as ir

Stage = Literal["early", "middle", "late", "business"]
Period = Literal["day", "week", "month"]
Unit = Literal[
    "ratio",
    "count",
    "score",
    "pages",
    "s",
    "h",
    "visits",
    "contacts",
    "money",
    "points",
    "stars",
    "interactions",
    "conversions",
    "products",
]
Statistic = Literal["ratio", "median", "p90", "km_p25", "km_median", "km_p75"]

EVERYTHING = "all"
"""The dimension that does not divide, and its only value."""

UNASSIGNED = "Unassigned"
"""The dimension value of units that have none."""

SEGMENT = "segment"
"""The dimension of declared segments: a person may be in several, and counts in each."""

FIRST_EDITION = date(2026, 1, 1)

Amount = Callable[["ir.Table"], Any]
"""What each unit adds: an expression over the columns of a grain."""


def each(_: "ir.Table") -> Any:
    """One for every unit."""
    import ibis

    return ibis.literal(1)


@cache
def that(column: str) -> Amount:
    """The unit's own column: a number, or a condition that adds one where it holds."""
    return lambda unit: unit[column]


def neither(column: str) -> Amount:
    """One where the unit's condition does not hold."""
    return lambda unit: ~unit[column]


@dataclass(frozen=True, kw_only=True)
class Kpi:
    """One definition, whole.

    `grain` names the units it counts (see `grains`). `numerator` and `denominator` say in words what `above`
    and `below` add up over the units; a count has no denominator. The value is `scale` times their ratio.
    Where `statistic` is a quantile, the value is that quantile of `above` over the units, and its interval
    that of the order statistics. One of "km_" is Kaplan and Meier's: a unit without an amount counts as
    longer than its window.

    `dimensions` are those it is shown by (see `dimensions`). `better` is the direction to wish for. `sources`
    are the streams (vendor/stream) whose arrival a value needs. `window_days`: a unit counts only when so
    many days after its own are over. `maturity_days` after the end of a period its value no longer changes by
    itself; a cohort's units are followed through those days, so their arrival is needed too.

    `prior`: what units that nobody counted would add; they stand beside the counted ones in the value, not in
    its parts, which go on adding up. Where nothing was counted there is no value all the same.

    `interval`: "wilson" for a share of units, "mean" for a mean over units, "posterior" for one with a
    `prior`, "delta" for a ratio of two sums over units. An additive KPI's parts may be summed over days; the
    others are computed anew for each period. The denominator of a share is the total of its period.
    """

    name: str
    stage: Stage
    grain: str
    question: str
    unit: Unit
    numerator: str
    denominator: str | None
    above: Amount
    below: Amount = each
    dimensions: tuple[str, ...]
    better: Literal["up", "down"] | None
    sources: tuple[str, ...]
    maturity_days: int
    reference: str
    statistic: Statistic = "ratio"
    periods: tuple[Period, ...] = ("day", "week", "month")
    interval: Literal["wilson", "mean", "posterior", "delta"] | None = "wilson"
    prior: tuple[float, ...] = ()
    scale: float = 1.0
    window_days: int = 0
    is_additive: bool = True
    is_cohort: bool = False
    is_share: bool = False
    version: int = 1
    effective: date = FIRST_EDITION

    @property
    def has_squares(self) -> bool:
        """Whether its interval needs the sum of the squares of what its units add."""
        return self.interval in ("mean", "posterior", "delta")

    def is_fed_by(self, streams: Collection[str]) -> bool:
        """Whether one of its sources is among the `streams` in use; without one there is nothing to count."""
        return any(source in streams for source in self.sources)


@dataclass(frozen=True, kw_only=True)
class Dimension:
    """One way to divide. `value` is an expression over the unit, or with `is_of_person` over the profile
    (`tables.PROFILES_TABLE`) of the unit's person."""

    name: str
    meaning: str
    value: Amount
    is_of_person: bool = False
