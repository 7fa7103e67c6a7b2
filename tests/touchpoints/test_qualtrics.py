"""Qualtrics: counted responses as touchpoints and contacts, and which column is the score."""

import base64
import csv
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from journey_platform.tables import touchpoints_table
from journey_platform.touchpoints import qualtrics
from tests.touchpoints.raws import about, raw, refused, who

ZONE = "Europe/Amsterdam"
RECORDINGS = Path(__file__).resolve().parents[2].parent / "shared" / "recordings/survey/qualtrics"
is_recorded = pytest.mark.skipif(not RECORDINGS.exists(), reason="the recordings are not beside the project")

DEFINITION = {
    "SurveyID": "SV_1",
    "Questions": {
        "QID1": {"QuestionType": "MC", "Selector": "NPS", "QuestionText": "How likely ...?", "Choices": []},
        "QID2": {"QuestionType": "TE", "Selector": "ML", "QuestionText": "What is the main reason?"},
        "QID3": {
            "QuestionType": "MC",
            "Selector": "SAVR",
            "QuestionText": "How did you first hear about us?",
            "Choices": {"1": {"Display": "A friend"}, "2": {"Display": "An advert"}},
            "RecodeValues": {"1": "11", "2": 12},
        },
        "QID4": {
            "QuestionType": "MC",
            "Selector": "SAVR",
            "QuestionText": "Why did you leave without buying?",
            "Choices": {"1": {"Display": "Delivery costs"}},
        },
    },
}


def response(**fields: Any) -> dict[str, Any]:
    return {
        "survey_id": "SV_1",
        "_recordId": "R_1",
        "status": "0",
        "finished": "1",
        "distributionChannel": "email",
        "recipientEmail": "ann@shop.example",
        "externalDataReference": "u-1",
        "QID1": "9",
        "QID1_NPS_GROUP": "3",
        "QID2_TEXT": "Quick, and\nfriendly",
        "QID3": "12",
    } | fields


def mapped(body: dict[str, Any], definition: dict[str, Any] | None = DEFINITION) -> Any:
    tables = {"responses": raw("qualtrics", "responses", body)}
    if definition is not None:
        tables["survey_definitions"] = raw("qualtrics", "survey_definitions", definition, keys=["SV_1"])
    return qualtrics.touchpoints(tables, zone=ZONE)


def test_a_response_is_a_touchpoint_with_score_comment_and_reason() -> None:
    found = mapped(response())
    assert found.rows.schema == touchpoints_table("qualtrics").schema
    row, _ = found.rows.to_pylist()
    assert (row["type"], row["channel"], row["subject_id"]) == ("survey_response", "survey", "SV_1")
    assert (row["value"], row["unit"]) == (9.0, "nps")
    assert (row["reason"], row["text"]) == ("An advert", "Quick, and\nfriendly")
    assert who(row) == {"email": "ann@shop.example", "user_id": "u-1"}


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        pytest.param({"QID3": "11"}, "A friend", id="recoded choice"),
        pytest.param({"QID3": "A friend"}, "A friend", id="label"),
        pytest.param({"QID3": ""}, None, id="skipped"),
        pytest.param({"QID4": "1"}, "Delivery costs", id="the reason before the source"),
    ],
)
def test_the_stated_reason_is_the_text_of_the_choice(answers: dict[str, str], reason: str | None) -> None:
    row, _ = mapped(response(**answers)).rows.to_pylist()
    assert row["reason"] == reason


@pytest.mark.parametrize(
    ("answers", "heard"),
    [
        pytest.param({"QID3": "11"}, "A friend", id="recoded choice"),
        pytest.param({"QID3": ""}, None, id="asked and skipped"),
        pytest.param({"QID4": "1", "QID3": "12"}, "An advert", id="beside another reason"),
    ],
)
def test_where_people_heard_of_the_brand_is_a_touchpoint_of_its_own(
    answers: dict[str, str], heard: str | None
) -> None:
    answer, row = mapped(response(**answers)).rows.to_pylist()
    assert (row["type"], row["subject_id"], row["reason"]) == ("survey_heard", "SV_1", heard)
    assert (row["text"], row["value"]) == (None, None)
    assert who(row) == who(answer)


