"""Backfills as processes: the job of a source over a range of days, in the lake or in a shadow of it.

The job runs in a process of its own, as everywhere. In a shadow it leaves no trace in Dagster's instance:
nothing was materialized that anybody could read.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa

from journey_platform.backfills.promotion import Promoted, finish_promotions, promote
from journey_platform.history.restating import keep_up
from journey_platform.lake import Lake, LakeError
from journey_platform.lake.shadows import Refused, Shadow, discard, make
from journey_platform.run_tags import range_tags


class Failed(LakeError):  # noqa: N818 - says what happened
    """The job did not succeed; its output says why."""


def job_of(source: str) -> str:
    """The name of the job that backfills a source."""
    return f"backfill_{source}"


def run(source: str, first: date, last: date, *, environment: Mapping[str, str] = os.environ) -> None:
    """Ask the source for its days again and derive what changed. Raises `Failed`."""
    if first > last:
        raise ValueError(f"the days from {first} to {last} are none")
    command = [sys.executable, "-m", "dagster", "job", "execute", "-m", "journey_platform.definitions"]
    done = subprocess.run(
        [*command, "-j", job_of(source), "--tags", json.dumps(range_tags(first, last))],
        env=dict(environment),
        stdout=sys.stderr,
        check=False,
    )
    if done.returncode:
        raise Failed(f"the backfill of {source} failed")


def preview(
    lake: Lake, source: str, first: date, last: date, *, environment: Mapping[str, str] = os.environ
) -> Shadow:
    """The same backfill in a new shadow, which is removed again where it fails."""
    now = datetime.now(UTC)
    shadow = make(
        lake, f"{source}-{now:%Y%m%dt%H%M%S}", source=source, first=first, last=last, made_at=now.isoformat()
    )
    inside = {"JOURNEY_ROOT": shadow.lake.root, "JOURNEY_DATA_DOCS": str(shadow.folder / "data_docs")}
    try:
        # An instance of its own: without one Dagster takes the configuration of the folder it is started in.
        with tempfile.TemporaryDirectory(prefix="journey-preview-") as home:
            (Path(home) / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
            run(source, first, last, environment={**environment, **inside, "DAGSTER_HOME": home})
    except BaseException:
        discard(shadow)
        raise
    return shadow


def publish(lake: Lake, shadow: Shadow, *, run_id: str, zone: str) -> tuple[Promoted, pa.Table]:
    """Promote the shadow, and list what that restated: rows of `tables.RESTATEMENTS`. Raises `Refused`."""
    ended = finish_promotions(lake)
    if not shadow.folder.exists() and ended:
        raise Refused(f"the promotion of {shadow.name} had been begun and is ended now")
    promoted = promote(shadow, now=datetime.now(UTC))
    return promoted, keep_up(lake, run_id=run_id, zone=zone)
