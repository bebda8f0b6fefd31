"""The picture of repeated runs: for each setting the mean, its interval, and what it is the mean of."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mldrl_lite.figures import COLOURS, STYLE
from mldrl_lite.runs.notebook.values import code
from mldrl_lite.runs.results.formats import readable
from mldrl_lite.runs.results.repeats import Repeats

_MOST_PANELS = 6


def draw_repeats(repeats: Repeats, file: Path) -> None:
    """Draw a panel for each result (the first six) into a PNG file: a line for each setting.

    With a baseline, the differences to it are drawn, and a dashed line stands at no difference.
    """
    metrics = list(dict.fromkeys(row["result"] for row in repeats.rows))[:_MOST_PANELS]
    settings = len(repeats.rows) // max(len(metrics), 1)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.5, len(metrics) * (0.42 * settings + 1.1) + 0.3))
        FigureCanvasAgg(figure)
        panels = figure.subplots(len(metrics), squeeze=False).flat
        for axes, metric in zip(panels, metrics, strict=True):
            _panel(axes, repeats, [row for row in repeats.rows if row["result"] == metric])
        figure.suptitle(repeats.words, x=0.01, ha="left", fontsize=8, color=COLOURS["grey"], wrap=True)
        figure.savefig(file, dpi=144)


def _panel(axes: Axes, repeats: Repeats, rows: Sequence[Any]) -> None:
    compared = "difference" in repeats.columns
    middle, low, high = ("difference", "difference_low", "difference_high") if compared else ("mean", "low", "high")
    for place, row in enumerate(reversed(rows)):
        if not compared:
            units = repeats.means[tuple(code(row[name]) for name in repeats.by), row["result"]].values()
            axes.scatter(list(units), [place] * len(units), s=14, color=COLOURS["sky"], alpha=0.6, linewidths=0)
        if row.get(low) is not None:
            axes.plot([row[low], row[high]], [place, place], color=COLOURS["blue"], lw=2)
        axes.plot(row.get(middle, 0.0), place, "o", color=COLOURS["blue" if middle in row else "grey"])
    if compared:
        axes.axvline(0, color=COLOURS["grey"], ls="--", lw=1)
    axes.set_yticks(range(len(rows)), [_name(repeats, row) for row in reversed(rows)])
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_xlabel(f"{rows[0]['result']}: difference" if compared else rows[0]["result"])


def _name(repeats: Repeats, row: Any) -> str:
    return ", ".join(f"{name} = {readable(row[name])}" for name in repeats.by) or "all runs"
