"""KPI values with their parts, and the reasons of tickets week by week."""

import pyarrow as pa

from journey_platform.tables.table import DAY, UTC_MICROSECONDS, Column, Table


def kpis_table(stage: str) -> Table:
    """KPI values of one stage of the journey. A value is never alone."""
    return Table(
        key=("kpis", stage),
        grain=f"{stage}-stage KPI, period and dimension value",
        columns=(
            DAY,
            Column("kpi", pa.string(), "name in the catalogue", is_key=True),
            Column("period", pa.string(), "day, week or month; it stands on its first day", is_key=True),
            Column("dimension", pa.string(), "all, or the dimension's name", is_key=True),
            Column("dimension_value", pa.string(), "all, or the dimension's value", is_key=True),
            Column("definition_version", pa.int64(), "version of the definition"),
            Column("numerator", pa.float64(), "part above the line; of a quantile, itself"),
            Column("denominator", pa.float64(), "part below the line; null for a count and a quantile"),
            Column("squares", pa.float64(), "sum of the squares above, for a mean's interval; else null"),
            Column(
                "squares_below", pa.float64(), "sum of the squares below, for the delta method; else null"
            ),
            Column("products", pa.float64(), "sum of above times below, for the delta method; else null"),
            Column("n", pa.int64(), "units the value rests on"),
            Column("value", pa.float64(), "null where the denominator is zero"),
            Column("lower", pa.float64(), "95 % interval"),
            Column("upper", pa.float64(), "95 % interval"),
            Column("unit", pa.string(), "ratio, count, score, s, h, ... or a currency code"),
            Column("coverage", pa.float64(), "share of the sources' days that arrived, 0 to 1"),
            Column("status", pa.string(), "ok, open (may still change), partial, held or missing"),
            Column("matures_on", pa.date32(), "first day on which it no longer changes by itself"),
            Column(
                "identity_revision", pa.string(), "fingerprint of the identity graph it was computed with"
            ),
        ),
        sort_by=("day", "kpi", "period", "dimension", "dimension_value"),
        fingerprint_without=("identity_revision",),
    )


TICKET_REASONS = Table(
    key=("kpis", "ticket_reasons"),
    grain="week and reason of tickets, beside the weeks before",
    columns=(
        Column("week", pa.date32(), "its Monday", is_key=True),
        Column("reason", pa.string(), "the stated reason; Unassigned where there is none", is_key=True),
        Column("tickets", pa.int64(), "tickets of the reason created in the week"),
        Column("all_tickets", pa.int64(), "tickets of the week"),
        Column("before", pa.int64(), "tickets of the reason in the four weeks before"),
        Column("all_before", pa.int64(), "tickets of those weeks"),
        Column("share", pa.float64(), "share of the week's tickets"),
        Column("change", pa.float64(), "that share less the share of the weeks before; null without them"),
        Column("lower", pa.float64(), "95 % interval of the change"),
        Column("upper", pa.float64(), "95 % interval of the change"),
        Column("is_new", pa.bool_(), "first seen in this week, with four weeks of tickets before it"),
        Column("is_rising", pa.bool_(), "the interval of the change lies above zero"),
        Column(
            "cumulated", pa.float64(), "share of the week's tickets of this and all more frequent reasons"
        ),
    ),
    sort_by=("week", "reason"),
    is_daily=False,
)

CAUSES = pa.list_(pa.struct([("kind", pa.string()), ("name", pa.string()), ("detail", pa.string())]))
"""Why a value changed. kind: source, identity, erasure, definition, code, or unexplained."""

RESTATEMENTS = Table(
    key=("kpis", "restatements"),
    grain="change of a published KPI value",
    columns=(
        Column("day", pa.date32(), "local day on which the new value was published"),
        Column("stage", pa.string(), "the table of values, as kpis/STAGE", is_key=True),
        Column("version", pa.int64(), "version of that table which carries the new value", is_key=True),
        Column("kpi", pa.string(), "name in the catalogue", is_key=True),
        Column("period", pa.string(), "day, week or month", is_key=True),
        Column("value_day", pa.date32(), "first day of the value's period", is_key=True),
        Column("dimension", pa.string(), "all, or the dimension's name", is_key=True),
        Column("dimension_value", pa.string(), "all, or the dimension's value", is_key=True),
        Column("published_at", UTC_MICROSECONDS, "when the new value was published"),
        Column("run_id", pa.string(), "the run that published it"),
        Column("is_mature", pa.bool_(), "whether the old value was said to change no more by itself"),
        *(
            Column(f"{when}_{name}", kind, f"{meaning}, {'before' if when == 'old' else 'since'}")
            for when in ("old", "new")
            for name, kind, meaning in (
                ("value", pa.float64(), "the value; null where there was none"),
                ("numerator", pa.float64(), "part above the line"),
                ("denominator", pa.float64(), "part below the line"),
                ("lower", pa.float64(), "lower bound of the 95 % interval"),
                ("upper", pa.float64(), "upper bound of the 95 % interval"),
                ("status", pa.string(), "status"),
                ("definition_version", pa.int64(), "version of the definition"),
            )
        ),
        Column("change", pa.float64(), "new less old; null where one of them is"),
        Column(
            "is_significant",
            pa.bool_(),
            "the new value lies outside the old interval; null without one",
        ),
        Column("causes", CAUSES, "what changed that the value was computed from, and how"),
    ),
    sort_by=("day", "stage", "version", "kpi", "period", "value_day", "dimension", "dimension_value"),
)

BRIDGES = Table(
    key=("kpis", "bridges"),
    grain="step from one variant of a KPI to another, in a period",
    columns=(
        DAY,
        Column("bridge", pa.string(), "which two variants", is_key=True),
        Column("period", pa.string(), "day, week or month; it stands on its first day", is_key=True),
        Column("place", pa.int64(), "0 is the first variant, the last one the second", is_key=True),
        Column("step", pa.string(), "the variant, or the reason for which units are counted otherwise"),
        Column("value", pa.float64(), "the variant's value, or what the step adds to it, in the KPI's unit"),
    ),
    sort_by=("day", "bridge", "period", "place"),
)
