"""One visit from its first page to its last: steps, seconds, money, and its totals kept while it is made.

Here belongs what happens within a visit. Who visits, when and from where is in `web`.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random

from journey_platform.demo.chance import Wheel, from_quantiles, happens, one_of, whole
from journey_platform.demo.marginals import (
    ENTRY_PAGES,
    EXIT,
    MEAN_ORDER_VALUE,
    NEXT_STEP,
    WITHIN_VISIT_GAP_S,
)
from journey_platform.demo.world import Action

PRODUCTS = (
    "router",
    "mesh-set",
    "smart-plug",
    "phone-x2",
    "tablet-10",
    "headset",
    "webcam",
    "dock",
    "cable-kit",
)
WORDS = (
    "router",
    "slow wifi",
    "invoice",
    "mesh",
    "cancel",
    "export report",
    "خدمة",
    "usb-c 🔌",
    "opening hours",
)
LONGEST_GAP_S = 1_680
"""Under the half hour that parts two visits."""
MOST_STEPS = 60

_PAGES = {
    "home": ("/", "Noordlicht"),
    "catalog": ("/shop", "Shop"),
    "filter_results": ("/shop/filter", "Shop: filtered"),
    "account_page": ("/account", "My account"),
    "cart": ("/cart", "Your cart"),
    "promo_page": ("/offers", "Offers"),
    "review_page": ("/reviews", "Reviews"),
    "compare": ("/compare", "Compare"),
    "shipping_details": ("/checkout/shipping", "Checkout: delivery"),
    "payment_details": ("/checkout/payment", "Checkout: payment"),
    "export": ("/app/reports/export", "Export a report"),
    "reports": ("/app/reports", "Reports"),
    "router_help": ("/help/router-update", "Help: your router after the update"),
    "contact": ("/help/contact", "Contact us"),
    "kiosk": ("/kiosk", "Welcome in our shop"),
}
_ERRORS = {
    "checkout_bug": ("/checkout", "Checkout does not load"),
    "error_page": ("/404", "Page not found"),
    "payment_error": ("/checkout/payment", "Payment refused"),
    "export_failed": ("/app/reports/export", "Export failed"),
}
_EVENTS = {
    "support_chat": ("/help/chat", "chat_opened"),
    "wishlist_add": ("/shop", "wishlist_add"),
    "export_done": ("/app/reports/export", "report_exported"),
}
_NEXT = {step: Wheel(chances) for step, chances in NEXT_STEP.items()}
_ENTRY = Wheel(ENTRY_PAGES)


class Draft:
    """A visit in the making: its actions, and what the definitions count of them."""

    def __init__(self, rng: Random, visit_id: int, start: datetime) -> None:
        self.actions: list[Action] = []
        self.page_views = 0
        self.landing_page = ""
        self.engaged_s = 0
        self.heartbeats = 0
        self.orders = 0
        self.revenue = 0.0
        self.ended_at = start
        self._rng = rng
        self._visit_id = visit_id
        self._start = start

    def take(self, steps: Sequence[str]) -> None:
        """Do the steps one after the other."""
        at, cart_items, cart_value = self._start, 0, 0.0
        for nth, step in enumerate(steps):
            is_last = nth == len(steps) - 1
            gap_s = None if is_last else self._gap_s(steps[nth + 1])
            action = self._action(step, at)
            if action.kind == "page_view":
                action.dwell_s = self._last_dwell_s(len(steps)) if is_last else gap_s
                self.page_views += 1
                self.landing_page = self.landing_page or action.path
                self.engaged_s += action.dwell_s or 0
                self.heartbeats += (action.dwell_s or 0) // 10
            elif action.kind == "add_to_cart":
                cart_items, cart_value = cart_items + 1, cart_value + self._price()
            elif action.kind == "cart":
                action.items, action.revenue = cart_items, round(cart_value, 2)
            elif action.kind == "order":
                self.orders += 1
                action.order_id = f"N{self._visit_id}-{self.orders}"
                action.items, action.revenue = max(cart_items, 1), round(cart_value or self._price(), 2)
                self.revenue += action.revenue
                cart_items, cart_value = 0, 0.0
            self.actions.append(action)
            self.ended_at = action.at + timedelta(seconds=action.dwell_s or 0)
            at += timedelta(seconds=gap_s or 0)

    def _gap_s(self, following: str) -> int:
        if following == "left_cart":
            return whole(self._rng, 1, 3)
        return max(1, round(from_quantiles(self._rng, WITHIN_VISIT_GAP_S, low=1.0, high=LONGEST_GAP_S)))

    def _last_dwell_s(self, steps: int) -> int | None:
        """The time on a last page is known only where the page reported back."""
        if happens(self._rng, 0.55):
            return None
        return whole(self._rng, 2, 45) if steps == 1 else self._gap_s("")

    def _price(self) -> float:
        """Two items to an order on average."""
        return 5.0 + self._rng.random() * (MEAN_ORDER_VALUE - 10.0)

    def _action(self, step: str, at: datetime) -> Action:
        if step in _PAGES:
            return Action(at, "page_view", *_PAGES[step], dwell_s=None)
        if step in _ERRORS:
            return Action(at, "error", *_ERRORS[step], dwell_s=None)
        if step in _EVENTS:
            return Action(at, "event", *_EVENTS[step], dwell_s=None)
        product = one_of(self._rng, PRODUCTS)
        path = f"/shop/{product}"
        match step:
            case "product_view":
                return Action(at, "page_view", path, product.replace("-", " ").title(), dwell_s=None)
            case "search_page":
                return Action(at, "page_view", "/search", "Search", dwell_s=None)
            case "search":
                return Action(at, "search", "/search", one_of(self._rng, WORDS), dwell_s=None)
            case "add_to_cart":
                return Action(at, "add_to_cart", path, product, dwell_s=None)
            case "left_cart":
                return Action(at, "cart", "/cart", "Cart left", dwell_s=None)
            case "purchase":
                return Action(at, "order", "/checkout/thanks", "Order placed", dwell_s=None)
        raise ValueError(f"unknown step {step!r}")


def steps_of_visit(rng: Random, *, is_one_page: bool, buys: float) -> list[str]:
    """Steps by the measured chances, from an entry page until leaving.

    `buys`: the chance that a visit which reaches the order goes through with it.
    """
    entry = _ENTRY.spin(rng)
    steps = [entry]
    if entry == "search":
        steps = ["search_page", "search"]
    elif entry not in _PAGES and entry != "product_view":
        steps = ["product_view", entry]
    if is_one_page:
        return with_left_cart(steps[:1])
    pages = sum(is_page(step) for step in steps)
    while len(steps) < MOST_STEPS:
        step = _NEXT[steps[-1]].spin(rng)
        if step == "purchase" and not happens(rng, buys):
            step = EXIT
        if step == "purchase" and "add_to_cart" not in steps:
            # The measured chances look one step back only; every measured order had a cart.
            steps.append("add_to_cart")
        if step == EXIT:
            if pages >= 2:
                break
            step = "catalog"
        steps.append(step)
        pages += is_page(step)
    return with_left_cart(steps)


def is_page(step: str) -> bool:
    return step in _PAGES or step in ("product_view", "search_page")


def with_left_cart(steps: list[str]) -> list[str]:
    """A cart that is filled and not ordered is reported as left, right after what was put in last."""
    filled = [nth for nth, step in enumerate(steps) if step == "add_to_cart"]
    if not filled or "purchase" in steps[filled[-1] :]:
        return steps
    return [*steps[: filled[-1] + 1], "left_cart", *steps[filled[-1] + 1 :]]
