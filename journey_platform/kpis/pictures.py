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

    return _drawn(draw, 3.0, layout="constrained")


def stage_picture(values: pa.Table, stage: Stage) -> Picture:
    """A line for each KPI of the stage that is shown undivided, of its shortest period; its last value."""
    # The share of all shares together is one.
    shown = [kpi for kpi in of_stage(stage) if EVERYTHING in kpi.dimensions and not kpi.is_share]
    rows = -(-len(shown) // _COLUMNS)

    def draw(figure: Any) -> None:
        from matplotlib.lines import Line2D

        width, height = 1 / _COLUMNS, 1 / rows
        for place, kpi in enumerate(shown):
            left, top = place % _COLUMNS * width + 0.01, 1 - place // _COLUMNS * height
            of = _known(values, kpi.name, kpi.periods[0])
            of = [row for row in of if row["dimension"] == EVERYTHING]
            words = f"{kpi.name}\n{_said(kpi, of)}"
            figure.text(left, top, words, fontsize=7.5, color=INK, verticalalignment="top")
            # Straight onto the figure: axes for each, though none is shown, take five times as long.
            x = _within([row["day"].toordinal() for row in of], left, 0.88 * width)
            y = _within([row["value"] for row in of], top - 0.9 * height, 0.55 * height)
            figure.add_artist(Line2D(x, y, color=COLOURS[0], linewidth=0.9))
            figure.add_artist(Line2D(x[-1:], y[-1:], color=COLOURS[0], marker="o", markersize=2.5))

    return _drawn(draw, 0.95 * rows)


def _within(numbers: Sequence[float], start: float, size: float) -> list[float]:
    """The numbers between `start`, the lowest, and `size` further; in the middle if all are alike."""
    low, high = min(numbers, default=0), max(numbers, default=0)
    return [start + size * ((number - low) / (high - low) if high > low else 0.5) for number in numbers]


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


def _drawn(draw: Callable[[Any], None], height: float, layout: str | None = None) -> Picture:
    from matplotlib.figure import Figure

    file = io.BytesIO()
    with _settings():
        figure = Figure(figsize=(7.2, height), layout=layout)
        draw(figure)
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    return Picture(smaller(file.getvalue()))


@contextmanager
def _settings() -> Iterator[None]:
    from matplotlib import rc_context

    words = dict.fromkeys(("text.color", "axes.labelcolor", "xtick.color", "ytick.color"), INK)
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "kpis", "font.size": 8, **words}):
        yield
