"""KPI values as they were published at a time, with everything that it takes to compute them again."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

import pyarrow as pa
import pyarrow.compute as pc

from journey_platform.history.trace import CODE_MARK, History
from journey_platform.kpis.catalogue import KPIS
from journey_platform.kpis.definition import Kpi
from journey_platform.lake import Lake
from journey_platform.tables import IDENTIFIERS_TABLE, kpis_table


@dataclass(frozen=True)
class Published:
    """A KPI's rows (`tables.kpis_table`) as of a version of its table.

    `data`: the version of each table behind it, by name. `identity_revision` is that of the identifiers it
    was computed with. `version` and `published_at` are None before anything was published.
    """

    rows: pa.Table
    version: int | None
    published_at: datetime | None
    code: str
    identity_revision: str
    data: dict[str, int]


def kpi_named(name: str) -> Kpi:
    """The KPI of the catalogue. Raises `LookupError` with the names there are."""
    if name not in KPIS:
        raise LookupError(f"{name} is no KPI; there are {', '.join(KPIS)}")
    return KPIS[name]


def published(
    lake: Lake,
    kpi: Kpi,
    *,
    at: datetime | None = None,
    days: Collection[date] | None = None,
    dimension: str | None = None,
) -> Published:
    """The KPI's values as they stood at `at` (with a zone); default now.

    `days` are first days of periods, `dimension` one of the KPI's; default all.
    """
    table = kpis_table(kpi.stage)
    version = lake.version(table) if at is None else lake.version_at(table, at)
    if version is None:
        return Published(table.empty(), None, None, "", "", {})
    rows = lake.read(table, days, version=version)
    wanted = pc.equal(rows["kpi"], kpi.name)
    if dimension is not None:
        wanted = pc.and_(wanted, pc.equal(rows["dimension"], dimension))
    history = History(lake)
    behind = history.behind(table, version)
    identity = behind.get(IDENTIFIERS_TABLE.name)
    told = None if identity is None else lake.commit(IDENTIFIERS_TABLE, identity)
    commit = lake.commit(table, version)
    return Published(
        rows.filter(wanted),
        version,
        commit.at if commit else None,
        str(history.marks(table, version).get(CODE_MARK, "")),
        (told.cursor if told else None) or "",
        behind,
    )
