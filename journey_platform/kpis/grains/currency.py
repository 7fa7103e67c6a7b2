"""Units of money in one currency: what came and went, at the rate of its own day.

A rate is a touchpoint of type `exchange_rate`, told by a dropped file: `subject_id` the currency, `value` how
much of `unit` one of it is worth. Money without a rate of its day or of the `RATE_DAYS` before is left out of
what is converted, and counted: amounts of two currencies are never summed as they are.
"""

from typing import TYPE_CHECKING

from journey_platform.kpis.grains.commerce import takings
from journey_platform.kpis.grains.scope import Scope
from journey_platform.tables import JOURNEY_TOUCHPOINTS

if TYPE_CHECKING:
    import ibis.expr.types as ir

RATE = "exchange_rate"
RATE_DAYS = 7


def exchanged(scope: Scope) -> "ir.Table":
    """One row per purchase, refund or cancellation and currency that rates of its days lead to.

    `currency` is that one, null where no rate was told; `value` in it, null where its own has no rate;
    `rate_day` the day of the rate, the latest; `is_lost` where there is none. Money that is in the currency
    already stays as it is.
    """
    import ibis

    money = takings(scope)
    acts = scope.rows(JOURNEY_TOUCHPOINTS, before=RATE_DAYS)
    told = acts.filter((acts.type == RATE) & acts.subject_id.notnull() & (acts.value > 0))
    rates = told.group_by(["subject_id", "unit", "day"]).aggregate(
        rate=told.value.argmax(told.occurred_at).cast("decimal(18, 8)")
    )
    rates = rates.select(of="subject_id", target="unit", rate_day="day", rate="rate")
    earliest = (money.day - ibis.interval(days=RATE_DAYS)).cast("date")
    near = money.left_join(rates, [rates.rate_day <= money.day, rates.rate_day >= earliest])
    fits = near.of == near.currency
    best = near.group_by(["touchpoint_id", "day", "currency", "value", "target"]).aggregate(
        rate=near.rate.argmax(near.rate_day, where=fits), rate_day=near.rate_day.max(where=fits)
    )
    is_own = (best.currency == best.target).fill_null(False)
    worth = (best.value * best.rate).round(2).cast("decimal(18, 3)")
    value = ibis.ifelse(is_own, best.value, worth)
    return best.select(
        "touchpoint_id",
        "day",
        currency=best.target,
        rate_day=ibis.ifelse(is_own, best.day, best.rate_day),
        value=value,
        is_lost=value.isnull(),
    )
