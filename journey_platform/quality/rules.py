"""The vocabulary of a suite: rules about rows over named check columns, rules about days over figures.

A check column is a column of the table, a field of a raw record's JSON (`Suite.fields`), or a SQL expression
over both (`Suite.columns`). The figures of a day are made in `figures`. A rule names one expectation of Great
Expectations; whether it is about rows or about days is where it stands in the suite.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import version
from typing import Any

from journey_platform.quality.verdict import ERROR, WARN


@dataclass(frozen=True)
class Rule:
    """One rule: its name in the UI and the quarantine, the expectation, the check column, its arguments."""

    name: str
    expectation: str
    column: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    severity: str = ERROR


@dataclass(frozen=True)
class Reference:
    """A rule between raw streams: what is at the JSON path `names` of a record is at `path` of one of `table`
    (raw/VENDOR/STREAM). Rows that name what is not there are used, and listed as `severity` says."""

    name: str
    names: str
    table: str
    path: str
    severity: str = WARN

    @property
    def rule(self) -> Rule:
        return holds(self.name, f"{self.name}_there", self.severity)


@dataclass(frozen=True)
class Suite:
    """The rules of one table.

    `rules` are about rows: those that fail one of severity error are quarantined. `day_rules` are about days:
    one of severity error holds the day. `fields`: check column -> JSON path in a raw record's body.
    `columns`: check column -> SQL expression over the table's columns and the fields. `categories`: check
    columns whose mix of values is compared with that of the days before. `references`: rules between this
    stream and others, judged by `references` when both were asked.
    """

    rules: tuple[Rule, ...]
    day_rules: tuple[Rule, ...] = ()
    fields: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    categories: tuple[str, ...] = ()
    references: tuple[Reference, ...] = ()

    def expression(self, column: str) -> str:
        """What a check column is, for people."""
        for reference in self.references:
            if column == reference.rule.column:
                return f"{reference.names} is {reference.path} of {reference.table}"
        return self.columns.get(column) or self.fields.get(column) or column

    @cached_property
    def version(self) -> str:
        """12 digits that change when a rule, its evaluation or Great Expectations does."""
        parts = (self.rules, self.day_rules, self.fields, self.columns, self.categories)
        told = f"{_EVALUATION}|{version('great-expectations')}|{parts!r}"
        return hashlib.sha256(told.encode()).hexdigest()[:12]


# Counted up when the same rules come to be evaluated differently.
_EVALUATION = 2


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


def holds(name: str, column: str, severity: str = ERROR) -> Rule:
    """The check column is a condition; rows for which it is false fail, null passes."""
    return Rule(name, "ExpectColumnValuesToBeInSet", column, {"value_set": [True]}, severity)


# Rules about days

FEW_ROWS_FAIL = "few_rows_fail"
ROWS_LIKE_BEFORE = "rows_like_same_weekday"
ROWS_NOT_MANY_MORE = "rows_not_far_above_same_weekday"
ROWS_KEPT = "rows_not_lost_since_last_read"
FIELDS_KNOWN = "fields_known"
FIELDS_PRESENT = "fields_present"
FIELDS_OF_ONE_TYPE = "fields_of_one_type"


def few_rows_fail(largest_share: float) -> Rule:
    """Above this share of quarantined rows something is wrong with the day, not with the rows."""
    return is_between(FEW_ROWS_FAIL, "share_failed", None, largest_share)


def volume_rules() -> tuple[Rule, ...]:
    """Rows beside the median of the same weekday in the weeks before, chance allowed for."""
    return (
        is_between(ROWS_LIKE_BEFORE, "share_of_usual", 0.75, None),
        is_between(ROWS_NOT_MANY_MORE, "excess_over_usual", None, 4.0, WARN),
    )


def rows_kept() -> Rule:
    """Rows beside what the day held when it was read last: facts do not go away."""
    return is_between(ROWS_KEPT, "share_of_last_read", 0.8, None)


def drift_rules() -> tuple[Rule, ...]:
    """Fields of the raw record that the days before did not have, all had, or had of other types."""
    return (
        is_between(FIELDS_KNOWN, "new_fields", None, 0, WARN),
        is_between(FIELDS_PRESENT, "missing_fields", None, 0, WARN),
        is_between(FIELDS_OF_ONE_TYPE, "retyped_fields", None, 0, WARN),
    )


def mix_rule(category: str) -> Rule:
    """The mix of a category's values beside that of the days before: total variation, chance allowed for."""
    return is_between(f"{category}_mix_like_before", f"shift_of_{category}", None, 0.2, WARN)
