"""The asset `insights/heard_about_us`: stated against tracked first touch."""

from collections.abc import Iterator

import dagster as dg

from journey_platform.asking import declared
from journey_platform.defs.describe import spec, whole_assets
from journey_platform.defs.planning import nothing_by_day, plan
from journey_platform.defs.platform import Platform
from journey_platform.defs.whole import Whole, unless_standing
from journey_platform.journeys.heard import agreement, heard, summary
from journey_platform.tables import HEARD, JOURNEY_TOUCHPOINTS, SESSIONS

_READ = (JOURNEY_TOUCHPOINTS, SESSIONS)


def heard_asset() -> dg.AssetsDefinition:
    """The matrix, with how far both agree beside it."""

    @whole_assets(
        *HEARD.key,
        specs=[
            spec(
                HEARD,
                group="insights",
                deps=_READ,
                note="Which channels an answer stands for is declared in journeys.yaml, under heard.",
            )
        ],
    )
    @unless_standing(HEARD, reads=_READ)
    def compared(platform: Platform, whole: Whole) -> Iterator[dg.MaterializeResult]:
        lake, engine = platform.lake, platform.engine
        work = plan(lake, HEARD, (), dict.fromkeys(_READ, nothing_by_day), span=platform.span)
        answers = engine.arrow(heard(engine.table(JOURNEY_TOUCHPOINTS), engine.table(SESSIONS)))
        found = agreement(answers, declared(platform.settings).heard)
        told = {name: round(n, 4) for name, n in summary(found).items() if n is not None}
        yield whole.write(HEARD, found, told, cursor=work.cursor)

    return compared
