"""The gate of one table for one pull or computation: rules about rows, then rules about days.

It remembers what it saw of each day, so that a batch may hold many days and a day many batches. Earlier
verdicts come in as plain data and new ones go out; where they are kept is in `landing.ledger`.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from journey_platform.quality import figures, rules
from journey_platform.quality.figures import Observed
from journey_platform.quality.gate import check_columns, judged
from journey_platform.quality.rules import Suite
from journey_platform.quality.verdict import ERROR, DayVerdict, Finding, RuleResult, Verdict

if TYPE_CHECKING:
    import pandas as pd

_NOTHING = Observed()


class TableGate:
    """A `Gate`.

    `known`: earlier verdicts of the table by day. `rows_before`: rows that its days hold. `stands_on`: the
    day on which everything is judged together, for tables whose rows do not arrive by the day. `accepts`: let
    days through whatever the rules about days say; somebody has looked.
    """

    def __init__(
        self,
        suite: Suite,
        *,
        known: Mapping[date, DayVerdict] | None = None,
        rows_before: Mapping[date, int] | None = None,
        stands_on: date | None = None,
        accepts: bool = False,
    ) -> None:
        self.suite = suite
        self._known = known or {}
        self._rows_before = rows_before or {}
        self._stands_on = stands_on
        self._accepts = accepts
        self._observed: dict[date, Observed] = {}
        self._failed: Counter[tuple[date, str]] = Counter()
        self._errors: dict[tuple[date, str], str] = {}
        self.refused = 0
        self.verdicts: dict[date, DayVerdict] = {}

    @property
    def reasons(self) -> frozenset[str]:
        suite = self.suite
        own = frozenset(rule.name for rule in (*suite.rules, *suite.day_rules))
        return own | {reference.name for reference in suite.references}

    def is_known(self, day: date, fingerprint: str, *, is_there: bool) -> bool:
        known = self._known.get(day)
        if known is None or (known.fingerprint, known.suite) != (fingerprint, self.suite.version):
            return False
        return not self._accepts if known.held_by else is_there

    def keep(self, days: Iterable[date]) -> None:
        """Let days stand for which nothing was computed: as they were judged last."""
        self.verdicts |= {day: self._known[day].kept() for day in days}

    def __call__(self, rows: pa.Table) -> Verdict:
        frame = check_columns(rows, self.suite)
        verdict = judged(frame, self.suite.rules, rows.num_rows)
        days = self._days(rows)
        if verdict.is_broken and len(set(days)) > 1:
            return self._day_by_day(rows, days)
        self._remember(rows, days, frame, verdict)
        return verdict

    def _day_by_day(self, rows: pa.Table, days: Sequence[date]) -> Verdict:
        """Judge each day alone: one on which a rule cannot be evaluated does not take others along."""
        findings: list[Finding] = []
        results: list[RuleResult] = []
        for day in sorted(set(days)):
            places = [place for place, of in enumerate(days) if of == day]
            verdict = self(rows.take(pa.array(places)))
            results += verdict.results
            findings += [
                Finding(places[found.position], found.rule, found.field, found.severity)
                for found in verdict.findings
            ]
        return Verdict(
            tuple(results), tuple(sorted(findings, key=lambda found: (found.position, found.rule)))
        )

    def _days(self, rows: pa.Table) -> list[date]:
        if self._stands_on is not None:
            return [self._stands_on] * rows.num_rows
        days: list[date] = rows["day"].to_pylist()
        return days

    def _remember(
        self, rows: pa.Table, days: Sequence[date], frame: "pd.DataFrame | None", verdict: Verdict
    ) -> None:
        counts, failed = Counter(days), Counter(days[position] for position in verdict.rejected())
        for day, count in counts.items():
            observed = self._observed.setdefault(day, Observed())
            observed.rows += count
            observed.failed += failed[day]
            for result in verdict.results:
                if result.error is not None:
                    self._errors[day, result.rule] = result.error
        self._failed.update((days[found.position], found.rule) for found in verdict.findings)
        if frame is not None:
            self._count_categories(frame, days)
        if any(rule.name == rules.FIELDS_KNOWN for rule in self.suite.day_rules):
            for day in counts:
                of_day = rows if len(counts) == 1 else rows.filter(pc.equal(rows["day"], pa.scalar(day)))
                self._observed[day].sample(of_day["body"].to_pylist())

    def _count_categories(self, frame: "pd.DataFrame", days: Sequence[date]) -> None:
        for name in self.suite.categories:
            values = frame[name].astype("object").where(frame[name].notna(), "null").astype(str)
            for (day, value), count in Counter(zip(days, values, strict=True)).items():
                self._observed[day].categories.setdefault(name, Counter())[value] += count

    def conclude(self, offered: Mapping[date, str]) -> Mapping[date, DayVerdict]:
        fresh = []
        for day in sorted(offered):
            if day not in self._observed and self.is_known(day, offered[day], is_there=True):
                self.verdicts[day] = self._known[day].kept()
            else:
                fresh.append(day)
        shown = {day: self._figures_of(day) for day in fresh}
        for day, results in zip(fresh, self._day_results(fresh, shown), strict=True):
            whole = (*self._row_results(day), *results)
            held_by = next((r.rule for r in whole if r.severity == ERROR and _holds(r, self.suite)), None)
            self.verdicts[day] = DayVerdict(
                day,
                whole,
                offered[day],
                self.suite.version,
                None if self._accepts else held_by,
                is_accepted=self._accepts and held_by is not None,
            )
        return self.verdicts

    def _row_results(self, day: date) -> list[RuleResult]:
        rows = self._observed.get(day, _NOTHING).rows
        return [
            RuleResult(
                rule.name,
                rule.column,
                rule.severity,
                rows,
                self._failed[day, rule.name],
                self._errors.get((day, rule.name)),
            )
            for rule in self.suite.rules
        ]

    def _day_results(
        self, days: Sequence[date], shown: Mapping[date, Mapping[str, Any]]
    ) -> Iterable[list[RuleResult]]:
        """The rules about days, all days in one frame."""
        if not days:
            return []
        import pandas as pd

        day_rules = self.suite.day_rules
        columns = {
            rule.column: pd.array([_number(shown[day][rule.column]) for day in days], dtype="float64")
            for rule in day_rules
        }
        verdict = judged(pd.DataFrame(columns), day_rules, len(days))
        failed = {(found.position, found.rule) for found in verdict.findings}
        errors = {result.rule: result.error for result in verdict.results}
        return [
            [
                RuleResult(
                    rule.name,
                    rule.column,
                    rule.severity,
                    int(shown[day][rule.column] is not None),
                    int((position, rule.name) in failed),
                    errors[rule.name],
                    _told(rule.name, shown[day]),
                )
                for rule in day_rules
            ]
            for position, day in enumerate(days)
        ]

    def _figures_of(self, day: date) -> dict[str, Any]:
        """Every figure of the suite's rules about days, and what the rules tell of it."""
        observed = self._observed.get(day, _NOTHING)
        received = sum(of.rows for of in self._observed.values()) + self.refused
        before = self._rows_before.get(day)
        weeks = [rows for of in figures.same_weekdays(day) if (rows := self._rows_on(of)) is not None]
        told: dict[str, Any] = {
            "rows": observed.rows,
            "failed": observed.failed,
            "share_failed": round(figures.share_failed(observed, self.refused, received), 4),
            **figures.volume(observed, weeks),
            "before": before,
            "share_of_last_read": figures.share_kept(observed, before),
            "types": {name: dict(kinds) for name, kinds in sorted(observed.types.items())},
            **figures.drift(observed, self._history(day, rules.FIELDS_OF_ONE_TYPE, "types")),
        }
        for name in self.suite.categories:
            counts = dict(sorted(observed.categories.get(name, Counter()).items()))
            told[f"counts_of_{name}"] = counts
            told[f"shift_of_{name}"] = figures.shift(
                counts, self._history(day, f"{name}_mix_like_before", "counts")
            )
        return told

    def _rows_on(self, day: date) -> int | None:
        """Rows offered on an earlier day of this pull, or of one that was not held."""
        if day in self._observed:
            return self._observed[day].rows
        known = self._known.get(day)
        if known is None or known.held_by is not None:
            return None
        rows = _figures(known, rules.ROWS_LIKE_BEFORE).get("rows")
        return rows if isinstance(rows, int) else None

    def _history(self, day: date, rule: str, figure: str) -> list[Any]:
        """A figure of the days before, of this pull or of those that were not held."""
        found = []
        for of in figures.days_before(day):
            if of in self._observed:
                seen = self._observed[of]
                mix = rule.removesuffix("_mix_like_before")
                found.append(seen.types if figure == "types" else seen.categories.get(mix, Counter()))
            elif (known := self._known.get(of)) is not None and known.held_by is None:
                found.append(_figures(known, rule).get(figure, {}))
        return [value for value in found if value]


