"""What a run imports, imported once: the fork server loads this before it forks. Nothing here opens a socket,
a file or a thread, so that a forked process starts as a fresh one would."""

import alembic
import dagster
import deltalake
import duckdb
import great_expectations  # noqa: TID251 - behind the runs' backs, so that each need not wait for it
import ibis.backends.duckdb
import matplotlib.backends.backend_svg
import matplotlib.figure
import phonenumbers
import pyarrow.parquet
import scipy.sparse.csgraph
import vaderSentiment.vaderSentiment

import journey_platform.defs.build

__all__ = [
    "alembic",
    "dagster",
    "deltalake",
    "duckdb",
    "great_expectations",
    "ibis",
    "journey_platform",
    "matplotlib",
    "phonenumbers",
    "pyarrow",
    "scipy",
    "vaderSentiment",
]
