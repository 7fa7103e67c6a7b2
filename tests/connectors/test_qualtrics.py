"""Qualtrics where no recording leads: exports that fail or never end, odd archives and rows, longer lists."""

import csv
import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import pytest

from connectors.errors import (
    ConfigurationError,
    ConnectorError,
    HostMismatch,
    NotFound,
    PaginationLoop,
    Truncated,
    Unavailable,
    UnexpectedResponse,
)
from tests.connectors.controlled_clock import ControlledClock
from tests.recorded.reading import NOW, bad, body, connector, days, records
from tests.recorded.tapes import answered
from tests.servers.replay import Asked, Recorded, Replay

DAY = days("2026-03-10", "2026-03-11")
IDS = ("_recordId", "recordedDate", "QID1")
ROW = ("R_1", "2026-03-10 09:00:00", "9")
Answer = dict[str, Any]


def sheet(*rows: tuple[str, ...], ids: tuple[str, ...] = IDS, zone: str = "Z") -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(f"Q{n}" for n in range(len(ids)))
    writer.writerow("Question" for _ in ids)
    writer.writerow(json.dumps({"ImportId": name, "timeZone": zone}) for name in ids)
    writer.writerows(rows)
    return text.getvalue().encode()


def packed(*files: tuple[str, bytes]) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, content in files:
            bundle.writestr(name, content)
    return archive.getvalue()


def exports(*files: bytes, progress: Callable[[int], Answer] | None = None) -> Replay:
    """One export after the other gives the next file; `progress` tells the state of the n-th of them."""
    started: list[Asked] = []

    def rule(asked: Asked) -> Recorded:
        if asked.method == "POST":
            started.append(asked)
            return answered(asked, {"result": {"progressId": f"ES_{len(started)}", "status": "inProgress"}})
        if asked.path.endswith("/file"):
            return Recorded(asked, 200, (("Content-Type", "application/zip"),), files[len(started) - 1])
        number = len(started)
        told = progress(number) if progress else {"status": "complete", "fileId": f"file-{number}"}
        return answered(asked, {"result": told})

    return Replay([], rule)


def read(replay: Replay, clock: ControlledClock | None = None) -> list[Any]:
    return list(connector("qualtrics", replay, clock).read("responses", DAY))


@pytest.mark.parametrize(
    ("file", "error", "message"),
    [
        pytest.param(b"no archive", UnexpectedResponse, "not a zip", id="no zip"),
        pytest.param(packed(("a.csv", sheet(ROW)))[:-40], Truncated, "zip", id="a zip cut short"),
        pytest.param(packed(), UnexpectedResponse, "no CSV", id="an empty zip"),
        pytest.param(packed(("a.json", b"{}")), UnexpectedResponse, "no CSV", id="another format"),
        pytest.param(
            packed(("a.csv", sheet(ROW)), ("b.csv", sheet(ROW))),
            UnexpectedResponse,
            "more than one",
            id="two files",
        ),
        pytest.param(packed(("../a.csv", sheet(ROW))), UnexpectedResponse, "leaves", id="a name that climbs"),
        pytest.param(packed(("a.csv", b"Q1,Q2\n")), Truncated, "header", id="one header row"),
        pytest.param(
            packed(("a.csv", b"Q1\nq\nnot json\n")), UnexpectedResponse, "ImportId", id="no ImportIds"
        ),
        pytest.param(
            packed(("a.csv", sheet(ROW) + b'"open')), Truncated, "malformed", id="a quote left open"
        ),
        pytest.param(
            packed(("a.csv", sheet(ROW, zone="America/Denver"))),
            UnexpectedResponse,
            "not in UTC",
            id="another zone",
        ),
    ],
)
def test_an_archive_that_is_not_the_promised_one_is_refused(
    file: bytes, error: type[ConnectorError], message: str
) -> None:
    with exports(file) as replay, pytest.raises(error, match=message) as refused:
        read(replay)
    assert type(refused.value) is error
    assert str(refused.value).startswith("qualtrics/responses: export of SV_")


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        pytest.param(
            sheet(ROW, ("R_2", "2026-03-10 10:00:00")), "2 columns where the header has 3", id="short"
        ),
        pytest.param(sheet(ROW, (*ROW, "x")), "4 columns where the header has 3", id="long"),
        pytest.param(sheet(ROW, ("R_2", "soon", "1")), "not a time", id="no time"),
        pytest.param(sheet(ROW, ("", ROW[1], "1")), "unusable id", id="no id"),
        pytest.param(
            sheet(ROW) + b"R_2,2026-03-10 10:00:00,caf\xe9\r\n",
            "half a surrogate pair in a text",
            id="not UTF-8",
        ),
    ],
)
def test_a_bad_row_is_kept_with_its_reason_and_costs_no_other(file: bytes, reason: str) -> None:
    with exports(packed(("a.csv", file))) as replay:
        pages = read(replay)
    assert [record.key for record in records(pages)] == ["SV_3gbwq8aJgqPwQDP:R_1"]
    assert [record.reason for record in bad(pages)] == [reason]
    assert all(json.loads(record.body) for record in bad(pages))


