"""Mastodon: a status is one touchpoint however often it arrives; the brand's own are kept apart."""

import itertools
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from journey_platform.tables import touchpoints_table
from journey_platform.touchpoints import mastodon
from tests.touchpoints.raws import about, raw, refused, who

ZONE = "Europe/Amsterdam"
RECORDINGS = Path(__file__).resolve().parents[2].parent / "shared" / "recordings/social/mastodon"

ANN = {"id": "7", "acct": "ann@social.example", "url": "https://social.example/@ann", "display_name": "Ann"}
LOCAL = {"id": "8", "acct": "Bo", "url": "https://here.example/@Bo", "display_name": "", "bot": True}
BRAND = {"id": "9", "acct": "brand", "url": "https://here.example/@brand", "display_name": "Brand"}


def status(status_id: str = "1", account: dict[str, Any] = ANN, **fields: Any) -> dict[str, Any]:
    return {"id": status_id, "account": account, "reblog": None, "text": "Hello #brand"} | fields


def tables(**streams: list[dict[str, Any]]) -> dict[str, pa.Table]:
    return {
        stream: raw("mastodon", stream, *bodies, keys=[f"tag:{body['id']}" for body in bodies])
        for stream, bodies in streams.items()
    }


def mapped(**streams: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found = mastodon.touchpoints(tables(**streams), zone=ZONE)
    assert found.rows.schema == touchpoints_table("mastodon").schema
    assert found.rejected.num_rows == 0
    rows: list[dict[str, Any]] = found.rows.to_pylist()
    return rows


@pytest.mark.parametrize(
    ("body", "expected", "handle"),
    [
        pytest.param(status(), {"type": "social_post", "is_bot": False}, "ann@social.example", id="post"),
        pytest.param(
            status(account=LOCAL), {"type": "social_post", "is_bot": True}, "Bo@here.example", id="local bot"
        ),
        pytest.param(
            status(reblog={"id": "0", "content": "x"}, text=""),
            {"type": "social_reblog", "subject_id": "0", "text": None},
            "ann@social.example",
            id="reblog",
        ),
    ],
)
def test_a_status_is_a_touchpoint(body: dict[str, Any], expected: dict[str, Any], handle: str) -> None:
    (row,) = mapped(tag_timelines=[body])
    assert {name: row[name] for name in expected} == expected
    assert who(row) == {"social_handle": handle}
    assert row["touchpoint_id"] == "mastodon/status/1"


def test_a_status_that_arrives_in_every_stream_and_under_two_tags_is_one_touchpoint() -> None:
    twice = tables(tag_timelines=[status(), status()], search=[status()])
    found = mastodon.touchpoints(twice, zone=ZONE)
    (row,) = found.rows.to_pylist()
    assert (row["touchpoint_id"], row["stream"]) == ("mastodon/status/1", "search")


def test_of_equal_copies_the_first_key_by_name_leads_back() -> None:
    for keys in (["b:1", "a:1", "c:1"], ["c:1", "b:1", "a:1"]):
        copies = {"tag_timelines": raw("mastodon", "tag_timelines", status(), status(), status(), keys=keys)}
        (row,) = mastodon.touchpoints(copies, zone=ZONE).rows.to_pylist()
        assert row["record_key"] == "a:1"


def test_the_last_edit_of_a_status_counts_whatever_the_order() -> None:
    versions = [
        status(text="first"),
        status(text="second", edited_at="2026-03-10T13:00:00.000Z"),
        status(text="third", edited_at="2026-03-10T14:00:00.000Z"),
    ]
    for order in itertools.permutations(versions):
        (row,) = mapped(search=[order[0]], tag_timelines=list(order[1:]))
        assert row["text"] == "third"


def test_the_brand_is_known_on_a_day_without_a_status_of_its_accounts() -> None:
    marked = {"tag_timelines": [status("1", BRAND, is_brand=True), status("2")]}
    assert [row["type"] for row in mapped(**marked)] == ["brand_post", "social_post"]
    people = mastodon.contacts(tables(**marked), zone=ZONE).rows.to_pylist()
    assert [who(row) for row in people] == [{"social_handle": "ann@social.example"}]


def test_the_brands_own_posts_are_no_customers() -> None:
    own = status("2", BRAND)
    streams = {"account_statuses": [own], "tag_timelines": [own, status()], "search": [status("3", BRAND)]}
    rows = mapped(**streams)
    assert [(row["touchpoint_id"], row["type"], who(row)) for row in rows] == [
        ("mastodon/status/1", "social_post", {"social_handle": "ann@social.example"}),
        ("mastodon/status/2", "brand_post", {}),
        ("mastodon/status/3", "brand_post", {}),
    ]
    people = mastodon.contacts(tables(**streams), zone=ZONE).rows.to_pylist()
    assert [(who(row), about(row)) for row in people] == [
        ({"social_handle": "ann@social.example"}, {"name": "Ann"})
    ]


def test_a_competitors_tag_tells_that_somebody_spoke_of_it_and_nothing_of_them() -> None:
    rivals = [status(tag=tag, is_competitor=True) for tag in ("Rival", "Other")]
    keys = ["Rival:1", "Other:1", "brand:1"]
    bodies = [*rivals, status(tag="brand")]
    streams = {"tag_timelines": raw("mastodon", "tag_timelines", *bodies, keys=keys)}
    rows = mastodon.touchpoints(streams, zone=ZONE).rows.to_pylist()
    assert [(row["touchpoint_id"], row["type"], row["source"], who(row), row["text"]) for row in rows] == [
        ("mastodon/status/1", "social_post", None, {"social_handle": "ann@social.example"}, "Hello #brand"),
        ("mastodon/tag_timelines/Other:1", "competitor_post", "other", {}, None),
        ("mastodon/tag_timelines/Rival:1", "competitor_post", "rival", {}, None),
    ]
    assert {row["subject_id"] for row in rows} == {"1"}
    theirs = {"tag_timelines": streams["tag_timelines"].slice(0, 2)}
    assert mastodon.contacts(theirs, zone=ZONE).rows.num_rows == 0


def test_what_we_or_robots_say_of_competitors_is_told_apart() -> None:
    said = [
        status("2", BRAND, tag="rival", is_competitor=True),
        status("3", LOCAL, tag="rival", is_competitor=True),
        status("4", tag="rival", is_competitor=True, reblog={"id": "0"}),
    ]
    rows = mapped(account_statuses=[status("9", BRAND)], tag_timelines=said)
    assert [(row["type"], row["is_bot"]) for row in rows] == [
        ("brand_post", False),
        ("competitor_post", True),
        ("competitor_reblog", False),
    ]


COUNTS: dict[str, Any] = {"replies_count": 3, "reblogs_count": 2, "favourites_count": 7}


@pytest.mark.parametrize(
    ("own", "value"),
    [
        pytest.param({}, 0.06, id="replies, boosts and favourites"),
        pytest.param({"reblogs_count": 0, "replies_count": 0, "favourites_count": 0}, 0.0, id="nobody cares"),
        pytest.param({"account": BRAND}, None, id="followers not told"),
        pytest.param({"account": BRAND | {"followers_count": 0}}, None, id="no followers"),
        pytest.param({"account": BRAND | {"followers_count": -1}}, None, id="followers hidden"),
        pytest.param({"favourites_count": None}, None, id="a count not told"),
        pytest.param({"reblog": {"id": "0"}}, None, id="a boost of another's"),
    ],
)
def test_the_brands_own_posts_tell_their_interactions_per_follower(
    own: dict[str, Any], value: float | None
) -> None:
    post = status("2", BRAND | {"followers_count": 200}, **COUNTS) | own
    (row,) = mapped(account_statuses=[post])
    assert (row["type"], row["value"]) == ("brand_post", value)
    assert row["unit"] == (None if value is None else "per_follower")


def test_what_comes_of_others_posts_is_not_counted() -> None:
    (row,) = mapped(tag_timelines=[status(account=ANN | {"followers_count": 200}, **COUNTS)])
    assert (row["type"], row["value"], row["unit"]) == ("social_post", None, None)


def test_robots_are_no_contacts() -> None:
    assert mastodon.contacts(tables(search=[status(account=LOCAL)]), zone=ZONE).rows.num_rows == 0


def test_a_status_without_an_author_is_rejected_once() -> None:
    found = mastodon.touchpoints({"search": raw("mastodon", "search", {"id": "1"})}, zone=ZONE)
    assert found.rows.num_rows == 0
    assert refused(found.rejected) == [("mastodon/search/0", "", "error")]


@pytest.mark.skipif(not RECORDINGS.exists(), reason="the recordings are not beside the project")
def test_the_recorded_timelines_map_whole() -> None:
    yaml = pytest.importorskip("yaml")
    tapes = [
        ("tag_timelines", "test_hashtag_tl.yaml", "/timelines/tag/"),
        ("search", "test_public_tl.yaml", "/timelines/"),
    ]
    streams: dict[str, list[dict[str, Any]]] = {}
    for stream, tape, path in tapes:
        found = yaml.safe_load((RECORDINGS / tape).read_text())["interactions"]
        replies = [i["response"]["body"]["string"] for i in found if path in i["request"]["uri"]]
        streams[stream] = [body for reply in replies for body in json.loads(reply) if isinstance(body, dict)]
    rows = mapped(**streams)
    ids = {body["id"] for bodies in streams.values() for body in bodies}
    assert {row["touchpoint_id"] for row in rows} == {f"mastodon/status/{status_id}" for status_id in ids}
    assert len(ids) > 1
    assert all(who(row)["social_handle"].endswith("@localhost:3000") for row in rows)
