"""Erasing a person: the decision, every table and day rewritten without them, earlier versions removed.

The decision keeps keyed hashes, so that whatever the sources send again is left out for good; it is written
first and everything after it can be done again, so that an erasure cut short is finished by the next one. How
an identifier is recognised is in `identity.erasure`.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from journey_platform.identity.decisions import BLOCK, decision, erased, erasure
from journey_platform.identity.erasure import Erased
from journey_platform.identity.keys import identifier_key
from journey_platform.identity.policy import DECLARED_RULES
from journey_platform.identity.resolve import ACTIVE, SHARED, resolve
from journey_platform.lake import Lake
from journey_platform.lake.shadows import discard_all
from journey_platform.landing.erased import are_theirs, without_theirs
from journey_platform.landing.ledger import account_anew
from journey_platform.settings import Settings
from journey_platform.sources import FILES, archives, file_mapping, sources
from journey_platform.stewardship.inputs import UnknownId, contact_tables, further, seen
from journey_platform.stewardship.ledger import ledger
from journey_platform.tables import (
    ACCOUNT_JOURNEYS,
    ACCOUNT_MEMBERS_TABLE,
    ACCOUNT_USERS,
    ACCOUNTS_TABLE,
    CONTRACTS,
    DECISIONS,
    ERASURES,
    HOUSEHOLDS_TABLE,
    IDENTIFIERS_TABLE,
    IDENTITY_EVENTS,
    JOURNEY_TOUCHPOINTS,
    LINK_REVIEW,
    LINKS_TABLE,
    MATCHED_RECORDS,
    ORGANIZATION_MEMBERS,
    ORGANIZATIONS,
    PROBABILISTIC_LINKS,
    PROFILE_ATTRIBUTES_TABLE,
    PROFILE_REDIRECTS,
    PROFILES_TABLE,
    QUARANTINE,
    SENTIMENT,
    SESSIONS,
    TICKETS,
    Table,
    raw_table,
    today_table,
    touchpoints_table,
)
from journey_platform.touchpoints.carried import THINGS

_WHOLE = "all"
_STAYS_SHARED = "shared with somebody who was erased"
_REDACTED = "redacted: it named somebody who was erased"

_CUSTOMERS = (
    ACCOUNT_MEMBERS_TABLE,
    ACCOUNTS_TABLE,
    ORGANIZATION_MEMBERS,
    ORGANIZATIONS,
    LINK_REVIEW,
    PROBABILISTIC_LINKS,
    MATCHED_RECORDS,
    HOUSEHOLDS_TABLE,
    PROFILE_ATTRIBUTES_TABLE,
    PROFILES_TABLE,
    PROFILE_REDIRECTS,
    IDENTITY_EVENTS,
    LINKS_TABLE,
    IDENTIFIERS_TABLE,
)


def personal_tables() -> list[Table]:
    """Every table with rows of persons, what is derived before what it is derived from; not the ledger."""
    return [
        SENTIMENT,
        TICKETS,
        CONTRACTS,
        ACCOUNT_JOURNEYS,
        ACCOUNT_USERS,
        SESSIONS,
        JOURNEY_TOUCHPOINTS,
        *_CUSTOMERS,
        *contact_tables(sources()),
        *map(today_table, sources()),
        *map(touchpoints_table, sources()),
        QUARANTINE,
        *archives().values(),
    ]


@dataclass(frozen=True)
class Removed:
    """What an erasure removed from one table. `rows`: by day, or by None in a table without days."""

    table: str
    rows: dict[date | None, int] = field(default_factory=dict)
    files: int = 0
    log_entries: int = 0


@dataclass(frozen=True)
class Receipt:
    """What an erasure went through. `rows`: its rows of `tables.ERASURES`. `days`: those from the first day
    on from which rows were removed: what is computed over them is to be restated."""

    decision_id: str
    rows: list[dict[str, Any]]
    days: tuple[date, ...]


def erased_of(lake: Lake, *, secret: bytes, settings: Settings) -> Erased:
    """Everybody who was erased, by the ledger."""
    named = [pair for pairs in erased(ledger(lake)).values() for pair in pairs]
    return _recognised(named, secret, settings)


def _recognised(named: Iterable[tuple[str, int]], secret: bytes, settings: Settings) -> Erased:
    declared = {}
    if FILES in sources():
        mapping = file_mapping()
        streams = {*mapping.TOUCHPOINT_STREAMS, *mapping.CONTACT_STREAMS}
        declared = {f"{FILES}/{stream}": mapping.carried(stream) for stream in streams}
    return Erased(named, secret=secret, spelling=settings.spelling, declared=declared)


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
        named = [*_identifiers_of(lake, key)]
        theirs = _recognised(named, secret, settings)
        named += _things_of(lake, theirs, secret)
        names = _names_of(lake, {k for _, k in named})
        if _tells_of(theirs, names, who) or _tells_of(theirs, names, why):
            raise ValueError("who and why stay in the ledger: they must not name the person")
        _redact(lake, theirs, names)
        day = now.astimezone(ZoneInfo(settings.zone)).date()
        row = erasure(named, who=who, why=why, decided_at=now, day=day)
        everybody = _recognised(named, secret, settings)
        blocks = [
            decision(BLOCK, [shared], who=who, why=_STAYS_SHARED, decided_at=now, day=day)
            for shared in _losing_their_sharers(lake, settings, everybody, secret)
        ]
        decision_id = str(row["decision_id"][0].as_py())
        lake.add_versions(DECISIONS, pa.concat_tables([row, *blocks]), run_id=decision_id, cursor=None)
    return finish(lake, settings, decision_id, secret=secret, now=now)


def finish(lake: Lake, settings: Settings, decision_id: str, *, secret: bytes, now: datetime) -> Receipt:
    """Carry out a decision that was taken, and all earlier ones with it, and write the receipt."""
    theirs, looked_at = erased_of(lake, secret=secret, settings=settings), _versions(lake)
    found = {table.name: _found(lake, table, theirs) for table in personal_tables()}
    _write_receipt(lake, decision_id, [Removed(name, rows) for name, rows in found.items()])
    known = lake.version(IDENTIFIERS_TABLE)
    removed = [_remove(lake, table, theirs, found[table.name], decision_id) for table in personal_tables()]
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
    found = {t.name: _found(lake, t, theirs, since=seen_of.get(t.name)) for t in personal_tables()}
    returned = [table for table in personal_tables() if found[table.name]]
    latest = max(ledger(lake).filter(pc.field("erased").is_valid()).to_pylist(), key=_when)["decision_id"]
    removed = [_remove(lake, table, theirs, found[table.name], latest) for table in returned]
    rows = _write_receipt(lake, latest, removed, ended=(now, looked_at))
    _account(lake, latest)
    return [_receipt(settings, latest, rows)] if returned else []


def unfinished(lake: Lake) -> list[str]:
    """Erasures that were decided and are not carried out to the end."""
    done = lake.read(ERASURES, columns=("decision_id", "finished_at"))
    finished = set(done.filter(done["finished_at"].is_valid())["decision_id"].to_pylist())
    return [name for name in erased(ledger(lake)) if name not in finished]


# Who it is


def _identifiers_of(lake: Lake, key: int) -> Iterator[tuple[str, int]]:
    rows = lake.read(IDENTIFIERS_TABLE, columns=("identifier_key", "kind", "status", "person_key"))
    asked = rows.filter(pc.equal(rows["identifier_key"], key)).to_pylist()
    if not asked:
        raise UnknownId("no identifier of that name was ever seen")
    if asked[0]["status"] == SHARED:
        raise UnknownId("the identifier is shared by several people: name one that is the person's own")
    if asked[0]["person_key"] is None:
        raise UnknownId(f"the identifier belongs to nobody: it is {asked[0]['status']}")
    of_person = rows.filter(pc.equal(rows["person_key"], asked[0]["person_key"]))
    yield from zip(of_person["kind"].to_pylist(), of_person["identifier_key"].to_pylist(), strict=True)


def _things_of(lake: Lake, theirs: Erased, secret: bytes) -> Iterator[tuple[str, int]]:
    """What is the person's and other records name: their tickets, and their own references."""
    for source, kind in THINGS.items():
        vendor, stream = source.split("/")
        table = raw_table(vendor, stream, "", is_entity=True)
        for _, rows in _parts(lake, table):
            keys = rows.filter(pa.array(are_theirs(theirs, table, rows)))["record_key"].to_pylist()
            yield from ((kind, identifier_key(secret, kind, name)) for name in set(keys))
    # A code may be everybody's: who used theirs alone named himself beside it, and goes by that.
    rules = [rule for rule in DECLARED_RULES if not rule.told_by and rule.max_beside is None]
    own = {(rule.reference, rule.owner) for rule in rules}
    for table in contact_tables(sources()):
        for said in _mine(theirs, lake.read(table))["identifiers"].to_pylist():
            kinds = {pair["kind"] for pair in said}
            for pair in said:
                if any(pair["kind"] == reference and owner in kinds for reference, owner in own):
                    yield pair["kind"], theirs.key_of(pair["kind"], pair["value"])


