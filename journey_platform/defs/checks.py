"""Asset checks: what the gate found, and whether every row is accounted for. Counts only, never values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import dagster as dg
import pyarrow as pa

from journey_platform.defs.describe import asset_key
from journey_platform.quality.gate import evaluate
from journey_platform.quality.rules import Rule, Suite
from journey_platform.quality.verdict import ERROR, RuleResult, Verdict
from journey_platform.tables import Table

ARRIVED = "every_day_arrived"
RECONCILES = "every_row_accounted_for"

_SHOWN_DAYS = 20


@dataclass
class RecordingGate:
    """A gate that remembers its verdicts, so that a run over many batches gives one result a rule."""

    suite: Suite
    verdicts: list[Verdict] = field(default_factory=list)

    def __call__(self, rows: pa.Table) -> Verdict:
        verdict = evaluate(rows, self.suite)
        self.verdicts.append(verdict)
        return verdict

    def results(self, table: Table) -> list[dg.AssetCheckResult]:
        return [_rule_result(table, rule, self.verdicts) for rule in self.suite.rules]


def rule_specs(table: Table, suite: Suite) -> list[dg.AssetCheckSpec]:
    return [
        dg.AssetCheckSpec(rule.name, asset=asset_key(table), description=_describe(rule, suite))
        for rule in suite.rules
    ]


def arrival_spec(table: Table) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        ARRIVED,
        asset=asset_key(table),
        description="Every day asked for was read whole; a day that was not keeps its last good version.",
    )


def reconciliation_spec(table: Table) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        RECONCILES, asset=asset_key(table), description="Each record received went to exactly one place."
    )


def arrival_result(table: Table, failed: Mapping[date, str]) -> dg.AssetCheckResult:
    """Fails where days were not read or were held; names the first of them with their reasons."""
    shown = {day.isoformat(): failed[day] for day in sorted(failed)[:_SHOWN_DAYS]}
    return dg.AssetCheckResult(
        asset_key=asset_key(table),
        check_name=ARRIVED,
        passed=not failed,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata={
            "days_held": len(failed),
            **({"first_days": dg.MetadataValue.json(shown)} if shown else {}),
        },
    )


def reconciliation_result(table: Table, counts: Mapping[str, int]) -> dg.AssetCheckResult:
    """`counts`: `received`, and the places that records went to, which must add up to it."""
    placed = sum(count for place, count in counts.items() if place != "received")
    return dg.AssetCheckResult(
        asset_key=asset_key(table),
        check_name=RECONCILES,
        passed=counts["received"] == placed,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata=dict(counts),
    )


def _rule_result(table: Table, rule: Rule, verdicts: Sequence[Verdict]) -> dg.AssetCheckResult:
    results: list[RuleResult] = [r for verdict in verdicts for r in verdict.results if r.rule == rule.name]
    errors = sorted({result.error for result in results if result.error})
    return dg.AssetCheckResult(
        asset_key=asset_key(table),
        check_name=rule.name,
        passed=all(result.is_passed for result in results),
        severity=dg.AssetCheckSeverity.ERROR if rule.severity == ERROR else dg.AssetCheckSeverity.WARN,
        metadata={
            "rows_checked": sum(result.checked for result in results),
            "rows_failed": sum(result.failed for result in results),
            **({"error": "; ".join(errors)} if errors else {}),
        },
    )


def _describe(rule: Rule, suite: Suite) -> str:
    arguments = ", ".join(f"{name}={value}" for name, value in rule.arguments.items())
    outcome = "Rows that fail are quarantined." if rule.severity == ERROR else "Rows that fail are listed."
    checked = ", ".join(filter(None, (suite.expression(rule.column), arguments)))
    return f"{rule.expectation}({checked}). {outcome}"
