"""The assets of `insights`: what journeys.yaml declares, answered every day from one sorted read."""

from collections.abc import Iterator, Mapping

import dagster as dg
import pyarrow as pa

from journey_platform.asking import ask, asked_of, days_read, declared, left_out
from journey_platform.defs.describe import spec, whole_assets
from journey_platform.defs.platform import Platform
from journey_platform.defs.whole import Whole, unless_standing
from journey_platform.journeys.answers import TABLES, Span
from journey_platform.journeys.pictures import picture
from journey_platform.tables import (
    ACCOUNT_MEMBERS_TABLE,
    JOURNEY_TOUCHPOINTS,
    PROFILES_TABLE,
    SENTIMENT,
    Table,
)

_READ = (JOURNEY_TOUCHPOINTS, SENTIMENT, PROFILES_TABLE, ACCOUNT_MEMBERS_TABLE)
_PICTURES_SHOWN = 4


def insight_assets() -> list[dg.AssetsDefinition]:
    """One step, one table per kind of question."""

    @whole_assets(
        "insights",
        specs=[
            spec(
                table,
                group="insights",
                deps=_READ,
                note="Declared in journeys.yaml; no asset to write.",
            )
            for table in TABLES.values()
        ],
    )
    @unless_standing(*TABLES.values(), reads=_READ, more=lambda platform: [platform.span])
    def insights(platform: Platform, whole: Whole) -> Iterator[dg.MaterializeResult]:
        first, last = platform.span
        asked = asked_of(declared(platform.settings), Span(first, last, platform.zone))
        found = ask(platform.engine, asked) if asked else {}
        missing = left_out(platform.engine, days_read(asked)) if asked else {}
        for table in TABLES.values():
            rows = pa.concat_tables([table.empty(), *found.get(table.name, [])])
            counts = {"declared": len(found.get(table.name, [])), **missing, **_pictures(table, found)}
            yield whole.write(table, rows, counts)

    return [insights]


def _pictures(table: Table, found: Mapping[str, list[pa.Table]]) -> dict[str, dg.MarkdownMetadataValue]:
    """Small pictures of the first answers."""
    drawn = {}
    for rows in found.get(table.name, [])[:_PICTURES_SHOWN]:
        if rows.num_rows:
            name = rows["name"][0].as_py()
            drawn[name] = dg.MetadataValue.md(picture(table, rows).markdown(name))
    return drawn
