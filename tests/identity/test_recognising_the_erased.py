"""An identifier of somebody erased is recognised wherever a record may carry it, and nothing else."""

import base64
import json

import pytest

from journey_platform.identity.erasure import Erased
from journey_platform.identity.keys import identifier_key
from journey_platform.identity.normalise import Spelling, normalise
from journey_platform.touchpoints.carried import fields_of
from journey_platform.touchpoints.files import FeedRules, FileMapping

SECRET = b"a long random text for tests only"
ANN = {
    "email": "ann.bee@gmail.com",
    "phone": "+31612345678",
    "user_id": "u-100007",
    "cookie_id": "0dd1a3939e26d29a",
    "zendesk_user_id": "81",
    "ticket_id": "5001",
    "social_handle": "ann@social.example",
    "mailchimp_email_id": "5d41402abc4b2a76b9719d911017c592",
    "click_id": "a1b2c3d4e5",
    "shopify_customer_id": "71",
    "loyalty_id": "770012",
    "promo_code": "ANN-7F3K",
}
MEMBERS = "mailchimp/members"
TICKETS = "zendesk/tickets"
USERS = "zendesk/users"
ORDERS = "shopify/orders"
CODE = {"discount_codes": [{"code": " ann-7f3K "}]}
VISITS = "matomo/visits"
RESPONSES = "qualtrics/responses"
POSTS = "mastodon/tag_timelines"
DUTCH = Spelling("NL")
ERASED = Erased(
    [(kind, identifier_key(SECRET, kind, normalise(kind, value, DUTCH))) for kind, value in ANN.items()],
    secret=SECRET,
    spelling=DUTCH,
)


def is_found(source: str, record: object) -> bool:
    body = record if isinstance(record, str) else json.dumps(record, ensure_ascii=False)
    vendor, stream = source.split("/")
    return ERASED.is_in_body(body, fields_of(vendor, stream))


@pytest.mark.parametrize(
    ("source", "record"),
    [
        pytest.param(MEMBERS, {"email_address": "Ann.Bee@GMAIL.com"}, id="an address"),
        pytest.param(MEMBERS, {"merge_fields": {"X": "annbee+news@gmail.com"}}, id="its other spelling"),
        pytest.param(TICKETS, {"description": "I am ann.bee@gmail.com."}, id="in a text"),
        pytest.param(TICKETS, {"description": "<ann.bee@gmail.com>, please"}, id="in brackets"),
        pytest.param(VISITS, {"url": "https://x.example/?mail=ann.bee%40gmail.com&a=1"}, id="in a URL"),
        pytest.param(MEMBERS, '{"email_address":"ann.bee\\u0040gmail.com"}', id="escaped"),
        pytest.param(RESPONSES, '{"told_by":"ann.bee@gmail.com"', id="in what is no JSON"),
        pytest.param(
            RESPONSES,
            {"base64": base64.b64encode(b"\xff ann.bee@gmail.com").decode()},
            id="in what is no text",
        ),
        pytest.param(USERS, {"phone": "06 1234 5678"}, id="a number without its country"),
        pytest.param(USERS, {"phone": "0031.6.12.34.56.78"}, id="a number with dots"),
        pytest.param(TICKETS, {"description": "Call +31 (0)6 12345678!"}, id="a number in a text"),
        pytest.param(TICKETS, {"requester_id": 81}, id="a small number as the requester"),
        pytest.param(TICKETS, {"collaborator_ids": [7, 81]}, id="among those in copy"),
        pytest.param(USERS, {"id": 81}, id="the record's own id"),
        pytest.param("zendesk/ticket_metric_events", {"id": 1, "ticket_id": 5001}, id="about their ticket"),
        pytest.param(RESPONSES, {"ticket_id": "5001"}, id="a survey about their ticket"),
        pytest.param(VISITS, {"visitorId": "0dd1a3939e26d29a"}, id="a cookie"),
        pytest.param(VISITS, {"actionDetails": [{"url": "/a?mc_eid=a1b2c3d4e5"}]}, id="a mailing's link"),
        pytest.param(VISITS, {"userId": "u-100007"}, id="a user id"),
        pytest.param(VISITS, {"userId": " u-100007 "}, id="a user id with spaces"),
        pytest.param(
            "mailchimp/email_activity",
            {"email_id": ANN["mailchimp_email_id"]},
            id="a hash of theirs",
        ),
        pytest.param(
            POSTS,
            {"account": {"acct": "ann@social.example"}},
            id="a handle of another server",
        ),
        pytest.param(
            POSTS,
            {"account": {"acct": "ann", "url": "https://social.example/@ann"}},
            id="a local handle",
        ),
        pytest.param(
            "zendesk/organization_memberships",
            {"user_id": 81, "memberships": [{"id": 4, "user_id": 81}]},
            id="who is in which organisations",
        ),
        pytest.param(ORDERS, {"customer": {"id": 71}}, id="a shop's customer"),
        pytest.param(
            ORDERS, {"note_attributes": [{"name": "Loyalty_ID?", "value": 770012}]}, id="a card at the till"
        ),
        pytest.param(ORDERS, CODE, id="a code alone"),
        pytest.param(
            ORDERS,
            {**CODE, "email": "", "phone": None, "customer": None, "line_items": [{"quantity": 3}]}
            | {"note_attributes": [{"name": "How did you hear about us?", "value": "a friend"}]},
            id="a code alone, in a full order",
        ),
        pytest.param(POSTS, {"content": "<p>Thanks @Ann@Social.example!</p>"}, id="a mention"),
    ],
)
def test_what_carries_one_is_found(source: str, record: object) -> None:
    assert is_found(source, record)


