"""Erasing a person: the decision, every table and day rewritten without them, earlier versions removed.

The decision keeps keyed hashes, so that whatever the sources send again is left out for good; it is written
first and everything after it can be done again, so that an erasure cut short is finished by the next one.
Whom it is about is in `whom`, where rows of theirs stand in `personal`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from journey_platform.identity.decisions import BLOCK, decision, erased, erasure
from journey_platform.lake import Lake
from journey_platform.lake.shadows import discard_all
from journey_platform.landing.ledger import account_anew
from journey_platform.settings import Settings
from journey_platform.stewardship.ledger import ledger
from journey_platform.stewardship.personal import Removed, count_theirs, personal_tables, remove
from journey_platform.stewardship.whom import (
    erased_of,
    identifiers_of,
    losing_their_sharers,
    names_of,
    recognised,
    redact,
    tells_of,
    things_of,
)
from journey_platform.tables import DECISIONS, ERASURES, IDENTIFIERS_TABLE, JOURNEY_TOUCHPOINTS, QUARANTINE

_WHOLE = "all"
_STAYS_SHARED = "shared with somebody who was erased"


@dataclass(frozen=True)
class Receipt:
    """What an erasure went through. `rows`: its rows of `tables.ERASURES`. `days`: those from the first day
    on from which rows were removed: what is computed over them is to be restated."""

    decision_id: str
    rows: list[dict[str, Any]]
    days: tuple[date, ...]


def erase(
    lake: Lake, settings: Settings, key: int, *, secret: bytes, who: str, why: str, now: datetime
) -> Receipt:
    """Erase the person whom an identifier belongs to, from everything under the lake's root.

    Asked again, also after it was cut short, it goes through everything again and removes what it finds.
    Raises `UnknownId` where the identifier is nobody's, `ValueError` where who or why names the person.
    """
    taken = erased(ledger(lake))
    decision_id = next((name for name, pairs in taken.items() if key in {k for _, k in pairs}), None)
    if decision_id is None:
        named = [*identifiers_of(lake, key)]
        theirs = recognised(named, secret, settings)
        named += things_of(lake, theirs, secret)
        names = names_of(lake, {k for _, k in named})
        if tells_of(theirs, names, who) or tells_of(theirs, names, why):
            raise ValueError("who and why stay in the ledger: they must not name the person")
        day = now.astimezone(ZoneInfo(settings.zone)).date()
        row = erasure(named, who=who, why=why, decided_at=now, day=day)
        everybody = recognised(named, secret, settings)
        blocks = [
            decision(BLOCK, [shared], who=who, why=_STAYS_SHARED, decided_at=now, day=day)
            for shared in losing_their_sharers(lake, settings, everybody, secret)
        ]
        decision_id = str(row["decision_id"][0].as_py())
        redact(lake, theirs, names)
        lake.add_versions(DECISIONS, pa.concat_tables([row, *blocks]), run_id=decision_id, cursor=None)
    return finish(lake, settings, decision_id, secret=secret, now=now)


def finish(lake: Lake, settings: Settings, decision_id: str, *, secret: bytes, now: datetime) -> Receipt:
    """Carry out a decision that was taken, and all earlier ones with it, and write the receipt."""
    theirs, looked_at = erased_of(lake, secret=secret, settings=settings), _versions(lake)
    found = {table.name: count_theirs(lake, table, theirs) for table in personal_tables()}
    _write_receipt(lake, decision_id, [Removed(name, rows) for name, rows in found.items()])
    known = lake.version(IDENTIFIERS_TABLE)
    removed = [remove(lake, table, theirs, found[table.name], decision_id) for table in personal_tables()]
    _keep_up(lake, known, run_id=decision_id)
    discard_all(lake)
    _account(lake, decision_id)
    removed.append(Removed(DECISIONS.name, {}, *lake.shed_history(DECISIONS)))
    return _receipt(settings, decision_id, _write_receipt(lake, decision_id, removed, ended=(now, looked_at)))


def _receipt(settings: Settings, decision_id: str, rows: list[dict[str, Any]]) -> Receipt:
    days = {date.fromisoformat(row["of_day"]) for row in rows if row["of_day"] != _WHOLE}
    return Receipt(decision_id, rows, tuple(sorted(day for day in days if day >= settings.start_date)))


def _when(row: Mapping[str, Any]) -> tuple[datetime, str]:
    return row["decided_at"], row["decision_id"]


def look_again(lake: Lake, settings: Settings, *, secret: bytes, now: datetime) -> list[Receipt]:
    """Finish what was cut short; and remove what has come in since beside the erased, as by a pull that was
    under way or from a copy that was put back. Only days that changed since the last time are looked through.
    """
    receipts = [finish(lake, settings, name, secret=secret, now=now) for name in unfinished(lake)]
    theirs = erased_of(lake, secret=secret, settings=settings)
    if receipts or not theirs:
        return receipts
    looked_at = _versions(lake)
    seen_of: dict[str, int] = json.loads(lake.cursor(ERASURES) or "{}")
    found = {t.name: count_theirs(lake, t, theirs, since=seen_of.get(t.name)) for t in personal_tables()}
    returned = [table for table in personal_tables() if found[table.name]]
    latest = max(ledger(lake).filter(pc.field("erased").is_valid()).to_pylist(), key=_when)["decision_id"]
    removed = [remove(lake, table, theirs, found[table.name], latest) for table in returned]
    rows = _write_receipt(lake, latest, removed, ended=(now, looked_at))
    _account(lake, latest)
    return [_receipt(settings, latest, rows)] if returned else []


def unfinished(lake: Lake) -> list[str]:
    """Erasures that were decided and are not carried out to the end."""
    done = lake.read(ERASURES, columns=("decision_id", "finished_at"))
    finished = set(done.filter(done["finished_at"].is_valid())["decision_id"].to_pylist())
    return [name for name in erased(ledger(lake)) if name not in finished]


def _keep_up(lake: Lake, known: int | None, *, run_id: str) -> None:
    """Note that the touchpoints have followed the identifiers from version `known`, if they were up to it:
    the next run need not look for whom else it concerns."""
    consumed = json.loads(lake.cursor(JOURNEY_TOUCHPOINTS) or "{}")
    now = lake.version(IDENTIFIERS_TABLE)
    if now != known == consumed.get(IDENTIFIERS_TABLE.name):
        cursor = json.dumps({**consumed, IDENTIFIERS_TABLE.name: now}, sort_keys=True)
        lake.rewrite_days(JOURNEY_TOUCHPOINTS, [], lambda _, rows: rows, run_id=run_id, cursor=cursor)


def _account(lake: Lake, decision_id: str) -> None:
    """What pulls brought is less by what was removed, also by an earlier try."""
    rows = lake.read(ERASURES).filter(pc.field("decision_id") == decision_id).to_pylist()
    raw = [row for row in rows if row["table"].startswith("raw/") or row["table"] == QUARANTINE.name]
    days = {date.fromisoformat(row["of_day"]) for row in raw if row["of_day"] != _WHOLE}
    account_anew(lake, days, run_id=decision_id)


def _versions(lake: Lake) -> str:
    """Before the tables are looked through: what is committed meanwhile is looked at the next time."""
    return json.dumps({table.name: lake.version(table) for table in personal_tables()})


def _write_receipt(
    lake: Lake, decision_id: str, removed: Sequence[Removed], *, ended: tuple[datetime, str] | None = None
) -> list[dict[str, Any]]:
    """Put the counts beside those that an earlier try has written; returns the decision's rows.

    `ended`: when, and as its cursor the versions of all tables that were looked through.
    """
    finished_at, cursor = ended or (None, None)
    known = lake.read(ERASURES)
    rows = {(row["decision_id"], row["table"], row["of_day"]): row for row in known.to_pylist()}
    for one in removed:
        days = {(_WHOLE if day is None else day.isoformat()): count for day, count in one.rows.items()}
        for of_day in {**days, _WHOLE: 0}:
            name = (decision_id, one.table, of_day)
            old = rows.get(name, {})
            is_whole = of_day == _WHOLE
            counted = sum(one.rows.values()) if is_whole else days[of_day]
            rows[name] = {
                "decision_id": decision_id,
                "table": one.table,
                "of_day": of_day,
                "rows_removed": max(counted, old.get("rows_removed") or 0),
                "files_removed": (old.get("files_removed") or 0) + one.files if is_whole else None,
                "log_entries_removed": (old.get("log_entries_removed") or 0) + one.log_entries
                if is_whole
                else None,
                "finished_at": finished_at,
            }
    written = pa.Table.from_pylist(list(rows.values()), schema=ERASURES.schema)
    lake.replace_all(ERASURES, written, run_id=decision_id, cursor=cursor)
    return [row for row in lake.read(ERASURES).to_pylist() if row["decision_id"] == decision_id]
