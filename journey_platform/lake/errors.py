"""Errors of the lake, by what the caller should do next. Messages never carry the content of a row."""


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
