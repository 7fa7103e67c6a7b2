"""What a table is: grain, columns, types, keys and personal-data flags."""

from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa

UTC_MICROSECONDS = pa.timestamp("us", tz="UTC")
IDENTIFIERS = pa.list_(pa.struct([("kind", pa.string()), ("value", pa.string())]))
ATTRIBUTES = pa.list_(pa.struct([("name", pa.string()), ("value", pa.string())]))
KEYS = pa.list_(pa.struct([("kind", pa.string()), ("key", pa.int64())]))
PROBABILISTIC_EVIDENCE = pa.list_(
    pa.struct([("attribute", pa.string()), ("comparison", pa.string()), ("weight", pa.float64())])
)


@dataclass(frozen=True)
class Column:
    """One column. `is_key` columns are never null; `is_personal` ones never reach metadata or statistics."""

    name: str
    type: pa.DataType
    meaning: str
    is_key: bool = False
    is_personal: bool = False


@dataclass(frozen=True)
class Table:
    """One table, one asset, one key.

    `grain` completes "One row per ...". `sort_by` is a total order of the rows within a day (it ends with the
    primary key), so that equal content gives equal bytes. A daily table has a `day` column and is
    partitioned by it. `fingerprint_without` names columns that say when we asked, not what was said.
    """

    key: tuple[str, ...]
    grain: str
    columns: tuple[Column, ...]
    sort_by: tuple[str, ...]
    is_daily: bool = True
    fingerprint_without: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return "/".join(self.key)

    @property
    def primary_key(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns if column.is_key)

    @cached_property
    def schema(self) -> pa.Schema:
        return pa.schema(
            [pa.field(c.name, c.type, nullable=not (c.is_key or c.name == "day")) for c in self.columns]
        )

    @property
    def is_personal(self) -> bool:
        return any(column.is_personal for column in self.columns)

    def empty(self) -> pa.Table:
        return self.schema.empty_table()


DAY = Column("day", pa.date32(), "local day in the reporting zone")
