"""Where people stand: every table with rows of persons, which of its rows are somebody's, and how they go.

Whom a row is about is for `identity.erasure` to say; the order in which it is done, and the receipt,
are in `erasing`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from journey_platform.identity.erasure import Erased
from journey_platform.lake import Lake
from journey_platform.landing.erased import without_theirs
from journey_platform.sources import archives, sources
from journey_platform.stewardship.inputs import contact_tables
from journey_platform.tables import (
    ACCOUNT_JOURNEYS,
    ACCOUNT_MEMBERS_TABLE,
    ACCOUNT_USERS,
    ACCOUNTS_TABLE,
    CONTRACTS,
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
    today_table,
    touchpoints_table,
)

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


def parts_of(
    lake: Lake, table: Table, days: Iterable[date | None] | None = None
) -> Iterator[tuple[date | None, pa.Table]]:
    """The rows of a table, a day at a time; all of a table without days."""
    if not table.is_daily:
        yield None, lake.read(table)
        return
    for day in lake.day_states(table) if days is None else days:
        assert day is not None
        yield day, lake.read(table, [day])


def count_theirs(
    lake: Lake, table: Table, theirs: Erased, *, since: int | None = None
) -> dict[date | None, int]:
    """How many rows are theirs: by day, or by None; of what was written after version `since`."""
    if lake.version(table) == since:
        return {}
    days = None
    if since is not None and table.is_daily:
        days = [day for day, state in lake.day_states(table).items() if state.version > since]
    parts = parts_of(lake, table, days)
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


def remove(lake: Lake, table: Table, theirs: Erased, found: dict[date | None, int], run_id: str) -> Removed:
    """Rewrite a table without what was `found`, and shed what was before."""
    if lake.version(table) is None:
        return Removed(table.name)
    if found and table.is_daily:
        days = [day for day in found if day is not None]
        lake.rewrite_days(table, days, lambda _, rows: _kept(lake, theirs, table, rows), run_id=run_id)
    elif found:
        lake.replace_all(table, _kept(lake, theirs, table, lake.read(table)), run_id=run_id)
    files, log_entries = lake.shed_history(table)
    return Removed(table.name, found, files, log_entries)
