"""The three stories that the demo company lives through, and who takes part in them.

Software. A month into the range the report export gets a new dialogue. Business users who rely on it (the
*strugglers*) run into "export failed" again and again, retry, write tickets (`report_export`), and some of
them give up their plan and come no more. Trace: error events on /app/reports/export -> repeated tries within
a visit -> tickets -> plan "cancelled" in the mailing list, lower scores, no more visits.

Shop. People discover the shop through posts on social networks: they land on a product, fill a cart, see the
shipping costs and leave (the *cart leavers*). The exit survey has their reason; the posts grumble about the
same; the mailing after that brings some of them back to order. Trace: Organic Social sessions with
add_to_cart and no order -> exit survey "shipping costs" -> Email sessions with an order.

Telecom. A router update breaks the connection of some homes (the *affected*). They call, and call again about
the one issue (`router_update`), look at the help page, rate the answers badly. On the day of the repair the
cause goes away: contacts about it stop within days, ratings and recommendation rise above where they began.

Business customers. A quarter of the people are users of some eighty companies, three to ten of them each:
what struggles and leaves there are users, and with them a company's seats.

Here belongs when it happens and to whom; the modules of the channels ask what they need to know.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from journey_platform.demo.calendar import Calendar
from journey_platform.demo.chance import happens, stream
from journey_platform.demo.marginals import CHURN_BY_CONTRACT
from journey_platform.demo.people import Cast
from journey_platform.demo.world import Customer

CART_REASONS = {
    "shipping costs": 0.55,
    "delivery too slow": 0.15,
    "just looking": 0.15,
    "payment failed": 0.1,
    "found it elsewhere": 0.05,
}


@dataclass(frozen=True)
class Plot:
    """When the stories turn (UTC), and the customer numbers that they happen to.

    `plan_ends` holds when a customer gave up its plan, for whatever reason.
    """

    export_released_at: datetime
    router_updated_at: datetime
    router_repaired_at: datetime
    strugglers: frozenset[int]
    cart_leavers: frozenset[int]
    affected: frozenset[int]
    plan_ends: dict[int, datetime]

    def is_gone(self, customer: Customer, at: datetime) -> bool:
        end = self.plan_ends.get(customer.number)
        return end is not None and at >= end

    def mood(self, customer: Customer, at: datetime) -> int:
        """-1 where the customer has a reason to be angry, 1 where a repair has pleased it, else 0."""
        if customer.number in self.strugglers and at >= self.export_released_at:
            return -1
        if customer.story == "telecom" and at >= self.router_repaired_at:
            return 1
        if customer.number in self.affected and at >= self.router_updated_at:
            return -1
        return 0


def plot(seed: int, cast: Cast, calendar: Calendar) -> Plot:
    """Who takes part, drawn once, so that every channel tells the same story."""
    rng = stream(seed, "stories")
    released, updated, repaired = (
        calendar.moment(calendar.day_at(share), 7 * 3600) for share in (0.3, 0.2, 0.6)
    )
    chosen: dict[str, set[int]] = {"software": set(), "shop": set(), "telecom": set(), "none": set()}
    share = {"software": 0.35, "shop": 0.3, "telecom": 0.25, "none": 0.0}
    plan_ends: dict[int, datetime] = {}
    sharers = cast.sharers()
    days_after_release = max((calendar.last_day - calendar.day_of(released)).days, 1)
    for customer in cast.customers:
        if happens(rng, share[customer.story]):
            chosen[customer.story].add(customer.number)
        is_struggling = customer.number in chosen["software"]
        # The measured churn is a customer's whole stay; a quarter of the year sees some of it.
        usual = 0.25 * CHURN_BY_CONTRACT.get(customer.plan.rpartition(", ")[2], 0.0)
        leaves, moment = happens(rng, 0.45 if is_struggling else usual), rng.random()
        if leaves and customer.joined_at < calendar.start and customer.number not in sharers:
            begin = calendar.day_of(released) if is_struggling else calendar.first_day
            days = days_after_release if is_struggling else calendar.length - 1
            day = begin + timedelta(days=int((0.2 + 0.8 * moment) * days))
            plan_ends[customer.number] = calendar.moment(day, 17 * 3600 + customer.number % 3600)
    return Plot(
        export_released_at=released,
        router_updated_at=updated,
        router_repaired_at=repaired,
        strugglers=frozenset(chosen["software"]),
        cart_leavers=frozenset(chosen["shop"]),
        affected=frozenset(chosen["telecom"]),
        plan_ends=plan_ends,
    )
