"""Every KPI is declared whole, once, over a grain and dimensions that exist."""

from dataclasses import fields
from datetime import date

import pytest

from journey_platform.kpis.business import BUSINESS
from journey_platform.kpis.catalogue import KPIS, STAGES, of_stage
from journey_platform.kpis.commerce import COMMERCE
from journey_platform.kpis.conversions import CONVERSIONS
from journey_platform.kpis.definition import EVERYTHING
from journey_platform.kpis.dimensions import DIMENSIONS
from journey_platform.kpis.early import EARLY
from journey_platform.kpis.grains.registry import GRAINS
from journey_platform.kpis.late import LATE
from journey_platform.kpis.middle import MIDDLE
from journey_platform.kpis.opinions import OPINIONS
from tests.kpis import made


def test_names_are_unique_and_stages_partition_the_catalogue():
    declared = [kpi.name for kpi in (*EARLY, *MIDDLE, *LATE, *OPINIONS, *COMMERCE, *CONVERSIONS, *BUSINESS)]
    assert len(set(declared)) == len(declared) == len(KPIS)
    assert [kpi.name for stage in STAGES for kpi in of_stage(stage)] == list(KPIS)
    assert set(declared) == set(KPIS)


@pytest.mark.parametrize("kpi", KPIS.values(), ids=KPIS.keys())
def test_a_declaration_says_everything(kpi):
    optional = {"denominator", "better", "interval", "prior"}
    blank = [f.name for f in fields(kpi) if f.name not in optional and getattr(kpi, f.name) in ("", (), None)]
    assert blank == []
    assert kpi.question.endswith("?")
    assert bool(kpi.prior) == (kpi.interval == "posterior")
    is_sum = kpi.statistic == "ratio" and kpi.denominator is None
    is_amount = kpi.unit in ("money", "conversions") and kpi.interval is None
    assert is_sum == (kpi.unit == "count" or is_amount)
    assert kpi.denominator or not (kpi.statistic == "ratio" and kpi.interval)
    assert all(len(source.split("/")) == 2 for source in kpi.sources)
    assert kpi.maturity_days > kpi.window_days
    assert kpi.grain in GRAINS
    assert set(kpi.dimensions) <= DIMENSIONS.keys()


def test_the_windows_that_kpis_declare_are_those_that_their_grains_look_ahead():
    # One day is also for units that last over midnight, which no KPI follows.
    ahead = {
        name: GRAINS[kpi.grain].after
        for name, kpi in KPIS.items()
        if GRAINS[kpi.grain].after > 1 or (kpi.is_cohort and GRAINS[kpi.grain].after)
    }
    declared = {name: kpi.window_days for name, kpi in KPIS.items() if kpi.window_days}
    # A ticket's following is told by the ticket itself, whatever day it is read.
    assert ahead == {name: days for name, days in declared.items() if KPIS[name].grain != "solution"}


@pytest.mark.parametrize("stage", STAGES)
def test_the_parts_of_nothing_are_none_and_every_declaration_can_be_computed(stage):
    found = made.count(
        {}, [kpi.name for kpi in of_stage(stage)], made.days(date(2026, 2, 1), date(2026, 2, 8))
    )
    assert found.num_rows == 0


def test_every_dimension_divides_some_kpi():
    assert DIMENSIONS.keys() == {name for kpi in KPIS.values() for name in kpi.dimensions}
    assert EVERYTHING in DIMENSIONS
