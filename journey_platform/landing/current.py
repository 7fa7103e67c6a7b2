"""The current state of an entity archive: of each record the version that the vendor gave last."""

from collections.abc import Callable, Set
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def current_versions(archive: pa.Table) -> pa.Table:
    """The latest version of each key, by change time, then by when we asked; by key. Columns as given:
    those of `tables.raw_table`.
    """
    if archive.num_rows == 0:
        return archive
    ordered = _in_order(archive)
    keys = ordered["record_key"].combine_chunks()
    is_last = np.ones(len(keys), dtype=bool)
    is_last[:-1] = pc.not_equal(keys[1:], keys[:-1]).to_numpy(zero_copy_only=False)
    return ordered.filter(pa.array(is_last))


def retold(archive: pa.Table, days: Set[date], says: Callable[[str], object]) -> set[str]:
    """Keys of records that have, among their versions on `days`, one of which `says` tells otherwise than of
    the version before it, or than of none: than false. Columns as for `current_versions`.

    After versions on `days` were added, no other key's current version can tell otherwise than before.
    """
    found: set[str] = set()
    before: tuple[str, object] = ("", False)
    if archive.num_rows:
        columns = (_in_order(archive)[name].to_pylist() for name in ("record_key", "day", "body"))
        for key, day, body in zip(*columns, strict=True):
            now = says(body)
            if now != (before[1] if key == before[0] else False) and day in days:
                found.add(key)
            before = (key, now)
    return found


def _in_order(archive: pa.Table) -> pa.Table:
    order = ("record_key", "occurred_at", "extracted_at", "body")
    return archive.take(pc.sort_indices(archive, sort_keys=[(name, "ascending") for name in order]))
