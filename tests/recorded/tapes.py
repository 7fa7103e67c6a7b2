"""The recordings of the five vendors, served so that the real connectors can read them.

Each function here gives a `Replay` of one vendor: its tapes, and the rule by which a request that differs
from the recorded one (another page size, a window, `exclude_fields`) is answered from them. A rule makes no
record up: it selects, orders and slices recorded rows. What a vendor's tapes do not hold at all is answered
as empty, and listed in that function's docstring.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.recorded import matomo_goldens
from tests.servers.replay import Asked, Recorded, Replay
from tests.servers.tape_formats import load, load_all

RECORDINGS = Path(__file__).resolve().parents[2] / ".." / "shared" / "recordings"
needs_recordings = pytest.mark.skipif(
    not RECORDINGS.is_dir(), reason="the recordings of the vendors' APIs (../shared/recordings) are not here"
)

SURVEY = "SV_3gbwq8aJgqPwQDP"
SMALL_SURVEY = "SV_0pK7FIIGNNM0sNn"
MAILCHIMP_LIST = "a36b032126"
MASTODON_ACCOUNT = "117020565966271181"
TIMELINES = (f"/accounts/{MASTODON_ACCOUNT}/statuses", "/timelines/tag/hoot", "/timelines/public")

_CREATED = re.compile(r"type:ticket created>=(\S+) created<(\S+)")

Json = dict[str, Any]


@contextmanager
def recorded_vendors() -> Iterator[dict[str, str]]:
    """Serve the five vendors' tapes on loopback; gives the settings of an installation that reads them.

    The recorded events lie on these days (UTC):

    - Matomo: visits (10) and campaigns (17) on 2013-01-23; visit summary, referrer types (4) and websites (6)
      on 2019-06-30. The goldens name no day: these are those of the published fixtures that made them.
    - Mailchimp: members last changed on 2022-02-23 (10); no mailings, hence no activity.
    - Zendesk: tickets changed on 2023-09-18 (70), 10-23 (4), 10-24 (1), 10-29 (7), 11-23 (1), 12-20 (1) and
      2024-02-07 (3); users changed from 2023-09-09 to 09-18 (100); no metric events, no ratings.
    - Qualtrics: responses recorded on 2020-02-20 (9), 02-21 (15), 03-02 (1) and 03-03 (1).
    - Mastodon: statuses of 2026-08-01 (one tagged "hoot", ten of one account).
    """
    with ExitStack() as stack:
        settings = {"JOURNEY_SOURCES": ",".join(VENDORS)}
        for name, make in VENDORS.items():
            settings |= environment(name, stack.enter_context(make()))
        yield settings


def environment(vendor: str, replay: Replay) -> dict[str, str]:
    """The settings with which a connector reads a vendor's replay."""
    return {
        "matomo": {"MATOMO_BASE_URL": replay.url, "MATOMO_TOKEN": "tape-matomo-token", "MATOMO_SITE_ID": "1"},
        "mailchimp": {
            "MAILCHIMP_BASE_URL": f"{replay.url}/3.0",
            "MAILCHIMP_API_KEY": "tape-mailchimp-key-us3",
        },
        "zendesk": {
            "ZENDESK_BASE_URL": replay.url,
            "ZENDESK_EMAIL": "agent@example.com",
            "ZENDESK_TOKEN": "tape-zendesk-token",
        },
        "qualtrics": {
            "QUALTRICS_BASE_URL": f"{replay.url}/API/v3",
            "QUALTRICS_TOKEN": "tape-qualtrics-token",
            "QUALTRICS_SURVEY_IDS": SURVEY,
        },
        "mastodon": {
            "MASTODON_BASE_URL": replay.url,
            "MASTODON_TOKEN": "tape-mastodon-token",
            "MASTODON_TAGS": "hoot",
            "MASTODON_ACCOUNTS": MASTODON_ACCOUNT,
            "MASTODON_QUERY": "mastodonpy_test",
        },
    }[vendor]


