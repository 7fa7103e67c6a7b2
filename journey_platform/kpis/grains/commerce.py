"""Units of commerce: purchases wherever they are made, the money that comes and goes, buyers, and carts."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from journey_platform.kpis.grains.scope import Scope
from journey_platform.tables import JOURNEY_TOUCHPOINTS

if TYPE_CHECKING:
    import ibis.expr.types as ir

PURCHASE, ITEM, TAKEN_BACK = "purchase", "item_bought", ("refund", "cancellation")
TAKEN_BACK_DAYS = 14
REPEAT_DAYS = 365
LEFT_DAYS, RECOVERY_DAYS = 1, 7
_MONEY = (PURCHASE, *TAKEN_BACK)


def purchase(scope: Scope) -> "ir.Table":
    """One row per purchase: `value`, `currency`, `sold`, `code`, `has_code`, and what it is `matched` with.

    "web visit": web analytics has an order of the same number, within a day; "profile": only the buyer is
    known; "nobody": neither.
    """
    import ibis

    acts = scope.rows(JOURNEY_TOUCHPOINTS, before=1, after=1)
    bought = _bought(acts)
    orders = acts.filter((acts.channel == "web") & (acts.type == "order") & ~acts.is_bot)
    seen = orders.select(number=orders.subject_id).distinct()
    joined = bought.left_join(seen, bought.subject_id == seen.number)
    return scope.of_days(
        joined.mutate(
            matched=ibis.cases(
                (joined.number.notnull(), "web visit"),
                (joined.person_key.notnull(), "profile"),
                else_="nobody",
            )
        )
    )


def takings(scope: Scope) -> "ir.Table":
    """One row per purchase, refund or cancellation: `value`, negative for the latter, and `currency`."""
    acts = scope.rows(JOURNEY_TOUCHPOINTS)
    return scope.of_days(_described(acts.filter(acts.type.isin(_MONEY) & ~acts.is_bot)))


def settled(scope: Scope) -> "ir.Table":
    """One row per purchase whose days to be taken back are over: `is_taken_back`, `sold`."""
    acts = scope.rows(JOURNEY_TOUCHPOINTS, after=TAKEN_BACK_DAYS)
    bought = _bought(acts)
    bought = bought.filter(bought.day <= scope.over_by(TAKEN_BACK_DAYS))
    back = acts.filter(acts.type.isin(TAKEN_BACK)).group_by("vendor", "subject_id")
    first = back.aggregate(back_on=lambda t: t.day.min()).rename(by="vendor", number="subject_id")
    joined = bought.left_join(first, (bought.vendor == first.by) & (bought.subject_id == first.number))
    took = joined.back_on.delta(joined.day, unit="day")
    return scope.of_days(joined.mutate(is_taken_back=(took <= TAKEN_BACK_DAYS).fill_null(False)))


def buyer(scope: Scope) -> "ir.Table":
    """One row per period and profile that bought in it: `is_repeat`, with an earlier purchase in a year."""
    import ibis

    bought = _bought(scope.rows(JOURNEY_TOUCHPOINTS, before=REPEAT_DAYS))
    theirs = bought.filter(bought.person_key.notnull())
    before = ibis.window(group_by="person_key", order_by=["occurred_at", "touchpoint_id"])
    followed = theirs.mutate(last_day=theirs.day.lag().over(before))
    followed = followed.mutate(
        is_again=(followed.day.delta(followed.last_day, unit="day") <= REPEAT_DAYS).fill_null(False)
    )
    units = scope.of_days(followed)
    return units.group_by(["day", "person_key"]).aggregate(is_repeat=units.is_again.any())


def owner(scope: Scope) -> "ir.Table":
    """One row per period and profile that bought an item in the year up to its end, or its last day so far.

    `products`: how many different ones in it; `was_customer`: one before the period; `buys_other`: was, and
    buys in the period what it did not before.
    """
    acts = scope.rows(JOURNEY_TOUCHPOINTS, before=REPEAT_DAYS)
    items = acts.filter((acts.type == ITEM) & ~acts.is_bot & acts.person_key.notnull())
    items = items.filter(items.subject_id.notnull()).select(
        *("person_key", "subject_id"), bought_on=items.day
    )
    near = scope.lately(items, "bought_on", days=REPEAT_DAYS)
    products = near.group_by(["day", "person_key", "subject_id"]).aggregate(
        was_there=(near.bought_on < near.day).any(), is_here=(near.bought_on >= near.day).any()
    )
    found = products.group_by(["day", "person_key"]).aggregate(
        products=products.subject_id.nunique(),
        was_customer=products.was_there.any(),
        buys_other=(products.is_here & ~products.was_there).any(),
    )
    return found.mutate(buys_other=found.was_customer & found.buys_other)


def cart_visit(scope: Scope) -> "ir.Table":
    """One row per visit in which something is put into a cart: `is_left`, without an order; `device`,
    `traffic_channel`, and `person_key` where anybody can say whose it was."""
    return _visits_with(scope, _puts_into_cart)


def checkout_visit(scope: Scope) -> "ir.Table":
    """One row per visit that gets to the checkout, or past it, with the same columns."""
    return _visits_with(scope, _is_at_checkout)


def cart(scope: Scope) -> "ir.Table":
    """One row per visit in which something is put into a cart and whose day after that is over: `is_left`,
    without an order of the visitor in the `LEFT_DAYS` after, in this visit or another; `device`,
    `traffic_channel`, `person_key`."""
    return scope.of_days(_followed(scope, _puts_into_cart, LEFT_DAYS))


def checkout(scope: Scope) -> "ir.Table":
    """One row per visit that gets to the checkout, or past it, with the same columns."""
    return scope.of_days(_followed(scope, _is_at_checkout, LEFT_DAYS))


def left_cart(scope: Scope) -> "ir.Table":
    """One row per visit whose cart was left, once `RECOVERY_DAYS` after it are over: `is_recovered`, the
    visitor orders in them after all; the other columns as of `cart`."""
    import ibis

    carts = _followed(scope, _puts_into_cart, RECOVERY_DAYS)
    is_left = carts.is_left | (carts.ordered_at > carts.begun_at + ibis.interval(days=LEFT_DAYS))
    return scope.of_days(carts.filter(is_left).mutate(is_recovered=~carts.is_left))


def _puts_into_cart(acts: "ir.Table") -> Any:
    return acts.type == "add_to_cart"


def _is_at_checkout(acts: "ir.Table") -> Any:
    return acts.type.isin(["checkout", "order"]) | acts.page.startswith("/checkout")


def _followed(scope: Scope, is_step: Callable[["ir.Table"], Any], days: int) -> "ir.Table":
    """One row per visit on the day of the step, once so many days after it are over: when it was `begun_at`,
    when its visitor `ordered_at` in those days, `is_left` if not. A visitor is a person, or nobody's device.
    Days are of 24 hours, but end with the last of those days where one of them is an hour short.
    """
    import ibis

    web = _web(scope, after=days)
    found = _visits_by_step(web, is_step)
    visits = found.select(
        *("visit_id", "device", "traffic_channel", "person_key", "begun_at"),
        day=found.begun_on,
        visitor=ibis.coalesce(found.person_key, found.device_key),
    )
    visits = visits.filter(visits.day <= scope.over_by(days))
    orders = web.filter(web.type == "order")
    orders = orders.select(
        buyer=ibis.coalesce(orders.person_key, orders.device_key), at=orders.occurred_at, on=orders.day
    )
    following = visits.left_join(
        orders,
        [
            visits.visitor == orders.buyer,
            orders.at >= visits.begun_at,
            orders.at <= visits.begun_at + ibis.interval(days=days),
            orders.on <= visits.day + ibis.interval(days=days),
        ],
    )
    found = following.group_by(visits.columns).aggregate(ordered_at=following.at.min())
    return found.mutate(is_left=found.ordered_at.isnull())


def _visits_with(scope: Scope, is_step: Callable[["ir.Table"], Any]) -> "ir.Table":
    visits = _visits_by_step(_web(scope, after=1), is_step)
    return scope.of_days(visits.mutate(is_left=~visits.has_order))


def _web(scope: Scope, *, after: int) -> "ir.Table":
    """What people do on the site on the days, the one before, and so many after."""
    acts = scope.rows(JOURNEY_TOUCHPOINTS, before=1, after=after)
    return acts.filter((acts.channel == "web") & ~acts.is_bot)


def _visits_by_step(web: "ir.Table", is_step: Callable[["ir.Table"], Any]) -> "ir.Table":
    """One row per visit with the step, on its first `day`: `begun_at` and `begun_on`, when and on which day
    the step was first taken, and `has_order`."""
    told = web.filter(web.visit_id.notnull()).mutate(is_step=is_step(web).fill_null(False))
    visits = told.group_by("visit_id").aggregate(
        day=told.day.min(),
        device=told.device.min(),
        traffic_channel=told.traffic_channel.min(),
        person_key=told.person_key.max(),
        device_key=told.device_key.max(),
        begun_at=told.occurred_at.min(where=told.is_step),
        begun_on=told.day.min(where=told.is_step),
        has_order=(told.type == "order").any(),
    )
    return visits.filter(visits.begun_on.notnull())


def _bought(acts: "ir.Table") -> "ir.Table":
    return _described(acts.filter((acts.type == PURCHASE) & ~acts.is_bot))


def _described(acts: "ir.Table") -> "ir.Table":
    """The columns by their meaning here; money as decimals, so that sums do not depend on their order."""
    return acts.mutate(
        currency=acts.unit,
        sold=acts.medium,
        code=acts.campaign,
        has_code=acts.campaign.notnull(),
        value=acts.value.fill_null(0.0).cast("decimal(18, 3)"),
    )
