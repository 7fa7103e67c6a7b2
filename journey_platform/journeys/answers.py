"""From a declared question to its table: which columns it needs, what its kernel keeps, what that adds up to.

`Asked` is one question in the course of being answered: it sees the histories of some whole persons at a
time, all questions the same ones, and answers when it has seen all. Where rows come from is for the caller
to say.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import singledispatch
from typing import Any, get_args
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

from journey_platform.journeys import questions as q
from journey_platform.journeys.activity import active_days, activity_measures
from journey_platform.journeys.attribution import touch_paths
from journey_platform.journeys.conditions import Condition, condition
from journey_platform.journeys.credits import credit
from journey_platform.journeys.declared import SESSION_START
from journey_platform.journeys.friction import friction_pages, friction_sessions
from journey_platform.journeys.funnels import funnel_attempts, funnel_steps
from journey_platform.journeys.history import (
    ALWAYS_READ,
    NEEDED_FOR_SESSIONS,
    OWNERS,
    History,
    Owner,
    history,
)
from journey_platform.journeys.paths import (
    links,
    node_names,
    step_matrix,
    take_paths,
    transitions,
    whole_paths,
)
from journey_platform.journeys.retention import retention_cells, retention_entries
from journey_platform.journeys.sessions import session_starts
from journey_platform.journeys.stages import stage_rows, stage_visits
from journey_platform.journeys.visits import visit_counts, visit_rows
from journey_platform.tables import (
    ACTIVITY,
    ATTRIBUTION,
    FRICTION,
    FUNNELS,
    PATHS,
    RETENTION,
    STAGES,
    VISITS,
    Table,
)

TABLES: Mapping[type[q.Question], Table] = {
    q.Visits: VISITS,
    q.Funnel: FUNNELS,
    q.Paths: PATHS,
    q.Retention: RETENTION,
    q.Activity: ACTIVITY,
    q.Attribution: ATTRIBUTION,
    q.Stages: STAGES,
    q.Friction: FRICTION,
}


@dataclass(frozen=True)
class Span:
    """The days of the data: `first` to `last`, both included, in the reporting `zone`."""

    first: date
    last: date
    zone: str

    @property
    def until(self) -> int:
        """The end of the last day, microseconds since 1970."""
        return self._begin(self.last + timedelta(days=1))

    def since(self, days: int) -> int:
        """The begin of the last `days` days."""
        return self._begin(max(self.first, self.last - timedelta(days=days - 1)))

    def _begin(self, day: date) -> int:
        moment = datetime.combine(day, time(), tzinfo=ZoneInfo(self.zone)).astimezone(UTC)
        return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


@dataclass
class Asked:
    """A question with a name, and what its kernel has found so far."""

    name: str
    question: q.Question
    span: Span
    segments: Mapping[str, str] = field(default_factory=dict)
    found: list[pa.Table] = field(default_factory=list, repr=False)

    @property
    def owner(self) -> Owner:
        """The column of whose rows it sees together."""
        unit = getattr(self.question, "unit", "person")
        return OWNERS.get(unit, "person_key")

    @property
    def has_starts(self) -> bool:
        """Whether it looks at where sessions begin."""
        return SESSION_START in self._named()

    @property
    def columns(self) -> frozenset[str]:
        """Columns of touchpoints, and of the profile as `profile.NAME`, that it reads."""
        named = self._named()
        if SESSION_START in named or _is_by_session(self.question):
            named |= {*NEEDED_FOR_SESSIONS}
        return frozenset(named - {SESSION_START})

    def _named(self) -> set[str]:
        named = {*self.question.columns(), *ALWAYS_READ, self.owner}
        for column in list(named):
            if column not in self.segments and "," not in column:
                continue
            named.remove(column)
            for part in column.split(","):
                named |= self.condition(part.strip()).columns
        for text in self.question.conditions():
            named |= self.condition(text).columns
        return named

    def condition(self, text: str) -> Condition:
        return condition(text, self.segments)

    def see(self, rows: Any, events: History | None = None) -> None:
        """Look at whole owners. `events`: their history, where somebody has it already."""
        seen = events if events is not None else seen_rows(rows, owner=self.owner)
        seen = seen.select(self.columns | {SESSION_START})
        if self.question.where is not None:
            seen = seen.take(seen.mask(self.condition(self.question.where)))
        if _is_by_session(self.question):
            seen = seen.by_session(q.seconds(self.question.gap))
        self.found.append(_kernel(self.question, self, seen))

    def answer(self) -> pa.Table:
        """The rows of the question's table, under its name."""
        table = TABLES[type(self.question)]
        rows = _summary(self.question, self, pa.concat_tables(self.found))
        named = rows if isinstance(rows, list) else rows.to_pylist()
        return pa.Table.from_pylist([{"name": self.name, **row} for row in named], schema=table.schema)


