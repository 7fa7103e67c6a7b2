"""The vocabulary of a suite: rules over named check columns.

A check column is a SQL expression over the table's own columns, so that a rule can look inside a raw record
(`json_field`) or at a relation of two columns. A rule names one expectation of Great Expectations.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from journey_platform.quality.verdict import ERROR


@dataclass(frozen=True)
class Rule:
    """One rule: its name in the UI and the quarantine, the expectation, the check column, its arguments."""

    name: str
    expectation: str
    column: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    severity: str = ERROR


@dataclass(frozen=True)
class Suite:
    """The rules of one table. `columns`: check column -> SQL expression; plain columns need no entry."""

    rules: tuple[Rule, ...]
    columns: Mapping[str, str] = field(default_factory=dict)

    def expression(self, column: str) -> str:
        return self.columns.get(column, f'"{column}"')


def json_field(path: str) -> str:
    """SQL for a field of a raw record's body; null where the body has no such field."""
    return f"case when json_valid(body) then body ->> '{path}' end"


def is_present(name: str, column: str, severity: str = ERROR) -> Rule:
    return Rule(name, "ExpectColumnValuesToNotBeNull", column, severity=severity)


def is_unique(name: str, column: str) -> Rule:
    return Rule(name, "ExpectColumnValuesToBeUnique", column)


def is_one_of(name: str, column: str, values: tuple[str, ...], severity: str = ERROR) -> Rule:
    return Rule(name, "ExpectColumnValuesToBeInSet", column, {"value_set": list(values)}, severity)


def is_between(name: str, column: str, low: float | None, high: float | None, severity: str = ERROR) -> Rule:
    return Rule(
        name, "ExpectColumnValuesToBeBetween", column, {"min_value": low, "max_value": high}, severity
    )


def matches(name: str, column: str, regex: str, severity: str = ERROR) -> Rule:
    return Rule(name, "ExpectColumnValuesToMatchRegex", column, {"regex": regex}, severity)
