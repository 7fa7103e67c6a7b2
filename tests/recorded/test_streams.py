"""Every recorded read of a stream, by its connector, over a socket: exact rows, ids and requests."""

from collections import Counter
from datetime import UTC, datetime

import pytest

from connectors.base import Window
from connectors.config import from_environment
from connectors.registry import CONNECTORS
from tests.connectors.controlled_clock import ControlledClock
from tests.recorded import tapes
from tests.recorded.reading import ALWAYS, NOW, bad, body, connector, days, records
from tests.servers.replay import Replay

pytestmark = tapes.needs_recordings

TICKET_IDS = {28, 29, 30, 31, 32, 37, 38}  # those of the first second, as the tape's first time-based page


@pytest.mark.parametrize(
    ("vendor", "stream", "window", "rows", "keys", "requests"),
    [
        pytest.param("matomo", "sites", ALWAYS, 1, 1, 1, id="matomo sites"),
        # The site's zone; the day until an empty page; the day after.
        pytest.param("matomo", "visits", days("2013-01-23", "2013-01-24"), 10, 10, 4, id="matomo visits"),
        pytest.param(
            "matomo", "visits", days("2013-01-24", "2013-01-25"), 0, 0, 3, id="matomo, an empty day"
        ),
        pytest.param(
            "matomo", "visits_summary", days("2019-06-29", "2019-07-01"), 1, 1, 3, id="matomo summary"
        ),
        pytest.param(
            "matomo", "referrers", days("2013-01-23", "2013-01-24"), 17, 17, 4, id="matomo campaigns"
        ),
        pytest.param(
            "matomo", "referrers", days("2019-06-30", "2019-07-01"), 10, 10, 4, id="matomo types and websites"
        ),
        # Two recorded lists carry one id: the list is read once more, and brings nothing new.
        pytest.param("mailchimp", "lists", ALWAYS, 5, 4, 2, id="mailchimp lists"),
        pytest.param("mailchimp", "members", ALWAYS, 10, 10, 2 + 4, id="mailchimp members"),
        pytest.param("mailchimp", "campaigns", ALWAYS, 0, 0, 1, id="mailchimp campaigns, none recorded"),
        pytest.param("zendesk", "tickets", ALWAYS, 87, 87, 1, id="zendesk tickets"),
        pytest.param("zendesk", "users", ALWAYS, 100, 100, 1, id="zendesk users"),
        pytest.param("zendesk", "organizations", ALWAYS, 100, 100, 1, id="zendesk organizations"),
        pytest.param("zendesk", "organization_memberships", ALWAYS, 0, 0, 1, id="zendesk memberships, none"),
        pytest.param("qualtrics", "surveys", ALWAYS, 4, 4, 1, id="qualtrics surveys"),
        pytest.param("qualtrics", "survey_definitions", ALWAYS, 1, 1, 1, id="qualtrics definition"),
        pytest.param("qualtrics", "responses", ALWAYS, 26, 26, 4, id="qualtrics responses"),
        pytest.param("mastodon", "tag_timelines", ALWAYS, 1, 1, 2, id="mastodon tag"),
        pytest.param("mastodon", "account_statuses", ALWAYS, 10, 10, 2, id="mastodon account"),
        pytest.param("mastodon", "search", ALWAYS, 0, 0, 1, id="mastodon search"),
    ],
)
def test_a_recorded_stream_is_read_whole(
    vendor: str, stream: str, window: Window, rows: int, keys: int, requests: int
) -> None:
    with serve(vendor) as replay:
        reader = connector(vendor, replay)
        pages = list(reader.read(stream, window))
        assert len(records(pages)) == rows
        assert len({record.key for record in records(pages)}) == keys
        assert bad(pages) == []
        assert sum(page.skipped for page in pages) == 0
        assert len(replay.asked) == requests
        declared = reader.stream(stream).primary_key
        assert all(field in body(record) for record in records(pages) for field in declared)


@pytest.mark.parametrize("vendor", ["matomo", "mailchimp", "zendesk", "qualtrics", "mastodon"])
def test_credentials_are_checked_by_one_recorded_request(vendor: str) -> None:
    with serve(vendor) as replay:
        connector(vendor, replay).check()
        assert len(replay.asked) == 1


def test_visits_are_the_goldens_rows_with_the_times_put_back() -> None:
    with tapes.matomo() as replay:
        found = records(connector("matomo", replay).read("visits", days("2013-01-23", "2013-01-24")))
        forms = [asked.body for asked in replay.asked]
    assert {record.key for record in found} == {f"1:{visit}" for visit in range(20, 30)}
    by_key = {record.key: record for record in found}
    assert by_key["1:20"].time == datetime(2013, 1, 23, 3, 23, 45, tzinfo=UTC)
    order = body(by_key["1:27"])["actionDetails"][1]
    assert (order["type"], order["revenue"], order["items"]) == ("ecommerceOrder", "555", "5")
    assert body(by_key["1:27"])["userId"] is None
    live = [(form["date"], form["filter_offset"]) for form in forms if "filter_offset" in form]
    assert live == [("2013-01-23", "0"), ("2013-01-23", "10"), ("2013-01-24", "0")]
    assert all(form["token_auth"] == "tape-matomo-token" for form in forms)


