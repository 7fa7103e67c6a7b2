"""The replay's rules give back what was recorded: all the pages of a tape that holds several."""

import msgspec
import pytest
import requests

from tests.recorded import matomo_goldens, tapes
from tests.servers.replay import Recorded
from tests.servers.tape_formats import load_all

pytestmark = tapes.needs_recordings

MEMBERS = f"/3.0/lists/{tapes.MAILCHIMP_LIST}/members"


def recorded(folder: str, path: str) -> list[Recorded]:
    tape = load_all(tapes.RECORDINGS / folder)
    return [r for r in tape if r.asked.method == "GET" and r.asked.path == path and r.status == 200]


def test_every_recorded_page_of_members_comes_from_the_one_that_held_them_all() -> None:
    pages = [r for r in recorded("email/mailchimp", MEMBERS) if r.asked.params.get("sort_dir") == "ASC"]
    whole = next(r for r in pages if r.asked.params["count"] == "100" and len(r.json["members"]) == 10)
    assert {(r.asked.params["count"], r.asked.params["offset"]) for r in pages} == {
        ("100", "0"),
        ("100", "1000"),
        ("4", "0"),
        ("4", "4"),
        ("4", "8"),
        ("4", "10"),
    }
    for page in pages:
        made = tapes.members_page(whole.json, page.asked.params)
        assert [row["id"] for row in made["members"]] == [row["id"] for row in page.json["members"]]
        assert made["total_items"] == page.json["total_items"]


@pytest.mark.parametrize("path", tapes.TIMELINES)
def test_every_recorded_page_of_a_timeline_comes_back_with_its_links(path: str) -> None:
    pages = recorded("social/mastodon", f"/api/v1{path}")
    assert pages
    with tapes.mastodon() as replay:
        for page in pages:
            answer = replay.answer(page.asked)
            assert answer is not None
            assert ids(answer) == ids(page)
            assert link_header(answer) == link_header(page)


def test_the_export_from_the_beginning_is_the_recorded_one() -> None:
    [whole, *_] = recorded("ticketing/zendesk", "/api/v2/incremental/tickets/cursor.json")
    with tapes.zendesk() as replay:
        answer = replay.answer(whole.asked)
    assert answer is not None
    assert answer.json == whole.json


def test_golden_reports_have_the_shape_of_the_recorded_json() -> None:
    folder = tapes.RECORDINGS / "web" / "matomo"
    days, _, table = msgspec.json.decode((folder / "API.getBulkRequest.json").read_bytes())
    summary = matomo_goldens.golden(folder / "ga_importer" / "test___VisitsSummary.get_day.xml")
    types = matomo_goldens.golden(folder / "ga_importer" / "test___Referrers.getReferrerType_day.xml")
    empty = "test___MarketingCampaignsReporting.getKeywordContentFromNameId_month.xml"
    assert summary.keys() == days["2010-03-06"].keys()
    assert summary["bounce_rate"].endswith("%")
    assert days["2010-03-07"] == matomo_goldens.golden(folder / "marketing_campaigns" / empty) == []
    assert {type(row["nb_visits"]) for row in [*table, *types]} == {str}


def test_every_golden_file_can_be_rendered() -> None:
    files = sorted((tapes.RECORDINGS / "web" / "matomo").rglob("*.xml"))
    assert len(files) == 50
    assert all(isinstance(matomo_goldens.golden(file), list | dict) for file in files)


def test_what_was_never_recorded_is_refused_without_its_query() -> None:
    with tapes.zendesk() as replay:
        answer = requests.get(f"{replay.url}/api/v2/tickets/1.json?token=canary", timeout=10)
    assert answer.status_code == 500
    assert answer.text == "nothing recorded for GET /api/v2/tickets/1.json"


def ids(page: Recorded) -> list[str]:
    return [row["id"] for row in msgspec.json.decode(page.content)]


def link_header(page: Recorded) -> str:
    return next(value for name, value in page.headers if name.lower() == "link")
