"""The daily job over the recordings of the five vendors, from their recorded answers to KPI rows.

The figures are worked out by hand from the tapes; how, stands beside them.
"""

from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from journey_platform.tables import PROFILES_TABLE, QUARANTINE, SESSIONS
from tests.recorded.tapes import needs_recordings, recorded_vendors
from tests.runs import contents
from tests.runs.running import Installation, Order

# The recordings lie thirteen years apart, and every week between them has its values.
pytestmark = [needs_recordings, pytest.mark.chaos]

WEB = date(2013, 1, 23)
SURVEY = (date(2020, 2, 20), date(2020, 3, 3))
SOCIAL = date(2026, 8, 1)

APART = {
    "operations/references:zendesk_tickets_requester_known": "of 1,993 users the first hundred were recorded",
    "operations/reconciliation:vendors_count_as_we_do": "Matomo's summary was recorded on another day",
}
"""The checks that fail, and rightly, on tapes that were not recorded together."""


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Each vendor's recorded days in turn; Zendesk and Mailchimp tell their current state in each run."""
    with recorded_vendors() as vendors:
        installation = Installation.at(
            tmp_path_factory.mktemp("recorded"),
            vendors,
            start=WEB,
            now=datetime(2026, 8, 2, 6, tzinfo=UTC),
            JOURNEY_ZONE="UTC",
        )
        for first, last in ((WEB, WEB), SURVEY, (SOCIAL, SOCIAL)):
            outcome = installation.run(Order(first, last))
            assert outcome.failures == {}
            assert {name: check for name, check in outcome.failed_checks.items() if name not in APART} == {}
    return installation.lake


@pytest.mark.parametrize(
    ("vendor", "types"),
    [
        # Ten visits of one page each; one order, one left cart, three goals reached.
        pytest.param("matomo", {"page_view": 10, "order": 1, "cart": 1, "event": 3}, id="matomo"),
        # No mailing was recorded.
        pytest.param("mailchimp", {}, id="mailchimp"),
        # 87 tickets, of which one is deleted and 83 were opened by two admins.
        pytest.param("zendesk", {"ticket_created": 3}, id="zendesk"),
        # 26 responses, of which 16 are previews and 2 were broken off.
        pytest.param("qualtrics", {"survey_response": 8}, id="qualtrics"),
        # One tagged status, and ten of the account that is configured as the brand's.
        pytest.param("mastodon", {"social_post": 1, "brand_post": 10}, id="mastodon"),
    ],
)
def test_touchpoints_are_those_on_the_tapes(lake: Path, vendor: str, types: dict[str, int]) -> None:
    table = next(table for table in contents.TOUCHPOINTS if table.key[-1] == vendor)
    assert Counter(row["type"] for row in contents.rows(lake, table)) == types


def test_records_that_must_not_count_are_kept_with_their_reason(lake: Path) -> None:
    assert Counter((row["reason"], row["severity"]) for row in contents.rows(lake, QUARANTINE)) == {
        ("excluded: a preview or test", "excluded"): 16,
        ("excluded: not finished", "excluded"): 2,
        ("excluded: opened by staff, not by a customer", "excluded"): 83,
        ("requester_known", "warn"): 3,
    }


def test_profiles_are_those_on_the_tapes(lake: Path) -> None:
    # 97 end users with ids and addresses of their own (three others are staff), 2 requesters who are none of
    # these, 10 subscribers, 1 author of a status; and 1 device of which nobody is known.
    known = Counter(row["is_known"] for row in contents.rows(lake, PROFILES_TABLE))
    assert known == {True: 97 + 2 + 10 + 1, False: 1}


def test_visits_of_one_browser_within_half_an_hour_are_one_session(lake: Path) -> None:
    # Three of the ten visits begin in the same second, the others an hour or two after each other.
    found = sorted(row["page_views"] for row in contents.rows(lake, SESSIONS))
    assert found == [1] * 7 + [3]


@pytest.mark.parametrize(
    ("kpi", "day", "dimension", "parts"),
    [
        pytest.param("visits", WEB, "all", (8, None), id="visits"),
        pytest.param("traffic_source", WEB, "Email", (1, 8), id="by e-mail: medium email"),
        pytest.param("traffic_source", WEB, "Other", (7, 8), id="other: campaigns without a known medium"),
        pytest.param("bounce_single_page", WEB, "all", (7, 8), id="all but the session of three pages"),
        # Not bounced: three pages; 725 s and 361 s on a page; the order.
        pytest.param("bounce_ga4", WEB, "all", (4, 8), id="bounce after Google Analytics 4"),
        pytest.param("bounce_snowplow", WEB, "all", (4, 8), id="bounce after Snowplow"),
        pytest.param("pages_per_session", WEB, "all", (10, 8), id="pages per session"),
        pytest.param("conversion_rate", WEB, "all", (1, 8), id="conversion: one order"),
        pytest.param("social_mentions", SOCIAL, "all", (1, None), id="mentions: not the brand's own"),
        # Requesters by week of creation, staff excluded; nobody else was active then.
        pytest.param("support_rate", date(2023, 9, 4), "all", (1, 1), id="requesters from 4 September"),
        pytest.param("support_rate", date(2023, 9, 18), "all", (0, 0), id="staff alone from 18 September"),
        pytest.param("support_rate", date(2023, 10, 23), "all", (2, 2), id="requesters from 23 October"),
        pytest.param("support_rate", date(2024, 2, 5), "all", (0, 0), id="staff alone from 5 February"),
        # The week of the one status by somebody else.
        pytest.param("support_rate", date(2026, 7, 27), "all", (0, 1), id="active, but no requester"),
    ],
)
def test_kpis_are_those_of_the_tapes(
    lake: Path, kpi: str, day: date, dimension: str, parts: tuple[float, float | None]
) -> None:
    [row] = [
        row
        for table in contents.KPIS
        for row in contents.rows(lake, table)
        if (row["kpi"], row["day"], row["dimension_value"]) == (kpi, day, dimension)
        and row["period"] == ("week" if kpi == "support_rate" else "day")
    ]
    assert (row["numerator"], row["denominator"]) == parts


def test_no_score_is_made_of_a_survey_that_asks_for_none(lake: Path) -> None:
    rows = [row for table in contents.KPIS for row in contents.rows(lake, table) if row["kpi"] == "nps"]
    assert rows
    assert not [row for row in rows if row["value"] is not None or row["numerator"]]
