"""What single notebooks draw: 00 a ROC curve, 02 the confidence in each view."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import auc, confusion_matrix, roc_curve

from mldrl_lite.figures import COLOURS
from mldrl_lite.messages import extras_named

with extras_named():
    import matplotlib.pyplot as plt
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def roc_and_confusion(labels: ArrayLike, probabilities: ArrayLike, class_names: Sequence[str]) -> Figure:
    """Draw the ROC curve of two classes beside the confusion matrix.

    Args:
        labels: true classes, shape (N,).
        probabilities: class probabilities, shape (N, 2); class 1 counts as positive.
        class_names: two names.
    """
    labels, probabilities = np.asarray(labels), np.asarray(probabilities)
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.5, 3.4), width_ratios=[1.1, 1])
    false_rate, true_rate, _ = roc_curve(labels, probabilities[:, 1])
    left.plot(false_rate, true_rate, drawstyle="steps-post")
    left.plot([0, 1], [0, 1], color=COLOURS["grey"], linestyle=":", linewidth=1)
    left.text(0.96, 0.06, f"area {auc(false_rate, true_rate):.3f}", ha="right", color=COLOURS["blue"])
    left.text(0.55, 0.48, "guessing", color=COLOURS["grey"], rotation=38, rotation_mode="anchor")
    left.set(
        xlabel="false positive rate", ylabel="true positive rate", title="ROC", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02)
    )
    _confusion(right, confusion_matrix(labels, probabilities.argmax(axis=1), labels=[0, 1]), class_names)
    return figure


def _confusion(axes: Axes, counts: np.ndarray, class_names: Sequence[str]) -> None:
    axes.imshow(counts, cmap="Blues", vmin=0)
    axes.grid(False)
    for (row, column), count in np.ndenumerate(counts):
        colour = "white" if count > counts.max() / 2 else "black"
        axes.text(column, row, str(count), ha="center", va="center", color=colour, fontsize=14)
    axes.set(xlabel="predicted", ylabel="true", title="Samples", xticks=[0, 1], yticks=[0, 1])
    axes.set_xticklabels(class_names)
    axes.set_yticklabels(class_names, rotation=90, va="center")


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
