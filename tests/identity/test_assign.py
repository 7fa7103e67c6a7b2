"""Touchpoints find their profile by their strongest identifier that has one."""

import json

import pyarrow as pa
import pytest

from journey_platform.identity.assign import assign, person_keys
from journey_platform.identity.keys import identifier_key
from journey_platform.identity.observations import observations
from journey_platform.identity.resolve import resolve
from journey_platform.tables import IDENTIFIERS, JOURNEY_TOUCHPOINTS
from journey_platform.touchpoints import mailchimp, matomo
from tests.identity.people import SECRET, Identifier, Record, observed, persons
from tests.touchpoints.raws import raw

ANN, BO = ("user_id", "u-ann"), ("user_id", "u-bo")
KIOSK, PHONE = ("cookie_id", "kiosk"), ("phone", "+31612345678")
RECORDS: list[Record] = [
    ("a/s/1", 0, [ANN, KIOSK]),
    ("a/s/2", 1, [BO, KIOSK]),
    ("a/s/3", 2, [BO, PHONE]),
    ("a/s/4", 3, [("cookie_id", "lone")]),
]


def column(*rows: list[Identifier]) -> pa.ChunkedArray:
    lists = [[{"kind": kind, "value": value} for kind, value in row] for row in rows]
    return pa.chunked_array([pa.array(lists, IDENTIFIERS)])


@pytest.mark.parametrize(
    ("carried", "owner"),
    [
        pytest.param([ANN], ANN, id="one identifier"),
        pytest.param([("user_id", " u-ann ")], ANN, id="spelled otherwise"),
        pytest.param([PHONE, ANN], ANN, id="the stronger of two persons' identifiers"),
        pytest.param([KIOSK, PHONE], BO, id="the shared one is passed over"),
        pytest.param([KIOSK], None, id="only a shared one"),
        pytest.param([("user_id", "null")], None, id="only a placeholder"),
        pytest.param([("user_id", "stranger")], None, id="never observed"),
        pytest.param([], None, id="none"),
        pytest.param([("cookie_id", "lone")], ("cookie_id", "lone"), id="an anonymous device"),
    ],
)
def test_the_strongest_identifier_that_has_a_profile_decides(
    carried: list[Identifier], owner: Identifier | None
) -> None:
    resolution = resolve(observed(RECORDS), secret=SECRET)
    expected = None if owner is None else persons(resolution)[owner]
    found = person_keys(column([ANN], carried, [ANN]), resolution.identifiers, secret=SECRET)
    assert found[1].as_py() == expected


def test_the_order_of_the_identifiers_table_does_not_matter() -> None:
    table = resolve(observed(RECORDS), secret=SECRET).identifiers
    turned = table.take(list(range(table.num_rows))[::-1])
    lists = column([ANN], [BO], [PHONE], [KIOSK])
    expected = person_keys(lists, table, secret=SECRET)
    assert person_keys(lists, turned, secret=SECRET).equals(expected)
    assert expected.null_count == 1


def test_before_anything_is_resolved_everybody_is_unknown() -> None:
    nobody = resolve(observed([]), secret=SECRET)
    assert person_keys(column([ANN], []), nobody.identifiers, secret=SECRET).to_pylist() == [None, None]


def test_touchpoints_of_all_vendors_become_journey_touchpoints() -> None:
    action = {"type": "action", "url": "https://shop.example/"}
    visits = [
        {"idSite": 1, "idVisit": 1, "visitorId": "c1", "userId": "u-ann", "actionDetails": [action, action]},
        {"idSite": 1, "idVisit": 2, "visitorId": "c2", "browserName": "Bot", "actionDetails": [action]},
        {"idSite": 1, "idVisit": 3, "visitorId": "0000", "actionDetails": [action]},
    ]
    opened = {"campaign_id": "c", "email_id": "5d41", "email_address": "Ann@x.example", "action": "open"}
    web = matomo.touchpoints({"visits": raw("matomo", "visits", *visits)}, zone="UTC").rows
    mail = mailchimp.touchpoints(
        {"email_activity": raw("mailchimp", "email_activity", opened)}, zone="UTC"
    ).rows
    resolution = resolve(observations([web, mail], []), secret=SECRET)
    found = assign(pa.concat_tables([mail, web]), resolution.identifiers, secret=SECRET)
    assert found.schema == JOURNEY_TOUCHPOINTS.schema
    known = {row["touchpoint_id"]: row for row in found.to_pylist()}
    ann = persons(resolution)[("user_id", "u-ann")]
    assert {key: row["person_key"] for key, row in known.items()} == {
        "matomo/visits/0#0000": ann,
        "matomo/visits/0#0001": ann,
        "matomo/visits/1#0000": None,
        "matomo/visits/2#0000": None,
        "mailchimp/email_activity/0": persons(resolution)[("email", "ann@x.example")],
    }
    assert {key: row["device_key"] for key, row in known.items() if row["device_key"]} == {
        "matomo/visits/0#0000": identifier_key(SECRET, "cookie_id", "c1"),
        "matomo/visits/0#0001": identifier_key(SECRET, "cookie_id", "c1"),
        "matomo/visits/1#0000": identifier_key(SECRET, "cookie_id", "c2"),
    }
    recipient = known["mailchimp/email_activity/0"]["recipient_key"]
    assert recipient == identifier_key(SECRET, "mailchimp_email_id", "5d41")


def test_a_visit_is_one_record_however_many_actions_it_has() -> None:
    action = {"type": "action", "url": "https://shop.example/"}
    visit = {"idSite": 1, "idVisit": 1, "visitorId": "c1", "userId": "u", "actionDetails": [action] * 3}
    web = matomo.touchpoints({"visits": raw("matomo", "visits", json.dumps(visit))}, zone="UTC").rows
    resolution = resolve(observations([web], []), secret=SECRET)
    assert resolution.identifiers["records"].to_pylist() == [1, 1]
    (link,) = resolution.links.to_pylist()
    assert (link["records"], link["example"]) == (1, "matomo/visits/0")
