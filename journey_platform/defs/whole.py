"""How a step keeps tables that are not daily, and when it leaves them as they stand.

They are a function of what its inputs hold and of what `Platform.surroundings` names. Where neither is
another than when they were written, they would come out the same.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import dagster as dg
import pyarrow as pa

from journey_platform.defs.describe import report_table
from journey_platform.defs.partitions import RECOMPUTE_TAG
from journey_platform.defs.platform import Platform
from journey_platform.tables import Table


class Whole:
    """The `tables` of a step, in the order in which it writes them.

    `reads`: every table it looks at; `more`, in words: what else its rows depend on, such as today.
    """

    def __init__(
        self,
        context: dg.AssetExecutionContext,
        platform: Platform,
        tables: Sequence[Table],
        *,
        reads: Iterable[Table],
        more: Sequence[object] = (),
    ) -> None:
        self._context, self._lake, self._tables = context, platform.lake, tables
        self.run_id = context.run.run_id
        held = [list(self._lake.content(table).items()) for table in reads]
        told = repr((platform.surroundings, held, *more))
        self.made_with = hashlib.sha256(told.encode()).hexdigest()[:16]

    def standing(self) -> list[dg.MaterializeResult]:
        """Results of all tables as they stand, if they would come out so; none if one has to be made."""
        found = [self._lake.standing(table, self.made_with) for table in self._tables]
        if RECOMPUTE_TAG in self._context.run.tags or None in found:
            return []
        self._context.log.info("%d tables left as they stand", len(found))
        return [report_table(table, state) for table, state in zip(self._tables, found, strict=True) if state]

    def write(
        self,
        table: Table,
        rows: pa.Table,
        counts: Mapping[str, Any] = MappingProxyType({}),
        *,
        cursor: str | None = None,
    ) -> dg.MaterializeResult:
        """Make a table hold exactly `rows`."""
        written = self._lake.replace_all(
            table, rows, run_id=self.run_id, cursor=cursor, made_with=self.made_with
        )
        return report_table(table, written, counts)


_Step = Callable[[dg.AssetExecutionContext, Platform], Iterator[dg.MaterializeResult]]


def unless_standing(
    *tables: Table, reads: Iterable[Table], more: Callable[[Platform], Sequence[object]] = lambda _: ()
) -> Callable[[Callable[[Platform, Whole], Iterator[dg.MaterializeResult]]], _Step]:
    """Decorates what makes the `tables`: it is called where they would not come out as they stand."""
    read = tuple(reads)

    def decorate(make: Callable[[Platform, Whole], Iterator[dg.MaterializeResult]]) -> _Step:
        def step(context: dg.AssetExecutionContext, platform: Platform) -> Iterator[dg.MaterializeResult]:
            whole = Whole(context, platform, tables, reads=read, more=more(platform))
            yield from whole.standing() or make(platform, whole)

        return step

    return decorate
