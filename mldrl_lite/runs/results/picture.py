"""The picture of a sweep: each metric by the parameter that varies."""

import math
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mldrl_lite.figures import COLOURS, STYLE
from mldrl_lite.runs.notebook.values import sort_key
from mldrl_lite.runs.results.table import REPLICATES

_MOST_PANELS, _MOST_COLOURS, _MOST_TICKS = 6, 6, 12


def draw_sweep(rows: pd.DataFrame, metrics: Sequence[str], varied: Sequence[str], file: Path) -> None:
    """Draw runs into a PNG file: a panel per metric, a dot per run, a line at the means.

    The first parameter that varies goes along the x axis, a second one gets a colour per value. Folds and seeds go
    there only when nothing else varies; else they are the scatter.

    Args:
        rows: runs that ended well.
        metrics: which columns, of numbers, to draw; the first six are.
        varied: which parameters vary; at least one.
        file: the PNG file.
    """
    chosen = [name for name in varied if name not in REPLICATES] or varied[:1]
    colour = chosen[1] if len(chosen) > 1 and rows[chosen[1]].map(repr).nunique() <= _MOST_COLOURS else None
    with mpl.rc_context(STYLE):
        figure = _figure(rows, metrics[:_MOST_PANELS], chosen[0], colour, varied)
        figure.savefig(file, dpi=144)


def _has_numbers(column: pd.Series) -> bool:
    values = column.dropna()
    return bool(len(values)) and all(isinstance(value, int | float | np.number) for value in values)


def _figure(
    rows: pd.DataFrame, metrics: Sequence[str], along: str, colour: str | None, varied: Sequence[str]
) -> Figure:
    columns = 2 if len(metrics) == 4 else min(len(metrics), 3)
    lines = -(-len(metrics) // columns)
    figure = Figure(figsize=(max(3.7 * columns, 5.5), 3.0 * lines + 0.4))
    FigureCanvasAgg(figure)  # no window, no notebook: the picture goes to the file only
    panels = list(figure.subplots(lines, columns, squeeze=False).flat)
    for axes, metric in zip(panels, metrics, strict=False):
        if along in REPLICATES:
            _scatter(axes, rows, metric, along)
        else:
            _effect(axes, rows, metric, along, colour)
        axes.set(xlabel=along, title=metric)
    for axes in panels[len(metrics) :]:
        axes.set_visible(False)
    rest = [name for name in varied if name not in (along, colour)]
    figure.suptitle(_caption(len(rows), along, rest), x=0.01, ha="left", fontsize=9, color=COLOURS["grey"])
    if colour:
        handles, labels = panels[0].get_legend_handles_labels()
        place = {"loc": "outside lower left", "ncols": _MOST_COLOURS, "fontsize": 9}
        figure.legend(handles, labels, title=colour, alignment="left", labelcolor="linecolor", **place)
    return figure


def _caption(runs: int, along: str, rest: Sequence[str]) -> str:
    if along in REPLICATES:
        return f"{runs} runs; line: their mean; band: one standard deviation to each side"
    over = f" over {', '.join(rest)}" if rest else ""
    return f"{runs} runs; pale dots: single runs; in full colour: their mean{over}"


def _scatter(axes: Axes, rows: pd.DataFrame, metric: str, along: str) -> None:
    """Draw runs that are meant to be equal but for chance, with their mean and standard deviation."""
    places = _places(axes, rows[along])
    values = rows[metric].astype(float)
    axes.scatter(places, values, s=30, color=COLOURS["blue"], zorder=3)
    mean, deviation = values.mean(), values.std()
    axes.axhline(mean, color=COLOURS["orange"], linewidth=1.5)
    axes.axhspan(mean - deviation, mean + deviation, color=COLOURS["orange"], alpha=0.12, linewidth=0)
    digits = min(max(0, 1 - math.floor(math.log10(deviation))), 6) if deviation > 0 else 3
    text = f"{mean:.{digits}f} ± {deviation:.{digits}f}"
    axes.set_title(text, loc="right", color=COLOURS["orange"], fontsize=10)


def _effect(axes: Axes, rows: pd.DataFrame, metric: str, along: str, colour: str | None) -> None:
    places = pd.Series(_places(axes, rows[along]), index=rows.index)
    groups = rows[colour].map(_label) if colour else pd.Series("", index=rows.index)
    numeric = _has_numbers(rows[along])
    step = 0.0 if numeric else 0.5 / groups.nunique()
    for g, (name, shade) in enumerate(zip(groups.unique(), COLOURS.values(), strict=False)):
        mine = groups == name
        shifted = places[mine] + (g - (groups.nunique() - 1) / 2) * step
        values = rows.loc[mine, metric].astype(float)
        axes.scatter(shifted, values, s=16, color=shade, alpha=0.45, linewidths=0)
        means = values.groupby(shifted).mean()
        # Between names there is nothing that a line could run through.
        shape = {"marker": "o"} if numeric else {"marker": "_", "linestyle": "none", "markersize": 16, "mew": 3}
        axes.plot(means.index, means, color=shade, label=name, **shape)


def _places(axes: Axes, values: pd.Series) -> np.ndarray:
    """Return where each value goes on the x axis: side by side with their names, or to scale if they are many."""
    names = values.map(repr)  # a list can be no key of a dict
    distinct = sorted(dict(zip(names, values, strict=True)).values(), key=sort_key)
    if len(distinct) > _MOST_TICKS and _has_numbers(values):
        return values.astype(float).to_numpy()
    labels = [_label(value) for value in distinct]
    crowded = sum(map(len, labels)) > 32
    axes.set_xticks(range(len(distinct)), labels, rotation=30 if crowded else 0, ha="right" if crowded else "center")
    axes.set_xlim(-0.5, len(distinct) - 0.5)
    axes.grid(axis="x", visible=False)
    return names.map({repr(value): i for i, value in enumerate(distinct)}).astype(float).to_numpy()


def _label(value: object) -> str:
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 20 else "…" + text[-19:]
