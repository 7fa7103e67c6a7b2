"""The vendors' own counts beside ours, with the difference that is known and the one that is not.

Matomo counts a visit on the day of its last action, so ours are counted so, too. Mailchimp's report of a
mailing stands on the day it was sent. Records that a vendor sends twice count twice there and once here:
with what moves between two requests, that is what the tolerance is for.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from journey_platform.days import as_day, local_days
from journey_platform.tables import RECONCILIATION

_TOLERATED = (0.02, 3)
# A visit that is sent twice brings all its actions twice.
_TOLERATED_ACTIONS = (0.05, 30)
# What Matomo does not count among a visit's actions.
_NO_ACTIONS = ("ecommerceOrder", "ecommerceAbandonedCart")


class _Action(msgspec.Struct):
    type: str = ""
    timestamp: int | float | str | None = None


class _Visit(msgspec.Struct):
    actionDetails: list[_Action] = []  # noqa: N815


class _Summary(msgspec.Struct):
    date: str
    nb_visits: int | str = 0
    nb_actions: int | str = 0


class _Totals(msgspec.Struct):
    opens_total: int = 0
    clicks_total: int = 0


class _Report(msgspec.Struct):
    id: str
    opens: _Totals = msgspec.field(default_factory=_Totals)
    clicks: _Totals = msgspec.field(default_factory=_Totals)


class _Activity(msgspec.Struct):
    campaign_id: str
    action: str


def visits(
    summaries: pa.Table, archive: pa.Table, refused: Mapping[date, int], days: Sequence[date], *, zone: str
) -> pa.Table:
    """`tables.RECONCILIATION` of `days` from raw `matomo/visits_summary` and `matomo/visits`; the archive
    must hold the day before the first of them. `refused`: quarantined visits by day."""
    visits_of, actions_of = Counter[date](), Counter[date]()
    for visit in _decoded(archive, _Visit):
        moments = [float(a.timestamp) for a in visit.actionDetails if a.timestamp not in (None, "")]
        if moments:
            day = as_day(local_days(np.array([round(max(moments) * 1_000_000)]), zone)[0])
            visits_of[day] += 1
            actions_of[day] += sum(action.type not in _NO_ACTIONS for action in visit.actionDetails)
    told = {date.fromisoformat(of.date): of for of in _decoded(summaries, _Summary)}
    rows = []
    for day in sorted(told.keys() & set(days)):
        theirs = told[day]
        gone = refused.get(day, 0)
        rows += [
            _row(day, "matomo/visits", "visits", "all", int(theirs.nb_visits), visits_of[day], gone),
            # A refused visit takes its actions along, of which we do not know how many Matomo counts.
            _row(day, "matomo/visits", "actions", "all", int(theirs.nb_actions), actions_of[day], gone * 10),
        ]
    return _table(rows)


def activity(
    reports: pa.Table,
    archive: pa.Table,
    sent_on: Mapping[str, date],
    refused: Mapping[date, int],
    days: Iterable[date],
) -> pa.Table:
    """`tables.RECONCILIATION` of the mailings sent on `days` from the current `mailchimp/reports` and all of
    raw `mailchimp/email_activity` since. `sent_on`: mailing -> day; `refused`: quarantined by day."""
    ours = Counter((of.campaign_id, of.action) for of in _decoded(archive, _Activity))
    wanted, rows = set(days), []
    for report in _decoded(reports, _Report):
        day = sent_on.get(report.id)
        if day is None or day not in wanted:
            continue
        gone = sum(count for of, count in refused.items() if of >= day)
        for measure, action, theirs in (
            ("opens", "open", report.opens.opens_total),
            ("clicks", "click", report.clicks.clicks_total),
        ):
            mine = ours[report.id, action]
            rows.append(_row(day, "mailchimp/email_activity", measure, report.id, theirs, mine, gone))
    return _table(rows)


def _decoded(rows: pa.Table, kind: Any) -> Iterable[Any]:
    """Bodies that decode; the others are in quarantine, and counted there."""
    decode = msgspec.json.Decoder(kind).decode
    for body in rows["body"].to_pylist():
        try:
            yield decode(body)
        except msgspec.MsgspecError:
            continue


def _row(
    day: date, source: str, measure: str, subject: str, theirs: int, ours: int, refused: int
) -> dict[str, Any]:
    share, few = _TOLERATED_ACTIONS if measure == "actions" else _TOLERATED
    tolerance = max(few, round(theirs * share))
    missing = theirs - ours
    known = min(max(missing, 0), refused)
    return {
        "day": day,
        "source": source,
        "measure": measure,
        "subject": subject,
        "theirs": theirs,
        "ours": ours,
        "quarantined": refused,
        "tolerance": tolerance,
        "unexplained": missing - known if abs(missing - known) > tolerance else 0,
    }


def _table(rows: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=RECONCILIATION.schema)
