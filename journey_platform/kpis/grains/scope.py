"""What a grain is built from: the tables around the days to count, and what is known of today."""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from journey_platform.kpis.definition import Period
from journey_platform.kpis.periods import end_of, start_of
from journey_platform.tables import Table

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa

_UNITS = {"day": "D", "week": "W", "month": "M"}


class Source(Protocol):
    """What reads tables and computes expressions: the engine, or tables in memory."""

    def table(self, table: Table, days: Iterable[date] | None = None) -> "ir.Table": ...

    def memtable(self, rows: "pa.Table") -> "ir.Table": ...

    def arrow(self, expr: "ir.Table") -> "pa.Table": ...

    def held(self, expr: "ir.Table") -> "AbstractContextManager[ir.Table]": ...


class Read:
    """A source that looks at a table's days once, however often they are asked for."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._tables: dict[tuple[str, frozenset[date] | None], Any] = {}

    def table(self, table: Table, days: Iterable[date] | None = None) -> "ir.Table":
        key = (table.name, None if days is None else frozenset(days))
        if key not in self._tables:
            self._tables[key] = self._source.table(table, None if key[1] is None else sorted(key[1]))
        return self._tables[key]

    def memtable(self, rows: "pa.Table") -> "ir.Table":
        return self._source.memtable(rows)

    def arrow(self, expr: "ir.Table") -> "pa.Table":
        return self._source.arrow(expr)

    def held(self, expr: "ir.Table") -> "AbstractContextManager[ir.Table]":
        return self._source.held(expr)


@dataclass(frozen=True)
class Scope:
    """The units wanted: those of `days`, put together per `period`; `as_of` is today, which is not over."""

    source: Source
    days: Sequence[date]
    period: Period
    as_of: date
    starts: tuple[date, ...] = field(init=False)

    def __post_init__(self) -> None:
        starts = sorted({start_of(day, self.period) for day in self.days})
        object.__setattr__(self, "starts", tuple(starts))

    def rows(self, table: Table, *, before: int = 0, after: int = 0) -> "ir.Table":
        """The table's rows of the days, and of so many days before and after each."""
        wide = {
            first + timedelta(days=n)
            for first, last in self._runs()
            for n in range(-before, (last - first).days + after + 1)
        }
        return self.source.table(table, wide)

    def since(self, table: Table) -> "ir.Table":
        """The table's rows from the first of the days on."""
        rows = self.source.table(table)
        return rows.filter(rows.day >= min(self.days, default=date.max))

    def whole(self, table: Table) -> "ir.Table":
        return self.source.table(table)

    def of_days(self, units: "ir.Table", column: str = "day") -> "ir.Table":
        """The units whose day is one of the days, on the first day of their period."""
        import ibis

        day = units[column]
        is_wanted = [day.between(ibis.literal(first), ibis.literal(last)) for first, last in self._runs()]
        wanted = units.filter(ibis.or_(*is_wanted) if is_wanted else ibis.literal(False))
        return wanted.mutate(day=self.start(wanted[column]))

    def _runs(self) -> list[tuple[date, date]]:
        """The days as first and last of each row of days without a gap."""
        runs: list[tuple[date, date]] = []
        for day in sorted(self.days):
            if runs and day - runs[-1][1] <= timedelta(days=1):
                runs[-1] = (runs[-1][0], day)
            else:
                runs.append((day, day))
        return runs

    def start(self, day: Any) -> Any:
        """The first day of the period in which a day lies."""
        return day.cast("date") if self.period == "day" else day.truncate(_UNITS[self.period]).cast("date")

    def periods(self) -> "ir.Table":
        """One row per period: its first `day`, the day on which it `ends` or today, `days` between."""
        import pyarrow as pa

        ends = [max(start, min(end_of(start, self.period), self.as_of)) for start in self.starts]
        rows = pa.table(
            {
                "day": pa.array(self.starts, pa.date32()),
                "ends": pa.array(ends, pa.date32()),
                "days": pa.array(
                    [(end - start).days for start, end in zip(self.starts, ends, strict=True)], pa.int64()
                ),
            }
        )
        return self.source.memtable(rows)

    def lately(self, rows: "ir.Table", on: str, *, days: int) -> "ir.Table":
        """Per period, the rows whose day in the column `on` is one of so many up to its end or today."""
        import ibis

        periods = self.periods()
        since = (periods.ends - ibis.interval(days=days)).cast("date")
        return periods.inner_join(rows, [rows[on] >= since, rows[on] < periods.ends])

    def over_by(self, days: int) -> date:
        """The last day of which so many days after it are over too."""
        return self.as_of - timedelta(days=days + 1)
