"""What a gate says about a batch of rows. Plain data: the gate makes it, landing acts on it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

ERROR = "error"
WARN = "warn"


@dataclass(frozen=True, slots=True)
class Finding:
    """A row that failed a rule. `position` counts from 0 in the batch; `field` is the column it looked at."""

    position: int
    rule: str
    field: str
    severity: str


@dataclass(frozen=True, slots=True)
class RuleResult:
    """One rule over one batch. `error` is set when the rule itself could not be evaluated: fail closed."""

    rule: str
    field: str
    severity: str
    checked: int
    failed: int
    error: str | None = None

    @property
    def is_passed(self) -> bool:
        return self.error is None and self.failed == 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """The results of every rule, and the rows that failed one.

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


Gate = Callable[[pa.Table], Verdict]
