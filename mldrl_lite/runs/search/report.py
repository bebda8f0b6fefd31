"""What a search found: a table, a picture, and a sentence that does not flatter."""

import csv
import statistics
import uuid
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mldrl_lite.runs.search.folder import is_fold, is_test, read_spec
from mldrl_lite.runs.search.space import Range
from mldrl_lite.runs.search.trials import Search, Spec, Trial

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TABLE, FIGURE = "search.csv", "search.png"
_SHOWN = 10


def write_report(search: Search) -> None:
    """Write the table and the picture of a search into its folder."""
    trials = search.trials()
    part = search.folder / f".{TABLE}.{uuid.uuid4().hex[:8]}"
    with part.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows_of(search.spec, trials))
    part.replace(search.folder / TABLE)
    if any(trial.values for trial in trials):
        part = search.folder / f".{FIGURE}.{uuid.uuid4().hex[:8]}.png"
        draw_search(search.spec, trials, part)
        part.replace(search.folder / FIGURE)


def rows_of(spec: Spec, trials: Iterable[Trial]) -> list[list[Any]]:
    """Return a table: a head, then a row per trial."""
    head = ["trial", *spec.space, f"mean {spec.goal.metric}", "sd", "repeats", "status", "error"]
    return [head] + [
        [trial.number, *trial.parameters.values(), trial.mean, trial.sd, len(trial.values), trial.status, trial.error]
        for trial in trials
    ]


def told(search: Search) -> str:
    """Return what to print at the end: the best trials, the best one, and how much that says."""
    trials, best, metric = search.trials(), search.best(), search.spec.goal.metric
    counts = ", ".join(
        f"{count} {status}"
        for status in ("ok", "pruned", "failed")
        if (count := sum(trial.status == status for trial in trials))
    )
    lines = [_as_text(search.spec, _best_first(search.spec, trials)[:_SHOWN]), f"{counts} of {len(trials)} trials"]
    lines += [f"trial {trial.number} failed: {trial.error}" for trial in trials if trial.status == "failed"]
    if best:
        names, n = dict.fromkeys(name for repeat in search.spec.repeats for name in repeat), len(best.values)
        over = ", ".join(names)
        spread = f" ± {best.sd:.4g} (mean and standard deviation of {n} repeats over {over})" if n > 1 else " (one run)"
        lines.append(f"best: {_named(best.parameters)}: {metric} {best.mean:.4g}{spread}")
        lines.append(
            f"The best of {len(trials)} means flatters, because chance helped to choose it: judge it on data that the "
            "search has not seen."
        )
        lines += [_told_of_folds(name) for name in names if is_fold(name) and n > 1]
    return "\n".join(lines)


def _told_of_folds(name: str) -> str:
    return (
        f"Over {name}, no fold can judge this choice afterwards: the samples that judge in one may have validated in "
        "another. Search on one fold, over seeds, or keep samples back that are in no fold."
    )


def _best_first(spec: Spec, trials: Iterable[Trial]) -> list[Trial]:
    sign = -1 if spec.goal.maximize else 1
    rank = {"ok": 0, "pruned": 1, "failed": 2}
    return sorted(trials, key=lambda trial: (rank[trial.status], sign * trial.mean if trial.values else 0))


def _as_text(spec: Spec, trials: Sequence[Trial]) -> str:
    rows = [[_short(cell) for cell in row[:-1]] for row in rows_of(spec, trials)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _named(parameters: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{name} = {value:.4g}" if isinstance(value, float) else f"{name} = {value!r}"
        for name, value in parameters.items()
    )


def told_of_test(rows: Sequence[Mapping[str, Any]], folder: Path) -> str:
    """Return the means of all test results of some runs, and how often test results were looked at."""
    names = [name for name in dict.fromkeys(name for row in rows for name in row) if is_test(name)]
    numbers = {name: [row[name] for row in rows if isinstance(row.get(name), int | float)] for name in names}
    lines = [
        f"{name}: {statistics.fmean(values):.4g} (mean of {len(values)} repeats)"
        for name, values in numbers.items()
        if values
    ]
    looks = (read_spec(folder) or {}).get("revealed", [])
    lines = lines or ["The runs show no result whose name says test."]
    lines.append(f"Test results were looked at {len(looks)} time(s), first after {looks[0]['trials']} trials.")
    return "\n".join(lines)


# ---------------------------------------------------------------------------------------------------------------------
# The picture


def draw_search(spec: Spec, trials: Sequence[Trial], file: Path) -> None:
    """Draw the trials in their order, and the goal by each parameter, into a PNG file."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from mldrl_lite.figures import STYLE

    shown = [trial for trial in trials if trial.values]
    names = [name for name in spec.space if len({repr(trial.parameters[name]) for trial in trials}) > 1][:5]
    columns = min(3, 1 + len(names))
    lines = -(-(1 + len(names)) // columns)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(3.7 * columns, 3.1 * lines + 0.4))
        FigureCanvasAgg(figure)
        panels = list(figure.subplots(lines, columns, squeeze=False).flat)
        _draw_order(panels[0], spec, shown)
        for axes, name in zip(panels[1:], names, strict=False):
            _draw_parameter(axes, spec, shown, name)
        for axes in panels[1 + len(names) :]:
            axes.set_visible(False)
        rings = "; rings: ended early" if any(trial.status != "ok" for trial in shown) else ""
        text = f"{len(trials)} trials; dots: mean over repeats{rings}; line: best so far"
        figure.suptitle(text, x=0.01, ha="left", fontsize=9)
        figure.savefig(file, dpi=144)


def _draw_order(axes: "Axes", spec: Spec, trials: Sequence[Trial]) -> None:
    from mldrl_lite.figures import COLOURS

    _dots(axes, [trial.number for trial in trials], trials)
    best, choose = [], max if spec.goal.maximize else min
    whole = [trial for trial in trials if trial.status == "ok"]
    for trial in whole:
        best.append(choose([*best[-1:], trial.mean]))
    axes.step([trial.number for trial in whole], best, where="post", color=COLOURS["orange"])
    axes.set(xlabel="trial", ylabel=spec.goal.metric, title="in order")
    axes.xaxis.get_major_locator().set_params(integer=True)


def _draw_parameter(axes: "Axes", spec: Spec, trials: Sequence[Trial], name: str) -> None:
    values = [trial.parameters[name] for trial in trials]
    allowed = spec.space[name]
    if isinstance(allowed, Range):
        _dots(axes, values, trials)
        axes.set_xscale("log" if allowed.log else "linear")
    else:
        known = list(allowed.values)
        _dots(axes, [known.index(value) for value in values], trials)
        axes.set_xticks(range(len(known)), [str(value)[-20:] for value in known])
        axes.set_xlim(-0.5, len(known) - 0.5)
    axes.set(xlabel=name, title=f"by {name}")


def _dots(axes: "Axes", places: Sequence[float], trials: Sequence[Trial]) -> None:
    from mldrl_lite.figures import COLOURS

    colours = [COLOURS["blue"] if trial.status == "ok" else "none" for trial in trials]
    axes.scatter(places, [trial.mean for trial in trials], s=24, color=colours, edgecolors=COLOURS["blue"], zorder=3)
