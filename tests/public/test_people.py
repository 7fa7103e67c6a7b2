"""Published sets about people rather than visits: a funnel in five files, mailings, tickets, churn."""

import csv
from datetime import date
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pytest

from journey_platform.journeys.questions import Funnel
from journey_platform.journeys.tickets import tickets
from journey_platform.tables import JOURNEY_TOUCHPOINTS, TICKETS
from tests.kpis.made import Tables, count, of_kpi
from tests.public.dropped import SHARED, dropped, share
from tests.public.test_web import funnel

pytestmark = pytest.mark.skipif(not SHARED.exists(), reason="needs ../shared/data")

TODAY = date(2026, 11, 1)
STEPS = ("home_page", "search_page", "payment_page", "payment_confirmation")

PAGES = """
feeds:
  users:
    files: user_table.csv.gz
    kind: entity
    key: [user_id]
    contacts:
      - identifiers: {user_id: u$user_id}
        attributes: {device: $device, sex: $sex}
""" + "".join(
    f"""
  {step}:
    files: {step}_table.csv.gz
    kind: entity
    key: [user_id]
    touchpoints:
      - type: page_view
        channel: product
        identifiers: {{user_id: u$user_id}}
        page: /{step}
"""
    for step in STEPS
)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> pa.Table:
    home = tmp_path_factory.mktemp("pages")
    files = [SHARED / "ecommerce_funnel" / f"{name}_table.csv.gz" for name in ("user", *STEPS)]
    found = dropped(home / "drop", PAGES, files, first=TODAY, last=TODAY, lake=home / "lake")
    return found.with_attributes("device", "sex")


def steps_of(pages: pa.Table, by: str | None = None) -> dict[str, list[int]]:
    """The files tell no time, so that the steps may come in any order."""
    asked = Funnel(steps=[f"page = '/{step}'" for step in STEPS], order="any", within="1 hour", by=by)
    return funnel(pages, asked, TODAY, TODAY)


def rates(units: list[int]) -> list[float]:
    return [round(below / above, 6) for above, below in pairwise(units)]


@pytest.mark.slow
def test_a_funnel_of_five_files_has_the_published_steps(pages: pa.Table) -> None:
    units = steps_of(pages)["all"]
    assert units == [90_400, 45_200, 6_030, 452]
    assert [round(100 * rate, 2) for rate in rates(units)] == [50.0, 13.34, 7.5]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("by", "value", "published"),
    [
        ("profile.device", "Desktop", [0.5, 0.1, 0.049834]),
        ("profile.device", "Mobile", [0.5, 0.2, 0.1]),
        ("profile.sex", "Male", [0.496944, 0.130083, 0.072014]),
        ("profile.sex", "Female", [0.503073, 0.136708, 0.077742]),
    ],
)
def test_its_steps_by_device_and_sex_are_as_published(
    pages: pa.Table, by: str, value: str, published: list[float]
) -> None:
    assert rates(steps_of(pages, by)[value]) == published


TEST_MAIL = """
feeds:
  people:
    files: hillstrom.csv.gz
    kind: entity
    touchpoints:
      - type: email_sent
        channel: email
        identifiers: {user_id: $_key}
        campaign: $segment
      - type: page_view
        channel: web
        when: {visit: 1}
        identifiers: {user_id: $_key}
        campaign: $segment
"""


@pytest.mark.slow
def test_who_visits_after_a_mail_is_as_published(tmp_path: Path) -> None:
    files = [SHARED / "hillstrom_email" / "hillstrom.csv.gz"]
    found = dropped(tmp_path / "drop", TEST_MAIL, files, first=TODAY, last=TODAY, lake=tmp_path / "lake")
    asked = Funnel(
        steps=["type = 'email_sent'", "type = 'page_view'"], order="any", within="1 hour", by="campaign"
    )
    units = funnel(found.journeys, asked, TODAY, TODAY)
    assert {name: share(visited, sent) for name, (sent, visited) in units.items() if name != "all"} == {
        "Mens E-Mail": 18.28,
        "Womens E-Mail": 15.14,
        "No E-Mail": 10.62,
    }
    assert sum(sent for name, (sent, _) in units.items() if name != "all") == 64_000


