"""Shopify's Admin REST API over the demo's orders.

As the real one: a list is paged by the Link header, whose `page_info` may stand beside `limit` and `fields`
only; fifty rows unless asked, at most 250; open orders only unless `status` says otherwise; money is text,
times bear the shop's offset; a throttled caller gets 429 with Retry-After.
"""

import base64
import binascii
import json
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import msgspec

from journey_platform.demo.vendors import pages
from journey_platform.demo.vendors.messages import Reply, Request, Vendor, encode, moment_of
from journey_platform.demo.world import ShopOrder

TOKEN = "shpat_demo_0c0ffee"
VERSION = "2025-10"
CURRENCY = "EUR"
DEFAULT_SIZE = 50
MAX_SIZE = 250

_ERRORS = {
    401: "[API] Invalid API key or access token (unrecognized login or wrong password)",
    403: "[API] This action requires merchant approval for read_orders scope.",
    404: "Not Found",
    429: "Exceeded 2 calls per second for api client. Reduce request rates to resume uninterrupted service.",
}

_Row = tuple[datetime, int, ShopOrder | msgspec.Raw]


class Shopify(Vendor):
    """The orders of one shop; see the module's docstring."""

    name = "shopify"

    def environment(self) -> dict[str, str]:
        return {"SHOPIFY_BASE_URL": self.base_url, "SHOPIFY_TOKEN": TOKEN}

    def refuse(self, status: int) -> Reply:
        headers = {"X-Shopify-Shop-Api-Call-Limit": "1/40"}
        if status == 429:
            headers = {"X-Shopify-Shop-Api-Call-Limit": "40/40", "Retry-After": "2.0"}
        if status >= 500:
            return Reply(status, b"<html><body>Something went wrong.</body></html>", "text/html", headers)
        return Reply(status, encode({"errors": _ERRORS.get(status, "Bad Request")}), headers=headers)

    def answer(self, request: Request) -> Reply:
        if request.headers.get("x-shopify-access-token") != TOKEN:
            return self.refuse(401)
        match request.path.strip("/").split("/"):
            case ["admin", "api", _, "shop.json"]:
                return self._reply({"shop": {"id": 548_380_009, "name": self.world.site_name}})
            case ["admin", "api", _, "orders.json"]:
                return self._orders(request)
            case ["admin", "api", _, "orders", "count.json"]:
                return self._reply({"count": len(self._asked(request.query))})
        return self.refuse(404)

    def _reply(self, value: Any, headers: dict[str, str] | None = None) -> Reply:
        return Reply(200, encode(value), headers={"X-Shopify-Shop-Api-Call-Limit": "1/40", **(headers or {})})

    def _orders(self, request: Request) -> Reply:
        query, start, mark = dict(request.query), 0, 0
        try:
            if "page_info" in query:
                if set(query) - {"page_info", "limit", "fields"}:
                    return self.refuse(400)
                told = json.loads(base64.urlsafe_b64decode(query["page_info"]))
                asked, start, mark = told["asked"], told["start"], told["mark"]
            else:
                asked = {name: value for name, value in query.items() if name != "limit"}
            limit = pages.size(request, query.get("limit"), DEFAULT_SIZE, MAX_SIZE)
            found = pages.by_cursor(request, self._asked(asked), start, limit, mark)
        except (ValueError, KeyError, binascii.Error):
            return self.refuse(400)
        headers = {}
        if found.has_more:
            following = json.dumps({"asked": asked, "start": found.next, "mark": found.mark})
            info = base64.urlsafe_b64encode(following.encode()).decode()
            address = f"{self.base_url}/admin/api/{VERSION}/orders.json"
            link = f'<{address}?{urlencode({"limit": limit, "page_info": info})}>; rel="next"'
            headers["Link"] = link
        rows = [row if isinstance(row, msgspec.Raw) else self._order(row) for _, _, row in found.rows]
        return self._reply({"orders": rows}, headers)

    def _asked(self, query: dict[str, str]) -> list[_Row]:
        """The rows of a question, by their last change."""
        rows: list[_Row] = [
            (self._changed(order), order.order_id, order)
            for order in self.world.orders
            if order.created_at <= self.as_of
        ]
        if query.get("status", "open") == "open":
            rows = [row for row in rows if self._cancelled(row[2]) is None]
        rows += [(moment, 0, raw) for moment, raw in self.malformed("orders")]
        for name, place in (("updated_at", 0), ("created_at", None)):
            low, high = query.get(f"{name}_min"), query.get(f"{name}_max")
            rows = [
                row
                for row in rows
                for at in [row[0] if place == 0 or not isinstance(row[2], ShopOrder) else row[2].created_at]
                if (low is None or at >= moment_of(low)) and (high is None or at <= moment_of(high))
            ]
        return sorted(rows, key=lambda row: (row[0].replace(microsecond=0), row[1]))

    def _changed(self, order: ShopOrder) -> datetime:
        times = [refund.at for refund in order.refunds if refund.at <= self.as_of]
        return max([order.created_at, *times, *filter(None, [self._cancelled(order)])])

    def _cancelled(self, order: Any) -> datetime | None:
        at = order.cancelled_at
        return at if at is not None and at <= self.as_of else None

    def _order(self, order: ShopOrder) -> dict[str, Any]:
        cancelled = self._cancelled(order)
        refunds = [refund for refund in order.refunds if refund.at <= self.as_of]
        returned = sum(refund.amount for refund in refunds)
        return {
            "id": order.order_id,
            "admin_graphql_api_id": f"gid://shopify/Order/{order.order_id}",
            "name": f"#{order.number}",
            "created_at": self._local(order.created_at),
            "updated_at": self._local(self._changed(order)),
            "processed_at": self._local(order.created_at),
            "cancelled_at": self._local(cancelled) if cancelled else None,
            "cancel_reason": order.cancel_reason if cancelled else None,
            "closed_at": None,
            "currency": CURRENCY,
            "presentment_currency": CURRENCY,
            "total_price": f"{order.total:.2f}",
            "current_total_price": f"{0.0 if cancelled else order.total - returned:.2f}",
            "financial_status": "refunded" if returned >= order.total else "paid",
            "source_name": order.source,
            "test": order.is_test,
            "email": order.email or "",
            "contact_email": order.email,
            "phone": order.phone,
            "customer": None
            if order.customer_id is None
            else {
                "id": order.customer_id,
                "email": order.email,
                "phone": order.phone,
                "first_name": order.first_name,
                "last_name": order.last_name,
            },
            "discount_codes": []
            if order.code is None
            else [{"code": order.code.lower(), "amount": "0.00", "type": "fixed_amount"}],
            "line_items": [
                {
                    "id": order.order_id + 100 + place,
                    "title": item.title,
                    "name": item.title,
                    "variant_title": None,
                    "sku": item.title.upper().replace(" ", "-"),
                    "quantity": item.quantity,
                    "price": f"{item.price:.2f}",
                    "total_discount": "0.00",
                    "gift_card": False,
                }
                for place, item in enumerate(order.items)
            ],
            "note": None,
            "note_attributes": [
                {"name": name, "value": value}
                for name, value in (("How did you hear about us?", order.heard), ("Seats", order.seats))
                if value is not None
            ],
            "refunds": [
                {
                    "id": refund.refund_id,
                    "order_id": order.order_id,
                    "created_at": self._local(refund.at),
                    "transactions": [
                        {
                            "id": refund.refund_id + 1,
                            "kind": "refund",
                            "status": "success",
                            "amount": f"{refund.amount:.2f}",
                            "currency": CURRENCY,
                        }
                    ],
                }
                for refund in refunds
            ],
        }

    def _local(self, moment: datetime) -> str:
        return moment.astimezone(self.zone).isoformat(timespec="seconds")
