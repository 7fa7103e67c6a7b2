"""`journey kpi NAME`: its values as they are, as they were published then, and how they were restated."""

import argparse
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, get_args
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from journey_platform import settings
from journey_platform.asking import declared
from journey_platform.history.lineage import Lineage, lineage, raw_records
from journey_platform.history.published import Published, kpi_named, published
from journey_platform.identity.keys import profile_id
from journey_platform.journeys.segments import memberships, of_people
from journey_platform.kpis.bridges import BY_NAME
from journey_platform.kpis.definition import EVERYTHING, SEGMENT, Kpi, Period
from journey_platform.kpis.grains.registry import GRAINS
from journey_platform.kpis.members import Cell
from journey_platform.kpis.only import OF_PEOPLE, only
from journey_platform.kpis.periods import start_of
from journey_platform.lake import Lake
from journey_platform.tables import BRIDGES, PROFILES_TABLE, RESTATEMENTS

HELP = "a KPI's values, with their parts: now, or as they were published at a time"

_Lines = Iterator[str]


def add_commands(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="the KPI's name in the catalogue")
    parser.add_argument("--day", type=date.fromisoformat, help="only the period that holds this day")
    parser.add_argument(
        "--dimension", metavar="NAME[=VALUE]", help="all, or one that it is shown by; default every"
    )
    parser.add_argument("--period", choices=get_args(Period), help="of --members; default its shortest")
    parser.add_argument(
        "--only",
        metavar="NAME=VALUE",
        help=f"the value of some people alone, made when asked: {', '.join(OF_PEOPLE)}; needs --day",
    )
    parser.add_argument("--members", action="store_true", help="the people and raw records behind a value")
    parser.add_argument(
        "--as-of",
        metavar="DATE",
        help="as published at the end of this local day, or at a time: 2026-03-01T12:00+01:00",
    )
    parser.add_argument("--restatements", action="store_true", help="what published values became, and why")
    parser.add_argument("--against", metavar="NAME", help="another variant: the steps that lead to it")
    parser.set_defaults(run=_run)


def _run(chosen: argparse.Namespace) -> _Lines:
    kpi, known = kpi_named(chosen.name), settings.load()
    lake = Lake(known.root, known.storage_options)
    dimension, _, value = (chosen.dimension or "").partition("=")
    if dimension not in ("", *kpi.dimensions):
        raise LookupError(f"{kpi.name} is shown by {', '.join(kpi.dimensions)}")
    if chosen.only is not None:
        return _only(lake, known, kpi, chosen)
    if chosen.members:
        return _members(lake, known, kpi, chosen, dimension or kpi.dimensions[0], value)
    starts = None if chosen.day is None else {start_of(chosen.day, period) for period in get_args(Period)}
    at = None if chosen.as_of is None else _moment(chosen.as_of, known.zone)
    if chosen.against is not None:
        return _bridge(lake, kpi, kpi_named(chosen.against), starts)
    if chosen.restatements:
        return _restatements(lake, kpi, starts, dimension or None, at)
    found = published(lake, kpi, at=at, days=starts, dimension=dimension or None)
    return _values(kpi, found, chosen.day)


def _bridge(lake: Lake, first: Kpi, second: Kpi, starts: set[date] | None) -> _Lines:
    """The steps of the latest period of each kind, or of those asked for."""
    known = {(bridge.first, bridge.second): bridge.name for bridge in BY_NAME.values()}
    if (first.name, second.name) not in known:
        pairs = "; ".join(f"{one} against {other}" for one, other in known)
        raise LookupError(f"no bridge leads from {first.name} to {second.name}; there are {pairs}")
    rows = lake.read(BRIDGES)
    rows = rows.filter(pc.equal(rows["bridge"], known[first.name, second.name])).to_pylist()
    if starts is None:
        latest: dict[str, date] = {}
        for row in rows:
            latest[row["period"]] = max(row["day"], latest.get(row["period"], row["day"]))
        rows = [row for row in rows if row["day"] == latest[row["period"]]]
    for row in rows:
        if starts is None or row["day"] in starts:
            if row["place"] == 0:
                yield f"{row['period']} {row['day']}"
            yield f"  {row['value']:+.4f}  {row['step']}"


def _values(kpi: Kpi, found: Published, day: date | None) -> _Lines:
    yield f"{kpi.name}: {kpi.question}"
    yield f"  {kpi.numerator}{f' / {kpi.denominator}' if kpi.denominator else ''}"
    if found.version is None or found.published_at is None:
        yield "nothing was published"
        return
    for row in found.rows.to_pylist():
        if day is None or row["day"] == start_of(day, row["period"]):
            yield _line(row)
    yield f"published {_time(found.published_at)} as version {found.version} of kpis/{kpi.stage}"
    yield f"definition {kpi.version}, code {found.code or 'unknown'}, identity {found.identity_revision}"
    yield "data " + ", ".join(f"{name}@{version}" for name, version in found.data.items())


