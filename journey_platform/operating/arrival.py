"""Until when each stream of a vendor is whole in the lake."""

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from connectors.base import Connector, StreamKind
from journey_platform.lake import Lake
from journey_platform.landing import checkpoint
from journey_platform.sources import archive_of


def complete_until(lake: Lake, connector: type[Connector], zone: str) -> Mapping[str, datetime | None]:
    """Per stream: the end of its newest day that arrived, or, of an entity, when it was last asked; None
    before the first pull."""
    until: dict[str, datetime | None] = {}
    for stream in connector.streams:
        table = archive_of(connector.vendor, stream)
        if stream.kind is StreamKind.EVENT:
            days = lake.day_states(table)
            next_day = max(days) + timedelta(days=1) if days else None
            until[stream.name] = datetime.combine(next_day, time(), ZoneInfo(zone)) if next_day else None
        else:
            last = checkpoint(lake, table)
            until[stream.name] = last.asked_at if last else None
    return until
