"""The asset of accounts' journeys, and which days of KPI values a change of them concerns."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import dagster as dg

from journey_platform.defs.describe import spec, whole_assets
from journey_platform.defs.planning import nothing_by_day, plan
from journey_platform.defs.platform import Platform
from journey_platform.defs.whole import Whole, unless_standing
from journey_platform.journeys.accounts import account_journeys, deals, use
from journey_platform.tables import (
    ACCOUNT_JOURNEYS,
    ACCOUNT_MEMBERS_TABLE,
    ACCOUNT_USERS,
    ACCOUNTS_TABLE,
    CONTRACTS,
    JOURNEY_TOUCHPOINTS,
    Table,
)

_READ = (JOURNEY_TOUCHPOINTS, ACCOUNTS_TABLE, ACCOUNT_MEMBERS_TABLE)


def account_asset() -> dg.AssetsDefinition:
    """Contracts, accounts and users: one step, three tables."""

    @whole_assets(
        *ACCOUNT_JOURNEYS.key,
        specs=[
            spec(CONTRACTS, group="journeys", deps=_READ, note="Told by whoever sells: an order, or a file."),
            spec(
                ACCOUNT_JOURNEYS,
                group="journeys",
                deps=_READ,
                note="Bottom-up: somebody used the product before the first contract. Top-down: after it.",
            ),
            spec(
                ACCOUNT_USERS,
                group="journeys",
                deps=_READ,
                note="Invited, activated, habitual; on which days.",
            ),
        ],
    )
    @unless_standing(CONTRACTS, ACCOUNT_JOURNEYS, ACCOUNT_USERS, reads=_READ)
    def told(platform: Platform, whole: Whole) -> Iterator[dg.MaterializeResult]:
        lake, engine = platform.lake, platform.engine
        work = plan(lake, CONTRACTS, (), dict.fromkeys(_READ, nothing_by_day), span=platform.span)
        acts, members = engine.table(JOURNEY_TOUCHPOINTS), engine.table(ACCOUNT_MEMBERS_TABLE)
        found = account_journeys(
            engine.arrow(use(acts, members)), engine.arrow(deals(acts, members)), lake.read(ACCOUNTS_TABLE)
        )
        shapes = {
            f"shape_{entry['values']}": entry["counts"]
            for entry in found.accounts["shape"].drop_null().value_counts().to_pylist()
        }
        for table, rows, counts in (
            (CONTRACTS, found.contracts, {}),
            (ACCOUNT_JOURNEYS, found.accounts, shapes),
            (ACCOUNT_USERS, found.users, {}),
        ):
            yield whole.write(table, rows, counts, cursor=work.cursor)

    return told


def days_of_contracts(platform: Platform, since: int | None) -> set[date]:
    """All days since a contract that changed was signed: its seats count from then on."""
    changed = _changed(platform, CONTRACTS, since, ("signed_day",))
    return _until_today(platform, (row["signed_day"] for row in changed))


def days_of_accounts(platform: Platform, since: int | None) -> set[date]:
    """The days of milestones of accounts that changed, and those that decided their shape."""
    changed = _changed(platform, ACCOUNT_JOURNEYS, since, ("shaped_day", "milestones"))
    reached = {date.fromisoformat(told.partition(" ")[0]) for row in changed for told in row["milestones"]}
    return reached | {row["shaped_day"] for row in changed} - {None}


def days_of_users(platform: Platform, since: int | None) -> set[date]:
    """The days with another use than before; all since the invitation or first use where that is another."""
    columns = (
        *("account_key", "person_key", "company", "role", "first_use_at", "first_use_day", "is_added"),
        *("is_main", "invited_at", "invited_day", "is_steady", "days", "features"),
    )
    sides = _sides(platform, ACCOUNT_USERS, since, columns)
    days: set[date] = set()
    firsts: list[date | None] = []
    for who in sides[0].keys() | sides[1].keys():
        old, new = (side.get(who) for side in sides)
        if old == new:
            continue
        was, now = (_days_used(row) for row in (old, new))
        days |= {day for day, _ in was ^ now}
        if old is None or new is None or any(old[name] != new[name] for name in columns[:-2]):
            sides_of = [row for row in (old, new) if row is not None]
            firsts += [row[name] for row in sides_of for name in ("invited_day", "first_use_day")]
    return days | _until_today(platform, firsts)


def _days_used(user: Mapping[str, Any] | None) -> set[tuple[date, str | None]]:
    """The days with use, and with the use of each feature."""
    if user is None:
        return set()
    return {(day, None) for day in user["days"]} | {(use["day"], use["feature"]) for use in user["features"]}


def _until_today(platform: Platform, firsts: Iterable[date | None]) -> set[date]:
    first, today = min(filter(None, firsts), default=None), platform.today()
    return set() if first is None else {first + timedelta(days=n) for n in range((today - first).days + 1)}


def _changed(
    platform: Platform, table: Table, since: int | None, wanted: Sequence[str]
) -> list[dict[str, Any]]:
    """`wanted` of the rows that only one of two versions has."""
    old, new = _sides(platform, table, since, table.schema.names)
    differing = [key for key in old.keys() | new.keys() if old.get(key) != new.get(key)]
    return [
        {name: side[key][name] for name in wanted} for key in differing for side in (old, new) if key in side
    ]


def _sides(
    platform: Platform, table: Table, since: int | None, columns: Sequence[str]
) -> tuple[dict[Any, dict[str, Any]], dict[Any, dict[str, Any]]]:
    """The rows by primary key, as they were and as they are; none were where that is not known."""

    def rows(version: int | None = None) -> dict[Any, dict[str, Any]]:
        read = platform.lake.read(table, columns=columns, version=version).to_pylist()
        return {tuple(row[name] for name in table.primary_key): row for row in read}

    is_known = since is not None and platform.lake.has_version(table, since)
    return rows(since) if is_known else {}, rows()
