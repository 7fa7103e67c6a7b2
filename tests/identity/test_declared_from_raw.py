"""The declared rules end to end: vendors' raw records in, who is one person out."""

from typing import Any

import pyarrow as pa
import pytest

from journey_platform.identity.declared import THING_IS_SHARED, declared_links, owner_of
from journey_platform.identity.observations import observations
from journey_platform.identity.resolve import Resolution, resolve
from journey_platform.touchpoints.vendors import MAPPINGS
from tests.identity.people import SECRET, Identifier, groups
from tests.touchpoints.raws import raw

Raw = dict[str, dict[str, list[dict[str, Any]]]]
"""By vendor and stream the bodies of records."""

ANN, BOB = "5d41402abc4b2a76b9719d911017c592", "7d793037a0760186574b0282f2f435e7"
PRIVATE: Identifier = ("email", "ann@home.example")
AT_WORK: Identifier = ("email", "ann@work.example")


def member(mail: str = "ann@work.example", who: str = ANN, **fields: str) -> dict[str, Any]:
    return {"id": who, "email_address": mail, "unique_email_id": "a1b2c3d4e5", "merge_fields": fields}


def order(number: int, *codes: str, **fields: Any) -> dict[str, Any]:
    return {
        "id": number,
        "name": f"#{number}",
        "created_at": "2026-03-01T23:30:00+01:00",
        "currency": "EUR",
        "total_price": "40.00",
        "discount_codes": [{"code": code} for code in codes],
        **fields,
    }


def mapped(records: Raw) -> tuple[list[pa.Table], list[pa.Table]]:
    touchpoints: list[pa.Table] = []
    contacts: list[pa.Table] = []
    for vendor, streams in records.items():
        tables = {stream: raw(vendor, stream, *bodies) for stream, bodies in streams.items()}
        touchpoints.append(MAPPINGS[vendor].touchpoints(tables, zone="UTC").rows)
        contacts.append(MAPPINGS[vendor].contacts(tables, zone="UTC").rows)
    return touchpoints, contacts


def resolved(records: Raw) -> Resolution:
    touchpoints, contacts = mapped(records)
    evidence = declared_links(touchpoints, contacts, secret=SECRET)
    return resolve(observations(touchpoints, contacts), secret=SECRET, evidence=evidence)


def is_one_person(found: Resolution, *names: Identifier) -> bool:
    return any({*names} <= group for group in groups(found))


TICKET = {"id": 5001, "created_at": "2026-03-01T08:00:00Z", "status": "new", "requester_id": 7}
ANSWER = {
    "survey_id": "SV_1",
    "_recordId": "R_1",
    "status": "0",
    "finished": "1",
    "distributionChannel": "email",
    "recipientEmail": PRIVATE[1],
    "ticket_id": "5001",
}
BY_MAIL = {"type": "action", "url": "https://shop.example/sale?mc_cid=77&mc_eid=a1b2c3d4e5"}
VISIT = {"idSite": 1, "idVisit": 1, "visitorId": "c1", "actionDetails": [BY_MAIL]}
CARD = [{"name": "Loyalty id", "value": "770012"}]
GIVEN = {"PROMOCODE": "ANN-7F3K"}


@pytest.mark.parametrize(
    ("records", "ends", "rule"),
    [
        pytest.param(
            {"zendesk": {"tickets": [TICKET]}, "qualtrics": {"responses": [ANSWER]}},
            (("zendesk_user_id", "7"), PRIVATE),
            "ticket_requester",
            id="a survey's ticket",
        ),
        pytest.param(
            {"mailchimp": {"members": [member()]}, "matomo": {"visits": [VISIT]}},
            (AT_WORK, ("cookie_id", "c1")),
            "mailing_click",
            id="a mailing's click id",
        ),
        pytest.param(
            {
                "mailchimp": {"members": [member(**GIVEN)]},
                "shopify": {"orders": [order(1, " ann-7f3k", email=PRIVATE[1]), order(2, "SPRING")]},
            },
            (AT_WORK, PRIVATE),
            "personal_code",
            id="a personal code",
        ),
        pytest.param(
            {
                "mailchimp": {"members": [member(LOYALTYID="770012")]},
                "shopify": {
                    "orders": [order(1, source_name="pos", phone="+31612345678", note_attributes=CARD)]
                },
            },
            (AT_WORK, ("phone", "+31612345678")),
            "co_observed",
            id="a till's loyalty card",
        ),
    ],
)
def test_records_of_two_vendors_are_one_persons_by_what_one_says_of_the_other(
    records: Raw, ends: tuple[Identifier, Identifier], rule: str
) -> None:
    found = resolved(records)
    assert is_one_person(found, *ends)
    assert rule in found.links.filter(found.links["is_accepted"])["rule"].to_pylist()
    for vendor in records:
        alone = resolved({vendor: records[vendor]})
        assert not is_one_person(alone, *ends)


