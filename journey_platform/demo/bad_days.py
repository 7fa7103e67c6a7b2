"""Three bad days in the web analytics of a world, each bad in another way."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from journey_platform.demo.world import Malformed, Visit, World

BROKEN_VISITS = 40
LAST_BEFORE_THE_CUT = time(3)


def with_bad_days(world: World, *, empty: date, broken: date, cut: date) -> World:
    """On local day `empty` an empty list with status 200; on `broken` 40 visits with negative money beside
    the good ones; on `cut` a list that ends with the visits of three in the morning."""
    zone = ZoneInfo(world.zone)

    def is_listed(visit: Visit) -> bool:
        at = visit.actions[-1].at.astimezone(zone)
        return at.date() != empty and (at.date() != cut or at.time() < LAST_BEFORE_THE_CUT)

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
        unlisted=frozenset(visit.visit_id for visit in world.visits if not is_listed(visit)),
        malformed=[*world.malformed, *(Malformed("matomo", "visits", broken, json.dumps(v)) for v in visits)],
    )
