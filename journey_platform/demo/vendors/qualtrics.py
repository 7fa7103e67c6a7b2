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
from journey_platform.demo.vendors.messages import Refused, Reply, Request, Vendor, encode, moment_of
from journey_platform.demo.vendors.qualtrics_surveys import Questionnaire
from journey_platform.demo.world import Response, World

TOKEN = "demo0qualtrics0token0demo0qualtrics00000"
BRAND_ZONE = "America/Denver"
LIST_SIZE = 100
POLLS_UNTIL_COMPLETE = 1

_STATUS = {
    200: "200 - OK",
    400: "400 - Bad Request",
    401: "401 - Unauthorized",
    403: "403 - Forbidden",
    404: "404 - Not Found",
    429: "429 - Too Many Requests",
    500: "500 - Internal Server Error",
}
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
)
_EMBEDDED = ("user_id", "ticket_id")
_TIMES = {"startDate", "endDate", "recordedDate"}


_Row = tuple[datetime, str, Response | dict[str, Any]]
"""When it was recorded, its id, and the response (or, malformed, its cells by import id)."""


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
        self._surveys = {
            survey.survey_id: Questionnaire(
                survey, [response for response in world.responses if response.survey_id == survey.survey_id]
            )
            for survey in sorted(world.surveys, key=lambda survey: survey.survey_id)
            if survey.created_at <= as_of
        }
        rows: list[_Row] = [
            (response.recorded_at, response.response_id, response)
            for response in world.responses
            if response.recorded_at <= as_of
        ]
        rows.extend((noon, "", msgspec.json.decode(record)) for noon, record in self.malformed("responses"))
        self._responses = sorted(rows, key=lambda row: row[:2])
        kinds = {kind.survey.kind: survey_id for survey_id, kind in self._surveys.items()}
        self._default_survey = kinds.get("relational", "")
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
        except Refused as refused:
            return self.refuse(refused.status)
        except (msgspec.DecodeError, ValueError, ZoneInfoNotFoundError):
            return self.refuse(400)

    def _resource(self, request: Request) -> Reply:
        collection, _, rest = request.path.removeprefix("/API/v3").strip("/").partition("/")
        survey_id, *below = rest.split("/")
        survey = self._surveys.get(survey_id)
        match request.method, collection, below:
            case "GET", "whoami", []:
                return _result(request, {"brandId": "demo", "userId": "UR_demo", "datacenter": "demo"})
            case "GET", "surveys", [] if not survey_id:
                return self._list(request)
            case "GET", "surveys", [] if survey:
                return _result(request, survey.described())
            case "GET", "survey-definitions", [] if survey:
                return _result(request, survey.defined())
            case "POST", "surveys", ["export-responses"] if survey:
                return self._start(request, survey_id)
            case "GET", "surveys", ["export-responses", progress_id] if survey:
                return self._progress(request, progress_id)
            case "GET", "surveys", ["export-responses", file_id, "file"] if survey:
                return self._file(survey, file_id)
        raise Refused(404)

    def _list(self, request: Request) -> Reply:
        limit = pages.granted(request, LIST_SIZE)
        start, mark = int(request.query.get("offset", "0")), int(request.query.get("turn", "0"))
        page = pages.by_cursor(request, list(self._surveys.values()), start, limit, mark)
        turn = f"&turn={page.mark}" if page.mark else ""
        following = f"{self.base_url}/API/v3/surveys?offset={page.next}{turn}" if page.has_more else None
        return _result(request, {"elements": [s.element() for s in page.rows], "nextPage": following})

    def _interval(self, export: _Export) -> tuple[datetime, datetime]:
        """The recorded dates that are exported: [start, end)."""
        start = moment_of(export.startDate) if export.startDate else self.day_start(self.world.first_day)
        return start, moment_of(export.endDate) if export.endDate else self.as_of

    def _start(self, request: Request, survey_id: str) -> Reply:
        export = msgspec.json.decode(request.body, type=_Export)
        if export.format != "csv":
            raise Refused(400)
        ZoneInfo(export.timeZone)
        self._interval(export)
        number = len(self._exports)
        progress = "ES_" + hashlib.md5(f"{number}{survey_id}".encode() + request.body).hexdigest()[:15]
        self._exports[progress] = export
        return _result(request, {"progressId": progress, "percentComplete": 0.0, "status": "inProgress"})

    def _progress(self, request: Request, progress: str) -> Reply:
        if progress not in self._exports:
            raise Refused(404)
        if request.fault == "failed_export":
            return _result(request, {"percentComplete": 0.0, "status": "failed"})
        polls = self._polls[progress] = self._polls.get(progress, 0) + 1
        if polls < POLLS_UNTIL_COMPLETE or request.fault == "stuck_export":
            return _result(request, {"percentComplete": 0.0, "status": "inProgress"})
        return _result(
            request, {"fileId": _file_id(progress), "percentComplete": 100.0, "status": "complete"}
        )

    def _file(self, questionnaire: Questionnaire, file_id: str) -> Reply:
        found = [export for progress, export in self._exports.items() if _file_id(progress) == file_id]
        if not found:
            raise Refused(404)
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as bundle:
            entry = zipfile.ZipInfo(f"{questionnaire.survey.name}.csv")
            entry.compress_type = zipfile.ZIP_DEFLATED
            bundle.writestr(entry, self._csv(questionnaire, found[0]))
        return Reply(200, archive.getvalue(), "application/zip")

    def _csv(self, questionnaire: Questionnaire, export: _Export) -> str:
        survey_id = questionnaire.survey.survey_id
        start, end = self._interval(export)
        rows = [
            row
            for recorded_at, _, row in self._responses
            if start <= recorded_at < end and _survey_of(row, self._default_survey) == survey_id
        ][: export.limit]
        columns = [*_COLUMNS, *questionnaire.columns(), *((name, name, name) for name in _EMBEDDED)]
        zone = {"timeZone": "Z" if export.timeZone == "UTC" else export.timeZone}
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(name for name, _, _ in columns)
        writer.writerow(label for _, label, _ in columns)
        writer.writerow(
            encode({"ImportId": key} | (zone if key in _TIMES else {})).decode() for _, _, key in columns
        )
        for row in rows:
            cells = row if isinstance(row, dict) else _cells(row, questionnaire, export)
            writer.writerow("" if (cell := cells.get(key)) is None else cell for _, _, key in columns)
        return text.getvalue()


