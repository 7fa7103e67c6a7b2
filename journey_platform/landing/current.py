"""The current state of an entity archive: of each record the version that the vendor gave last."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def current_versions(archive: pa.Table) -> pa.Table:
    """The latest version of each key, by change time, then by when we asked; by key. Columns as given:
    those of `tables.raw_table`.
    """
    if archive.num_rows == 0:
        return archive
    order = ("record_key", "occurred_at", "extracted_at", "body")
    ordered = archive.take(pc.sort_indices(archive, sort_keys=[(name, "ascending") for name in order]))
    keys = ordered["record_key"].combine_chunks()
    is_last = np.ones(len(keys), dtype=bool)
    is_last[:-1] = pc.not_equal(keys[1:], keys[:-1]).to_numpy(zero_copy_only=False)
    return ordered.filter(pa.array(is_last))