def matomo() -> Replay:
    """The golden reports, by method and day; any other day is `[]`. `matomo_goldens` says what was put back.

    `filter_limit` and `filter_offset` slice the golden's rows, as the server does. `Referrers.getWebsites`
    are the rows below "Websites" in the expanded referrer types, and the campaigns are the expanded golden's
    upper rows: the server builds both from the same tables. No list of sites was published: there is one,
    with the visits' site name and in UTC.
    """
    folder = RECORDINGS / "web" / "matomo"
    campaigns, imported = folder / "marketing_campaigns", folder / "ga_importer"
    types = matomo_goldens.golden(imported / "test___Referrers.getReferrerType_day.xml")
    websites = next(row["subtable"] for row in types if row["label"] == "Websites")
    visits = matomo_goldens.visits(campaigns / "test___Live.getLastVisitsDetails_day.xml")
    names = matomo_goldens.golden(campaigns / "test_expanded__Referrers.getCampaigns_day.xml")
    summary = matomo_goldens.golden(imported / "test___VisitsSummary.get_day.xml")
    plain = matomo_goldens.without_subtables
    told: dict[tuple[str, str], Any] = {
        ("Live.getLastVisitsDetails", matomo_goldens.CAMPAIGNS_DAY.isoformat()): visits,
        ("Referrers.getCampaigns", matomo_goldens.CAMPAIGNS_DAY.isoformat()): plain(names),
        ("Referrers.getReferrerType", matomo_goldens.IMPORTED_DAY.isoformat()): plain(types),
        ("Referrers.getWebsites", matomo_goldens.IMPORTED_DAY.isoformat()): plain(websites),
        ("VisitsSummary.get", matomo_goldens.IMPORTED_DAY.isoformat()): summary,
    }
    sites = [{"idsite": "1", "name": visits[0]["siteName"], "timezone": "UTC", "currency": "USD"}]

    def rule(asked: Asked) -> Asked | Recorded:
        form = {name: str(value) for name, value in asked.body.items()}
        if (asked.method, asked.path) != ("POST", "/index.php") or form.get("module") != "API":
            return asked
        if form.get("token_auth") != "tape-matomo-token":
            return answered(asked, {"result": "error", "message": "Unable to authenticate."})
        if form["method"] == "SitesManager.getSitesWithAtLeastViewAccess":
            return answered(asked, sites)
        report = told.get((form["method"], form.get("date", "")), [])
        if isinstance(report, list):
            first = int(form.get("filter_offset", "0"))
            limit = int(form.get("filter_limit", "100"))
            report = report[first:] if limit < 0 else report[first : first + limit]
        return answered(asked, report)

    return Replay([], rule)


def mailchimp() -> Replay:
    """Lists as recorded. Members of the recorded list by `count`, `offset` and `since_last_changed`.

    The tape read the list's ten members in one page (count=100) and again in pages of four, past the end, and
    since several moments: one rule (order, filter, slice of the one page) gives them all, and any other page
    size. `exclude_fields` leaves fields out, as the API does. Two of the five recorded lists carry one id (an
    artefact of how the tape was anonymised). Not recorded, hence empty: members of the other lists,
    campaigns, reports.
    """
    tape = load_all(RECORDINGS / "email" / "mailchimp")
    members_path = f"/3.0/lists/{MAILCHIMP_LIST}/members"
    whole = _find(tape, "GET", members_path, count="100", offset="0", since_last_changed=None)
    lists = _find(tape, "GET", "/3.0/lists")
    others = {f"/3.0/lists/{row['id']}/members" for row in lists.json["lists"]} - {members_path}

    def rule(asked: Asked) -> Asked | Recorded:
        if asked.method != "GET" or asked.path not in {"/3.0/lists", members_path, *others, *empty}:
            return asked
        if asked.path == members_path:
            answer = whole.with_json(members_page(whole.json, asked.params))
        elif asked.path == "/3.0/lists":
            answer = lists.with_json(_offset_page(lists.json, "lists", asked.params))
        else:
            plural = asked.path.rpartition("/")[2]
            answer = lists.with_json({plural: [], "total_items": 0, "_links": []})
        excluded = asked.params.get("exclude_fields", "").split(",")
        return answer.with_json(_without(answer.json, [path.split(".") for path in excluded if path]))

    empty = {"/3.0/campaigns", "/3.0/reports"}
    return Replay(tape, rule)


def members_page(whole: Json, params: Mapping[str, str]) -> Json:
    """The page of members that `params` ask for, from the recorded page that held them all."""
    since = params.get("since_last_changed")
    rows = [
        row
        for row in sorted(whole["members"], key=lambda row: row["last_changed"])
        if since is None or datetime.fromisoformat(row["last_changed"]) > datetime.fromisoformat(since)
    ]
    return _offset_page(whole | {"members": rows, "total_items": len(rows)}, "members", params)


