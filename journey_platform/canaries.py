"""Canaries: customers who do not exist, with known answers, through everything that real ones go through.

A small company is made, its vendors' APIs are served on this machine, and the daily job runs over it as it
is installed here: connectors, gate, identity, journeys and KPIs, in a process and a lake of their own. So no
canary can be counted among customers. What comes out is compared with what is known of them.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import pyarrow as pa

from journey_platform.demo.calendar import opening
from journey_platform.demo.company import build_world
from journey_platform.demo.scorecard import score_identity, score_kpis
from journey_platform.demo.vendors.server import serve
from journey_platform.demo.world import Truth
from journey_platform.kpis.catalogue import KPIS
from journey_platform.lake import Lake
from journey_platform.run_tags import range_tags
from journey_platform.sources import FILES
from journey_platform.tables import CANARIES

# Two whole weeks, always the same, so that what differs is never the calendar.
FIRST, LAST = date(2026, 1, 5), date(2026, 1, 18)
CUSTOMERS = 40
PROFILES = "profiles"
_PATIENCE_S = 1_800


@dataclass(frozen=True)
class Flown:
    """Rows of `tables.CANARIES`, none where the run did not come to its end; `trouble` says why."""

    rows: pa.Table
    customers: int
    trouble: str = ""

    @property
    def differing(self) -> dict[str, str]:
        """In words, what is not as it is known to be."""
        return {
            row["answer"]: f"{row['compared'] - row['equal']} of {row['compared']} differ"
            for row in self.rows.to_pylist()
            if row["equal"] != row["compared"]
        }


def fly(sources: Sequence[str], *, zone: str, environment: Mapping[str, str] = os.environ) -> Flown:
    """Send the canaries through the enabled vendors, and compare."""
    vendors = [vendor for vendor in sources if vendor != FILES]
    world = replace(build_world(customers=CUSTOMERS, first_day=FIRST, last_day=LAST, zone=zone), outages=[])
    folder = Path(tempfile.mkdtemp(prefix="journey-canaries-"))
    try:
        with serve(world) as served:
            own = {
                **{n: v for n, v in environment.items() if not n.startswith(("JOURNEY_", "DAGSTER_"))},
                **served.environment,
                "JOURNEY_ROOT": str(folder / "lake"),
                "JOURNEY_ZONE": zone,
                "JOURNEY_START_DATE": FIRST.isoformat(),
                "JOURNEY_SOURCES": ",".join(vendors),
                "JOURNEY_PSEUDONYM_KEY": "the canaries' key is no secret",
                "JOURNEY_NOW": served.now.isoformat(),
                "JOURNEY_JOURNEYS": str(folder / "journeys.yaml"),
            }
            (folder / "journeys.yaml").write_text(opening())
            trouble = _run(folder, own)
        rows = CANARIES.empty() if trouble else compared(Lake(str(folder / "lake")), world.truth, vendors)
        return Flown(rows, len(world.customers), trouble)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def compared(lake: Lake, truth: Truth, vendors: Sequence[str]) -> pa.Table:
    """Rows of `tables.CANARIES`: each KPI that rests on these vendors alone, and the profiles."""
    rows = [
        {
            "answer": score.kpi,
            "compared": score.compared,
            "equal": score.equal,
            "largest_difference": score.largest_difference,
        }
        for score in score_kpis(lake, truth.kpis, FIRST)
        if score.kpi in KPIS and {name.split("/")[0] for name in KPIS[score.kpi].sources} <= {*vendors}
    ]
    people = score_identity(lake, truth)
    rows.append(
        {
            "answer": PROFILES,
            "compared": people.profiles_expected,
            "equal": people.profiles_equal,
            "largest_difference": None,
        }
    )
    return pa.Table.from_pylist(rows, schema=CANARIES.schema).sort_by("answer")


def _run(folder: Path, environment: Mapping[str, str]) -> str:
    """The daily job over all days. Returns which steps failed, or nothing."""
    command = [sys.executable, "-m", "dagster", "job", "execute", "-m", "journey_platform.definitions"]
    log = folder / "run.out"
    with log.open("wb") as out:
        done = subprocess.run(
            [*command, "-j", "daily", "--tags", json.dumps(range_tags(FIRST, LAST))],
            env=dict(environment),
            stdout=out,
            stderr=out,
            cwd=folder,
            timeout=_PATIENCE_S,
            check=False,
        )
    if not done.returncode:
        return ""
    lines = log.read_text(errors="replace").splitlines()
    failed = [line.strip() for line in lines if "STEP_FAILURE" in line]
    return (
        "; ".join(failed[:5])[:2_000] or f"the run ended with {done.returncode}: {' '.join(lines[-3:])[:500]}"
    )
