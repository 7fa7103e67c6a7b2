"""Every table, declared once: grain, columns, types, keys and personal-data flags.

The writer, the quality suites, the column schema in the UI and the docs are made from these
declarations. How tables are stored is in `lake`; how rows are made is in the domain packages.
"""

from journey_platform.tables.identity import (
    DECISIONS,
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
from journey_platform.tables.journeys import (
    JOURNEY_TOUCHPOINTS,
    MAILINGS,
    SENTIMENT,
    SESSIONS,
    TICKETS,
)
from journey_platform.tables.kpis import RESTATEMENTS, TICKET_REASONS, kpis_table
from journey_platform.tables.operations import COVERAGE, GATE_VERDICTS, RECONCILIATION
from journey_platform.tables.profiles import HOUSEHOLDS_TABLE, PROFILE_ATTRIBUTES_TABLE, PROFILES_TABLE
from journey_platform.tables.raw import QUARANTINE, raw_table
from journey_platform.tables.table import (
    ATTRIBUTES,
    IDENTIFIERS,
    PROBABILISTIC_EVIDENCE,
    UTC_MICROSECONDS,
    Column,
    Table,
)
from journey_platform.tables.touchpoints import contacts_table, touchpoints_table

__all__ = [
    "ATTRIBUTES",
    "COVERAGE",
    "DECISIONS",
    "GATE_VERDICTS",
    "HOUSEHOLDS_TABLE",
    "IDENTIFIERS",
    "IDENTIFIERS_TABLE",
    "IDENTITY_EVENTS",
    "IDENTITY_HEALTH",
    "JOURNEY_TOUCHPOINTS",
    "LINKS_TABLE",
    "LINK_MODEL",
    "LINK_REVIEW",
    "MAILINGS",
    "MATCHED_RECORDS",
    "PROBABILISTIC_EVIDENCE",
    "PROBABILISTIC_LINKS",
    "PROFILES_TABLE",
    "PROFILE_ATTRIBUTES_TABLE",
    "PROFILE_REDIRECTS",
    "QUARANTINE",
    "RECONCILIATION",
    "RESTATEMENTS",
    "SENTIMENT",
    "SESSIONS",
    "TICKETS",
    "TICKET_REASONS",
    "UTC_MICROSECONDS",
    "Column",
    "Table",
    "contacts_table",
    "kpis_table",
    "raw_table",
    "touchpoints_table",
]
