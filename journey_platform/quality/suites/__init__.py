"""The suites: which rules guard which table. To add a rule, add it beside its table in one of these files.

`raw` holds what every archive has in common, `vendors` what single streams add, `published` the tables that
are ours: touchpoints, profiles, sessions, KPIs.
"""

from journey_platform.quality.rules import Suite
from journey_platform.quality.suites.published import PUBLISHED, TOUCHPOINTS
from journey_platform.quality.suites.raw import Stream, raw_suite
from journey_platform.quality.suites.vendors import STREAMS
from journey_platform.tables import Table
from journey_platform.touchpoints.files import VENDOR as FILES

DROPPED = Stream(is_steady=False)
"""Of dropped files: a drop decides how much comes."""


def suite_of(table: Table) -> Suite:
    """The suite that guards a table. Raises KeyError for a table that none guards."""
    match table.key[0]:
        case "raw":
            is_entity = "occurred_at" in table.primary_key
            added = DROPPED if table.key[1] == FILES else STREAMS.get(table.name)
            return raw_suite(added, is_entity=is_entity)
        case "touchpoints":
            return TOUCHPOINTS
        case _:
            return PUBLISHED[table.name]


def guarded_tables() -> tuple[str, ...]:
    """The names of our own tables that a suite guards."""
    return tuple(PUBLISHED)
