"""Values, and what stands beside them: interval, coverage, status, maturity."""

from datetime import date, timedelta

import pyarrow as pa
import pytest
from scipy.stats import binomtest

from journey_platform.kpis.catalogue import KPIS, of_stage
from journey_platform.kpis.parts import PARTS
from journey_platform.kpis.values import values
from journey_platform.tables import kpis_table

MON = date(2026, 2, 2)
LATER = date(2026, 6, 1)


def _days(first, count):
    return {first + timedelta(days=n) for n in range(count)}


ALWAYS = {source: _days(date(2026, 1, 1), 200) for kpi in KPIS.values() for source in kpi.sources}


def _part(kpi, numerator, denominator, *, dimension="all", value="all", **more):
    return {
        "kpi": kpi,
        "period": KPIS[kpi].periods[0],
        "day": MON,
        "dimension": dimension,
        "dimension_value": value,
        "numerator": numerator,
        "denominator": denominator,
        "n": denominator,
        **more,
    }


def _values(stage, *parts, days=(MON,), arrivals=ALWAYS, as_of=LATER):
    table = pa.Table.from_pylist(list(parts), PARTS)
    return values(stage, table, days=days, arrivals=arrivals, as_of=as_of, identity_revision="rev")


def _row(stage, *parts, kpi=None, **more):
    name = kpi or parts[0]["kpi"]
    period = KPIS[name].periods[0]
    found = _values(stage, *parts, **more).to_pylist()
    return next(row for row in found if (row["kpi"], row["period"]) == (name, period))


@pytest.mark.parametrize("tickets", [pytest.param(0, id="nothing"), pytest.param(3, id="something")])
def test_above_nothing_there_is_no_value(tickets):
    row = _row("late", _part("contacts_per_100_orders", tickets, 0))
    assert (row["numerator"], row["denominator"], row["value"]) == (tickets, 0, None)


def test_a_value_stands_with_its_parts_and_its_definition():
    row = _row("middle", _part("conversion_rate", 3, 40))
    interval = binomtest(3, 40).proportion_ci(method="wilson")
    assert row == {
        "day": MON,
        "kpi": "conversion_rate",
        "period": "day",
        "dimension": "all",
        "dimension_value": "all",
        "definition_version": 1,
        "numerator": 3.0,
        "denominator": 40.0,
        "squares": None,
        "squares_below": None,
        "products": None,
        "n": 40,
        "value": 0.075,
        "lower": pytest.approx(interval.low),
        "upper": pytest.approx(interval.high),
        "unit": "ratio",
        "coverage": 1.0,
        "status": "ok",
        "matures_on": date(2026, 2, 5),
        "identity_revision": "rev",
    }


@pytest.mark.parametrize(
    ("stage", "part", "value", "lower", "upper"),
    [
        pytest.param("middle", _part("visits", 7, None, n=7), 7, None, None, id="a-count-has-no-interval"),
        pytest.param("middle", _part("visits", 0, None, n=0), 0, None, None, id="a-count-of-nothing-is-zero"),
        pytest.param("middle", _part("bounce_ga4", 0, 0), None, None, None, id="a-ratio-of-nothing-is-null"),
        pytest.param(
            "late", _part("nps", 0, 0, squares=0), None, None, None, id="a-score-of-nothing-is-null"
        ),
        # 40 promoters, 30 passives, 30 detractors: SE = sqrt((0.4 + 0.3 - 0.1**2) / 100) = 0.0830662.
        pytest.param("late", _part("nps", 10, 100, squares=70), 10, -6.2807, 26.2807, id="a-score"),
        pytest.param("middle", _part("pages_per_session", 6, 3, squares=12), 2, 2, 2, id="a-mean-of-equals"),
        # One review of 5 stars beside one of each: 20 / 6, variance (80 / 6 - (20 / 6)**2) / 7.
        pytest.param(
            "late",
            _part("review_rating_shrunk", 5, 1, squares=25),
            3.3333,
            2.2290,
            4.4376,
            id="a-mean-with-a-prior",
        ),
        pytest.param(
            "late",
            _part("review_rating_shrunk", 0, 0, squares=0),
            None,
            None,
            None,
            id="a-prior-alone-says-nothing",
        ),
        # Visits with (40 s, 2 views), (0 s, 1) and (5 s, 1): R = 45 / 4, SE = sqrt(sum (x - R y)^2) / 4.
        pytest.param(
            "middle",
            _part("time_on_page", 45, 4, squares=1625, squares_below=6, products=85),
            11.25,
            0.6061,
            21.8939,
            id="a-ratio-of-sums",
        ),
        pytest.param(
            "late",
            _part("resolution_median", 25, None, n=9, lower=20, upper=31),
            25,
            20,
            31,
            id="a-median-brings-its-bounds",
        ),
        pytest.param(
            "late",
            _part("resolution_median", None, None, n=0),
            None,
            None,
            None,
            id="a-median-of-nothing-is-null",
        ),
    ],
)
def test_values_and_bounds(stage, part, value, lower, upper):
    row = _row(stage, part)
    assert (row["value"], row["lower"], row["upper"]) == tuple(
        None if bound is None else pytest.approx(bound, abs=1e-4) for bound in (value, lower, upper)
    )


