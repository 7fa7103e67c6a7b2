"""The lake: tables read by day and version, written by replacing whole days in one commit.

Every write goes the same way. The content of each day is compared with what the table holds; what differs
is written as one file a day; one commit swaps the files and carries run id, cursor and the days' counts. A
commit succeeds only directly after the version that was compared with; otherwise the comparison is made
again. So a reader sees the old days or the new ones, equal content writes nothing, and of two writers of
one day one wins whole.
"""

import random
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from journey_platform.lake import rows as checks
from journey_platform.lake.errors import Conflict, LakeError
from journey_platform.lake.expiry import Expired, expire
from journey_platform.lake.files import DataFile, DayState
from journey_platform.lake.fingerprint import fingerprint
from journey_platform.lake.kept import Kept
from journey_platform.lake.place import Commit, Place
from journey_platform.lake.snapshot import Snapshot
from journey_platform.tables import Table

# A day that shrinks below half of its rows is held, unless it loses no more than a handful.
_SHRINK_RATIO = 0.5
_HANDFUL = 10
_ATTEMPTS = 60
_ROWS_PER_GROUP = 131_072
_WRITERS = 2


@dataclass(frozen=True, slots=True)
class DayWrite:
    """What became of one day. `rows` and `fingerprint` are what the day holds now; `held` says why its
    earlier content stays although another was offered."""

    day: date
    rows: int
    fingerprint: str
    is_changed: bool
    held: str | None


@dataclass(frozen=True, slots=True)
class TableWrite:
    """What became of a table that is not daily."""

    rows: int
    fingerprint: str
    is_changed: bool


class DayContent:
    """The rows a day shall hold: how many, and a way to go through them in the table's order, repeatedly.

    Batches have the table's schema and are the same each time; each becomes a row group, so their borders
    must follow from the content alone.
    """

    def __init__(self, table: Table, rows: int, batches: Callable[[], Iterable[pa.Table]]) -> None:
        self._table = table
        self._rows = rows
        self.batches = batches

    @classmethod
    def of(cls, table: Table, rows: pa.Table) -> "DayContent":
        """Rows in memory, conforming and sorted."""
        starts = range(0, len(rows), _ROWS_PER_GROUP)
        return cls(table, len(rows), lambda: (rows.slice(start, _ROWS_PER_GROUP) for start in starts))

    @cached_property
    def state(self) -> DayState:
        """`version` is 0: content that is not committed has none."""
        return DayState(self._rows, fingerprint(self._table, self.batches()), 0)


_Slot = date | None
_Propose = Callable[[Snapshot, _Slot], DayContent]


@dataclass(frozen=True, slots=True)
class _Outcome:
    state: DayState
    is_changed: bool
    held: str | None = None


