"""What notebook 02 draws: the confidence in each view."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from mldrl_lite.figures import COLOURS
from mldrl_lite.messages import extras_named

with extras_named():
    import matplotlib.pyplot as plt
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def confidence_by_view(confidence: ArrayLike, view_names: Sequence[str], corrupted: ArrayLike | None = None) -> Figure:
    """Draw how confident the model is in each view, a dot per sample and beside them a bar at the mean.

    Args:
        confidence: shape (N, V), as `MMDynamic.predict_step` gives it.
        view_names: V names.
        corrupted: which views of which samples are known to be spoiled, shape (N, V); drawn apart.
    """
    confidence = np.asarray(confidence)
    corrupted = np.zeros(confidence.shape, dtype=bool) if corrupted is None else np.asarray(corrupted)
    groups = {"clean": (~corrupted, "blue"), "corrupted": (corrupted, "orange")}
    groups = {name: group for name, group in groups.items() if group[0].any()}
    figure = plt.figure()
    axes = figure.add_subplot()
    for g, (name, (mask, colour)) in enumerate(groups.items()):
        for v in range(len(view_names)):
            _strip(axes, v + (g - (len(groups) - 1) / 2) * 0.36, confidence[mask[:, v], v], COLOURS[colour])
        if len(groups) > 1:
            axes.text(0.01 + 0.1 * g, 1.03, name, color=COLOURS[colour], transform=axes.transAxes)
    axes.set(ylabel="confidence (estimated TCP)", xticks=range(len(view_names)))
    axes.set_xticklabels(view_names)
    return figure


def _strip(axes: Axes, x: float, values: np.ndarray, colour: str) -> None:
    if not len(values):
        return
    spread = np.random.default_rng(0).uniform(-0.1, 0.1, len(values))  # so that dots do not hide each other
    axes.scatter(x + spread, values, s=14, color=colour, alpha=0.55, linewidths=0)
    axes.hlines(values.mean(), x + 0.12, x + 0.17, color=colour, linewidth=2.5)  # beside the dots, and not over them
