"""Journeys counted the slow way: the definitions row by row, for random histories. Oracles of the kernels."""

import random
from datetime import timedelta
from typing import Any

import pyarrow as pa

from tests.journeys.made import at, touchpoints

START = at("2026-03-20 00:00")


def random_history(seed: int, *, persons: int = 12, days: int = 12, types: str = "ABCX") -> pa.Table:
    """A few touchpoints of each person, many at one instant."""
    print(f"seed {seed}")
    draw = random.Random(seed)
    rows: list[dict[str, Any]] = []
    for person in range(persons):
        moment = START + timedelta(seconds=draw.randrange(86_400))
        for _ in range(draw.randrange(0, 14)):
            rows.append(
                {
                    "person_key": person,
                    "device_key": draw.choice([person, 100 + person]),
                    "occurred_at": moment,
                    "touchpoint_id": f"t{draw.randrange(10**9):09d}",
                    "type": draw.choice(types),
                    "page": draw.choice(["/a", "/b", None]),
                    "traffic_channel": draw.choice(["Email", "Direct", "Paid Search"]),
                    "value": draw.choice([None, 10.0, 2.5]),
                }
            )
            moment += timedelta(seconds=draw.choice([0, 0, 1, 60, 3600, 40_000, 86_400]))
            if moment >= START + timedelta(days=days):
                break
    return touchpoints(rows)


def by_person(rows: pa.Table) -> dict[int, list[dict[str, Any]]]:
    """Each person's rows in order."""
    found: dict[int, list[dict[str, Any]]] = {}
    for row in sorted(
        rows.to_pylist(), key=lambda r: (r["person_key"], r["occurred_at"], r["touchpoint_id"])
    ):
        found.setdefault(row["person_key"], []).append(row)
    return found


def micros(moment: Any) -> int:
    return round(moment.timestamp()) * 1_000_000
