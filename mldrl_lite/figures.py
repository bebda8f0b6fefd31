"""Pictures from event files, recorders and results, all in one style."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.metrics import auc, confusion_matrix, roc_curve

from mldrl_lite.messages import InputError, did_you_mean, extras_named, listing

with extras_named():
    import matplotlib as mpl
    import matplotlib.pyplot as plt
    from cycler import cycler
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# M. Okabe and K. Ito's palette, made to be told apart by colour-blind readers; yellow is left out: too faint on white.
COLOURS = {
    "blue": "#0072B2",
    "orange": "#D55E00",
    "green": "#009E73",
    "pink": "#CC79A7",
    "sky": "#56B4E9",
    "amber": "#E69F00",
    "grey": "#6E6E6E",
}

STYLE = {
    "axes.edgecolor": COLOURS["grey"],
    "axes.grid": True,
    "axes.prop_cycle": cycler(color=list(COLOURS.values())),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "figure.constrained_layout.use": True,
    "figure.dpi": 100,
    "figure.figsize": (7.0, 3.2),
    "font.size": 10,
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "savefig.dpi": 100,
}


def use_style() -> None:
    """Give every figure from here on the style of the course."""
    mpl.rcParams.update(STYLE)


def read_scalars(log_dir: str | Path) -> pd.DataFrame:
    """Return what a TensorBoard event folder holds, as rows of `tag`, `step`, `value` and `wall_time`.

    Raises:
        InputError: the folder has no event file.
    """
    with extras_named():
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    if not list(Path(log_dir).glob("events.out.tfevents.*")):
        raise InputError(f"No TensorBoard event file in {str(log_dir)!r}: give the logger's log_dir, after a run.")
    events = EventAccumulator(str(log_dir), size_guidance={"scalars": 0}).Reload()
    rows = [(tag, e.step, e.value, e.wall_time) for tag in events.Tags()["scalars"] for e in events.Scalars(tag)]
    return pd.DataFrame(rows, columns=["tag", "step", "value", "wall_time"])


def label_line(axes: Axes, text: str, x: float, y: float, colour: str) -> None:
    """Write the name of a line at its right end, in its colour: a reader need not look it up in a legend."""
    axes.annotate(text, (x, y), (6, 0), textcoords="offset points", va="center", color=colour, annotation_clip=False)


def learning_curves(runs: Mapping[str, str | Path], tag: str = "ptl/val_loss", axes: Axes | None = None) -> Axes:
    """Draw one logged value against the optimizer step, a line per run.

    Args:
        runs: the name of each run and its event folder (`logger.log_dir`).
        tag: the logged value.
        axes: where to draw; a new figure by default.

    Raises:
        InputError: a folder without event files, or a run that did not log `tag`.
    """
    axes = axes or plt.figure().add_subplot()
    for (name, log_dir), colour in zip(runs.items(), _cycle(len(runs)), strict=True):
        curve = _curve(read_scalars(log_dir), tag, log_dir)
        axes.plot(curve["step"], curve["value"], color=colour, marker="o" if len(curve) < 3 else None)
        label_line(axes, name, curve["step"].iloc[-1], curve["value"].iloc[-1], colour)
    axes.set(xlabel="optimizer step", ylabel=tag)
    return axes


def _curve(scalars: pd.DataFrame, tag: str, log_dir: str | Path) -> pd.DataFrame:
    curve = scalars[scalars["tag"] == tag]
    if curve.empty:
        tags = sorted(scalars["tag"].unique())
        has = listing(tags) if tags else "nothing"
        raise InputError(f"{str(log_dir)!r} has no {tag!r}{did_you_mean(tag, tags)}: it logged {has}.")
    return curve


def _cycle(count: int) -> list[str]:
    colours = list(COLOURS.values())
    return [colours[i % len(colours)] for i in range(count)]


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
    """Draw how confident the model is in each view, a dot per sample and a bar at the mean.

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
    axes.hlines(values.mean(), x - 0.15, x + 0.15, color=colour, linewidth=2.5)
