"""Conditions on touchpoints, as a person writes them: SQL's predicates over columns, and segments by name.

    type = 'page_view' and page like '/shop/%'
    traffic_channel in ('Email', 'Direct') and not is_bot
    profile.plan is not null and business

Here a text becomes a condition, and a condition a mask over Arrow rows. A comparison with null is false, and
its negation true: a condition either holds for a touchpoint or does not. Which conditions somebody declared
is in `declared`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_COMPARISONS = {
    "EQ": pc.equal,
    "NEQ": pc.not_equal,
    "GT": pc.greater,
    "GTE": pc.greater_equal,
    "LT": pc.less,
    "LTE": pc.less_equal,
}
_MIRRORED = {"GT": "LT", "GTE": "LTE", "LT": "GT", "LTE": "GTE"}
PROFILE = "profile."


class ConditionError(ValueError):
    """A condition cannot be read, or names a column that touchpoints do not have."""


@dataclass(frozen=True)
class Condition:
    """A condition that can be read. `columns`: what it looks at, columns of the profile as `profile.NAME`."""

    text: str
    columns: frozenset[str]
    tree: Any

    def mask(self, rows: pa.Table) -> np.ndarray:
        """Which rows it holds for. `rows`: has `columns`; text may be dictionary-encoded.

        Raises `ConditionError` naming a column that is not there or cannot be compared so.
        """
        return np.asarray(_mask(self.tree, rows, self.text))


def condition(text: str, segments: Mapping[str, str] | None = None) -> Condition:
    """Read a condition. `segments`: name -> condition, for the bare names that are no column.

    Raises `ConditionError` saying what cannot be read.
    """
    import sqlglot
    from sqlglot import exp

    try:
        tree = sqlglot.parse_one(text, dialect="duckdb")
    except sqlglot.errors.SqlglotError as error:
        # The parser underlines with terminal colours; its first words say what it missed.
        raise ConditionError(f"{text!r} is no condition: {str(error).splitlines()[0]}") from None
    found = _segments_in(tree, segments or {}, ())
    names = frozenset(name_of(column) for column in found.find_all(exp.Column))
    _check(found, text)
    return Condition(text, names, found)


def _segments_in(tree: Any, segments: Mapping[str, str], within: tuple[str, ...]) -> Any:
    """The tree with each segment's own condition in the place of its name."""
    import sqlglot
    from sqlglot import exp

    def replaced(node: Any) -> Any:
        name = name_of(node) if isinstance(node, exp.Column) else None
        if name is None or name not in segments:
            return node
        if name in within:
            raise ConditionError(f"segment {name} is made of itself")
        try:
            inner = sqlglot.parse_one(segments[name], dialect="duckdb")
        except sqlglot.errors.SqlglotError as error:
            raise ConditionError(f"segment {name}: {str(error).splitlines()[0]}") from None
        return exp.Paren(this=_segments_in(inner, segments, (*within, name)))

    return tree.transform(replaced)


def name_of(column: Any) -> str:
    table = column.table
    return f"{table}.{column.name}" if table else str(column.name)


def _check(node: Any, text: str) -> None:
    """Refuse now what `_mask` could not do later."""
    from sqlglot import exp

    match node:
        case exp.Paren() | exp.Not():
            _check(node.this, text)
        case exp.And() | exp.Or():
            _check(node.left, text)
            _check(node.right, text)
        case exp.Column() | exp.Boolean():
            pass
        case exp.Is():
            if not isinstance(node.this, exp.Column) or not isinstance(node.expression, exp.Null):
                raise ConditionError(f"{text!r}: `is` is followed by null or not null")
        case exp.In():
            if not isinstance(node.this, exp.Column) or not node.expressions:
                raise ConditionError(f"{text!r}: `in` stands between a column and values in brackets")
            for value in node.expressions:
                value_of(value, text)
        case exp.Like():
            if not isinstance(node.this, exp.Column):
                raise ConditionError(f"{text!r}: `like` stands between a column and a text")
            value_of(node.expression, text)
        case exp.EQ() | exp.NEQ() | exp.GT() | exp.GTE() | exp.LT() | exp.LTE():
            column, value, _ = sides_of(node)
            if not isinstance(column, exp.Column):
                raise ConditionError(f"{text!r}: one side of a comparison is a column")
            value_of(value, text)
        case _:
            raise ConditionError(
                f"{text!r}: {node.sql()!r} cannot stand in a condition; there are comparisons, in, like, "
                "is null, and, or, not"
            )


def sides_of(node: Any) -> tuple[Any, Any, str]:
    """The column, the value and the comparison as seen from the column."""
    from sqlglot import exp

    kind = type(node).__name__
    if isinstance(node.left, exp.Column):
        return node.left, node.right, kind
    return node.right, node.left, _MIRRORED.get(kind, kind)


def value_of(node: Any, text: str = "") -> str | float | bool:
    from sqlglot import exp

    if isinstance(node, exp.Literal):
        return str(node.this) if node.is_string else float(node.this)
    if isinstance(node, exp.Neg) and isinstance(node.this, exp.Literal) and not node.this.is_string:
        return -float(node.this.this)
    if isinstance(node, exp.Boolean):
        return bool(node.this)
    raise ConditionError(f"{text!r}: {node.sql()!r} is no value; text stands in single quotes")


def _mask(node: Any, rows: pa.Table, text: str) -> Any:
    from sqlglot import exp

    match node:
        case exp.Paren():
            return _mask(node.this, rows, text)
        case exp.Not():
            return ~_mask(node.this, rows, text)
        case exp.And():
            return _mask(node.left, rows, text) & _mask(node.right, rows, text)
        case exp.Or():
            return _mask(node.left, rows, text) | _mask(node.right, rows, text)
        case exp.Boolean():
            return np.full(rows.num_rows, bool(node.this))
        case exp.Column():
            column = _column(node, rows, text)
            if not pa.types.is_boolean(column.type):
                raise ConditionError(f"{text!r}: {name_of(node)} is neither a segment nor a yes or no")
            return _flags(column)
    if isinstance(node, exp.Is | exp.In | exp.Like):
        column = _column(node.this, rows, text)
    else:
        column = _column(sides_of(node)[0], rows, text)

    def test(values: pa.Array) -> pa.Array:
        if isinstance(node, exp.In):
            wanted = [value_of(value, text) for value in node.expressions]
            return pc.is_in(values, pa.array(wanted).cast(values.type))
        if isinstance(node, exp.Like):
            return pc.match_like(values, str(value_of(node.expression, text)))
        _, value, kind = sides_of(node)
        return _COMPARISONS[kind](values, pa.scalar(value_of(value, text)).cast(values.type))

    try:
        if isinstance(node, exp.Is):
            return ~np.asarray(column.is_valid())
        if not pa.types.is_dictionary(column.type):
            return _flags(test(column))
        codes = column.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        # The last place is the one that a null's -1 finds.
        return np.append(_flags(test(column.dictionary)), False)[codes]
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise ConditionError(
            f"{text!r}: {node.sql()!r} compares a column with a value of another type"
        ) from None


def _column(node: Any, rows: pa.Table, text: str) -> Any:
    name = name_of(node)
    if name not in rows.column_names:
        raise ConditionError(f"{text!r} names {name}, which is no column of a touchpoint and no segment")
    column = rows[name]
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _flags(values: Any) -> np.ndarray:
    filled = values.fill_null(False)
    return np.asarray(filled.to_numpy(zero_copy_only=False), dtype=bool)