class Lake:
    """Tables under one root: a folder, or s3://, gs:// or az:// with `storage_options` for delta-rs."""

    def __init__(self, root: str, storage_options: Mapping[str, str] | None = None) -> None:
        self.root = root.rstrip("/") if "://" in root else str(Path(root).resolve())
        self._options = storage_options
        self._places: dict[Table, Place] = {}
        self._kept = Kept()

    # Reading

    def files(
        self, table: Table, days: Iterable[date] | None = None, *, version: int | None = None
    ) -> list[str]:
        """Absolute paths or URLs of the Parquet files that hold rows, in the order of days."""
        snapshot = self._place(table).open(version)
        return [] if snapshot is None else snapshot.uris(f for f in _chosen(snapshot, days) if f.state.rows)

    def read(
        self,
        table: Table,
        days: Iterable[date] | None = None,
        *,
        columns: Sequence[str] | None = None,
        version: int | None = None,
    ) -> pa.Table:
        """The table's rows in its order, with the declared types; an empty table where nothing is."""
        schema = (
            table.schema if columns is None else pa.schema([table.schema.field(name) for name in columns])
        )
        snapshot = self._place(table).open(version)
        if snapshot is None:
            return schema.empty_table()
        parts = [snapshot.read(file.day, columns) for file in _chosen(snapshot, days)]
        return pa.concat_tables([schema.empty_table(), *parts])

    def day_states(self, table: Table, *, version: int | None = None) -> dict[date, DayState]:
        """What each landed day holds, days without rows included, in the order of days."""
        snapshot = self._place(table).open(version)
        return {} if snapshot is None else {d: f.state for d, f in snapshot.files.items() if d is not None}

    def cursor(self, table: Table) -> str | None:
        """The cursor committed last."""
        snapshot = self._place(table).open()
        return None if snapshot is None else snapshot.cursor()

    def standing(self, table: Table, made_with: str) -> TableWrite | None:
        """A table that is not daily, as it stands, if its newest commit says that it was made with that."""
        snapshot = self._place(table).open()
        if snapshot is None or snapshot.made_with() != made_with:
            return None
        state = snapshot.files[None].state
        return TableWrite(state.rows, state.fingerprint, is_changed=False)

    def version(self, table: Table) -> int | None:
        """The newest version; None where the table is not there yet."""
        snapshot = self._place(table).open()
        return None if snapshot is None else snapshot.version

    def commit(self, table: Table, version: int) -> Commit | None:
        """What the commit of a version says of itself; None where nothing is known of it."""
        return self._place(table).commit(version)

    def version_at(self, table: Table, moment: datetime) -> int | None:
        """The version that was the newest at `moment` (with a zone); None before the first."""
        snapshot = self._place(table).open()
        return None if snapshot is None else snapshot.version_at(moment)

    def has_version(self, table: Table, version: int) -> bool:
        """Whether that version can still be read."""
        try:
            return self._place(table).open(version) is not None
        except LakeError:
            return False

    def content(self, table: Table, *, version: int | None = None) -> dict[date | None, str]:
        """The fingerprint of each day's rows; of all rows under None where the table is not daily."""
        snapshot = self._place(table).open(version)
        return {} if snapshot is None else {d: f.state.fingerprint for d, f in snapshot.files.items()}

    # Writing

    def replace_days(
        self,
        table: Table,
        rows: pa.Table,
        days: Sequence[date],
        *,
        run_id: str,
        cursor: str | None = None,
        allow_shrink: bool = False,
    ) -> list[DayWrite]:
        """Make `days` hold exactly `rows`, in one commit; no commit where nothing is new.

        A day that would become empty or shrink by more than half is held, unless `allow_shrink`. Rows of
        other days, repeated keys and rows that do not fit the declaration raise `RefusedRows`.
        """
        parts = checks.by_day(table, checks.conform(table, rows), _checked(days))
        for day, part in parts.items():
            checks.check_keys(table, part, f" on {day}")
        contents = {day: DayContent.of(table, part) for day, part in parts.items()}
        return self.write_days(table, contents, run_id=run_id, cursor=cursor, allow_shrink=allow_shrink)

    def write_days(
        self,
        table: Table,
        contents: Mapping[date, DayContent],
        *,
        run_id: str,
        cursor: str | None = None,
        allow_shrink: bool = False,
    ) -> list[DayWrite]:
        """`replace_days` for days too large for memory, whose rows are known to be sorted and unique."""

        def propose(_: Snapshot, day: _Slot) -> DayContent:
            assert day is not None
            return contents[day]

        days = _checked(contents)
        return _day_writes(self._write(table, days, propose, run_id, cursor, is_guarded=not allow_shrink))

    def rewrite_days(
        self,
        table: Table,
        days: Iterable[date],
        change: Callable[[date, pa.Table], pa.Table],
        *,
        run_id: str,
        cursor: str | None = None,
    ) -> list[DayWrite]:
        """Replace each day by what `change` makes of the rows it holds.

        `change` is called again with the newer rows when another writer committed first, so that writers of
        one day add up. A day that is not there and stays empty is not created.
        """

        def propose(snapshot: Snapshot, day: _Slot) -> DayContent:
            assert day is not None
            changed = checks.conform(table, change(day, snapshot.read(day)))
            part = checks.by_day(table, changed, [day])[day]
            checks.check_keys(table, part, f" on {day}")
            return DayContent.of(table, part)

        outcomes = self._write(
            table, _checked(days), propose, run_id, cursor, is_guarded=False, skips_empty=True
        )
        return _day_writes(outcomes)

    def add_versions(
        self, table: Table, rows: pa.Table, *, run_id: str, cursor: str | None
    ) -> list[DayWrite]:
        """Add record versions to an entity archive: those whose primary key is not there yet. The cursor is
        committed with them, also where every version was known."""
        conformed = checks.conform(table, rows)
        days = sorted(set(conformed.column("day").to_pylist()))
        parts = checks.by_day(table, conformed, days)

        def union(day: date, known: pa.Table) -> pa.Table:
            return checks.union(table, known, parts[day])

        return self.rewrite_days(table, days, union, run_id=run_id, cursor=cursor)

    def replace_all(
        self,
        table: Table,
        rows: pa.Table,
        *,
        run_id: str,
        cursor: str | None = None,
        made_with: str | None = None,
    ) -> TableWrite:
        """Make a table that is not daily hold exactly `rows`.

        `made_with`, any text, stands with the commit until another one is made.
        """
        ordered = checks.in_order(table, checks.conform(table, rows))
        checks.check_keys(table, ordered, "")
        content = DayContent.of(table, ordered)
        outcome = self._write(
            table, [None], lambda *_: content, run_id, cursor, is_guarded=False, made_with=made_with
        )[None]
        return TableWrite(outcome.state.rows, outcome.state.fingerprint, outcome.is_changed)

    def shed_history(self, table: Table) -> tuple[int, int]:
        """Remove at once what earlier versions left: (data files, log entries). They cannot be read again.

        Nothing changes for readers of the newest version. Raises `WriteFailed` where something stays.
        """
        snapshot = self._place(table).open()
        return (0, 0) if snapshot is None else snapshot.shed_history()

    def expire(self, table: Table, *, before: datetime, now: datetime, keep: Collection[int] = ()) -> Expired:
        """Let go of the files that only versions superseded before `before` need; see `lake.expiry`.

        Readers of what is left see no change, and no version is added.
        """
        return expire(self._place(table), before=before, now=now, keep=keep)

    # The one way to commit

    def _write(
        self,
        table: Table,
        slots: Sequence[_Slot],
        propose: _Propose,
        run_id: str,
        cursor: str | None,
        *,
        is_guarded: bool,
        skips_empty: bool = False,
        made_with: str | None = None,
    ) -> dict[_Slot, _Outcome]:
        if table.is_daily != (None not in slots):
            raise LakeError(f"{table.name}: {'a daily table' if table.is_daily else 'a table without days'}")
        place = self._place(table)
        staged: dict[tuple[_Slot, str], DataFile] = {}

        def compare(snapshot: Snapshot, slot: _Slot) -> tuple[_Outcome, DataFile | None]:
            content, old = propose(snapshot, slot), snapshot.files.get(slot)
            new = content.state
            if old is not None and old.state.rows == new.rows and old.state.fingerprint == new.fingerprint:
                return _Outcome(old.state, False), None
            if old is None and skips_empty and not new.rows:
                return _Outcome(new, False), None
            if old is not None and is_guarded and (reason := _why_held(old.state.rows, new.rows)):
                return _Outcome(old.state, False, reason), None
            file = staged.get((slot, new.fingerprint))
            if file is None:
                file = place.write(slot, new, snapshot.version + 1, content.batches())
                staged[slot, new.fingerprint] = file
            elif file.state.version != snapshot.version + 1:
                file = staged[slot, new.fingerprint] = place.restamp(file, snapshot.version + 1)
            return _Outcome(file.state, True), file

        try:
            with ThreadPoolExecutor(_WRITERS) as pool:
                for attempt in range(_ATTEMPTS):
                    snapshot = place.create()
                    if not snapshot.add_columns():
                        continue
                    compared = dict(zip(slots, pool.map(partial(compare, snapshot), slots), strict=True))
                    outcomes = {slot: outcome for slot, (outcome, _) in compared.items()}
                    coming = [file for _, file in compared.values() if file is not None]
                    known = snapshot.cursor()
                    if not coming and cursor in (None, known) and made_with in (None, snapshot.made_with()):
                        return outcomes
                    metadata = _metadata(run_id, known if cursor is None else cursor, made_with, coming)
                    if snapshot.commit(coming, metadata):
                        # They belong to that version for good, even if the next commit is here already.
                        staged = {key: file for key, file in staged.items() if file not in coming}
                        return outcomes
                    time.sleep(random.uniform(0, min(0.01 * 2**attempt, 0.5)))
            raise Conflict(f"{table.name}: other writers committed first {_ATTEMPTS} times")
        finally:
            if staged:
                place.discard(file.path for file in staged.values())

    def _place(self, table: Table) -> Place:
        if table not in self._places:
            self._places[table] = Place(self.root, table, self._options, self._kept)
        return self._places[table]