def seen_rows(rows: Any, *, owner: Owner = "person_key", has_starts: bool = True) -> History:
    """The history of Arrow or Ibis rows, with where sessions begin if the columns for it are there (and
    `has_starts`)."""
    events = history(rows, by=owner)
    if not has_starts or not set(NEEDED_FOR_SESSIONS) <= set(events.rows.column_names):
        return events
    # An account's rows are those of several persons on several devices: each device's are in order.
    order, is_start = session_starts(events.rows)
    flags = np.zeros(len(events), dtype=bool)
    flags[order] = is_start
    return events.with_column(SESSION_START, pa.array(flags))


def answers(
    asked: Iterable[Asked], wholes: Callable[[frozenset[str], Owner], Iterable[pa.Table]]
) -> dict[str, list[pa.Table]]:
    """Per table's name the answers to its questions, from one pass over persons, one over accounts and one
    over devices, where those are asked for.

    `wholes`: given the columns and the owner, rows of whole ones, sorted.
    """
    everything = list(asked)
    for owner in get_args(Owner):
        these = [one for one in everything if one.owner == owner]
        if not these:
            continue
        columns = frozenset().union(*(one.columns for one in these))
        for rows in wholes(columns, owner):
            events = seen_rows(rows, owner=owner, has_starts=any(one.has_starts for one in these))
            for one in these:
                one.see(rows, events)
    found: dict[str, list[pa.Table]] = {}
    for one in everything:
        found.setdefault(TABLES[type(one.question)].name, []).append(one.answer())
    return found


def _is_by_session(question: q.Question) -> bool:
    return isinstance(question, q.Friction) or getattr(question, "unit", "person") == "session"


@singledispatch
def _kernel(question: q.Question, asked: Asked, events: History) -> pa.Table:
    raise NotImplementedError(type(question).__name__)


@singledispatch
def _summary(question: q.Question, asked: Asked, found: pa.Table) -> Any:
    raise NotImplementedError(type(question).__name__)


@_kernel.register
def _(question: q.Visits, asked: Asked, events: History) -> pa.Table:
    by, values = _divided(question.by, asked, events)
    return visit_counts(
        events,
        gap_s=q.seconds(question.gap),
        variant=question.variant,
        period=question.period,
        zone=asked.span.zone,
        since=asked.span.since(question.days),
        until=asked.span.until,
        by=by,
        values=values,
    )


@_summary.register
def _(question: q.Visits, _: Asked, found: pa.Table) -> list[dict[str, Any]]:
    return visit_rows(found, period=question.period)


@_kernel.register
def _(question: q.Funnel, asked: Asked, events: History) -> pa.Table:
    if question.hold is not None:
        events = events.holding(question.hold)
    by, values = _divided(question.by, asked, events)
    steps = question.named()
    return funnel_attempts(
        events,
        [asked.condition(step.where) for step in steps],
        within_s=q.seconds(question.within),
        until=asked.span.until,
        since=asked.span.since(question.days),
        order=question.order,
        attempt=question.attempt,
        step_within_s=[q.seconds(step.within) if step.within else None for step in steps],
        without=[
            (asked.condition(rule.where), rule.after, rule.before or len(steps))
            for rule in question.excluded()
        ],
        entry=asked.condition(question.entry) if question.entry else None,
        by=by,
        values=values,
    )


def _divided(by: str | None, asked: Asked, events: History) -> tuple[np.ndarray | None, list[str | None]]:
    """Codes and values of a column, or of segments: the first that holds, else "(other)"."""
    if by is None:
        return None, []
    names = [part.strip() for part in by.split(",")]
    if not all(name in asked.segments for name in names):
        return events.codes(by)
    codes = np.full(len(events), len(names))
    for place, name in reversed(list(enumerate(names))):
        codes[events.mask(asked.condition(name))] = place
    return codes, [*names, "(other)"]


