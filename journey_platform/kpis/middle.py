"""Middle-stage KPIs: what visits to the site are like, per local day on which they begin."""

from typing import TYPE_CHECKING

from journey_platform.kpis.catalogue import KPIS
from journey_platform.kpis.parts import counted

if TYPE_CHECKING:
    import ibis.expr.types as ir


def parts(sessions: "ir.Table") -> "ir.Table":
    """`parts.PARTS` of the middle-stage KPIs, from rows of `tables.SESSIONS` of the days to value."""
    import ibis

    people = sessions.filter(~sessions.is_bot)
    one = ibis.literal(1)
    units = {
        "visits": (one, None),
        "bounce_single_page": (people.is_bounce_single_page, one),
        "bounce_ga4": (~people.is_engaged_ga4, one),
        "bounce_snowplow": (~people.is_engaged_snowplow, one),
        "pages_per_session": (people.page_views, one),
        "conversion_rate": (people.orders > 0, one),
    }
    return ibis.union(*(counted(KPIS[name], people, *unit) for name, unit in units.items()))
