"""A KPI that is no longer declared is told of among the restatements, once, and stops nothing."""

import json
from datetime import date
from pathlib import Path

import pyarrow as pa

from journey_platform.history.restating import keep_up
from journey_platform.lake import Lake
from journey_platform.tables import kpis_table

MIDDLE, DAY = kpis_table("middle"), date(2026, 3, 10)


def rows(*names: str) -> pa.Table:
    values = {
        "day": DAY,
        "period": "day",
        "dimension": "all",
        "dimension_value": "all",
        "definition_version": 1,
        "numerator": 5.0,
        "n": 5,
        "value": 5.0,
        "unit": "count",
        "coverage": 1.0,
        "status": "ok",
        "matures_on": DAY,
        "identity_revision": "",
    }
    return pa.Table.from_pylist([values | {"kpi": name} for name in names], schema=MIDDLE.schema)


def test_what_it_said_is_restated_as_gone(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    for names in (("visits", "visits_of_the_last_release"), ("visits",)):
        lake.replace_days(MIDDLE, rows(*names), [DAY], run_id="r", allow_shrink=True)
    [told] = keep_up(lake, run_id="r", zone="UTC").to_pylist()
    assert (told["kpi"], told["old_value"], told["new_value"]) == ("visits_of_the_last_release", 5.0, None)
    assert "no longer declared" in json.dumps(told["causes"])
    assert keep_up(lake, run_id="r", zone="UTC").num_rows == 0