def test_a_survey_that_does_not_ask_where_people_heard_of_the_brand_tells_nothing_of_it() -> None:
    definition = {**DEFINITION, "Questions": {"QID1": DEFINITION["Questions"]["QID1"]}}
    assert mapped(response(), definition).rows["type"].to_pylist() == ["survey_response"]


@pytest.mark.parametrize(
    ("score", "value"),
    [("0", 0.0), ("10", 10.0), (" 7 ", 7.0), ("", None), (None, None)],
)
def test_a_score_is_zero_to_ten_or_not_given(score: str | None, value: float | None) -> None:
    row, _ = mapped(response(QID1=score)).rows.to_pylist()
    assert (row["value"], row["unit"]) == (value, None if value is None else "nps")


@pytest.mark.parametrize("score", ["11", "-1", "7.5", "nan", "very"])
def test_another_score_is_rejected(score: str) -> None:
    found = mapped(response(QID1=score))
    assert found.rows.num_rows == 0
    assert refused(found.rejected) == [("qualtrics/responses/0", "QID1", "error")]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        pytest.param({"status": "1"}, "status", id="preview by code"),
        pytest.param({"status": "Survey Preview"}, "status", id="preview by label"),
        pytest.param({"status": "2"}, "status", id="test"),
        pytest.param({"distributionChannel": "preview"}, "status", id="preview by channel"),
        pytest.param({"status": "8"}, "status", id="spam"),
        pytest.param({"finished": "0"}, "finished", id="unfinished by code"),
        pytest.param({"finished": "False"}, "finished", id="unfinished by label"),
    ],
)
def test_tests_and_unfinished_responses_are_excluded_and_listed(fields: dict[str, str], field: str) -> None:
    found = mapped(response(**fields))
    assert found.rows.num_rows == 0
    assert refused(found.rejected) == [("qualtrics/responses/0", field, "excluded")]
    table = raw("qualtrics", "responses", response(**fields))
    people = qualtrics.contacts({"responses": table}, zone=ZONE)
    assert people.rows.num_rows == 0


@pytest.mark.parametrize(
    ("answers", "value", "text"),
    [
        pytest.param({"NPS": "4"}, 4.0, None, id="named"),
        pytest.param({"Q_NPS": "4"}, 4.0, None, id="named with a prefix"),
        pytest.param(
            {"QID5": "6", "QID5_NPS_GROUP": "1", "QID6_TEXT": "ok"}, 6.0, "ok", id="beside its group"
        ),
        pytest.param({"QID5": "6"}, None, None, id="nothing tells"),
    ],
)
def test_without_a_definition_the_columns_names_tell(
    answers: dict[str, str], value: float | None, text: str | None
) -> None:
    (row,) = mapped({"survey_id": "SV_9", "finished": "1"} | answers, None).rows.to_pylist()
    assert (row["value"], row["text"]) == (value, text)


def test_a_respondent_who_says_who_is_a_contact() -> None:
    named = response(recipientFirstName="Ann", recipientLastName="Bee")
    anonymous = response(recipientEmail="", externalDataReference=" ")
    found = qualtrics.contacts({"responses": raw("qualtrics", "responses", named, anonymous)}, zone=ZONE)
    (row,) = found.rows.to_pylist()
    assert who(row) == {"email": "ann@shop.example", "user_id": "u-1"}
    assert about(row) == {"name": "Ann Bee", "email": "ann@shop.example"}


def test_a_body_that_is_not_a_row_of_text_is_rejected() -> None:
    found = mapped({"survey_id": "SV_1", "QID1": {"x": 1}})
    assert refused(found.rejected) == [("qualtrics/responses/0", "[...]", "error")]