def _survey_of(row: Response | dict[str, Any], default: str) -> str:
    return str(row.get("survey_id", default)) if isinstance(row, dict) else row.survey_id


def _cells(response: Response, questionnaire: Questionnaire, export: _Export) -> dict[str, str]:
    """A response by import id."""
    zone = ZoneInfo(export.timeZone)

    def local(moment: datetime) -> str:
        return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")

    is_preview = response.distribution == "preview"
    status = ("IP Address", "Survey Preview") if export.useLabels else ("0", "1")
    finished = ("False", "True") if export.useLabels else ("0", "1")
    return {
        "startDate": local(response.started_at),
        "endDate": local(response.ended_at),
        "status": status[is_preview],
        "ipAddress": "" if is_preview else response.ip,
        "progress": "100" if response.is_finished else "50",
        "duration": str(int((response.ended_at - response.started_at).total_seconds())),
        "finished": finished[response.is_finished],
        "recordedDate": local(response.recorded_at),
        "_recordId": response.response_id,
        "recipientLastName": response.last_name or "",
        "recipientFirstName": response.first_name or "",
        "recipientEmail": response.email or "",
        "externalDataReference": response.user_id or "",
        "distributionChannel": response.distribution,
        "userLanguage": "EN",
        **questionnaire.cells(response, export.useLabels),
        "user_id": response.user_id or "",
        "ticket_id": "" if response.ticket_id is None else str(response.ticket_id),
    }


def _result(request: Request, result: dict[str, Any]) -> Reply:
    meta = {"requestId": _request_id(request.path), "httpStatus": _STATUS[200]}
    return Reply(200, encode({"result": result, "meta": meta}), headers={"request-time": "12"})


def _file_id(progress: str) -> str:
    return _request_id(progress)


def _request_id(text: str) -> str:
    digest = hashlib.md5(text.encode()).hexdigest()
    return "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:]))
