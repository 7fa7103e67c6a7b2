"""Asset checks: what the gate found, and whether every row is accounted for. Counts only, never values.

A check says what holds of the days its run dealt with, whether they were judged in it or their verdict was
kept; which days are held at all is what `operations/gate_verdicts` says.
"""

from collections.abc import Mapping, Sequence
from datetime import date

import dagster as dg

from journey_platform.defs.describe import asset_key
from journey_platform.landing.ledger import ACCOUNTED
from journey_platform.quality.rules import Rule, Suite
from journey_platform.quality.verdict import ERROR, DayVerdict, RuleResult
from journey_platform.tables import Table

ARRIVED = "every_day_arrived"

_SHOWN_DAYS = 20


def rule_specs(table: Table, suite: Suite) -> list[dg.AssetCheckSpec]:
    return [
        dg.AssetCheckSpec(rule.name, asset=asset_key(table), description=_describe(rule, suite))
        for rule in (*suite.rules, *suite.day_rules)
    ]


def rule_results(
    table: Table, suite: Suite, verdicts: Mapping[date, DayVerdict]
) -> list[dg.AssetCheckResult]:
    """One result for each rule, over all days of the run."""
    in_order = [verdicts[day] for day in sorted(verdicts)]
    return [_rule_result(table, rule, in_order) for rule in (*suite.rules, *suite.day_rules)]


def arrival_spec(table: Table) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        ARRIVED,
        asset=asset_key(table),
        description="Every day asked for was read whole; a day that was not keeps its last good version.",
    )


def reconciliation_spec(table: Table) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        ACCOUNTED, asset=asset_key(table), description="Each record received went to exactly one place."
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
        check_name=ACCOUNTED,
        passed=counts["received"] == placed,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata=dict(counts),
    )


def _rule_result(table: Table, rule: Rule, verdicts: Sequence[DayVerdict]) -> dg.AssetCheckResult:
    of_days: list[tuple[DayVerdict, RuleResult]] = [
        (verdict, result) for verdict in verdicts for result in verdict.results if result.rule == rule.name
    ]
    failed = [verdict.day.isoformat() for verdict, result in of_days if not result.is_passed]
    errors = sorted({result.error for _, result in of_days if result.error})
    kept = sum(verdict.is_kept for verdict, _ in of_days)
    return dg.AssetCheckResult(
        asset_key=asset_key(table),
        check_name=rule.name,
        passed=not failed,
        severity=dg.AssetCheckSeverity.ERROR if rule.severity == ERROR else dg.AssetCheckSeverity.WARN,
        metadata={
            "rows_checked": sum(result.checked for _, result in of_days),
            "rows_failed": sum(result.failed for _, result in of_days),
            "days_judged": len(of_days) - kept,
            "days_kept": kept,
            **({"first_days": dg.MetadataValue.json(failed[:_SHOWN_DAYS])} if failed else {}),
            **({"error": "; ".join(errors)} if errors else {}),
        },
    )


def _describe(rule: Rule, suite: Suite) -> str:
    arguments = ", ".join(f"{name}={value}" for name, value in rule.arguments.items())
    if rule in suite.day_rules:
        outcome = "A day that fails is held." if rule.severity == ERROR else "Days that fail are named."
    else:
        outcome = (
            "Rows that fail are quarantined." if rule.severity == ERROR else "Rows that fail are listed."
        )
    checked = ", ".join(filter(None, (suite.expression(rule.column), arguments)))
    return f"{rule.expectation}({checked}). {outcome}"
