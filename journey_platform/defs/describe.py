"""How steps, tables and writes show in the UI: names, descriptions, column schemas, counts a day.

Never personal data.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date
from types import MappingProxyType
from typing import Any

import dagster as dg

from journey_platform.defs.partitions import RANGE_POLICY
from journey_platform.lake import DayWrite, TableWrite
from journey_platform.tables import Table

DayFigures = Mapping[date, Mapping[str, float | int | str | None]]
"""By day, what shows beside its partition."""


def asset_key(table: Table) -> dg.AssetKey:
    return dg.AssetKey(table.key)


def whole_step(*name: str) -> str:
    """The name of a step whose assets are not daily. It sorts after the names of all daily ones.

    Dagster takes the days of a run from the step that is last by name. Were that a daily one, the run would
    announce each whole table once a day too: over 90 days, half of its events.
    """
    return "__".join(("whole", *name))


def whole_assets(
    *name: str,
    specs: Sequence[dg.AssetSpec],
    check_specs: Sequence[dg.AssetCheckSpec] = (),
    pool: str | None = None,
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """Decorates a step that makes tables which are not daily: its name, and the policy of ranges."""
    return dg.multi_asset(
        name=whole_step(*name),
        backfill_policy=RANGE_POLICY,
        specs=specs,
        check_specs=check_specs,
        pool=pool,
    )


def spec(
    table: Table,
    *,
    group: str,
    deps: Iterable[Table] = (),
    kinds: Iterable[str] = ("deltalake",),
    note: str = "",
    partitions: dg.PartitionsDefinition | None = None,
) -> dg.AssetSpec:
    """The asset of a table: its grain as description, its columns as schema."""
    description = f"One row per {table.grain}."
    return dg.AssetSpec(
        key=asset_key(table),
        deps=[asset_key(dep) for dep in deps],
        description=f"{description}\n\n{note}" if note else description,
        group_name=group,
        kinds=set(kinds),
        metadata={"dagster/column_schema": column_schema(table)},
        partitions_def=partitions,
    )


def column_schema(table: Table) -> dg.TableSchema:
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=column.name,
                type=str(column.type),
                description=column.meaning,
                constraints=dg.TableColumnConstraints(nullable=not column.is_key, unique=False),
                tags={"personal": "yes"} if column.is_personal else {},
            )
            for column in table.columns
        ]
    )


def report_days(
    context: dg.AssetExecutionContext,
    table: Table,
    writes: Sequence[DayWrite],
    extra: DayFigures | None = None,
    *,
    kept: Collection[date] = (),
    check_results: Sequence[dg.AssetCheckResult] = (),
) -> dg.MaterializeResult:
    """Put each day's counts beside its partition, so that the UI plots them over the days.

    Days the run did not ask for but had to rewrite get a materialization of their own. `kept`: those of
    `writes` for which nothing was computed.
    """
    key = asset_key(table)
    asked = set(context.partition_keys)
    for write in writes:
        metadata = {
            "dagster/row_count": write.rows,
            "fingerprint": write.fingerprint,
            "changed": int(write.is_changed),
            **({"held": write.held} if write.held else {}),
            **{name: value for name, value in (extra or {}).get(write.day, {}).items() if value is not None},
        }
        partition = write.day.isoformat()
        if partition in asked:
            context.add_asset_metadata(metadata, asset_key=key, partition_key=partition)
        elif write.is_changed:
            context.log_event(dg.AssetMaterialization(key, partition=partition, metadata=metadata))
    changed = sum(write.is_changed for write in writes)
    computed = len(writes) - len(kept)
    context.log.info("%d days computed, %d changed, %d left as they stand", computed, changed, len(kept))
    return dg.MaterializeResult(asset_key=key, check_results=check_results)


def report_table(
    table: Table,
    write: TableWrite,
    counts: Mapping[str, Any] = MappingProxyType({}),
    *,
    check_results: Sequence[dg.AssetCheckResult] = (),
) -> dg.MaterializeResult:
    """A table that is not daily, with its rows and further `counts`."""
    return dg.MaterializeResult(
        asset_key=asset_key(table),
        metadata={
            "dagster/row_count": write.rows,
            "changed": int(write.is_changed),
            "fingerprint": write.fingerprint,
            **counts,
        },
        check_results=check_results,
        data_version=dg.DataVersion(write.fingerprint),
    )
