"""What computes: DuckDB, driven by Ibis expressions, over the files of a lake's tables.

Relational work is an Ibis expression. Per-person work is a kernel: Arrow in, Arrow out, whole persons;
`map_persons` feeds it from one sort, a bounded number of rows at a time (`buckets`). What the numbers mean is
in the domain packages; where tables live is in `lake`.
"""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from itertools import chain
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa

from journey_platform.buckets import whole_persons
from journey_platform.lake import Lake
from journey_platform.tables import Table

if TYPE_CHECKING:
    import ibis.expr.types as ir

Kernel = Callable[[pa.Table], pa.Table]

PLACE = "place"
"""Where a row stands in a daily table: numbers that rise with its days and, within a day, its `sort_by`."""
_ROWS_PER_BATCH = 65_536
_ROW_BITS = 40
_DAY_NUMBER = "CAST(day - DATE '1970-01-01' AS BIGINT)"
_DUCKDB_TYPES = {
    pa.string(): "VARCHAR",
    pa.bool_(): "BOOLEAN",
    pa.int64(): "BIGINT",
    pa.int32(): "INTEGER",
    pa.float64(): "DOUBLE",
    pa.date32(): "DATE",
    pa.timestamp("us", tz="UTC"): "TIMESTAMP WITH TIME ZONE",
}


class Engine:
    """One embedded DuckDB. It reads files of its lake and nothing else, spills to a folder of its own, and
    knows one time zone, UTC. Not for use by two threads at once. Close it, or use it as a context manager."""

    def __init__(self, lake: Lake, *, memory_limit: str = "1GB", threads: int | None = None) -> None:
        import ibis

        self._lake = lake
        self._spill = tempfile.TemporaryDirectory(prefix="journey-engine-")
        settings: dict[str, Any] = {"memory_limit": memory_limit, "autoinstall_known_extensions": False}
        # Every query looks at the ends of all files of its tables; a file never changes.
        settings["parquet_metadata_cache"] = True
        if threads is not None:
            settings["threads"] = threads
        self._duckdb = ibis.duckdb.connect(temp_directory=self._spill.name, **settings)
        if "://" not in lake.root:
            self._sql(f"SET allowed_directories = [{_quoted(lake.root)}, {_quoted(self._spill.name)}]")
            self._sql("SET enable_external_access = false")
        self._names = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._duckdb.disconnect()
        self._spill.cleanup()

    def table(
        self, table: Table, days: Iterable[date] | None = None, *, has_place: bool = False
    ) -> "ir.Table":
        """The table's rows (of `days`) as an Ibis table with the declared columns and types.

        `has_place`: with one more column, `PLACE`; of a daily table."""
        files = self._lake.files(table, days)
        if not files:
            empty = table.empty()
            return self.memtable(empty.append_column(PLACE, pa.array([], pa.int64())) if has_place else empty)
        is_daily = "true, hive_types = {'day': DATE}" if table.is_daily else "false"
        paths = ", ".join(map(_quoted, files))
        source = f"read_parquet([{paths}], union_by_name = true, hive_partitioning = {is_daily})"
        stored = {row[0] for row in self._sql(f"DESCRIBE SELECT * FROM {source}")}
        columns = ", ".join(
            f"CAST({_named(field.name) if field.name in stored else 'NULL'} AS {_duckdb_type(field.type)})"
            f" AS {_named(field.name)}"
            for field in table.schema
        )
        if has_place:
            # A day is one file, in the table's order.
            columns += f", ({_DAY_NUMBER} << {_ROW_BITS}) + file_row_number AS {_named(PLACE)}"
        name = self._new_name("_".join(table.key))
        self._sql(f"CREATE TEMP VIEW {_named(name)} AS SELECT {columns} FROM {source}")
        return self._duckdb.table(name)

    def memtable(self, rows: pa.Table) -> "ir.Table":
        """Arrow rows as an Ibis table."""
        import ibis

        return ibis.memtable(rows)

    @contextmanager
    def held(self, expr: "ir.Table") -> "Iterator[ir.Table]":
        """The expression's rows, computed once, for several expressions while the context lasts."""
        name = self._new_name("held")
        self._duckdb.create_table(name, expr, temp=True)
        try:
            yield self._duckdb.table(name)
        finally:
            self._sql(f"DROP TABLE {_named(name)}")

    def arrow(self, expr: "ir.Table") -> pa.Table:
        """The expression's rows, with times in UTC microseconds."""
        return _plain(self._duckdb.to_pyarrow(expr))

    def map_persons(
        self,
        expr: "ir.Table",
        kernel: Kernel,
        *,
        person: str = "person_key",
        sort_by: Sequence[str],
        rows_per_call: int = 500_000,
    ) -> pa.Table:
        """Apply `kernel` to whole persons and put the results together, in the order of persons.

        Each call gets the rows of one or more persons, sorted by person and `sort_by`, about
        `rows_per_call` of them; a person is never cut, and rows without a person count as one, the last.
        The result does not depend on `rows_per_call` if the kernel treats each person by itself. Without
        rows the kernel is called once with none, for its schema.
        """
        pieces = self.persons(expr, person=person, sort_by=sort_by, rows_per_call=rows_per_call)
        return pa.concat_tables([kernel(rows) for rows in pieces])

    def persons(
        self,
        expr: "ir.Table",
        *,
        person: str = "person_key",
        sort_by: Sequence[str],
        rows_per_call: int = 500_000,
        coded: Sequence[str] = (),
    ) -> Iterator[pa.Table]:
        """The rows that `map_persons` gives its kernel, one call's after the other, for several kernels at
        once. `coded`: text columns that come dictionary-encoded. Nothing else may be asked of the engine
        before the last."""
        view = self._new_name("persons")
        self._duckdb.create_view(view, expr)
        reader = self._duckdb.con.sql(f"SELECT * FROM {_named(view)}").to_arrow_reader(_ROWS_PER_BATCH)
        batches = chain([reader.schema.empty_table()], (pa.Table.from_batches([batch]) for batch in reader))
        try:
            with tempfile.TemporaryDirectory(dir=self._spill.name) as folder:
                yield from whole_persons(
                    map(_plain, batches),
                    person=person,
                    sort_by=sort_by,
                    rows_per_call=rows_per_call,
                    coded=coded,
                    folder=folder,
                )
        finally:
            reader.close()
            self._sql(f"DROP VIEW {_named(view)}")

    def _new_name(self, stem: str) -> str:
        self._names += 1
        return f"{stem}_{self._names}"

    def _sql(self, statement: str) -> list[tuple[Any, ...]]:
        return list(self._duckdb.raw_sql(statement).fetchall())


def _plain(rows: pa.Table) -> pa.Table:
    """Times with a zone as UTC microseconds, large strings as strings: the types the tables declare."""
    fields = [pa.field(field.name, _plain_type(field.type)) for field in rows.schema]
    return rows.cast(pa.schema(fields))


def _plain_type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        return pa.timestamp("us", tz="UTC")
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return pa.list_(_plain_type(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([(field.name, _plain_type(field.type)) for field in kind])
    return kind


def _duckdb_type(kind: pa.DataType) -> str:
    if pa.types.is_list(kind):
        return f"{_duckdb_type(kind.value_type)}[]"
    if pa.types.is_struct(kind):
        return f"STRUCT({', '.join(f'{_named(field.name)} {_duckdb_type(field.type)}' for field in kind)})"
    return _DUCKDB_TYPES[kind]


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _named(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
