"""Shopify's orders: the purchase, its items, each refund, a cancellation, the answer to "how did you hear of
us?", and contracts.

A purchase stands on the day the order was made, a refund and a cancellation as negative money on their own.
Web analytics tells of web orders too, by the same order number; its touchpoint is an `order`, this one a
`purchase`, so that nobody counts both. An order whose note says `Seats` is a contract for so many people too;
its cancellation ends it. A note `Loyalty id` names the buyer's card. Test orders are excluded.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime

import msgspec
import pyarrow as pa

from journey_platform.touchpoints.carried import spelled
from journey_platform.touchpoints.mapping import (
    Contact,
    LookedUp,
    Mapped,
    Origin,
    Pairs,
    Refusal,
    StreamMapping,
    Touch,
    excluded,
    map_contacts,
    map_touchpoints,
    microseconds,
    number,
    text,
)

TOUCHPOINT_STREAMS: tuple[str, ...] = ("orders",)
CONTACT_STREAMS: tuple[str, ...] = ("orders",)
LOOKUPS: Mapping[str, LookedUp] = {}

_PLACES = {"web": "web", "pos": "store", "phone": "phone", "shopify_draft_order": "phone"}
_HEARD = "how did you hear about us"
_SEATS = "seats"
_LOYALTY = "loyalty id"


class _Transaction(msgspec.Struct):
    kind: str
    status: str
    amount: str | float | None = None


class _Refund(msgspec.Struct):
    id: int | str
    created_at: datetime
    transactions: list[_Transaction] = []


class _Code(msgspec.Struct):
    code: str | None = None


class _Note(msgspec.Struct):
    name: str | None = None
    value: str | int | float | bool | None = None


class _Customer(msgspec.Struct):
    id: int | str | None = None
    email: str | None = None
    phone: str | None = None
    first_name: str | None = None
    last_name: str | None = None


class _Item(msgspec.Struct):
    title: str | None = None
    sku: str | None = None
    price: str | float | None = None
    quantity: int | None = None


class _Order(msgspec.Struct):
    id: int | str
    name: str
    created_at: datetime
    currency: str
    total_price: str | float
    test: bool = False
    source_name: str | None = None
    email: str | None = None
    phone: str | None = None
    customer: _Customer | None = None
    cancelled_at: datetime | None = None
    cancel_reason: str | None = None
    discount_codes: list[_Code] = []
    note_attributes: list[_Note] = []
    refunds: list[_Refund] = []
    line_items: list[_Item] = []


def touchpoints(raw: Mapping[str, pa.Table], *, zone: str) -> Mapped:
    """Rows of `tables.touchpoints_table("shopify")` from the current state of `orders`.

    `medium` is where it was sold: web, store, phone or what the shop calls it; `campaign` the code redeemed,
    in capitals; `reason` why it was cancelled, or what the buyer answered. A cancellation takes back
    what was not refunded before. Whose a code is, if it is one person's, is for identity to say. An item's
    `subject_id` is the product, by its title.
    """
    return map_touchpoints("shopify", "commerce", (StreamMapping("orders", _Order, _happenings),), raw, zone)


def contacts(raw: Mapping[str, pa.Table], *, zone: str) -> Mapped:
    """Rows of `tables.contacts_table("shopify")`: the buyers of `orders`."""
    return map_contacts("shopify", (StreamMapping("orders", _Order, _buyer),), raw, zone)


def _happenings(order: _Order, _: Origin) -> Iterator[Touch | Refusal]:
    _check_counts(order)
    total = number(order.total_price, "total_price")
    if total is None:
        raise Refusal("order without a total", "total_price")
    source = text(order.source_name)
    codes = [code.code.strip().upper() for code in order.discount_codes if code.code and code.code.strip()]
    who = (*_identifiers(order), *(("promo_code", code) for code in codes))

    def touch(
        kind: str,
        at: datetime,
        field: str,
        *,
        part: str,
        value: float | None = None,
        unit: str = order.currency,
        reason: str | None = None,
        subject: str | None = None,
    ) -> Touch:
        if at.tzinfo is None:
            raise Refusal("time without a zone", field)
        return Touch(
            type=kind,
            part=part,
            occurred_at=microseconds(at),
            identifiers=who,
            subject_id=subject or order.name.lstrip("#"),
            medium=_PLACES.get(source or "", source),
            campaign=codes[0] if codes else None,
            reason=reason,
            value=value,
            unit=unit if value is not None else None,
        )

    yield touch("purchase", order.created_at, "created_at", part="purchase", value=total)
    for place, item in enumerate(order.line_items):
        product, part = text(item.title) or text(item.sku), f"item:{place}"
        if product is not None:
            try:
                price = number(item.price, f"line_items[{place}].price")
            except Refusal as refusal:
                yield Refusal(refusal.reason, refusal.field, part=part)
                continue
            worth = (
                None if price is None else round(price * (1 if item.quantity is None else item.quantity), 3)
            )
            at = order.created_at
            yield touch("item_bought", at, "created_at", part=part, value=worth, subject=product)
    answer = _noted(order, _HEARD)
    if answer is not None:
        yield touch("heard_about_us", order.created_at, "created_at", part="heard", reason=answer)
    try:
        seats = number(_noted(order, _SEATS), "note_attributes.seats")
    except Refusal as refusal:
        yield Refusal(refusal.reason, refusal.field, part="contract")
        seats = None
    if seats is not None:
        at, field = order.created_at, "created_at"
        yield touch("contract_signed", at, field, part="contract", value=seats, unit="seats")
    left = total
    for place, refund in enumerate(order.refunds):
        amount = sum(
            number(given.amount, f"refunds[{place}].transactions.amount") or 0.0
            for given in refund.transactions
            if (given.kind, given.status) == ("refund", "success")
        )
        left -= amount
        part, field = f"refund:{refund.id}", f"refunds[{place}].created_at"
        yield touch("refund", refund.created_at, field, part=part, value=-amount)
    if order.cancelled_at is not None:
        why, back = text(order.cancel_reason), -max(round(left, 3), 0.0)
        at = order.cancelled_at
        yield touch("cancellation", at, "cancelled_at", part="cancellation", value=back, reason=why)


def _buyer(order: _Order, origin: Origin) -> Iterator[Contact]:
    _check_counts(order)
    customer = order.customer or _Customer()
    name = " ".join(filter(None, (text(customer.first_name), text(customer.last_name))))
    email, phone = customer.email or order.email or "", customer.phone or order.phone or ""
    identifiers = _identifiers(order)
    if any(value for _, value in identifiers):
        yield Contact(
            observed_at=origin.occurred_at,
            identifiers=identifiers,
            attributes=(("name", name), ("email", email), ("phone", phone)),
        )


def _check_counts(order: _Order) -> None:
    if order.test:
        raise excluded("a test order", "test")


def _identifiers(order: _Order) -> Pairs:
    customer = order.customer or _Customer()
    return (
        ("email", order.email or customer.email or ""),
        ("phone", order.phone or customer.phone or ""),
        ("shopify_customer_id", text(customer.id) or ""),
        ("loyalty_id", _noted(order, _LOYALTY) or ""),
    )


def _noted(order: _Order, name: str) -> str | None:
    """What the order's note says under a name, however that is spelt."""
    for note in order.note_attributes:
        if spelled(note.name) == name:
            return text(note.value)
    return None
