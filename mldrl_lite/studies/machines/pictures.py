"""What happened on each host, and when."""

from collections.abc import Mapping, Sequence
from typing import Any

from mldrl_lite.figures import COLOURS


def draw_lanes(
    lanes: Mapping[str, Sequence[tuple[float, float, bool]]], title: str, marks: Mapping[str, float] | None = None
) -> Any:
    """Draw a lane for each host, with a bar for each piece of work; what was lost is orange.

    Args:
        lanes: for each host the start and the end of each piece, in seconds, and whether it counts in the end.
        title: of the picture.
        marks: events and their times, each a line with its name.
    """
    import matplotlib.pyplot as plt

    axes = plt.figure(figsize=(7.5, 0.55 * len(lanes) + 1.3)).add_subplot()
    for y, pieces in enumerate(lanes.values()):
        for start, end, counts in pieces:
            colour = COLOURS["blue" if counts else "orange"]
            axes.barh(y, end - start, left=start, height=0.5, color=colour, edgecolor="white")
    for name, when in (marks or {}).items():
        axes.axvline(when, color=COLOURS["grey"], linestyle=":")
        axes.annotate(name, (when, len(lanes) - 0.5), (3, 0), textcoords="offset points", color=COLOURS["grey"])
    axes.set_yticks(range(len(lanes)), list(lanes))
    axes.set(xlabel="seconds from the start (orange: done in vain)", title=title, ylim=(-0.6, len(lanes) - 0.2))
    return axes
