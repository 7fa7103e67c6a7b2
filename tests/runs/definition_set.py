"""The whole definition set as text, one block an asset, so that a change of the graph shows in a review.

`python -m tests.runs.definition_set > tests/runs/definitions.txt` writes it anew.
"""

from datetime import date

import dagster as dg

from connectors.registry import CONNECTORS
from journey_platform.defs.build import build_definitions
from journey_platform.settings import Settings


def definitions() -> dg.Definitions:
    """All sources, from 2026-01-01 in Amsterdam."""
    return build_definitions(
        Settings(
            root="lake",
            zone="Europe/Amsterdam",
            start_date=date(2026, 1, 1),
            sources=tuple(CONNECTORS),
            memory_limit="1GB",
            storage_options={},
        )
    )


def described(defs: dg.Definitions) -> str:
    """Groups, keys, partitioning, dependencies and checks; then jobs, schedules and sensors."""
    blocks: list[str] = []
    for asset in defs.assets or []:
        assert isinstance(asset, dg.AssetsDefinition)
        checks: dict[dg.AssetKey, list[str]] = {}
        for check in asset.check_specs:
            checks.setdefault(check.asset_key, []).append(check.name)
        for spec in asset.specs:
            partitioned = "daily" if spec.partitions_def else "whole"
            lines = [f"{spec.key.to_user_string()}  [{spec.group_name}]  {partitioned}"]
            lines += [
                f"    <- {name}" for name in sorted(dep.asset_key.to_user_string() for dep in spec.deps)
            ]
            lines += [f"    ?  {name}" for name in sorted(checks.get(spec.key, []))]
            blocks.append("\n".join(lines))
    jobs = [f"job {job.name}" for job in defs.jobs or []]
    schedules = [
        f"schedule {s.name}: {s.cron_schedule} {s.execution_timezone}"
        for s in defs.schedules or []
        if isinstance(s, dg.ScheduleDefinition)
    ]
    sensors = [f"sensor {sensor.name}" for sensor in defs.sensors or []]
    return "\n\n".join([*sorted(blocks), "\n".join([*jobs, *schedules, *sensors])]) + "\n"


if __name__ == "__main__":
    print(described(definitions()), end="")