def _holds(result: RuleResult, suite: Suite) -> bool:
    """A rule about rows holds the day only if it could not be evaluated; one about days also if it failed."""
    return result.error is not None or (
        result.failed > 0 and any(result.rule == rule.name for rule in suite.day_rules)
    )


def _figures(verdict: DayVerdict, rule: str) -> Mapping[str, Any]:
    return next((result.figures for result in verdict.results if result.rule == rule), {})


def _number(figure: Any) -> float | None:
    return len(figure) if isinstance(figure, list) else figure


def _told(rule: str, shown: Mapping[str, Any]) -> str:
    """The figures behind a rule about a day, as JSON."""
    mix = rule.removesuffix("_mix_like_before")
    names: dict[str, str] = {
        rules.FEW_ROWS_FAIL: "rows failed share_failed",
        rules.ROWS_LIKE_BEFORE: "rows usual",
        rules.ROWS_NOT_MANY_MORE: "rows usual",
        rules.ROWS_KEPT: "rows before",
        rules.FIELDS_KNOWN: "new_fields",
        rules.FIELDS_PRESENT: "missing_fields",
        rules.FIELDS_OF_ONE_TYPE: "retyped_fields types",
    }
    if rule in names:
        figures_told = {name: shown[name] for name in names[rule].split() if shown[name] not in (None, [])}
    else:
        figures_told = {"counts": shown[f"counts_of_{mix}"]}
        if (moved := shown[f"shift_of_{mix}"]) is not None:
            figures_told["shift"] = round(moved, 3)
    return msgspec.json.encode(figures_told).decode()
