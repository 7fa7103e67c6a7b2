"""Units of the site: visits, visitors, the views of a page within a visit, and what is put into carts."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from journey_platform.kpis.grains.scope import Scope
from journey_platform.tables import JOURNEY_TOUCHPOINTS, SESSIONS

if TYPE_CHECKING:
    import ibis.expr.types as ir

Policy = Literal["first", "deepest", "every"]

CART_WINDOW_DAYS = 7


def session(scope: Scope) -> "ir.Table":
    """One row per visit, robots excluded: `tables.SESSIONS` with `has_order` and `is_unassigned`."""
    visits = scope.rows(SESSIONS)
    people = visits.filter(~visits.is_bot)
    return scope.of_days(
        people.mutate(
            has_order=people.orders > 0,
            is_unassigned=people.traffic_channel.isnull() | (people.traffic_channel == "Other"),
        )
    )


def visitor(scope: Scope) -> "ir.Table":
    """One row per period and device with a visit: `visits`, `device`."""
    visits = session(scope)
    known = visits.filter(visits.device_key.notnull())
    return known.group_by(["day", "device_key"]).aggregate(visits=known.count(), device=known.device.min())


def visiting_person(scope: Scope) -> "ir.Table":
    """One row per period and profile with a visit."""
    visits = session(scope)
    return visits.filter(visits.person_key.notnull()).select("day", "person_key").distinct()


def page_visit(scope: Scope) -> "ir.Table":
    """One row per visit and page: `views`, those `measured`, and their `dwell_s`."""
    acts = scope.rows(JOURNEY_TOUCHPOINTS)
    views = acts.filter((acts.type == "page_view") & ~acts.is_bot)
    return scope.of_days(
        views.group_by(["day", "visit_id", "page", "device"]).aggregate(
            views=views.count(),
            measured=views.dwell_s.count(),
            dwell_s=views.dwell_s.sum().fill_null(0.0),
        )
    )


def attempts(policy: Policy) -> Callable[[Scope], "ir.Table"]:
    """One row per thing put into a cart, by a policy: `has_order`, `device`, `person_key`.

    An order of the same person within the window after it counts: days of 24 hours, which end with the last
    of the days where one of them is an hour short. Left out are attempts whose window is not over. "first"
    and "deepest" keep one per person and period: the first, or the earliest with an order.
    """

    def units(scope: Scope) -> "ir.Table":
        import ibis

        acts = scope.rows(JOURNEY_TOUCHPOINTS, after=CART_WINDOW_DAYS)
        theirs = acts.filter(
            acts.type.isin(["add_to_cart", "order"]) & acts.person_key.notnull() & ~acts.is_bot
        )
        following = ibis.window(
            group_by="person_key", order_by=["occurred_at", "touchpoint_id"], preceding=0, following=None
        )
        is_order = theirs.type == "order"
        followed = theirs.mutate(
            ordered_at=ibis.ifelse(is_order, theirs.occurred_at, ibis.null("timestamp('UTC')")),
            ordered_on=ibis.ifelse(is_order, theirs.day, ibis.null("date")),
        ).mutate(
            next_order=lambda t: t.ordered_at.min().over(following),
            next_on=lambda t: t.ordered_on.min().over(following),
        )
        window = ibis.interval(days=CART_WINDOW_DAYS)
        tried = followed.filter(
            (followed.type == "add_to_cart") & (followed.day <= scope.over_by(CART_WINDOW_DAYS))
        )
        is_within = (tried.next_order <= tried.occurred_at + window) & (tried.next_on <= tried.day + window)
        tried = scope.of_days(tried.mutate(has_order=is_within.fill_null(False)))
        if policy == "every":
            return tried
        depth = [tried.has_order.desc()] if policy == "deepest" else []
        best = ibis.window(
            group_by=["day", "person_key"], order_by=[*depth, tried.occurred_at, tried.touchpoint_id]
        )
        return tried.mutate(place=ibis.row_number().over(best)).filter(lambda t: t.place == 0)

    return units
