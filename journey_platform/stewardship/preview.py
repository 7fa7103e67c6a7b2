"""What would change: identity resolved twice in memory, as it is and with a change, and nothing written.

The change is a decision not yet taken or another limit. What moved is told by `identity.changes`; KPIs that
count people are computed both ways over the weeks in which the people concerned appear.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from journey_platform.engine import Engine
from journey_platform.identity.assign import assign
from journey_platform.identity.changes import events
from journey_platform.identity.policy import POLICIES, Policies
from journey_platform.identity.resolve import Resolution, resolve
from journey_platform.kpis.catalogue import KPIS
from journey_platform.kpis.parts import parts
from journey_platform.kpis.periods import days_of, periods_touched
from journey_platform.lake import Lake
from journey_platform.profiles.profiles import profiles
from journey_platform.settings import Settings
from journey_platform.stewardship.hands import days_changing_hands, days_of_gainers
from journey_platform.stewardship.inputs import further, seen, touchpoint_tables
from journey_platform.stewardship.ledger import ledger
from journey_platform.tables import JOURNEY_TOUCHPOINTS, PROFILE_ATTRIBUTES_TABLE, PROFILES_TABLE, Table

if TYPE_CHECKING:
    import ibis.expr.types as ir

_SHOWN = ("support_rate", "nps")
"""The weekly KPIs that tell best who counts as one person."""
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class KpiChange:
    """A KPI's two parts before and after."""

    kpi: str
    day: date
    dimension: str
    before: tuple[float, float | None]
    after: tuple[float, float | None]


@dataclass(frozen=True)
class Preview:
    """`profiles`: how many there are before and after. `events`: as `tables.IDENTITY_EVENTS`. `days`: those
    on which a touchpoint would change hands. `kpis`: the values that would change."""

    profiles: tuple[int, int]
    events: pa.Table
    days: tuple[date, ...]
    kpis: tuple[KpiChange, ...]


def preview(
    lake: Lake,
    engine: Engine,
    settings: Settings,
    *,
    secret: bytes,
    decisions: pa.Table | None = None,
    policies: Policies = POLICIES,
) -> Preview:
    """The effect of further `decisions` (`tables.DECISIONS`) or other `policies` on what the lake holds."""
    rows, taken = seen(lake, settings.sources), ledger(lake)
    more = taken if decisions is None else pa.concat_tables([taken, decisions])
    evidence = further(lake, settings, secret=secret)
    given = partial(resolve, rows, secret=secret, evidence=evidence, spelling=settings.spelling)
    before, after = given(decisions=taken), given(decisions=more, policies=policies)
    told = events(
        before.identifiers, after.identifiers, after.links, version=0, now=_NEVER, day=_NEVER.date()
    )
    days, kpis = _effects(lake, engine, settings, before, after, secret=secret)
    counts = tuple(pc.count_distinct(r.identifiers["person_key"]).as_py() for r in (before, after))
    return Preview((counts[0], counts[1]), told, days, kpis)


def _effects(
    lake: Lake, engine: Engine, settings: Settings, before: Resolution, after: Resolution, *, secret: bytes
) -> tuple[tuple[date, ...], tuple[KpiChange, ...]]:
    tables = before.identifiers, after.identifiers
    sources, spelling = settings.sources, settings.spelling
    concerned = days_changing_hands(
        lake, engine, *tables, sources=sources, secret=secret, spelling=spelling
    ) | days_of_gainers(engine, *tables)
    weeks = periods_touched(sorted(concerned), "week")
    if not weeks:
        return (), ()
    read = [lake.read(table, days_of(weeks, "week")) for table in touchpoint_tables(sources)]
    rows = pa.concat_tables(read)
    assigned = [assign(rows, found, secret=secret, spelling=spelling) for found in tables]
    by_id = [table.sort_by("touchpoint_id") for table in assigned]
    is_same = pc.equal(*(pc.fill_null(table["person_key"], 0) for table in by_id))
    days = pc.unique(by_id[0].filter(pc.invert(is_same))["day"]).to_pylist()
    both = [
        _parts(engine, table, found, weeks) for table, found in zip(assigned, (before, after), strict=True)
    ]
    names = sorted(both[0].keys() | both[1].keys())
    nothing = (0.0, 0.0)
    kpis = [KpiChange(*name, *(part.get(name, nothing) for part in both)) for name in names]
    return tuple(sorted(days)), tuple(kpi for kpi in kpis if kpi.before != kpi.after)


class _InMind:
    """Tables that are not in the lake, read as the engine reads the lake's."""

    def __init__(self, engine: Engine, rows: Mapping[Table, pa.Table]) -> None:
        self._engine, self._rows = engine, rows

    def table(self, table: Table, days: Iterable[date] | None = None) -> "ir.Table":
        rows = self._rows[table]
        if days is not None and table.is_daily:
            rows = rows.filter(pc.is_in(rows["day"], pa.array(list(days), pa.date32())))
        return self._engine.memtable(rows)

    def memtable(self, rows: pa.Table) -> "ir.Table":
        return self._engine.memtable(rows)

    def arrow(self, expr: "ir.Table") -> pa.Table:
        return self._engine.arrow(expr)

    def held(self, expr: "ir.Table") -> "AbstractContextManager[ir.Table]":
        return self._engine.held(expr)


def _parts(
    engine: Engine, touchpoints: pa.Table, found: Resolution, weeks: Sequence[date]
) -> dict[tuple[str, date, str], tuple[float, float | None]]:
    people = profiles(found.identifiers, PROFILE_ATTRIBUTES_TABLE.empty())
    source = _InMind(engine, {JOURNEY_TOUCHPOINTS: touchpoints, PROFILES_TABLE: people})
    rows = parts([KPIS[name] for name in _SHOWN], source, days=weeks, as_of=max(weeks) + timedelta(days=7))
    return {
        (row["kpi"], row["day"], f"{row['dimension']}={row['dimension_value']}"): (
            row["numerator"],
            row["denominator"],
        )
        for row in rows.to_pylist()
        if row["period"] == "week" and row["dimension"] in ("all", "survey")
    }
