"""Commerce counted by hand: what is sold, matched, given back, bought again and left in carts."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pyarrow as pa
import pytest

from journey_platform.tables import JOURNEY_TOUCHPOINTS
from journey_platform.touchpoints import shopify
from tests.kpis import made
from tests.touchpoints.raws import raw

D1, D2 = date(2026, 2, 2), date(2026, 2, 3)


def sale(number: str, day: date = D1, value: float = 10.0, **changes: Any) -> dict[str, Any]:
    return {
        "day": day,
        "occurred_at": datetime.combine(day, time(12), UTC),
        "vendor": "shopify",
        "channel": "commerce",
        "type": "purchase",
        "subject_id": number,
        "medium": "store",
        "value": value,
        "unit": "EUR",
        **changes,
    }


def act(visit: str, kind: str, at: float = 12, **changes: Any) -> dict[str, Any]:
    """`at`: hours since the first day began."""
    moment = datetime.combine(D1, time(), UTC) + timedelta(hours=at)
    about = {"channel": "web", "type": kind, "visit_id": visit, "occurred_at": moment}
    return {"day": moment.date(), **about, **changes}


SALES = [
    sale("1", value=10.1, medium="web", person_key=1, campaign="SWORDFISH"),
    sale("2", value=20.2, person_key=2),
    sale("3", value=30.3),
    sale("3", D2, -30.3, type="refund"),
    sale("4", D2, 5.0, unit="USD", person_key=1, medium="phone"),
    sale("2", date(2026, 2, 20), -20.2, type="cancellation"),
    act("v1", "order", subject_id="1", value=10.1),
]


def counted(
    kpi: str,
    rows: list[dict[str, Any]],
    day: date = D1,
    period: str = "day",
    as_of: date = date(2027, 1, 1),
) -> dict[str, Any]:
    """(numerator, denominator) by "dimension=value" of one period."""
    about = {"is_bot": False, "is_machine": False}
    whole = [{"touchpoint_id": f"t{number}", **about, **row} for number, row in enumerate(rows)]
    schema = JOURNEY_TOUCHPOINTS.schema
    tables = {JOURNEY_TOUCHPOINTS: pa.Table.from_pylist(whole, schema=schema)}
    days = made.days(date(2026, 2, 1), date(2026, 2, 28))
    found = made.count(tables, [kpi], days, as_of=as_of)
    return {
        f"{row['dimension']}={row['dimension_value']}": (row["numerator"], row["denominator"])
        for row in found.to_pylist()
        if (row["day"], row["period"]) == (day, period)
    }


def rate(of: str, into: str, worth: float, day: date = D1) -> dict[str, Any]:
    return sale(of, day, worth, type="exchange_rate", unit=into)


def test_money_is_converted_at_the_rate_of_its_own_day() -> None:
    rows = [*SALES, rate("USD", "EUR", 0.9), rate("USD", "EUR", 0.8, D2), rate("GBP", "EUR", 1.2)]
    assert counted("revenue_net_converted", rows) == {"currency=EUR": (60.6, None)}
    assert counted("revenue_net_converted", rows, D2) == {"currency=EUR": (-30.3 + 5 * 0.8, None)}
    assert counted("revenue_without_rate", rows, D2) == {"currency=EUR": (0, 2)}


def test_the_latest_rate_of_a_week_holds_for_a_day_without_one() -> None:
    paid = sale("5", date(2026, 2, 10), 100.0, unit="USD")
    rows = [rate("USD", "EUR", 0.9, D1), rate("USD", "EUR", 0.8, D2), paid]
    assert counted("revenue_net_converted", rows, paid["day"]) == {"currency=EUR": (80, None)}


@pytest.mark.parametrize(
    ("rates", "currency"),
    [
        pytest.param([], "Unassigned", id="no rate at all"),
        pytest.param([rate("USD", "EUR", 0.9, date(2026, 2, 2))], "Unassigned", id="none for over a week"),
        pytest.param([rate("GBP", "EUR", 1.2, date(2026, 2, 10))], "EUR", id="none of this currency"),
    ],
)
def test_money_without_a_rate_is_counted_and_not_summed(rates: list[dict[str, Any]], currency: str) -> None:
    paid = sale("5", date(2026, 2, 10), 100.0, unit="USD")
    assert counted("revenue_without_rate", [paid, *rates], paid["day"]) == {f"currency={currency}": (1, 1)}
    assert counted("revenue_net_converted", [paid, *rates], paid["day"]) == {
        f"currency={currency}": (None, None)
    }


def test_two_currencies_to_convert_to_stand_apart() -> None:
    rows = [sale("5", value=100.0, unit="USD"), rate("USD", "EUR", 0.9), rate("USD", "GBP", 0.75)]
    assert counted("revenue_net_converted", rows) == {"currency=EUR": (90, None), "currency=GBP": (75, None)}


def test_orders_are_told_by_place_code_and_what_they_match() -> None:
    assert counted("orders", SALES) == {
        "all=all": (3, None),
        "sold=web": (1, None),
        "sold=store": (2, None),
        "code=SWORDFISH": (1, None),
        "code=Unassigned": (2, None),
        "matched=web visit": (1, None),
        "matched=profile": (1, None),
        "matched=nobody": (1, None),
        "account=Unassigned": (3, None),
    }


def test_money_is_summed_exactly_per_currency_on_its_own_day() -> None:
    assert counted("revenue_gross", SALES) == {"currency=EUR": (60.6, None)}
    assert counted("revenue_net", SALES, D2) == {"currency=EUR": (-30.3, None), "currency=USD": (5.0, None)}
    assert counted("average_order_value", SALES) == {"currency=EUR": (60.6, 3)}


def test_a_sum_of_money_rests_on_its_orders() -> None:
    about = {"touchpoint_id": "t", "is_bot": False, "is_machine": False}
    rows = pa.Table.from_pylist([sale("1", value=99.9) | about], schema=JOURNEY_TOUCHPOINTS.schema)
    found = made.count({JOURNEY_TOUCHPOINTS: rows}, ["revenue_gross"], [D1])
    assert {(row["numerator"], row["n"]) for row in found.to_pylist() if row["period"] == "day"} == {
        (99.9, 1)
    }


def test_what_is_given_back_counts_on_the_day_of_the_order_and_within_its_days() -> None:
    """The cancellation comes eighteen days later."""
    assert counted("refund_rate", SALES)["all=all"] == (1, 3)


def test_a_buyer_who_bought_before_is_counted_once_a_month() -> None:
    found = counted("repeat_purchase_rate", SALES, date(2026, 2, 1), "month")
    assert found == {"all=all": (1, 2), "account=Unassigned": (1, 2)}


PEOPLE = {"ann@example.org": 1, "bob@example.org": 2, "eve@example.org": 3, "": None}


def orders(*told: tuple[str, str, str]) -> list[dict[str, Any]]:
    """Touchpoints of raw orders told as (day, buyer's address, products)."""
    records = [
        {
            "id": number,
            "name": f"#{number}",
            "created_at": f"{day}T12:00:00+01:00",
            "currency": "EUR",
            "total_price": "10.00",
            "email": buyer,
            "line_items": [{"title": title, "price": "1.00", "quantity": 1} for title in products.split()],
        }
        for number, (day, buyer, products) in enumerate(told)
    ]
    raws = raw("shopify", "orders", *records)
    rows = shopify.touchpoints({"orders": raws}, zone="Europe/Amsterdam").rows.to_pylist()
    names = JOURNEY_TOUCHPOINTS.schema.names
    mails = [{who["kind"]: who["value"] for who in row["identifiers"]}.get("email", "") for row in rows]
    return [
        {name: row[name] for name in names if name in row} | {"person_key": PEOPLE[mail]}
        for row, mail in zip(rows, mails, strict=True)
    ]


BOUGHT = orders(
    ("2026-01-10", "ann@example.org", "router dock"),
    ("2026-02-03", "ann@example.org", "router"),
    ("2026-02-04", "ann@example.org", "phone phone"),
    ("2025-12-24", "bob@example.org", "dock"),
    ("2026-02-05", "bob@example.org", "dock"),
    ("2026-02-06", "eve@example.org", "dock"),
    ("2026-02-07", "eve@example.org", "router"),
    ("2026-02-08", "", "tablet"),
    ("2025-02-20", "bob@example.org", "tablet"),
)
"""Ann adds a phone; Bob buys what he has, and had a tablet over a year ago; Eve is new; and somebody."""


@pytest.mark.parametrize(
    ("kpi", "parts"),
    [
        pytest.param("cross_sell_rate", (1, 2), id="what they never had"),
        pytest.param("products_per_customer", (3 + 1 + 2, 3), id="different products"),
    ],
)
def test_products_of_customers_are_told_by_the_items_of_orders(kpi: str, parts: tuple[int, int]) -> None:
    found = counted(kpi, BOUGHT, date(2026, 2, 1), "month")
    assert found["all=all"] == parts


def test_a_month_of_new_customers_only_has_no_cross_sell() -> None:
    rows = orders(("2026-02-06", "eve@example.org", "dock"), ("2026-02-07", "eve@example.org", "router"))
    assert counted("cross_sell_rate", rows, date(2026, 2, 1), "month")["all=all"] == (0, 0)


@pytest.mark.parametrize(
    ("kpi", "parts"),
    [("cart_abandonment", (1, 2)), ("checkout_abandonment", (1, 3))],
)
def test_carts_and_checkouts_are_left_by_visit(kpi: str, parts: tuple[int, int]) -> None:
    rows = [
        act("a", "add_to_cart", device="desktop"),
        act("a", "page_view", page="/checkout/shipping", device="desktop", traffic_channel="Email"),
        act("b", "add_to_cart"),
        act("b", "page_view", page="/checkout/shipping"),
        act("b", "order"),
        act("c", "order"),
        act("d", "add_to_cart", is_bot=True),
        act("e", "page_view", page="/"),
    ]
    found = counted(kpi, rows)
    assert found["all=all"] == parts
    assert found["device=desktop"] == found["traffic_channel=Email"] == (1, 1)


CAME_BACK = [
    # Ann leaves a cart on her phone and buys at her desk on the next morning, within the day.
    act("a1", "add_to_cart", at=20, person_key=1, device="phone"),
    act("a2", "order", at=24 + 19, person_key=1, device="desktop"),
    # Bob comes back after three days, Eve after eight; of a shared device nobody knows who it is.
    act("b1", "add_to_cart", at=9, person_key=2, device="phone", traffic_channel="Email"),
    act("b2", "page_view", at=3 * 24 + 9, person_key=2, page="/checkout/shipping"),
    act("b2", "order", at=3 * 24 + 10, person_key=2),
    act("e1", "add_to_cart", at=9, person_key=3),
    act("e2", "order", at=8 * 24 + 10, person_key=3),
    act("n1", "add_to_cart", at=10, device_key=4),
    act("n2", "order", at=11, device_key=4),
    # Somebody else's order, one before the cart, a robot's.
    act("x1", "order", at=8, person_key=5),
    act("x2", "add_to_cart", at=9, person_key=5),
    act("r1", "add_to_cart", at=9, person_key=6, is_bot=True),
]


@pytest.mark.parametrize(
    ("kpi", "day", "parts"),
    [
        pytest.param("cart_abandonment", 0, (5, 5), id="within the visit"),
        pytest.param("cart_abandonment_24h", 0, (3, 5), id="across visits"),
        pytest.param("carts_recovered_7d", 0, (1, 3), id="recovered"),
        pytest.param("checkout_abandonment_24h", 3, (0, 1), id="a checkout"),
    ],
)
def test_carts_are_followed_by_visitor_across_visits(kpi: str, day: int, parts: tuple[int, int]) -> None:
    assert counted(kpi, CAME_BACK, D1 + timedelta(days=day))["all=all"] == parts


def test_a_cart_stands_with_its_own_visit_s_device_and_channel() -> None:
    found = counted("cart_abandonment_24h", CAME_BACK)
    assert (found["device=phone"], found["traffic_channel=Email"]) == ((1, 2), (1, 1))


@pytest.mark.parametrize(
    ("kpi", "days", "found"),
    [
        pytest.param("cart_abandonment_24h", 1, {}, id="its day after is not over"),
        pytest.param("cart_abandonment_24h", 2, {"all=all": (1, 1)}, id="its day after is over"),
        pytest.param("carts_recovered_7d", 7, {}, id="its week is not over"),
        pytest.param("carts_recovered_7d", 8, {"all=all": (0, 1)}, id="its week is over"),
    ],
)
def test_a_cart_counts_once_its_time_is_over(kpi: str, days: int, found: dict[str, Any]) -> None:
    rows = [act("a", "add_to_cart", person_key=1)]
    told = counted(kpi, rows, as_of=D1 + timedelta(days=days))
    assert {name: parts for name, parts in told.items() if name == "all=all"} == found


def test_tickets_are_set_beside_the_purchases_of_the_same_week() -> None:
    tickets = [act("", "ticket_created", channel="ticket", person_key=person) for person in (1, 1, None)]
    rows = [*SALES, *tickets, act("", "ticket_replied"), act("v", "order")]
    assert counted("contacts_per_100_orders", rows, D1, "week")["all=all"] == (3, 4)
