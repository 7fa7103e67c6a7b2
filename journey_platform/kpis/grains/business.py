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
FEATURE_DAYS = 28
RENEWAL_DAYS = 90
SILENT_SHARE = 0.5
SHARE_OF_SEATS = 0.5


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


def contracted(scope: Scope) -> "ir.Table":
    """One row per period and account whose contract runs when it begins: `seats` of the latest one then.

    `seats_after`: when it ends, or its last day so far ended; `seats_kept`: of those at its beginning;
    `is_lost`: no contract runs any more.
    """
    import ibis

    before = _running(scope, at="day")
    after = _running(scope).select("day", "account_key", seats_after="seats")
    found = before.left_join(after, ["day", "account_key"])
    is_lost = found.seats_after.isnull()
    seats_after = found.seats_after.fill_null(0)
    return found.mutate(
        is_lost=is_lost, seats_after=seats_after, seats_kept=ibis.least(seats_after, found.seats)
    ).drop("day_right", "account_key_right")


def invoiced(scope: Scope) -> "ir.Table":
    """One row per period and account whose contract runs when it begins and costs something: `amount` of the
    latest one then, `amount_after`: when it ends, or its last day so far ended; `amount_kept`: of that at its
    beginning. Left out are those whose contract then tells no price, or one in another `currency`."""
    import ibis

    before = _running(scope, at="day").filter(lambda t: t.amount > 0)
    after = _running(scope).select(
        "day", "account_key", after="amount", currency_after="currency", told="vendor"
    )
    found = before.left_join(after, ["day", "account_key"])
    is_lost = found.told.isnull()
    found = found.filter(is_lost | (found.after.notnull() & (found.currency_after == found.currency)))
    money = {"amount": found.amount, "amount_after": found.after.fill_null(0.0)}
    found = found.mutate(**{name: of.cast("decimal(18, 3)") for name, of in money.items()})
    return found.mutate(amount_kept=ibis.least(found.amount_after, found.amount)).drop(
        "day_right", "account_key_right"
    )


def rollout(scope: Scope) -> "ir.Table":
    """One row per first contract of an account, for seats, once its days are over: how long until members
    that had used the product by then filled half of its seats.

    `is_half`: within `BEGIN_DAYS`; `half_h` hours from the signature, 0 where they did before; else null.
    """
    import ibis

    firsts = _firsts(scope).filter(lambda t: (t.signed_day <= scope.over_by(BEGIN_DAYS)) & (t.seats > 0))
    users = scope.whole(ACCOUNT_USERS)
    users = users.filter(users.first_use_at.notnull()).select("account_key", "first_use_at", "person_key")
    one_after_another = ibis.window(
        group_by="account_key", order_by=[users.first_use_at, users.person_key], preceding=None, following=0
    )
    taken = users.mutate(taken=users.count().over(one_after_another)).drop("person_key")
    joined = firsts.inner_join(
        taken,
        [firsts.account_key == taken.account_key, taken.taken >= firsts.seats * SHARE_OF_SEATS],
    )
    halves = joined.group_by("account_key").aggregate(half_at=joined.first_use_at.min())
    found = firsts.left_join(halves, "account_key")
    half_h = found.half_at.delta(found.signed_at, unit="microsecond") / 3600e6
    is_half = (half_h <= 24 * BEGIN_DAYS).fill_null(False)
    half_h = ibis.ifelse(is_half, ibis.greatest(half_h, 0.0), None)
    return scope.of_days(found.mutate(is_half=is_half, half_h=half_h), "signed_day")


def invited(scope: Scope) -> "ir.Table":
    """One row per member on the day of the first invitation, once its days are over, who had not used the
    product before it.

    `is_active`: uses it within `BEGIN_DAYS`; `active_h` hours until then, else null; `phase`: roll-out, or
    steady where the account went live over 30 days before.
    """
    import ibis

    users = scope.whole(ACCOUNT_USERS)
    asked = users.filter(users.invited_day <= scope.over_by(BEGIN_DAYS))
    asked = asked.filter((asked.first_use_at >= asked.invited_at).fill_null(True))
    active_h = asked.first_use_at.delta(asked.invited_at, unit="microsecond") / 3600e6
    is_active = (active_h <= 24 * BEGIN_DAYS).fill_null(False)
    return scope.of_days(
        asked.mutate(
            is_active=is_active,
            active_h=ibis.ifelse(is_active, active_h, None),
            phase=ibis.ifelse(asked.is_steady, "steady", "roll-out"),
        ),
        "invited_day",
    )


