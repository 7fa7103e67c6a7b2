"""The ledger of decisions in the lake: what was decided is added and never changed.

What decisions mean is in `identity.decisions`; every run applies the whole ledger.
"""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import pyarrow as pa

from journey_platform.identity.decisions import decision
from journey_platform.lake import Lake
from journey_platform.tables import DECISIONS


def decide(
    lake: Lake, action: str, keys: Sequence[int], *, who: str, why: str, now: datetime, zone: str
) -> str:
    """Add a decision and give its id. Two writers at once both stand. Raises `ValueError` as `decision`."""
    row = decision(action, keys, who=who, why=why, decided_at=now, day=now.astimezone(ZoneInfo(zone)).date())
    told: str = row["decision_id"][0].as_py()
    lake.add_versions(DECISIONS, row, run_id=told, cursor=None)
    return told


def ledger(lake: Lake) -> pa.Table:
    return lake.read(DECISIONS)
