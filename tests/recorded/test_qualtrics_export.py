"""The recorded three-step export: its requests, its waits, its three header rows, every response."""

import io
import zipfile

from tests.connectors.controlled_clock import ControlledClock
from tests.recorded import tapes
from tests.recorded.reading import ALWAYS, NOW, bad, body, connector, days, records
from tests.servers.tape_formats import load

pytestmark = tapes.needs_recordings

FOLDER = tapes.RECORDINGS / "survey" / "qualtrics"
COLUMNS = {
    "survey_id",
    "startDate",
    "endDate",
    "status",
    "ipAddress",
    "progress",
    "duration",
    "finished",
    "recordedDate",
    "_recordId",
    "recipientLastName",
    "recipientFirstName",
    "recipientEmail",
    "externalDataReference",
    "locationLatitude",
    "locationLongitude",
    "distributionChannel",
    "userLanguage",
    "QID63",
    "QID16",
    "QID17",
    "QID18",
    "QID19_TEXT",
    "QID22_TEXT",
    "SolutionRevision",
}


def recorded_csv(tape: str) -> str:
    [archive] = [r.content for r in load(FOLDER / tape) if r.asked.path.endswith("/file")]
    with zipfile.ZipFile(io.BytesIO(archive)) as bundle:
        [name] = bundle.namelist()
        return bundle.read(name).decode()


def test_the_three_steps_are_asked_for_in_turn_and_polls_are_seconds_apart() -> None:
    clock = ControlledClock(NOW)
    with tapes.qualtrics() as replay:
        list(connector("qualtrics", replay, clock).read("responses", days("2020-02-20", "2020-02-21")))
        asked = [(request.method, request.path.rpartition("export-responses")[2]) for request in replay.asked]
        started = replay.asked[0].body
        tokens = {headers.get("X-API-TOKEN") for headers in replay.headers}
    assert asked == [
        ("POST", ""),
        ("GET", "/ES_d45coaeKvu6dzyB"),
        ("GET", "/ES_d45coaeKvu6dzyB"),
        ("GET", "/4f92b338-9f49-4922-9160-0cd638f9129d/file"),
    ]
    assert started == {
        "format": "csv",
        "timeZone": "UTC",
        "useLabels": False,
        "startDate": "2020-02-20T00:00:00Z",
        "endDate": "2020-02-21T00:00:00Z",
    }
    assert clock.slept == [2.0, 3.0]
    assert tokens == {"tape-qualtrics-token"}


def test_every_response_is_a_record_keyed_by_import_ids() -> None:
    with tapes.qualtrics() as replay:
        found = records(connector("qualtrics", replay).read("responses", ALWAYS))
    assert len({record.key for record in found}) == 26
    assert all(body(record).keys() == COLUMNS for record in found)
    first = body(found[0])
    assert found[0].key == f"{tapes.SURVEY}:R_A7l3qPgjI2gQ6vT"
    assert (first["recordedDate"], first["QID16"]) == ("2020-02-20 01:17:20", "Somewhat satisfied")
    # A line break inside a cell stays, and does not part a row.
    assert first["QID18"] == "Yes, by me or someone outside the tribe \n\n"
    # Neither the question texts nor the ImportId row became a response.
    assert recorded_csv("fetch_survey_beskar_2020.yml").count('""ImportId""') == 24


def test_previews_and_tests_stay_and_can_be_told_apart() -> None:
    with tapes.qualtrics() as replay:
        found = [body(r) for r in records(connector("qualtrics", replay).read("responses", ALWAYS))]
    kinds = [(response["status"], response["distributionChannel"]) for response in found]
    assert kinds.count(("Survey Preview", "preview")) == 1
    assert kinds.count(("Survey Test", "test")) == 15
    assert kinds.count(("IP Address", "anonymous")) == 10
    assert sum(response["finished"] == "False" for response in found) == 2


def test_responses_without_the_time_of_recording_are_kept_as_bad_ones() -> None:
    # This tape asked for three metadata columns only, not for the recorded date that places a response.
    with tapes.qualtrics(tapes.SMALL_SURVEY) as replay:
        reader = connector("qualtrics", replay, QUALTRICS_SURVEY_IDS=tapes.SMALL_SURVEY)
        pages = list(reader.read("responses", ALWAYS))
    assert records(pages) == []
    assert {(record.reason, record.field) for record in bad(pages)} == {
        ("a required time is missing", "$.recordedDate")
    }
    assert len({body(record)["_recordId"] for record in bad(pages)}) == 15
