"""The catalogue: every KPI by name. Each is declared once, in the module of its stage."""

from journey_platform.kpis.business import BUSINESS
from journey_platform.kpis.commerce import COMMERCE
from journey_platform.kpis.conversions import CONVERSIONS
from journey_platform.kpis.definition import Kpi, Stage
from journey_platform.kpis.early import EARLY
from journey_platform.kpis.late import LATE
from journey_platform.kpis.middle import MIDDLE
from journey_platform.kpis.opinions import OPINIONS

STAGES: tuple[Stage, ...] = ("early", "middle", "late", "business")

_DECLARED = (*EARLY, *MIDDLE, *LATE, *OPINIONS, *COMMERCE, *CONVERSIONS, *BUSINESS)

KPIS: dict[str, Kpi] = {kpi.name: kpi for stage in STAGES for kpi in _DECLARED if kpi.stage == stage}


def of_stage(stage: Stage) -> tuple[Kpi, ...]:
    """The stage's KPIs, in the order of the catalogue."""
    return tuple(kpi for kpi in KPIS.values() if kpi.stage == stage)


def definitions(stage: Stage) -> str:
    """The stage's KPIs with the versions of their definitions and what they are shown by, as text: another
    text, other rows."""
    return ",".join(
        sorted(f"{kpi.name}={kpi.version} by {' '.join(kpi.dimensions)}" for kpi in of_stage(stage))
    )