SENDS = """
feeds:
  sends:
    files: recipient_sends_2019.parquet
    key: [sent_at, subscriber_id]
    time: sent_at
    touchpoints:
      - type: email_sent
        channel: email
        identifiers: {mailchimp_email_id: $subscriber_id}
        campaign: $sent_at
      - type: email_open
        channel: email
        when: {opened_within_7d: 1}
        identifiers: {mailchimp_email_id: $subscriber_id}
        campaign: $sent_at
      - type: email_click
        channel: email
        when: {clicked: 1}
        identifiers: {mailchimp_email_id: $subscriber_id}
        campaign: $sent_at
"""


@pytest.mark.slow
def test_clicks_of_each_mailing_are_as_its_sender_reported(tmp_path: Path) -> None:
    """The sender counted per address sent to; opens fall short of its own by what it says of machines."""
    folder = SHARED / "newsletter_email"
    files = [folder / "recipient_sends_2019.parquet"]
    first, last = date(2019, 1, 1), date(2019, 12, 31)
    found = dropped(tmp_path / "drop", SENDS, files, first=first, last=last, lake=tmp_path / "lake")

    def reached(what: str) -> list[int]:
        """Of each mailing in their order, how many recipients did that."""
        steps = ["type = 'email_sent'", f"type = '{what}'"]
        asked = Funnel(
            steps=steps, attempt="every", hold="campaign", by="campaign", within="1 hour", days=365
        )
        of_mailing = funnel(found.journeys, asked, first, last)
        return [units[1] for name, units in sorted(of_mailing.items()) if name != "all"]

    clicked, opened = reached("email_click"), reached("email_open")
    with (folder / "esp_reported_2019.csv").open() as file:
        reported = list(csv.DictReader(file))
    assert len(clicked) == len(opened) == len(reported) == 12
    sent = [int(told["contacts_sent_to"]) for told in reported]
    clicks = [share(*one) for one in zip(clicked, sent, strict=True)]
    assert clicks == [float(told["clicks_pct"]) for told in reported]
    opens = [share(*one) for one in zip(opened, sent, strict=True)]
    missing = [float(told["opened_pct"]) - of for told, of in zip(reported, opens, strict=True)]
    assert all(0 <= short <= 1.4 for short in missing)


CASES = """
feeds:
  events:
    files: helpdesk.csv.gz
    time: CompleteTimestamp
    touchpoints:
      - type: ticket_created
        channel: ticket
        subject_id: $CaseID
      - type: ticket_solved
        channel: ticket
        subject_id: $CaseID
"""


@pytest.mark.slow
def test_tickets_and_their_time_to_a_solution_are_as_published(tmp_path: Path) -> None:
    """The log names no act that opens or closes: any may be the first or the last. All count on one day,
    so that one median is of all of them."""
    files = [SHARED / "ticket_logs" / "helpdesk.csv.gz"]
    first, last = date(2010, 1, 1), date(2014, 12, 31)
    found = dropped(tmp_path / "drop", CASES, files, first=first, last=last, lake=tmp_path / "lake")
    assert sum(report.landed for report in found.reports["events"]) == 13_710
    source = Tables({JOURNEY_TOUCHPOINTS: found.journeys})
    cases = source.arrow(tickets(source.table(JOURNEY_TOUCHPOINTS)).mutate(solved_day=last))
    median = of_kpi(count({TICKETS: cases}, ["resolution_median"], [last]), "resolution_median")
    hours, _, solved = median[last.isoformat(), "all"]
    assert (cases.num_rows, solved, round(hours / 24, 2)) == (3_804, 3_804, 3.93)


CUSTOMERS = """
feeds:
  customers:
    files: Telco-Customer-Churn.csv.gz
    kind: entity
    key: [customerID]
    touchpoints:
      - type: contract
        channel: product
        identifiers: {user_id: $customerID}
      - type: cancellation
        channel: product
        when: {Churn: "Yes"}
        identifiers: {user_id: $customerID}
"""


@pytest.mark.slow
def test_churn_is_as_published(tmp_path: Path) -> None:
    files = [SHARED / "telco_churn" / "Telco-Customer-Churn.csv.gz"]
    found = dropped(tmp_path / "drop", CUSTOMERS, files, first=TODAY, last=TODAY, lake=tmp_path / "lake")
    asked = Funnel(steps=["type = 'contract'", "type = 'cancellation'"], order="any", within="1 hour")
    customers, churned = funnel(found.journeys, asked, TODAY, TODAY)["all"]
    assert (customers, share(churned, customers)) == (7_043, 26.54)