WEB = "matomo/visits"


@pytest.mark.parametrize(
    ("kpi", "arrivals", "as_of", "coverage", "status"),
    [
        pytest.param("visits", {WEB: {MON}}, "2026-02-03", 1, "open", id="yesterday"),
        pytest.param("visits", {WEB: {MON}}, "2026-02-04", 1, "open", id="one-day-short-of-mature"),
        pytest.param("visits", {WEB: {MON}}, "2026-02-05", 1, "ok", id="mature"),
        pytest.param("visits", {WEB: set()}, "2026-02-05", 0, "missing", id="did-not-arrive"),
        pytest.param("visits", {}, "2026-02-05", 0, "missing", id="no-source-in-use"),
        pytest.param("visits", {WEB: {MON}}, "2026-02-02", 0, "missing", id="the-day-is-not-over"),
        pytest.param(
            "social_mentions",
            {"mastodon/tag_timelines": {MON}, "mastodon/search": set()},
            "2026-02-05",
            0.5,
            "partial",
            id="one-of-two-sources",
        ),
        pytest.param("nps", {"qualtrics/responses": _days(MON, 2)}, "2026-02-04", 1, "open", id="mid-week"),
        pytest.param("nps", {"qualtrics/responses": {MON}}, "2026-02-04", 0.5, "partial", id="mid-week-gap"),
        pytest.param(
            "nps", {"qualtrics/responses": _days(MON, 7)}, "2026-02-15", 1, "open", id="week-is-over"
        ),
        pytest.param("nps", {"qualtrics/responses": _days(MON, 7)}, "2026-02-16", 1, "ok", id="week-matured"),
        pytest.param(
            "support_rate",
            {WEB: _days(MON, 7), "zendesk/tickets": _days(MON, 7)},
            "2026-03-01",
            1,
            "ok",
            id="only-two-vendors-in-use",
        ),
        pytest.param(
            "open_rate_lower",
            {"mailchimp/reports": _days(MON, 8), "mailchimp/email_activity": _days(MON, 8)},
            "2026-02-10",
            1,
            "ok",
            id="recipients-followed-for-a-week",
        ),
        pytest.param(
            "open_rate_lower",
            {
                "mailchimp/reports": _days(MON, 8),
                "mailchimp/email_activity": _days(MON, 8) - {date(2026, 2, 5)},
            },
            "2026-02-10",
            15 / 16,
            "partial",
            id="a-day-of-opens-did-not-arrive",
        ),
    ],
)
def test_status_tells_what_arrived_and_what_may_still_change(kpi, arrivals, as_of, coverage, status):
    stage = KPIS[kpi].stage
    row = _row(stage, kpi=kpi, arrivals=arrivals, as_of=date.fromisoformat(as_of))
    assert (row["coverage"], row["status"]) == (coverage, status)


def test_what_did_not_arrive_has_no_numbers():
    row = _row("late", _part("nps", 10, 100, squares=70), arrivals={})
    names = ("numerator", "denominator", "squares", "n", "value", "lower", "upper")
    assert {name: row[name] for name in names} == dict.fromkeys(names)


@pytest.mark.parametrize("stage", ["early", "middle", "late"])
def test_every_kpi_has_a_row_where_its_period_begins(stage):
    days = sorted(_days(date(2026, 1, 30), 12))
    found = _values(stage, days=days)
    expected = {
        (kpi.name, period, day)
        for kpi in of_stage(stage)
        for period in kpi.periods
        for day in days
        if {"day": True, "week": day.weekday() == 0, "month": day.day == 1}[period]
    }
    assert {(row["kpi"], row["period"], row["day"]) for row in found.to_pylist()} == expected
    assert found.num_rows == len(expected)
    assert set(found["dimension_value"].to_pylist()) == {"all"}
    assert set(found["n"].to_pylist()) == {0}


def test_parts_of_other_days_are_left_out():
    found = _values("middle", _part("visits", 9, None, day=date(2026, 2, 9), n=9))
    assert set(found["day"].to_pylist()) == {MON}


def test_no_days_give_no_rows():
    found = _values("late", days=[])
    assert (found.num_rows, found.schema) == (0, kpis_table("late").schema)


def test_the_order_of_parts_does_not_matter():
    parts = [_part("visits", n, None, dimension="traffic_channel", value=f"c{n}", n=n) for n in range(5)]
    assert _values("middle", *parts) == _values("middle", *reversed(parts))


@pytest.mark.parametrize(
    ("has_earlier_version", "value"),
    [
        pytest.param(True, 12.0, id="its last good version counts"),
        pytest.param(False, None, id="there is none"),
    ],
)
def test_a_day_that_the_gate_holds_is_told_from_one_that_is_missing(has_earlier_version, value):
    days = _days(MON, 1) if has_earlier_version else set()
    table = pa.Table.from_pylist([_part("visits", 12, None, n=12)], PARTS)
    found = values(
        "middle",
        table,
        days=[MON],
        arrivals={"matomo/visits": days},
        holds={"matomo/visits": {MON}},
        as_of=LATER,
        identity_revision="rev",
    )
    [row] = [row for row in found.to_pylist() if (row["kpi"], row["period"]) == ("visits", "day")]
    assert (row["status"], row["value"]) == ("held", value)
