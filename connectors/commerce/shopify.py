"""Shopify's Admin REST API: orders with their refunds, in the order of their changes.

A list is paged by the Link header alone: its `page_info` names the whole question, and Shopify refuses other
filters beside it. Orders older than 60 days need the scope `read_all_orders`; without it they are not listed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

import msgspec

from connectors.auth import HeaderAuth
from connectors.base import Connector, Page, Stream, StreamKind, Window
from connectors.clock import SYSTEM_CLOCK, Clock
from connectors.config import Secret, secret, setting
from connectors.http import HttpClient, Policy
from connectors.pagination import Part, by_token, link
from connectors.records import RowReader, joined, time_of
from connectors.times import utc

_API = "admin/api/2025-10"
_ROWS_A_PAGE = 250
# An order that was saved while the last page was made up may bear a time of some seconds before.
_OVERLAP = timedelta(minutes=1)
# The standard plan's bucket leaks two requests a second.
_POLICY = Policy(requests_per_minute=120)


@dataclass(frozen=True)
class ShopifyConfig:
    """The shop's address and an app's access token."""

    base_url: str = setting("SHOPIFY_BASE_URL", "https://{shop}.myshopify.com, without /admin")
    token: Secret = secret("SHOPIFY_TOKEN", "Admin API access token with the scope read_orders")


class _Order(msgspec.Struct):
    id: int | str
    updated_at: str | None = None


class _Orders(msgspec.Struct):
    orders: list[msgspec.Raw]


class _Shop(msgspec.Struct):
    shop: msgspec.Raw


_ORDERS = RowReader(_Order, lambda row: joined(row.id), lambda row: time_of(row.updated_at, "updated_at"))


class Shopify(Connector):
    """One Shopify shop."""

    area: ClassVar[str] = "commerce"
    vendor: ClassVar[str] = "shopify"
    config_class: ClassVar[type[Any]] = ShopifyConfig
    streams: ClassVar[tuple[Stream, ...]] = (
        Stream(
            name="orders",
            kind=StreamKind.ENTITY,
            grain="order in its present state, from the site, a till or the phone, with its refunds",
            primary_key=("id",),
            is_replayable=False,
            personal_fields=(
                "email",
                "contact_email",
                "phone",
                "customer",
                "billing_address",
                "shipping_address",
                "client_details",
                "browser_ip",
                "note",
                "note_attributes",
            ),
        ),
    )

    def __init__(self, config: ShopifyConfig, clock: Clock = SYSTEM_CLOCK) -> None:
        auth = HeaderAuth("X-Shopify-Access-Token", config.token)
        self._client = HttpClient(config.base_url, auth, vendor=self.vendor, policy=_POLICY, clock=clock)

    def read(self, stream: str, window: Window, cursor: str | None = None) -> Iterator[Page]:
        """The cursor is the latest change that was read."""
        name = self.stream(stream).name
        latest = utc(cursor) if cursor else None
        return self._orders(name, (latest - _OVERLAP) if latest else window.start, latest)

    def check(self) -> None:
        self._client.get(f"{_API}/shop.json", {"fields": "id"}).json(_Shop)

    def _orders(self, stream: str, since: datetime, latest: datetime | None) -> Iterator[Page]:
        asked = {
            "status": "any",
            "order": "updated_at asc",
            "updated_at_min": since.isoformat(timespec="seconds"),
            "limit": str(_ROWS_A_PAGE),
        }
        newest = latest or since

        def fetch(following: str | None) -> Part[Page]:
            nonlocal newest
            response = (
                self._client.follow(following, stream=stream)
                if following
                else self._client.get(f"{_API}/orders.json", asked, stream=stream)
            )
            rows = response.json(_Orders).orders
            page = _ORDERS.page(rows)
            newest = max([newest, *(record.time for record in page.records if record.time)])
            page.cursor = newest.isoformat()
            return Part(page, len(rows), link(response.headers))

        return by_token(fetch, where=f"{self.vendor}/{stream}")
