"""Matomo's visits as touchpoints: what each action becomes, and every way the vendor spells a number."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from journey_platform.tables import touchpoints_table
from journey_platform.touchpoints import matomo
from tests.touchpoints.raws import NOON, raw, refused, who

ZONE = "Europe/Amsterdam"
FIRST = "matomo/visits/0#0000"
EPOCH_S = int(NOON.timestamp())
RECORDINGS = Path(__file__).resolve().parents[2].parent / "shared" / "recordings"


def visit(*actions: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"idSite": "1", "idVisit": 7, "visitorId": "abc", "actionDetails": list(actions)} | fields


def action(**fields: Any) -> dict[str, Any]:
    return {"type": "action", "url": "https://shop.example/a?b=c", "timestamp": EPOCH_S} | fields


def mapped(*visits: Any) -> list[dict[str, Any]]:
    found = matomo.touchpoints({"visits": raw("matomo", "visits", *visits)}, zone=ZONE)
    assert found.rejected.num_rows == 0, found.rejected["reason"].to_pylist()
    assert found.rows.schema == touchpoints_table("matomo").schema
    rows: list[dict[str, Any]] = found.rows.to_pylist()
    return rows


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({}, {"type": "page_view", "page": "/a", "value": None}, id="page"),
        pytest.param(
            {"type": "search", "siteSearchKeyword": " red shoes "},
            {"type": "search", "text": "red shoes"},
            id="search",
        ),
        pytest.param(
            {"type": "ecommerceOrder", "orderId": 81, "revenue": "12.50", "url": None},
            {"type": "order", "subject_id": "81", "value": 12.5, "unit": "EUR", "page": None},
            id="order",
        ),
        pytest.param(
            {"type": "ecommerceAbandonedCart", "revenue": 9},
            {"type": "cart", "subject_id": None, "value": 9.0, "unit": "EUR"},
            id="abandoned cart",
        ),
        pytest.param(
            {"type": "event", "eventCategory": "shop", "eventAction": "add_to_cart", "eventValue": "3"},
            {"type": "add_to_cart", "value": 3.0, "unit": "EUR"},
            id="add to cart",
        ),
        pytest.param(
            {"type": "event", "eventCategory": "Error", "eventAction": "error", "eventName": "Import failed"},
            {"type": "error", "reason": "Import failed", "value": None, "unit": None},
            id="error",
        ),
        pytest.param(
            {"type": "event", "eventCategory": "Page", "eventAction": "click", "eventName": "#buy"},
            {"type": "click", "subject_id": "Page/click", "reason": "#buy"},
            id="click",
        ),
        pytest.param(
            {"type": "event", "eventCategory": "Page", "eventAction": "dead_click", "eventName": "#buy"},
            {"type": "dead_click", "reason": "#buy"},
            id="dead click",
        ),
        pytest.param(
            {"type": "event", "eventCategory": "Feature", "eventAction": "export", "eventName": "pdf"},
            {"type": "event", "subject_id": "Feature/export", "reason": "pdf"},
            id="other event",
        ),
        pytest.param(
            {"type": "goal", "goalId": 2, "revenue": "10"},
            {"type": "event", "subject_id": "goal/2", "value": 10.0},
            id="goal",
        ),
        pytest.param({"type": "download"}, {"type": "event", "subject_id": "download"}, id="download"),
    ],
)
def test_an_action_becomes_one_touchpoint_of_its_meaning(
    fields: dict[str, Any], expected: dict[str, Any]
) -> None:
    (row,) = mapped(visit(action(**fields), siteCurrency="EUR"))
    assert {name: row[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("spent", "dwell_s"),
    [
        pytest.param(30, 30.0, id="number"),
        pytest.param("30", 30.0, id="text"),
        pytest.param("", None, id="empty text"),
        pytest.param(None, None, id="null"),
        pytest.param(False, None, id="false"),
        pytest.param(0, 0.0, id="zero is a measurement"),
    ],
)
def test_dwell_is_read_however_it_is_spelled(spent: Any, dwell_s: float | None) -> None:
    (row,) = mapped(visit(action(timeSpent=spent)))
    assert row["dwell_s"] == dwell_s


@pytest.mark.parametrize("stamp", [EPOCH_S + 60, str(EPOCH_S + 60), float(EPOCH_S + 60)], ids=type)
def test_an_action_stands_at_its_own_time(stamp: Any) -> None:
    (row,) = mapped(visit(action(timestamp=stamp)))
    assert row["occurred_at"] == NOON + timedelta(seconds=60)


def test_an_action_without_a_time_takes_that_of_the_one_before_it_or_of_the_visit() -> None:
    order = {"type": "ecommerceOrder", "orderId": "o", "revenue": 1}
    rows = mapped(visit(order, action(timestamp=EPOCH_S + 90), order | {"orderId": "p"}))
    assert [(row["type"], row["occurred_at"] - NOON) for row in rows] == [
        ("order", timedelta()),
        ("page_view", timedelta(seconds=90)),
        ("order", timedelta(seconds=90)),
    ]


def test_touchpoints_of_one_moment_keep_the_order_of_the_actions() -> None:
    rows = mapped(visit(*(action(url=f"https://shop.example/{i}") for i in range(12))))
    assert [row["page"] for row in rows] == [f"/{i}" for i in range(12)]
    assert rows[0]["touchpoint_id"] == "matomo/visits/0#0000"


@pytest.mark.parametrize(
    ("fields", "identifiers"),
    [
        pytest.param({"userId": "u-1"}, {"cookie_id": "abc", "user_id": "u-1"}, id="user id"),
        pytest.param({"userId": "a@b.example"}, {"cookie_id": "abc", "email": "a@b.example"}, id="address"),
        pytest.param({"userId": 17}, {"cookie_id": "abc", "user_id": "17"}, id="number"),
        pytest.param({"userId": ""}, {"cookie_id": "abc"}, id="blank"),
        pytest.param({"userId": None, "visitorId": False}, {}, id="nobody"),
    ],
)
def test_a_visit_says_who(fields: dict[str, Any], identifiers: dict[str, str]) -> None:
    (row,) = mapped(visit(action(), **fields))
    assert who(row) == identifiers


@pytest.mark.parametrize(
    ("fields", "is_bot"),
    [
        pytest.param({"browserName": "Chrome"}, False, id="browser"),
        pytest.param({"browserName": "Headless Chrome"}, True, id="headless"),
        pytest.param(
            {
                "customDimensions": [
                    {"id": "1", "name": "User agent", "value": "Mozilla/5.0 (compatible; X-Bot/2)"}
                ]
            },
            True,
            id="user agent kept as a dimension",
        ),
        pytest.param(
            {"customDimensions": [{"id": "1", "name": "User agent", "value": "Mozilla/5.0 Cubot X20"}]},
            False,
            id="a phone whose name ends like a robot's",
        ),
        pytest.param({"customDimensions": [{"name": "Plan", "value": "robot"}]}, False, id="other dimension"),
    ],
)
def test_declared_robots_are_marked(fields: dict[str, Any], is_bot: bool) -> None:
    (row,) = mapped(visit(action(), **fields))
    assert row["is_bot"] is is_bot


def test_a_campaign_and_a_referrer_fill_the_same_columns() -> None:
    tagged = visit(
        action(),
        referrerType="campaign",
        referrerName="spring",
        campaignName="",
        campaignSource="letter",
        campaignMedium="email",
    )
    referred = visit(action(), referrerType="website", referrerName="blog.example")
    columns = ("traffic_channel", "campaign", "source", "medium")
    assert [tuple(row[name] for name in columns) for row in mapped(tagged, referred)] == [
        ("Email", "spring", "letter", "email"),
        ("Referral", None, "blog.example", None),
    ]


@pytest.mark.parametrize(
    ("body", "field", "record"),
    [
        pytest.param("{", "", "matomo/visits/0", id="not JSON"),
        pytest.param("[]", "", "matomo/visits/0", id="not an object"),
        pytest.param({"idSite": 1, "actionDetails": []}, "", "matomo/visits/0", id="no visit id"),
        pytest.param(visit(actionDetails={"type": "x"}), "actionDetails", "matomo/visits/0", id="no list"),
        pytest.param(visit(action(type=3)), "actionDetails[0].type", "matomo/visits/0", id="typeless"),
        pytest.param(
            visit(action(timestamp="soon")), "actionDetails[0].timestamp", "matomo/visits/0#0000", id="time"
        ),
        pytest.param(
            visit(action(timeSpent="nan")), "actionDetails[0].timeSpent", "matomo/visits/0#0000", id="nan"
        ),
        pytest.param(
            visit(action(type="ecommerceOrder")),
            "actionDetails[0].orderId",
            "matomo/visits/0#0000",
            id="no order id",
        ),
        pytest.param(
            visit(action(timestamp=EPOCH_S - 86_401)),
            "actionDetails[0].timestamp",
            FIRST,
            id="long before the visit",
        ),
        pytest.param(visit(action(timestamp=EPOCH_S + 100_000)), "", FIRST, id="in the future"),
    ],
)
def test_what_cannot_be_used_is_rejected_with_its_place(body: Any, field: str, record: str) -> None:
    found = matomo.touchpoints({"visits": raw("matomo", "visits", body)}, zone=ZONE)
    assert found.rows.num_rows == 0
    assert refused(found.rejected) == [(record, field, "error")]


def test_a_bad_action_does_not_take_its_visit_with_it() -> None:
    body = visit(action(), action(timeSpent="long"), action())
    found = matomo.touchpoints({"visits": raw("matomo", "visits", body)}, zone=ZONE)
    assert found.rows["touchpoint_id"].to_pylist() == ["matomo/visits/0#0000", "matomo/visits/0#0002"]
    assert found.rejected["record_key"].to_pylist() == ["matomo/visits/0#0001"]


def test_rejections_never_quote_the_value() -> None:
    body = visit(action(timestamp="ann@shop.example"), visitorId={"mail": "ann@shop.example"})
    found = matomo.touchpoints({"visits": raw("matomo", "visits", body)}, zone=ZONE)
    (row,) = found.rejected.to_pylist()
    assert "ann@" not in row["reason"] + row["field"]


@pytest.mark.skipif(not RECORDINGS.exists(), reason="the vendors' recordings are not beside the project")
def test_the_recorded_visits_map_whole() -> None:
    """The golden file is the XML rendering of the rows that the JSON API returns: leaves are text."""
    path = RECORDINGS / "web/matomo/marketing_campaigns/test___Live.getLastVisitsDetails_day.xml"
    visits = [_json(row) for row in ElementTree.parse(path).getroot()]
    rows = mapped(*visits)
    types = [row["type"] for row in rows]
    assert {kind: types.count(kind) for kind in set(types)} == {
        "page_view": 10,
        "order": 1,
        "cart": 1,
        "event": 3,
    }
    (order,) = (row for row in rows if row["type"] == "order")
    assert (order["value"], order["unit"], order["subject_id"]) == (555.0, "USD", "Ecommerce_ORDER_ID_1")
    assert order["campaign"] == "ecommerce_campaign"


def _json(element: ElementTree.Element) -> Any:
    """A row of Matomo's XML as its JSON: repeated <row> children are a list, leaves are text."""
    children = list(element)
    if element.tag in ("actionDetails", "itemDetails", "pluginsIcons", "categories"):
        return [_json(child) for child in children]
    if not children:
        return re.sub(r"\s+$", "", element.text or "")
    return {child.tag: _json(child) for child in children}
