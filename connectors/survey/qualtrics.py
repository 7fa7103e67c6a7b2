"""Qualtrics API v3: surveys, their definitions, and responses by the three-step export.

Start an export, ask until it is complete, fetch a zip that holds one CSV with three header rows. Columns are
known by the third row's ImportId, since names and question texts are edited; times are asked for in UTC,
since the export otherwise writes them in the brand's own zone.
"""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any, BinaryIO, ClassVar

import msgspec

from connectors.archives import spool, zip_members
from connectors.auth import HeaderAuth
from connectors.base import BadRecord, Connector, Page, Stream, StreamKind, Window
from connectors.clock import SYSTEM_CLOCK, Clock
from connectors.config import Secret, secret, setting
from connectors.errors import (
    ConfigurationError,
    ConnectorError,
    PaginationLoop,
    Truncated,
    Unavailable,
    UnexpectedResponse,
)
from connectors.http import HttpClient
from connectors.pagination import Part, by_token
from connectors.records import RowReader, joined, time_of

_ROWS_A_PAGE = 500
_LARGEST_FILE_BYTES = 1_800 * 1024**2
_EXPORTS_AT_ONCE = 5
_FIRST_POLL_S = 2.0
_SLOWEST_POLL_S = 15.0
_PATIENCE_S = 30 * 60.0
_RESPONSES = "qualtrics/responses"
_SURVEY_ID = re.compile(r"SV_\w{1,40}")
_IN_UTC = {"", "Z", "UTC", "Etc/UTC", "GMT"}


@dataclass(frozen=True)
class QualtricsConfig:
    """The brand's data centre and a token; which surveys, where not all are wanted."""

    base_url: str = setting("QUALTRICS_BASE_URL", "https://{datacenter}.qualtrics.com/API/v3")
    token: Secret = secret("QUALTRICS_TOKEN", "API token")
    survey_ids: str = setting("QUALTRICS_SURVEY_IDS", "SV_..., parted by commas; all of them", default="")


@dataclass(frozen=True)
class _Started:
    """An export under way. `at`: when it was started, by the clock's seconds."""

    survey: str
    path: str
    progress_id: str
    at: float


class _Survey(msgspec.Struct):
    id: str
    lastModified: str | None = None  # noqa: N815 - the vendor's names


class _Definition(msgspec.Struct):
    SurveyID: str
    LastModified: str | None = None


class _Response(msgspec.Struct):
    survey_id: str
    id: str = msgspec.field(name="_recordId")
    recordedDate: str | None = None  # noqa: N815


class _Elements(msgspec.Struct):
    elements: list[msgspec.Raw]
    nextPage: str | None = None  # noqa: N815


class _SurveyList(msgspec.Struct):
    result: _Elements


class _Wrapped(msgspec.Struct):
    result: msgspec.Raw


class _Progress(msgspec.Struct):
    status: str
    progressId: str | None = None  # noqa: N815
    fileId: str | None = None  # noqa: N815
    continuationToken: str | None = None  # noqa: N815


class _Export(msgspec.Struct):
    result: _Progress


class _Import(msgspec.Struct):
    ImportId: str
    timeZone: str = ""  # noqa: N815


def _modified(text: str | None, field: str) -> datetime | None:
    return time_of(text, field) if text else None


_SURVEYS = RowReader(
    _Survey, lambda row: joined(row.id), lambda row: _modified(row.lastModified, "lastModified")
)
_DEFINITIONS = RowReader(
    _Definition, lambda row: joined(row.SurveyID), lambda row: _modified(row.LastModified, "LastModified")
)
_ANSWERS = RowReader(
    _Response,
    lambda row: joined(row.survey_id, row.id),
    lambda row: time_of(row.recordedDate, "recordedDate"),
)
_survey_decoder = msgspec.json.Decoder(_Survey)


