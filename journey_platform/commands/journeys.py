"""`journey visits`, `funnel`, `paths`, `retention`, `activity`, `attribution`, `stages`, `friction`: ask what
is declared, or ad hoc; `journey timeline`: one person's touchpoints.

What these compute is in `journeys`; what a lake gives them in `asking`. A timeline shows what one person
did: for the eyes of who may see that.
"""

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, get_args
from zoneinfo import ZoneInfo

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from journey_platform import settings
from journey_platform.asking import ask, declared
from journey_platform.identity.keys import profile_id
from journey_platform.journeys import questions as q
from journey_platform.journeys.answers import TABLES, Asked, Span
from journey_platform.journeys.declared import KINDS, Declared, checked
from journey_platform.lake import Lake
from journey_platform.stewardship.inputs import UnknownId, keys_of
from journey_platform.tables import IDENTIFIERS_TABLE, JOURNEY_TOUCHPOINTS, Table

_Lines = Iterator[str]
_SHOWN = 40


@dataclass(frozen=True)
class Command:
    """One command of the command line: what it says of itself, and how it takes its arguments."""

    HELP: str
    add_commands: Callable[[argparse.ArgumentParser], None]


def _asking(kind: str) -> Callable[[argparse.ArgumentParser], None]:
    """Arguments of a command that asks one kind of question: a name, or the question's own words as
    options."""

    def add(parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "name", nargs="?", help="as declared in journeys.yaml; without one, ask by options"
        )
        for option in msgspec.structs.fields(KINDS[kind]):
            if option.name == "question":
                continue
            is_many = _is_many(option.type)
            parser.add_argument(
                f"--{option.name.replace('_', '-')}",
                dest=f"asked_{option.name}",
                nargs="+" if is_many else None,
                metavar=option.name.upper(),
                help=_told(option, is_many),
            )
        parser.add_argument("--picture", type=Path, metavar="FILE.svg", help="write a picture there")
        parser.set_defaults(run=lambda chosen: _answer(kind, chosen))

    return add


def _is_many(kind: Any) -> bool:
    return any(getattr(part, "__origin__", None) in (list, dict, tuple) for part in (kind, *get_args(kind)))


def _told(option: Any, is_many: bool) -> str:
    default = "" if option.default in (msgspec.NODEFAULT, None) else f"default {option.default}"
    return f"{'one or more' if is_many else 'one'}; {default}".rstrip("; ").replace("%", "%%")


def _answer(kind: str, chosen: argparse.Namespace) -> _Lines:
    from journey_platform.engine import Engine

    found = settings.load()
    said = declared(found)
    given = {
        name.removeprefix("asked_"): value
        for name, value in vars(chosen).items()
        if name.startswith("asked_") and value is not None
    }
    name, question = _question(kind, chosen.name, given, said)
    lake = Lake(found.root, found.storage_options)
    asked = Asked(name, question, Span(found.start_date, _yesterday(found.zone), found.zone), said.segments)
    table = TABLES[type(question)]
    with Engine(lake, memory_limit=found.memory_limit) as engine:
        [rows] = ask(engine, [asked])[table.name]
    yield from _printed(table, rows)
    if chosen.picture is not None:
        from journey_platform.journeys.pictures import picture

        picture(table, rows).write(chosen.picture)
        yield f"picture: {chosen.picture}"


def _question(
    kind: str, name: str | None, given: Mapping[str, Any], said: Declared
) -> tuple[str, q.Question]:
    """The declared question, with what was given in its place; or one of its own."""
    base = {} if name is None else msgspec.to_builtins(said.named(kind, name))
    for option, value in given.items():
        if option in ("names", "stages") or (option, kind) == ("weights", "friction"):
            base[option] = dict(part.split("=", 1) for part in value)
        else:
            base[option] = [part.split("-") for part in value] if option == "brackets" else value
    return name or "ad hoc", checked(kind, base, said)


def _yesterday(zone: str) -> date:
    return _now().astimezone(ZoneInfo(zone)).date() - timedelta(days=1)


def _now() -> datetime:
    import os

    stated = os.environ.get("JOURNEY_NOW")
    return datetime.fromisoformat(stated).astimezone(UTC) if stated else datetime.now(UTC)


