"""What is sold: the site's orders as the shop system keeps them, and sales at the tills and on the phone.

Every order that the site's analytics saw is here too, under the same number, with the buyer's address. At the
tills most buyers give an address for the receipt, and some pay cash and leave no name. Some orders are
refunded or cancelled later. A code said at a till names the mailing or the podcast that it came from.
"""

from datetime import datetime, timedelta
from random import Random

from journey_platform.demo.calendar import Calendar
from journey_platform.demo.chance import Wheel, happens, one_of, stream, whole
from journey_platform.demo.goods import basket, seats_sold
from journey_platform.demo.people import Cast
from journey_platform.demo.truth import Tally
from journey_platform.demo.world import Customer, Refund, ShopOrder, Visit

CODES = ("SWORDFISH", "NOORD10", "PODCAST5")
_HEARD = {
    "a friend": 0.3,
    "a search engine": 0.25,
    "social media": 0.2,
    "a podcast": 0.15,
    "a billboard": 0.1,
}
_SALES_PER_CUSTOMER = 0.25
_CASH = 0.3
_CODE = 0.2
_ASKED = 0.35
_REFUNDED = 0.08
_CANCELLED = 0.05
_PRICE_OF_SEAT = 108.0
_FIRST_ID = 5_500_000_000_000


class Till:
    """Takes orders, gives money back, and tells the tally of both."""

    def __init__(self, seed: int, cast: Cast, calendar: Calendar, tally: Tally) -> None:
        self.orders: list[ShopOrder] = []
        self._rng, self._goods = stream(seed, "orders"), stream(seed, "goods")
        self._cast, self._calendar, self._tally = cast, calendar, tally
        self._customers = {customer.number: customer for customer in cast.customers}
        self._answers = Wheel(_HEARD)

    def take_all(self, visits: list[Visit]) -> None:
        """The site's orders in the order of its visits, then what is sold elsewhere, and a test."""
        self._tally.carts(visits)
        for visit in visits:
            for action in visit.actions:
                if action.kind == "order" and not visit.is_bot:
                    buyer = self._tally.buyer(visit.visit_id)
                    self._take("web", action.at, buyer, action.revenue or 0.0, number=action.order_id)
        days = list(self._calendar.days())
        for nth in range(round(len(self._customers) * _SALES_PER_CUSTOMER * self._calendar.length / 90)):
            at = self._calendar.moment(one_of(self._rng, days), whole(self._rng, 10 * 3600, 17 * 3600))
            source = "phone" if happens(self._rng, 0.3) else "pos"
            is_cash = source == "pos" and happens(self._rng, _CASH)
            buyer = None if is_cash else one_of(self._rng, self._cast.customers).number
            self._take(source, at, buyer, whole(self._rng, 900, 24_900) / 100, number=f"S{1001 + nth}")
        noon = self._calendar.moment(days[0], 12 * 3600)
        test = ShopOrder(self._next_id(), "S1000", noon, "pos", 1.0, None, None, None, "", "", is_test=True)
        self._add(test)
        self._tally.exclude("shopify.orders.test")

    def sign(self, buyer: Customer, at: datetime, seats: int) -> None:
        """A contract of the buyer's company, ordered by phone."""
        self._customers[buyer.number] = buyer
        number = f"C{1001 + len(self.orders)}"
        self._take("phone", at, buyer.number, seats * _PRICE_OF_SEAT, number=number, seats=seats)

    def _take(
        self,
        source: str,
        at: datetime,
        owner: int | None,
        total: float,
        *,
        number: str | None,
        seats: int | None = None,
    ) -> None:
        customer = self._customers.get(owner or 0)
        guest = f"guest{-owner}@guests.example" if owner is not None and owner < 0 else None
        order = ShopOrder(
            order_id=self._next_id(),
            number=number or "",
            created_at=at,
            source=source,
            total=round(total, 2),
            email=customer.emails[0] if customer else guest,
            phone=self._phone(customer),
            customer_id=700_000 + customer.number if customer else None,
            first_name=customer.first_name if customer else "",
            last_name=customer.last_name if customer else "",
            code=one_of(self._rng, CODES) if happens(self._rng, _CODE) else None,
            heard=self._answers.spin(self._rng) if happens(self._rng, _ASKED) else None,
            seats=seats,
            items=basket(self._goods, total) if seats is None else seats_sold(seats, _PRICE_OF_SEAT),
        )
        self._take_back(order)
        self._add(order)
        who = self._tally.record(
            owner,
            ("email", order.email),
            ("phone", order.phone),
            ("shopify_customer_id", str(order.customer_id) if order.customer_id else None),
        )
        self._tally.is_active(who, owner, at)
        self._tally.sale(who, order)
        if seats is not None:
            self._tally.signed(who, order)

    def _phone(self, customer: Customer | None) -> str | None:
        return customer.phone if customer and happens(self._rng, 0.5) else None

    def _take_back(self, order: ShopOrder) -> None:
        """Within the range, so that what is told of the range is all there is."""
        rng: Random = self._rng
        later = order.created_at + timedelta(hours=whole(rng, 20, 200))
        if later not in self._calendar:
            return
        if happens(rng, _REFUNDED):
            amount = order.total if happens(rng, 0.5) else round(order.total / 2, 2)
            order.refunds.append(Refund(order.order_id + 1, later, amount))
        elif happens(rng, _CANCELLED):
            order.cancelled_at, order.cancel_reason = (
                later,
                one_of(rng, ("customer", "inventory", "declined")),
            )

    def _next_id(self) -> int:
        return _FIRST_ID + 1_000 * len(self.orders)

    def _add(self, order: ShopOrder) -> None:
        self.orders.append(order)
