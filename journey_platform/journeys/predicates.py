"""Conditions as Ibis predicates, for rows that no answer looks at to be left out before they are sorted.

A predicate holds where `Condition.mask` does. What DuckDB might see otherwise than Arrow is not translated.
"""

from collections.abc import Sequence
from operator import eq, ge, gt, le, lt, ne
from typing import TYPE_CHECKING, Any

from journey_platform.journeys.conditions import Condition, name_of, sides_of, value_of

if TYPE_CHECKING:
    import ibis.expr.types as ir

_COMPARED = {"EQ": eq, "NEQ": ne, "GT": gt, "GTE": ge, "LT": lt, "LTE": le}


class _Untold(Exception):  # noqa: N818 - not an error
    """A part has no predicate that is sure to mean the same."""


def predicate(condition: Condition, rows: "ir.Table") -> "ir.BooleanValue | None":
    """The rows that it holds for; None where it is not sure to be told. `rows`: has its columns."""
    try:
        return _told(condition.tree, rows)
    except _Untold:
        return None


def _told(node: Any, rows: "ir.Table") -> Any:
    import ibis
    from sqlglot import exp

    match node:
        case exp.Paren():
            return _told(node.this, rows)
        case exp.Not():
            return ~_told(node.this, rows)
        case exp.And():
            return _told(node.left, rows) & _told(node.right, rows)
        case exp.Or():
            return _told(node.left, rows) | _told(node.right, rows)
        case exp.Boolean():
            return ibis.literal(bool(node.this))
        case exp.Column():
            return _comparable(node, [True], rows).fill_null(False)
        case exp.Is():
            return _column(node.this, rows).isnull()
        case exp.In():
            values = [value_of(value) for value in node.expressions]
            return _comparable(node.this, values, rows).isin(values).fill_null(False)
        case exp.Like():
            pattern = str(value_of(node.expression))
            # A backslash escapes in one of them.
            if "\\" in pattern:
                raise _Untold
            return _comparable(node.this, [pattern], rows).like(pattern).fill_null(False)
    named, value, comparison = sides_of(node)
    told = value_of(value)
    return _COMPARED[comparison](_comparable(named, [told], rows), told).fill_null(False)


def _column(node: Any, rows: "ir.Table") -> Any:
    name = name_of(node)
    if name not in rows.columns:
        raise _Untold
    return rows[name]


def _comparable(node: Any, values: Sequence[Any], rows: "ir.Table") -> Any:
    """The column, if texts are compared with texts, or yes and no with such: numbers have values that compare
    in several ways."""
    column = _column(node, rows)
    told = column.type()
    for kind, is_such in ((str, told.is_string()), (bool, told.is_boolean())):
        if is_such and all(isinstance(value, kind) for value in values):
            return column
    raise _Untold