def _printed(table: Table, rows: pa.Table) -> _Lines:
    """The rows as a table of text, without the name and what is null everywhere."""
    shown = [
        name
        for name in table.schema.names
        if name != "name" and rows[name].null_count < max(rows.num_rows, 1)
    ]
    yield from as_text(rows.select(shown).slice(0, _SHOWN))
    if rows.num_rows > _SHOWN:
        yield f"and {rows.num_rows - _SHOWN} more rows; all are in the table {table.name} where declared"


def as_text(rows: pa.Table) -> _Lines:
    """Rows as aligned text, numbers to the right."""
    texts = [[name, *map(_text, rows[name].to_pylist())] for name in rows.column_names]
    numeric = [pa.types.is_integer(kind) or pa.types.is_floating(kind) for kind in rows.schema.types]
    widths = [max(map(len, column)) for column in texts]
    for line in zip(*texts, strict=True):
        cells: Sequence[str] = [
            cell.rjust(width) if is_number else cell.ljust(width)
            for cell, width, is_number in zip(line, widths, numeric, strict=True)
        ]
        yield "  ".join(cells).rstrip()


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1000 else f"{value:,.0f}"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    return str(value)


def _timeline_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "id", metavar="ID", help="email:ann@shop.example, key:NUMBER, a profile id and the like"
    )
    parser.add_argument("--days", type=int, default=90, help="how far back, from yesterday; default 90")
    parser.set_defaults(run=_timeline)


def _timeline(chosen: argparse.Namespace) -> _Lines:
    found = settings.load()
    lake = Lake(found.root, found.storage_options)
    person = _person(chosen.id, found, lake)
    last = _yesterday(found.zone)
    columns = (
        "person_key",
        "occurred_at",
        "touchpoint_id",
        "channel",
        "type",
        "page",
        "subject_id",
        "reason",
    )
    days = [last - timedelta(days=n) for n in range(chosen.days)]
    rows = lake.read(JOURNEY_TOUCHPOINTS, days, columns=(*columns, "value", "unit", "traffic_channel"))
    mine = rows.filter(pc.equal(rows["person_key"], person)).sort_by(
        [("occurred_at", "ascending"), ("touchpoint_id", "ascending")]
    )
    zone = ZoneInfo(found.zone)
    moments = [moment.astimezone(zone).replace(tzinfo=None) for moment in mine["occurred_at"].to_pylist()]
    yield f"{profile_id(person)}: {mine.num_rows} touchpoints in {chosen.days} days, times of {found.zone}"
    told = mine.drop_columns(["person_key", "touchpoint_id"])
    yield from as_text(told.set_column(0, "at", pa.array(moments, pa.timestamp("s"))))


def _person(text: str, found: settings.Settings, lake: Lake) -> int:
    keys = keys_of(
        text,
        secret=settings.pseudonym_key().reveal().encode(),
        spelling=found.spelling,
        lake=lake,
        sources=found.sources,
    )
    known = lake.read(IDENTIFIERS_TABLE, columns=("identifier_key", "person_key"))
    mine = known.filter(pc.is_in(known["identifier_key"], pa.array(keys, pa.int64())))
    persons = {person for person in mine["person_key"].to_pylist() if person is not None}
    if len(persons) != 1:
        raise UnknownId(f"{text.partition(':')[0]}: belongs to {'several' if persons else 'no'} profile")
    return int(persons.pop())


COMMANDS: Mapping[str, Command] = {
    "visits": Command("how many visits, by the rule that tells them apart", _asking("visits")),
    "funnel": Command("how far people get, step by step", _asking("funnels")),
    "paths": Command("what comes after, before or between", _asking("paths")),
    "retention": Command("who comes back, by period since", _asking("retention")),
    "activity": Command("stickiness, lifecycle and churn by period", _asking("activity")),
    "attribution": Command("which touches earn conversions", _asking("attribution")),
    "stages": Command("moves between stages, and the journey map", _asking("stages")),
    "friction": Command("where people struggle, and what it may cost", _asking("friction")),
    "timeline": Command("one person's touchpoints, in order", _timeline_arguments),
}
