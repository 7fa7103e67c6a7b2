"""From a declared question to its table: which columns it needs, what its kernel keeps, what that adds up to.

`Asked` is one question in the course of being answered: it sees the histories of some whole persons at a
time, all questions the same ones, and answers when it has seen all. Where rows come from is for the caller
to say.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any, get_args
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

from journey_platform.journeys import questions as q
from journey_platform.journeys.conditions import Condition, condition
from journey_platform.journeys.declared import SESSION_START
from journey_platform.journeys.history import (
    ALWAYS_READ,
    NEEDED_FOR_SESSIONS,
    OWNERS,
    History,
    Owner,
    history,
)
from journey_platform.journeys.kinds import kernel, summary
from journey_platform.journeys.sessions import session_starts
from journey_platform.tables import (
    ACTIVITY,
    ATTRIBUTION,
    FRICTION,
    FUNNELS,
    PATHS,
    RETENTION,
    STAGES,
    VISITS,
    Table,
)

TABLES: Mapping[type[q.Question], Table] = {
    q.Visits: VISITS,
    q.Funnel: FUNNELS,
    q.Paths: PATHS,
    q.Retention: RETENTION,
    q.Activity: ACTIVITY,
    q.Attribution: ATTRIBUTION,
    q.Stages: STAGES,
    q.Friction: FRICTION,
}
_AT_ONCE = 2


@dataclass(frozen=True)
class Span:
    """The days of the data: `first` to `last`, both included, in the reporting `zone`."""

    first: date
    last: date
    zone: str

    @property
    def until(self) -> int:
        """The end of the last day, microseconds since 1970."""
        return self._begin(self.last + timedelta(days=1))

    def since(self, days: int) -> int:
        """The begin of the last `days` days."""
        return self._begin(max(self.first, self.last - timedelta(days=days - 1)))

    def _begin(self, day: date) -> int:
        moment = datetime.combine(day, time(), tzinfo=ZoneInfo(self.zone)).astimezone(UTC)
        return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


@dataclass
class Asked:
    """A question with a name, and what its kernel has found so far."""

    name: str
    question: q.Question
    span: Span
    segments: Mapping[str, str] = field(default_factory=dict)
    found: list[pa.Table] = field(default_factory=list, repr=False)

    @property
    def owner(self) -> Owner:
        """The column of whose rows it sees together."""
        unit = getattr(self.question, "unit", "person")
        return OWNERS.get(unit, "person_key")

    @property
    def has_starts(self) -> bool:
        """Whether it looks at where sessions begin."""
        return SESSION_START in self._named()

    @property
    def columns(self) -> frozenset[str]:
        """Columns of touchpoints, and of the profile as `profile.NAME`, that it reads."""
        named = self._named()
        if SESSION_START in named or _is_by_session(self.question):
            named |= {*NEEDED_FOR_SESSIONS}
        return frozenset(named - {SESSION_START})

    def _named(self) -> set[str]:
        named = {*self.question.columns(), *ALWAYS_READ, self.owner}
        for column in list(named):
            if column not in self.segments and "," not in column:
                continue
            named.remove(column)
            for part in column.split(","):
                named |= self.condition(part.strip()).columns
        for text in self.question.conditions():
            named |= self.condition(text).columns
        return named

    def condition(self, text: str) -> Condition:
        return condition(text, self.segments)

    @property
    def looks_at(self) -> Condition | None:
        """What a touchpoint fulfils that may change the answer; None where any may."""
        if self.has_starts:
            return None
        told = (self.question.looks_at(), filter(None, [self.question.where]))
        every = [" or ".join(f"({text})" for text in texts) for texts in told]
        return self._all_of(filter(None, every))

    @property
    def counts(self) -> Condition | None:
        """What one of an owner's touchpoints fulfils where the owner may change the answer; None where any
        may."""
        return None if self.has_starts else self._all_of(filter(None, [self.question.counts()]))

    def _all_of(self, texts: Iterable[str]) -> Condition | None:
        together = " and ".join(f"({text})" for text in texts)
        return self.condition(together) if together else None

    def see(self, rows: Any) -> None:
        """Look at whole owners."""
        self.found.append(self.found_in(seen_rows(rows, owner=self.owner)))

    def found_in(self, events: History) -> pa.Table:
        """What its kernel finds in the histories of whole owners."""
        seen = events.select(self.columns | {SESSION_START})
        if self.question.where is not None:
            seen = seen.take(seen.mask(self.condition(self.question.where)))
        if _is_by_session(self.question):
            seen = seen.by_session(q.seconds(self.question.gap))
        return kernel(self.question, self, seen)

    def answer(self) -> pa.Table:
        """The rows of the question's table, under its name."""
        table = TABLES[type(self.question)]
        rows = summary(self.question, self, pa.concat_tables(self.found))
        named = rows if isinstance(rows, list) else rows.to_pylist()
        return pa.Table.from_pylist([{"name": self.name, **row} for row in named], schema=table.schema)


def seen_rows(rows: Any, *, owner: Owner = "person_key", has_starts: bool = True) -> History:
    """The history of Arrow or Ibis rows, with where sessions begin if the columns for it are there (and
    `has_starts`)."""
    events = history(rows, by=owner)
    if not has_starts or not set(NEEDED_FOR_SESSIONS) <= set(events.rows.column_names):
        return events
    # An account's rows are those of several persons on several devices: each device's are in order.
    order, is_start = session_starts(events.rows)
    flags = np.zeros(len(events), dtype=bool)
    flags[order] = is_start
    return events.with_column(SESSION_START, pa.array(flags))


def answers(
    asked: Iterable[Asked], wholes: Callable[[Sequence[Asked]], Iterable[pa.Table]]
) -> dict[str, list[pa.Table]]:
    """Per table's name the answers to its questions, from one pass over persons, one over accounts and one
    over devices, where those are asked for.

    `wholes`: given questions with one owner, rows of whole ones with the columns that these read, sorted.
    """
    everything = list(asked)
    for owner in get_args(Owner):
        these = [one for one in everything if one.owner == owner]
        if not these:
            continue
        for tables in _side_by_side(partial(_look, these), wholes(these)):
            for one, table in zip(these, tables, strict=True):
                one.found.append(table)
    found: dict[str, list[pa.Table]] = {}
    for one in everything:
        found.setdefault(TABLES[type(one.question)].name, []).append(one.answer())
    return found


def _look(asked: Sequence[Asked], rows: pa.Table) -> list[pa.Table]:
    """What each question finds in some whole owners."""
    events = seen_rows(rows, owner=asked[0].owner, has_starts=any(one.has_starts for one in asked))
    return [one.found_in(events) for one in asked]


def _side_by_side(
    look: Callable[[pa.Table], list[pa.Table]], pieces: Iterable[pa.Table]
) -> Iterator[list[pa.Table]]:
    """What is found in each piece, in their order, two looked at while the next is read."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        waiting: deque[Future[list[pa.Table]]] = deque()
        for piece in pieces:
            waiting.append(pool.submit(look, piece))
            if len(waiting) > _AT_ONCE:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _is_by_session(question: q.Question) -> bool:
    return isinstance(question, q.Friction) or getattr(question, "unit", "person") == "session"
