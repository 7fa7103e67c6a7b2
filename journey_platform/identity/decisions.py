"""Decisions: what people rule about identifiers, over and above what records tell.

The ledger only grows; of several decisions about the same thing the latest counts. It names identifiers by
key, so that it holds no personal values and outlives the records. Who is joined in the end is in `resolve`.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import pyarrow as pa

from journey_platform.identity.links import EVIDENCE
from journey_platform.identity.policy import DECISION
from journey_platform.tables import DECISIONS

LINK, UNLINK, BLOCK, UNBLOCK = "link", "unlink", "block", "unblock"
ERASE = "erase"
_OF_PAIRS, _OF_ONE = (LINK, UNLINK), (BLOCK, UNBLOCK)


@dataclass(frozen=True)
class Rulings:
    """What holds now. `links`: pairs that are one person, as `EVIDENCE`; `apart`: pairs that are not."""

    links: pa.Table
    apart: tuple[tuple[int, int], ...]
    blocked: tuple[int, ...]


def decision(
    action: str, keys: Sequence[int], *, who: str, why: str, decided_at: datetime, day: date
) -> pa.Table:
    """One row for the ledger. `keys`: of the identifiers, two for link and unlink and one otherwise.

    Raises `ValueError` for another action or number of keys, and where nobody or no reason is named.
    """
    expected = 2 if action in _OF_PAIRS else 1 if action in _OF_ONE else None
    if expected is None:
        raise ValueError(f"a decision is one of {', '.join((*_OF_PAIRS, *_OF_ONE))}")
    if len(set(keys)) != expected or len(keys) != expected:
        raise ValueError(f"{action} takes {expected} identifier{'s that differ' if expected == 2 else ''}")
    left, right = (*sorted(keys), None)[:2]
    return _row(action, left, right, (), who=who, why=why, decided_at=decided_at, day=day)


def erasure(
    named: Iterable[tuple[str, int]], *, who: str, why: str, decided_at: datetime, day: date
) -> pa.Table:
    """The row of an erasure. `named`: (kind, key) of all that named the person. It cannot be taken back."""
    pairs = sorted(set(named), key=lambda pair: (pair[1], pair[0]))
    if not pairs:
        raise ValueError("an erasure needs an identifier")
    return _row(ERASE, None, None, pairs, who=who, why=why, decided_at=decided_at, day=day)


def erased(ledger: pa.Table) -> dict[str, tuple[tuple[str, int], ...]]:
    """By decision, the (kind, key) pairs that were erased. An erasure holds for good."""
    return {
        row["decision_id"]: tuple((pair["kind"], pair["key"]) for pair in row["erased"])
        for row in ledger.to_pylist()
        if row["action"] == ERASE
    }


def _row(
    action: str,
    left: int | None,
    right: int | None,
    named: Sequence[tuple[str, int]],
    *,
    who: str,
    why: str,
    decided_at: datetime,
    day: date,
) -> pa.Table:
    if not who.strip() or not why.strip():
        raise ValueError("a decision needs who takes it, and why")
    about = (left, right) if not named else tuple(key for _, key in named)
    told = "\x1f".join(map(str, (decided_at.isoformat(), action, *about, who)))
    row = {
        "day": day,
        "decision_id": "D" + hashlib.sha256(told.encode()).hexdigest()[:16],
        "decided_at": decided_at,
        "action": action,
        "left_key": left,
        "right_key": right,
        "who": who.strip(),
        "why": why.strip(),
        "erased": [{"kind": kind, "key": key} for kind, key in named] or None,
    }
    return pa.Table.from_pylist([row], schema=DECISIONS.schema)


def rulings(ledger: pa.Table) -> Rulings:
    """What the decisions (`tables.DECISIONS`) come to, in whatever order the rows stand."""
    rows = sorted(ledger.to_pylist(), key=lambda row: (row["decided_at"], row["decision_id"]))
    latest = {(row["left_key"], row["right_key"]): row for row in rows}
    holding = sorted(latest.items(), key=lambda item: str(item[0]))
    links = [
        {
            "left_key": left,
            "right_key": right,
            "rule": DECISION,
            "weight": 1.0,
            "records": 1,
            "example": row["decision_id"],
            "first_seen": row["decided_at"],
            "last_seen": row["decided_at"],
        }
        for (left, right), row in holding
        if row["action"] == LINK
    ]
    return Rulings(
        links=pa.Table.from_pylist(links, schema=EVIDENCE),
        apart=tuple(pair for pair, row in holding if row["action"] == UNLINK),
        blocked=tuple(left for (left, _), row in holding if row["action"] == BLOCK),
    )
