"""Qualtrics' API v3 over the demo's surveys and responses.

As the real one: responses come by a three-step export (start, poll, file) as a zip with one CSV that has
three header rows; its times are in the zone that was asked for, and in the brand's own when none was;
previews are rows like others; labels or codes by `useLabels`.
"""

import csv
import hashlib
import io
import zipfile
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from journey_platform.demo.vendors import pages
from journey_platform.demo.vendors.messages import Reply, Request, Vendor, encode, iso_z, moment_of
from journey_platform.demo.world import Response, Survey, World

TOKEN = "demo0qualtrics0token0demo0qualtrics00000"
BRAND_ZONE = "America/Denver"
LIST_SIZE = 100
POLLS_UNTIL_COMPLETE = 2

_STATUS = {
    200: "200 - OK",
    400: "400 - Bad Request",
    401: "401 - Unauthorized",
    403: "403 - Forbidden",
    404: "404 - Not Found",
    429: "429 - Too Many Requests",
    500: "500 - Internal Server Error",
}
NPS, COMMENT, HEARD = "QID1", "QID2", "QID3"
_NPS_TEXT = "How likely are you to recommend us to a friend or colleague?"
_COMMENT_TEXT = "What is the main reason for your score?"
_HEARD_TEXT = "How did you first hear about us?"
_COLUMNS: tuple[tuple[str, str, str], ...] = (
    ("StartDate", "Start Date", "startDate"),
    ("EndDate", "End Date", "endDate"),
    ("Status", "Response Type", "status"),
    ("IPAddress", "IP Address", "ipAddress"),
    ("Progress", "Progress", "progress"),
    ("Duration (in seconds)", "Duration (in seconds)", "duration"),
    ("Finished", "Finished", "finished"),
    ("RecordedDate", "Recorded Date", "recordedDate"),
    ("ResponseId", "Response ID", "_recordId"),
    ("RecipientLastName", "Recipient Last Name", "recipientLastName"),
    ("RecipientFirstName", "Recipient First Name", "recipientFirstName"),
    ("RecipientEmail", "Recipient Email", "recipientEmail"),
    ("ExternalReference", "External Data Reference", "externalDataReference"),
    ("LocationLatitude", "Location Latitude", "locationLatitude"),
    ("LocationLongitude", "Location Longitude", "locationLongitude"),
    ("DistributionChannel", "Distribution Channel", "distributionChannel"),
    ("UserLanguage", "User Language", "userLanguage"),
    ("Q1_NPS_GROUP", f"{_NPS_TEXT} - Group", f"{NPS}_NPS_GROUP"),
    ("Q1", _NPS_TEXT, NPS),
    ("Q2", _COMMENT_TEXT, f"{COMMENT}_TEXT"),
    ("Q3", _HEARD_TEXT, HEARD),
    ("user_id", "user_id", "user_id"),
    ("ticket_id", "ticket_id", "ticket_id"),
)
_TIMES = {"startDate", "endDate", "recordedDate"}


class _Refused(Exception):  # noqa: N818 - becomes a reply
    def __init__(self, status: int) -> None:
        self.status = status


class _Export(msgspec.Struct):
    """The body that starts an export; fields that the emulation does not act on are left out."""

    format: str
    useLabels: bool = False  # noqa: N815 - the vendor's spelling
    timeZone: str = BRAND_ZONE  # noqa: N815
    startDate: str | None = None  # noqa: N815
    endDate: str | None = None  # noqa: N815
    limit: int | None = None


