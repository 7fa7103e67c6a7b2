"""Matomo: visits with their actions, daily reports to reconcile them with, and the sites.

One entry point for everything: a POST with the method's name, and the token in its body. Errors come with
status 200; an empty day is `[]`; numbers are numbers or strings.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone, tzinfo
from functools import partial
from typing import Any, ClassVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from connectors.auth import FormTokenAuth
from connectors.base import Connector, Page, Stream, StreamKind, Window
from connectors.clock import SYSTEM_CLOCK, Clock
from connectors.config import Secret, secret, setting
from connectors.errors import (
    AuthenticationFailed,
    ConfigurationError,
    ConnectorError,
    Unavailable,
    UnexpectedResponse,
)
from connectors.http import HttpClient
from connectors.moving import settled
from connectors.pagination import Part, by_offset
from connectors.records import RowReader, joined, time_of, with_fields
from connectors.times import day_start, local_days

_VISITS_A_PAGE = 250
_REPORTS = ("getReferrerType", "getWebsites", "getCampaigns")
_NO_ACCESS = re.compile(r"token|authenticat|access|permission|log ?in", re.IGNORECASE)
_TOO_SLOW = re.compile(r"execution time|too long|time ?out", re.IGNORECASE)
_UTC_OFFSET = re.compile(r"UTC([+-]\d{1,2}(?:\.\d+)?)?")

Rows = list[msgspec.Raw]


@dataclass(frozen=True)
class MatomoConfig:
    """Which installation and site, and the token of a user who may view it."""

    base_url: str = setting("MATOMO_BASE_URL", "address of the installation, without index.php")
    token: Secret = secret("MATOMO_TOKEN", "token_auth of a user with view access")
    site_id: str = setting("MATOMO_SITE_ID", "number of the site (idSite)")


class _Told(msgspec.Struct):
    result: Any = None
    message: Any = None


class _Visit(msgspec.Struct):
    idSite: int | str  # noqa: N815 - Matomo's names
    idVisit: int | str  # noqa: N815
    firstActionTimestamp: int | float | str | None = None  # noqa: N815
    serverTimestamp: int | float | str | None = None  # noqa: N815


class _Site(msgspec.Struct):
    idsite: int | str
    timezone: str = ""


class _ReportRow(msgspec.Struct):
    idSite: str  # noqa: N815
    date: str
    report: str = ""
    label: str | int | float | None = None


def _visit_time(visit: _Visit) -> datetime:
    return time_of(visit.firstActionTimestamp or visit.serverTimestamp, "firstActionTimestamp")


_VISITS = RowReader(_Visit, lambda visit: joined(visit.idSite, visit.idVisit), _visit_time)
_SITES = RowReader(_Site, lambda site: joined(site.idsite))
_visit_decoder = msgspec.json.Decoder(_Visit)


class Matomo(Connector):
    """One site of a Matomo installation."""

    area: ClassVar[str] = "web_analytics"
    vendor: ClassVar[str] = "matomo"
    config_class: ClassVar[type[Any]] = MatomoConfig
    streams: ClassVar[tuple[Stream, ...]] = (
        Stream(
            name="visits",
            kind=StreamKind.EVENT,
            grain="visit of one device, with its actions; its time is that of the first action",
            primary_key=("idSite", "idVisit"),
            is_replayable=True,
            lookback_days=2,
            spill_days=1,
            personal_fields=(
                "visitorId",
                "fingerprint",
                "userId",
                "visitIp",
                "latitude",
                "longitude",
                "city",
                "customVariables",
                "actionDetails.url",
                "actionDetails.orderId",
            ),
        ),
        Stream(
            name="visits_summary",
            kind=StreamKind.EVENT,
            grain="site and local day, as Matomo itself counts it",
            primary_key=("idSite", "date"),
            is_replayable=True,
            lookback_days=2,
        ),
        Stream(
            name="referrers",
            kind=StreamKind.EVENT,
            grain="site, local day, referrer report and label",
            primary_key=("idSite", "date", "report", "label"),
            is_replayable=True,
            lookback_days=2,
        ),
        Stream(
            name="sites",
            kind=StreamKind.ENTITY,
            grain="site that the token may view",
            primary_key=("idsite",),
            is_replayable=False,
        ),
    )

    def __init__(self, config: MatomoConfig, clock: Clock = SYSTEM_CLOCK) -> None:
        if not config.site_id.isdigit():
            raise ConfigurationError("MATOMO_SITE_ID must be a number", where=self.vendor)
        self._site_id = config.site_id
        auth = FormTokenAuth("token_auth", config.token)
        self._client = HttpClient(config.base_url, auth, vendor=self.vendor, clock=clock)

    def read(self, stream: str, window: Window, cursor: str | None = None) -> Iterator[Page]:  # noqa: ARG002
        readers: dict[str, Callable[[Window], Iterator[Page]]] = {
            "visits": self._visits,
            "visits_summary": self._visits_summary,
            "referrers": self._referrers,
            "sites": self._sites,
        }
        return readers[self.stream(stream).name](window)

    def check(self) -> None:
        self._zone("")

    def _visits(self, window: Window) -> Iterator[Page]:
        """A visit is listed under the day of its last action: so the day after the window is read, too."""
        for day in local_days(window, self._zone("visits"), and_one=True):
            for rows in settled(partial(self._visits_of, day), _visit_id, where="matomo/visits"):
                yield _VISITS.page(rows, window)

    def _visits_of(self, day: date) -> Iterator[tuple[list[bytes], int | None]]:
        def fetch(offset: int, limit: int) -> Part[tuple[list[bytes], int | None]]:
            rows: Rows = self._call(
                "Live.getLastVisitsDetails", Rows, "visits", day, filter_limit=limit, filter_offset=offset
            )
            return Part(([bytes(row) for row in rows], None), len(rows))

        return by_offset(fetch, _VISITS_A_PAGE, where="matomo/visits")

    def _visits_summary(self, window: Window) -> Iterator[Page]:
        zone = self._zone("visits_summary")
        reader = RowReader(
            _ReportRow, lambda row: joined(row.idSite, row.date), lambda row: _day_start(row.date, zone)
        )
        for day in local_days(window, zone):
            told: msgspec.Raw = self._call("VisitsSummary.get", msgspec.Raw, "visits_summary", day)
            fields = {"idSite": self._site_id, "date": day.isoformat()}
            rows = [] if bytes(told).strip() == b"[]" else [with_fields(told, fields)]
            yield reader.page(rows, window)

    def _referrers(self, window: Window) -> Iterator[Page]:
        zone = self._zone("referrers")
        reader = RowReader(_ReportRow, _referrer_key, lambda row: _day_start(row.date, zone))
        for day in local_days(window, zone):
            for report in _REPORTS:
                rows: Rows = self._call(f"Referrers.{report}", Rows, "referrers", day, filter_limit=-1)
                fields = {"idSite": self._site_id, "date": day.isoformat(), "report": report}
                yield reader.page([with_fields(row, fields) for row in rows], window)

    def _sites(self, window: Window) -> Iterator[Page]:  # noqa: ARG002 - a snapshot
        yield _SITES.page(self._call("SitesManager.getSitesWithAtLeastViewAccess", Rows, "sites"))

    def _zone(self, stream: str) -> tzinfo:
        """The site's own time zone, in which Matomo counts days."""
        sites = self._call("SitesManager.getSitesWithAtLeastViewAccess", list[_Site], stream)
        for site in sites:
            if str(site.idsite) == self._site_id:
                return _zone_named(site.timezone)
        raise ConfigurationError("MATOMO_SITE_ID is not a site that the token may view", where=self.vendor)

    def _call(self, method: str, type: Any, stream: str, day: date | None = None, **more: int) -> Any:  # noqa: A002
        """The answer to one API method, decoded into `type`."""
        form: dict[str, str | int | None] = {"module": "API", "method": method, "format": "JSON", **more}
        if day is not None:
            form |= {"idSite": self._site_id, "period": "day", "date": day.isoformat()}
        response = self._client.post("index.php", form=form, stream=stream)
        if response.content.lstrip()[:1] == b"{":
            told = response.json(_Told)
            if told.result == "error":
                raise _refusal(method, str(told.message), response.where)
        return response.json(type)


def _refusal(method: str, message: str, where: str) -> ConnectorError:
    """The error inside a 200. The server's words may quote the request: they are read, not repeated."""
    if _TOO_SLOW.search(message):
        return Unavailable(f"{method}: the query took longer than the server allows", where=where)
    if _NO_ACCESS.search(message):
        return AuthenticationFailed(f"{method}: refused, the token has no access", where=where)
    return UnexpectedResponse(f"{method}: the server answered with an error", where=where)


def _visit_id(row: bytes) -> str | bytes:
    try:
        return str(_visit_decoder.decode(row).idVisit)
    except ValueError:
        return row


def _referrer_key(row: _ReportRow) -> str:
    if row.label is None:
        raise ValueError("a row without a label")
    return joined(row.idSite, row.date, row.report, str(row.label))


def _day_start(day: str, zone: tzinfo) -> datetime:
    return day_start(date.fromisoformat(day), zone)


def _zone_named(name: str) -> tzinfo:
    """An IANA name, or one of Matomo's own: UTC, UTC+5.5, UTC-3."""
    if found := _UTC_OFFSET.fullmatch(name):
        return timezone(timedelta(hours=float(found[1] or 0)))
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        pass
    raise UnexpectedResponse("the site's time zone is not known here", where="matomo")
