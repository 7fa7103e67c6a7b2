"""The trained model, and the door to Splink.

How a model is trained is in `training`; how pairs are scored with it, in `scoring`.
"""

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa


class Model(msgspec.Struct, frozen=True):
    """A trained model: what scoring needs, and no value that fewer than ten records share.

    `settings`: Splink's, with m, u, the prior and the reasons to compare. `frequencies`: by attribute, how
    common its common values are. `records`: how many it was trained for.
    """

    settings: dict[str, Any]
    frequencies: dict[str, dict[str, float]]
    records: int

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(self.to_json()).hexdigest()[:16]

    def to_json(self) -> bytes:
        return msgspec.json.encode(self, order="deterministic")

    @staticmethod
    def from_json(text: bytes | str) -> "Model":
        return msgspec.json.decode(text, type=Model)


@contextmanager
def duckdb_memory() -> Iterator[Any]:
    """A DuckDB of our own: nothing of it outlives the block."""
    import duckdb

    with duckdb.connect() as connection:
        connection.execute("set enable_progress_bar = false")
        yield connection


def linker(
    connection: Any,
    records: pa.Table,
    model_settings: dict[str, Any],
    frequencies: dict[str, dict[str, float]],
) -> Any:
    """Splink over `numbered` records. The frequencies given stand for those of the records."""
    from splink import DuckDBAPI, Linker

    api = DuckDBAPI(connection)
    made = Linker(api.register(records), model_settings, log_level=logging.ERROR, validate_settings=False)
    for kind, shares in frequencies.items():
        table = pa.table(
            {
                kind: pa.array(list(shares), pa.string()),
                f"tf_{kind}": pa.array(list(shares.values()), pa.float64()),
            }
        )
        made.table_management.register_term_frequency_lookup(api.register(table), kind)
    return made


def numbered(records: pa.Table) -> pa.Table:
    """Records with their place, in the order of `record`, as `unique_id`."""
    return records.append_column("unique_id", pa.array(np.arange(records.num_rows)))
