"""The picture of notebook 02: the parts of `MMDynamic`, and the shapes of what goes from one to the next."""

from collections.abc import Iterator

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from mldrl_lite.figures import COLOURS
from mldrl_lite.model import MMDynamic
from mldrl_lite.teach.system_picture import Part, draw_part

# From, to, what goes there, where that is written, and how far the arrow bends.
ARROWS = (
    ((19, 27), (25, 27), "", (0, 0), 0),
    ((42, 27), (51, 27), "x · g", (46.5, 28), 0),
    ((10, 33), (55, 33), "", (0, 0), -0.22),
    ((60, 33), (66, 41), "", (0, 0), 0),
    ((60, 21), (66, 13), "", (0, 0), 0),
    ((68, 27), (92, 27), "h · c", (77, 28), 0),
    ((83, 41), (92, 32), "", (0, 0), 0),
    ((109, 27), (115, 27), "", (0, 0), 0),
)


def draw_model(model: MMDynamic, n_samples: int) -> Figure:
    """Draw what `model` makes of a batch of `n_samples`, from left to right, with the shape of each tensor."""
    figure = plt.figure(figsize=(8.8, 3.7))
    axes = figure.add_subplot()
    axes.set(xlim=(-1, 134), ylim=(-1, 57))
    axes.set_axis_off()
    widths = model.hparams.in_dim
    _draw_stack(axes, len(widths))
    alike = len(set(widths)) == 1
    title = f"for each of the {len(widths)} views" + ("" if alike else f"; D is the width of the view: {_some(widths)}")
    axes.text(2, 52.5, title, va="center", fontsize=9, color=COLOURS["grey"])
    axes.text(92, 52.5, "for all views together", va="center", fontsize=9, color=COLOURS["grey"])
    for part in _parts(model, n_samples, str(widths[0]) if alike else "D"):
        draw_part(axes, part, name_size=10)
    for start, end, text, place, bend in ARROWS:
        arrow = {"arrowstyle": "-|>", "color": COLOURS["grey"], "linewidth": 1.6, "shrinkA": 2, "shrinkB": 2}
        axes.annotate("", end, start, arrowprops=arrow | {"connectionstyle": f"arc3,rad={bend}"})
        axes.text(*place, text, ha="center", va="bottom", fontsize=9)
    return figure


def _parts(model: MMDynamic, n: int, width: str) -> Iterator[Part]:
    hidden, classes, views = model.hparams.config["hidden_dim"], model.hparams.num_class, len(model.hparams.in_dim)
    yield Part("view x", f"({n}, {width})\nfeatures", "green", 2, 21, 17, 12)
    yield Part("gate g", f"({n}, {width})\nwhich matter", "blue", 25, 21, 17, 12)
    yield Part("encoding h", f"({n}, {hidden})\nof x · g", "blue", 51, 21, 17, 12)
    yield Part("confidence c", f"({n}, 1)\nhow sure of it", "orange", 66, 36, 17, 12)
    yield Part("own scores", f"({n}, {classes})\nof it alone", "blue", 66, 6, 17, 12)
    yield Part("side by side", f"({n}, {views * hidden})\n{views} × {hidden}", "grey", 92, 21, 17, 12)
    yield Part("scores", f"({n}, {classes})\nlogit", "pink", 115, 21, 17, 12)


def _draw_stack(axes: Axes, views: int) -> None:
    """Draw a card for the parts of a view, with the edges of more cards behind it."""
    for behind in reversed(range(min(views, 3))):
        place = (0 + 1.2 * behind, 3 - 1.4 * behind)
        look = {"fc": "white", "ec": COLOURS["grey"], "lw": 1.0, "alpha": 1.0 if behind == 0 else 0.5}
        axes.add_patch(FancyBboxPatch(place, 85, 47, boxstyle="round,pad=0,rounding_size=1.5", zorder=0.5, **look))


def _some(widths: list[int]) -> str:
    shown = ", ".join(map(str, widths[:5]))
    return shown if len(widths) <= 5 else f"{shown}, …"