def _only(lake: Lake, known: settings.Settings, kpi: Kpi, chosen: argparse.Namespace) -> _Lines:
    from journey_platform.engine import Engine

    dimension, _, value = chosen.only.partition("=")
    if chosen.day is None or not value:
        raise ValueError("--only needs a value, as segment=NAME, and --day")
    said = of_people(declared(known).segments)
    if dimension == SEGMENT and value not in said:
        raise LookupError(f"{value} is no declared segment of people; there are {', '.join(said) or 'none'}")
    today = settings.now().astimezone(ZoneInfo(known.zone)).date()
    yield f"{kpi.name} of {dimension}={value}: {kpi.question}"
    with Engine(lake, memory_limit=known.memory_limit) as engine:
        for period in (chosen.period,) if chosen.period else kpi.periods:
            start = start_of(chosen.day, period)
            row = only(
                kpi,
                engine,
                period=period,
                start=start,
                as_of=today,
                dimension=dimension,
                value=value,
                segments=memberships(lake.read(PROFILES_TABLE), said),
            )
            bounds = "" if row["lower"] is None else f"  [{_number(row['lower'])}, {_number(row['upper'])}]"
            below = "" if row["denominator"] is None else f"/{_number(row['denominator'])}"
            told = f"{_number(row['value'])}{bounds}  {_number(row['numerator'])}{below}  n={row['n']}"
            yield f"{period} {start}  {told}"


def _members(
    lake: Lake, known: settings.Settings, kpi: Kpi, chosen: argparse.Namespace, dimension: str, value: str
) -> _Lines:
    from journey_platform.engine import Engine

    if chosen.day is None:
        raise ValueError("--members needs --day")
    if dimension != EVERYTHING and not value:
        raise ValueError(f"--members needs a value: --dimension {dimension}=VALUE")
    period: Period = chosen.period or kpi.periods[0]
    if period not in kpi.periods:
        raise LookupError(f"{kpi.name} is valued per {', '.join(kpi.periods)}")
    today = settings.now().astimezone(ZoneInfo(known.zone)).date()
    with Engine(lake, memory_limit=known.memory_limit) as engine:
        segments = memberships(lake.read(PROFILES_TABLE), of_people(declared(known).segments))
        cell = Cell(kpi, period, start_of(chosen.day, period), dimension, value or EVERYTHING)
        found = lineage(lake, engine, cell, as_of=today, segments=segments)
    yield from _told(kpi, found)


def _told(kpi: Kpi, found: Lineage) -> _Lines:
    behind = raw_records(kpi, found)
    for row in found.members.units.to_pylist():
        whose = profile_id(row["person_key"]) if row["person_key"] is not None else "nobody"
        adds = _number(row["above"]) + ("" if kpi.denominator is None else f"/{_number(row['below'])}")
        yield f"{adds}  {whose}  {GRAINS[kpi.grain].one_per} {row['unit']}: {', '.join(behind[row['unit']])}"
    for row in found.members.excluded.to_pylist():
        yield f"left out  {found.raw[row['touchpoint_id']]}: {row['reason']}"
    for record, reason in found.refused:
        yield f"left out  {record}: in quarantine, {reason}"
    again = found.again
    below = "" if again.denominator is None else f"/{_number(again.denominator)}"
    yield f"from this list: {_number(again.numerator)}{below}, {_number(again.value)}"
    published = "nothing" if found.published is None else _number(found.published["value"])
    yield f"published: {published}" + ("" if found.is_equal else "; not what the list gives")


def _line(row: dict[str, Any]) -> str:
    parts = _number(row["numerator"])
    if row["denominator"] is not None:
        parts += f"/{_number(row['denominator'])}"
    interval = "" if row["lower"] is None else f"  [{_number(row['lower'])}, {_number(row['upper'])}]"
    return (
        f"{row['period']} {row['day']}  {row['dimension']}={row['dimension_value']}"
        f"  {_number(row['value'])}{interval}"
        f"  {parts}  n={row['n']}  {row['status']}  coverage {row['coverage']:.0%}"
        f"  definition {row['definition_version']}"
    )


def _restatements(
    lake: Lake, kpi: Kpi, starts: set[date] | None, dimension: str | None, until: datetime | None
) -> _Lines:
    rows = lake.read(RESTATEMENTS)
    rows = rows.filter(pc.equal(rows["kpi"], kpi.name))
    if starts is not None:
        rows = rows.filter(pc.is_in(rows["value_day"], pa.array(sorted(starts), pa.date32())))
    if dimension is not None:
        rows = rows.filter(pc.equal(rows["dimension"], dimension))
    for row in rows.to_pylist():
        if until is not None and row["published_at"] > until:
            continue
        was = "mature" if row["is_mature"] else row["old_status"] or "absent"
        change = "" if row["change"] is None else f"  {row['change']:+.6g}"
        outside = "  outside its interval" if row["is_significant"] else ""
        yield (
            f"{_time(row['published_at'])}  {row['value_day']}  {row['dimension']}={row['dimension_value']}"
            f"  {_number(row['old_value'])} -> {_number(row['new_value'])}{change}{outside}  was {was}"
        )
        for cause in row["causes"]:
            yield f"    {cause['kind']} {cause['name']}: {cause['detail']}"


def _moment(text: str, zone: str) -> datetime:
    """The end of a local day, or a time with a zone."""
    moment = datetime.fromisoformat(text)
    if "T" not in text.upper():
        ended = datetime.combine(moment.date() + timedelta(days=1), time(), tzinfo=ZoneInfo(zone))
        return ended.astimezone(UTC) - timedelta(milliseconds=1)
    if moment.tzinfo is None:
        raise ValueError("a time needs a zone")
    return moment.astimezone(UTC)


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.6g}"