def test_columns_that_share_an_import_id_keep_apart_by_their_names() -> None:
    file = sheet((*ROW, "a", "b"), ids=(*IDS, "QID5", "QID5"))
    with exports(packed(("a.csv", file))) as replay:
        [record] = records(read(replay))
    assert {name: value for name, value in body(record).items() if "QID5" in name} == {
        "QID5#Q3": "a",
        "QID5#Q4": "b",
    }


def test_thousands_of_responses_come_in_pages() -> None:
    rows = [(f"R_{n}", "2026-03-10 09:00:00", 'text, with "quotes"\nand é 😀') for n in range(1234)]
    with exports(packed(("a.csv", b"\xef\xbb\xbf" + sheet(*rows)))) as replay:
        pages = read(replay)
    assert [len(page.records) for page in pages] == [500, 500, 234]
    assert body(pages[0].records[0])["QID1"] == rows[0][2]


def test_an_export_without_responses_is_no_row_and_no_error() -> None:
    with exports(packed(("a.csv", sheet()))) as replay:
        assert records(read(replay)) == []


def test_a_failed_export_stops_at_once() -> None:
    with exports(progress=lambda _: {"status": "failed"}) as replay:
        with pytest.raises(UnexpectedResponse, match="the export of SV_3gbwq8aJgqPwQDP failed"):
            read(replay)
        assert len(replay.asked) == 2


def test_an_export_that_never_ends_is_given_up_after_half_an_hour() -> None:
    clock = ControlledClock(NOW)
    stuck = {"status": "inProgress", "percentComplete": 0.0}
    with exports(progress=lambda _: stuck) as replay, pytest.raises(Unavailable, match="30 minutes"):
        read(replay, clock)
    assert 1800 <= sum(clock.slept) < 1820
    assert min(clock.slept) == 2.0


def test_an_expired_export_is_not_found() -> None:
    with exports() as replay:
        reader = connector("qualtrics", replay)
        pages = reader.read("responses", DAY)
        started = {"result": {"progressId": "ES_1", "status": "inProgress"}}
        replay.first(answered(Asked("GET", "/"), started), Recorded(Asked("GET", "/"), 404, (), b""))
        with pytest.raises(NotFound):
            next(pages)


def test_a_cut_export_is_continued_by_its_token_until_nothing_comes() -> None:
    files = [packed(("a.csv", sheet((f"R_{n}", ROW[1], "1")))) for n in (1, 2)] + [packed(("a.csv", sheet()))]
    with exports(
        *files,
        progress=lambda n: {"status": "complete", "fileId": "f", "continuationToken": f"token-{n}"},
    ) as replay:
        found = records(read(replay))
        given = [a.body.get("continuationToken") for a in replay.asked if a.method == "POST"]
    assert [record.key[-3:] for record in found] == ["R_1", "R_2"]
    assert given == [None, "token-1", "token-2"]


