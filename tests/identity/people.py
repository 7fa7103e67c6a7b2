"""Observations written by hand, and the oracle: the same rules by brute force, one pair at a time."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import combinations

import pyarrow as pa

from journey_platform.identity.normalise import is_well_formed, normalise
from journey_platform.identity.observations import OBSERVATIONS
from journey_platform.identity.placeholders import is_placeholder
from journey_platform.identity.policy import POLICIES
from journey_platform.identity.resolve import Resolution

SECRET = b"a long random text for tests only"
START = datetime(2026, 3, 1, tzinfo=UTC)

Identifier = tuple[str, str]
Record = tuple[str, int, list[Identifier]]
"""(vendor/stream/key, minutes after the start, identifiers)."""


def observed(records: Iterable[Record]) -> pa.Table:
    rows = [
        {
            "record": record,
            "vendor": record.partition("/")[0],
            "kind": kind,
            "value": value,
            "observed_at": START + timedelta(minutes=minute),
        }
        for record, minute, identifiers in records
        for kind, value in identifiers
    ]
    return pa.Table.from_pylist(rows, schema=OBSERVATIONS)


def persons(resolution: Resolution) -> dict[Identifier, int | None]:
    table = resolution.identifiers
    names = zip(table["kind"].to_pylist(), table["value"].to_pylist(), strict=True)
    return dict(zip(names, table["person_key"].to_pylist(), strict=True))


def statuses(resolution: Resolution) -> dict[Identifier, str]:
    table = resolution.identifiers
    names = zip(table["kind"].to_pylist(), table["value"].to_pylist(), strict=True)
    return dict(zip(names, table["status"].to_pylist(), strict=True))


def groups(resolution: Resolution) -> set[frozenset[Identifier]]:
    """Who is one person with whom."""
    found: dict[int, set[Identifier]] = defaultdict(set)
    for name, person in persons(resolution).items():
        if person is not None:
            found[person].add(name)
    return {frozenset(names) for names in found.values()}


def brute_force(records: Iterable[Record]) -> tuple[dict[Identifier, str], set[frozenset[Identifier]]]:
    """(status of each identifier, groups) by the rules as they are written, with a union-find."""
    members: dict[str, set[Identifier]] = defaultdict(set)
    for record, _, identifiers in records:
        members[record] |= {(kind, normalise(kind, value)) for kind, value in identifiers}
    status = {name: "active" for names in members.values() for name in names}
    for name in status:
        if is_placeholder(*name):
            status[name] = "placeholder"
        elif not is_well_formed(*name):
            status[name] = "invalid"
    users: dict[Identifier, set[Identifier]] = defaultdict(set)
    for names in members.values():
        for name in names:
            users[name] |= {n for n in names if n[0] == "user_id" and status[n] == "active" and n != name}
    for name in [name for name, state in status.items() if state == "active"]:
        limit = POLICIES[name[0]].max_user_ids
        if limit is not None and len(users[name]) > limit:
            status[name] = "shared"
    parent = {name: name for name, state in status.items() if state == "active"}

    def root(name: Identifier) -> Identifier:
        while parent[name] != name:
            name = parent[name]
        return name

    for names in members.values():
        for left, right in combinations(sorted(names & parent.keys()), 2):
            if not (left[0] == right[0] and POLICIES[left[0]].is_exclusive):
                parent[root(left)] = root(right)
    found: dict[Identifier, set[Identifier]] = defaultdict(set)
    for name in parent:
        found[root(name)].add(name)
    return status, {frozenset(names) for names in found.values()}