@pytest.mark.parametrize(
    ("source", "record"),
    [
        pytest.param(TICKETS, {"requester_id": 810, "custom_fields": [{"id": 81}]}, id="another 81"),
        pytest.param(TICKETS, {"id": 81, "tags": ["81"]}, id="a ticket of that number"),
        pytest.param(USERS, {"id": 5001, "photo": {"id": 81}}, id="a thing within the record"),
        pytest.param(MEMBERS, {"email_address": "joann.bee@gmail.com"}, id="an address that ends so"),
        pytest.param(MEMBERS, {"email_address": "ann.bee@gmail.com.example"}, id="a longer domain"),
        pytest.param(USERS, {"phone": "+316123456789"}, id="a longer number"),
        pytest.param(VISITS, {"userId": "u-1000071"}, id="a longer id"),
        pytest.param(ORDERS, {"id": 71, "line_items": [{"id": 770012}]}, id="an order of that number"),
        pytest.param(ORDERS, {**CODE, "email": "bo@shop.example"}, id="a code that another redeemed by mail"),
        pytest.param(ORDERS, {**CODE, "customer": {"phone": "+31655555555"}}, id="or by telephone"),
        pytest.param(ORDERS, {**CODE, "customer": {"id": 72}}, id="or as a customer"),
        pytest.param(
            ORDERS, {**CODE, "note_attributes": [{"name": "loyalty id", "value": "8"}]}, id="or with a card"
        ),
        pytest.param(ORDERS, {"discount_codes": [{"code": "SPRING"}]}, id="another code"),
        pytest.param(TICKETS, {"description": "ANN-7F3K does not work"}, id="a code in a text of others"),
        pytest.param(VISITS, {"visitDuration": "5001", "timestamp": 1772434567}, id="figures"),
        pytest.param(VISITS, {"userId": None, "actionDetails": []}, id="nothing"),
    ],
)
def test_what_is_someone_elses_is_not_taken(source: str, record: object) -> None:
    assert not is_found(source, record)


def test_nobody_is_erased_before_anybody_was() -> None:
    nobody = Erased([], secret=SECRET)
    assert not nobody
    assert not nobody.is_named("ann.bee@gmail.com")


def test_a_feed_of_files_says_itself_which_columns_carry_one() -> None:
    rules = FeedRules(
        is_event=True,
        touchpoints=[
            {"type": "order", "channel": "commerce", "identifiers": {"loyalty_id": "$card"}},
            {
                "type": "refund",
                "channel": "commerce",
                "identifiers": {"user_id": "${web id}", "phone": "+$no"},
            },
        ],
        contacts=[],
    )
    columns = FileMapping({"receipts": rules}, ("loyalty_id", "user_id", "phone")).carried("receipts")
    assert columns == {"card": "loyalty_id", "web id": "user_id"}
    declared = {"files/receipts": columns}
    card = ("loyalty_id", identifier_key(SECRET, "loyalty_id", "77"))
    erased = Erased([card], secret=SECRET, declared=declared)
    fields = erased.fields_of("files", "receipts")
    assert erased.is_in_body('{"card":"77","amount":"12"}', fields)
    assert not erased.is_in_body('{"card":"78","amount":"77"}', fields)


@pytest.mark.parametrize(
    ("body", "is_theirs"),
    [
        pytest.param('{"code":"SUMMER-77","card":""}', True, id="alone"),
        pytest.param('{"code":"SUMMER-77","card":"78"}', False, id="with another's card"),
        pytest.param('{"code":"SUMMER-78"}', False, id="another code"),
    ],
)
def test_a_code_in_a_file_counts_where_no_other_column_names_anybody(body: str, is_theirs: bool) -> None:
    columns = {"code": "promo_code", "card": "loyalty_id"}
    code = ("promo_code", identifier_key(SECRET, "promo_code", "summer-77"))
    erased = Erased([code], secret=SECRET, declared={"files/receipts": columns})
    assert erased.is_in_body(body, erased.fields_of("files", "receipts")) is is_theirs
