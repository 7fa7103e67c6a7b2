"""Answers to the journeys that are declared: visits, funnels, paths, retention, activity, attribution,
stages, friction."""

import pyarrow as pa

from journey_platform.tables.table import Column, Table

_NAME = Column("name", pa.string(), "as declared", is_key=True)


def _insight(kind: str, grain: str, columns: tuple[Column, ...]) -> Table:
    keys = tuple(column.name for column in columns if column.is_key)
    return Table(
        key=("insights", kind),
        grain=grain,
        columns=(_NAME, *columns),
        sort_by=("name", *keys),
        is_daily=False,
    )


VISITS = _insight(
    "visits",
    "declared visits, value that divides them, and period",
    (
        Column("by", pa.string(), "all, or the value at the first action", is_key=True),
        Column("period", pa.date32(), "first day of the period in which they began", is_key=True),
        Column("visits", pa.int64(), "how many"),
        Column("units", pa.int64(), "people, or devices before stitching, that made them"),
        Column("page_views", pa.int64(), "pages viewed"),
        Column("bounces", pa.int64(), "visits with exactly one page view"),
        Column("orders", pa.int64(), "visits with an order"),
        Column("pages_per_visit", pa.float64(), "page views over visits"),
        Column("bounce_rate", pa.float64(), "bounces over visits"),
        Column("conversion_rate", pa.float64(), "visits with an order over visits"),
    ),
)

FUNNELS = _insight(
    "funnels",
    "declared funnel, value that divides it, and step",
    (
        Column("by", pa.string(), "all, or the value at the entry", is_key=True),
        Column("step", pa.int64(), "from 1", is_key=True),
        Column("step_name", pa.string(), "as declared"),
        Column("units", pa.int64(), "mature attempts that got there"),
        Column("conversion", pa.float64(), "of those that entered; null without any"),
        Column("lower", pa.float64(), "95 % interval, Wilson"),
        Column("upper", pa.float64(), "95 % interval, Wilson"),
        Column("from_previous", pa.float64(), "of those at the step before"),
        Column("dropped", pa.int64(), "that were at the step before and did not get here"),
        Column("median_s", pa.float64(), "seconds from entry by which half had got here, Kaplan-Meier"),
        Column("p25_s", pa.float64(), "the same for a quarter"),
        Column("p75_s", pa.float64(), "the same for three quarters"),
        Column("converters_median_s", pa.float64(), "plain median of those that got here"),
        Column("immature", pa.int64(), "attempts whose window has not ended, not counted above"),
        Column("excluded", pa.int64(), "attempts that an exclusion hit, not counted above"),
    ),
)

PATHS = _insight(
    "paths",
    "declared paths and link, node of a step, transition or whole path",
    (
        Column("part", pa.string(), "link, step, transition or path", is_key=True),
        Column("step", pa.int64(), "from 1; 0 where it is of no step", is_key=True),
        Column("source", pa.string(), "the node, or the whole path", is_key=True),
        Column("target", pa.string(), "the node after it; empty without one", is_key=True),
        Column("paths", pa.int64(), "how many paths"),
        Column("share", pa.float64(), "of all paths; of what follows the source for a transition"),
        Column("converted", pa.int64(), "of a whole path's: converted"),
        Column("dropped", pa.int64(), "of a whole path's: not converted"),
        Column("difference", pa.float64(), "share of the converted less share of the dropped that took it"),
        Column("median_s", pa.float64(), "seconds that a whole path took"),
    ),
)

RETENTION = _insight(
    "retention",
    "declared retention, cohort and period since",
    (
        Column("cohort", pa.string(), "all, or the first day of the period of entry", is_key=True),
        Column("period_from", pa.int64(), "period since entry, from 0; the first of a bracket", is_key=True),
        Column("period_to", pa.int64(), "the last of a bracket; null for in it or later"),
        Column("size", pa.int64(), "units of the cohort"),
        Column("units", pa.int64(), "of them, came back; null while the period is not over"),
        Column("share", pa.float64(), "came back; null while the period is not over"),
    ),
)

