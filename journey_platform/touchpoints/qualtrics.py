"""Qualtrics: finished survey responses, and what respondents say about themselves.

Responses are keyed by import id (`QID1`), so the definition of the survey says which answer is the score,
the comment and the stated reason; without a definition, the columns' own names do. Questions exported as CSAT
and CES ask for satisfaction and effort; what an answer to them is worth, only a definition tells. The ticket
that such an answer is about is its `source`.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import msgspec
import pyarrow as pa

from journey_platform.touchpoints.mapping import (
    Contact,
    LookedUp,
    Mapped,
    Origin,
    Refusal,
    StreamMapping,
    Touch,
    decoded,
    excluded,
    map_contacts,
    map_touchpoints,
    number,
    text,
)
from journey_platform.touchpoints.scales import Measure, Scale, UnknownScale, scale_of

TOUCHPOINT_STREAMS: tuple[str, ...] = ("responses", "survey_definitions")
CONTACT_STREAMS: tuple[str, ...] = ("responses",)
LOOKUPS: Mapping[str, LookedUp] = {}

_Answers = dict[str, str | None]
_TICKET = "ticket_id"
"""The embedded field that says which ticket a survey is about."""
_NPS_NAMES = frozenset({"NPS", "Q_NPS"})
_NPS_GROUP = "_NPS_GROUP"
_MEASURES: Mapping[str, Measure] = {"CSAT": "csat", "Q_CSAT": "csat", "CES": "ces", "Q_CES": "ces"}
_HEARD_WORDS = ("hear about", "heard about", "find us")
_REASON_WORDS = ("reason", "why", *_HEARD_WORDS)
_TESTS = frozenset({"1", "2", "survey preview", "survey test"})
_SPAM = frozenset({"8", "spam"})
_TEST_CHANNELS = frozenset({"preview", "test"})
_UNFINISHED = frozenset({"0", "false"})


class _Choice(msgspec.Struct):
    Display: str = ""


class _Question(msgspec.Struct):
    QuestionType: str = ""
    Selector: str | None = None
    DataExportTag: str = ""
    QuestionText: str = ""
    Choices: dict[str, _Choice] | list[_Choice] = {}
    RecodeValues: dict[str, str | int] | list[str | int] = {}


class _Definition(msgspec.Struct):
    SurveyID: str
    Questions: dict[str, _Question] | list[_Question] = {}


@dataclass(frozen=True)
class _Columns:
    """Which answers of a survey mean what. `reasons`: columns by importance, with their choices' labels;
    `heard`: the column that asks how somebody heard of the brand, with its labels. `scored`: the columns of
    satisfaction and effort, with their scales, or why there is none."""

    nps: str | None
    comment: str | None
    reasons: tuple[tuple[str, Mapping[str, str]], ...] = ()
    heard: tuple[str, Mapping[str, str]] | None = None
    scored: tuple[tuple[Measure, str, Scale | UnknownScale], ...] = ()


def touchpoints(raw: Mapping[str, pa.Table], *, zone: str) -> Mapped:
    """Rows of `tables.touchpoints_table("qualtrics")` from `responses`.

    `survey_definitions` (current versions) say which questions are which. Previews, tests, spam and
    unfinished responses are excluded; a score outside 0 to 10 is rejected, and so is an answer about
    satisfaction or effort (`survey_score`) on a scale that the definition does not tell.
    """
    definitions = decoded(raw.get("survey_definitions"), _Definition)
    columns = {definition.SurveyID: _columns_of(definition) for _, definition in definitions}
    mappings = (StreamMapping("responses", _Answers, _response(columns)),)
    return map_touchpoints("qualtrics", "survey", mappings, raw, zone)


def contacts(raw: Mapping[str, pa.Table], *, zone: str) -> Mapped:
    """Rows of `tables.contacts_table("qualtrics")`: what counted responses say about who answered."""
    return map_contacts("qualtrics", (StreamMapping("responses", _Answers, _respondent),), raw, zone)


def _response(columns: Mapping[str, _Columns]) -> Callable[[_Answers, Origin], Iterator[Touch | Refusal]]:
    def rows(answers: _Answers, origin: Origin) -> Iterator[Touch | Refusal]:
        refusal = _exclusion(answers)
        if refusal is not None:
            raise refusal
        survey = text(answers.get("survey_id"))
        if survey is None:
            raise Refusal("no survey", "survey_id")
        named = columns.get(survey) or _named_columns(answers)
        score = _score(answers, named.nps)
        yield Touch(
            type="survey_response",
            occurred_at=origin.occurred_at,
            identifiers=(*_identifiers(answers), ("ticket_id", (answers.get(_TICKET) or "").strip())),
            subject_id=survey,
            reason=_reason(answers, named),
            value=score,
            unit="nps" if score is not None else None,
            text=text(answers.get(named.comment)) if named.comment else None,
        )
        if named.heard is not None:
            # Skipped answers count too: they tell how many were asked.
            yield Touch(
                type="survey_heard",
                occurred_at=origin.occurred_at,
                identifiers=_identifiers(answers),
                part="heard",
                subject_id=survey,
                reason=_label(answers, *named.heard),
            )
        for measure, column, scale in named.scored:
            yield from _scored(answers, origin, survey, measure, column, scale)

    return rows


def _scored(
    answers: _Answers, origin: Origin, survey: str, measure: Measure, column: str, scale: Scale | UnknownScale
) -> Iterator[Touch | Refusal]:
    """Nothing where the question was skipped."""
    if isinstance(scale, UnknownScale):
        # A question of several answers has a column for each.
        if any(
            text(told) for name, told in answers.items() if name == column or name.startswith(f"{column}_")
        ):
            yield Refusal(f"{measure}: {scale}", column, part=measure)
        return
    answer = text(answers.get(column))
    if answer is None:
        return
    if answer not in scale.values:
        yield Refusal(f"{measure}: not a choice of the question", column, part=measure)
        return
    yield Touch(
        type="survey_score",
        occurred_at=origin.occurred_at,
        identifiers=_identifiers(answers),
        part=measure,
        subject_id=survey,
        source=text(answers.get(_TICKET)),
        value=float(scale.values[answer]),
        unit=scale.unit,
    )


def _respondent(answers: _Answers, origin: Origin) -> Iterator[Contact]:
    """Nothing for responses that do not count: `touchpoints` says which and why."""
    identifiers = _identifiers(answers)
    if _exclusion(answers) is not None or not any(value.strip() for _, value in identifiers):
        return
    name = f"{answers.get('recipientFirstName') or ''} {answers.get('recipientLastName') or ''}".strip()
    yield Contact(
        observed_at=origin.occurred_at,
        identifiers=identifiers,
        attributes=(
            ("name", name),
            ("email", answers.get("recipientEmail") or ""),
            ("company", (answers.get("company") or "").strip()),
            ("job_title", (answers.get("job_title") or "").strip()),
        ),
    )


def _identifiers(answers: _Answers) -> tuple[tuple[str, str], ...]:
    return (
        ("email", answers.get("recipientEmail") or ""),
        ("user_id", answers.get("externalDataReference") or ""),
    )


def _exclusion(answers: _Answers) -> Refusal | None:
    status = (answers.get("status") or "").strip().lower()
    if status in _TESTS or (answers.get("distributionChannel") or "").strip().lower() in _TEST_CHANNELS:
        return excluded("a preview or test", "status")
    if status in _SPAM:
        return excluded("marked as spam", "status")
    if (answers.get("finished") or "").strip().lower() in _UNFINISHED:
        return excluded("not finished", "finished")
    return None


def _score(answers: _Answers, column: str | None) -> float | None:
    score = number((answers.get(column) or "").strip(), column) if column else None
    if score is not None and (not 0 <= score <= 10 or score != int(score)):
        raise Refusal("score is not a whole number from 0 to 10", column or "")
    return score


def _reason(answers: _Answers, columns: _Columns) -> str | None:
    """The first stated reason. A recoded answer gives the text of its choice."""
    given = (_label(answers, column, labels) for column, labels in columns.reasons)
    return next((answer for answer in given if answer is not None), None)


def _label(answers: _Answers, column: str, labels: Mapping[str, str]) -> str | None:
    answer = text(answers.get(column))
    return None if answer is None else labels.get(answer, answer)


def _columns_of(definition: _Definition) -> _Columns:
    questions = definition.Questions if isinstance(definition.Questions, dict) else {}
    nps = comment = heard = None
    reasons: list[tuple[int, str, Mapping[str, str]]] = []
    scored: dict[Measure, tuple[str, Scale | UnknownScale]] = {}
    for qid, question in sorted(questions.items(), key=lambda item: (len(item[0]), item[0])):
        words = question.QuestionText.lower()
        importance = next((i for i, word in enumerate(_REASON_WORDS) if word in words), None)
        if question.Selector == "NPS" or question.DataExportTag.upper() in _NPS_NAMES:
            nps = nps or qid
        elif question.DataExportTag.upper() in _MEASURES:
            measure = _MEASURES[question.DataExportTag.upper()]
            scored.setdefault(measure, (qid, _scale(measure, question)))
        elif question.QuestionType == "MC" and importance is not None:
            reasons.append((importance, qid, _labels(question)))
            if any(word in words for word in _HEARD_WORDS):
                heard = heard or (qid, _labels(question))
        elif question.QuestionType == "TE":
            comment = comment or f"{qid}_TEXT"
    reasons.sort(key=lambda reason: reason[0])
    return _Columns(
        nps,
        comment,
        tuple((qid, labels) for _, qid, labels in reasons),
        heard,
        tuple((measure, *of) for measure, of in scored.items()),
    )


def _scale(measure: Measure, question: _Question) -> Scale | UnknownScale:
    if question.QuestionType != "MC" or (question.Selector or "").startswith("MA"):
        return UnknownScale("not a question of one choice")
    try:
        return scale_of(measure, question.QuestionText, _labels(question))
    except UnknownScale as unknown:
        return unknown


def _labels(question: _Question) -> dict[str, str]:
    choices = question.Choices if isinstance(question.Choices, dict) else {}
    recoded = question.RecodeValues if isinstance(question.RecodeValues, dict) else {}
    return {str(recoded.get(choice, choice)): label.Display for choice, label in choices.items()}


def _named_columns(answers: _Answers) -> _Columns:
    """The score's column where no definition tells: by its name, or by the group column beside it."""
    named = sorted(name for name in answers if name.upper() in _NPS_NAMES)
    grouped = sorted(name.removesuffix(_NPS_GROUP) for name in answers if name.endswith(_NPS_GROUP))
    texts = sorted(name for name in answers if name.startswith("QID") and name.endswith("_TEXT"))
    scored = tuple(
        (_MEASURES[name.upper()], name, UnknownScale("no definition tells its scale"))
        for name in sorted(answers)
        if name.upper() in _MEASURES
    )
    return _Columns(next(iter(named + grouped), None), next(iter(texts), None), scored=scored)
