"""Where tables live: Delta tables under one root, replaced by the day, in one commit each.

`store` is the lake itself, `place` where a table lies, `snapshot` the table at one version, `files` its data
files, `kept` those read last, `rows` the checks and the order of rows, `fingerprint` the digest of a day's
content, `shadows` the same tables aside, to try something on, `expiry` what old versions leave behind. What a
table looks like is declared in `tables`; what computes over tables is `engine`; how vendors' pages become
rows is `landing`.
"""

from journey_platform.lake.errors import Conflict, LakeError, RefusedRows, UnsupportedTable, WriteFailed
from journey_platform.lake.files import DayState
from journey_platform.lake.place import Commit
from journey_platform.lake.store import DayContent, DayWrite, Lake, TableWrite

__all__ = [
    "Commit",
    "Conflict",
    "DayContent",
    "DayState",
    "DayWrite",
    "Lake",
    "LakeError",
    "RefusedRows",
    "TableWrite",
    "UnsupportedTable",
    "WriteFailed",
]
