"""What was received, and what the vendors count, beside ours: the known difference, and the rest.

Every record that a pull received must be in its table, in the quarantine, or a repeat of one that is: to the
last one. Of the vendors' counts: Matomo counts a visit on the day of its last action, so ours are counted so,
too. Mailchimp's report of a mailing stands on the day it was sent. Zendesk counts the tickets of an agent's
local day, without deleted ones. Tolerances are for what moves between two requests.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from journey_platform.days import as_day, local_days
from journey_platform.tables import RECONCILIATION

RECORDS = "records"
"""The measure that is about our own pulls, and exact."""

_TOLERATED = (0.02, 3)
_TOLERATED_ACTIONS = (0.05, 30)
_NOTHING = (0.0, 0)
# What Matomo does not count among a visit's actions.
_NO_ACTIONS = ("ecommerceOrder", "ecommerceAbandonedCart")


@dataclass(frozen=True)
class Gone:
    """Records of a table that we received and do not count, by day: in quarantine, or repeats. `erased`: what
    was left out, or removed, of somebody erased, whom vendors still count."""

    quarantined: Mapping[date, int]
    duplicates: Mapping[date, int]
    erased: Mapping[date, int] = field(default_factory=dict)

    def on(self, day: date) -> tuple[int, int, int]:
        quarantined, duplicates, erased = (counts.get(day, 0) for counts in self._all())
        return quarantined, duplicates, erased

    def since(self, day: date) -> tuple[int, int, int]:
        quarantined, duplicates, erased = (
            sum(count for of, count in counts.items() if of >= day) for counts in self._all()
        )
        return quarantined, duplicates, erased

    def _all(self) -> tuple[Mapping[date, int], ...]:
        return self.quarantined, self.duplicates, self.erased


class _Action(msgspec.Struct):
    type: str = ""
    timestamp: int | float | str | None = None


class _Visit(msgspec.Struct):
    actionDetails: list[_Action] = []  # noqa: N815


class _Summary(msgspec.Struct):
    date: str
    nb_visits: int | str = 0
    nb_actions: int | str = 0
    max_actions: int | str = 10


class _Opens(msgspec.Struct):
    opens_total: int = 0
    unique_opens: int = 0


class _Clicks(msgspec.Struct):
    clicks_total: int = 0
    unique_subscriber_clicks: int = 0


class _Report(msgspec.Struct):
    id: str
    opens: _Opens = msgspec.field(default_factory=_Opens)
    clicks: _Clicks = msgspec.field(default_factory=_Clicks)


class _Activity(msgspec.Struct):
    campaign_id: str
    action: str
    email_id: str = ""


class _Count(msgspec.Struct):
    date: str
    start: datetime
    end: datetime
    count: int


class _Ticket(msgspec.Struct):
    created_at: datetime | None = None
    status: str | None = None


def records(
    source: str,
    received: Mapping[date, int],
    stored: Mapping[date, int],
    gone: Gone,
) -> pa.Table:
    """`tables.RECONCILIATION` of a raw stream of events, exact: what the last pull of each day `received`,
    and what is `stored` of it (nothing of a day that is held: its rows are in quarantine)."""
    return _table(
        [
            _row(day, source, RECORDS, "all", theirs, stored.get(day, 0), (*gone.on(day)[:2], 0), _NOTHING)
            for day, theirs in sorted(received.items())
        ]
    )


def visits(
    summaries: pa.Table, archive: pa.Table, gone: Gone, days: Collection[date], *, zone: str
) -> pa.Table:
    """`tables.RECONCILIATION` of `days`, on which both arrived, from raw `matomo/visits_summary` and
    `matomo/visits`; the archive must hold the day before the first of them. `gone`: visits."""
    visits_of, actions_of = Counter[date](), Counter[date]()
    for visit in _decoded(archive["body"], _Visit):
        moments = [float(a.timestamp) for a in visit.actionDetails if a.timestamp not in (None, "")]
        if moments:
            day = as_day(local_days(np.array([round(max(moments) * 1_000_000)]), zone)[0])
            visits_of[day] += 1
            actions_of[day] += sum(action.type not in _NO_ACTIONS for action in visit.actionDetails)
    told = {date.fromisoformat(of.date): of for of in _decoded(summaries["body"], _Summary)}
    rows = []
    for day in sorted(days):
        theirs = told.get(day, _Summary(day.isoformat()))
        away = gone.on(day)
        # A visit that is not here took its actions along: at most as many as the day's longest has.
        most, missing = int(theirs.max_actions), max(int(theirs.nb_visits) - visits_of[day] - away[0], 0)
        with_it = (away[0] * most, max(away[1], missing) * most, away[2] * most)
        source, tolerated = "matomo/visits", _TOLERATED_ACTIONS
        rows += [
            _row(day, source, "visits", "all", int(theirs.nb_visits), visits_of[day], away),
            _row(day, source, "actions", "all", int(theirs.nb_actions), actions_of[day], with_it, tolerated),
        ]
    return _table(rows)


def activity(
    reports: pa.Table, archive: pa.Table, sent_on: Mapping[str, date], gone: Gone, days: Collection[date]
) -> pa.Table:
    """`tables.RECONCILIATION` of the mailings sent on `days` from the current `mailchimp/reports` and all of
    raw `mailchimp/email_activity` since. `sent_on`: mailing -> day; `gone`: activities."""
    acts = list(_decoded(archive["body"], _Activity))
    ours = Counter((of.campaign_id, of.action) for of in acts)
    people = Counter(
        (campaign, action) for campaign, action, _ in {(a.campaign_id, a.action, a.email_id) for a in acts}
    )
    wanted, rows = set(days), []
    for report in _decoded(reports["body"], _Report):
        day = sent_on.get(report.id)
        if day is None or day not in wanted:
            continue
        away, name = gone.since(day), report.id
        # Who opens twice is one opener: repeats explain nothing there.
        refused = (away[0], 0, away[2])
        for measure, theirs, mine, known in (
            ("opens", report.opens.opens_total, ours[name, "open"], away),
            ("openers", report.opens.unique_opens, people[name, "open"], refused),
            ("clicks", report.clicks.clicks_total, ours[name, "click"], away),
            ("clickers", report.clicks.unique_subscriber_clicks, people[name, "click"], refused),
        ):
            rows.append(_row(day, "mailchimp/email_activity", measure, name, theirs, mine, known))
    return _table(rows)


def tickets(counts: pa.Table, archive: pa.Table, refused: Sequence[str], days: Collection[date]) -> pa.Table:
    """`tables.RECONCILIATION` of `days`, which arrived, from raw `zendesk/ticket_counts` and the current
    `zendesk/tickets`. `refused`: bodies of tickets in quarantine that may not be used; one whose time of
    creation cannot be read may be of any day."""
    ours = _created(archive["body"].to_pylist())
    away = _created(refused)
    unreadable = len(refused) - len(away)
    rows = []
    for told in _decoded(counts["body"], _Count):
        day = date.fromisoformat(told.date)
        if day in days:
            mine, known = (
                sum(told.start <= at < told.end and status != "deleted" for at, status in of)
                for of in (ours, away)
            )
            of_day = (known + unreadable, 0, 0)
            rows.append(_row(day, "zendesk/tickets", "tickets", "all", told.count, mine, of_day))
    return _table(rows)


def _created(bodies: Iterable[str]) -> list[tuple[datetime, str | None]]:
    read = _decoded(bodies, _Ticket)
    return [(t.created_at, t.status) for t in read if t.created_at is not None and t.created_at.tzinfo]


def _decoded(bodies: Iterable[Any], kind: Any) -> Iterable[Any]:
    """Bodies that decode; the others are in quarantine, and counted there."""
    decode = msgspec.json.Decoder(kind).decode
    for body in bodies:
        try:
            yield decode(str(body))
        except msgspec.MsgspecError:
            continue


def _row(
    day: date,
    source: str,
    measure: str,
    subject: str,
    theirs: int,
    ours: int,
    gone: tuple[int, int, int],
    tolerated: tuple[float, int] = _TOLERATED,
) -> dict[str, Any]:
    quarantined, duplicates, _ = gone
    share, few = tolerated
    tolerance = max(few, round(theirs * share))
    missing = theirs - ours
    # Exactly those where nothing is tolerated; else as many of them as are missing.
    explained = sum(gone) if tolerated is _NOTHING else min(max(missing, 0), sum(gone))
    rest = missing - explained
    return {
        "day": day,
        "source": source,
        "measure": measure,
        "subject": subject,
        "theirs": theirs,
        "ours": ours,
        "quarantined": quarantined,
        "duplicates": duplicates,
        "tolerance": tolerance,
        "explained": explained,
        "unexplained": rest if abs(rest) > tolerance else 0,
    }


def _table(rows: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=RECONCILIATION.schema)
