"""Per kind of question, which kernel answers it with which of its words, and what that adds up to.

The kernels are in the modules of their kinds; who asks them, and of whom, is in `answers`.
"""

from collections.abc import Callable, Mapping
from functools import singledispatch
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from journey_platform.journeys import questions as q
from journey_platform.journeys.activity import active_days, activity_measures
from journey_platform.journeys.attribution import touch_paths
from journey_platform.journeys.conditions import Condition
from journey_platform.journeys.credits import credit
from journey_platform.journeys.friction import friction_pages, friction_sessions
from journey_platform.journeys.funnels import funnel_attempts, funnel_steps
from journey_platform.journeys.history import History
from journey_platform.journeys.paths import (
    links,
    node_names,
    step_matrix,
    take_paths,
    transitions,
    whole_paths,
)
from journey_platform.journeys.retention import retention_cells, retention_entries
from journey_platform.journeys.stages import stage_rows, stage_visits
from journey_platform.journeys.visits import visit_counts, visit_rows

if TYPE_CHECKING:
    from journey_platform.journeys.answers import Asked


@singledispatch
def kernel(question: q.Question, asked: "Asked", events: History) -> pa.Table:
    """What it keeps of some whole units."""
    raise NotImplementedError(type(question).__name__)


@singledispatch
def summary(question: q.Question, asked: "Asked", found: pa.Table) -> Any:
    """The rows of its table, without its name, from all that was kept."""
    raise NotImplementedError(type(question).__name__)


@kernel.register(q.Visits)
def _(question: q.Visits, asked: "Asked", events: History) -> pa.Table:
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


@summary.register(q.Visits)
def _(question: q.Visits, _: "Asked", found: pa.Table) -> list[dict[str, Any]]:
    return visit_rows(found, period=question.period)


@kernel.register(q.Funnel)
def _(question: q.Funnel, asked: "Asked", events: History) -> pa.Table:
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
        clock=question.clock(asked.span.zone),
    )


def _divided(by: str | None, asked: "Asked", events: History) -> tuple[np.ndarray | None, list[str | None]]:
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


@summary.register(q.Funnel)
def _(question: q.Funnel, _: "Asked", found: pa.Table) -> pa.Table:
    return funnel_steps(found, [step.name for step in question.named()])


@kernel.register(q.Paths)
def _(question: q.Paths, asked: "Asked", events: History) -> pa.Table:
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


@summary.register(q.Paths)
def _(question: q.Paths, _: "Asked", found: pa.Table) -> list[dict[str, Any]]:
    empty = {"step": 0, "source": "", "target": ""}
    told: Mapping[str, Callable[[], list[dict[str, Any]]]] = {
        "link": lambda: links(found, top=question.top),
        "step": lambda: step_matrix(found, top=question.top),
        "transition": lambda: transitions(found),
        "path": lambda: whole_paths(found, top=4 * question.top),
    }
    parts = {part: rows() for part, rows in told.items() if part in (question.parts or told)}
    return [{"part": part, **empty, **row} for part, rows in parts.items() for row in rows]


@kernel.register(q.Retention)
def _(question: q.Retention, asked: "Asked", events: History) -> pa.Table:
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


@summary.register(q.Retention)
def _(question: q.Retention, _: "Asked", found: pa.Table) -> pa.Table:
    return retention_cells(
        found,
        period=question.period,
        periods=question.periods,
        counted=question.counted,
        brackets=question.brackets,
    )


@kernel.register(q.Activity)
def _(question: q.Activity, asked: "Asked", events: History) -> pa.Table:
    return active_days(
        events,
        asked.condition(question.active),
        zone=asked.span.zone,
        until=asked.span.until,
        started=asked.condition(question.started) if question.started else None,
        ended=asked.condition(question.ended) if question.ended else None,
    )


@summary.register(q.Activity)
def _(question: q.Activity, asked: "Asked", found: pa.Table) -> list[dict[str, Any]]:
    return activity_measures(
        found,
        period=question.period,
        lapse_days=question.lapse_days,
        first=asked.span.first,
        last=asked.span.last,
        days=question.days,
    )


@kernel.register(q.Attribution)
def _(question: q.Attribution, asked: "Asked", events: History) -> pa.Table:
    return touch_paths(
        events,
        asked.condition(question.conversion),
        asked.condition(question.touch),
        channel=question.channel,
        lookback_s=q.seconds(question.lookback),
        has_nulls=question.has_nulls,
        until=asked.span.until,
        since=asked.span.since(question.days),
    )


@summary.register(q.Attribution)
def _(question: q.Attribution, _: "Asked", found: pa.Table) -> pa.Table:
    return credit(
        found,
        half_life_s=q.seconds(question.half_life),
        direct=question.direct,
        weights=question.weights,
        order=question.order,
        models=question.models,
    )


@kernel.register(q.Stages)
def _(question: q.Stages, asked: "Asked", events: History) -> pa.Table:
    return stage_visits(
        events,
        {name: asked.condition(text) for name, text in question.stages.items()},
        map_by=question.map_by,
        until=asked.span.until,
        since=asked.span.since(question.days),
    )


@summary.register(q.Stages)
def _(question: q.Stages, asked: "Asked", found: pa.Table) -> list[dict[str, Any]]:
    return stage_rows(found, list(question.stages), quiet_days=question.quiet_days, until=asked.span.until)


@kernel.register(q.Friction)
def _(question: q.Friction, asked: "Asked", events: History) -> pa.Table:
    return friction_sessions(
        events,
        asked.condition(question.conversion),
        weights=question.weights,
        since=asked.span.since(question.days),
        until=asked.span.until,
    )


@summary.register(q.Friction)
def _(question: q.Friction, _: "Asked", found: pa.Table) -> list[dict[str, Any]]:
    return friction_pages(found, threshold=question.threshold)
