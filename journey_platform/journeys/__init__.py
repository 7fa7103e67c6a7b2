"""Touchpoints of all vendors with the person they belong to, and what they form together: sessions, funnels,
paths, retention, attribution, stages, friction.

Kernels here take Arrow tables of whole persons and return Arrow tables; they never see an engine. Numbers
that are reported day by day are in `kpis`. To ask of rows at hand:

    from journey_platform import journeys
    from journey_platform.journeys.questions import Funnel

    journeys.answer(rows, Funnel(steps=["type = 'cart'", "type = 'order'"]), first=..., last=..., zone="UTC")
"""

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    from journey_platform.journeys.questions import Question


def answer(
    rows: Any,
    question: "Question",
    *,
    first: date,
    last: date,
    zone: str,
    segments: Mapping[str, str] | None = None,
) -> pa.Table:
    """The answer to one question from touchpoints at hand: rows of the table of its kind (`tables`).

    `rows`: an Arrow or Ibis table with columns as in `tables.JOURNEY_TOUCHPOINTS`, those of the profile as
    `profile.NAME`; whole persons, in any order. All of them count: leave out robots before. `first` and
    `last`: the days of the data. `segments`: name -> condition. Raises `ConditionError` for what cannot be
    read.
    """
    from journey_platform.journeys.answers import Asked, Span

    asked = Asked("asked", question, Span(first, last, zone), segments or {})
    asked.see(rows)
    return asked.answer()
