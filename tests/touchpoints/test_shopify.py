"""Shopify: a purchase on its day, refunds and cancellations as negative money on theirs."""

from datetime import UTC, datetime
from typing import Any

import pytest

from journey_platform.tables import contacts_table, touchpoints_table
from journey_platform.touchpoints import shopify
from tests.touchpoints.raws import about, raw, refused, who

ZONE = "Europe/Amsterdam"


def order(**fields: Any) -> dict[str, Any]:
    return {
        "id": 9001,
        "name": "#1001",
        "created_at": "2026-03-01T23:30:00+01:00",
        "currency": "EUR",
        "total_price": "40.00",
        "source_name": "pos",
        "email": "ann@example.org",
        "customer": {"id": 7, "first_name": "Ann", "last_name": "Lee", "phone": "+31612345678"},
        **fields,
    }


def mapped(**fields: Any) -> list[dict[str, Any]]:
    found = shopify.touchpoints({"orders": raw("shopify", "orders", order(**fields))}, zone=ZONE)
    assert found.rows.schema == touchpoints_table("shopify").schema
    assert found.rejected.num_rows == 0
    rows: list[dict[str, Any]] = found.rows.to_pylist()
    return rows


def given_back(refund_id: int, at: str, *amounts: str, status: str = "success") -> dict[str, Any]:
    given = [{"kind": "refund", "status": status, "amount": amount} for amount in amounts]
    return {"id": refund_id, "created_at": at, "transactions": given}


def test_an_order_is_a_purchase_on_its_local_day() -> None:
    [row] = mapped(discount_codes=[{"code": "swordfish "}])
    assert (row["type"], row["channel"], str(row["day"])) == ("purchase", "commerce", "2026-03-01")
    assert row["occurred_at"] == datetime(2026, 3, 1, 22, 30, tzinfo=UTC)
    assert (row["subject_id"], row["value"], row["unit"]) == ("1001", 40.0, "EUR")
    assert (row["medium"], row["campaign"]) == ("store", "SWORDFISH")
    given = {"email": "ann@example.org", "phone": "+31612345678", "shopify_customer_id": "7"}
    assert who(row) == given | {"promo_code": "SWORDFISH"}


def test_each_item_of_an_order_is_a_product_bought() -> None:
    rows = mapped(
        line_items=[
            {"title": "Router", "sku": "R-1", "price": "10.00", "quantity": 3},
            {"title": None, "sku": "M-2", "price": "5.00"},
            {"title": "", "sku": None, "price": "5.00"},
        ]
    )
    items = [(row["subject_id"], row["value"], row["unit"]) for row in rows if row["type"] == "item_bought"]
    assert items == [("Router", 30.0, "EUR"), ("M-2", 5.0, "EUR")]
    assert [row["subject_id"] for row in rows if row["type"] == "purchase"] == ["1001"]


def test_an_item_whose_price_cannot_be_read_is_refused_alone() -> None:
    items = [{"title": "Router", "price": "ten"}, {"title": "Dock", "price": "5"}]
    found = shopify.touchpoints({"orders": raw("shopify", "orders", order(line_items=items))}, zone=ZONE)
    assert {row["type"] for row in found.rows.to_pylist()} == {"purchase", "item_bought"}
    assert [row["field"] for row in found.rejected.to_pylist()] == ["line_items[0].price"]


@pytest.mark.parametrize(
    ("source", "place"),
    [
        ("web", "web"),
        ("pos", "store"),
        ("phone", "phone"),
        ("shopify_draft_order", "phone"),
        ("580111", "580111"),
    ],
)
def test_the_place_of_sale_is_kept(source: str, place: str) -> None:
    assert mapped(source_name=source)[0]["medium"] == place


def test_refunds_and_a_cancellation_take_back_what_was_paid() -> None:
    rows = mapped(
        refunds=[
            given_back(1, "2026-03-04T10:00:00+01:00", "10.00", "2.50"),
            given_back(2, "2026-03-05T10:00:00+01:00", "9.00", status="failure"),
        ],
        cancelled_at="2026-03-06T10:00:00+01:00",
        cancel_reason="customer",
    )
    told = [(row["type"], str(row["day"]), row["value"], row["reason"]) for row in rows]
    assert told == [
        ("purchase", "2026-03-01", 40.0, None),
        ("refund", "2026-03-04", -12.5, None),
        ("refund", "2026-03-05", 0.0, None),
        ("cancellation", "2026-03-06", -27.5, "customer"),
    ]
    assert sum(row["value"] for row in rows) == 0
    assert len({row["touchpoint_id"] for row in rows}) == 4


def test_what_the_buyer_heard_stands_beside_the_purchase() -> None:
    notes = [{"name": "gift", "value": "yes"}, {"name": "How did you hear about us?", "value": "a podcast"}]
    heard = [row for row in mapped(note_attributes=notes) if row["type"] == "heard_about_us"]
    assert [(row["reason"], row["value"], row["unit"]) for row in heard] == [("a podcast", None, None)]


def test_an_order_of_seats_is_a_contract_beside_the_purchase() -> None:
    rows = {row["type"]: row for row in mapped(note_attributes=[{"name": "Seats", "value": "12"}])}
    assert rows.keys() == {"purchase", "contract_signed"}
    contract = rows["contract_signed"]
    assert (contract["subject_id"], contract["value"], contract["unit"]) == ("1001", 12.0, "seats")
    assert who(contract) == who(rows["purchase"])


def test_seats_that_are_no_number_are_refused_and_the_purchase_stays() -> None:
    notes = [{"name": "seats", "value": "a dozen"}]
    rows = {"orders": raw("shopify", "orders", order(note_attributes=notes))}
    found = shopify.touchpoints(rows, zone=ZONE)
    assert found.rows["type"].to_pylist() == ["purchase"]
    assert found.rejected["field"].to_pylist() == ["note_attributes.seats"]


def test_a_sale_without_a_name_belongs_to_nobody() -> None:
    [row] = mapped(email="", customer=None)
    assert who(row) == {}
    found = shopify.contacts({"orders": raw("shopify", "orders", order(email="", customer=None))}, zone=ZONE)
    assert (found.rows.num_rows, found.rejected.num_rows) == (0, 0)


def test_the_buyer_is_a_contact() -> None:
    found = shopify.contacts({"orders": raw("shopify", "orders", order())}, zone=ZONE)
    assert found.rows.schema == contacts_table("shopify").schema
    [row] = found.rows.to_pylist()
    assert about(row) == {"name": "Ann Lee", "email": "ann@example.org", "phone": "+31612345678"}


@pytest.mark.parametrize(
    ("fields", "field", "severity"),
    [
        pytest.param({"test": True}, "test", "excluded", id="test order"),
        pytest.param({"total_price": "much"}, "total_price", "error", id="no money"),
        pytest.param({"created_at": "2026-03-01T10:00:00"}, "created_at", "error", id="no zone"),
        pytest.param({"refunds": [{"id": 1}]}, "refunds[0]", "error", id="refund without a time"),
    ],
)
def test_what_cannot_be_counted_is_refused(fields: dict[str, Any], field: str, severity: str) -> None:
    found = shopify.touchpoints({"orders": raw("shopify", "orders", order(**fields))}, zone=ZONE)
    assert found.rows.num_rows == 0
    assert refused(found.rejected) == [("shopify/orders/0", field, severity)]