def _mine(theirs: Erased, rows: pa.Table) -> pa.Table:
    return rows.filter(pa.array(theirs.carried_by(rows)))


def _names_of(lake: Lake, keys: set[int]) -> set[str]:
    """The names that vendors give the person: read to redact, never kept."""
    rows = lake.read(PROFILES_TABLE, columns=("person_key", "name"))
    mine = rows.filter(pc.is_in(rows["person_key"], pa.array(sorted(keys), pa.int64())))
    return {name.lower() for name in mine["name"].drop_null().to_pylist()}


def _tells_of(theirs: Erased, names: set[str], text: str) -> bool:
    return theirs.is_named(text) or any(name in text.lower() for name in names)


def _redact(lake: Lake, theirs: Erased, names: set[str]) -> None:
    """Free texts of earlier decisions that name the person."""

    def told(text: str | None) -> str | None:
        return _REDACTED if text is not None and _tells_of(theirs, names, text) else text

    def change(_: date, rows: pa.Table) -> pa.Table:
        for column in ("who", "why"):
            texts = pa.array([told(text) for text in rows[column].to_pylist()], pa.string())
            rows = rows.set_column(rows.schema.get_field_index(column), rows.schema.field(column), texts)
        return rows

    lake.rewrite_days(DECISIONS, lake.day_states(DECISIONS), change, run_id="redaction")