class Qualtrics(Connector):
    """The surveys that one token may read."""

    area: ClassVar[str] = "survey"
    vendor: ClassVar[str] = "qualtrics"
    config_class: ClassVar[type[Any]] = QualtricsConfig
    streams: ClassVar[tuple[Stream, ...]] = (
        Stream("surveys", StreamKind.ENTITY, "survey", ("id",), is_replayable=False),
        Stream(
            "survey_definitions",
            StreamKind.ENTITY,
            "survey, with its questions and choices",
            ("SurveyID",),
            is_replayable=False,
        ),
        Stream(
            name="responses",
            kind=StreamKind.EVENT,
            grain="response to one survey, by the time it was recorded, with ImportIds as fields",
            primary_key=("survey_id", "_recordId"),
            is_replayable=True,
            lookback_days=7,
            personal_fields=(
                "ipAddress",
                "recipientEmail",
                "recipientFirstName",
                "recipientLastName",
                "externalDataReference",
                "locationLatitude",
                "locationLongitude",
                "*_TEXT",
            ),
        ),
    )

    def __init__(self, config: QualtricsConfig, clock: Clock = SYSTEM_CLOCK) -> None:
        self._wanted = [part.strip() for part in config.survey_ids.split(",") if part.strip()]
        if not all(_SURVEY_ID.fullmatch(survey) for survey in self._wanted):
            raise ConfigurationError(
                "QUALTRICS_SURVEY_IDS must be SV_..., parted by commas", where=self.vendor
            )
        self._clock = clock
        auth = HeaderAuth("X-API-TOKEN", config.token)
        self._client = HttpClient(config.base_url, auth, vendor=self.vendor, clock=clock)

    def read(self, stream: str, window: Window, cursor: str | None = None) -> Iterator[Page]:  # noqa: ARG002
        readers: dict[str, Callable[[Window], Iterator[Page]]] = {
            "surveys": self._surveys,
            "survey_definitions": self._survey_definitions,
            "responses": self._responses,
        }
        return readers[self.stream(stream).name](window)

    def check(self) -> None:
        self._client.get("surveys").json(_SurveyList)

    def _surveys(self, window: Window) -> Iterator[Page]:  # noqa: ARG002 - a snapshot
        for rows in self._survey_rows("surveys"):
            yield _SURVEYS.page(rows)

    def _survey_definitions(self, window: Window) -> Iterator[Page]:  # noqa: ARG002 - a snapshot
        for survey in self._chosen("survey_definitions"):
            response = self._client.get(f"survey-definitions/{survey}", stream="survey_definitions")
            yield _DEFINITIONS.page([response.json(_Wrapped).result])

    def _responses(self, window: Window) -> Iterator[Page]:
        """All exports' pages. Several are prepared by the vendor while the first is waited for."""
        surveys = iter(self._chosen("responses"))
        while some := list(islice(surveys, _EXPORTS_AT_ONCE)):
            for export in [self._start(survey, window) for survey in some]:
                yield from self._responses_of(export, window)

    def _chosen(self, stream: str) -> list[str]:
        """The configured surveys, else all: what was answered before a survey was closed stays answered."""
        return self._wanted or [one for rows in self._survey_rows(stream) for one in _ids(rows)]

    def _survey_rows(self, stream: str) -> Iterator[list[msgspec.Raw]]:
        def fetch(link: str | None) -> Part[list[msgspec.Raw]]:
            ask = self._client.follow if link else self._client.get
            told = ask(link or "surveys", stream=stream).json(_SurveyList).result
            return Part(told.elements, len(told.elements), told.nextPage or None)

        return by_token(fetch, where=f"qualtrics/{stream}")

    def _responses_of(self, export: _Started, window: Window) -> Iterator[Page]:
        """One export; and, where the vendor cut it and gave a continuation token, those that continue it."""
        tokens: set[str] = set()
        while True:
            rows = 0
            with spool() as file:
                token = self._fetch(export, file)
                for page in _pages(file, export.survey, window):
                    rows += page.received + page.skipped
                    yield page
            if token is None or rows == 0:
                return
            if token in tokens:
                raise PaginationLoop("a continuation token came back", where=_RESPONSES)
            tokens.add(token)
            export = self._start(export.survey, window, token)

    def _start(self, survey: str, window: Window, token: str | None = None) -> _Started:
        """An export, or, with a token, the one that continues another."""
        asked = {
            "format": "csv",
            "timeZone": "UTC",
            "useLabels": False,
            "startDate": _iso(window.start),
            "endDate": _iso(window.end),
        }
        if token is not None:
            asked["continuationToken"] = token
        path = f"surveys/{survey}/export-responses"
        started = self._client.post(path, json=asked, stream="responses").json(_Export).result
        if not started.progressId:
            raise UnexpectedResponse(f"the export of {survey} got no progress id", where=_RESPONSES)
        return _Started(survey, path, started.progressId, self._clock.monotonic())

    def _fetch(self, export: _Started, file: BinaryIO) -> str | None:
        """Write the export into `file`; gives the token that continues it, where there is one."""
        done = self._completed(export)
        path = f"{export.path}/{done.fileId}/file"
        self._client.download(path, file, max_bytes=_LARGEST_FILE_BYTES, stream="responses")
        return done.continuationToken or None

    def _completed(self, export: _Started) -> _Progress:
        path = f"{export.path}/{export.progress_id}"
        give_up_at = self._clock.monotonic() + _PATIENCE_S
        wait_s = export.at + _FIRST_POLL_S - self._clock.monotonic()
        while self._clock.monotonic() < give_up_at:
            if wait_s > 0:
                self._clock.sleep(wait_s)
            told: _Progress = self._client.get(path, stream="responses").json(_Export).result
            if told.status == "complete" and told.fileId:
                return told
            if told.status != "inProgress":
                raise UnexpectedResponse(f"the export of {export.survey} failed", where=_RESPONSES)
            wait_s = min(max(wait_s, _FIRST_POLL_S) * 1.5, _SLOWEST_POLL_S)
        raise Unavailable(
            f"the export of {export.survey} was not ready in {_PATIENCE_S / 60:.0f} minutes",
            where=_RESPONSES,
        )


