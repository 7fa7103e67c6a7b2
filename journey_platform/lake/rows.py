"""What rows must be before they are written: the declared columns and types, keys, days and order."""

import functools
import itertools
from collections.abc import Collection, Sequence
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from journey_platform.lake.errors import RefusedRows
from journey_platform.tables import Table


def conform(table: Table, rows: pa.Table) -> pa.Table:
    """The rows with exactly the table's schema. Encodings of one logical type (large strings, dictionaries,
    other list field names, time units that lose nothing) are converted; anything else is refused."""
    names = set(rows.column_names)
    if names != set(table.schema.names) or len(rows.column_names) != len(names):
        missing = sorted(set(table.schema.names) - names)
        extra = sorted(names - set(table.schema.names))
        raise RefusedRows(f"{table.name}: missing columns {missing}, columns not declared {extra}")
    columns = []
    for field in table.schema:
        column = rows.column(field.name)
        if not _is_same_kind(column.type, field.type):
            raise RefusedRows(f"{table.name}: column {field.name} is {column.type}, declared {field.type}")
        try:
            column = column.cast(field.type)
        except pa.ArrowInvalid as error:
            raise RefusedRows(f"{table.name}: column {field.name} does not fit {field.type}") from error
        columns.append(column)
    conformed = pa.table(columns, schema=table.schema)
    for field in table.schema:
        if not field.nullable and conformed.column(field.name).null_count:
            where = _on_day(table, conformed, field.name)
            raise RefusedRows(f"{table.name}: column {field.name} is null{where}")
    return conformed


def _is_same_kind(given: pa.DataType, declared: pa.DataType) -> bool:
    if given == declared or pa.types.is_null(given):
        return True
    if pa.types.is_dictionary(given):
        return _is_same_kind(given.value_type, declared)
    if pa.types.is_string(declared):
        return bool(pa.types.is_large_string(given) or pa.types.is_string_view(given))
    if pa.types.is_timestamp(declared):
        return bool(pa.types.is_timestamp(given) and given.tz == declared.tz)
    if pa.types.is_list(declared):
        is_list = pa.types.is_list(given) or pa.types.is_large_list(given)
        return bool(is_list and _is_same_kind(given.value_type, declared.value_type))
    if pa.types.is_struct(declared) and pa.types.is_struct(given):
        return [f.name for f in given] == [f.name for f in declared] and all(
            _is_same_kind(g.type, d.type) for g, d in zip(given, declared, strict=True)
        )
    return False


def _on_day(table: Table, rows: pa.Table, column: str) -> str:
    if not table.is_daily or column == "day":
        return ""
    return f" on {rows.filter(pc.is_null(rows.column(column))).column('day')[0].as_py()}"


def in_order(table: Table, rows: pa.Table) -> pa.Table:
    """The rows sorted by `table.sort_by`, nulls last, each column in one piece."""
    if _are_ascending([rows.column(name) for name in table.sort_by]):
        return rows.combine_chunks()
    keys = [(name, "ascending") for name in table.sort_by]
    return rows.take(pc.sort_indices(rows, sort_keys=keys)).combine_chunks()


def _are_ascending(columns: Sequence[pa.ChunkedArray]) -> bool:
    """Whether rows are known to be sorted by columns of whole numbers, days, times and texts without nulls.

    Looking is much cheaper than sorting again what comes sorted.
    """
    is_tied: pa.Array = None
    for column in columns:
        if column.null_count or not (
            pa.types.is_integer(column.type)
            or pa.types.is_temporal(column.type)
            or pa.types.is_string(column.type)
        ):
            return False
        before, after = column.slice(0, max(len(column) - 1, 0)), column.slice(1)
        is_falling = pc.greater(before, after)
        if pc.any(is_falling if is_tied is None else pc.and_(is_falling, is_tied)).as_py():
            return False
        is_same = pc.equal(before, after)
        is_tied = is_same if is_tied is None else pc.and_(is_same, is_tied)
        if not pc.any(is_tied).as_py():
            break
    return True


def by_day(table: Table, rows: pa.Table, days: Collection[date]) -> dict[date, pa.Table]:
    """Conforming rows, sorted, of each of `days` (empty where there are none). Other days are refused."""
    ordered = in_order(table, rows)
    numbers = np.asarray(ordered.column("day").cast(pa.int32()))
    if not np.all(numbers[:-1] <= numbers[1:]):
        raise RefusedRows(f"{table.name}: a daily table's sort_by begins with day")
    borders = [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(numbers)] if len(numbers) else []
    parts = {day: ordered.slice(0, 0) for day in days}
    for start, end in itertools.pairwise(borders):
        day = ordered.column("day")[start].as_py()
        if day not in parts:
            raise RefusedRows(f"{table.name}: rows of {day}, which is not one of the days to replace")
        parts[day] = ordered.slice(start, end - start)
    return parts


def check_keys(table: Table, ordered: pa.Table, where: str) -> None:
    """Raise `RefusedRows` unless the primary key of sorted rows is unique. `where` completes the message."""
    key = list(table.primary_key)
    if not key or len(ordered) < 2:
        return
    if repeated := _repeats(ordered.select(key), is_sorted=set(table.sort_by) == set(key)):
        raise RefusedRows(f"{table.name}: {repeated} rows repeat the key ({', '.join(key)}){where}")


def _repeats(keys: pa.Table, *, is_sorted: bool) -> int:
    if not is_sorted:
        return len(keys) - len(keys.group_by(keys.column_names).aggregate([]))
    is_as_before = [pc.equal(column.slice(1), column.slice(0, len(keys) - 1)) for column in keys.columns]
    return pc.sum(functools.reduce(pc.and_, is_as_before)).as_py() or 0


def union(table: Table, first: pa.Table, second: pa.Table) -> pa.Table:
    """The rows of both; of rows with the same primary key the first stays."""
    rows, key = pa.concat_tables([first, second]), list(table.primary_key)
    numbered = rows.select(key).append_column("position", pa.array(np.arange(len(rows))))
    earliest = numbered.group_by(key).aggregate([("position", "min")]).column("position_min")
    return rows.take(pa.array(np.sort(np.asarray(earliest))))