@pytest.mark.parametrize(
    ("members", "orders"),
    [
        pytest.param(
            [member(**GIVEN), member("bob@work.example", BOB, **GIVEN)],
            [order(1, "ANN-7F3K", email=PRIVATE[1])],
            id="given to two",
        ),
        pytest.param(
            [member(**GIVEN)],
            [order(n, "ANN-7F3K", email=f"friend{n}@home.example") for n in range(3)]
            + [order(9, "ANN-7F3K", email=PRIVATE[1])],
            id="passed on",
        ),
    ],
)
def test_a_code_that_many_have_links_nobody_and_each_link_is_kept_as_refused(
    members: list[dict[str, Any]], orders: list[dict[str, Any]]
) -> None:
    found = resolved({"mailchimp": {"members": members}, "shopify": {"orders": orders}})
    assert not is_one_person(found, AT_WORK, PRIVATE)
    of_rule = [row for row in found.links.to_pylist() if row["rule"] == "personal_code"]
    said = [(row["is_accepted"], row["reason"]) for row in of_rule]
    assert said == [(False, THING_IS_SHARED)] * len(orders)
    ends = [(row["left_key"], row["right_key"], row["rule"]) for row in found.links.to_pylist()]
    assert ends == sorted(ends)


def test_a_code_that_was_given_to_nobody_links_nobody() -> None:
    orders = [order(n, "SPRING", email=f"friend{n}@home.example") for n in range(2)]
    found = resolved({"mailchimp": {"members": [member(**GIVEN)]}, "shopify": {"orders": orders}})
    assert "personal_code" not in found.links["rule"].to_pylist()


def test_no_order_of_the_records_changes_what_a_code_says() -> None:
    members = [
        member(**GIVEN),
        member("bob@work.example", BOB, **GIVEN),
        member("cy@x.example", PROMOCODE="C"),
    ]
    orders = [
        order(n, code, email=f"f{n}@home.example") for n, code in enumerate(("ANN-7F3K", "c", "ann-7f3k"))
    ]
    one = resolved({"mailchimp": {"members": members}, "shopify": {"orders": orders}})
    other = resolved({"shopify": {"orders": orders[::-1]}, "mailchimp": {"members": members[::-1]}})
    without_examples = [name for name in one.links.schema.names if name != "example"]
    assert one.identifiers.equals(other.identifiers)
    assert one.links.select(without_examples).equals(other.links.select(without_examples))


@pytest.mark.parametrize(
    ("records", "thing", "owner"),
    [
        pytest.param(
            {"zendesk": {"tickets": [TICKET]}}, ("ticket_id", "5001"), ("zendesk_user_id", "7"), id="a ticket"
        ),
        pytest.param(
            {"mailchimp": {"members": [member()]}},
            ("click_id", "A1B2C3D4E5"),
            ("mailchimp_email_id", ANN),
            id="a mailing's click id",
        ),
        pytest.param(
            {"mailchimp": {"members": [member(**GIVEN)]}},
            ("promo_code", "ann-7f3k "),
            ("mailchimp_email_id", ANN),
            id="a code that was never used",
        ),
        pytest.param(
            {"mailchimp": {"members": [member(**GIVEN), member("bob@work.example", BOB, **GIVEN)]}},
            ("promo_code", "ANN-7F3K"),
            None,
            id="a code of two",
        ),
        pytest.param(
            {
                "mailchimp": {"members": [member(**GIVEN)]},
                "shopify": {
                    "orders": [order(n, "ANN-7F3K", email=f"friend{n}@home.example") for n in range(2)]
                },
            },
            ("promo_code", "ANN-7F3K"),
            None,
            id="a code that was passed on",
        ),
        pytest.param(
            {"shopify": {"orders": [order(1, "SPRING")]}}, ("promo_code", "SPRING"), None, id="nobody's"
        ),
    ],
)
def test_a_thing_is_told_to_be_whose_it_is(records: Raw, thing: Identifier, owner: Identifier | None) -> None:
    touchpoints, contacts = mapped(records)
    assert owner_of(*thing, touchpoints, contacts, secret=SECRET) == owner
