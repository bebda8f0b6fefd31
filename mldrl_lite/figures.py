"""Pictures from event files, recorders and results, all in one style."""

from collections.abc import Mapping
from itertools import cycle
from pathlib import Path

import pandas as pd

from mldrl_lite.messages import InputError, did_you_mean, extras_named, listing

with extras_named():
    import matplotlib as mpl
    import matplotlib.pyplot as plt
    from cycler import cycler
    from matplotlib.axes import Axes

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
    for (name, log_dir), colour in zip(runs.items(), cycle(COLOURS.values()), strict=False):
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
