"""Why a published value changed: which source on which days, which identities, which definition, which code.

A cause is told from content, not from versions alone: a stream is named where touchpoints that came from it
differ on the days behind the value, identity where touchpoints of those days changed hands.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from journey_platform.history.trace import CODE_MARK, HOURS_MARK, History, Leap
from journey_platform.kpis.catalogue import KPIS
from journey_platform.kpis.definition import Kpi
from journey_platform.kpis.grains.registry import GRAINS
from journey_platform.kpis.late import BY_BUSINESS_HOURS
from journey_platform.kpis.periods import end_of
from journey_platform.kpis.restatements import Change
from journey_platform.tables import (
    ACCOUNT_USERS,
    CONTRACTS,
    ERASURES,
    IDENTIFIERS_TABLE,
    JOURNEY_TOUCHPOINTS,
    MAILINGS,
    PROFILES_TABLE,
    TICKETS,
)

SOURCE, IDENTITY, DEFINITION, CODE, UNEXPLAINED = "source", "identity", "definition", "code", "unexplained"
ERASURE = "erasure"

Cause = dict[str, str]

# A visit that began before midnight, or a record told on the next day, stands on a neighbouring day.
_AROUND = timedelta(days=1)
# What people are known by, and what values are divided by.
_OF_PROFILE = ("person_key", "is_known", "company", "plan", "country")


@dataclass
class _Moved:
    """What became of a day's touchpoints: differing ones by stream, and those that changed hands."""

    by_stream: Counter[str] = field(default_factory=Counter)
    of_persons: int = 0


class Causes:
    """The causes of the changes between two versions of one table of KPI values."""

    def __init__(self, history: History, leap: Leap) -> None:
        self._history = history
        self._leap = leap
        self._inputs = history.leaps(leap)
        self._leaves = history.leaves(leap)
        self._touchpoints = history.through(leap, JOURNEY_TOUCHPOINTS.name)
        self._moved: dict[date, _Moved] = {}
        self._profiles: dict[_Days, int] = {}

    def of(self, change: Change) -> list[Cause]:
        """In the order source, identity, definition, code; one that says so where none was found.

        An erasure removes the versions with which those of before could be compared: it stands for them.
        """
        if gone := self._history.gone(self._leap):
            erased = _cause(ERASURE, ERASURES.name, f"earlier versions removed of {', '.join(gone)}")
            return [erased, *_definition(change), *self._code()]
        kpi = KPIS.get(change.kpi)
        if kpi is None:
            return [_cause(DEFINITION, change.kpi, "no longer declared"), *self._code()]
        found = self._sources(kpi, change)
        # What may be summed over days counts visits, recipients or posts, whoever they belong to.
        if not (kpi.is_additive and found):
            found += self._identity(kpi, change)
        found += [*_definition(change), *self._hours(change), *self._code()]
        return found or [_cause(UNEXPLAINED, "inputs", "no input of the value is known to have changed")]

    def _sources(self, kpi: Kpi, change: Change) -> list[Cause]:
        counts: Counter[str] = Counter()
        days = _days_behind(kpi, change)
        for moved in self._on(days):
            counts.update(moved.by_stream)
        for leap in self._inputs:
            if self._is_of_touchpoints(leap):
                continue
            if days.hold(self._history.changed(leap)):
                counts.update({_stream(leaf): 0 for leaf in self._history.leaves(leap) if _is_raw(leaf)})
        archives = {_stream(leaf): leaf for leaf in self._leaves if _is_raw(leaf)}
        # What differs without a new version of its archive was mapped otherwise: see code.
        named = {name for name in counts if name in archives}
        return [
            self._source(archives[name], counts[name]) for name in sorted(named & {*kpi.sources} or named)
        ]

    def _source(self, archive: Leap, touchpoints: int) -> Cause:
        told = [f"{touchpoints} touchpoints differ"] if touchpoints else []
        told.append(f"archive version {archive.old} to {archive.new}")
        told.append(f"days {spans(self._history.changed(archive) or ())}")
        return _cause(SOURCE, _stream(archive), ", ".join(told))

    def _identity(self, kpi: Kpi, change: Change) -> list[Cause]:
        days = _days_behind(kpi, change)
        hands = sum(moved.of_persons for moved in self._on(days))
        profiles = self._other_profiles(days)
        if not hands and not profiles:
            return []
        leap = self._history.through(self._leap, IDENTIFIERS_TABLE.name)
        told = [f"{hands} touchpoints changed hands"] if hands else []
        told += [f"{profiles} profiles are described otherwise"] if profiles else []
        told += [f"identifiers version {leap.old} to {leap.new}"] if leap else []
        return [_cause(IDENTITY, IDENTIFIERS_TABLE.name, ", ".join(told))]

    def _other_profiles(self, days: "_Days") -> int:
        """Profiles seen on these days that came, went, or are known or described otherwise."""
        if days not in self._profiles:
            self._profiles[days] = self._counted_profiles(days)
        return self._profiles[days]

    def _counted_profiles(self, days: "_Days") -> int:
        leap = next((one for one in self._inputs if one.table == PROFILES_TABLE), None)
        if leap is None:
            return 0
        sides = [
            {tuple(row.values()) for row in rows.select(_OF_PROFILE).to_pylist()}
            for rows in (self._history.rows(PROFILES_TABLE, at) for at in (leap.old, leap.new))
        ]
        people = {row[0] for row in sides[0] ^ sides[1]}
        lake = self._history.lake
        there = [day for day in lake.day_states(JOURNEY_TOUCHPOINTS) if day in days]
        seen = lake.read(JOURNEY_TOUCHPOINTS, there, columns=("person_key",))["person_key"]
        return len(people & set(pc.unique(seen).to_pylist()))

    def _hours(self, change: Change) -> list[Cause]:
        """Other business hours, of which only the times in them depend."""
        if change.kpi not in BY_BUSINESS_HOURS:
            return []
        leap = next((one for one in self._inputs if one.table == TICKETS), None)
        if leap is None:
            return []
        was, now = (self._history.marks(TICKETS, at).get(HOURS_MARK) for at in (leap.old, leap.new))
        return [_cause(DEFINITION, HOURS_MARK, f"{was} to {now}")] if was and was != now else []

    def _code(self) -> list[Cause]:
        old, new = (self._history.marks(self._leap.table, at) for at in (self._leap.old, self._leap.new))
        was, now = old.get(CODE_MARK), new.get(CODE_MARK)
        return [_cause(CODE, "journey_platform", f"{was} to {now}")] if was and now and was != now else []

    def _is_of_touchpoints(self, leap: Leap) -> bool:
        return self._touchpoints is not None and (
            self._history.through(leap, JOURNEY_TOUCHPOINTS.name) is not None
        )

    def _on(self, days: "_Days") -> list[_Moved]:
        """What became of the touchpoints of each of these days that differ."""
        if self._touchpoints is None:
            return []
        changed = self._history.changed(self._touchpoints) or frozenset()
        return [self._day(self._touchpoints, day) for day in sorted(changed) if day in days]

    def _day(self, leap: Leap, day: date) -> _Moved:
        if day not in self._moved:
            old, new = (self._history.rows(leap.table, at, frozenset({day})) for at in (leap.old, leap.new))
            self._moved[day] = _compared(old, new)
        return self._moved[day]


