"""The picture of notebook 03: the calls of hooks, in their order."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mldrl_lite.figures import COLOURS

OWNER_COLOURS = {"datamodule": COLOURS["green"], "module": COLOURS["blue"], "callback": COLOURS["orange"]}


def hook_timeline(calls: pd.DataFrame) -> Figure:
    """Draw the calls of a `HookRecorder` in their order: a row per hook, a dot per call, a band per stage.

    A line that follows a dot shows how long that hook lasts, where it calls others; a bracket on top spans an epoch.

    Args:
        calls: `HookRecorder.table()` or rows of it, with their own index: the place of the call in the whole run.
    """
    rows = {hook: row for row, hook in enumerate(calls["hook"].unique())}
    figure = plt.figure(figsize=(8.5, 0.19 * len(rows) + 1.3))
    axes = figure.add_subplot()
    _stage_bands(axes, calls["stage"])
    top = -1.9 if _epoch_brackets(axes, calls) else -0.6
    # A callback's call and the module's of the same hook follow each other: one dot below the other would hide it.
    shift = {"datamodule": 0.0, "module": 0.14, "callback": -0.14}
    heights = calls["hook"].map(rows) + calls["owner"].map(shift)
    for start, end in zip(calls.index, _last_inside(calls), strict=True):
        if end > start:
            colour = OWNER_COLOURS[calls.at[start, "owner"]]
            axes.plot([start, end], [heights[start]] * 2, color=colour, linewidth=1.2)
    for owner in calls["owner"].unique():
        mine = calls["owner"] == owner
        axes.scatter(calls.index[mine], heights[mine], s=15, color=OWNER_COLOURS[owner], label=owner)
    axes.set(xlabel="calls, in order", yticks=list(rows.values()), ylim=(len(rows) - 0.4, top))
    axes.set_yticklabels(rows, fontsize=8, family="monospace")
    axes.grid(axis="x", visible=False)
    # Below the axes: inside them, its dots would look like calls.
    below = {"loc": "upper right", "bbox_to_anchor": (1.0, -0.32 / figure.get_figheight()), "ncols": 3}
    axes.legend(labelcolor="linecolor", handletextpad=0, borderaxespad=0, **below)
    return figure


def _last_inside(calls: pd.DataFrame) -> list[int]:
    """Return, for each call, the index of the last call that was made from inside it, or its own."""
    depths, owners, ends = calls["depth"].to_numpy(), calls["owner"].to_numpy(), []
    for i, depth in enumerate(depths):
        last = i
        # A recorded callback calls nothing; without this, its row would claim calls whose real caller was left out.
        while owners[i] != "callback" and last + 1 < len(depths) and depths[last + 1] > depth:
            last += 1
        ends.append(calls.index[last])
    return ends


def _epoch_brackets(axes: Axes, calls: pd.DataFrame) -> int:
    """Draw a bracket over each epoch that is there from start to end; return how many."""
    limits = calls[calls["hook"].isin(["on_train_epoch_start", "on_train_epoch_end"])]
    whole = [(epoch, rows.index) for epoch, rows in limits.groupby("epoch") if rows["hook"].nunique() == 2]
    for epoch, index in whole:
        start, end = index.min(), index.max()
        axes.plot([start, start, end, end], [-0.7, -1.0, -1.0, -0.7], color=COLOURS["grey"], linewidth=1)
        place = {"ha": "center", "va": "bottom", "fontsize": 8}
        axes.text((start + end) / 2, -1.1, f"epoch {epoch}", color=COLOURS["grey"], **place)
    return len(whole)


def _stage_bands(axes: Axes, stages: pd.Series) -> None:
    starts = np.flatnonzero(stages != stages.shift())
    edges = [*(stages.index[starts] - 0.5), stages.index[-1] + 0.5]
    for i, (start, first, last) in enumerate(zip(starts, edges, edges[1:], strict=False)):
        axes.axvspan(first, last, color=COLOURS["grey"], alpha=0.12 if i % 2 else 0.03, linewidth=0)
        if last - first < 0.03 * (stages.index[-1] - stages.index[0]):
            continue  # too narrow for its name
        name = stages.iloc[start].replace("_", "\n")
        place = axes.get_xaxis_transform()
        axes.text((first + last) / 2, 1.01, name, ha="center", va="bottom", fontsize=8, transform=place)