def _why_held(old: int, new: int) -> str | None:
    if old and not new:
        return f"no rows were offered for a day that holds {old}"
    if new < old * _SHRINK_RATIO and old - new > _HANDFUL:
        return f"{new} rows were offered for a day that holds {old}"
    return None


def _metadata(
    run_id: str, cursor: str | None, made_with: str | None, coming: Iterable[DataFile]
) -> dict[str, Any]:
    days = {
        "all" if file.day is None else file.day.isoformat(): {
            "rows": file.state.rows,
            "fingerprint": file.state.fingerprint,
        }
        for file in coming
    }
    made = {} if made_with is None else {"made_with": made_with}
    return {"run_id": run_id, "cursor": cursor, **made, "days": days}


def _day_writes(outcomes: Mapping[_Slot, _Outcome]) -> list[DayWrite]:
    return [
        DayWrite(day, outcome.state.rows, outcome.state.fingerprint, outcome.is_changed, outcome.held)
        for day, outcome in outcomes.items()
        if day is not None
    ]


def _checked(days: Iterable[date]) -> list[date]:
    """Distinct days in order. Only plain dates: what is not one never reaches a path."""
    given = list(days)
    for day in given:
        if type(day) is not date:
            raise TypeError(f"a day is a datetime.date, not {type(day).__name__}")
    return sorted(set(given))


def _chosen(snapshot: Snapshot, days: Iterable[date] | None) -> list[DataFile]:
    if days is None:
        return list(snapshot.files.values())
    wanted = set(_checked(days))
    return [file for file in snapshot.files.values() if file.day in wanted]
