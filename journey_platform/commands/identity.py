"""`journey identity`: explain, link, unlink, block, unblock, erase, preview.

What these do is in `stewardship`. Identifiers are shown as they are: for the eyes of who may see them.
"""

import argparse
import getpass
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cached_property

import pyarrow as pa

from journey_platform import settings
from journey_platform.identity.decisions import BLOCK, LINK, UNBLOCK, UNLINK, decision
from journey_platform.identity.explain import Explanation, Known, describe, evidence_of, explain
from journey_platform.identity.keys import profile_id
from journey_platform.identity.policy import POLICIES, Policies, with_limit
from journey_platform.lake import Lake
from journey_platform.stewardship.inputs import UnknownId, keys_of
from journey_platform.stewardship.ledger import decide
from journey_platform.tables import DECISIONS, IDENTIFIERS_TABLE, LINKS_TABLE, Table

HELP = "who is who: ask why, decide, and look before a decision is applied"
_ID = "email:ann@shop.example and the like, key:NUMBER, a profile id, or record:VENDOR/STREAM/KEY"
_SHOWN_LINKS, _SHOWN_EVENTS = 20, 20
_PAIRS, _ONES = (LINK, UNLINK), (BLOCK, UNBLOCK)
_Lines = Iterator[str]


def add_commands(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(dest="command", required=True)

    def command(name: str, run: Callable[[argparse.Namespace], _Lines], told: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=told, description=f"{told}. An ID is {_ID}.")
        made.set_defaults(run=run)
        return made

    asked = command("explain", _explain, "why two are one person or are not; or all that is known of one")
    asked.add_argument("ids", nargs="+", metavar="ID")
    asked.add_argument("--at", type=_moment, help="as of this time, ISO with a zone: 2026-03-01T12:00+01:00")
    for action in (*_PAIRS, *_ONES):
        ruled = command(action, _decide, f"{action}, from the next run on, until decided otherwise")
        ruled.add_argument("ids", nargs=2 if action in _PAIRS else 1, metavar="ID")
        ruled.add_argument("--why", required=True, help="the reason; no personal data")
        ruled.add_argument("--who", "--by", default=getpass.getuser(), help="who decides; default you")
    gone = command("erase", _erase, "erase the person whom an id belongs to, everywhere and for good")
    gone.add_argument("ids", nargs=1, metavar="ID")
    gone.add_argument("--why", required=True, help="the reason; no personal data")
    gone.add_argument("--who", "--by", default=getpass.getuser(), help="who decides; default you")
    looked = command("preview", _preview, "what a decision or another limit would change; writes nothing")
    for action in (*_PAIRS, *_ONES):
        looked.add_argument(
            f"--{action}", nargs=2 if action in _PAIRS else 1, metavar="ID", action="append", default=[]
        )
    looked.add_argument("--limit", action="append", default=[], metavar="KIND.LIMIT=NUMBER")


@dataclass(frozen=True)
class _Desk:
    """What every command works with."""

    settings: settings.Settings

    @classmethod
    def open(cls) -> "_Desk":
        return cls(settings.load())

    @cached_property
    def lake(self) -> Lake:
        return Lake(self.settings.root, self.settings.storage_options)

    @cached_property
    def secret(self) -> bytes:
        return settings.pseudonym_key().reveal().encode()

    def keys(self, text: str) -> tuple[int, ...]:
        return keys_of(
            text,
            secret=self.secret,
            spelling=self.settings.spelling,
            lake=self.lake,
            sources=self.settings.sources,
        )

    def key(self, text: str) -> int:
        keys = self.keys(text)
        if len(keys) != 1:
            raise UnknownId("a record carries several identifiers: name one of them")
        return keys[0]


def _explain(chosen: argparse.Namespace) -> _Lines:
    if len(chosen.ids) > 2:
        raise ValueError("explain takes one id or two")
    desk = _Desk.open()
    identifiers, links = (_as_of(desk.lake, table, chosen.at) for table in (IDENTIFIERS_TABLE, LINKS_TABLE))
    sides = [desk.keys(text) for text in chosen.ids]
    for text, side in zip(chosen.ids, sides, strict=True):
        if not describe(identifiers, side):
            raise UnknownId(f"{text.partition(':')[0]}: never seen{' by then' if chosen.at else ''}")
    if len(sides) == 1:
        return _one(identifiers, links, sides[0])
    return _two(explain(identifiers, links, sides[0], sides[1]))


def _as_of(lake: Lake, table: Table, moment: datetime | None) -> pa.Table:
    if moment is None:
        return lake.read(table)
    version = lake.version_at(table, moment)
    return table.empty() if version is None else lake.read(table, version=version)


def _one(identifiers: pa.Table, links: pa.Table, keys: tuple[int, ...]) -> _Lines:
    for known in describe(identifiers, keys):
        yield _shown(known)
        found = evidence_of(links, known.key)
        for row in found.slice(0, _SHOWN_LINKS).to_pylist():
            (other,) = describe(identifiers, [row["left_key"] + row["right_key"] - known.key])
            verdict = "linked" if row["is_accepted"] else f"refused ({row['reason']})"
            yield f"  {verdict}: {other.kind} {other.value}; {_told(row['rule'], row)}"
        if found.num_rows > _SHOWN_LINKS:
            yield f"  and {found.num_rows - _SHOWN_LINKS} more links"


def _two(found: Explanation) -> _Lines:
    for side in (found.left, found.right):
        yield from map(_shown, side)
    yield "one person" if found.is_one_person else "not one person"
    if not found.steps:
        yield "  no chain of records or rules leads from one to the other"
    for step in found.steps:
        verdict = "" if step.reason is None else f"; REFUSED: {step.reason}"
        pair = f"{step.start.kind} {step.start.value} - {step.end.kind} {step.end.value}"
        yield f"  {pair}: {_told(step.rule, asdict(step))}{verdict}"


def _shown(known: Known) -> str:
    belongs = f"profile {known.profile}" if known.profile else "belongs to nobody"
    why = f" ({known.reason})" if known.reason else ""
    return f"{known.kind} {known.value}: {known.status}{why}, {belongs}, key:{known.key}"


def _told(rule: str, row: dict[str, object]) -> str:
    times = " to ".join(
        moment.isoformat(timespec="minutes")
        for moment in dict.fromkeys((row["first_seen"], row["last_seen"]))
        if isinstance(moment, datetime)
    )
    return f"{rule}, weight {row['weight']:.2f}, {row['records']} records, {times}, as {row['example']}"


def _decide(chosen: argparse.Namespace) -> _Lines:
    desk = _Desk.open()
    told = decide(
        desk.lake,
        chosen.command,
        [desk.key(text) for text in chosen.ids],
        who=chosen.who,
        why=chosen.why,
        now=datetime.now(UTC),
        zone=desk.settings.zone,
    )
    yield f"{told}: {chosen.command}, from the next run on"


def _erase(chosen: argparse.Namespace) -> _Lines:
    from journey_platform.stewardship.erasing import erase

    desk = _Desk.open()
    done = erase(
        desk.lake,
        desk.settings,
        desk.key(chosen.ids[0]),
        secret=desk.secret,
        who=chosen.who,
        why=chosen.why,
        now=datetime.now(UTC),
    )
    yield f"{done.decision_id}: erased, for good"
    for row in done.rows:
        if row["of_day"] == "all" and (row["rows_removed"] or row["files_removed"]):
            days = sum(other["table"] == row["table"] for other in done.rows) - 1
            yield (
                f"{row['rows_removed']:>8} rows on {days} days, {row['files_removed']} files, "
                f"{row['log_entries_removed']} log entries: {row['table']}"
            )
    if done.days:
        yield f"The sensor follow_identity has {done.days[0]} to {done.days[-1]} derived again."
        yield "Where no daemon runs, run the job rederive over these days."


def _preview(chosen: argparse.Namespace) -> _Lines:
    from journey_platform.engine import Engine
    from journey_platform.stewardship.preview import preview

    desk, now = _Desk.open(), datetime.now(UTC)
    asked = [
        decision(
            action,
            [desk.key(text) for text in ids],
            who="preview",
            why="preview",
            decided_at=now,
            day=now.date(),
        )
        for action in (*_PAIRS, *_ONES)
        for ids in getattr(chosen, action)
    ]
    policies = _limited(chosen.limit)
    with Engine(desk.lake, memory_limit=desk.settings.memory_limit) as engine:
        found = preview(
            desk.lake,
            engine,
            desk.settings,
            secret=desk.secret,
            decisions=pa.concat_tables([DECISIONS.empty(), *asked]),
            policies=policies,
        )
    yield f"profiles: {found.profiles[0]} -> {found.profiles[1]}"
    for row in found.events.slice(0, _SHOWN_EVENTS).to_pylist():
        pair = " -> ".join(dict.fromkeys(profile_id(row[end]) for end in ("from_key", "to_key")))
        yield f"  {row['event']}: {pair}, {row['identifiers']} identifiers; {row['cause']}"
    if found.events.num_rows > _SHOWN_EVENTS:
        yield f"  and {found.events.num_rows - _SHOWN_EVENTS} more"
    yield f"days to restate: {', '.join(map(str, found.days)) or 'none'}"
    for kpi in found.kpis:
        yield f"  {kpi.kpi} {kpi.day} {kpi.dimension}: {_parts(kpi.before)} -> {_parts(kpi.after)}"


def _limited(texts: list[str]) -> Policies:
    policies: Policies = POLICIES
    for text in texts:
        name, _, most = text.partition("=")
        kind, _, limit = name.partition(".")
        if not most.isdecimal() and most != "none":
            raise ValueError("a limit is KIND.LIMIT=NUMBER or none")
        policies = with_limit(policies, kind, limit, None if most == "none" else int(most))
    return policies


def _parts(parts: tuple[float, float | None]) -> str:
    above, below = parts
    return f"{above:g}" if below is None else f"{above:g}/{below:g}"


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time needs a zone")
    return moment
