"""The emulations' rows have the shape of the recorded ones: no field of our own, no other JSON type."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from connectors.base import Window
from journey_platform.demo.vendors.server import serve
from tests.demo.test_vendors_round_trip import ALL, read
from tests.demo.worlds import small_world
from tests.recorded.tapes import needs_recordings, recorded_vendors

pytestmark = needs_recordings

_JANUARY_2013 = Window(datetime(2013, 1, 22, tzinfo=UTC), datetime(2013, 1, 25, tzinfo=UTC))
_JUNE_2019 = Window(datetime(2019, 6, 29, tzinfo=UTC), datetime(2019, 7, 2, tzinfo=UTC))
_EARLY_2020 = Window(datetime(2020, 2, 1, tzinfo=UTC), datetime(2020, 4, 1, tzinfo=UTC))
_2022 = Window(datetime(2022, 1, 1, tzinfo=UTC), datetime(2022, 4, 1, tzinfo=UTC))
_2023 = Window(datetime(2023, 1, 1, tzinfo=UTC), datetime(2024, 3, 1, tzinfo=UTC))
_AUGUST_2026 = Window(datetime(2026, 7, 31, tzinfo=UTC), datetime(2026, 8, 3, tzinfo=UTC))

_NUMBER = {"int", "float"}
SHAPES = [
    pytest.param(
        "matomo",
        "visits",
        _JANUARY_2013,
        # Nobody searched or sent an event in the recorded visits; the dimension is one a site sets up itself.
        ("actionDetails[].event", "actionDetails[].siteSearchKeyword", "customDimensions"),
        id="matomo-visits",
    ),
    pytest.param("matomo", "visits_summary", _JUNE_2019, (), id="matomo-visits_summary"),
    pytest.param(
        "matomo",
        "referrers",
        _JUNE_2019,
        # Reports imported from another tool lack them; the recorded reports of Matomo's own visits have them.
        ("max_actions", "nb_users"),
        id="matomo-referrers",
    ),
    pytest.param("mailchimp", "lists", _2022, (), id="mailchimp-lists"),
    pytest.param("mailchimp", "members", _2022, ("merge_fields.",), id="mailchimp-members"),
    pytest.param(
        "zendesk",
        "tickets",
        _2023,
        # No recorded ticket was rated or came by mail.
        ("satisfaction_rating", "via.source.from."),
        id="zendesk-tickets",
    ),
    pytest.param("zendesk", "users", _2023, (), id="zendesk-users"),
    pytest.param(
        "zendesk",
        "organizations",
        _2023,
        # Nobody declared a domain in the recorded account.
        ("domain_names[]",),
        id="zendesk-organizations",
    ),
    pytest.param("qualtrics", "surveys", _EARLY_2020, (), id="qualtrics-surveys"),
    pytest.param(
        "qualtrics", "survey_definitions", _EARLY_2020, ("Questions.QID",), id="qualtrics-survey_definitions"
    ),
    pytest.param(
        "qualtrics", "responses", _EARLY_2020, ("QID", "ticket_id", "user_id"), id="qualtrics-responses"
    ),
    pytest.param(
        "mastodon",
        "tag_timelines",
        _AUGUST_2026,
        # The connector's mark of the brand's own posts: the recorded ones under tags are others'.
        ("application", "is_brand"),
        id="mastodon-tag_timelines",
    ),
    pytest.param(
        "mastodon",
        "account_statuses",
        _AUGUST_2026,
        # The recorded account tagged nothing; an application is null for a status from elsewhere.
        ("application", "tags[]."),
        id="mastodon-account_statuses",
    ),
]


def fields(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """(path, JSON type) of everything in a row."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from fields(item, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        yield path, "list"
        for item in value:
            yield from fields(item, f"{path}[]")
    else:
        yield path, type(value).__name__


def shape(environment: dict[str, str], vendor: str, stream: str, window: Window) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for page in read(environment, vendor, stream, window):
        for record in page.records:
            for path, kind in fields(msgspec.json.decode(record.body)):
                found.setdefault(path, set()).add(kind)
    return found


@pytest.fixture(scope="module")
def tapes() -> Iterator[dict[str, str]]:
    with recorded_vendors() as environment:
        yield environment


@pytest.fixture(scope="module")
def demo() -> Iterator[dict[str, str]]:
    with serve(small_world()) as served:
        yield served.environment


@pytest.mark.parametrize(("vendor", "stream", "window", "more"), SHAPES)
def test_an_emulated_row_has_no_field_that_no_recorded_row_has(
    tapes: dict[str, str],
    demo: dict[str, str],
    vendor: str,
    stream: str,
    window: Window,
    more: tuple[str, ...],
) -> None:
    recorded = shape(tapes, vendor, stream, window)
    emulated = shape(demo, vendor, stream, ALL)
    assert recorded
    assert emulated
    assert sorted(path for path in emulated if path not in recorded and not path.startswith(more)) == []


@pytest.mark.parametrize(("vendor", "stream", "window", "more"), SHAPES)
def test_an_emulated_field_has_a_recorded_type(
    tapes: dict[str, str],
    demo: dict[str, str],
    vendor: str,
    stream: str,
    window: Window,
    more: tuple[str, ...],
) -> None:
    """Null says nothing about a type. Matomo's goldens are XML, which cannot tell a report's numbers from
    text: there, both will do."""
    recorded = shape(tapes, vendor, stream, window)
    emulated = shape(demo, vendor, stream, ALL)
    is_xml = stream in ("visits_summary", "referrers")
    wrong = {}
    for path in emulated.keys() & recorded.keys():
        known = recorded[path] | (_NUMBER if is_xml and "str" in recorded[path] else set())
        if known != {"NoneType"} and not emulated[path] <= known | {"NoneType"}:
            wrong[path] = emulated[path]
    assert wrong == {}
