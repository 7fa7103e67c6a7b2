"""Observations written by hand, and the oracle: the same rules by brute force, one pair at a time."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import combinations

import pyarrow as pa

from journey_platform.identity.normalise import is_well_formed, normalise
from journey_platform.identity.observations import OBSERVATIONS
from journey_platform.identity.placeholders import is_placeholder
from journey_platform.identity.policy import POLICIES, Policies
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


def brute_force(
    records: Iterable[Record], apart: Iterable[frozenset[Identifier]] = (), policies: Policies = POLICIES
) -> tuple[dict[Identifier, str], set[frozenset[Identifier]]]:
    """(status of each identifier, groups) by the rules as they are written, one link at a time."""
    members: dict[str, set[Identifier]] = defaultdict(set)
    times: dict[str, list[int]] = defaultdict(list)
    for record, minute, identifiers in records:
        members[record] |= {(kind, normalise(kind, value)) for kind, value in identifiers}
        times[record].append(minute)
    status = {name: "active" for names in members.values() for name in names}
    for name in status:
        if is_placeholder(*name):
            status[name] = "placeholder"
        elif not is_well_formed(*name):
            status[name] = "invalid"
    behind: dict[tuple[Identifier, Identifier], list[str]] = defaultdict(list)
    for record, names in members.items():
        for pair in combinations(sorted(n for n in names if status[n] == "active"), 2):
            behind[pair].append(record)
    beside: dict[tuple[Identifier, str], set[Identifier]] = defaultdict(set)
    for left, right in behind:
        beside[left, right[0]].add(right)
        beside[right, left[0]].add(left)
    for (name, kind), others in beside.items():
        policy = policies[name[0]]
        most = policy.max_user_ids if kind == "user_id" else policy.max_beside
        if kind != name[0] and not policies[kind].is_anonymous and most is not None and len(others) > most:
            status[name] = "shared"

    def strength(pair: tuple[Identifier, Identifier]) -> tuple[object, ...]:
        weight = policies[pair[0][0]].trust * policies[pair[1][0]].trust
        return -weight, -len(behind[pair]), -max(max(times[r]) for r in behind[pair]), pair

    accepted: dict[Identifier, set[Identifier]] = {n: set() for n, s in status.items() if s == "active"}

    def reached(start: Identifier) -> set[Identifier]:
        found, ahead = {start}, [start]
        while ahead:
            new = accepted[ahead.pop()] - found
            found |= new
            ahead += new
        return found

    for left, right in sorted((p for p in behind if p[0] in accepted and p[1] in accepted), key=strength):
        together = reached(left) | reached(right)
        counts = Counter(kind for kind, _ in together)
        limits = {kind: policies[kind].max_per_profile for kind in counts}
        if any(limit is not None and counts[kind] > limit for kind, limit in limits.items()):
            continue
        if not any(pair <= together for pair in apart):
            accepted[left].add(right)
            accepted[right].add(left)
    return status, {frozenset(reached(name)) for name in accepted}