ACTIVITY = _insight(
    "activity",
    "declared activity, period and measure",
    (
        Column("period", pa.date32(), "first day of the period", is_key=True),
        Column(
            "measure", pa.string(), "new, recurring, resurrected, dormant, stickiness, churn ...", is_key=True
        ),
        Column("at_least", pa.int64(), "days active, for active_days; else 0", is_key=True),
        Column("numerator", pa.float64(), "part above the line, or the count"),
        Column("denominator", pa.float64(), "part below the line; null for a count"),
        Column("value", pa.float64(), "null where it cannot be told yet"),
    ),
)

ATTRIBUTION = _insight(
    "attribution",
    "declared attribution, model and channel",
    (
        Column("model", pa.string(), "first, last, linear, shapley, markov ...", is_key=True),
        Column("channel", pa.string(), "who earns; (none) where no touch was seen", is_key=True),
        Column("conversions", pa.float64(), "credited; all channels' sum to the conversions"),
        Column("value", pa.float64(), "money credited; all channels' sum to the money"),
        Column("share", pa.float64(), "of the conversions"),
        Column("removal_effect", pa.float64(), "share of conversions lost without it; of markov only"),
    ),
)

STAGES = _insight(
    "stages",
    "declared stages, stage and what is told of it",
    (
        Column("stage", pa.string(), "the stage", is_key=True),
        Column("part", pa.string(), "stage, move or map", is_key=True),
        Column(
            "of", pa.string(), "the stage moved to, or the column's value on the map; else empty", is_key=True
        ),
        Column("place", pa.int64(), "of the stage, from 1"),
        Column("direction", pa.string(), "of a move: forward or backward"),
        Column("units", pa.int64(), "units that were there, or moved"),
        Column("visits", pa.int64(), "times entered, or moved"),
        Column("touchpoints", pa.int64(), "while there"),
        Column("median_s", pa.float64(), "seconds in the stage, Kaplan-Meier: who is still there counts"),
        Column("sentiment", pa.float64(), "mean of its touchpoints', -1 to 1; null without any"),
        Column(
            "nps", pa.float64(), "promoters less detractors of its answers, -100 to 100; null without any"
        ),
        Column("answers", pa.int64(), "answers behind nps"),
        Column("dropped", pa.int64(), "units whose last touchpoint, long ago, was there"),
        Column("drop_off", pa.float64(), "of the units that were there"),
    ),
)

HEARD = Table(
    key=("insights", "heard_about_us"),
    grain="answer to how somebody heard of us, and channel of that person's first tracked visit",
    columns=(
        Column("asked", pa.string(), "where it was asked: survey, or commerce at the till", is_key=True),
        Column("stated", pa.string(), "the answer", is_key=True),
        Column("tracked", pa.string(), "channel of the first visit before, or why none", is_key=True),
        Column("answers", pa.int64(), "how many"),
        Column("share", pa.float64(), "of all of this answer"),
        Column("reading", pa.string(), "agrees, differs, decoy, not tracked or not declared"),
    ),
    sort_by=("asked", "stated", "tracked"),
    is_daily=False,
)

FRICTION = _insight(
    "friction",
    "declared friction, page and signal",
    (
        Column("page", pa.string(), "all, or the page", is_key=True),
        Column("signal", pa.string(), "score, or error, rage_click, dead_click, quick_back ...", is_key=True),
        Column("count", pa.int64(), "how often; sessions over the threshold for score"),
        Column("sessions", pa.int64(), "sessions that met it; all on the page for score"),
        Column("score", pa.float64(), "points"),
        Column("conversion_with", pa.float64(), "of sessions that met it"),
        Column("conversion_without", pa.float64(), "of the others that saw the page"),
        Column("money_lost", pa.float64(), "sessions x difference x mean order; a correlation, not a cause"),
        Column("money_low", pa.float64(), "lower end of its 95 % interval"),
        Column("money_high", pa.float64(), "upper end of its 95 % interval"),
    ),
)