class Qualtrics(Vendor):
    """The surveys of one brand; see the module's docstring."""

    name = "qualtrics"

    def __init__(self, world: World, as_of: datetime, base_url: str) -> None:
        super().__init__(world, as_of, base_url)
        self._surveys = {survey.survey_id: survey for survey in world.surveys if survey.created_at <= as_of}
        seen = [response for response in world.responses if response.recorded_at <= as_of]
        self._responses = sorted(seen, key=lambda response: (response.recorded_at, response.response_id))
        heard = {response.heard_about_us for response in world.responses if response.heard_about_us}
        self._choices = {label: str(code) for code, label in enumerate(sorted(heard), start=1)}
        self._exports: dict[str, _Export] = {}
        self._polls: dict[str, int] = {}

    def environment(self) -> dict[str, str]:
        return {"QUALTRICS_BASE_URL": f"{self.base_url}/API/v3", "QUALTRICS_TOKEN": TOKEN}

    def refuse(self, status: int) -> Reply:
        if status not in _STATUS:
            return Reply(status, b"", "text/html")
        error = {"errorCode": f"DEMO_{status}", "errorMessage": _STATUS[status].partition(" - ")[2]}
        meta = {"httpStatus": _STATUS[status], "requestId": _request_id(str(status)), "error": error}
        return Reply(status, encode({"meta": meta}), headers={"request-time": "12"})

    def period(self, request: Request) -> tuple[datetime, datetime] | None:
        if request.method != "POST":
            return None
        try:
            return self._interval(msgspec.json.decode(request.body, type=_Export))
        except (msgspec.DecodeError, ValueError):
            return None

    def answer(self, request: Request) -> Reply:
        if request.headers.get("x-api-token") != TOKEN:
            return self.refuse(401)
        try:
            return self._resource(request)
        except _Refused as refused:
            return self.refuse(refused.status)
        except (msgspec.DecodeError, ValueError, ZoneInfoNotFoundError):
            return self.refuse(400)

    def _resource(self, request: Request) -> Reply:
        match request.method, request.path.removeprefix("/API/v3").strip("/").split("/"):
            case "GET", ["whoami"]:
                return _result(request, {"brandId": "demo", "userId": "UR_demo", "datacenter": "demo"})
            case "GET", ["surveys"]:
                return self._list(request)
            case "GET", ["surveys", survey_id] if survey_id in self._surveys:
                return _result(request, self._survey(self._surveys[survey_id]))
            case "GET", ["survey-definitions", survey_id] if survey_id in self._surveys:
                return _result(request, self._definition(self._surveys[survey_id]))
            case "POST", ["surveys", survey_id, "export-responses"] if survey_id in self._surveys:
                return self._start(request, survey_id)
            case "GET", ["surveys", survey_id, "export-responses", progress] if survey_id in self._surveys:
                return self._progress(request, progress)
            case "GET", ["surveys", survey_id, "export-responses", file, "file"] if (
                survey_id in self._surveys
            ):
                return self._file(self._surveys[survey_id], file)
        raise _Refused(404)

    def _list(self, request: Request) -> Reply:
        rows = sorted(self._surveys.values(), key=lambda survey: survey.survey_id)
        limit = pages.granted(request, LIST_SIZE)
        start, mark = int(request.query.get("offset", "0")), int(request.query.get("turn", "0"))
        page = pages.by_cursor(request, rows, start, limit, mark)
        turn = f"&turn={page.mark}" if page.mark else ""
        following = f"{self.base_url}/API/v3/surveys?offset={page.next}{turn}" if page.has_more else None
        elements = [
            {
                "id": survey.survey_id,
                "name": survey.name,
                "ownerId": "UR_demo",
                "lastModified": iso_z(survey.created_at),
                "creationDate": iso_z(survey.created_at),
                "isActive": True,
            }
            for survey in page.rows
        ]
        return _result(request, {"elements": elements, "nextPage": following})

    def _survey(self, survey: Survey) -> dict[str, Any]:
        def question(name: str, kind: str, selector: str, text: str) -> dict[str, Any]:
            return {
                "questionType": {"type": kind, "selector": selector, "subSelector": None},
                "questionText": text,
                "questionLabel": None,
                "validation": {"doesForceResponse": False},
                "questionName": name,
            }

        heard = {
            code: {
                "recode": code,
                "description": label,
                "choiceText": label,
                "imageDescription": None,
                "variableName": None,
                "analyze": True,
            }
            for label, code in self._choices.items()
        }
        return {
            "id": survey.survey_id,
            "name": survey.name,
            "ownerId": "UR_demo",
            "organizationId": "demo",
            "isActive": True,
            "creationDate": iso_z(survey.created_at),
            "lastModifiedDate": iso_z(survey.created_at),
            "expiration": {"startDate": None, "endDate": None},
            "questions": {
                NPS: question("Q1", "MC", "NPS", _NPS_TEXT),
                COMMENT: question("Q2", "TE", "ML", _COMMENT_TEXT),
                HEARD: question("Q3", "MC", "SAVR", _HEARD_TEXT) | {"choices": heard},
            },
        }

    def _definition(self, survey: Survey) -> dict[str, Any]:
        def question(
            place: int, text: str, kind: str, selector: str, choices: dict[str, str]
        ) -> dict[str, Any]:
            return {
                "QuestionText": text,
                "DataExportTag": f"Q{place}",
                "QuestionType": kind,
                "Selector": selector,
                "QuestionDescription": text,
                "Choices": {code: {"Display": label} for code, label in choices.items()},
                "ChoiceOrder": list(choices),
                "QuestionID": f"QID{place}",
            }

        heard = {code: label for label, code in self._choices.items()}
        return {
            "QuestionCount": "3",
            "SurveyOptions": {"BackButton": "false", "PartialData": "+1 week", "SurveyLanguage": "EN"},
            "SurveyID": survey.survey_id,
            "SurveyName": survey.name,
            "SurveyStatus": "Active",
            "LastModified": iso_z(survey.created_at),
            "BrandID": "demo",
            "OwnerID": "UR_demo",
            "LastAccessed": None,
            "CreatorID": "UR_demo",
            "LastActivated": iso_z(survey.created_at),
            "Questions": {
                NPS: question(1, _NPS_TEXT, "MC", "NPS", {str(score): str(score) for score in range(11)}),
                COMMENT: question(2, _COMMENT_TEXT, "TE", "ML", {}),
                HEARD: question(3, _HEARD_TEXT, "MC", "SAVR", heard),
            },
            "Blocks": {},
            "ResponseSets": {},
            "SurveyFlow": {"Type": "Root", "FlowID": "FL_1", "Flow": [], "Properties": {"Count": 1}},
            "Scoring": {},
            "ProjectInfo": {
                "SurveyID": survey.survey_id,
                "ProjectCategory": "CX",
                "ProjectType": survey.kind,
            },
            "BrandBaseURL": "https://demo.qualtrics.example",
        }

    def _interval(self, export: _Export) -> tuple[datetime, datetime]:
        """The recorded dates that are exported: [start, end)."""
        start = moment_of(export.startDate) if export.startDate else self.day_start(self.world.first_day)
        return start, moment_of(export.endDate) if export.endDate else self.as_of

    def _start(self, request: Request, survey_id: str) -> Reply:
        export = msgspec.json.decode(request.body, type=_Export)
        if export.format != "csv":
            raise _Refused(400)
        ZoneInfo(export.timeZone)
        self._interval(export)
        number = len(self._exports)
        progress = "ES_" + hashlib.md5(f"{number}{survey_id}".encode() + request.body).hexdigest()[:15]
        self._exports[progress] = export
        return _result(request, {"progressId": progress, "percentComplete": 0.0, "status": "inProgress"})

    def _progress(self, request: Request, progress: str) -> Reply:
        if progress not in self._exports:
            raise _Refused(404)
        if request.fault == "failed_export":
            return _result(request, {"percentComplete": 0.0, "status": "failed"})
        polls = self._polls[progress] = self._polls.get(progress, 0) + 1
        if polls < POLLS_UNTIL_COMPLETE or request.fault == "stuck_export":
            return _result(request, {"percentComplete": 0.0, "status": "inProgress"})
        return _result(
            request, {"fileId": _file_id(progress), "percentComplete": 100.0, "status": "complete"}
        )

    def _file(self, survey: Survey, file_id: str) -> Reply:
        found = [export for progress, export in self._exports.items() if _file_id(progress) == file_id]
        if not found:
            raise _Refused(404)
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as bundle:
            entry = zipfile.ZipInfo(f"{survey.name}.csv")
            entry.compress_type = zipfile.ZIP_DEFLATED
            bundle.writestr(entry, self._csv(survey, found[0]))
        return Reply(200, archive.getvalue(), "application/zip")

    def _csv(self, survey: Survey, export: _Export) -> str:
        start, end = self._interval(export)
        rows = [
            response
            for response in self._responses
            if response.survey_id == survey.survey_id and start <= response.recorded_at < end
        ][: export.limit]
        zone = ZoneInfo(export.timeZone)
        zone_name = "Z" if export.timeZone == "UTC" else export.timeZone
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(name for name, _, _ in _COLUMNS)
        writer.writerow(label for _, label, _ in _COLUMNS)
        writer.writerow(
            encode({"ImportId": key} | ({"timeZone": zone_name} if key in _TIMES else {})).decode()
            for _, _, key in _COLUMNS
        )
        cells = self._labels if export.useLabels else self._codes
        for response in rows:
            values = cells(response, zone)
            writer.writerow(values.get(key, "") for _, _, key in _COLUMNS)
        return text.getvalue()

    def _codes(self, response: Response, zone: ZoneInfo) -> dict[str, str]:
        def local(moment: datetime) -> str:
            return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")

        is_preview = response.distribution == "preview"
        score = response.nps
        return {
            "startDate": local(response.started_at),
            "endDate": local(response.ended_at),
            "status": "1" if is_preview else "0",
            "ipAddress": "" if is_preview else response.ip,
            "progress": "100" if response.is_finished else "50",
            "duration": str(int((response.ended_at - response.started_at).total_seconds())),
            "finished": "1" if response.is_finished else "0",
            "recordedDate": local(response.recorded_at),
            "_recordId": response.response_id,
            "recipientLastName": response.last_name or "",
            "recipientFirstName": response.first_name or "",
            "recipientEmail": response.email or "",
            "externalDataReference": response.user_id or "",
            "distributionChannel": response.distribution,
            "userLanguage": "EN",
            f"{NPS}_NPS_GROUP": "" if score is None else "1" if score < 7 else "2" if score < 9 else "3",
            NPS: "" if score is None else str(score),
            f"{COMMENT}_TEXT": response.comment,
            HEARD: self._choices.get(response.heard_about_us or "", ""),
            "user_id": response.user_id or "",
            "ticket_id": "" if response.ticket_id is None else str(response.ticket_id),
        }

    def _labels(self, response: Response, zone: ZoneInfo) -> dict[str, str]:
        groups = {"1": "Detractor", "2": "Passive", "3": "Promoter"}
        codes = self._codes(response, zone)
        return codes | {
            "status": "Survey Preview" if codes["status"] == "1" else "IP Address",
            "finished": "True" if response.is_finished else "False",
            f"{NPS}_NPS_GROUP": groups.get(codes[f"{NPS}_NPS_GROUP"], ""),
            HEARD: response.heard_about_us or "",
        }


def _result(request: Request, result: dict[str, Any]) -> Reply:
    meta = {"requestId": _request_id(request.path), "httpStatus": _STATUS[200]}
    return Reply(200, encode({"result": result, "meta": meta}), headers={"request-time": "12"})


def _file_id(progress: str) -> str:
    return _request_id(progress)


def _request_id(text: str) -> str:
    digest = hashlib.md5(text.encode()).hexdigest()
    return "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:]))
