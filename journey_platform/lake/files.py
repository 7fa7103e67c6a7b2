"""A table's data files, and what their names tell.

A data file holds one day (or, in a table that is not daily, all rows), is written before the commit and is
never changed. Its name carries the version that added it and the fingerprint of its content, so the list of
active files is also the state of every day, whatever became of older log entries. A day that was landed
without rows has a file without rows.
"""

import re
import uuid
from dataclasses import dataclass
from datetime import date

_FILE = re.compile(
    r"^(?:day=\d{4}-\d\d-\d\d/)?v(?P<version>\d+)-(?P<fingerprint>[0-9a-f]{32})-[0-9a-f]{32}\.parquet$"
)


@dataclass(frozen=True, slots=True)
class DayState:
    """What a day holds: rows, the fingerprint of their content, and the version that put them there."""

    rows: int
    fingerprint: str
    version: int


@dataclass(frozen=True, slots=True)
class DataFile:
    """One file of a table. `day` is None in a table that is not daily. `path` is relative to the table."""

    path: str
    day: date | None
    size: int
    state: DayState

    @property
    def partition(self) -> dict[str, str | None]:
        return {} if self.day is None else {"day": self.day.isoformat()}


def new_path(day: date | None, state: DayState) -> str:
    """A path that no file has had yet, relative to the table."""
    folder = "" if day is None else f"day={day.isoformat()}/"
    return f"{folder}v{state.version}-{state.fingerprint}-{uuid.uuid4().hex}.parquet"


def named_in(path: str) -> tuple[int, str] | None:
    """The version and the fingerprint that a path names; None where it is not that of a data file."""
    named = _FILE.match(path)
    return None if named is None else (int(named["version"]), named["fingerprint"])
