"""Units of struggle: visits with the points of what went wrong in them.

The signals are those of `journeys.friction`, told there of any declared sessions and here of the tracker's
visits, as an expression; a test holds the two together.
"""

from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any

from journey_platform.journeys.friction import (
    ERROR_AFTER_CLICK_US,
    QUICK_BACK_US,
    RAGE_CLICKS,
    RAGE_US,
    THRESHOLD,
    WEIGHTS,
)
from journey_platform.kpis.grains.scope import Scope
from journey_platform.tables import JOURNEY_TOUCHPOINTS

if TYPE_CHECKING:
    import ibis.expr.types as ir


def struggle_visit(scope: Scope) -> "ir.Table":
    """One row per visit, robots excluded: `points` of its signals, `has_friction`; `device`,
    `traffic_channel`."""
    rows = scope.rows(JOURNEY_TOUCHPOINTS, before=1, after=1)
    web = rows.filter((rows.channel == "web") & ~rows.is_bot & rows.visit_id.notnull())
    found = _signals(web)
    amounts = [weight * found[name].cast("int64").sum() for name, weight in WEIGHTS.items()]
    visits = found.group_by("visit_id").aggregate(
        day=found.day.min(),
        device=found.device.min(),
        traffic_channel=found.traffic_channel.min(),
        points=reduce(add, amounts),
    )
    return scope.of_days(visits.mutate(has_friction=visits.points >= THRESHOLD))


def _signals(web: "ir.Table") -> "ir.Table":
    """The touchpoints, each with whether it is one of each signal of `WEIGHTS`."""
    import ibis

    in_order = ["occurred_at", "touchpoint_id"]
    so_far = ibis.window(group_by="visit_id", order_by=in_order, preceding=None, following=0)
    from_here = ibis.window(group_by="visit_id", order_by=in_order, preceding=0, following=None)
    web = web.mutate(nth=ibis.row_number().over(group_by="visit_id", order_by=in_order))
    nth_page = ibis.ifelse(web.page.notnull(), web.nth, ibis.null("int64"))
    # What has no page of its own happens on the page before it.
    web = web.mutate(
        seen=web.page.argmax(nth_page).over(so_far),
        is_error=web.type == "error",
        is_click=web.type == "click",
        is_view=web.type == "page_view",
    )
    at = web.occurred_at
    error_at = ibis.ifelse(web.is_error, at, ibis.null("timestamp('UTC')")).min().over(from_here)
    of_errors = ibis.window(group_by=["visit_id", "seen", "is_error"], order_by=in_order)
    of_element = ibis.window(group_by=["visit_id", "seen", "reason", "is_click"], order_by=in_order)
    of_views = ibis.window(group_by=["visit_id", "is_view"], order_by=in_order)
    soon, after_click, back = (
        ibis.interval(microseconds=us) for us in (RAGE_US, ERROR_AFTER_CLICK_US, QUICK_BACK_US)
    )
    told = web.mutate(
        error_at=error_at,
        nth_error=ibis.row_number().over(of_errors),
        third_last_at=at.lag(RAGE_CLICKS - 1).over(of_element),
        page_before=web.seen.lag().over(of_views),
        page_after=web.seen.lead().over(of_views),
        left_at=at.lead().over(of_views),
    )
    is_burst = (told.is_click & (told.occurred_at - soon <= told.third_last_at)).fill_null(False)
    told = told.mutate(is_burst=is_burst)
    told = told.mutate(was_burst=told.is_burst.lag().over(of_element).fill_null(False))
    is_back: Any = told.is_view & (told.page_before == told.page_after) & (told.seen != told.page_before)
    is_back = is_back & (told.left_at - back <= told.occurred_at)
    return told.mutate(
        error=told.is_error,
        rage_click=told.is_burst & ~told.was_burst,
        error_click=(told.is_click & (told.error_at - after_click <= told.occurred_at)).fill_null(False),
        dead_click=told.type == "dead_click",
        retry=told.is_error & (told.nth_error > 0),
        quick_back=is_back.fill_null(False),
    )
