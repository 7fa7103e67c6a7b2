"""Which days of KPI values a change of their inputs concerns: a unit may look days ahead and back, and a day
counts in its week and month too."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta

from journey_platform.defs.accounts import days_of_accounts, days_of_contracts, days_of_users
from journey_platform.defs.journeys import WITH_TEXTS, WITH_TICKETS
from journey_platform.defs.planning import Touched, changed_days, widen
from journey_platform.defs.platform import Platform
from journey_platform.kpis.definition import Kpi
from journey_platform.kpis.dimensions import DIMENSIONS
from journey_platform.kpis.grains.registry import GRAINS
from journey_platform.kpis.grains.words import sent_days
from journey_platform.kpis.periods import start_of
from journey_platform.tables import (
    ACCOUNT_JOURNEYS,
    ACCOUNT_USERS,
    CONTRACTS,
    JOURNEY_TOUCHPOINTS,
    MAILINGS,
    PROFILES_TABLE,
    SENTIMENT,
    TICKETS,
    Table,
)

_VENDORS = {
    MAILINGS: {"mailchimp"},
    TICKETS: WITH_TICKETS,
    SENTIMENT: WITH_TEXTS,
}
_OF_PROFILE = (
    *("person_key", "is_known", "company", "plan", "country", "email_status", "may_email", "first_seen"),
)
"""What a KPI may be divided by, also by a segment that looks at it."""


def inputs_of(kpis: Sequence[Kpi], sources: Sequence[str]) -> dict[Table, Callable[[Platform], Touched]]:
    """What the KPIs are made of, as far as the enabled sources tell it, with the days its changes touch."""
    tables = {table: None for kpi in kpis for table in GRAINS[kpi.grain].reads}
    if any(DIMENSIONS[name].is_of_person for kpi in kpis for name in kpi.dimensions):
        tables[PROFILES_TABLE] = None
    return {
        table: _input(table, kpis)
        for table in tables
        if table not in _VENDORS or _VENDORS[table] & set(sources)
    }


def _input(table: Table, kpis: Sequence[Kpi]) -> Callable[[Platform], Touched]:
    concerned = [kpi for kpi in kpis if table in (*GRAINS[kpi.grain].reads, PROFILES_TABLE)]
    changed = {
        MAILINGS: _days_of_mailings,
        TICKETS: _days_of_tickets,
        PROFILES_TABLE: _days_of_profiles,
        CONTRACTS: days_of_contracts,
        ACCOUNT_JOURNEYS: days_of_accounts,
        ACCOUNT_USERS: days_of_users,
    }
    has_mailings = any(MAILINGS in GRAINS[kpi.grain].reads for kpi in concerned)

    def of(platform: Platform) -> Touched:
        def touched(read: Table, since: int | None) -> Iterable[date]:
            if read in changed:
                return _starts(changed[read](platform, since), concerned)
            days = changed_days(platform.lake, read, since)
            sent = _days_of_readers(platform, days) if has_mailings else set()
            return _starts(days, concerned) | _starts(sent, concerned)

        return touched

    return of


def _starts(days: Iterable[date], kpis: Sequence[Kpi]) -> set[date]:
    """The first days of the periods whose values units of `days`, or that look at them, are counted in."""
    looks = {(GRAINS[kpi.grain].before, GRAINS[kpi.grain].after, kpi.periods) for kpi in kpis}
    return {
        start_of(day, period)
        for before, after, periods in looks
        for day in widen(days, before=after, after=before)
        for period in periods
    }


def _days_of_readers(platform: Platform, days: set[date]) -> set[date]:
    """The days on which mailings were sent that somebody opened or clicked on `days`."""
    engine = platform.engine
    sent = sent_days(engine.table(JOURNEY_TOUCHPOINTS, days), engine.table(MAILINGS))
    return set(engine.arrow(sent)["day"].to_pylist())


def _days_of_mailings(platform: Platform, since: int | None) -> set[date]:
    rows = _changed(platform, MAILINGS, since, ("day", "campaign_id", "emails_sent", "delivered"))
    return {row[0] for row in rows}


def _days_of_tickets(platform: Platform, since: int | None) -> set[date]:
    """All days on which a ticket that changed waited, and the day of its solution."""
    today = platform.today()
    days: set[date] = set()
    for created, solved, *_ in _changed(
        platform,
        TICKETS,
        since,
        (
            "created_day",
            "solved_day",
            "ticket_id",
            "person_key",
            "reason",
            "replied_at",
            "solved_at",
            "next_at",
            "replied_working_s",
            "solved_working_s",
        ),
    ):
        days.update(created + timedelta(days=n) for n in range(((solved or today) - created).days + 1))
    return days


def _changed(
    platform: Platform, table: Table, since: int | None, columns: Sequence[str]
) -> set[tuple[date, ...]]:
    """The rows that only one of two versions of a table that is not daily has: all of them where `since` is
    None, or is no more."""

    def rows(version: int | None = None) -> set[tuple[date, ...]]:
        read = platform.lake.read(table, columns=columns, version=version)
        return set(zip(*(read[name].to_pylist() for name in columns), strict=True))

    is_known = since is not None and platform.lake.has_version(table, since)
    return rows() ^ rows(since) if is_known else rows()


def _days_of_profiles(platform: Platform, since: int | None) -> set[date]:
    """Days on which those appear whose profile changed in what KPIs are divided by or know people by."""
    if since is None:
        return set()
    if not platform.lake.has_version(PROFILES_TABLE, since):
        return set(platform.lake.day_states(JOURNEY_TOUCHPOINTS))
    engine = platform.engine
    old, new = (
        engine.memtable(platform.lake.read(PROFILES_TABLE, columns=_OF_PROFILE, version=version))
        for version in (since, None)
    )
    people = new.difference(old).union(old.difference(new)).select("person_key").distinct()
    theirs = engine.table(JOURNEY_TOUCHPOINTS).semi_join(people, "person_key")
    return set(engine.arrow(theirs.select("day").distinct())["day"].to_pylist())
