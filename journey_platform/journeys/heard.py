"""What people say of how they heard of us, against where their first tracked visit came from.

Recall is unreliable: people name advertisements that never ran. Which channels an answer stands for is
declared in journeys.yaml (`heard`); an answer declared with none is a decoy, whose share tells how much of
the rest may be false.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from journey_platform.tables import HEARD

if TYPE_CHECKING:
    import ibis.expr.types as ir

ASKED = {"survey_heard": "survey", "heard_about_us": "commerce"}
"""Touchpoint types that answer, and where it was asked."""
NOBODY, NO_VISIT = "(nobody known)", "(no visit before)"
AGREES, DIFFERS, DECOY, UNTRACKED, UNDECLARED = "agrees", "differs", "decoy", "not tracked", "not declared"


def heard(touchpoints: "ir.Table", visits: "ir.Table") -> "ir.Table":
    """One row per answer: `type`, `stated`, `person_key`, `occurred_at`, and of the person's first visit
    `first_at` and `tracked`. From rows of `tables.JOURNEY_TOUCHPOINTS` and `tables.SESSIONS`."""
    told = touchpoints.filter(
        touchpoints.type.isin(list(ASKED)) & touchpoints.reason.notnull() & ~touchpoints.is_bot
    )
    own = visits.filter(visits.person_key.notnull() & ~visits.is_bot)
    begun = own.group_by("person_key").aggregate(first_at=own.started_at.min())
    first = own.inner_join(begun, [own.person_key == begun.person_key, own.started_at == begun.first_at])
    origin = first.group_by("person_key").aggregate(
        first_at=first.first_at.min(), tracked=first.traffic_channel.min()
    )
    joined = told.left_join(origin, "person_key")
    names = ("type", "person_key", "occurred_at", "first_at", "tracked")
    return joined.select(*names, stated="reason")


def agreement(answers: pa.Table, counterparts: Mapping[str, Sequence[str]]) -> pa.Table:
    """Rows of `tables.HEARD` from rows of `heard`; `counterparts`: answer, in small letters -> channels."""
    counts: Counter[tuple[str, str, str]] = Counter()
    for row in answers.to_pylist():
        if row["person_key"] is None:
            tracked = NOBODY
        elif row["first_at"] is None or row["first_at"] > row["occurred_at"]:
            tracked = NO_VISIT
        else:
            tracked = row["tracked"] or "Other"
        counts[ASKED[row["type"]], row["stated"], tracked] += 1
    totals: Counter[tuple[str, str]] = Counter()
    for (asked, stated, _), n in counts.items():
        totals[asked, stated] += n
    rows = [
        {
            "asked": asked,
            "stated": stated,
            "tracked": tracked,
            "answers": n,
            "share": n / totals[asked, stated],
            "reading": _reading(counterparts.get(stated.lower()), tracked),
        }
        for (asked, stated, tracked), n in sorted(counts.items())
    ]
    return pa.Table.from_pylist(rows, schema=HEARD.schema)


def _reading(channels: Sequence[str] | None, tracked: str) -> str:
    if channels is None:
        return UNDECLARED
    if not channels:
        return DECOY
    if tracked in (NOBODY, NO_VISIT):
        return UNTRACKED
    return AGREES if tracked in channels else DIFFERS


def summary(rows: pa.Table) -> dict[str, int | float | None]:
    """`answers`; those `compared`, and the share of them in `agreement`; the share that names `decoys`.

    Shares are null where there is nothing to compare.
    """
    counts: Counter[str] = Counter()
    for row in rows.to_pylist():
        counts[row["reading"]] += row["answers"]
    compared, all_answers = counts[AGREES] + counts[DIFFERS], counts.total()
    return {
        "answers": all_answers,
        "compared": compared,
        "agreement": counts[AGREES] / compared if compared else None,
        "decoys": counts[DECOY] / all_answers if all_answers else None,
    }
