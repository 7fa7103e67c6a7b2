"""Business customers' journeys: contracts, the account's journey, and that of each of its people."""

import pyarrow as pa

from journey_platform.tables.table import UTC_MICROSECONDS, Column, Table

FEATURES = pa.list_(pa.struct([("day", pa.date32()), ("feature", pa.string())]))
"""What somebody used: a feature's name as it was told, and the local day."""

CONTRACTS = Table(
    key=("journeys", "contracts"),
    grain="contract that somebody of an account signed",
    columns=(
        Column("vendor", pa.string(), "who told of it", is_key=True),
        Column("contract_id", pa.string(), "that source's number of the contract", is_key=True),
        Column("account_key", pa.int64(), "the account of who signed; null where that is nobody's"),
        Column("company", pa.string(), "the account's name"),
        Column("person_key", pa.int64(), "the profile that signed"),
        Column("signed_day", pa.date32(), "local day on which it was signed"),
        Column("signed_at", UTC_MICROSECONDS, "when it was signed"),
        Column("seats", pa.int64(), "how many people may use the product"),
        Column("amount", pa.float64(), "money in `currency`; null where no purchase of its number tells"),
        Column("currency", pa.string(), "a currency code"),
        Column("ended_day", pa.date32(), "local day on which it ended or was cancelled; null while it runs"),
        Column("is_first", pa.bool_(), "the account's first that is known"),
    ),
    sort_by=("vendor", "contract_id"),
    is_daily=False,
)

ACCOUNT_JOURNEYS = Table(
    key=("journeys", "accounts"),
    grain="account that signed a contract or whose people used the product, with the shape of its journey",
    columns=(
        Column("account_key", pa.int64(), "the account", is_key=True),
        Column("company", pa.string(), "the account's name"),
        Column("contracts", pa.int64(), "contracts signed"),
        Column("seats", pa.int64(), "seats of the latest contract that runs; null without one"),
        Column("users", pa.int64(), "members that used the product"),
        Column("first_contract_at", UTC_MICROSECONDS, "when the first contract was signed"),
        Column("first_use_at", UTC_MICROSECONDS, "when a member first used the product"),
        Column(
            "live_at",
            UTC_MICROSECONDS,
            "when it went live: as told, else the later of first contract and first use",
        ),
        Column("shape", pa.string(), "bottom-up, top-down; null until there are a contract and a use"),
        Column("shaped_day", pa.date32(), "local day on which the shape was decided"),
        Column("to_first_use_h", pa.float64(), "hours from first contract to first use; null if bottom-up"),
        Column("added_users", pa.int64(), "users whose first use came over 30 days after going live"),
        Column("milestones", pa.list_(pa.string()), "what was reached, in order, as day milestone"),
    ),
    sort_by=("account_key",),
    is_daily=False,
)

ACCOUNT_USERS = Table(
    key=("journeys", "account_users"),
    grain="member of an account who used the product or was invited to, with that person's journey",
    columns=(
        Column("account_key", pa.int64(), "the account", is_key=True),
        Column("person_key", pa.int64(), "the profile", is_key=True),
        Column("company", pa.string(), "the account's name"),
        Column("role", pa.string(), "buyer, sponsor, it or end_user; null where no title is told"),
        Column("invited_at", UTC_MICROSECONDS, "first invitation; null where none is told"),
        Column("invited_day", pa.date32(), "its local day"),
        Column("first_use_at", UTC_MICROSECONDS, "first use of the product: activated"),
        Column("first_use_day", pa.date32(), "its local day"),
        Column("habitual_on", pa.date32(), "Monday of the first week with use in 3 of 4 weeks up to it"),
        Column("days", pa.list_(pa.date32()), "local days with use, sorted"),
        Column("features", FEATURES, "what was used on which local day, sorted"),
        Column("is_added", pa.bool_(), "first use over 30 days after the account went live"),
        Column("is_steady", pa.bool_(), "invited over 30 days after the account went live"),
        Column("is_main", pa.bool_(), "the main one of the person's accounts, where it has several"),
    ),
    sort_by=("account_key", "person_key"),
    is_daily=False,
)
