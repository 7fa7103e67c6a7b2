"""Published data puzzles with their expected tables, as far as they ask about journeys.

Left out is what asks for cleaning, joining or comparing tables alone: case_010 joins names to addresses,
case_012 sums outages, case_151 looks for words, case_209 compares columns, case_281 picks some.
"""

import csv
from collections import Counter, defaultdict
from datetime import date
from pathlib import Path

import pytest

from journey_platform import journeys
from journey_platform.journeys.questions import Funnel, Paths, Stages
from journey_platform.tables import JOURNEY_TOUCHPOINTS, PROFILES_TABLE
from tests.kpis.made import count, of_kpi, profiles
from tests.public.dropped import SHARED, Dropped, dropped, share

CASES = SHARED / "prepbench_kpi"
pytestmark = pytest.mark.skipif(not SHARED.exists(), reason="needs ../shared/data")


def inputs(case: str) -> list[Path]:
    return sorted((CASES / case / "inputs").glob("*.csv"))


def expected(case: str, number: int) -> list[dict[str, str]]:
    with (CASES / case / "expected" / f"output_{number:02}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


TICKETS = """
feeds:
  statuses:
    files: input_0[234].csv
    key: [Ticket, Status No.]
    time: Timestamp
    touchpoints:
      - type:
          column: Status Name
          values: {Logged: ticket_created, Closed: ticket_solved}
          otherwise: ticket_event
        channel: ticket
        identifiers: {user_id: $Ticket}
        subject_id: $Ticket
        reason: ${Status Name}
"""


TICKET_DAYS = date(2020, 1, 1), date(2020, 12, 31)


@pytest.fixture(scope="module")
def tickets(tmp_path_factory: pytest.TempPathFactory) -> Dropped:
    home = tmp_path_factory.mktemp("tickets")
    first, last = TICKET_DAYS
    return dropped(home / "drop", TICKETS, inputs("case_059"), first=first, last=last, lake=home / "lake")


@pytest.mark.slow
def test_promises_kept_in_working_days_are_as_expected(tickets: Dropped) -> None:
    """A department's promise is its number of working days from a ticket's first status to its closing."""
    with inputs("case_059")[0].open(newline="") as file:
        promised = {row["Department"]: row["SLA Agreement"] for row in csv.DictReader(file)}
    kept: dict[str, tuple[int, int]] = {}
    for department, days in promised.items():
        closed, met = (
            journeys.answer(
                tickets.journeys,
                Funnel(
                    steps=["channel = 'ticket'", "type = 'ticket_solved'"],
                    where=f"subject_id like '% / {department} / %'",
                    within=within,
                    week="Mon-Fri",
                    days=800,
                ),
                first=TICKET_DAYS[0],
                last=date(2022, 1, 1),
                zone="UTC",
            )["units"][1].as_py()
            for within in ("366 days", f"{days} days")
        )
        kept[department] = (met, closed)
    met, closed = (sum(column) for column in zip(*kept.values(), strict=True))
    wanted = {row["Metric"]: int(row["Total"]) for row in expected("case_059", 2)}
    print(kept, wanted)
    assert sorted(wanted.values()) == sorted([met, closed - met])
    shares = {name: f"{share(*kept[name])}" for name in kept if promised[name] == "18" and kept[name][0]}
    assert shares == {row["Department"]: row["Achieved %"] for row in expected("case_059", 3)}


@pytest.mark.slow
def test_tickets_stand_in_the_expected_statuses(tickets: Dropped) -> None:
    """Each ticket is followed as a unit of its own; who is quiet for a day is where its last status is."""
    first, last = TICKET_DAYS
    names = [row["Current Status"] for row in expected("case_059", 1)]
    names.sort(key="Closed".__eq__)
    asked = Stages(stages={name: f"reason = '{name}'" for name in names}, days=366, quiet_days=1)
    rows = journeys.answer(tickets.journeys, asked, first=first, last=last, zone="UTC").to_pylist()
    stands = {row["stage"]: row["dropped"] for row in rows if row["part"] == "stage"}
    [closed] = [row["units"] for row in rows if (row["part"], row["stage"]) == ("stage", "Closed")]
    stands["Closed"] = closed
    assert closed == 103
    assert stands == {row["Current Status"]: int(row["Ticket Count"]) for row in expected("case_059", 1)}


ORDERS = """
feeds:
  statuses:
    files: input_01.csv
    key: [Order, Status]
    time: Date
    touchpoints:
      - type:
          column: Status
          values: {Purchased: order, purchased: order, Sent: sent, sent: sent}
          otherwise: review
        channel: commerce
        identifiers: {user_id: order $Order}
        source: $City
        campaign: $Customer
"""
ORDER_DAYS = date(2019, 1, 1), date(2019, 12, 31)


@pytest.fixture(scope="module")
def orders(tmp_path_factory: pytest.TempPathFactory) -> Dropped:
    home = tmp_path_factory.mktemp("orders")
    first, last = ORDER_DAYS
    return dropped(home / "drop", ORDERS, inputs("case_031"), first=first, last=last, lake=home / "lake")


def steps(rows: Dropped, before: str, after: str, by: str, within: str) -> list[dict[str, object]]:
    asked = Funnel(steps=[f"type = '{before}'", f"type = '{after}'"], by=by, within=within, days=366)
    first, last = ORDER_DAYS
    found = journeys.answer(rows.journeys, asked, first=first, last=last, zone="UTC").to_pylist()
    return [row for row in found if row["by"] != "all"]


def test_orders_sent_within_three_days_are_as_expected_by_city(orders: Dropped) -> None:
    found = steps(orders, "order", "sent", "source", "3 days")
    entered = {row["by"]: row["units"] for row in found if row["step"] == 1}
    sent = {row["by"]: row["units"] for row in found if row["step"] == 2}
    assert {city: (entered[city], sent[city]) for city in entered} == {
        row["City"]: (int(row["Orders per City"]), int(row["Time to Send KPI"]))
        for row in expected("case_031", 4)
    }


def test_orders_never_sent_are_as_expected_by_city(orders: Dropped) -> None:
    found = steps(orders, "order", "sent", "source", "60 days")
    kept = Counter({row["by"]: row["dropped"] for row in found if row["step"] == 2 and row["dropped"]})
    assert kept == Counter(row["City"] for row in expected("case_031", 3))


@pytest.mark.parametrize(
    ("before", "after", "number", "column"),
    [
        ("order", "sent", 1, "Avg Time to Send"),
        ("sent", "review", 2, "Time to Review from Sending Order"),
    ],
)
def test_days_between_steps_are_as_expected_by_customer(
    orders: Dropped, before: str, after: str, number: int, column: str
) -> None:
    """Nobody has more than two orders, so that the median is the mean."""
    found = steps(orders, before, after, "campaign", "60 days")
    days = {row["by"]: row["converters_median_s"] for row in found if row["step"] == 2}
    wanted = {row["Customer"]: row[column] for row in expected("case_031", number)}
    assert {name: took / 86_400 for name, took in days.items() if took is not None} == {
        name: float(text) for name, text in wanted.items() if text
    }
    assert {name for name, text in wanted.items() if not text} <= days.keys()


DATES = ("%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%Y-%m-%d", "%dth %b %Y", "%d %b %Y")
TIMES = ("%H:%M", "%H%M", "%I.%M %p", "%I.%M%p", "2400")
ANSWERS = f"""
feeds:
  answers:
    files: answers.csv
    key: [response]
    kind: entity
    notation: {{times: {[f"{day} {time}" for day in DATES for time in TIMES]}}}
    columns: {{completed: time, score: number}}
    touchpoints:
      - type: survey_response
        channel: survey
        occurred_at: $completed
        identifiers: {{user_id: $store $name}}
        subject_id: recommend
        value: $score
        unit: nps
"""
SAID = {"promoter": "value >= 9", "passive": "value in (7, 8)", "detractor": "value <= 6"}
SURVEYED = date(2016, 1, 1), date(2020, 2, 29)


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Dropped:
    """One row a response, where the case has one row a question; times as they were written."""
    home = tmp_path_factory.mktemp("answers")
    with inputs("case_050")[0].open(newline="") as file:
        rows = list(csv.DictReader(file))
    told: dict[str, dict[str, str]] = defaultdict(dict)
    for row in rows:
        told[row["Response"]].setdefault(row["Question Number"], row["Answer"])
        told[row["Response"]] |= {"store": row["Store"], "name": row["Name"]}
    with (home / "answers.csv").open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["response", "completed", "score", "store", "name"])
        lines.writerows(
            [number, f"{one['1']} {one['2']}", one["3"], one["store"], one["name"]]
            for number, one in told.items()
        )
    first, last = SURVEYED
    return dropped(home / "drop", ANSWERS, [home / "answers.csv"], first=first, last=last, lake=home / "lake")


