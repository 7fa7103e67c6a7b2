"""Units on the way to an order: visits by the steps they took, what each visit earned, newcomers who buy."""

from typing import TYPE_CHECKING, Any

from journey_platform.kpis.grains.origins import DIRECT, LOOK_BACK_DAYS
from journey_platform.kpis.grains.people import acts
from journey_platform.kpis.grains.scope import Scope
from journey_platform.tables import JOURNEY_TOUCHPOINTS, SESSIONS

if TYPE_CHECKING:
    import ibis.expr.types as ir

CONVERT_DAYS = 28
HALF_LIFE_DAYS = 7
ORDER = "order"
BOUGHT = (ORDER, "purchase")
_ENDS, _BETWEEN = 0.4, 0.2
"""What the first and the last touch earn each by position, and all between them together."""


def step_visit(scope: Scope) -> "ir.Table":
    """One row per visit, robots excluded: `has_cart`, `has_checkout`, `has_order`, each only after the step
    before it; `device`, `traffic_channel`.

    Who orders was at the checkout, whether or not a page of it was seen.
    """
    rows = scope.rows(JOURNEY_TOUCHPOINTS, before=1, after=1)
    web = rows.filter((rows.channel == "web") & ~rows.is_bot & rows.visit_id.notnull())
    is_order = web.type == ORDER
    is_there = is_order | (web.type == "checkout") | web.page.startswith("/checkout").fill_null(False)
    put_at = web.occurred_at.min(where=web.type == "add_to_cart").over(group_by="visit_id")
    web = web.mutate(is_order=is_order, is_there=is_there, put_at=put_at)
    is_there = (web.is_there & (web.occurred_at >= web.put_at)).fill_null(False)
    web = web.mutate(there_at=web.occurred_at.min(where=is_there).over(group_by="visit_id"))
    is_ordered = web.is_order & (web.occurred_at >= web.there_at)
    return scope.of_days(
        web.group_by("visit_id").aggregate(
            day=web.day.min(),
            device=web.device.min(),
            traffic_channel=web.traffic_channel.min(),
            has_cart=web.put_at.notnull().any(),
            has_checkout=web.there_at.notnull().any(),
            has_order=is_ordered.fill_null(False).any(),
        )
    )


def touch(scope: Scope) -> "ir.Table":
    """One row per order on the site and visit of its visitor in the 30 days before, its own among them: what
    the visit earns by `first`, `last`, `last_non_direct`, `linear`, `position` and `time_decay`; null for
    nothing. `traffic_channel` and `campaign` are the visit's.

    The credits of an order add up to one (to twelve places). One without a visit earns itself.
    """
    import ibis

    rows = scope.rows(JOURNEY_TOUCHPOINTS)
    orders = scope.of_days(rows.filter((rows.channel == "web") & (rows.type == ORDER) & ~rows.is_bot))
    orders = orders.select(
        *("day", "touchpoint_id", "person_key"),
        ordered_at=orders.occurred_at,
        visitor=ibis.coalesce(orders.person_key, orders.device_key),
    )
    visits = scope.rows(SESSIONS, before=LOOK_BACK_DAYS + 1)
    visits = visits.filter(~visits.is_bot).select(
        *("session_id", "started_at", "traffic_channel", "campaign"),
        came=ibis.coalesce(visits.person_key, visits.device_key),
    )
    near = orders.left_join(
        visits,
        [
            orders.visitor == visits.came,
            visits.started_at <= orders.ordered_at,
            visits.started_at >= orders.ordered_at - ibis.interval(days=LOOK_BACK_DAYS),
        ],
    )
    is_direct = (near.traffic_channel == DIRECT).fill_null(False)
    age_us = near.ordered_at.delta(near.started_at, unit="microsecond").fill_null(0)
    near = near.mutate(
        weight=ibis.literal(2.0) ** (-age_us / (HALF_LIFE_DAYS * 86_400e6)),
        is_direct=is_direct,
    )
    forward = [near.started_at.asc(), near.session_id.asc()]
    back = [near.started_at.desc(), near.session_id.desc()]

    def place(order: list[Any]) -> Any:
        return ibis.row_number().over(group_by="touchpoint_id", order_by=order)

    placed = near.mutate(
        step=place(forward),
        left=place(back),
        told=place([near.is_direct.asc(), *back]),
        touches=near.count().over(group_by="touchpoint_id"),
        weights=near.weight.sum().over(group_by="touchpoint_id"),
    )
    ends = (placed.step == 0) | (placed.left == 0)
    return placed.mutate(
        first=_credit(placed.step == 0, 1.0),
        last=_credit(placed.left == 0, 1.0),
        last_non_direct=_credit(placed.told == 0, 1.0),
        linear=_credit(ibis.literal(True), 1.0 / placed.touches),
        position=_credit(
            ibis.literal(True),
            ibis.cases(
                (placed.touches <= 2, 1.0 / placed.touches),
                (ends, ibis.literal(_ENDS)),
                else_=_BETWEEN / (placed.touches - 2),
            ),
        ),
        time_decay=_credit(ibis.literal(True), placed.weight / placed.weights),
    )


def _credit(earns: Any, amount: Any) -> Any:
    """Decimal, so that a sum does not depend on the order of the units."""
    import ibis

    share = ibis.literal(amount) if isinstance(amount, float) else amount
    return ibis.ifelse(earns, share.cast("float64").cast("decimal(18, 12)"), ibis.null("decimal(18, 12)"))


def newcomer(scope: Scope) -> "ir.Table":
    """One row per known profile that does something after 30 days without, once its days to buy are over.

    `buys`: within `CONVERT_DAYS` it orders on the site or buys anywhere; `hours` until then, null where not.
    """
    import ibis

    own = acts(scope, before=LOOK_BACK_DAYS + 1, after=CONVERT_DAYS)
    one = {"group_by": "person_key", "order_by": ["occurred_at", "touchpoint_id"]}
    is_goal = own.type.isin(BOUGHT)
    own = own.mutate(
        acted_before=own.occurred_at.lag().over(**one),
        goal_at=ibis.ifelse(is_goal, own.occurred_at, ibis.null("timestamp('UTC')")),
    )
    own = own.mutate(bought_at=own.goal_at.min().over(ibis.window(**one, preceding=0, following=None)))
    pause = own.acted_before + ibis.interval(days=LOOK_BACK_DAYS)
    begun = own.filter(
        (own.acted_before.isnull() | (pause < own.occurred_at)) & (own.day <= scope.over_by(CONVERT_DAYS))
    )
    until = begun.occurred_at + ibis.interval(days=CONVERT_DAYS)
    buys = (begun.bought_at <= until).fill_null(False)
    hours = begun.bought_at.delta(begun.occurred_at, unit="microsecond") / 3600e6
    return scope.of_days(begun.mutate(buys=buys, hours=ibis.ifelse(buys, hours, None)))