def _offset_page(told: Json, plural: str, params: Mapping[str, str]) -> Json:
    first = int(params.get("offset", "0"))
    return told | {plural: told[plural][first : first + int(params.get("count", "10"))]}


def _without(told: Any, paths: Sequence[Sequence[str]]) -> Any:
    """`told` without the fields that `paths` lead to; a path goes through arrays."""
    if isinstance(told, list):
        return [_without(item, paths) for item in told]
    if not isinstance(told, dict):
        return told
    gone = {path[0] for path in paths if len(path) == 1}
    return {
        name: _without(value, [path[1:] for path in paths if path[0] == name and len(path) > 1])
        for name, value in told.items()
        if name not in gone
    }


def zendesk() -> Replay:
    """The cursor export of tickets and the list of users, from the start that is asked for.

    The tape asked from 0 and got all 87 tickets in one page; a later `start_time` gets those generated since,
    as the export does, and the tape's own `after_cursor` gets none, with the same cursor. Users were recorded
    as a list (the first 100 of 1,993) and not as an export: here they come in the export's envelope, by
    `updated_at`, with the tickets' cursor. So were organisations, which come in the recorded envelope of a
    time-based export. Not recorded: the search's count, which is that of the recorded
    tickets; metric events, ratings and who is in which organisations, which are empty.
    """
    tape = load_all(RECORDINGS / "ticketing" / "zendesk")
    export = _find(tape, "GET", "/api/v2/incremental/tickets/cursor.json", start_time="0", per_page=None)
    listed = _find(tape, "GET", "/api/v2/users.json", **{"page[size]": "100"}).json
    bodies = _find(tape, "GET", "/api/v2/organizations.json", **{"page[size]": "100"}).json["organizations"]
    rows: dict[str, Callable[[Json], float]] = {
        "tickets": lambda row: row["generated_timestamp"],
        "users": lambda row: datetime.fromisoformat(row["updated_at"]).timestamp(),
    }
    changed: dict[str, list[Json]] = {
        "tickets": export.json["tickets"],
        "users": sorted(listed["users"], key=rows["users"]),
    }

    def rule(asked: Asked) -> Asked | Recorded:
        resource = asked.path.removeprefix("/api/v2/").removesuffix(".json")
        params = asked.params
        is_whole = params.get("per_page") in (None, "1000")
        if resource in ("incremental/tickets/cursor", "incremental/users/cursor") and is_whole:
            plural = resource.split("/")[1]
            envelope = {name: value for name, value in export.json.items() if name != "tickets"}
            since = float(params["start_time"]) if "start_time" in params else None
            if since is None and params.get("cursor") != export.json["after_cursor"]:
                return asked
            found = [row for row in changed[plural] if since is not None and rows[plural](row) >= since]
            return export.with_json({plural: found, **envelope})
        if resource == "incremental/organizations":
            found = [row for row in bodies if rows["users"](row) >= int(params["start_time"])]
            end = max(map(rows["users"], found), default=int(params["start_time"]))
            told = {"organizations": found, "count": len(found), "end_of_stream": True, "end_time": int(end)}
            return export.with_json(told | {"next_page": None})
        if resource == "incremental/ticket_metric_events":
            end = int(params["start_time"])
            told = {"ticket_metric_events": [], "count": 0, "end_of_stream": True, "end_time": end}
            return export.with_json(told | {"next_page": None})
        if resource == "search/count" and (asked_days := _CREATED.fullmatch(params["query"])):
            start, end = map(datetime.fromisoformat, asked_days.groups())
            created = [datetime.fromisoformat(row["created_at"]) for row in changed["tickets"]]
            return export.with_json({"count": sum(start <= time < end for time in created)})
        if resource in ("satisfaction_ratings", "organization_memberships"):
            return export.with_json({resource: [], "meta": {"has_more": False}, "links": {}})
        return asked

    return Replay(tape, rule)


