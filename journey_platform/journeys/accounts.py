"""Accounts' journeys beside their users': contracts, how a company came to use what it bought, its shape.

An account's journey is made of its members' touchpoints. Use is a visit or a touchpoint of the product; what
else members do (mails, tickets, the contract itself) is none. Whoever is of two accounts uses it for both,
since nothing tells for which; a contract, an invitation or a meeting is that of the main one, and stands
once. The shape is bottom-up where somebody used the product before the first contract, else top-down; a user
whose first use comes more than 30 days after the account went live was added (reference: two journeys, one
clock). A contract costs what the one purchase of its number came to. One signed before the lake's first day
is not known here, nor is use before it.

What is counted of these by period is in `kpis`.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from journey_platform.tables import ACCOUNT_JOURNEYS, ACCOUNT_USERS, CONTRACTS, Table

if TYPE_CHECKING:
    import ibis.expr.types as ir

USE = ("web", "product")
"""Channels whose touchpoints are use of the product."""
SIGNED, INVITED, LIVE = "contract_signed", "user_invited", "go_live"
PURCHASE = "purchase"
ENDED = ("contract_ended", "cancellation")
MILESTONES = ("first_meeting", SIGNED, "kick_off", LIVE, "business_review", "contract_renewed", ENDED[0])
"""Touchpoint types that are milestones of an account, whoever tells them."""
FEATURE = ("event", "feature_used")
"""Touchpoint types of use that name a feature, as what was acted on."""
ADDED_DAYS = 30
HABIT_WEEKS, HABIT_OF = 3, 4

_DAY, _WEEK = timedelta(days=1), timedelta(days=7)
_Rows = Iterable[Mapping[str, Any]]


@dataclass(frozen=True)
class AccountJourneys:
    """Rows of `tables.CONTRACTS`, `tables.ACCOUNT_JOURNEYS` and `tables.ACCOUNT_USERS`."""

    contracts: pa.Table
    accounts: pa.Table
    users: pa.Table


def use(touchpoints: "ir.Table", members: "ir.Table") -> "ir.Table":
    """One row per member and local day with use: account_key, person_key, role, is_main, day, first_at and
    features.

    `touchpoints`: rows of `tables.JOURNEY_TOUCHPOINTS`; `members`: of `tables.ACCOUNT_MEMBERS_TABLE`.
    """
    own = touchpoints.filter(touchpoints.channel.isin(USE) & ~touchpoints.is_bot & ~touchpoints.is_machine)
    who = ("account_key", "person_key", "role", "is_main")
    theirs = own.inner_join(members.select(*who), "person_key")
    return theirs.group_by([*who, "day"]).aggregate(
        first_at=theirs.occurred_at.min(),
        features=theirs.subject_id.collect(
            where=theirs.type.isin(FEATURE) & theirs.subject_id.notnull(), distinct=True
        ),
    )


def deals(touchpoints: "ir.Table", members: "ir.Table") -> "ir.Table":
    """One row per touchpoint that is a milestone, an invitation or the end of a contract.

    `amount` and `currency` are those of the purchase under the same number, where there is exactly one.
    """
    kinds = [*MILESTONES, INVITED, *ENDED]
    told = touchpoints.filter(touchpoints.type.isin(kinds) & ~touchpoints.is_bot)
    main = members.filter(members.is_main)
    named = main.select("account_key", "role", member_key=main.person_key)
    joined = told.left_join(named, told.person_key == named.member_key)
    bought = touchpoints.filter((touchpoints.type == PURCHASE) & ~touchpoints.is_bot)
    paid = bought.group_by(["vendor", "subject_id"]).aggregate(
        amount=bought.value.max(), currency=bought.unit.max(), purchases=bought.count()
    )
    priced = joined.left_join(paid.filter(paid.purchases == 1).drop("purchases"), ["vendor", "subject_id"])
    said = ("vendor", "type", "subject_id", "day", "occurred_at", "value")
    return priced.select(*said, "person_key", "account_key", "role", "amount", "currency")


def account_journeys(used: pa.Table, dealt: pa.Table, accounts: pa.Table) -> AccountJourneys:
    """The journeys from rows of `use` and `deals`, and of `tables.ACCOUNTS_TABLE`."""
    company = dict(zip(accounts["account_key"].to_pylist(), accounts["name"].to_pylist(), strict=True))
    happened = dealt.to_pylist()
    contracts = _contracts(happened, company)
    users = _users(used.to_pylist(), happened, company)
    journeys = []
    for key in sorted({row["account_key"] for row in (*contracts, *users)} - {None}):
        theirs = [row for row in contracts if row["account_key"] == key]
        people = [row for row in users if row["account_key"] == key]
        told = [row for row in happened if row["account_key"] == key]
        journeys.append(_journey(key, company.get(key), theirs, people, told))
    return AccountJourneys(
        _table(contracts, CONTRACTS), _table(journeys, ACCOUNT_JOURNEYS), _table(users, ACCOUNT_USERS)
    )


def _contracts(happened: _Rows, company: Mapping[int, str | None]) -> list[dict[str, Any]]:
    """A contract is known by its first signature; of several ends the first counts."""
    ended: dict[tuple[str, str], date] = {}
    signed: dict[tuple[str, str], dict[str, Any]] = {}
    for row in sorted(happened, key=_when):
        if row["subject_id"] is None:
            continue
        contract = row["vendor"], row["subject_id"]
        if row["type"] in ENDED:
            ended.setdefault(contract, row["day"])
        elif row["type"] == SIGNED:
            signed.setdefault(contract, dict(row))
    firsts: dict[int, tuple[str, str]] = {}
    for contract, row in signed.items():
        if row["account_key"] is not None:
            firsts.setdefault(row["account_key"], contract)
    return [
        {
            "vendor": contract[0],
            "contract_id": contract[1],
            "account_key": row["account_key"],
            "company": company.get(row["account_key"]),
            "person_key": row["person_key"],
            "signed_day": row["day"],
            "signed_at": row["occurred_at"],
            "seats": round(row["value"] or 0),
            "amount": row["amount"],
            "currency": row["currency"],
            "ended_day": ended.get(contract),
            "is_first": firsts.get(row["account_key"]) == contract,
        }
        for contract, row in signed.items()
    ]


def _users(used_on: _Rows, happened: _Rows, company: Mapping[int, str | None]) -> list[dict[str, Any]]:
    days: dict[tuple[int, int], dict[date, Any]] = defaultdict(dict)
    features: dict[tuple[int, int], list[tuple[date, str]]] = defaultdict(list)
    role: dict[tuple[int, int], str | None] = {}
    elsewhere = set()
    invited: dict[tuple[int, int], Mapping[str, Any]] = {}
    for row in used_on:
        who = row["account_key"], row["person_key"]
        days[who][row["day"]] = row["first_at"]
        features[who] += [(row["day"], name) for name in row["features"] or ()]
        role[who] = row["role"]
        if not row["is_main"]:
            elsewhere.add(who)
    for row in sorted(happened, key=_when):
        who = row["account_key"], row["person_key"]
        if row["type"] == INVITED and None not in who:
            invited.setdefault(who, row)
            role.setdefault(who, row["role"])
    found = []
    for who in sorted(role):
        used, asked = sorted(days[who]), invited.get(who)
        found.append(
            {
                "account_key": who[0],
                "person_key": who[1],
                "company": company.get(who[0]),
                "role": role[who],
                "invited_at": asked["occurred_at"] if asked else None,
                "invited_day": asked["day"] if asked else None,
                "first_use_at": min(days[who].values(), default=None),
                "first_use_day": used[0] if used else None,
                "habitual_on": habitual_on(used),
                "days": used,
                "features": [{"day": day, "feature": name} for day, name in sorted(features[who])],
                "is_added": False,
                "is_steady": False,
                "is_main": who not in elsewhere,
            }
        )
    return found


def habitual_on(days: Iterable[date]) -> date | None:
    """The Monday of the first week with use in 3 of the 4 weeks that end with it."""
    weeks = sorted({day - day.weekday() * _DAY for day in days})
    for place in range(HABIT_WEEKS - 1, len(weeks)):
        if weeks[place] - weeks[place - HABIT_WEEKS + 1] < HABIT_OF * _WEEK:
            return weeks[place]
    return None


def _journey(
    key: int,
    company: str | None,
    contracts: list[dict[str, Any]],
    users: list[dict[str, Any]],
    told: list[Mapping[str, Any]],
) -> dict[str, Any]:
    """One account's row; marks its users that were added, or invited, long after it went live."""
    signed: Any = min((row["signed_at"] for row in contracts), default=None)
    uses = [row for row in users if row["first_use_at"] is not None]
    first = min(uses, key=lambda row: row["first_use_at"], default=None)
    used: Any = first["first_use_at"] if first else None
    is_shaped = signed is not None and used is not None
    lives = [row["occurred_at"] for row in told if row["type"] == LIVE]
    live = min(lives) if lives else max(signed, used) if is_shaped else None
    for row in users:
        for mark, at in (("is_added", row["first_use_at"]), ("is_steady", row["invited_at"])):
            row[mark] = live is not None and at is not None and at - live > ADDED_DAYS * _DAY
    running = [row for row in contracts if row["ended_day"] is None]
    latest = max(running, key=lambda row: (row["signed_at"], row["contract_id"]), default=None)
    reached = [(row["occurred_at"], row["day"], row["type"]) for row in told if row["type"] in MILESTONES]
    if first is not None:
        reached.append((used, first["first_use_day"], "first_use"))
    is_up = is_shaped and used < signed
    return {
        "account_key": key,
        "company": company,
        "contracts": len(contracts),
        "seats": latest["seats"] if latest else None,
        "users": len(uses),
        "first_contract_at": signed,
        "first_use_at": used,
        "live_at": live,
        "shape": ("bottom-up" if is_up else "top-down") if is_shaped else None,
        "shaped_day": max(
            min(row["signed_day"] for row in contracts), min(row["first_use_day"] for row in uses)
        )
        if is_shaped
        else None,
        "to_first_use_h": (used - signed).total_seconds() / 3600 if is_shaped and not is_up else None,
        "added_users": sum(row["is_added"] for row in uses),
        "milestones": [f"{day} {name}" for _, day, name in sorted(reached)],
    }


def _when(row: Mapping[str, Any]) -> tuple[Any, str, str]:
    return row["occurred_at"], row["vendor"], row["subject_id"] or ""


def _table(rows: list[dict[str, Any]], table: Table) -> pa.Table:
    found = pa.Table.from_pylist(rows, schema=table.schema)
    return found.sort_by([(name, "ascending") for name in table.sort_by])
