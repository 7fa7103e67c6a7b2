"""Matomo where no recording leads: errors inside a 200, moving visits, local days, odd rows."""

from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.base import Window
from connectors.errors import (
    AuthenticationFailed,
    ConfigurationError,
    ConnectorError,
    PaginationLoop,
    Unavailable,
    UnexpectedResponse,
)
from tests.recorded.reading import bad, connector, days, records
from tests.recorded.tapes import answered
from tests.servers.replay import Asked, Recorded, Replay

NOON = int(datetime(2026, 3, 10, 12, tzinfo=UTC).timestamp())


def visit(number: int, **more: Any) -> dict[str, Any]:
    return {"idSite": "1", "idVisit": str(number), "firstActionTimestamp": NOON, "actionDetails": [], **more}


def matomo(visits: list[dict[str, Any]], zone: str = "UTC") -> Replay:
    """The visits all lie under 2026-03-10."""

    def rule(asked: Asked) -> Recorded:
        form: dict[str, Any] = dict(asked.body)
        if form["method"].startswith("SitesManager"):
            return answered(asked, [{"idsite": 1, "timezone": zone}])
        if form["method"] != "Live.getLastVisitsDetails" or form["date"] != "2026-03-10":
            return answered(asked, [])
        first = int(form["filter_offset"])
        return answered(asked, visits[first : first + int(form["filter_limit"])])

    return Replay([], rule)


@pytest.mark.parametrize(
    ("message", "error"),
    [
        pytest.param("You can't access this resource as it requires 'view' access.", AuthenticationFailed),
        pytest.param("Unable to authenticate with the provided token.", AuthenticationFailed),
        pytest.param("The query exceeded the max execution time of 30 s.", Unavailable),
        pytest.param("The method 'Live.nothing' does not exist.", UnexpectedResponse),
    ],
)
def test_an_error_inside_a_200_has_its_type_and_not_the_servers_words(
    message: str, error: type[ConnectorError]
) -> None:
    told = {"result": "error", "message": message}
    with Replay([], lambda asked: answered(asked, told)) as replay, pytest.raises(error) as refused:
        list(connector("matomo", replay).read("visits", days("2026-03-10", "2026-03-11")))
    assert type(refused.value) is error
    assert str(refused.value).startswith("matomo/visits: SitesManager.getSitesWithAtLeastViewAccess: ")
    assert message not in str(refused.value)


def test_the_token_is_only_in_the_body() -> None:
    with matomo([visit(1)]) as replay:
        list(connector("matomo", replay).read("visits", days("2026-03-10", "2026-03-11")))
        assert {(asked.method, asked.query) for asked in replay.asked} == {("POST", ())}
        assert all(asked.body["token_auth"] for asked in replay.asked)


def test_a_visit_that_moves_to_the_head_while_pages_are_read_hides_none() -> None:
    visits = [visit(number) for number in range(600)]
    with matomo(visits) as replay:
        pages = connector("matomo", replay).read("visits", days("2026-03-10", "2026-03-11"))
        found = records([next(pages)])
        visits.insert(0, visits.pop(400))
        found += records(pages)
    assert {record.key for record in found} == {f"1:{number}" for number in range(600)}
    assert len(found) == 600


def test_a_server_that_ignores_the_offset_is_a_loop_and_no_endless_read() -> None:
    class Same(list[dict[str, Any]]):
        def __getitem__(self, index: Any) -> Any:
            return list(self)

    with matomo(Same([visit(1), visit(2)])) as replay, pytest.raises(PaginationLoop, match="matomo/visits"):
        list(connector("matomo", replay).read("visits", days("2026-03-10", "2026-03-11")))


@pytest.mark.parametrize(
    ("row", "reason", "field"),
    [
        pytest.param({"idSite": 1, "firstActionTimestamp": NOON}, "a required field is missing", "$.idVisit"),
        pytest.param({"idSite": 1, "idVisit": 3}, "a required time is missing", "$.firstActionTimestamp"),
        pytest.param(visit(3, firstActionTimestamp="soon"), "not a time", "$.firstActionTimestamp"),
        pytest.param(visit(3, idVisit=["3"]), "not int | str", "$.idVisit"),
    ],
)
def test_a_row_that_is_no_visit_is_a_bad_record_with_its_reason(
    row: dict[str, Any], reason: str, field: str
) -> None:
    with matomo([visit(1), row, visit(2)]) as replay:
        pages = list(connector("matomo", replay).read("visits", days("2026-03-10", "2026-03-11")))
    assert [record.key for record in records(pages)] == ["1:1", "1:2"]
    assert [(record.reason, record.field) for record in bad(pages)] == [(reason, field)]


def test_numbers_may_be_numbers_or_strings() -> None:
    rows = [visit(1), {"idSite": 1, "idVisit": 2, "serverTimestamp": str(NOON)}]
    with matomo(rows) as replay:
        found = records(connector("matomo", replay).read("visits", days("2026-03-10", "2026-03-11")))
    assert [(record.key, record.time) for record in found] == [
        ("1:1", datetime.fromtimestamp(NOON, UTC)),
        ("1:2", datetime.fromtimestamp(NOON, UTC)),
    ]


@pytest.mark.parametrize(
    ("zone", "start", "end", "asked_days"),
    [
        pytest.param("UTC", "2026-03-10T00:00Z", "2026-03-11T00:00Z", ["10", "11"], id="UTC"),
        pytest.param(
            "Europe/Amsterdam",
            "2026-03-28T23:00Z",
            "2026-03-29T22:00Z",
            ["29", "30"],
            id="the day of 23 hours",
        ),
        pytest.param(
            "UTC+5.5", "2026-03-09T18:30Z", "2026-03-10T18:30Z", ["10", "11"], id="Matomo's own name"
        ),
        pytest.param(
            "America/Denver", "2026-03-10T00:00Z", "2026-03-11T00:00Z", ["09", "10", "11"], id="two days"
        ),
    ],
)
def test_days_are_those_of_the_site(zone: str, start: str, end: str, asked_days: list[str]) -> None:
    window = Window(datetime.fromisoformat(start), datetime.fromisoformat(end))
    with matomo([], zone) as replay:
        list(connector("matomo", replay).read("visits", window))
        assert [str(asked.body["date"])[-2:] for asked in replay.asked[1:]] == asked_days


def test_a_site_that_the_token_may_not_view_is_named_by_its_setting() -> None:
    with matomo([]) as replay, pytest.raises(ConfigurationError, match="MATOMO_SITE_ID"):
        connector("matomo", replay, MATOMO_SITE_ID="2").check()


def test_a_site_number_that_is_none_stops_at_start() -> None:
    with matomo([]) as replay, pytest.raises(ConfigurationError, match="MATOMO_SITE_ID must be a number"):
        connector("matomo", replay, MATOMO_SITE_ID="all")
