"""Three bad days in the web analytics of a world, each bad in another way."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from journey_platform.demo.world import Malformed, Outage, World

BROKEN_VISITS = 40


def with_bad_days(world: World, *, empty: date, broken: date, down: date) -> World:
    """On local day `empty` an empty list with status 200; on `broken` 40 visits with negative money beside
    the good ones; on `down` no answer until the outage is lifted."""
    zone = ZoneInfo(world.zone)
    noon = int(datetime.combine(broken, time(12), zone).astimezone(UTC).timestamp())
    visits = [
        {
            "idSite": str(world.site_id),
            "idVisit": str(990_000 + number),
            "firstActionTimestamp": noon,
            "actionDetails": [],
            "totalEcommerceRevenue": "-5",
        }
        for number in range(BROKEN_VISITS)
    ]
    return replace(
        world,
        visits=[v for v in world.visits if v.actions[-1].at.astimezone(zone).date() != empty],
        malformed=[*world.malformed, *(Malformed("matomo", "visits", broken, json.dumps(v)) for v in visits)],
        outages=[*world.outages, Outage("matomo", down)],
    )