def classes(result: str) -> Counter[str]:
    """How many promoters, passives and detractors are expected of the first or of the latest answers."""
    latest = {}
    for row in expected("case_050", 1):
        if result == "Latest" or row["Result (First / Latest)"] == "First":
            latest[row["Store"], row["Name"]] = row
    return Counter(
        name.lower() for row in latest.values() for name in ("Promoter", "Passive", "Detractor") if row[name]
    )


@pytest.mark.slow
def test_an_answer_without_a_usable_time_is_refused(answers: Dropped) -> None:
    """It names a weekday, and no year."""
    landed = {int(key) for key in answers.touchpoints["record_key"].to_pylist()}
    assert {*range(1, 29)} - landed == {8}


@pytest.mark.slow
def test_first_impressions_are_as_expected(answers: Dropped) -> None:
    asked = Paths(names=SAID, within="2000 days", days=2000)
    first, last = SURVEYED
    found = journeys.answer(answers.journeys, asked, first=first, last=last, zone="UTC").to_pylist()
    began = {row["source"]: row["paths"] for row in found if (row["part"], row["step"]) == ("step", 1)}
    assert began == classes("First")


@pytest.mark.slow
def test_the_score_of_the_latest_answers_is_as_expected(answers: Dropped) -> None:
    """Nobody answered in two months."""
    rows = {
        JOURNEY_TOUCHPOINTS: answers.journeys,
        PROFILES_TABLE: profiles(answers.journeys["person_key"].unique().to_pylist()),
    }
    months = [date(2016, 1, 1), date(2019, 5, 1), date(2019, 12, 1), date(2020, 1, 1)]
    found = of_kpi(count(rows, ["nps"], months), "nps", "month", "survey").values()
    wanted = classes("Latest")
    assert [sum(column) for column in zip(*found, strict=True)] == [
        wanted["promoter"] - wanted["detractor"],
        wanted.total(),
        wanted.total(),
    ]
