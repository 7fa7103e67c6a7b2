"""What is particular to Shopify: pages by the Link header alone, orders and a cursor by their changes."""

import json
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

from connectors.registry import CONNECTORS
from journey_platform.demo.vendors.server import serve
from tests.connectors.contract import ALL_DAYS, build, read
from tests.demo.worlds import at, small_world
from tests.servers.raw_socket import RawServer, answer

ORDERS = CONNECTORS["shopify"].stream("orders")


def test_cancelled_and_refunded_orders_come_with_the_open_ones() -> None:
    with serve(small_world(), max_rows=2) as served:
        bodies = read("shopify", ORDERS, served.environment).bodies
    found = {key: json.loads(body) for key, body in bodies.items()}
    assert len(found) == 9
    assert found["9008"]["refunds"][0]["transactions"][0]["amount"] == "4.50"
    assert found["9009"]["cancelled_at"] == "2026-03-03T10:00:00+01:00"


def test_an_order_comes_again_when_it_changes_and_only_then() -> None:
    with serve(small_world()) as served:
        served.as_of = at(2, 22)
        [page] = read("shopify", ORDERS, served.environment).pages
        served.as_of = at(3, 22)
        later = read("shopify", ORDERS, served.environment, cursor=page.cursor)
    assert page.cursor == "2026-03-02T10:00:00+00:00"
    # Within a minute of the cursor an order may be told twice.
    assert later.keys == {"9008", "9009"}
    assert json.loads(later.bodies["9008"])["refunds"]


def test_without_changes_the_cursor_stays() -> None:
    with serve(small_world()) as served:
        cursor = (at(3, 9) + timedelta(days=1)).isoformat()
        pages = list(build("shopify", served.environment).read("orders", ALL_DAYS, cursor))
    assert [(page.records, page.cursor) for page in pages] == [([], cursor)]


def test_the_next_page_is_asked_for_by_its_page_info_and_no_filter() -> None:
    body = b'{"orders": []}'
    links = "</admin/api/2025-10/orders.json?limit=250&page_info=abc>; rel=next"
    with RawServer(answer(body, headers={"Link": links}), answer(body)) as server:
        environment = {"SHOPIFY_BASE_URL": server.url, "SHOPIFY_TOKEN": "any"}
        list(build("shopify", environment).read("orders", ALL_DAYS))
    first, second = (parse_qs(urlsplit(head.split()[1]).query) for head in server.asked)
    assert first["status"] == ["any"]
    assert second == {"limit": ["250"], "page_info": ["abc"]}
