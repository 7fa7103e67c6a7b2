"""Pictures of answers: visits, funnel, Sankey of paths, retention triangle, lifecycle, attribution, journey
map, friction.

Each is made from rows of its table alone. They are small SVGs for light and dark pages: nothing is painted
behind them, words beside the marks are of a grey that reads on both, and words on a mark stand on its own
opaque colour. The same rows give the same bytes.
"""

import base64
import io
import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa

from journey_platform.journeys.paths import LEFT, OTHERS
from journey_platform.tables import (
    ACTIVITY,
    ATTRIBUTION,
    FRICTION,
    FUNNELS,
    PATHS,
    RETENTION,
    STAGES,
    VISITS,
    Table,
)

INK, ON_MARK = "#767b82", "#14202b"
COLOURS = ("#4f8fcf", "#e0913d", "#55a868", "#c45f9c", "#8c7bd0", "#3fa7a5", "#d0605e", "#a0894a", "#7f8a99")
_PALE, _FULL = (0.91, 0.94, 0.97), (0.31, 0.60, 0.86)
_MODELS_SHOWN = (
    "first",
    "last",
    "last_non_direct",
    "linear",
    "position",
    "time_decay",
    "custom",
    "shapley",
    "markov",
)
_THINNEST = 0.002
"""Share of all paths from which a band can be seen."""
_Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Picture:
    """A picture. `svg`: its bytes."""

    svg: bytes

    def markdown(self, title: str) -> str:
        """An image of Markdown that holds the picture itself."""
        return f"![{title}](data:image/svg+xml;base64,{base64.b64encode(self.svg).decode()})"

    def write(self, file: Path) -> None:
        """Write it. Raises `ValueError` for another name than *.svg."""
        if file.suffix != ".svg":
            raise ValueError(f"a picture is an .svg, not {file.name}")
        file.write_bytes(self.svg)


