"""Asking the lake about journeys: which touchpoints a question reads, and its answer.

The door between `journeys`, which knows no lake, and those who ask: the assets of `insights` and the
commands. Robots, machines acting for people, and touchpoints of nobody are left out, and counted by
`left_out`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from functools import reduce
from operator import or_
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from journey_platform.engine import PLACE, Engine
from journey_platform.journeys import questions as q
from journey_platform.journeys.answers import Asked, Span, answers
from journey_platform.journeys.conditions import PROFILE, Condition
from journey_platform.journeys.declared import Declared, load
from journey_platform.journeys.history import ACCOUNT, MOOD, SORT, Owner
from journey_platform.journeys.predicates import predicate
from journey_platform.settings import Settings
from journey_platform.tables import ACCOUNT_MEMBERS_TABLE, JOURNEY_TOUCHPOINTS, PROFILES_TABLE, SENTIMENT

if TYPE_CHECKING:
    import ibis.expr.types as ir

_FEW = 0.1
"""What share of the touchpoints looked at is few: judged by those of one day in so many."""
_EVERY = 10


def declared(settings: Settings) -> Declared:
    """The journeys that are declared; none without a file. Raises `DeclarationError` naming its mistakes."""
    return load(Path(settings.journeys)) if settings.journeys else Declared()


def ask(engine: Engine, asked: Iterable[Asked], *, rows_per_call: int = 500_000) -> dict[str, list[pa.Table]]:
    """Per table's name the answers to its questions, from one sorted read of persons, accounts, devices."""
    everything = list(asked)
    first = min((_first_day(one) for one in everything), default=date.max)

    def wholes(these: Sequence[Asked]) -> Iterator[pa.Table]:
        owner, columns = these[0].owner, frozenset().union(*(one.columns for one in these))
        days = _days(first, everything[0].span.last)
        coded = sorted(name for name in columns if _is_text(name))
        has_few = _few_count(engine, these, columns, days)
        if owner == "person_key":
            # A person's place in the table is the order of SORT, and a number.
            read = touchpoints(engine, columns, days, has_place=True)
            rows = engine.persons(
                _looked_at(read, these, has_few), sort_by=[PLACE], rows_per_call=rows_per_call, coded=coded
            )
            yield from (some.drop_columns(PLACE) for some in rows)
        else:
            read = touchpoints(engine, columns | set(SORT), days, owner=owner)
            yield from engine.persons(
                _looked_at(read, these, has_few),
                person=owner,
                sort_by=SORT,
                rows_per_call=rows_per_call,
                coded=coded,
            )

    return answers(everything, wholes)


def touchpoints(
    engine: Engine,
    columns: Iterable[str],
    days: Iterable[date],
    *,
    owner: Owner = "person_key",
    has_place: bool = False,
) -> "ir.Table":
    """People's own touchpoints of these days with `columns`, those of the profile as `profile.NAME`.

    `owner`: whose; a device's also where nobody knows the person. `has_place`: with `engine.PLACE`."""
    every = engine.table(JOURNEY_TOUCHPOINTS, days, has_place=has_place)
    own = every.device_key if owner == "device_key" else every.person_key
    found = every.filter(own.notnull() & ~_is_made_by_machine(every))
    ofprofile = sorted(name for name in columns if name.startswith(PROFILE))
    if ofprofile:
        profiles = engine.table(PROFILES_TABLE)
        named = profiles.select(
            profiles.person_key.name("profile_key"),
            **{name: profiles[name.removeprefix(PROFILE)] for name in ofprofile},
        )
        found = found.left_join(named, found.person_key == named.profile_key)
    if MOOD in columns:
        moods = engine.table(SENTIMENT, days)
        told = moods.select(moods.touchpoint_id.name("written"), moods.compound.name(MOOD))
        found = found.left_join(told, found.touchpoint_id == told.written)
    if owner == ACCOUNT:
        # Who belongs to two accounts acts for both.
        members = engine.table(ACCOUNT_MEMBERS_TABLE)
        named = members.select(ACCOUNT, members.person_key.name("member_key"))
        found = found.inner_join(named, found.person_key == named.member_key)
    return found.select(*sorted(columns), *([PLACE] if has_place else []))


