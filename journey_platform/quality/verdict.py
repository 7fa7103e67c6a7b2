"""What a gate says: about rows, and about days. Plain data: the gate makes it, landing acts on it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

ERROR = "error"
WARN = "warn"
# In the quarantine: a sound row of a day that was held.
HELD = "held"


@dataclass(frozen=True, slots=True)
class Finding:
    """A row that failed a rule. `position` counts from 0 in the batch; `field` is the column it looked at."""

    position: int
    rule: str
    field: str
    severity: str


@dataclass(frozen=True, slots=True)
class RuleResult:
    """One rule over one batch or day. `error` is set when the rule could not be evaluated: fail closed.

    `observed`: the figures behind a rule about a day, JSON, counts and names of fields only.
    """

    rule: str
    field: str
    severity: str
    checked: int
    failed: int
    error: str | None = None
    observed: str = ""

    @property
    def is_passed(self) -> bool:
        return self.error is None and self.failed == 0

    @property
    def figures(self) -> dict[str, Any]:
        return json.loads(self.observed) if self.observed else {}


@dataclass(frozen=True, slots=True)
class Verdict:
    """The results of every rule over a batch, and the rows that failed one.

    `is_broken`: a rule could not be evaluated, so that nothing of the batch may be published.
    """

    results: tuple[RuleResult, ...]
    findings: tuple[Finding, ...]

    @property
    def is_broken(self) -> bool:
        return any(result.error is not None and result.severity == ERROR for result in self.results)

    def rejected(self) -> set[int]:
        """Positions of the rows that must not go on."""
        return {finding.position for finding in self.findings if finding.severity == ERROR}

    def accepted(self, rows: pa.Table) -> pa.Table:
        """The rows of the batch that go on: none where a rule could not be evaluated."""
        if self.is_broken:
            return rows.slice(0, 0)
        mask = np.ones(rows.num_rows, dtype=bool)
        mask[list(self.rejected())] = False
        return rows.filter(pa.array(mask))


@dataclass(frozen=True, slots=True)
class DayVerdict:
    """What the rules say about one day of a table.

    `fingerprint` is that of the rows that were offered and `suite` the version of the rules: where both are
    the same again, so is the verdict, and `is_kept` says that it was not worked out anew. `held_by`: the
    first rule because of which the day is not published, or None. `is_accepted`: somebody let it through.
    """

    day: date
    results: tuple[RuleResult, ...]
    fingerprint: str
    suite: str
    held_by: str | None
    is_kept: bool = False
    is_accepted: bool = False

    def kept(self) -> "DayVerdict":
        return replace(self, is_kept=True)

    @property
    def rows_offered(self) -> int:
        """Rows that were offered for the day."""
        return max((int(result.figures.get("rows", 0)) for result in self.results), default=0)

    @property
    def rows_rejected(self) -> int:
        """Rows that a rule of severity error rejected."""
        return max((int(result.figures.get("failed", 0)) for result in self.results), default=0)

    @property
    def reason(self) -> str | None:
        """Why the day is held, in words."""
        if self.held_by is None:
            return None
        [result, *_] = [r for r in self.results if r.rule == self.held_by]
        if result.error:
            return f"{self.held_by}: {result.error}"
        figures = ", ".join(f"{name} {value}" for name, value in _scalars(result.figures))
        return f"{self.held_by}: {figures}" if figures else self.held_by


def _scalars(figures: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    return ((name, value) for name, value in figures.items() if isinstance(value, int | float | str))


class Gate(Protocol):
    """What landing asks of a gate. One gate serves one pull or one computation of a table."""

    refused: int
    """Records of the pull that fit no day, counted by whoever asks, before `conclude`."""

    @property
    def reasons(self) -> frozenset[str]:
        """The names of its rules, under which rows are in quarantine."""
        ...

    def is_known(self, day: date, fingerprint: str, *, is_there: bool) -> bool:
        """Whether these very rows were judged by these very rules before, so that neither they need to be
        judged again nor the day to be written. `is_there`: the table has the day."""
        ...

    def __call__(self, rows: pa.Table) -> Verdict:
        """Judge rows of one or more days."""
        ...

    def conclude(self, offered: Mapping[date, str]) -> Mapping[date, DayVerdict]:
        """Judge days, given the fingerprint of what was offered for each, after all their rows."""
        ...