def test_a_visit_that_ends_after_midnight_belongs_to_the_window_of_its_first_action() -> None:
    # Visit 27 began at 11:23:45 and lasted 1,083 s: a window that ends between the two holds it.
    window = Window(datetime(2013, 1, 23, tzinfo=UTC), datetime(2013, 1, 23, 11, 30, tzinfo=UTC))
    after = Window(window.end, datetime(2013, 1, 24, tzinfo=UTC))
    with tapes.matomo() as replay:
        reader = connector("matomo", replay)
        first, second = list(reader.read("visits", window)), list(reader.read("visits", after))
    assert "1:27" in {record.key for record in records(first)}
    assert records(second) == []
    assert sum(page.skipped for page in second) == 10


def test_members_keep_their_order_of_change_and_lose_their_links() -> None:
    with tapes.mailchimp() as replay:
        pages = list(connector("mailchimp", replay).read("members", ALWAYS))
        asked = [a for a in replay.asked if a.path.endswith(f"{tapes.MAILCHIMP_LIST}/members")]
    assert all(b"_links" not in record.body for record in records(pages))
    assert Counter(record.time for record in records(pages)) == {
        datetime(2022, 2, 23, 16, 25, 57, tzinfo=UTC): 10
    }
    assert [page.cursor for page in pages if page.cursor][-1] == (
        f'{{"{tapes.MAILCHIMP_LIST}":"2022-02-23T16:25:57+00:00"}}'
    )
    assert asked[0].params["sort_field"] == "last_changed"
    assert asked[0].params["since_last_changed"] == "1999-12-31T23:59:00+00:00"


def test_the_members_cursor_goes_on_with_an_overlap() -> None:
    # All ten changed in one second: from there they all come again, and are known downstream by their key.
    cursor = f'{{"{tapes.MAILCHIMP_LIST}":"2022-02-23T16:25:57+00:00"}}'
    later = f'{{"{tapes.MAILCHIMP_LIST}":"2022-02-23T16:27:00+00:00"}}'
    with tapes.mailchimp() as replay:
        reader = connector("mailchimp", replay)
        again = list(reader.read("members", ALWAYS, cursor))
        nothing = list(reader.read("members", ALWAYS, later))
    assert len(records(again)) == 10
    assert records(nothing) == []
    assert f'"{tapes.MAILCHIMP_LIST}":"2022-02-23T16:27:00+00:00"' in str(nothing[-1].cursor)


def test_deleted_tickets_are_rows_and_generated_time_orders_them() -> None:
    with tapes.zendesk() as replay:
        pages = list(connector("zendesk", replay).read("tickets", ALWAYS))
    found = [body(record) for record in records(pages)]
    assert Counter(ticket["status"] for ticket in found) == {"new": 77, "pending": 8, "deleted": 1, "open": 1}
    first = records(pages)[0]
    assert (first.key, first.time) == ("28", datetime(2023, 9, 18, 15, 57, 43, tzinfo=UTC))
    assert {t["id"] for t in found if t["generated_timestamp"] == 1695052663} == TICKET_IDS


def test_the_ticket_cursor_is_kept_at_the_end_and_goes_on_from_there() -> None:
    with tapes.zendesk() as replay:
        reader = connector("zendesk", replay)
        cursor = list(reader.read("tickets", ALWAYS))[-1].cursor
        again = list(reader.read("tickets", ALWAYS, cursor))
        asked = replay.asked[-1].params
    assert cursor == "MTcwNzI3MTc0MS4wfHw0MDQ1fA=="
    assert asked == {"cursor": cursor, "per_page": "1000"}
    assert records(again) == []
    assert again[-1].cursor == cursor


def test_a_later_start_gives_the_tickets_generated_since() -> None:
    with tapes.zendesk() as replay:
        found = records(connector("zendesk", replay).read("tickets", days("2023-10-23", "2023-10-25")))
    assert len(found) == 87 - 70


def test_responses_of_one_day_leave_the_rest_counted() -> None:
    with tapes.qualtrics() as replay:
        pages = list(connector("qualtrics", replay).read("responses", days("2020-02-21", "2020-02-22")))
    assert len(records(pages)) == 15
    assert sum(page.skipped for page in pages) == 11
    assert {body(record)["status"] for record in records(pages)} == {"Survey Test"}


def test_the_window_of_a_timeline_is_read_upward_from_its_start() -> None:
    window = Window(
        datetime(2026, 8, 1, 13, 52, 33, 300_000, UTC), datetime(2026, 8, 1, 13, 52, 33, 800_000, UTC)
    )
    with tapes.mastodon() as replay:
        pages = list(connector("mastodon", replay).read("account_statuses", window))
        asked = [a.params for a in replay.asked]
    texts = [body(record)["text"] for record in records(pages)]
    assert texts == [f"Toot number {n}!" for n in (6, 5, 4, 3, 2)]
    assert sum(page.skipped for page in pages) == 3
    start_ms = int(window.start.timestamp() * 1000)
    assert asked[0] == {"limit": "40", "min_id": str((start_ms << 16) - 1)}
    assert asked[1] == {"limit": "40", "min_id": "117020580518794573"}


def test_a_tagged_status_carries_its_tag_and_its_text() -> None:
    with tapes.mastodon() as replay:
        [status] = records(connector("mastodon", replay).read("tag_timelines", ALWAYS))
    assert status.key == "hoot:117020593741189701"
    assert status.time == datetime(2026, 8, 1, 13, 55, 55, 867_000, tzinfo=UTC)
    assert body(status)["text"] == "#hoot (hashtag toot)"


def serve(vendor: str) -> Replay:
    return tapes.VENDORS[vendor]()


def test_all_are_served_at_once_for_the_whole_graph() -> None:
    with tapes.recorded_vendors() as settings:
        for vendor in tapes.VENDORS:
            kind = CONNECTORS[vendor]
            kind(from_environment(kind.config_class, settings), ControlledClock(NOW)).check()
