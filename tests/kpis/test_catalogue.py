"""Every KPI is declared whole, once, and counted under its name."""

from dataclasses import fields

import pytest

from journey_platform import tables
from journey_platform.kpis import early, late, middle
from journey_platform.kpis.catalogue import EVERYTHING, KPIS, of_stage
from tests.journeys.made import at, touchpoints
from tests.kpis.made import profiles, run, sessions, table

DAY = at("2026-02-02 12:00")


def _parts(stage):
    visits = table(sessions([{"day": DAY.date()}]))
    touched = table(
        touchpoints(
            [
                {"type": "social_post", "channel": "social", "subject_id": "1", "occurred_at": DAY},
                {
                    "type": "survey_response",
                    "unit": "nps",
                    "value": 9.0,
                    "subject_id": "S",
                    "occurred_at": DAY,
                },
                {"person_key": 1, "occurred_at": DAY},
            ]
        )
    )
    sent = tables.MAILINGS.schema.empty_table().from_pylist(
        [{"day": DAY.date(), "campaign_id": "c", "delivered": 1}], schema=tables.MAILINGS.schema
    )
    return {
        "early": lambda: early.parts(visits, touched, table(sent)),
        "middle": lambda: middle.parts(visits),
        "late": lambda: late.parts(touched, table(profiles([1]))),
    }[stage]()


def test_names_are_unique_and_stages_partition_the_catalogue():
    declared = [kpi.name for stage in ("early", "middle", "late") for kpi in of_stage(stage)]
    assert sorted(declared) == sorted(KPIS)
    assert len(set(declared)) == len(declared)


@pytest.mark.parametrize("kpi", KPIS.values(), ids=KPIS.keys())
def test_a_declaration_says_everything(kpi):
    optional = {"denominator", "better", "interval"}
    blank = [f.name for f in fields(kpi) if f.name not in optional and getattr(kpi, f.name) in ("", (), None)]
    assert blank == []
    assert kpi.question.endswith("?")
    assert (kpi.denominator is None) == (kpi.interval is None) == (kpi.unit == "count")
    assert all(len(source.split("/")) == 2 for source in kpi.sources)
    assert kpi.maturity_days > 0


@pytest.mark.parametrize("stage", ["early", "middle", "late"])
def test_each_stage_counts_exactly_its_kpis_by_their_dimensions(stage):
    rows = run(_parts(stage)).to_pylist()
    found = {(row["kpi"], row["period"], row["dimension"]) for row in rows}
    assert found == {(kpi.name, kpi.period, by) for kpi in of_stage(stage) for by in kpi.dimensions}
    assert all((row["dimension"] == EVERYTHING) == (row["dimension_value"] == EVERYTHING) for row in rows)