LABELS = ("Very satisfied", "Satisfied", "Neither", "Dissatisfied", "Very dissatisfied")
CONTENT = {"QuestionType": "MC", "Selector": "SAVR", "QuestionText": "How was our help?"} | {
    "DataExportTag": "Q_CSAT",
    "Choices": {str(place): {"Display": label} for place, label in enumerate(LABELS, start=11)},
    "RecodeValues": {str(code + 10): str(code) for code in range(1, 6)},
}


def scores(answers: dict[str, str], **question: Any) -> Any:
    questions = {**DEFINITION["Questions"], "QID9": CONTENT | question}
    return mapped(response(QID3="", **answers), {**DEFINITION, "Questions": questions})


@pytest.mark.parametrize(
    ("question", "answer", "value"),
    [
        pytest.param({}, "1", 5.0, id="the best is coded 1"),
        pytest.param({}, "5", 1.0, id="the worst is coded 5"),
        pytest.param({"RecodeValues": {str(code + 10): 6 - code for code in range(1, 6)}}, "5", 5.0, id="5"),
        pytest.param({"DataExportTag": "csat"}, " 2 ", 4.0, id="named otherwise"),
    ],
)
def test_satisfaction_is_a_touchpoint_of_its_own_and_high_for_good(
    question: dict[str, Any], answer: str, value: float
) -> None:
    found = scores({"QID9": answer}, **question)
    [row] = [row for row in found.rows.to_pylist() if row["type"] == "survey_score"]
    assert row["touchpoint_id"] == "qualtrics/responses/0#csat"
    assert (row["value"], row["unit"], row["subject_id"], row["channel"]) == (
        value,
        "csat_5",
        "SV_1",
        "survey",
    )
    assert who(row) == {"email": "ann@shop.example", "user_id": "u-1"}
    assert found.rejected.num_rows == 0


@pytest.mark.parametrize(
    ("told", "source"),
    [
        pytest.param({"ticket_id": " 5001 "}, "5001", id="named"),
        pytest.param({"ticket_id": " "}, None, id="blank"),
        pytest.param({}, None, id="not asked about one"),
    ],
)
def test_the_ticket_that_a_score_is_about_is_its_source(told: dict[str, str], source: str | None) -> None:
    rows = scores({"QID9": "1", **told}).rows.to_pylist()
    assert [row["source"] for row in rows if row["type"] == "survey_score"] == [source]
    assert {row["source"] for row in rows if row["type"] != "survey_score"} == {None}


def test_effort_and_satisfaction_stand_beside_each_other() -> None:
    ease = [
        {"Display": f"{word} {end}"} for end in ("difficult", "easy") for word in ("Very", "Quite", "Rather")
    ]
    ease.insert(3, {"Display": "Neither"})
    effort = {
        "QuestionType": "MC",
        "DataExportTag": "CES",
        "Choices": {str(code): choice for code, choice in enumerate(ease, start=1)},
    }
    definition = {"SurveyID": "SV_1", "Questions": {"QID9": CONTENT, "QID10": effort}}
    found = mapped(response(QID9="2", QID10="6"), definition).rows.to_pylist()
    assert {row["unit"]: row["value"] for row in found if row["type"] == "survey_score"} == {
        "csat_5": 4.0,
        "ces_7": 6.0,
    }


@pytest.mark.parametrize(
    ("question", "answers", "reason"),
    [
        pytest.param({}, {"QID9": "6"}, "csat: not a choice of the question", id="another code"),
        pytest.param({}, {"QID9": "Satisfied"}, "csat: not a choice of the question", id="a label"),
        pytest.param({"RecodeValues": {}}, {"QID9": "11"}, "csat: the choices' codes are not", id="codes"),
        pytest.param(
            {"Choices": {str(code): {"Display": str(code)} for code in range(1, 6)}, "RecodeValues": {}},
            {"QID9": "4"},
            "csat: the labels do not tell which end is good",
            id="numbers",
        ),
        pytest.param(
            {"QuestionType": "Matrix"}, {"QID9_1": "4"}, "csat: not a question of one choice", id="matrix"
        ),
        pytest.param(
            {"Selector": "MAVR"}, {"QID9_1": "1"}, "csat: not a question of one choice", id="several choices"
        ),
    ],
)
def test_a_score_that_cannot_be_told_is_refused_and_the_response_counts(
    question: dict[str, Any], answers: dict[str, str], reason: str
) -> None:
    found = scores(answers, **question)
    assert found.rows["type"].to_pylist() == ["survey_response", "survey_heard"]
    [refusal] = found.rejected.to_pylist()
    assert refusal["reason"].startswith(reason)
    assert (refusal["record_key"], refusal["field"]) == ("qualtrics/responses/0#csat", "QID9")


