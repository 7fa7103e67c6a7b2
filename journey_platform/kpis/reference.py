"""The reference of all KPIs as Markdown: `python -m journey_platform.kpis.reference`."""

from collections.abc import Iterator

from journey_platform.kpis.catalogue import STAGES, of_stage
from journey_platform.kpis.definition import Kpi
from journey_platform.kpis.dimensions import DIMENSIONS
from journey_platform.kpis.grains.registry import GRAINS

_HEAD = "| KPI | question | above the line / below it | unit | by | per | version |"


def reference() -> str:
    """One table per stage, and one of the dimensions."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    for stage in STAGES:
        yield from ("", f"### {stage.capitalize()} stage", "", _HEAD, "|" + "---|" * 7)
        yield from map(_row, of_stage(stage))
    yield from ("", "### Dimensions", "", "| dimension | meaning |", "|---|---|")
    yield from (f"| `{of.name}` | {of.meaning} |" for of in DIMENSIONS.values())


def _row(kpi: Kpi) -> str:
    better = {"up": " ↑", "down": " ↓", None: ""}[kpi.better]
    if kpi.statistic != "ratio":
        parts = f"{kpi.statistic.replace('km_', 'Kaplan-Meier ')} of {kpi.numerator}"
    else:
        parts = f"{kpi.numerator}{f' / {kpi.denominator}' if kpi.denominator else ''}"
    interval = "order statistics" if kpi.statistic != "ratio" else kpi.interval
    details = "; ".join(
        filter(
            None,
            (
                f"unit: {GRAINS[kpi.grain].one_per}",
                f"window {kpi.window_days} d" if kpi.window_days else "",
                f"matures after {kpi.maturity_days} d",
                f"interval: {interval}" if interval else "no interval",
                f"sources: {', '.join(kpi.sources)}",
            ),
        )
    )
    cells = (
        f"`{kpi.name}`{better}",
        kpi.question,
        f"{parts}. *{kpi.reference}*. {details}",
        kpi.unit,
        ", ".join(kpi.dimensions),
        ", ".join(kpi.periods),
        f"{kpi.version}, {kpi.effective.isoformat()}",
    )
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    print(reference())