def _few_count(engine: Engine, these: Sequence[Asked], columns: Iterable[str], days: Sequence[date]) -> bool:
    """Whether few of the touchpoints looked at make one count: then finding their owners first pays."""
    if any(one.counts is None for one in these):
        return False
    some = touchpoints(engine, columns, days[::_EVERY], owner=these[0].owner)
    counting = _any_of(some, [one.counts for one in these])
    if counting is None:
        return False
    rows = _any_of(some, [one.looks_at for one in these])
    looked_at = some.count() if rows is None else rows.sum()
    [told] = engine.arrow(some.aggregate(looked_at=looked_at, counting=counting.sum())).to_pylist()
    return bool((told["counting"] or 0) <= _FEW * (told["looked_at"] or 0))


def _looked_at(read: "ir.Table", these: Sequence[Asked], has_few: bool) -> "ir.Table":
    """The rows that may change one of the answers, or a few more."""
    rows = _any_of(read, [one.looks_at for one in these])
    found = read if rows is None else read.filter(rows)
    if not has_few:
        return found
    owner = these[0].owner
    counting = _any_of(read, [one.counts for one in these])
    return found.semi_join(read.filter(counting).select(owner), owner)


def _any_of(read: "ir.Table", conditions: Sequence[Condition | None]) -> "ir.BooleanValue | None":
    """Where one of the conditions holds; None where one of them is none, or is none of SQL's."""
    told = [None if one is None else predicate(one, read) for one in conditions]
    found = [one for one in told if one is not None]
    return reduce(or_, found) if len(found) == len(told) else None


def left_out(engine: Engine, days: Iterable[date]) -> Mapping[str, int]:
    """How many touchpoints no journey holds: of robots and machines, and of nobody that is known."""
    every = engine.table(JOURNEY_TOUCHPOINTS, days)
    is_machine = _is_made_by_machine(every)
    counts = every.aggregate(
        touchpoints=every.count(),
        of_machines=is_machine.sum(),
        of_nobody=(every.person_key.isnull() & ~is_machine).sum(),
    )
    [row] = engine.arrow(counts).to_pylist()
    return {name: int(number or 0) for name, number in row.items()}


def days_read(asked: Iterable[Asked]) -> list[date]:
    """The days that these questions read."""
    everything = list(asked)
    if not everything:
        return []
    return _days(min(map(_first_day, everything)), everything[0].span.last)


def _is_made_by_machine(every: "ir.Table") -> "ir.BooleanValue":
    return every.is_bot.fill_null(False) | every.is_machine.fill_null(False)


def _is_text(column: str) -> bool:
    """Whether a column is text of which many touchpoints have the same. Those of a visit's own are not."""
    schema = PROFILES_TABLE.schema if column.startswith(PROFILE) else JOURNEY_TOUCHPOINTS.schema
    name = column.removeprefix(PROFILE)
    is_there = name in schema.names and name not in ("touchpoint_id", "visit_id")
    return bool(is_there and pa.types.is_string(schema.field(name).type))


def _first_day(one: Asked) -> date:
    """Attribution and visits look back from their first day, and activity at everything before."""
    span, question = one.span, one.question
    if isinstance(question, q.Activity):
        return span.first
    back = 0
    if isinstance(question, q.Attribution):
        back = q.seconds(question.lookback) // 86_400 + 1
    elif isinstance(question, q.Visits):
        back = q.seconds(question.gap) // 86_400 + 1
    return max(span.first, span.last - timedelta(days=question.days - 1 + back))


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def asked_of(found: Declared, span: Span) -> list[Asked]:
    """Every declared question, ready to be asked."""
    return [
        Asked(name, question, span, found.segments)
        for questions in found.questions.values()
        for name, question in questions.items()
    ]
