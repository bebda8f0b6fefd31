"""What happened on each host, and when."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from mldrl_lite.figures import COLOURS
from mldrl_lite.studies.machines.launching import Said


def draw_lanes(
    lanes: Mapping[str, Sequence[tuple[float, float, bool]]],
    title: str,
    marks: Mapping[str, float] | None = None,
    names: Mapping[str, Sequence[object]] | None = None,
) -> Any:
    """Draw a lane for each host, with a bar for each piece of work; what was lost is orange.

    Args:
        lanes: for each host the start and the end of each piece, in seconds, and whether it counts in the end.
        title: of the picture.
        marks: events and their times, each a line with its name.
        names: for each host what is written on each piece.
    """
    import matplotlib.pyplot as plt

    axes = plt.figure(figsize=(7.5, 0.55 * len(lanes) + 1.3)).add_subplot()
    for y, (host, pieces) in enumerate(lanes.items()):
        labels = (names or {}).get(host, [""] * len(pieces))
        for (start, end, counts), label in zip(pieces, labels, strict=True):
            colour = COLOURS["blue" if counts else "orange"]
            bar = axes.barh(y, end - start, left=start, height=0.5, color=colour, edgecolor="white")
            axes.bar_label(bar, [label], label_type="center", color="white")
    for name, when in (marks or {}).items():
        axes.axvline(when, color=COLOURS["grey"], linestyle=":")
        axes.annotate(name, (when, len(lanes) - 0.5), (3, 0), textcoords="offset points", color=COLOURS["grey"])
    axes.set_yticks(range(len(lanes)), list(lanes))
    axes.set(xlabel="seconds from the start (orange: done in vain)", title=title, ylim=(-0.6, len(lanes) - 0.2))
    return axes


def pieces(lanes: Mapping[str, Sequence[Said]], start: float) -> dict[str, list[tuple[float, float, bool]]]:
    """Return a piece of work for each step that a host says it has done; one that is done again later was in vain.

    Args:
        lanes: what the processes on each host said, in all their lives.
        start: the time that counts as 0.
    """
    last: dict[int, float] = {}
    for line in (line for said in lanes.values() for line in said):
        last[_step(line)] = max(line.seconds, last.get(_step(line), 0.0))
    return {
        host: [
            # Hosts that take a step together say so at nearly the same time.
            (before.seconds - start, line.seconds - start, line.seconds > last[_step(line)] - 1)
            for before, line in pairwise(said)
            if _step(line)
        ]
        for host, said in lanes.items()
    }


def _step(line: Said) -> int:
    words = line.words.rpartition(": step ")
    return int(words[2]) if words[1] else 0