@dataclass(frozen=True)
class _Days:
    """The days whose content a value rests on; `last` is None where later acts count, too."""

    first: date
    last: date | None

    def __contains__(self, day: date) -> bool:
        return self.first <= day and (self.last is None or day <= self.last)

    def hold(self, changed: frozenset[date] | None) -> bool:
        """Whether some changed day is among them; a table without days counts where it changed at all."""
        return changed is None or any(day in self for day in changed)


def _days_behind(kpi: Kpi, change: Change) -> _Days:
    grain = GRAINS[kpi.grain]
    if {TICKETS, CONTRACTS, ACCOUNT_USERS} & {*grain.reads}:
        return _Days(date.min, None)  # a ticket or a contract counts on days long after its own
    looks_back, looks_ahead = timedelta(days=grain.before), timedelta(days=grain.after)
    last = end_of(change.day, change.period) - timedelta(days=1) + looks_ahead + _AROUND
    is_open = kpi.is_cohort or MAILINGS in grain.reads
    return _Days(change.day - looks_back - _AROUND, None if is_open else last)


def _compared(old: pa.Table, new: pa.Table) -> _Moved:
    both = pa.concat_tables([old, new])
    owners = both.group_by("touchpoint_id").aggregate(
        [("person_key", "count_distinct", pc.CountOptions(mode="all")), ([], "count_all")]
    )
    is_moved = pc.and_(pc.greater(owners["person_key_count_distinct"], 1), pc.greater(owners["count_all"], 1))
    said = both.group_by([name for name in both.column_names if name != "person_key"]).aggregate(
        [([], "count_all")]
    )
    told_once = said.filter(pc.equal(said["count_all"], 1))
    differing = told_once.group_by(["vendor", "stream"]).aggregate([("touchpoint_id", "count_distinct")])
    by_stream = {
        f"{row['vendor']}/{row['stream']}": row["touchpoint_id_count_distinct"]
        for row in differing.to_pylist()
    }
    return _Moved(Counter(by_stream), pc.sum(is_moved).as_py() or 0)


def _definition(change: Change) -> list[Cause]:
    old, new = (row.get("definition_version") for row in (change.old, change.new))
    return [_cause(DEFINITION, change.kpi, f"version {old} to {new}")] if old and new and old != new else []


def _is_raw(leap: Leap) -> bool:
    return leap.table.key[0] == "raw"


def _stream(leap: Leap) -> str:
    return "/".join(leap.table.key[1:])


def _cause(kind: str, name: str, detail: str) -> Cause:
    return {"kind": kind, "name": name, "detail": detail}


def spans(days: Iterable[date]) -> str:
    """Days as people write them: 2026-11-03 to 2026-11-05, 2026-11-09."""
    runs: list[list[date]] = []
    for day in sorted(days):
        if runs and runs[-1][-1] + timedelta(days=1) == day:
            runs[-1].append(day)
        else:
            runs.append([day])
    told = [f"{run[0]} to {run[-1]}" if len(run) > 1 else str(run[0]) for run in runs]
    return ", ".join(told) or "none"