def qualtrics(survey: str = SURVEY) -> Replay:
    """Surveys, the definition of one, and the three steps of its response export.

    The tapes' paths end in "/", ours do not: compared without. The recorded exports asked for labels,
    breakout sets and no dates (or, for the small survey, for two questions and three metadata columns);
    whatever window is asked for, the same file comes, byte for byte, and rows outside it are the connector's
    to skip.
    """
    folder = RECORDINGS / "survey" / "qualtrics"
    tape = [_slashless(r) for path in sorted(folder.glob("*.yml")) for r in load(path)]
    export = f"/API/v3/surveys/{survey}/export-responses"
    tape = [r for r in tape if "export-responses" not in r.asked.path or r.asked.path.startswith(export)]
    start = next(r for r in tape if r.asked.path == export)

    def rule(asked: Asked) -> Asked | Recorded:
        return start if (asked.method, asked.path) == ("POST", export) else asked

    return Replay(tape, rule)


def mastodon() -> Replay:
    """Timelines and account statuses by `limit`, `min_id` and `max_id`; everything else as recorded.

    The recorded pages of one timeline are one list of statuses, newest first. `min_id` gives the `limit`
    next newer ones, `max_id` the next older ones, with the Link header that the server wrote; an empty page
    has none. The same rule gives back the recorded pages. Search was recorded with other parameters: its
    answer to `q=mastodonpy_test&type=statuses`, no status, is given for that query.
    """
    tape = load_all(RECORDINGS / "social" / "mastodon")
    lists: dict[str, dict[str, Json]] = {}
    for recorded in tape:
        if recorded.asked.method == "GET" and recorded.asked.path.endswith(TIMELINES):
            found = lists.setdefault(recorded.asked.path, {})
            found |= {row["id"]: row for row in msgspec.json.decode(recorded.content)}
    search = _find(tape, "GET", "/api/v2/search", type="statuses")

    def rule(asked: Asked) -> Asked | Recorded:
        params = asked.params
        if asked.path == "/api/v2/search" and params.get("q") == search.asked.params["q"]:
            return search if params.get("type") == "statuses" else asked
        if asked.method != "GET" or asked.path not in lists:
            return asked
        model = next(r for r in tape if r.asked.path == asked.path)
        page = timeline_page(list(lists[asked.path].values()), params)
        headers = [pair for pair in model.headers if pair[0].lower() != "link"]
        if page:
            headers.append(("link", _links(f"{model.origin}{asked.path}", asked, page)))
        return Recorded(asked, 200, tuple(headers), msgspec.json.encode(page), model.origin)

    return Replay(tape, rule)


def timeline_page(rows: Sequence[Json], params: Mapping[str, str]) -> list[Json]:
    """The page of a timeline that `params` ask for, newest first."""
    limit = int(params.get("limit", "20"))
    newest_first = sorted(rows, key=lambda row: int(row["id"]), reverse=True)
    if "max_id" in params:
        newest_first = [row for row in newest_first if int(row["id"]) < int(params["max_id"])]
    if "min_id" in params:
        return [row for row in newest_first if int(row["id"]) > int(params["min_id"])][-limit:]
    return newest_first[:limit]


def _links(address: str, asked: Asked, page: Sequence[Json]) -> str:
    kept = "".join(f"{name}={value}&" for name, value in asked.query if name not in ("min_id", "max_id"))
    older, newer = f"max_id={page[-1]['id']}", f"min_id={page[0]['id']}"
    return f'<{address}?{kept}{older}>; rel="next", <{address}?{kept}{newer}>; rel="prev"'


def _find(tape: Sequence[Recorded], method: str, path: str, **params: str | None) -> Recorded:
    """The first recording of a request with these parameters; None: without it."""
    return next(
        r
        for r in tape
        if (r.asked.method, r.asked.path) == (method, path)
        and all(r.asked.params.get(name) == value for name, value in params.items())
    )


def _slashless(recorded: Recorded) -> Recorded:
    asked = recorded.asked
    path = asked.path.rstrip("/")
    return Recorded(
        Asked(asked.method, path, asked.query, asked.body),
        recorded.status,
        recorded.headers,
        recorded.content,
        recorded.origin,
    )


def answered(asked: Asked, told: object) -> Recorded:
    """An answer of 200 with this JSON."""
    headers = (("Content-Type", "application/json; charset=utf-8"),)
    return Recorded(asked, 200, headers, msgspec.json.encode(told))


VENDORS: dict[str, Callable[[], Replay]] = {
    "matomo": matomo,
    "mailchimp": mailchimp,
    "zendesk": zendesk,
    "qualtrics": qualtrics,
    "mastodon": mastodon,
}
"""Those of which there are recordings, each with what serves them."""