def test_a_continuation_token_that_comes_back_is_a_loop() -> None:
    file = packed(("a.csv", sheet(ROW)))
    same = {"status": "complete", "fileId": "f", "continuationToken": "token"}
    with exports(file, file, progress=lambda _: same) as replay, pytest.raises(PaginationLoop):
        read(replay)


def test_the_vendor_prepares_several_exports_while_the_first_is_waited_for() -> None:
    clock, ids = ControlledClock(NOW), [f"SV_{n}" for n in range(7)]

    def rule(asked: Asked) -> Recorded:
        survey = asked.path.split("/surveys/")[1].partition("/")[0]
        if asked.method == "POST":
            return answered(asked, {"result": {"progressId": f"ES_{survey}", "status": "inProgress"}})
        if asked.path.endswith("/file"):
            file = packed(("a.csv", sheet((f"R_{survey}", ROW[1], "1"))))
            return Recorded(asked, 200, (("Content-Type", "application/zip"),), file)
        return answered(asked, {"result": {"status": "complete", "fileId": f"F_{survey}"}})

    with Replay([], rule) as replay:
        reader = connector("qualtrics", replay, clock, QUALTRICS_SURVEY_IDS=",".join(ids))
        found = records(reader.read("responses", DAY))
        started = [number for number, asked in enumerate(replay.asked) if asked.method == "POST"]
    assert [record.key.rpartition("R_")[2] for record in found] == ids
    assert started == [0, 1, 2, 3, 4, 15, 16]
    assert clock.slept == [2.0, 2.0]


def surveys(*pages: Answer) -> Replay:
    left = list(pages)

    def rule(asked: Asked) -> Recorded:
        if "survey-definitions" in asked.path:
            return answered(asked, {"result": {"SurveyID": asked.path.rpartition("/")[2]}})
        return answered(asked, {"result": left.pop(0)})

    return Replay([], rule)


def survey(name: str, is_active: bool = True) -> Answer:
    return {"id": name, "isActive": is_active, "lastModified": "2026-03-01T00:00:00Z"}


def test_the_list_of_surveys_follows_its_next_page() -> None:
    with surveys({"elements": [survey("SV_1")], "nextPage": None}) as replay:
        reader = connector("qualtrics", replay)
        following = f"{replay.url}/API/v3/surveys?offset=1"
        first = {"result": {"elements": [survey("SV_0")], "nextPage": following}}
        replay.first(answered(Asked("GET", "/"), first))
        found = records(reader.read("surveys", DAY))
        assert replay.asked[1].params == {"offset": "1"}
    assert [record.key for record in found] == ["SV_0", "SV_1"]


def test_a_next_page_on_another_host_is_refused() -> None:
    page = {"elements": [survey("SV_0")], "nextPage": "https://evil.example/API/v3/surveys?offset=1"}
    with surveys(page) as replay:
        with pytest.raises(HostMismatch):
            list(connector("qualtrics", replay).read("surveys", DAY))
        assert len(replay.asked) == 1


def test_without_a_choice_all_surveys_are_read_also_closed_ones() -> None:
    page = {"elements": [survey("SV_0"), survey("SV_1", False), {"name": "no id"}], "nextPage": None}
    with surveys(page) as replay:
        reader = connector("qualtrics", replay, QUALTRICS_SURVEY_IDS="")
        found = records(reader.read("survey_definitions", DAY))
    assert [record.key for record in found] == ["SV_0", "SV_1"]


def test_a_survey_id_that_is_none_stops_at_start() -> None:
    with surveys() as replay, pytest.raises(ConfigurationError, match="QUALTRICS_SURVEY_IDS"):
        connector("qualtrics", replay, QUALTRICS_SURVEY_IDS="SV_1, ../users")
