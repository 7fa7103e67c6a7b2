"""A Qualtrics survey's questions: their definitions, their columns, and the cells of a response."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from journey_platform.demo.vendors.messages import iso_z
from journey_platform.demo.words import CONTENT, EASE
from journey_platform.demo.world import Response, Survey

_TAGS = {"ease": "CES", "satisfaction": "CSAT"}
_GROUPS = {"1": "Detractor", "2": "Passive", "3": "Promoter"}


@dataclass(frozen=True, slots=True)
class _Question:
    """`choices`: code -> label. `field`: the attribute of a `Response` that answers it. `tag`: its name in
    exports."""

    number: int
    tag: str
    text: str
    kind: str
    selector: str
    field: str
    choices: dict[str, str]

    @property
    def qid(self) -> str:
        return f"QID{self.number}"


class Questionnaire:
    """The questions of one survey. An optional question is there when some response answers it."""

    def __init__(self, survey: Survey, responses: list[Response]) -> None:
        self.survey = survey
        scores = {str(score): str(score) for score in range(11)}
        # Its author put the best first.
        ease = {str(code): label for code, label in enumerate(reversed(EASE), start=1)}
        content = {str(code): label for code, label in enumerate(CONTENT, start=1)}
        asked = [
            ("How likely are you to recommend us to a friend or colleague?", "MC", "NPS", "nps", scores),
            ("What else would you like to tell us?", "TE", "ML", "comment", {}),
            ("How did you first hear about us?", "MC", "SAVR", "heard_about_us", None),
            ("What is the reason for leaving your cart?", "MC", "SAVR", "reason", None),
            ("How easy was it to get help?", "MC", "SAHR", "ease", ease),
            ("How satisfied are you with our help?", "MC", "SAHR", "satisfaction", content),
        ]
        self._questions = []
        for number, (text, kind, selector, field, choices) in enumerate(asked, start=1):
            given = {getattr(response, field) for response in responses} - {None}
            if choices is None:
                choices = {str(code): str(label) for code, label in enumerate(sorted(given), start=1)}
            tag = _TAGS.get(field, f"Q{number}")
            if given:
                self._questions.append(_Question(number, tag, text, kind, selector, field, choices))

    def columns(self) -> Iterator[tuple[str, str, str]]:
        """(name, text, import id) of each answer's column."""
        for question in self._questions:
            name = question.tag
            if question.selector == "NPS":
                yield f"{name}_NPS_GROUP", f"{question.text} - Group", f"{question.qid}_NPS_GROUP"
            suffix = "_TEXT" if question.kind == "TE" else ""
            yield name, question.text, f"{question.qid}{suffix}"

    def cells(self, response: Response, is_labelled: bool) -> dict[str, str]:
        """The answers by import id, as labels or as codes."""
        cells = {}
        for question in self._questions:
            answer = getattr(response, question.field)
            text = "" if answer is None else str(answer)
            if question.kind == "TE":
                cells[f"{question.qid}_TEXT"] = text
                continue
            if question.selector == "NPS" and answer is not None:
                group = "1" if answer < 7 else "2" if answer < 9 else "3"
                cells[f"{question.qid}_NPS_GROUP"] = _GROUPS[group] if is_labelled else group
            codes = {label: code for code, label in question.choices.items()}
            cells[question.qid] = text if is_labelled else codes.get(text, "")
        return cells

    def element(self) -> dict[str, Any]:
        """The survey in the list of surveys."""
        created = iso_z(self.survey.created_at)
        return {
            "id": self.survey.survey_id,
            "name": self.survey.name,
            "ownerId": "UR_demo",
            "lastModified": created,
            "creationDate": created,
            "isActive": True,
        }

    def described(self) -> dict[str, Any]:
        """`GET /surveys/{id}`."""
        created = iso_z(self.survey.created_at)
        return {
            "id": self.survey.survey_id,
            "name": self.survey.name,
            "ownerId": "UR_demo",
            "organizationId": "demo",
            "isActive": True,
            "creationDate": created,
            "lastModifiedDate": created,
            "expiration": {"startDate": None, "endDate": None},
            "questions": {
                question.qid: {
                    "questionType": {
                        "type": question.kind,
                        "selector": question.selector,
                        "subSelector": None,
                    },
                    "questionText": question.text,
                    "questionLabel": None,
                    "validation": {"doesForceResponse": False},
                    "questionName": question.tag,
                    "choices": {
                        code: {"recode": code, "description": label, "choiceText": label, "analyze": True}
                        for code, label in question.choices.items()
                    },
                }
                for question in self._questions
            },
        }

    def defined(self) -> dict[str, Any]:
        """`GET /survey-definitions/{id}`."""
        created = iso_z(self.survey.created_at)
        return {
            "QuestionCount": str(len(self._questions)),
            "SurveyOptions": {"BackButton": "false", "PartialData": "+1 week", "SurveyLanguage": "EN"},
            "SurveyID": self.survey.survey_id,
            "SurveyName": self.survey.name,
            "SurveyStatus": "Active",
            "LastModified": created,
            "BrandID": "demo",
            "OwnerID": "UR_demo",
            "LastAccessed": None,
            "CreatorID": "UR_demo",
            "LastActivated": created,
            "Questions": {
                question.qid: {
                    "QuestionText": question.text,
                    "DataExportTag": question.tag,
                    "QuestionType": question.kind,
                    "Selector": question.selector,
                    "QuestionDescription": question.text,
                    "Choices": {code: {"Display": label} for code, label in question.choices.items()},
                    "QuestionID": question.qid,
                }
                for question in self._questions
            },
            "Blocks": {},
            "ResponseSets": {},
            "SurveyFlow": {"Type": "Root", "FlowID": "FL_1", "Flow": [], "Properties": {"Count": 1}},
            "Scoring": {},
            "ProjectInfo": {"SurveyID": self.survey.survey_id, "ProjectType": self.survey.kind},
            "BrandBaseURL": "https://demo.qualtrics.example",
        }
