"""The picture at the top of the README: the parts of a training with Lightning, and what goes from one to another.

python -m mldrl_lite.teach.system_picture notebooks/pictures/system.png
"""

import sys
from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from mldrl_lite.figures import COLOURS, STYLE


class Part(NamedTuple):
    """A box: who it is, what it holds, and where it stands. Colours are those of the figures of hooks."""

    name: str
    text: str
    colour: str
    x: float
    y: float
    width: float
    height: float


PARTS = (
    Part("LightningDataModule", "prepare_data, setup,\ntrain_dataloader, …", "green", 0, 32, 27, 14),
    Part("LightningModule", "training_step, validation_step,\nconfigure_optimizers, …", "blue", 0, 6, 27, 14),
    Part("Trainer", "fit   validate   test   predict\n\nloops over epochs and batches,\ndevices, precision,\n"
         "when to validate, log and save", "grey", 41, 20, 27, 26),
    Part("Callbacks", "on_train_start, …  EarlyStopping,\nModelCheckpoint, your own", "orange", 41, 0, 27, 11),
    Part("Logger", "event files for TensorBoard,\na CSV table, …", "pink", 82, 32, 24, 14),
    Part("Checkpoint", "weights, optimizer,\nhyperparameters, loops", "amber", 82, 6, 24, 14),
)  # fmt: skip

# From, to, what goes there, and where that is written.
ARROWS = (
    ((27, 39), (41, 39), "batches", (34, 40)),
    ((41, 28), (27, 18), "hooks", (32, 25)),
    ((27, 11), (41, 22), "loss", (36, 14)),
    ((54.5, 20), (54.5, 11), "hooks", (58, 14.7)),
    ((68, 39), (82, 39), "logged\nvalues", (75, 40)),
    ((68, 6), (82, 10), "saves", (76, 5)),
    ((82, 18), (68, 26), "resumes", (77.5, 22.5)),
)


def draw_system(file: Path) -> None:
    """Draw the parts and the arrows between them, in the course's style."""
    with mpl.rc_context(STYLE | {"savefig.dpi": 150}):
        figure = Figure(figsize=(8.8, 3.9))
        axes = figure.add_subplot()
        axes.set(xlim=(-1, 107), ylim=(-1, 47))
        axes.set_axis_off()
        for part in PARTS:
            draw_part(axes, part)
        for start, end, text, place in ARROWS:
            arrow = {"arrowstyle": "-|>", "color": COLOURS["grey"], "linewidth": 1.6, "shrinkA": 2, "shrinkB": 2}
            axes.annotate("", end, start, arrowprops=arrow)
            axes.text(*place, text, ha="center", va="bottom", fontsize=9, color="black", linespacing=1.0)
        figure.savefig(file)


def draw_part(axes: Axes, part: Part, name_size: float = 11.5) -> None:
    """Draw a box with its name, in that size, and its text."""
    colour = COLOURS[part.colour]
    corner, shape = (part.x, part.y), "round,pad=0,rounding_size=1.2"
    for look in ({"fc": colour, "alpha": 0.10, "lw": 0}, {"fc": "none", "ec": colour, "lw": 1.8}):
        axes.add_patch(FancyBboxPatch(corner, part.width, part.height, boxstyle=shape, **look))
    middle, top = part.x + part.width / 2, part.y + part.height
    axes.text(middle, top - 1.6, part.name, ha="center", va="top", fontsize=name_size, weight="bold")
    axes.text(middle, part.y + (part.height - 3.5) / 2, part.text, ha="center", va="center", fontsize=8.5)


if __name__ == "__main__":
    draw_system(Path(sys.argv[1]))
