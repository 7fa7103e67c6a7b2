"""Errors of the lake, by what the caller should do next. Messages never carry the content of a row."""

import os
import re

# How delta-rs ends the system's own words.
_SYSTEM_ERROR = re.compile(r"\(os error (\d+)\)")


class LakeError(Exception):
    """A table could not be read or written. What was committed before is untouched."""


class RefusedRows(LakeError):  # noqa: N818 - what happened to the rows
    """The rows do not fit the table's declaration: the code or the data that made them is wrong."""


class Conflict(LakeError):  # noqa: N818
    """Other writers kept committing first. The same write may succeed later."""


class WriteFailed(LakeError):  # noqa: N818
    """Storage refused the bytes: full, read-only or unreachable. Nothing of this write is visible."""


class UnsupportedTable(LakeError):  # noqa: N818
    """What stands at the table's place is not a table this lake can read correctly."""


def in_words(error: Exception) -> str:
    """What went wrong, in the system's words, without paths."""
    number = getattr(error, "errno", None)
    if number is None and (told := _SYSTEM_ERROR.search(str(error))):
        number = int(told[1])
    return type(error).__name__ if number is None else os.strerror(number)