@pytest.mark.parametrize("question", [{}, {"RecodeValues": {}}, {"QuestionType": "Matrix"}])
def test_a_skipped_score_is_nothing(question: dict[str, Any]) -> None:
    found = scores({"QID9": "", "QID9_1": " "}, **question)
    assert found.rows["type"].to_pylist() == ["survey_response", "survey_heard"]
    assert found.rejected.num_rows == 0


def test_without_a_definition_nothing_tells_what_a_score_is_worth() -> None:
    found = mapped({"survey_id": "SV_9", "finished": "1", "Q_CSAT": "4", "CES": ""}, None)
    assert found.rows["type"].to_pylist() == ["survey_response"]
    [refusal] = found.rejected.to_pylist()
    assert (refusal["reason"], refusal["field"]) == ("csat: no definition tells its scale", "Q_CSAT")


@is_recorded
@pytest.mark.parametrize(
    ("tape", "counted", "excluded"),
    [("fetch_survey_beskar_2020.yml", 8, 18), ("fetch_survey_small_2022.yml", 15, 0)],
)
def test_the_recorded_exports_map_whole(tape: str, counted: int, excluded: int) -> None:
    rows = _export(RECORDINGS / tape)
    found = qualtrics.touchpoints({"responses": raw("qualtrics", "responses", *rows)}, zone=ZONE)
    assert found.rows.num_rows + found.rejected.num_rows == len(rows)
    assert {severity for _, _, severity in refused(found.rejected)} <= {"excluded"}
    assert (found.rows.num_rows, found.rejected.num_rows) == (counted, excluded)


@is_recorded
def test_the_recorded_definition_is_read() -> None:
    yaml = pytest.importorskip("yaml")
    (interaction,) = yaml.safe_load((RECORDINGS / "fetch_description_2025.yml").read_text())[
        "http_interactions"
    ]
    definition = json.loads(interaction["response"]["body"]["string"])["result"]
    body = {"survey_id": definition["SurveyID"], "QID22_TEXT": "Good, strong armor!", "finished": "True"}
    (row,) = mapped(body, definition).rows.to_pylist()
    assert (row["value"], row["text"]) == (None, None)
    (row,) = mapped(body | {"QID19_TEXT": "No time"}, definition).rows.to_pylist()
    assert row["text"] == "No time", "the first text question is the comment"
    for question, code, value in (("QID16", "5", 5.0), ("QID64", "1", 1.0)):
        # As it would be, had its author named the question so.
        definition["Questions"][question]["DataExportTag"] = "CSAT"
        _, score = mapped(body | {question: code}, definition).rows.to_pylist()
        assert (score["unit"], score["value"]) == ("csat_5", value)
        definition["Questions"][question]["DataExportTag"] = question


def _export(path: Path) -> list[dict[str, str]]:
    """The CSV of a recorded export as the connector lands it: by import id, with the survey's id."""
    yaml = pytest.importorskip("yaml")
    for interaction in yaml.safe_load(path.read_text())["http_interactions"]:
        body = base64.b64decode(interaction["response"]["body"].get("base64_string", ""))
        if body[:2] == b"PK":
            with zipfile.ZipFile(io.BytesIO(body)) as archive:
                text = archive.read(archive.namelist()[0]).decode("utf-8-sig")
            _, _, ids, *rows = csv.reader(io.StringIO(text))
            names = [json.loads(cell)["ImportId"] for cell in ids]
            return [dict(zip(names, row, strict=True)) | {"survey_id": "SV_x"} for row in rows]
    raise AssertionError("no archive on the tape")
