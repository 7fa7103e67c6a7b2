"""The fingerprint of a table's content: equal content, equal fingerprint, however it was batched.

Rows are taken in the table's own order (`tables.Table.sort_by`, a total order), so the fingerprint depends
on the set of rows and not on how they arrived. Each column is hashed as its values, not as its Arrow
buffers: what stands under a null, offsets and chunk borders do not count. A column that is null throughout
is left out, so that adding a nullable column to a table changes no fingerprint.
"""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from journey_platform.tables import Table


class _ColumnDigest:
    """SHA-256 of one column, fed array by array."""

    def __init__(self) -> None:
        self._streams: list[Any] = []
        self._has_value = False

    def update(self, array: pa.Array) -> None:
        self._has_value = self._has_value or array.null_count < len(array)
        for number, data in enumerate(_leaves(array)):
            if number == len(self._streams):
                self._streams.append(hashlib.sha256())
            self._streams[number].update(data)

    def digest(self) -> bytes:
        """32 bytes; empty for a column without a value."""
        if not self._has_value:
            return b""
        return hashlib.sha256(b"".join(stream.digest() for stream in self._streams)).digest()


def _leaves(array: pa.Array) -> Iterator[memoryview]:
    """The array's values as byte runs whose concatenation over consecutive arrays is that of the whole."""
    yield _bytes(np.asarray(array.is_valid()).astype(np.uint8))
    kind = array.type
    if pa.types.is_struct(kind):
        for child in array.flatten():
            yield from _leaves(child)
    elif pa.types.is_list(kind):
        yield _bytes(_filled(pc.list_value_length(array)).astype(np.int64))
        yield from _leaves(array.flatten())
    elif pa.types.is_string(kind) or pa.types.is_binary(kind):
        yield _bytes(_filled(pc.binary_length(array)).astype(np.int64))
        yield _characters(array.drop_null() if array.null_count else array)
    elif pa.types.is_boolean(kind):
        yield _bytes(_filled(array).astype(np.uint8))
    elif pa.types.is_date32(kind):
        yield _bytes(_filled(array.view(pa.int32())))
    elif pa.types.is_timestamp(kind):
        yield _bytes(_filled(array.view(pa.int64())))
    elif pa.types.is_integer(kind):
        yield _bytes(_filled(array))
    elif pa.types.is_floating(kind):
        yield _bytes(_filled(array) + 0.0)  # -0.0 becomes 0.0
    else:
        raise TypeError(f"no fingerprint for a column of type {kind}")


def _characters(array: pa.Array) -> memoryview:
    """The bytes of all values, without a copy."""
    _, offsets, data = array.buffers()
    if not len(array) or data is None:
        return memoryview(b"")
    bounds = np.frombuffer(offsets, np.int32)
    return memoryview(data)[bounds[array.offset] : bounds[array.offset + len(array)]]


def _filled(array: pa.Array) -> Any:
    zero = pa.scalar(False if pa.types.is_boolean(array.type) else 0, array.type)
    return (array.fill_null(zero) if array.null_count else array).to_numpy(zero_copy_only=False)


def _bytes(values: Any) -> memoryview:
    return np.ascontiguousarray(values).data.cast("B") if len(values) else memoryview(b"")


def fingerprint(table: Table, batches: Iterable[pa.Table]) -> str:
    """32 hexadecimal digits for rows given in the table's order, without `day` and the columns that the
    table leaves out. An empty content has a fingerprint too, the same for all tables."""
    columns = [c for c in table.schema if c.name != "day" and c.name not in table.fingerprint_without]
    digests = [_ColumnDigest() for _ in columns]
    for batch in batches:
        for column, digest in zip(columns, digests, strict=True):
            for chunk in batch.column(column.name).chunks:
                digest.update(chunk)
    whole = hashlib.sha256()
    for column, digest in zip(columns, digests, strict=True):
        if content := digest.digest():
            whole.update(f"{column.name}:{column.type};".encode() + content)
    return whole.hexdigest()[:32]
