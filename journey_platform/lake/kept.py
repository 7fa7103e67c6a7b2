"""Rows of small data files as they were read last. A file is never written again, so they stay true."""

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

import pyarrow as pa

SMALL_BYTES = 2**16
"""Larger files are read by the column."""
_ROOM = 64 * 2**20
_LARGEST_SHARE = 64


class Kept:
    """At most so many bytes of rows, by the file's URI; those read longest ago go first."""

    def __init__(self, room: int = _ROOM) -> None:
        self._room = room
        self._used = 0
        self._rows: OrderedDict[str, pa.Table] = OrderedDict()
        self._lock = Lock()

    def rows(self, uri: str, read: Callable[[], pa.Table]) -> pa.Table:
        """What `read` reads of the file, read once."""
        with self._lock:
            if uri in self._rows:
                self._rows.move_to_end(uri)
                return self._rows[uri]
        rows = read()
        if rows.nbytes <= self._room // _LARGEST_SHARE:
            with self._lock:
                self._used += rows.nbytes if uri not in self._rows else 0
                self._rows[uri] = rows
                while self._used > self._room:
                    self._used -= self._rows.popitem(last=False)[1].nbytes
        return rows
