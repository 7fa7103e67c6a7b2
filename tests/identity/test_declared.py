"""Rules across vendors: who answers about a ticket is who asked, who comes by a mailing's link who got it."""

from pathlib import Path

import pyarrow as pa
import pytest

from journey_platform.cli import main
from journey_platform.identity.declared import declared_links
from journey_platform.identity.keys import identifier_key
from journey_platform.identity.observations import observations
from journey_platform.identity.resolve import resolve
from journey_platform.lake import Lake
from journey_platform.tables import LINKS_TABLE, touchpoints_table
from journey_platform.touchpoints import mailchimp, matomo
from tests.identity.people import SECRET, Identifier, groups
from tests.identity.shop import DAY, environment, fill, run, touch
from tests.touchpoints.raws import raw

ASKER, MAIL = ("zendesk_user_id", "7"), ("email", "dee@shop.example")


def tables(*tickets: tuple[str, Identifier], answers: list[tuple[Identifier, ...]]) -> list[pa.Table]:
    asked = [
        {**touch("zendesk", "tickets", "ticket_created", ticket, 0, (who,)), "subject_id": ticket}
        for ticket, who in tickets
    ]
    said = [
        touch("qualtrics", "responses", "survey_response", f"R{n}", n + 1, names)
        for n, names in enumerate(answers)
    ]
    return [
        pa.Table.from_pylist(rows, schema=touchpoints_table(vendor).schema)
        for vendor, rows in (("zendesk", asked), ("qualtrics", said))
    ]


def test_who_answers_about_a_ticket_is_its_requester() -> None:
    seen = tables(("5001", ASKER), answers=[(MAIL, ("ticket_id", "5001")), (MAIL, ("ticket_id", "5001"))])
    (link,) = declared_links(seen, secret=SECRET).to_pylist()
    assert {link["left_key"], link["right_key"]} == {identifier_key(SECRET, *name) for name in (ASKER, MAIL)}
    assert (link["rule"], link["records"], link["example"]) == (
        "ticket_requester",
        2,
        "qualtrics/responses/R0",
    )
    assert link["first_seen"] < link["last_seen"]
    found = resolve(observations(seen, []), secret=SECRET, evidence=declared_links(seen, secret=SECRET))
    assert groups(found) == {frozenset({ASKER, MAIL})}
    assert len(groups(resolve(observations(seen, []), secret=SECRET))) == 2


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param((MAIL, ("ticket_id", "")), id="about no ticket"),
        pytest.param((MAIL, ("ticket_id", "9")), id="about a ticket that is not there"),
        pytest.param((("ticket_id", "5001"),), id="by nobody"),
        pytest.param((MAIL,), id="without a reference"),
        pytest.param((ASKER, ("ticket_id", "5001")), id="by the requester, as such"),
    ],
)
def test_nothing_is_said_where_nothing_follows(answer: tuple[Identifier, ...]) -> None:
    assert declared_links(tables(("5001", ASKER), answers=[answer]), secret=SECRET).num_rows == 0


def test_a_reference_is_no_identifier() -> None:
    seen = tables(("5001", ASKER), answers=[(MAIL, ("ticket_id", "5001"))])
    assert set(observations(seen, [])["kind"].to_pylist()) == {"zendesk_user_id", "email"}


def test_who_comes_by_the_link_in_a_mailing_is_its_recipient() -> None:
    member = {"id": "5d41402abc4b2a76b9719d911017c592", "email_address": "ann@x.example"}
    said = mailchimp.contacts(
        {"members": raw("mailchimp", "members", {**member, "unique_email_id": "a1b2c3d4e5"})}, zone="UTC"
    ).rows
    action = {"type": "action", "url": "https://shop.example/sale?mc_cid=77&mc_eid=a1b2c3d4e5#top"}
    plain = {"type": "action", "url": "https://shop.example/?mc_eid=[UNIQID]"}
    visits = [
        {"idSite": 1, "idVisit": 1, "visitorId": "c1", "actionDetails": [plain, action]},
        {"idSite": 1, "idVisit": 2, "visitorId": "c2", "actionDetails": [plain]},
    ]
    seen = matomo.touchpoints({"visits": raw("matomo", "visits", *visits)}, zone="UTC").rows
    (link,) = declared_links([seen], [said], secret=SECRET).to_pylist()
    ends = (("cookie_id", "c1"), ("mailchimp_email_id", member["id"]))
    assert {link["left_key"], link["right_key"]} == {identifier_key(SECRET, *name) for name in ends}
    assert (link["rule"], link["example"]) == ("mailing_click", "matomo/visits/0")
    evidence = declared_links([seen], [said], secret=SECRET)
    found = groups(resolve(observations([seen], [said]), secret=SECRET, evidence=evidence))
    mail = ("email", "ann@x.example")
    assert found == {frozenset({*ends, mail}), frozenset({("cookie_id", "c2")})}


def test_the_order_of_the_tables_changes_nothing() -> None:
    answers = [(MAIL, ("ticket_id", "1")), (("user_id", "u"), MAIL, ("ticket_id", "2"))]
    seen = tables(("1", ASKER), ("2", ASKER), answers=answers)
    shuffled = [table.take(list(range(table.num_rows))[::-1]) for table in reversed(seen)]
    assert declared_links(shuffled, secret=SECRET).equals(declared_links(seen, secret=SECRET))


def test_the_rule_reaches_the_links_and_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    lake: Lake = fill(tmp_path)
    web, desk = (touchpoints_table(vendor) for vendor in ("matomo", "zendesk"))
    rows = lake.read(desk, [DAY]).to_pylist()
    asked = touch("zendesk", "tickets", "ticket_created", "9", 0, (("zendesk_user_id", "1"),))
    rows.append({**asked, "subject_id": "9"})
    lake.replace_days(desk, pa.Table.from_pylist(rows, schema=desk.schema), [DAY], run_id="ticket")
    visits = lake.read(web, [DAY]).to_pylist()
    who = (("cookie_id", "c-form"), ("ticket_id", "9"))
    visits.append(touch("matomo", "visits", "page_view", "v99", 0, who))
    lake.replace_days(web, pa.Table.from_pylist(visits, schema=web.schema), [DAY], run_id="form")
    run(tmp_path)
    assert "ticket_requester" in lake.read(LINKS_TABLE)["rule"].to_pylist()
    capsys.readouterr()
    assert main(["identity", "explain", "email:ann@shop.example", "cookie_id:c-form"]) == 0
    told = capsys.readouterr().out
    assert "one person" in told
    assert "zendesk_user_id 1 - cookie_id c-form: ticket_requester" in told