def renewal(scope: Scope) -> "ir.Table":
    """One row per day on which a contract of an account was renewed or ended, as somebody told, with one that
    ran `RENEWAL_DAYS` before: `outcome`, `seats` of the latest one then, `active`: members that had used the
    product in the `FEATURE_DAYS` up to that day, at most the seats."""
    import ibis

    accounts = scope.whole(ACCOUNT_JOURNEYS)
    told = accounts.select("account_key", "company", one=accounts.milestones.unnest())
    told = told.mutate(
        decided_on=told.one.substr(0, len("2026-01-01")).cast("date"),
        outcome=ibis.cases(
            (told.one.endswith(" contract_renewed"), "renewed"),
            (told.one.endswith(" contract_ended"), "ended"),
        ),
    )
    decided = told.filter(told.outcome.notnull()).drop("one").distinct()
    decided = decided.mutate(asked_on=(decided.decided_on - ibis.interval(days=RENEWAL_DAYS)).cast("date"))
    decided = scope.of_days(decided.mutate(day=decided.decided_on))
    contracts = scope.whole(CONTRACTS).drop("company", "person_key")
    there = decided.inner_join(
        contracts,
        [
            decided.account_key == contracts.account_key,
            contracts.signed_day < decided.asked_on,
            contracts.ended_day.isnull() | (contracts.ended_day >= decided.asked_on),
        ],
    )
    one = ["account_key", "decided_on", "outcome"]
    latest = ibis.window(group_by=one, order_by=[there.signed_at.desc(), there.contract_id.desc()])
    asked = there.mutate(place=ibis.row_number().over(latest)).filter(lambda t: t.place == 0)
    used, since = _days_used(scope), ibis.interval(days=FEATURE_DAYS)
    near = asked.select(*one, "asked_on").inner_join(
        used,
        [
            asked.account_key == used.account_key,
            used.used_on < asked.asked_on,
            used.used_on >= (asked.asked_on - since).cast("date"),
        ],
    )
    users = near.group_by(one).aggregate(users=near.user_key.nunique())
    found = asked.left_join(users, one)
    return found.select(
        *("day", "account_key", "company", "contract_id", "decided_on", "outcome", "seats"),
        active=ibis.least(found.users.fill_null(0), found.seats),
    )


def feature_user(scope: Scope) -> "ir.Table":
    """One row per period, member who used the product in the `FEATURE_DAYS` up to its end, and feature that
    somebody used in them: `uses` it; `feature`, `company`, `person_key`."""
    import ibis

    # Who is of two accounts uses it for both, and is one user.
    users = scope.whole(ACCOUNT_USERS).filter(lambda t: t.is_main)
    told = users.select("account_key", "person_key", one=users.features.unnest())
    told = told.select("account_key", "person_key", used_on=told.one["day"], feature=told.one["feature"])
    who = ["day", "account_key", "person_key"]
    used = scope.lately(told, "used_on", days=FEATURE_DAYS).select(*who, "feature").distinct()
    members = users.select("account_key", "person_key", "company", used_on=users.days.unnest())
    active = scope.lately(members, "used_on", days=FEATURE_DAYS).select(*who, "company").distinct()
    every = active.inner_join(used.select("day", "feature").distinct(), "day")
    found = every.left_join(used.mutate(uses=ibis.literal(True)), [*who, "feature"])
    return found.select(*who, "company", "feature", uses=found.uses.fill_null(False))


def feature_account(scope: Scope) -> "ir.Table":
    """One row per period, account whose contract runs when it ends, and feature that a member of some account
    used in the `FEATURE_DAYS` up to then: whether one of its own `uses` it, and `users`, the keys of those.

    Who is of two accounts uses it for both.
    """
    import ibis

    told = scope.whole(ACCOUNT_USERS).select("account_key", "person_key", one=lambda t: t.features.unnest())
    told = told.select("account_key", "person_key", used_on=told.one["day"], feature=told.one["feature"])
    used = scope.lately(told, "used_on", days=FEATURE_DAYS)
    of = ["day", "account_key", "feature"]
    theirs = used.group_by(of).aggregate(users=used.person_key.collect(distinct=True))
    running = _running(scope).select("day", "account_key", "company", "contract_id")
    every = running.inner_join(used.select("day", "feature").distinct(), "day")
    found = every.left_join(theirs.mutate(uses=ibis.literal(True)), of)
    return found.select(*of, "company", "contract_id", "users", uses=found.uses.fill_null(False))


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


def _running(scope: Scope, at: str = "ends") -> "ir.Table":
    """One row per period and account with a contract that runs when the period `ends`, or at its first
    `day`: the latest one."""
    import ibis

    contracts, periods = scope.whole(CONTRACTS), scope.periods()
    known = contracts.filter(contracts.account_key.notnull())
    there = periods.join(
        known,
        [known.signed_day < periods[at], known.ended_day.isnull() | (known.ended_day >= periods[at])],
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
