"""What a lake holds, in forms that can be compared: fingerprints per table and day, data files, versions."""

import hashlib
from pathlib import Path
from typing import Any

from deltalake import DeltaTable

from connectors.registry import CONNECTORS
from journey_platform.kpis.catalogue import STAGES as STAGES_OF_KPIS
from journey_platform.lake import Lake
from journey_platform.sources import archive_of
from journey_platform.tables import (
    ACCOUNT_JOURNEYS,
    ACCOUNT_MEMBERS_TABLE,
    ACCOUNT_USERS,
    ACCOUNTS_TABLE,
    ACTIVITY,
    ATTRIBUTION,
    BRIDGES,
    CONTRACTS,
    COVERAGE,
    DECISIONS,
    ERASURES,
    FRICTION,
    FUNNELS,
    GATE_VERDICTS,
    HEARD,
    HOUSEHOLDS_TABLE,
    IDENTIFIERS_TABLE,
    IDENTITY_EVENTS,
    IDENTITY_HEALTH,
    JOURNEY_TOUCHPOINTS,
    LINKS_TABLE,
    MAILINGS,
    ORGANIZATION_MEMBERS,
    ORGANIZATIONS,
    PATHS,
    PROFILE_ATTRIBUTES_TABLE,
    PROFILE_REDIRECTS,
    PROFILES_TABLE,
    QUARANTINE,
    RECONCILIATION,
    REFERENCES,
    RESTATEMENTS,
    RETENTION,
    SENTIMENT,
    SESSIONS,
    STAGES,
    TICKET_REASONS,
    TICKETS,
    VISITS,
    Table,
    contacts_table,
    kpis_table,
    touchpoints_table,
)
from journey_platform.touchpoints.vendors import MAPPINGS

RAW = [archive_of(name, stream) for name, connector in CONNECTORS.items() for stream in connector.streams]
TOUCHPOINTS = [touchpoints_table(vendor) for vendor in CONNECTORS]
CONTACTS = [contacts_table(vendor) for vendor in CONNECTORS if MAPPINGS[vendor].CONTACT_STREAMS]
CUSTOMERS = [
    IDENTIFIERS_TABLE,
    LINKS_TABLE,
    PROFILES_TABLE,
    PROFILE_ATTRIBUTES_TABLE,
    HOUSEHOLDS_TABLE,
    ORGANIZATIONS,
    ORGANIZATION_MEMBERS,
    ACCOUNTS_TABLE,
    ACCOUNT_MEMBERS_TABLE,
]
ACCOUNTS = [CONTRACTS, ACCOUNT_JOURNEYS, ACCOUNT_USERS]
JOURNEYS = [JOURNEY_TOUCHPOINTS, SESSIONS, MAILINGS, TICKETS, SENTIMENT, *ACCOUNTS]
KPIS = [kpis_table(stage) for stage in STAGES_OF_KPIS]
OPERATIONS = [COVERAGE, GATE_VERDICTS, RECONCILIATION, REFERENCES]
INSIGHTS = [ACTIVITY, ATTRIBUTION, FRICTION, FUNNELS, PATHS, RETENTION, STAGES, VISITS, HEARD]
TABLES = [*RAW, *TOUCHPOINTS, *CONTACTS, *CUSTOMERS, *JOURNEYS, *KPIS, BRIDGES, TICKET_REASONS, QUARANTINE]
"""What follows from the records alone."""
MEMORIES = [DECISIONS, ERASURES, IDENTITY_EVENTS, IDENTITY_HEALTH, PROFILE_REDIRECTS, RESTATEMENTS]
"""What also depends on when runs were made, and on what people decided."""

Fingerprints = dict[tuple[str, str], tuple[int, str]]


def fingerprints(root: Path) -> Fingerprints:
    """(table, day or "all") -> rows and fingerprint. Days that hold nothing are left out."""
    found: Fingerprints = {}
    for table in TABLES:
        for day, state in states(root, table).items():
            if state[0]:
                found[table.name, day] = state
    return found


def differences(found: Fingerprints, expected: Fingerprints) -> dict[str, object]:
    """Table and day where they differ, with what was found and expected."""
    return {
        f"{name} {day}": (found.get((name, day)), expected.get((name, day)))
        for name, day in sorted(found.keys() | expected.keys())
        if found.get((name, day)) != expected.get((name, day))
    }


def states(root: Path, table: Table) -> dict[str, tuple[int, str]]:
    """Rows and fingerprint per landed day, or of "all", recomputed from the rows that are read."""
    lake = Lake(str(root))
    if table.is_daily:
        return {str(day): (state.rows, state.fingerprint) for day, state in lake.day_states(table).items()}
    if lake.version(table) is None:
        return {}
    rows = lake.read(table)
    digest = hashlib.sha256(repr(rows.to_pylist()).encode()).hexdigest()
    return {"all": (rows.num_rows, digest)}


def data_files(root: Path) -> dict[str, str]:
    """Path -> hash of the bytes, of every data file, named by a commit or not."""
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*.parquet"))
        if "_delta_log" not in path.parts
    }


def orphans(root: Path) -> set[str]:
    """Data files that the newest version of their table does not name."""
    named = set()
    for table in (*TABLES, *INSIGHTS, *OPERATIONS, *MEMORIES):
        place = root.joinpath(*table.key)
        if place.exists():
            named |= {str(Path(uri).relative_to(root)) for uri in DeltaTable(str(place)).file_uris()}
    return set(data_files(root)) - named


def versions(root: Path) -> dict[str, int | None]:
    lake = Lake(str(root))
    return {table.name: lake.version(table) for table in TABLES}


def rows(root: Path, table: Table) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = Lake(str(root)).read(table).to_pylist()
    return found
