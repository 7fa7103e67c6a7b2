"""The unified customer: profiles, their attributes, households, organisations, accounts."""

import pyarrow as pa

from journey_platform.tables.table import UTC_MICROSECONDS, Column, Table

PROFILES_TABLE = Table(
    key=("customers", "profiles"),
    grain="customer: a person, or an anonymous device that no record ties to a person yet",
    columns=(
        Column("person_key", pa.int64(), "64-bit key used inside", is_key=True),
        Column("profile_id", pa.string(), "stable id shown outside; the same bits as person_key"),
        Column("is_known", pa.bool_(), "has an identifier that a person gave: not only cookies"),
        Column("name", pa.string(), "survivor of the names seen", is_personal=True),
        Column("email", pa.string(), "survivor of the addresses seen", is_personal=True),
        Column("phone", pa.string(), "survivor of the numbers seen", is_personal=True),
        Column("country", pa.string(), "survivor of the countries seen"),
        Column("company", pa.string(), "survivor of the companies seen"),
        Column("job_title", pa.string(), "survivor of the job titles seen"),
        Column("plan", pa.string(), "survivor of the plans seen"),
        Column("email_status", pa.string(), "subscribed, unsubscribed, cleaned or null"),
        Column("may_email", pa.bool_(), "false where any address said no; null where none said anything"),
        Column("identifiers", pa.int64(), "how many identifiers it holds"),
        Column("vendors", pa.list_(pa.string()), "who knows this person, sorted"),
        Column("first_seen", UTC_MICROSECONDS, "earliest observation"),
        Column("last_seen", UTC_MICROSECONDS, "latest observation"),
    ),
    sort_by=("person_key",),
    is_daily=False,
)

HOUSEHOLDS_TABLE = Table(
    key=("customers", "households"),
    grain="member of a household: people told apart who share a mailbox or a number",
    columns=(
        Column("household_key", pa.int64(), "the smallest identifier_key of what they share", is_key=True),
        Column("person_key", pa.int64(), "the profile of a member", is_key=True),
        Column("members", pa.int64(), "how many profiles the household has"),
    ),
    sort_by=("household_key", "person_key"),
    is_daily=False,
)

ORGANIZATIONS = Table(
    key=("customers", "organizations"),
    grain="organisation that a help desk keeps, in its present state",
    columns=(
        Column("organization", pa.string(), "the vendor's id of it, as contacts name it", is_key=True),
        Column("name", pa.string(), "its name; null where that is blank"),
        Column("domains", pa.list_(pa.string()), "mail domains declared as its own, sorted"),
        Column("changed_at", UTC_MICROSECONDS, "when the vendor last changed it"),
    ),
    sort_by=("organization",),
    is_daily=False,
)

ORGANIZATION_MEMBERS = Table(
    key=("customers", "organization_members"),
    grain="organisation that a help desk's user is in, in the present state",
    columns=(
        Column("contact_id", pa.string(), "the statement: leads back to the raw row", is_key=True),
        Column("vendor", pa.string(), "who said so"),
        Column("record", pa.string(), "the user's own record, which tells the title"),
        Column("organization", pa.string(), "the vendor's id of the organisation, as contacts name it"),
        Column(
            "identifiers",
            pa.list_(pa.struct([("kind", pa.string()), ("value", pa.string())])),
            "what names the user",
            is_personal=True,
        ),
        Column("is_default", pa.bool_(), "the one that the user's own record names"),
        Column("observed_at", UTC_MICROSECONDS, "when it was last changed"),
    ),
    sort_by=("contact_id",),
    is_daily=False,
)

ACCOUNTS_TABLE = Table(
    key=("customers", "accounts"),
    grain="business customer: a company whose people are profiles",
    columns=(
        Column("account_key", pa.int64(), "keyed hash of what it is named after", is_key=True),
        Column("account_id", pa.string(), "stable id shown outside; the same bits as account_key"),
        Column("name", pa.string(), "its most frequent name; null where none is told"),
        Column("domains", pa.list_(pa.string()), "mail domains that are the company's, sorted"),
        Column("organizations", pa.list_(pa.string()), "vendors' ids of the company, sorted"),
        Column("members", pa.int64(), "how many profiles it has"),
        Column("first_seen", UTC_MICROSECONDS, "earliest statement about a member"),
        Column("last_seen", UTC_MICROSECONDS, "latest statement about a member"),
    ),
    sort_by=("account_key",),
    is_daily=False,
)

ACCOUNT_MEMBERS_TABLE = Table(
    key=("customers", "account_members"),
    grain="account that a profile is of, with the part it plays there; a consultant is of several",
    columns=(
        Column("account_key", pa.int64(), "the account", is_key=True),
        Column("person_key", pa.int64(), "the profile", is_key=True),
        Column("rule", pa.string(), "what ties it to the account: company, organization or email_domain"),
        Column("vendor", pa.string(), "who said so"),
        Column("contact_id", pa.string(), "the statement: leads back to the raw row"),
        Column("observed_at", UTC_MICROSECONDS, "when it was said"),
        Column(
            "is_main",
            pa.bool_(),
            "of the person's accounts the one with the strongest evidence; of organisations the default, "
            "then the latest",
        ),
        Column("role", pa.string(), "buyer, sponsor, it or end_user; null where no title is told of it"),
        Column("role_rule", pa.string(), "the words of the title that gave the role; other: none of them"),
        Column("role_contact_id", pa.string(), "the statement that told the title"),
    ),
    sort_by=("account_key", "person_key"),
    is_daily=False,
)

PROFILE_ATTRIBUTES_TABLE = Table(
    key=("customers", "profile_attributes"),
    grain="attribute of a profile, with where its value comes from",
    columns=(
        Column("person_key", pa.int64(), "the profile", is_key=True),
        Column("attribute", pa.string(), "the profile's column", is_key=True),
        Column("value", pa.string(), "the value that survived", is_personal=True),
        Column("rule", pa.string(), "the survivorship rule that chose it"),
        Column("vendor", pa.string(), "who said so"),
        Column("contact_id", pa.string(), "the statement: leads back to the raw row"),
        Column("observed_at", UTC_MICROSECONDS, "when it was said"),
        Column("candidates", pa.int64(), "distinct values that were in the running"),
    ),
    sort_by=("person_key", "attribute"),
    is_daily=False,
)
