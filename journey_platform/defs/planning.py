"""Which days a derived table computes: those asked for, and those whose inputs changed since it last ran.

A derived table's commit records the version of each input it has consumed. What an interrupted run left
undone, what a late identity merge touches and what a neighbouring day spills over is found from there. It
also records which days are as these versions and which surroundings make them: asked for again, they are left
alone until an input touches them or the surroundings are others. No Dagster here.
"""

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from types import MappingProxyType
from typing import Any

from journey_platform.history.trace import MADE_MARK, RULES_MARK
from journey_platform.lake import Lake
from journey_platform.tables import Table

# Given an input table and the version consumed last (None: never): the days of the derived table to compute.
Touched = Callable[[Table, int | None], Iterable[date]]


@dataclass(frozen=True)
class Plan:
    """`days` to compute, in order, and the `cursor` to commit with them; `kept`: days that were asked for and
    that stay as they are, for they would come out the same."""

    days: tuple[date, ...]
    cursor: str
    kept: tuple[date, ...] = ()


@dataclass(frozen=True)
class Surroundings:
    """What a content depends on beside its inputs, as a `digest`: code, settings, today where it does.
    `may_stay`: those of some days that need not be computed again where nothing is another."""

    digest: str
    may_stay: Callable[[Collection[date]], Collection[date]]


def plan(
    lake: Lake,
    target: Table,
    asked: Sequence[date],
    inputs: Mapping[Table, Touched],
    *,
    span: tuple[date, date],
    marks: Mapping[str, str] = MappingProxyType({}),
    rules: str | None = None,
    within: Surroundings | None = None,
) -> Plan:
    """The days to compute: `asked`, and what changed in `inputs`; none outside `span`, its ends included.

    `marks` are committed beside the versions of the inputs, to tell later what a content was computed with.
    `rules` is such a mark, too; where it differs from the one committed last, every day is computed again.
    `within` names everything else that the content depends on; without it every day that is asked for is
    computed.
    """
    consumed: dict[str, Any] = json.loads(lake.cursor(target) or "{}")
    made: dict[str, Any] = consumed.pop(MADE_MARK, {})
    changed: set[date] = set()
    if rules is not None:
        marks = {**marks, RULES_MARK: rules}
        if consumed.get(RULES_MARK, rules) != rules:
            changed.update(lake.day_states(target))
    versions: dict[str, int] = {}
    for table, touched in inputs.items():
        version = lake.version(table)
        if version is None:
            continue
        versions[table.name] = version
        if consumed.get(table.name) != version:
            changed.update(touched(table, consumed.get(table.name)))
    told = {**consumed, **versions, **marks}
    days = {day for day in changed.union(asked) if span[0] <= day <= span[1]}
    done: set[date] = set()
    kept: set[date] = set()
    if within is not None:
        is_as_before = marks.items() <= consumed.items() and made.get("with") == within.digest
        if is_as_before:
            done = _days_of(made["days"]) - changed
            kept = set(within.may_stay(days & done & lake.day_states(target).keys()))
        told[MADE_MARK] = {"with": within.digest, "days": _spans(done | days)}
    cursor = json.dumps(told, sort_keys=True)
    return Plan(tuple(sorted(days - kept)), cursor, tuple(sorted(kept)))


def _spans(days: Iterable[date]) -> list[list[str]]:
    """Days as first and last of each unbroken row of them."""
    spans: list[list[date]] = []
    for day in sorted(days):
        if spans and day - spans[-1][1] == timedelta(days=1):
            spans[-1][1] = day
        else:
            spans.append([day, day])
    return [[day.isoformat() for day in span] for span in spans]


def _days_of(spans: Iterable[Sequence[str]]) -> set[date]:
    found: set[date] = set()
    for first, last in (map(date.fromisoformat, span) for span in spans):
        found |= {first + timedelta(days=n) for n in range((last - first).days + 1)}
    return found


def changed_days(lake: Lake, table: Table, since: int | None) -> set[date]:
    """Days of `table` whose content changed after version `since`."""
    states = lake.day_states(table)
    return {day for day, state in states.items() if since is None or state.version > since}


def with_neighbours(lake: Lake, *, before: int = 0, after: int = 0) -> Touched:
    """Changed days, and that many days before and after each."""

    def touched(table: Table, since: int | None) -> set[date]:
        return widen(changed_days(lake, table, since), before=before, after=after)

    return touched


def nothing_by_day(_: Table, __: int | None) -> set[date]:
    """For a table that is computed as a whole."""
    return set()


def widen(days: Iterable[date], *, before: int = 0, after: int = 0) -> set[date]:
    return {day + timedelta(days=offset) for day in days for offset in range(-before, after + 1)}