@_summary.register
def _(question: q.Funnel, _: Asked, found: pa.Table) -> pa.Table:
    return funnel_steps(found, [step.name for step in question.named()])


@_kernel.register
def _(question: q.Paths, asked: Asked, events: History) -> pa.Table:
    def read(text: str | None) -> Condition | None:
        return asked.condition(text) if text else None

    names = {name: asked.condition(text) for name, text in question.names.items()}
    codes, texts = node_names(events, question.node, names)
    return take_paths(
        events,
        codes,
        texts,
        steps=question.steps,
        within_s=q.seconds(question.within),
        until=asked.span.until,
        since=asked.span.since(question.days),
        start=read(question.start),
        end=read(question.end),
        count=question.count,
        has_repeats=question.has_repeats,
        converted=read(question.converted),
    )


@_summary.register
def _(question: q.Paths, _: Asked, found: pa.Table) -> list[dict[str, Any]]:
    empty = {"step": 0, "source": "", "target": ""}
    told: Mapping[str, Callable[[], list[dict[str, Any]]]] = {
        "link": lambda: links(found, top=question.top),
        "step": lambda: step_matrix(found, top=question.top),
        "transition": lambda: transitions(found),
        "path": lambda: whole_paths(found, top=4 * question.top),
    }
    parts = {part: rows() for part, rows in told.items() if part in (question.parts or told)}
    return [{"part": part, **empty, **row} for part, rows in parts.items() for row in rows]


@_kernel.register
def _(question: q.Retention, asked: Asked, events: History) -> pa.Table:
    return retention_entries(
        events,
        asked.condition(question.start),
        asked.condition(question.returning),
        period=question.period,
        clock=question.clock,
        zone=asked.span.zone,
        until=asked.span.until,
        since=asked.span.since(question.days),
    )


@_summary.register
def _(question: q.Retention, _: Asked, found: pa.Table) -> pa.Table:
    return retention_cells(
        found,
        period=question.period,
        periods=question.periods,
        counted=question.counted,
        brackets=question.brackets,
    )


@_kernel.register
def _(question: q.Activity, asked: Asked, events: History) -> pa.Table:
    return active_days(
        events,
        asked.condition(question.active),
        zone=asked.span.zone,
        until=asked.span.until,
        started=asked.condition(question.started) if question.started else None,
        ended=asked.condition(question.ended) if question.ended else None,
    )


@_summary.register
def _(question: q.Activity, asked: Asked, found: pa.Table) -> list[dict[str, Any]]:
    return activity_measures(
        found,
        period=question.period,
        lapse_days=question.lapse_days,
        first=asked.span.first,
        last=asked.span.last,
        days=question.days,
    )


@_kernel.register
def _(question: q.Attribution, asked: Asked, events: History) -> pa.Table:
    return touch_paths(
        events,
        asked.condition(question.conversion),
        asked.condition(question.touch),
        channel=question.channel,
        lookback_s=q.seconds(question.lookback),
        until=asked.span.until,
        since=asked.span.since(question.days),
    )


@_summary.register
def _(question: q.Attribution, _: Asked, found: pa.Table) -> pa.Table:
    return credit(
        found,
        half_life_s=q.seconds(question.half_life),
        direct=question.direct,
        weights=question.weights,
        order=question.order,
        models=question.models,
    )


@_kernel.register
def _(question: q.Stages, asked: Asked, events: History) -> pa.Table:
    return stage_visits(
        events,
        {name: asked.condition(text) for name, text in question.stages.items()},
        map_by=question.map_by,
        until=asked.span.until,
        since=asked.span.since(question.days),
    )


@_summary.register
def _(question: q.Stages, asked: Asked, found: pa.Table) -> list[dict[str, Any]]:
    return stage_rows(found, list(question.stages), quiet_days=question.quiet_days, until=asked.span.until)


@_kernel.register
def _(question: q.Friction, asked: Asked, events: History) -> pa.Table:
    return friction_sessions(
        events,
        asked.condition(question.conversion),
        weights=question.weights,
        since=asked.span.since(question.days),
        until=asked.span.until,
    )


@_summary.register
def _(question: q.Friction, _: Asked, found: pa.Table) -> list[dict[str, Any]]:
    return friction_pages(found, threshold=question.threshold)
