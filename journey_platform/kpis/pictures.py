"""Pictures of KPI values: the net promoter score with its interval, and a small line for each KPI of a stage.

Made from rows of `tables.kpis_table` alone, as small SVGs for light and dark pages (see
`journeys.pictures`). The same rows give the same bytes.
"""

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from journey_platform.journeys.pictures import COLOURS, INK, Picture, dates_below, smaller
from journey_platform.kpis.catalogue import of_stage
from journey_platform.kpis.definition import EVERYTHING, Kpi, Stage

_Rows = Sequence[Mapping[str, Any]]
_COLUMNS = 4


def nps_picture(values: pa.Table) -> Picture:
    """The score of each week and survey as a line, its interval as a band around it."""

    def draw(figure: Any) -> None:
        axes = figure.add_subplot()
        axes.set_frame_on(False)
        rows = _known(values, "nps", "week")
        for place, survey in enumerate(sorted({row["dimension_value"] for row in rows})):
            of = [row for row in rows if row["dimension_value"] == survey]
            days, colour = [row["day"] for row in of], COLOURS[place % len(COLOURS)]
            bounds = [[row[name] for row in of] for name in ("lower", "upper")]
            axes.fill_between(days, *bounds, color=colour, alpha=0.25, linewidth=0)
            axes.plot(
                days, [row["value"] for row in of], color=colour, marker="o", markersize=3, label=survey
            )
        axes.axhline(0, color=INK, linewidth=0.6)
        axes.set_ylim(-100, 100)
        axes.set_ylabel("score with its 95 % interval", fontsize=8)
        axes.tick_params(length=0)
        if rows:
            weeks = sorted({row["day"] for row in rows})
            dates_below(axes, weeks, weeks)
            axes.legend(frameon=False, fontsize=8, ncols=4, loc="upper center", bbox_to_anchor=(0.5, -0.08))

    return _drawn(draw, 3.0)


def stage_picture(values: pa.Table, stage: Stage) -> Picture:
    """A line for each KPI of the stage that is shown undivided, of its shortest period; its last value."""
    # The share of all shares together is one.
    shown = [kpi for kpi in of_stage(stage) if EVERYTHING in kpi.dimensions and not kpi.is_share]
    rows = -(-len(shown) // _COLUMNS)

    def draw(figure: Any) -> None:
        for place, kpi in enumerate(shown, start=1):
            axes = figure.add_subplot(rows, _COLUMNS, place)
            axes.axis("off")
            of = _known(values, kpi.name, kpi.periods[0])
            of = [row for row in of if row["dimension"] == EVERYTHING]
            axes.set_title(f"{kpi.name}\n{_said(kpi, of)}", fontsize=7.5, color=INK, loc="left")
            if of:
                colour = COLOURS[0]
                axes.plot([r["day"] for r in of], [r["value"] for r in of], color=colour, linewidth=0.9)
                axes.plot(of[-1]["day"], of[-1]["value"], color=colour, marker="o", markersize=2.5)

    return _drawn(draw, 0.95 * rows)


def _known(values: pa.Table, kpi: str, period: str) -> _Rows:
    """The KPI's rows that have a value, by day."""
    is_it = pc.and_(pc.equal(values["kpi"], kpi), pc.equal(values["period"], period))
    found = values.filter(pc.and_(is_it, pc.is_valid(values["value"])))
    columns = ["day", "dimension", "dimension_value", "value", "lower", "upper"]
    rows: _Rows = found.select(columns).sort_by("day").to_pylist()
    return rows


def _said(kpi: Kpi, rows: _Rows) -> str:
    if not rows:
        return "nothing yet"
    value = rows[-1]["value"]
    return f"{value:.1%}" if kpi.unit == "ratio" else f"{value:,.4g} {kpi.unit}"


def _drawn(draw: Callable[[Any], None], height: float) -> Picture:
    from matplotlib.figure import Figure

    file = io.BytesIO()
    with _settings():
        figure = Figure(figsize=(7.2, height), layout="constrained")
        draw(figure)
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    return Picture(smaller(file.getvalue()))


@contextmanager
def _settings() -> Iterator[None]:
    from matplotlib import rc_context

    words = dict.fromkeys(("text.color", "axes.labelcolor", "xtick.color", "ytick.color"), INK)
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "kpis", "font.size": 8, **words}):
        yield