def _losing_their_sharers(lake: Lake, settings: Settings, theirs: Erased, secret: bytes) -> list[int]:
    """Identifiers that are shared, and would be taken for one person's own once the erased is gone."""
    shared = lake.read(IDENTIFIERS_TABLE, columns=("identifier_key", "status"))
    shared = shared.filter(pc.equal(shared["status"], SHARED))["identifier_key"].combine_chunks()
    if not len(shared):
        return []
    rows = seen(lake, settings.sources)
    told = zip(rows["kind"].to_pylist(), rows["value"].to_pylist(), strict=True)
    is_theirs = pa.array([theirs.is_one(*pair) for pair in told], pa.bool_())
    others = rows.filter(pc.invert(pc.is_in(rows["record"], pc.unique(rows.filter(is_theirs)["record"]))))
    after = resolve(
        others,
        secret=secret,
        evidence=further(lake, settings, secret=secret),
        decisions=ledger(lake),
        spelling=settings.spelling,
    ).identifiers
    is_own = pc.and_(pc.equal(after["status"], ACTIVE), pc.is_in(after["identifier_key"], shared))
    keys: list[int] = after.filter(is_own)["identifier_key"].to_pylist()
    return keys


# Where they stand


def _parts(
    lake: Lake, table: Table, days: Iterable[date | None] | None = None
) -> Iterator[tuple[date | None, pa.Table]]:
    """The rows of a table, a day at a time; all of a table without days."""
    if not table.is_daily:
        yield None, lake.read(table)
        return
    for day in lake.day_states(table) if days is None else days:
        assert day is not None
        yield day, lake.read(table, [day])


def _found(lake: Lake, table: Table, theirs: Erased, *, since: int | None = None) -> dict[date | None, int]:
    """How many rows are theirs: by day, or by None; of what was written after version `since`."""
    if lake.version(table) == since:
        return {}
    days = None
    if since is not None and table.is_daily:
        days = [day for day, state in lake.day_states(table).items() if state.version > since]
    parts = _parts(lake, table, days)
    counts = {day: rows.num_rows - _kept(lake, theirs, table, rows).num_rows for day, rows in parts}
    return {day: count for day, count in counts.items() if count}


def _kept(lake: Lake, theirs: Erased, table: Table, rows: pa.Table) -> pa.Table:
    """The rows that stay. An account stays with a member who does, a mood with its touchpoint."""
    if table in (ACCOUNTS_TABLE, ACCOUNT_JOURNEYS):
        members = without_theirs(theirs, ACCOUNT_MEMBERS_TABLE, lake.read(ACCOUNT_MEMBERS_TABLE))
        return rows.filter(pc.is_in(rows["account_key"], members["account_key"].combine_chunks()))
    if table is SENTIMENT:
        told = lake.read(JOURNEY_TOUCHPOINTS, rows["day"].unique().to_pylist())
        staying = without_theirs(theirs, JOURNEY_TOUCHPOINTS, told)["touchpoint_id"].combine_chunks()
        return rows.filter(pc.is_in(rows["touchpoint_id"], staying))
    return without_theirs(theirs, table, rows)


# How they go


def _remove(lake: Lake, table: Table, theirs: Erased, found: dict[date | None, int], run_id: str) -> Removed:
    if lake.version(table) is None:
        return Removed(table.name)
    if found and table.is_daily:
        days = [day for day in found if day is not None]
        lake.rewrite_days(table, days, lambda _, rows: _kept(lake, theirs, table, rows), run_id=run_id)
    elif found:
        lake.replace_all(table, _kept(lake, theirs, table, lake.read(table)), run_id=run_id)
    files, log_entries = lake.shed_history(table)
    return Removed(table.name, found, files, log_entries)


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
