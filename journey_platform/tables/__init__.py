"""Every table, declared once: grain, columns, types, keys and personal-data flags.

The writer, the quality suites, the column schema in the UI and the docs are made from these
declarations. How tables are stored is in `lake`; how rows are made is in the domain packages.
"""

from journey_platform.tables.accounts import ACCOUNT_JOURNEYS, ACCOUNT_USERS, CONTRACTS
from journey_platform.tables.identity import (
    DECISIONS,
    ERASURES,
    IDENTIFIERS_TABLE,
    IDENTITY_EVENTS,
    IDENTITY_HEALTH,
    LINK_MODEL,
    LINK_REVIEW,
    LINKS_TABLE,
    MATCHED_RECORDS,
    PROBABILISTIC_LINKS,
    PROFILE_REDIRECTS,
)
from journey_platform.tables.insights import (
    ACTIVITY,
    ATTRIBUTION,
    FRICTION,
    FUNNELS,
    HEARD,
    PATHS,
    RETENTION,
    STAGES,
    VISITS,
)
from journey_platform.tables.intraday import KPIS_TODAY, today_table
from journey_platform.tables.journeys import (
    JOURNEY_TOUCHPOINTS,
    MAILINGS,
    SENTIMENT,
    SESSIONS,
    TICKETS,
)
from journey_platform.tables.kpis import BRIDGES, RESTATEMENTS, TICKET_REASONS, kpis_table
from journey_platform.tables.operations import (
    CANARIES,
    COVERAGE,
    GATE_VERDICTS,
    RECONCILIATION,
    REFERENCES,
)
from journey_platform.tables.profiles import (
    ACCOUNT_MEMBERS_TABLE,
    ACCOUNTS_TABLE,
    HOUSEHOLDS_TABLE,
    ORGANIZATION_MEMBERS,
    ORGANIZATIONS,
    PROFILE_ATTRIBUTES_TABLE,
    PROFILES_TABLE,
)
from journey_platform.tables.raw import QUARANTINE, raw_table
from journey_platform.tables.table import (
    ATTRIBUTES,
    IDENTIFIERS,
    KEYS,
    PROBABILISTIC_EVIDENCE,
    UTC_MICROSECONDS,
    Column,
    Table,
)
from journey_platform.tables.touchpoints import contacts_table, touchpoints_table

__all__ = [
    "ACCOUNTS_TABLE",
    "ACCOUNT_JOURNEYS",
    "ACCOUNT_MEMBERS_TABLE",
    "ACCOUNT_USERS",
    "ACTIVITY",
    "ATTRIBUTES",
    "ATTRIBUTION",
    "BRIDGES",
    "CANARIES",
    "CONTRACTS",
    "COVERAGE",
    "DECISIONS",
    "ERASURES",
    "FRICTION",
    "FUNNELS",
    "GATE_VERDICTS",
    "HEARD",
    "HOUSEHOLDS_TABLE",
    "IDENTIFIERS",
    "IDENTIFIERS_TABLE",
    "IDENTITY_EVENTS",
    "IDENTITY_HEALTH",
    "JOURNEY_TOUCHPOINTS",
    "KEYS",
    "KPIS_TODAY",
    "LINKS_TABLE",
    "LINK_MODEL",
    "LINK_REVIEW",
    "MAILINGS",
    "MATCHED_RECORDS",
    "ORGANIZATIONS",
    "ORGANIZATION_MEMBERS",
    "PATHS",
    "PROBABILISTIC_EVIDENCE",
    "PROBABILISTIC_LINKS",
    "PROFILES_TABLE",
    "PROFILE_ATTRIBUTES_TABLE",
    "PROFILE_REDIRECTS",
    "QUARANTINE",
    "RECONCILIATION",
    "REFERENCES",
    "RESTATEMENTS",
    "RETENTION",
    "SENTIMENT",
    "SESSIONS",
    "STAGES",
    "TICKETS",
    "TICKET_REASONS",
    "UTC_MICROSECONDS",
    "VISITS",
    "Column",
    "Table",
    "contacts_table",
    "kpis_table",
    "raw_table",
    "today_table",
    "touchpoints_table",
]