def picture(table: Table, rows: pa.Table) -> Picture:
    """The picture of one answer: rows of `table` with one name."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    draw, height = _DRAWN[table.name]
    said = rows.to_pylist()
    settings = {
        "svg.fonttype": "none",
        "svg.hashsalt": "journeys",
        "font.size": 9,
        "font.family": "sans-serif",
    }
    with rc_context(
        {**settings, "text.color": INK, "axes.labelcolor": INK, "xtick.color": INK, "ytick.color": INK}
    ):
        figure = Figure(figsize=(7.2, height(said)), layout="constrained")
        axes = figure.add_subplot()
        axes.set_frame_on(False)
        draw(axes, said)
        file = io.BytesIO()
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    return Picture(smaller(file.getvalue()))


def smaller(svg: bytes) -> bytes:
    """The same picture with two decimals of a point, of the six that it is drawn with. Its words stay."""
    return re.sub(rb"<[^>]+>", lambda tag: re.sub(rb"(\d\.\d\d)\d+", rb"\1", tag[0]), svg)


def dates_below(axes: Any, days: Sequence[date], places: Sequence[Any]) -> None:
    """Some of the days, as "24 Aug", at their places below the axes: as many as stand beside each other."""
    shown = range(0, len(days), -(-len(days) // 8) or 1)
    axes.set_xticks([places[n] for n in shown], [f"{days[n].day} {days[n]:%b}" for n in shown])


def _shade(share: float) -> tuple[float, ...]:
    """From pale to full: opaque, so that dark words read on it."""
    return tuple(
        pale + (full - pale) * min(max(share, 0.0), 1.0) for pale, full in zip(_PALE, _FULL, strict=True)
    )


def _short(text: str, width: int = 22) -> str:
    """Words are cut at the end; of a page, the end tells most."""
    if len(text) <= width:
        return text
    if text.startswith("/"):
        return "…" + text[1 - width :]
    return textwrap.shorten(text, width, placeholder="…") if " " in text else text[: width - 1] + "…"


def _duration(seconds: float) -> str:
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} s"


def _bare(axes: Any) -> None:
    axes.set_xticks([])
    axes.set_yticks([])


def _funnel(axes: Any, rows: _Rows) -> None:
    steps = [row for row in rows if row["by"] == "all"]
    most = max((row["units"] for row in steps), default=0) or 1
    for place, row in enumerate(steps):
        axes.barh(place, 1.0, color=_shade(0.0), height=0.72)
        axes.barh(place, row["units"] / most, color=_shade(1.0), height=0.72)
        share = "" if row["conversion"] is None else f" · {row['conversion']:.1%}"
        interval = "" if row["lower"] is None or not place else f" ({row['lower']:.1%} to {row['upper']:.1%})"
        took = f" · median {_duration(row['median_s'])}" if place and row["median_s"] is not None else ""
        axes.text(0.01, place, f"{row['units']:,}{share}{interval}{took}", color=ON_MARK, va="center")
    _bare(axes)
    axes.set_yticks(range(len(steps)), [_short(row["step_name"]) for row in steps])
    axes.tick_params(length=0)
    axes.invert_yaxis()


def _paths(axes: Any, rows: _Rows) -> None:
    """A Sankey: nodes stand in columns of steps, the bands between them are as wide as paths are many."""
    from matplotlib.patches import PathPatch, Rectangle
    from matplotlib.path import Path as Outline

    links = [row for row in rows if row["part"] == "link"]
    _bare(axes)
    if not links:
        return
    sizes: dict[tuple[int, str], int] = {}
    for row in links:
        sizes[row["step"], row["source"]] = sizes.get((row["step"], row["source"]), 0) + row["paths"]
    last = max(row["step"] for row in links) + 1
    for row in links:
        if row["step"] + 1 == last or row["target"] == LEFT:
            key = (row["step"] + 1, row["target"])
            sizes[key] = sizes.get(key, 0) + row["paths"]
    total = sum(size for (step, _), size in sizes.items() if step == 1)
    names = list(dict.fromkeys(name for _, name in sorted(sizes, key=lambda key: (key[0], -sizes[key]))))
    plain = {LEFT: "#9aa0a8", OTHERS: "#b8bdc4"}
    named = [name for name in names if name not in plain]
    colour = {name: COLOURS[place % len(COLOURS)] for place, name in enumerate(named)} | plain
    gap, width, letters = 0.035, 0.06, max(8, 80 // last)
    tops: dict[tuple[int, str], float] = {}
    for step in range(1, last + 1):
        column = sorted(
            (key for key in sizes if key[0] == step),
            key=lambda key: (key[1] == LEFT, key[1] == OTHERS, -sizes[key]),
        )
        y = 0.0
        for key in column:
            tops[key] = y
            size = sizes[key] / total
            axes.add_patch(Rectangle((step - width, -y - size), 2 * width, size, color=colour[key[1]], lw=0))
            axes.text(
                step + width * 1.3,
                -y - size / 2,
                f"{_short(key[1], letters)} {sizes[key] / total:.0%}",
                color=ON_MARK,
                va="center",
                fontsize=8 if last <= 6 else 6.5,
                bbox={"facecolor": _PALE, "alpha": 0.85, "lw": 0, "pad": 1.2},
            )
            y += size + gap
    leaves, enters = dict(tops), dict(tops)
    for row in sorted(links, key=lambda row: (row["step"], -row["paths"], row["source"], row["target"])):
        start, end = (row["step"], row["source"]), (row["step"] + 1, row["target"])
        size = row["paths"] / total
        x0, x1, y0, y1 = start[0] + width, end[0] - width, -leaves[start], -enters[end]
        leaves[start] += size
        enters[end] += size
        if size < _THINNEST:
            continue
        middle = (x0 + x1) / 2
        points = [(x0, y0), (middle, y0), (middle, y1), (x1, y1), (x1, y1 - size)]
        points += [(middle, y1 - size), (middle, y0 - size), (x0, y0 - size), (x0, y0)]
        codes = [
            Outline.MOVETO,
            *[Outline.CURVE4] * 3,
            Outline.LINETO,
            *[Outline.CURVE4] * 3,
            Outline.CLOSEPOLY,
        ]
        axes.add_patch(PathPatch(Outline(points, codes), facecolor=colour[row["source"]], alpha=0.35, lw=0))
    deepest = max(top + sizes[key] / total for key, top in tops.items())
    axes.set_xlim(1 - 2 * width, last + 0.85)
    axes.set_ylim(-deepest - gap, gap)


def _grid(
    axes: Any,
    across: Sequence[str],
    down: Sequence[str],
    cell: Callable[[int, int], tuple[float | None, str]],
) -> None:
    """Cells with a share that shades them and a text; without a share, nothing is there."""
    from matplotlib.patches import Rectangle

    for y in range(len(down)):
        for x in range(len(across)):
            share, text = cell(y, x)
            if share is not None:
                axes.add_patch(Rectangle((x - 0.48, y - 0.46), 0.96, 0.92, color=_shade(share), lw=0))
                axes.text(x, y, text, color=ON_MARK, ha="center", va="center", fontsize=8)
    axes.set_xlim(-0.5, len(across) - 0.5)
    axes.set_ylim(len(down) - 0.5, -0.5)
    axes.set_xticks(range(len(across)), across)
    axes.set_yticks(range(len(down)), down)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)


def _retention(axes: Any, rows: _Rows) -> None:
    cohorts = list(dict.fromkeys(row["cohort"] for row in rows))
    periods = sorted({row["period_from"] for row in rows})
    found = {(row["cohort"], row["period_from"]): row for row in rows}
    sizes = {row["cohort"]: row["size"] for row in reversed(rows)}

    def cell(y: int, x: int) -> tuple[float | None, str]:
        share = found[cohorts[y], periods[x]]["share"]
        return share, "" if share is None else f"{share:.0%}"

    _grid(axes, [str(n) for n in periods], [f"{name}  ({sizes[name]:,})" for name in cohorts], cell)


def _attribution(axes: Any, rows: _Rows) -> None:
    models = [model for model in _MODELS_SHOWN if any(row["model"] == model for row in rows)]
    earned: dict[str, float] = {}
    for row in rows:
        earned[row["channel"]] = earned.get(row["channel"], 0.0) + row["conversions"]
    channels = sorted(earned, key=lambda name: (-earned[name], name))
    found = {(row["model"], row["channel"]): row["share"] or 0.0 for row in rows}
    left = dict.fromkeys(models, 0.0)
    for place, channel in enumerate(channels):
        colour = COLOURS[place % len(COLOURS)]
        for y, model in enumerate(models):
            share = found.get((model, channel), 0.0)
            axes.barh(
                y, share, left=left[model], color=colour, height=0.72, label=channel if y == 0 else None
            )
            if share >= 0.06:
                axes.text(left[model] + share / 2, y, f"{share:.0%}", color=ON_MARK, ha="center", va="center")
            left[model] += share
    _bare(axes)
    axes.set_yticks(range(len(models)), [model.replace("_", " ") for model in models])
    axes.tick_params(length=0)
    axes.invert_yaxis()
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 0.0), ncols=5, frameon=False, fontsize=8)


def _activity(axes: Any, rows: _Rows) -> None:
    periods = sorted({row["period"] for row in rows})
    found = {(row["period"], row["measure"]): row["value"] or 0.0 for row in rows if not row["at_least"]}
    under = [0.0] * len(periods)
    for place, measure in enumerate(("recurring", "resurrected", "new")):
        counts = [found.get((period, measure), 0.0) for period in periods]
        axes.bar(range(len(periods)), counts, bottom=under, color=COLOURS[place], label=measure)
        under = [a + b for a, b in zip(under, counts, strict=True)]
    gone = [-found.get((period, "dormant"), 0.0) for period in periods]
    axes.bar(range(len(periods)), gone, color=COLOURS[6], label="dormant")
    axes.axhline(0, color=INK, lw=0.8)
    dates_below(axes, periods, range(len(periods)))
    axes.tick_params(length=0)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=4, frameon=False, fontsize=8)


def _visits(axes: Any, rows: _Rows) -> None:
    every = [row for row in rows if row["by"] == "all"]
    stayed = [row["visits"] - row["bounces"] for row in every]
    axes.bar(range(len(every)), stayed, color=COLOURS[0], label="of more pages")
    left = [row["bounces"] for row in every]
    axes.bar(range(len(every)), left, bottom=stayed, color=COLOURS[1], label="of one page")
    dates_below(axes, [row["period"] for row in every], range(len(every)))
    axes.tick_params(length=0)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=2, frameon=False, fontsize=8)


def _stages(axes: Any, rows: _Rows) -> None:
    stages = [row for row in rows if row["part"] == "stage"]
    stages.sort(key=lambda row: row["place"])
    cells = {(row["of"], row["stage"]): row for row in rows if row["part"] == "map"}
    values = sorted({of for of, _ in cells})
    most = max((row["touchpoints"] for row in cells.values()), default=1)

    def cell(y: int, x: int) -> tuple[float | None, str]:
        row = cells.get((values[y], stages[x]["stage"]))
        if row is None:
            return None, ""
        told = [f"{row['touchpoints']:,} from {row['units']:,}"]
        told += [] if row["nps"] is None else [f"NPS {row['nps']:+.0f} of {row['answers']}"]
        told += [] if row["sentiment"] is None else [f"mood {row['sentiment']:+.2f}"]
        told += [f"left {row['drop_off']:.0%}"] if row["dropped"] else []
        return (row["touchpoints"] / most) ** 0.5, "\n".join(told)

    _grid(axes, [f"{_short(row['stage'])}\n{row['units']:,}" for row in stages], values, cell)


def _friction(axes: Any, rows: _Rows) -> None:
    pages = [row for row in rows if row["signal"] == "score" and row["page"] != "all" and row["score"]]
    pages = sorted(pages, key=lambda row: (-row["score"], row["page"]))[:10]
    most = max((row["score"] for row in pages), default=1.0)
    for place, row in enumerate(pages):
        axes.barh(place, 1.0, color=_shade(0.0), height=0.72)
        axes.barh(place, row["score"] / most, color=_shade(1.0), height=0.72)
        money = ""
        if row["money_lost"] is not None and row["count"]:
            money = (
                f" · at stake {row['money_lost']:,.0f} ({row['money_low']:,.0f} to {row['money_high']:,.0f})"
            )
        told = f"{row['score']:,.0f} points, {row['count']:,} of {row['sessions']:,} sessions{money}"
        axes.text(0.01, place, told, color=ON_MARK, va="center")
    _bare(axes)
    axes.set_yticks(range(len(pages)), [_short(row["page"]) for row in pages])
    axes.tick_params(length=0)
    axes.invert_yaxis()


def _per(share: float, count: Callable[[_Rows], int]) -> Callable[[_Rows], float]:
    return lambda rows: 0.7 + share * max(count(rows), 1)


_DRAWN: Mapping[str, tuple[Callable[[Any, _Rows], None], Callable[[_Rows], float]]] = {
    VISITS.name: (_visits, lambda _: 3.2),
    FUNNELS.name: (_funnel, _per(0.38, lambda rows: sum(row["by"] == "all" for row in rows))),
    PATHS.name: (_paths, lambda _: 4.0),
    RETENTION.name: (_retention, _per(0.27, lambda rows: len({row["cohort"] for row in rows}))),
    ATTRIBUTION.name: (_attribution, _per(0.36, lambda rows: len({row["model"] for row in rows}) + 1)),
    ACTIVITY.name: (_activity, lambda _: 3.2),
    STAGES.name: (_stages, _per(0.75, lambda rows: len({r["of"] for r in rows if r["part"] == "map"}))),
    FRICTION.name: (
        _friction,
        _per(0.36, lambda rows: min(10, sum(r["signal"] == "score" and bool(r["score"]) for r in rows))),
    ),
}
