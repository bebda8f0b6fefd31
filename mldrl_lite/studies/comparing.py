"""The pictures of notebook 09: one panel for each study, such as that of the page's own run beside that on ROSMAP."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mldrl_lite.figures import COLOURS
from mldrl_lite.studies.findings import BEST_LOOK, CLAIM, Findings, table_of


def _panels(titles: Sequence[str], height: float, **shared: Any) -> tuple[Figure, list[Axes]]:
    figure, panels = plt.subplots(1, len(titles), figsize=(8.5, height), squeeze=False, **shared)
    for axes, title in zip(panels[0], titles, strict=True):
        axes.set_title(title)
    return figure, list(panels[0])


def draw_looks(studies: Mapping[str, Findings], metric: str = "accuracy") -> Figure:
    """Draw a line per run, its result on the test samples at each look; a dot at its best look, and one at its last.

    Args:
        studies: findings by title, of which `looks` and `curves` are drawn.
        metric: which of the curves.
    """
    figure, panels = _panels(list(studies), 3.2)
    for axes, found in zip(panels, studies.values(), strict=True):
        looks, curves = np.array(found["looks"]), np.array(found["curves"][metric])
        axes.plot(looks, curves.T, color=COLOURS["grey"], linewidth=0.8, alpha=0.6)
        axes.scatter(looks[curves.argmax(axis=1)], curves.max(axis=1), color=COLOURS["orange"], zorder=3)
        axes.scatter([looks[-1]] * len(curves), curves[:, -1], color=COLOURS["blue"], zorder=3)
        axes.set(xlabel="epochs", ylabel=f"{metric} on the test samples")
        lowest, highest = np.quantile(curves, 0.15) - 0.02, curves.max()  # the first looks lie far below
        axes.set_ylim(lowest - 0.25 * (highest - lowest), highest + 0.03)
        axes.text(0.4, 0.04, "best look", color=COLOURS["orange"], transform=axes.transAxes)
        axes.text(0.7, 0.04, "last epoch", color=COLOURS["blue"], transform=axes.transAxes)
    return figure


def draw_rises(studies: Mapping[str, Sequence[Mapping[str, Any]]]) -> Figure:
    """Draw by how much the accuracy rises at the picked look, where it was picked and on other samples.

    Args:
        studies: the findings `rises` by title: mean, and where the middle 90 % of the random cuts lie.
    """
    figure, panels = _panels(list(studies), 1.9, sharey=True)
    for axes, rises in zip(panels, studies.values(), strict=True):
        for row, rise in enumerate(rises):
            colour = COLOURS["orange" if row == 0 else "blue"]
            axes.hlines(row, rise["5%"], rise["95%"], color=colour, linewidth=2, alpha=0.5)
            axes.plot(rise["mean"], row, "o", color=colour)
            axes.text(rise["mean"], row - 0.2, f"{rise['mean']:+.3f}", color=colour, ha="center")
        axes.axvline(0, color=COLOURS["grey"], linestyle=":", linewidth=1)
        axes.set(xlabel="accuracy at the picked look, minus the last", ylim=(1.6, -0.7))
        axes.set_yticks(range(len(rises)), [rise["half"] for rise in rises])
    return figure


def draw_intervals(studies: Mapping[str, Findings], metric: str = "auroc", claim_in: str = "") -> Figure:
    """Draw mean, sd over the runs and bootstrap interval of each model; a row that a study has not stays empty.

    Args:
        studies: findings by title, of which `summary` is drawn.
        metric: which one.
        claim_in: the title of the study that the paper's claim is about, where it is drawn as a band.
    """
    figure, panels = _panels(list(studies), 3.9, sharey=True)
    tables = [table_of(found, "summary").xs(metric, level="metric") for found in studies.values()]
    models = max((table.index for table in tables), key=len).drop("script of 2023")
    for axes, title, table in zip(panels, studies, tables, strict=True):
        _interval_rows(axes, rows := table.reindex(models))
        if title == claim_in:
            claim, sd = CLAIM[metric]
            axes.axvspan(claim - sd, claim + sd, color=COLOURS["grey"], alpha=0.2, linewidth=0)
            axes.text(claim, -0.85, "claim", color=COLOURS["grey"], ha="center")
        axes.set(xlabel=f"{metric} on the test samples", ylim=(len(rows) - 0.4, -1.5))
        axes.locator_params(axis="x", nbins=5)
    return figure


def _interval_rows(axes: Axes, rows: pd.DataFrame) -> None:
    heights, mean, sd = np.arange(len(rows)), rows["mean"], rows["sd"].astype(float)
    colours = [COLOURS["orange" if name == BEST_LOOK else "blue"] for name in rows.index]
    axes.hlines(heights, rows["low"], rows["high"], color=colours, linewidth=1)
    axes.hlines(heights, mean - sd, mean + sd, color=colours, linewidth=9, alpha=0.45)
    axes.scatter(mean, heights, color=colours, zorder=3, s=9)
    for height, value, colour in zip(heights, mean, colours, strict=True):
        if not np.isnan(value):
            # NumPy rounds as the tables of pandas do; a format alone may show another last digit.
            axes.text(value, height - 0.27, f"{np.round(value, 3):.3f}", color=colour, ha="center", fontsize=7.5)
    axes.set_yticks(heights, rows.index)


def draw_reliability(studies: Mapping[str, Findings]) -> Figure:
    """Draw, for a few models, the share of answers that are right against how sure the model is: a dot per part.

    Args:
        studies: findings by title, of which `reliability` is drawn.
    """
    lowest = min(row["share right"] for found in studies.values() for row in found["reliability"]) - 0.1
    figure, panels = _panels(list(studies), 3.4, sharey=True)
    for axes, found in zip(panels, studies.values(), strict=True):
        axes.plot([0.5, 1], [0.5, 1], color=COLOURS["grey"], linestyle=":", linewidth=1)
        tables = table_of(found, "reliability").groupby(level="model", sort=False)
        for place, ((name, table), colour) in enumerate(zip(tables, ("grey", "blue", "green"), strict=False)):
            axes.plot(table["how sure"], table["share right"], "o-", color=COLOURS[colour], linewidth=1)
            axes.text(0.97, 0.05 + 0.08 * place, name, color=COLOURS[colour], ha="right", transform=axes.transAxes)
        axes.set(xlabel="how sure", ylabel="share that is right", xlim=(0.48, 1.02), ylim=(min(0.3, lowest), 1.05))
    return figure
