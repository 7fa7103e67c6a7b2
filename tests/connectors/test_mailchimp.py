"""Mailchimp where no recording leads: mailings and what recipients did, moving members, cursors."""

from collections.abc import Callable
from typing import Any

import pytest

from connectors.errors import ConfigurationError, NotFound
from tests.recorded.reading import ALWAYS, bad, body, connector, days, records
from tests.recorded.tapes import answered
from tests.servers.replay import Asked, Recorded, Replay

Rows = list[dict[str, Any]]
DAY = days("2026-03-10", "2026-03-11")


def mailchimp(**lists: Rows | Callable[[], Rows]) -> Replay:
    """Lists by path below /3.0 ("/" written "__", "-" written "_"), paged by count and offset; else 404."""

    def rule(asked: Asked) -> Recorded:
        path = asked.path.removeprefix("/3.0/").replace("/", "__").replace("-", "_")
        if path not in lists:
            return Recorded(asked, 404, (), b"{}")
        found = lists[path]
        rows = found() if callable(found) else found
        plural = {"email_activity": "emails", "unsubscribed": "unsubscribes"}.get(
            path.rpartition("__")[2], path.rpartition("__")[2]
        )
        first = int(asked.params["offset"])
        page = rows[first : first + int(asked.params["count"])]
        return answered(asked, {plural: page, "total_items": len(rows)})

    return Replay([], rule)


def mailing(name: str, sent: str) -> dict[str, Any]:
    return {"id": name, "send_time": sent}


def recipient(name: str, *activity: dict[str, Any]) -> dict[str, Any]:
    return {
        "campaign_id": "c1",
        "list_id": "l1",
        "email_id": name,
        "email_address": f"{name}@example.com",
        "activity": list(activity),
    }


def test_each_action_of_a_recipient_is_one_record() -> None:
    opened = {"action": "open", "timestamp": "2026-03-10T09:00:00+00:00", "ip": "192.0.2.1"}
    clicked = {"action": "click", "timestamp": "2026-03-10T09:01:00+00:00", "url": "https://shop.example/a"}
    early = {"action": "open", "timestamp": "2026-03-09T23:59:59+00:00"}
    with mailchimp(
        reports=[mailing("c1", "2026-03-09T08:00:00+00:00"), mailing("c2", "2026-03-11T00:00:00+00:00")],
        reports__c1__email_activity=[
            recipient("ann", opened, clicked),
            recipient("ben"),
            recipient("cem", early),
        ],
    ) as replay:
        pages = list(connector("mailchimp", replay).read("email_activity", DAY))
        asked = [a for a in replay.asked if a.path.endswith("email-activity")]
    # The mailing sent after the window is not asked for.
    assert [a.path for a in asked] == ["/3.0/reports/c1/email-activity"]
    assert asked[0].params["since"] == "2026-03-10T00:00:00+00:00"
    found = records(pages)
    assert [(r.key.rsplit(":", 1)[0] if "click" in r.key else r.key) for r in found] == [
        "c1:ann:open:2026-03-10T09:00:00+00:00",
        "c1:ann:click:2026-03-10T09:01:00+00:00",
    ]
    assert body(found[0]) == {
        "action": "open",
        "timestamp": "2026-03-10T09:00:00+00:00",
        "ip": "192.0.2.1",
        "campaign_id": "c1",
        "list_id": "l1",
        "email_id": "ann",
        "email_address": "ann@example.com",
    }
    assert sum(page.skipped for page in pages) == 1


def test_clicks_of_one_second_on_two_links_are_two_records() -> None:
    at = {"action": "click", "timestamp": "2026-03-10T09:00:00+00:00"}
    with mailchimp(
        reports=[mailing("c1", "2026-03-09T08:00:00+00:00")],
        reports__c1__email_activity=[
            recipient("ann", at | {"url": "https://a.example"}, at | {"url": "https://b.example"})
        ],
    ) as replay:
        found = records(connector("mailchimp", replay).read("email_activity", DAY))
    assert len({record.key for record in found}) == 2


@pytest.mark.parametrize(
    ("row", "field"),
    [
        pytest.param(recipient("ann", {"action": "open", "timestamp": ""}), "$.timestamp", id="no time"),
        pytest.param(recipient("ann", {"timestamp": "2026-03-10T09:00:00Z"}), "$.action", id="no action"),
        pytest.param({"campaign_id": "c1", "email_id": 7, "activity": []}, "$.email_id", id="no recipient"),
    ],
)
def test_what_cannot_be_used_is_kept_with_its_reason(row: dict[str, Any], field: str) -> None:
    good = {"action": "open", "timestamp": "2026-03-10T09:00:00+00:00"}
    with mailchimp(
        reports=[mailing("c1", "2026-03-09T08:00:00+00:00")],
        reports__c1__email_activity=[row, recipient("ben", good)],
    ) as replay:
        pages = list(connector("mailchimp", replay).read("email_activity", DAY))
    assert len(records(pages)) == 1
    assert [record.field for record in bad(pages)] == [field]


