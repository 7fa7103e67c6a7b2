"""Who is in which declared segment: people, by what their profile says.

Segments are declared once, in journeys.yaml, as conditions. One that looks at the profile only is a set of
people, and divides KPIs; one that looks at a touchpoint stands in the conditions of journeys.
"""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from journey_platform.journeys.conditions import PROFILE, ConditionError, condition

MEMBERSHIPS = pa.schema([pa.field("person_key", pa.int64()), pa.field("segment", pa.string())])
"""One row per person and segment of theirs."""


_STABLE = frozenset(
    PROFILE + name
    for name in ("is_known", "company", "plan", "country", "email_status", "may_email", "first_seen")
)
"""What of a profile a segment may look at: with the rest its members would change from day to day."""


def of_people(segments: Mapping[str, str]) -> dict[str, str]:
    """The segments that look at the profile only.

    Raises `ConditionError` for one that looks at what changes with every visit.
    """
    found = {}
    for name, text in segments.items():
        columns = condition(text, segments).columns
        if all(column.startswith(PROFILE) for column in columns):
            if unstable := sorted(columns - _STABLE):
                raise ConditionError(f"segment {name} looks at {unstable[0]}, which divides no KPI")
            found[name] = text
    return found


def memberships(profiles: pa.Table, segments: Mapping[str, str]) -> pa.Table:
    """`MEMBERSHIPS` of rows of `tables.PROFILES_TABLE`, by segment and person. Raises `ConditionError`."""
    rows = profiles.rename_columns([PROFILE + name for name in profiles.schema.names])
    found = [MEMBERSHIPS.empty_table()]
    for name in sorted(of_people(segments)):
        is_in = condition(segments[name], segments).mask(rows)
        people = np.sort(profiles["person_key"].to_numpy()[is_in])
        named = pa.array([name] * len(people), pa.string())
        found.append(pa.table([pa.array(people, pa.int64()), named], schema=MEMBERSHIPS))
    return pa.concat_tables(found)