def _ids(rows: list[msgspec.Raw]) -> Iterator[str]:
    """A row that is no survey is a bad record of `surveys`, not of other streams."""
    for row in rows:
        try:
            yield _survey_decoder.decode(row).id
        except ValueError:
            continue


def _pages(file: BinaryIO, survey: str, window: Window) -> Iterator[Page]:
    """The rows of the export's one CSV."""
    failure: ConnectorError
    try:
        members = zip_members(file)
        name, member = next(members, ("", io.BytesIO()))
        if not name.lower().endswith(".csv"):
            raise UnexpectedResponse("the export's archive holds no CSV")
        yield from _csv_pages(member, survey, window)
        if next(members, None) is not None:
            raise UnexpectedResponse("the export's archive holds more than one file")
        return
    except ConnectorError as error:
        failure = type(error)(f"export of {survey}: {error.message}", where=_RESPONSES)
    except csv.Error as error:
        kind = Truncated if "unexpected end" in str(error) else UnexpectedResponse
        failure = kind(f"export of {survey}: the CSV is malformed", where=_RESPONSES)
    raise failure


def _csv_pages(member: BinaryIO, survey: str, window: Window) -> Iterator[Page]:
    # Bytes that are not UTF-8 become half surrogates, which the record reader refuses row by row.
    text = io.TextIOWrapper(member, "utf-8-sig", errors="surrogateescape", newline="")
    rows = csv.reader(text, strict=True)
    header = list(islice(rows, 3))
    if len(header) < 3:
        raise Truncated("the CSV ends within its three header rows")
    columns = _columns(header[0], header[2])
    while batch := list(islice(rows, _ROWS_A_PAGE)):
        whole, odd = [], []
        for cells in batch:
            if len(cells) == len(columns):
                whole.append(_encoded({"survey_id": survey, **dict(zip(columns, cells, strict=True))}))
            elif cells:
                reason = f"{len(cells)} columns where the header has {len(columns)}"
                odd.append(BadRecord(reason, "$", _encoded(cells)))
        page = _ANSWERS.page(whole, window)
        page.bad += odd
        yield page


def _columns(names: list[str], imports: list[str]) -> list[str]:
    """Each column's key: its ImportId, with the column's name behind it where several columns share one."""
    try:
        told = [msgspec.json.decode(cell, type=_Import) for cell in imports]
    except ValueError:
        told = []
    if len(told) != len(names):
        raise UnexpectedResponse("the CSV's third row does not give an ImportId for each column")
    if any(column.timeZone not in _IN_UTC for column in told):
        raise UnexpectedResponse("the CSV's times are not in UTC, as asked")
    keys = [column.ImportId for column in told]
    return [f"{key}#{name}" if keys.count(key) > 1 else key for key, name in zip(keys, names, strict=True)]


def _encoded(value: Any) -> bytes:
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return json.dumps(value).encode()


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