def test_a_mailing_that_is_gone_fails_the_read() -> None:
    with mailchimp(reports=[mailing("gone", "2026-03-09T08:00:00+00:00")]) as replay, pytest.raises(NotFound):
        list(connector("mailchimp", replay).read("email_activity", DAY))


def test_unsubscribes_are_those_of_the_window() -> None:
    rows = [
        {"campaign_id": "c1", "email_id": name, "timestamp": f"2026-03-{day}T12:00:00+00:00"}
        for name, day in (("ann", "09"), ("ben", "10"), ("cem", "11"))
    ]
    with mailchimp(reports=[mailing("c1", "")], reports__c1__unsubscribed=rows) as replay:
        pages = list(connector("mailchimp", replay).read("unsubscribes", DAY))
    assert [record.key for record in records(pages)] == ["c1:ben"]
    assert sum(page.skipped for page in pages) == 2


def member(number: int, changed: str = "2026-03-10T00:00:00+00:00", list_id: str = "l1") -> dict[str, Any]:
    return {"id": f"{number:04}", "list_id": list_id, "last_changed": changed}


def test_a_member_who_changes_while_pages_are_read_hides_none_and_comes_anew() -> None:
    members = [member(number) for number in range(1500)]
    with mailchimp(lists=[{"id": "l1"}], lists__l1__members=lambda: members) as replay:
        pages = connector("mailchimp", replay).read("members", ALWAYS)
        found = records([next(pages)])
        members.append(members.pop(3) | {"last_changed": "2026-03-10T05:00:00+00:00"})
        rest = list(pages)
        found += records(rest)
    assert {record.key for record in found} == {f"l1:{number:04}" for number in range(1500)}
    assert len(found) == 1501
    assert rest[-1].cursor == '{"l1":"2026-03-10T05:00:00+00:00"}'


def test_the_cursor_moves_list_by_list_and_a_new_list_is_read_from_its_start() -> None:
    lists = {"lists": [{"id": "l1"}, {"id": "l2"}]}
    with mailchimp(
        **lists, lists__l1__members=[member(1)], lists__l2__members=[member(2, "2026-03-11T00:00:00Z", "l2")]
    ) as replay:
        reader = connector("mailchimp", replay)
        cursors = [page.cursor for page in reader.read("members", DAY)]
        replay.asked.clear()
        list(reader.read("members", DAY, '{"l1":"2026-03-10T00:00:00+00:00"}'))
        since = [a.params.get("since_last_changed") for a in replay.asked if a.path.endswith("members")]
    assert cursors == [
        None,
        '{"l1":"2026-03-10T00:00:00+00:00"}',
        None,
        '{"l1":"2026-03-10T00:00:00+00:00","l2":"2026-03-11T00:00:00+00:00"}',
    ]
    assert since == ["2026-03-09T23:59:00+00:00", None]


def test_an_empty_time_of_change_is_none() -> None:
    with mailchimp(lists=[{"id": "l1"}], lists__l1__members=[member(1, "")]) as replay:
        [record] = records(connector("mailchimp", replay).read("members", ALWAYS))
    assert record.time is None


def test_a_cursor_of_another_kind_is_refused() -> None:
    with mailchimp(lists=[]) as replay, pytest.raises(ConfigurationError, match="cursor"):
        list(connector("mailchimp", replay).read("members", ALWAYS, "MTcwNzI3MTc0MS4wfHw0MDQ1fA=="))


def test_the_keys_ending_names_the_host() -> None:
    with mailchimp() as replay:
        reader = connector("mailchimp", replay, MAILCHIMP_BASE_URL="", MAILCHIMP_API_KEY="canary-us21")
        assert "https://us21.api.mailchimp.com/3.0" in str(vars(reader))
        assert "canary" not in str(vars(reader))
        with pytest.raises(ConfigurationError, match="MAILCHIMP_API_KEY") as refused:
            connector("mailchimp", replay, MAILCHIMP_BASE_URL="", MAILCHIMP_API_KEY="canary@evil.example/")
    assert "canary" not in str(refused.value)
