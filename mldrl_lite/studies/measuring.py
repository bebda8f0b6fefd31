"""How the benchmark measures: cases in turn, ratios of pairs, and a verdict that noise does not turn."""

import contextlib
import math
import multiprocessing
import os
import statistics
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import psutil
from tqdm import tqdm

MIB = 2**20


@dataclass(frozen=True)
class Comparison:
    """One line of the closing table."""

    what: str
    value: float
    """The median of paired ratios, or a plain number."""
    low: float
    high: float
    """Between these two it lies: the interval of the median, or all that was measured where that is little."""
    target: str = ""
    """What is wanted, such as `<= 1.5`; empty where nothing is."""

    @property
    def verdict(self) -> str:
        """`holds` or `missed` where the whole interval says so, `unclear` where it does not, "" without a target."""
        if not self.target:
            return ""
        sign, limit = self.target.split()
        low, high, limit = (
            (self.low, self.high, float(limit)) if sign == "<=" else (-self.high, -self.low, -float(limit))
        )
        return "holds" if high <= limit else "missed" if low > limit else "unclear"


@dataclass
class Report:
    """What a part of the benchmark has measured."""

    findings: list[Comparison] = field(default_factory=list)
    seconds: dict[str, list[float]] = field(default_factory=dict)
    """Wall seconds by case, one per repeat."""
    peak_mib: dict[str, float] = field(default_factory=dict)
    """Peak memory of the process that did it, by case."""


def in_turn(cases: Mapping[str, Callable[[], float]], repeats: int, bar: str) -> dict[str, list[float]]:
    """Run the cases in turn, `repeats` times over; each returns its seconds. Every other turn goes backwards."""
    order = turns(list(cases), repeats)
    return by_name(order, [cases[name]() for name in tqdm(order, desc=bar, leave=False)])


def turns(names: list[str], repeats: int) -> list[str]:
    """Return the names `repeats` times over, every other time backwards."""
    return [name for turn in range(repeats) for name in names[:: 1 if turn % 2 == 0 else -1]]


def by_name(order: Sequence[str], seconds: Sequence[float]) -> dict[str, list[float]]:
    """Return the seconds of each name, in their order."""
    return {
        name: [s for other, s in zip(order, seconds, strict=True) if other == name] for name in dict.fromkeys(order)
    }


def ratio(what: str, above: Sequence[float], below: Sequence[float], target: str = "") -> Comparison:
    """Return the median of the paired ratios `above / below`, with its 95% interval."""
    ratios = [a / b for a, b in zip(above, below, strict=True)]
    return Comparison(what, statistics.median(ratios), *interval_of_median(ratios), target)


def interval_of_median(values: Sequence[float]) -> tuple[float, float]:
    """Return the 95% interval of the median, of order statistics; of fewer than six values, the smallest and largest.

    W. J. Conover, "Practical Nonparametric Statistics", 3rd edition 1999, section 3.2; it asks nothing of the values
    but that they are drawn alike.
    """
    from scipy.stats import quantile_test  # takes a second to import

    limits = quantile_test(values, q=statistics.median(values), p=0.5).confidence_interval(0.95)
    return (min(values), max(values)) if math.isnan(limits.low) else (float(limits.low), float(limits.high))


def growth(what: str, above: Sequence[float], below: Sequence[float], target: str = "") -> Comparison:
    """Return the ratio of two medians that were not measured in pairs, with the smallest and largest it might be."""
    value = statistics.median(above) / statistics.median(below)
    return Comparison(what, value, min(above) / max(below), max(above) / min(below), target)


def plain(what: str, value: float, target: str = "") -> Comparison:
    """Return a finding that is one plain number."""
    return Comparison(what, value, value, value, target)


def load() -> str:
    """Say how busy the machine is: the mean number of processes that wanted a core in the last minute."""
    if not hasattr(os, "getloadavg"):
        return "unknown"
    return f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


def in_a_process(task: Callable[..., float], *arguments: object) -> tuple[float, float]:
    """Return the seconds that `task` reports and the peak memory in MiB of the fresh process that did it."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_with_peak, task, *arguments).result()


def _with_peak(task: Callable[..., float], *arguments: object) -> tuple[float, float]:
    seconds = task(*arguments)
    return seconds, peak_mib()


def peak_mib(process: int | None = None) -> float:
    """Return the peak memory in MiB of a process, by its number, or of this one."""
    # Not getrusage: a process that was started by a large one begins with that one's peak.
    with contextlib.suppress(FileNotFoundError):
        line = next(
            line
            for line in Path(f"/proc/{process or 'self'}/status").read_text().splitlines()
            if line.startswith("VmHWM")
        )
        return int(line.split()[1]) / 1024
    return psutil.Process(process).memory_info().rss / MIB  # of now: the best to be had elsewhere


def comparisons_table(findings: Sequence[Comparison]) -> str:
    """Return the findings as a table to read."""
    rows = [(f.what, f.value, f.low, f.high, f.target, f.verdict) for f in findings]
    frame = pd.DataFrame(rows, columns=["what", "median", "from", "to", "target", "verdict"])
    return frame.to_string(index=False, float_format="{:.2f}".format)


def timings(report: Report) -> str:
    """Return the seconds, and the peak memory where it was measured, as a table to read."""
    lines = []
    for name, seconds in report.seconds.items():
        peak = f"  {report.peak_mib[name]:6.0f} MiB at most" if name in report.peak_mib else ""
        lines.append(f"{name:<36}  {statistics.median(seconds):8.2f} s  (n={len(seconds)}){peak}")
    return "\n".join(lines)


_OF_VERDICT = {"holds": "blue", "unclear": "grey", "missed": "orange"}


def draw_findings(report: Report, file: Path) -> None:
    """Draw the findings that have a target: how far each is from it."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    from mldrl_lite.figures import COLOURS, use_style

    use_style()
    shown = [f for f in report.findings if f.target and f.value > 0 and float(f.target.split()[1]) > 0]
    axes = plt.figure(figsize=(9, 0.45 * len(shown) + 1.2)).add_subplot()
    for row, finding in enumerate(reversed(shown)):
        # To the left is better, whichever way the target points.
        sign, limit = finding.target.split()
        share = [x / float(limit) for x in (finding.value, finding.low, finding.high)]
        value, low, high = share if sign == "<=" else [1 / x for x in (share[0], share[2], share[1])]
        colour = COLOURS[_OF_VERDICT[finding.verdict]]
        axes.plot([low, high], [row, row], color=colour, lw=5, alpha=0.35, solid_capstyle="round")
        axes.plot(value, row, "o", color=colour)
        axes.annotate(f"{finding.value:.2f}", (value, row), (0, 7), textcoords="offset points", ha="center", fontsize=8)
    axes.axvline(1, color=COLOURS["grey"], ls="--", lw=1)
    axes.set(xlabel="share of the target that is used up (target = 1; left is better)")
    axes.set_xlim(left=0)
    axes.set_yticks(range(len(shown)), [f"{f.what}\n({f.target})" for f in reversed(shown)], fontsize=8)
    axes.set_title("What was measured, against what is wanted")
    plt.savefig(file)
    plt.close()
