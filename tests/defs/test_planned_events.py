"""What Dagster is told about a run over several days before it starts."""

from collections import Counter
from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from connectors.config import missing_settings
from connectors.registry import CONNECTORS
from journey_platform.defs.build import build_definitions
from journey_platform.run_tags import range_tags
from journey_platform.settings import load

DAYS = 3


@pytest.mark.parametrize("sources", [("matomo",), ("mastodon", "zendesk"), tuple(CONNECTORS)], ids="+".join)
def test_a_run_announces_a_daily_asset_once_a_day_and_a_whole_one_once(
    tmp_path: Path, sources: tuple[str, ...]
) -> None:
    environment = {
        variable: "https://vendor.example"
        for name in sources
        for variable in missing_settings(CONNECTORS[name].config_class, {})
    }
    environment |= {
        "JOURNEY_ROOT": str(tmp_path),
        "JOURNEY_START_DATE": "2026-03-01",
        "JOURNEY_SOURCES": ",".join(sources),
        "JOURNEY_PSEUDONYM_KEY": "any",
    }
    job = build_definitions(load(environment)).resolve_job_def("daily")
    with dg.DagsterInstance.ephemeral() as instance:
        run = instance.create_run_for_job(job, tags=range_tags(date(2026, 3, 1), date(2026, 3, DAYS)))
        events = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED)
    announced = Counter(event.get_dagster_event().asset_key for event in events)
    graph = job.asset_layer.asset_graph
    assert announced == {key: DAYS if graph.get(key).is_partitioned else 1 for key in announced}
    assert len(announced) == len(graph.executable_asset_keys)
