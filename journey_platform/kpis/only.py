"""A KPI of some people only: those of a declared segment, of an account, a country or a plan.

What is published is divided by the dimensions that a KPI names. Any other question about people is answered
here, from the same units, when it is asked.
"""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from journey_platform.kpis.definition import Kpi, Period
from journey_platform.kpis.dimensions import DIMENSIONS
from journey_platform.kpis.grains.registry import GRAINS
from journey_platform.kpis.grains.scope import Read, Scope, Source
from journey_platform.kpis.parts import parts
from journey_platform.kpis.periods import days_of
from journey_platform.kpis.values import valued

OF_PEOPLE = tuple(name for name, dimension in DIMENSIONS.items() if dimension.is_of_person)


def only(
    kpi: Kpi,
    source: Source,
    *,
    period: Period,
    start: date,
    as_of: date,
    dimension: str,
    value: str,
    segments: pa.Table | None = None,
) -> dict[str, Any]:
    """`numerator`, `denominator`, `n`, `value`, `lower` and `upper` of the period that begins on `start`.

    Zeros where nobody of them did anything. `segments` (person_key, segment) says who is in which declared
    segment. Raises `LookupError` for a dimension that is not of people, and for a KPI that counts none.
    """
    if dimension not in OF_PEOPLE:
        raise LookupError(f"{dimension} is not of people; {', '.join(OF_PEOPLE)} are")
    days = days_of([start], period)
    scope = Scope(Read(source), days, "day" if kpi.is_additive else period, as_of)
    if "person_key" not in GRAINS[kpi.grain].build(scope).columns:
        raise LookupError(f"{kpi.name} counts no people: its unit is a {GRAINS[kpi.grain].one_per}")
    asked = replace(kpi, dimensions=(dimension,), periods=(period,))
    found = parts([asked], source, days=[start], as_of=as_of, segments=segments)
    rows = found.filter(pc.equal(found["dimension_value"], value)).to_pylist()
    nothing = {"numerator": 0.0, "denominator": 0.0 if kpi.denominator else None, "n": 0}
    if not rows:
        return {**nothing, "value": None if kpi.denominator else 0.0, "lower": None, "upper": None}
    # What arrived is not asked here: the values are those of the units at hand.
    due = {start + timedelta(days=n) for n in range((as_of - start).days + 1)}
    arrivals = dict.fromkeys(kpi.sources, due)
    [row] = valued(rows, kpi.stage, arrivals=arrivals, as_of=as_of, identity_revision="").to_pylist()
    return {name: row[name] for name in (*nothing, "value", "lower", "upper")}
