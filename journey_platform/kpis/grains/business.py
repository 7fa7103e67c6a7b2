"""Units of business customers: contracts, accounts by the shape of their journey, seats, and their users.

They are counted from the small tables of accounts' journeys, whatever the number of touchpoints.
"""

from typing import TYPE_CHECKING

from journey_platform.kpis.grains.scope import Scope
from journey_platform.tables import ACCOUNT_JOURNEYS, ACCOUNT_USERS, CONTRACTS

if TYPE_CHECKING:
    import ibis.expr.types as ir

BEGIN_DAYS = 28
BASELINE_WEEKS = 4
SILENT_SHARE = 0.5


def contract(scope: Scope) -> "ir.Table":
    """One row per contract, on the day it was signed: `seats`, `company`, `person_key`."""
    return scope.of_days(scope.whole(CONTRACTS), "signed_day")


def shaped(scope: Scope) -> "ir.Table":
    """One row per account on the day that decides its journey's shape: `shape`, `company`, `contract_id`."""
    accounts = scope.whole(ACCOUNT_JOURNEYS)
    decided = accounts.filter(accounts.shape.notnull())
    firsts = _firsts(scope).select("account_key", "contract_id")
    return scope.of_days(decided.inner_join(firsts, "account_key"), "shaped_day")


def beginner(scope: Scope) -> "ir.Table":
    """One row per first contract of an account that did not use the product before, once its days are over.

    `begins`: a member uses it within `BEGIN_DAYS`; `hours` until then, null where none does.
    """
    accounts = scope.whole(ACCOUNT_JOURNEYS).select("account_key", "shape", "to_first_use_h")
    firsts = _firsts(scope).filter(lambda t: t.signed_day <= scope.over_by(BEGIN_DAYS))
    joined = firsts.left_join(accounts, "account_key")
    new = joined.filter((joined.shape != "bottom-up").fill_null(True))
    begins = (new.to_first_use_h <= 24 * BEGIN_DAYS).fill_null(False)
    return scope.of_days(
        new.mutate(begins=begins, hours=begins.ifelse(new.to_first_use_h, None)), "signed_day"
    )


def licence(scope: Scope) -> "ir.Table":
    """One row per period and account whose contract runs when it ends, or ended its last day so far.

    `seats` of the latest contract that runs; `activated`: members that had used the product by then;
    `active`: those that used it in the period. Neither is above the seats.
    """
    import ibis

    running = _running(scope)
    by = ["day", "account_key"]
    found = running.left_join(_used(scope, running), by)
    activated, active = (found[name].fill_null(0) for name in ("activated", "active"))
    return found.mutate(
        activated=ibis.least(activated, found.seats), active=ibis.least(active, found.seats)
    ).drop("day_right", "account_key_right")


def subscriber(scope: Scope) -> "ir.Table":
    """One row per whole week and account with a contract signed before it, in use in the four weeks before.

    `is_silent`: in the week at most half as many members used the product as in a mean week of those.
    """
    import ibis

    running = _running(scope)
    running = running.filter((running.days == 7) & (running.signed_day < running.day))
    baseline = ibis.interval(days=7 * BASELINE_WEEKS)
    weeks = _days_used(scope).mutate(week=lambda t: t.used_on.truncate("W").cast("date"))
    weeks = weeks.select("account_key", "user_key", "week").distinct()
    near = running.inner_join(
        weeks,
        [
            running.account_key == weeks.account_key,
            weeks.week >= (running.day - baseline).cast("date"),
            weeks.week <= running.day,
        ],
    )
    keys = ["day", "account_key", "company", "contract_id", "person_key"]
    found = near.group_by(keys).aggregate(
        now=(near.week == near.day).sum(), before=(near.week < near.day).sum()
    )
    return found.filter(found.before > 0).mutate(
        is_silent=found.now <= SILENT_SHARE * found.before / BASELINE_WEEKS
    )


def new_user(scope: Scope) -> "ir.Table":
    """One row per member on the day of the first use: `is_added`, `role`, `company`.

    `is_counted_elsewhere`: who is of several accounts stands in each, and in the whole counts for the main.
    """
    users = scope.whole(ACCOUNT_USERS)
    users = users.mutate(is_counted_elsewhere=~users.is_main)
    return scope.of_days(users.filter(users.first_use_day.notnull()), "first_use_day")


def _firsts(scope: Scope) -> "ir.Table":
    contracts = scope.whole(CONTRACTS)
    return contracts.filter(contracts.is_first)


def _running(scope: Scope) -> "ir.Table":
    """One row per period and account with a contract that runs when the period ends: the latest one."""
    import ibis

    contracts, periods = scope.whole(CONTRACTS), scope.periods()
    known = contracts.filter(contracts.account_key.notnull())
    there = periods.join(
        known,
        [known.signed_day < periods.ends, known.ended_day.isnull() | (known.ended_day >= periods.ends)],
    )
    latest = ibis.window(
        group_by=["day", "account_key"], order_by=[there.signed_at.desc(), there.contract_id.desc()]
    )
    return there.mutate(place=ibis.row_number().over(latest)).filter(lambda t: t.place == 0).drop("place")


def _used(scope: Scope, running: "ir.Table") -> "ir.Table":
    """Per period and account, how many members had used the product by its end, and in it."""
    used, spans = _days_used(scope), running.select("day", "ends", "account_key")
    theirs = spans.inner_join(used, [spans.account_key == used.account_key, used.used_on < spans.ends])
    is_within = theirs.used_on >= theirs.day
    return theirs.group_by(["day", "account_key"]).aggregate(
        activated=theirs.user_key.nunique(), active=theirs.user_key.nunique(where=is_within)
    )


def _days_used(scope: Scope) -> "ir.Table":
    """One row per member and local day with use; the member is `user_key`."""
    users = scope.whole(ACCOUNT_USERS)
    return users.select("account_key", user_key=users.person_key, used_on=users.days.unnest())
