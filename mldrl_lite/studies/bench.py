"""`make bench`: what the course says about speed, measured side by side in one run.

Each comparison runs its cases in turn, several times, and reports the median of the ratios within each turn: a machine
that is slow for a while slows both sides of a pair. The closing table says which targets hold.
"""

import argparse
import contextlib
import json
import multiprocessing
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

import nbformat
import pandas as pd
import psutil
from nbformat.v4 import new_code_cell, new_notebook
from tqdm import tqdm

from mldrl_lite.kernels import kernelspec, standin
from mldrl_lite.runs.course import run_course
from mldrl_lite.runs.launch import execute_notebook
from mldrl_lite.runs.notebooks import open_notebook
from mldrl_lite.runs.sweeps import sweep
from mldrl_lite.studies.light import cpu_seconds, light_commands

MIB = 2**20

# Short, and busy for all of it, as a small fit is.
SHORT_RUN = """
import time
until = time.process_time() + 1.5
while time.process_time() < until:
    sum(range(10_000))
"""


@dataclass(frozen=True)
class Comparison:
    """One line of the closing table."""

    what: str
    value: float
    """The median of paired ratios, or a plain number."""
    low: float
    high: float
    """The smallest and the largest of them."""
    target: str = ""
    """What is wanted, such as `<= 1.5`; empty where nothing is."""

    @property
    def verdict(self) -> str:
        """`holds`, `missed`, or nothing where there is no target."""
        if not self.target:
            return ""
        sign, limit = self.target.split()
        met = self.value <= float(limit) if sign == "<=" else self.value >= float(limit)
        return "holds" if met else "missed"


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
    order = _turns(list(cases), repeats)
    return _by_name(order, [cases[name]() for name in tqdm(order, desc=bar, leave=False)])


def _turns(names: list[str], repeats: int) -> list[str]:
    return [name for turn in range(repeats) for name in names[:: 1 if turn % 2 == 0 else -1]]


def _by_name(order: Sequence[str], seconds: Sequence[float]) -> dict[str, list[float]]:
    return {
        name: [s for other, s in zip(order, seconds, strict=True) if other == name] for name in dict.fromkeys(order)
    }


def ratio(what: str, above: Sequence[float], below: Sequence[float], target: str = "") -> Comparison:
    """Return the median of the paired ratios `above / below`, with the smallest and the largest."""
    ratios = [a / b for a, b in zip(above, below, strict=True)]
    return Comparison(what, statistics.median(ratios), min(ratios), max(ratios), target)


def plain(what: str, value: float, target: str = "") -> Comparison:
    """Return a finding that is one plain number."""
    return Comparison(what, value, value, value, target)


# ---------------------------------------------------------------------------------------------------------------------
# Fits


FIRST_CELL = """
import json
from mldrl_lite.studies import speed
from mldrl_lite.notebook import open_page

out = open_page(folder)
seconds = []
speed.recommended(out, max_epochs=1);  # what only the first fit pays
"""


def fits(folder: Path, repeats: int, max_epochs: int = 30) -> Report:
    """Compare one training under the 2023 script's settings, under the recommended ones, and as a bare loop.

    All of them in one kernel: that script is a notebook, and so is what people write with the course.
    """
    script, recommended, bare = "fit, settings of the 2023 script", "fit, recommended", "fit, bare loop"
    calls = {script: "seed_settings(out, ", recommended: "recommended(out, ", bare: "bare_loop("}
    first = _turns([script, recommended], repeats)
    second = _turns([recommended, bare], 7 * repeats)  # short fits, whose times scatter
    cells = [f"folder = {str(folder)!r}", FIRST_CELL]
    cells += [f"seconds.append(speed.{calls[name]}max_epochs={max_epochs}).seconds)" for name in first + second]
    spent = json.loads(_last_output([*cells, "print(json.dumps(seconds))"], folder, "fits"))
    slow, fast = _by_name(first, spent[: len(first)]), _by_name(second, spent[len(first) :])
    findings = [
        ratio("recommended fit / bare loop", fast[recommended], fast[bare], "<= 1.5"),
        ratio("fit of the 2023 script / recommended fit", slow[script], slow[recommended], ">= 15"),
    ]
    return Report(findings, {script: slow[script]} | fast)


def _last_output(cells: Sequence[str], folder: Path, bar: str) -> str:
    """Run the cells as a notebook and return what the last one printed."""
    folder.mkdir(parents=True, exist_ok=True)
    copy = folder / "cells.ipynb"
    node = new_notebook(cells=[new_code_cell(cell) for cell in cells])
    if error := execute_notebook(node, copy, {}, kernel=kernelspec.default_kernel(), bar=bar):
        raise RuntimeError(error)
    return nbformat.read(copy, as_version=4).cells[-1].outputs[0].text


def fit_growth(folder: Path, repeats: int) -> Report:
    """Measure a recommended fit of 10 epochs with 1, 10 and 100 times the samples, each in a process of its own."""
    report = Report()
    for factor in tqdm((1, 10, 100), desc="samples", leave=False):
        name = f"fit of 10 epochs, samples x{factor}"
        runs = [_in_a_process(_recommended, str(folder), factor) for _ in range(repeats if factor < 100 else 1)]
        report.seconds[name] = [statistics.median(seconds for seconds, _ in runs)]
        report.peak_mib[name] = max(peak for _, peak in runs)
    one, ten, hundred = report.seconds.values()
    report.findings = [
        ratio("fit time, samples x10 / x1", ten, one, "<= 13"),
        ratio("fit time, samples x100 / x10", hundred, ten, "<= 13"),
    ]
    return report


def _recommended(folder: str, factor: int) -> float:
    from mldrl_lite.notebook import calm_lightning
    from mldrl_lite.studies import speed

    calm_lightning()
    speed.recommended(folder, max_epochs=1)  # what only the first fit of a process pays
    return speed.recommended(folder, factor=factor, max_epochs=10).seconds


def _in_a_process(task: Callable[..., float], *arguments: object) -> tuple[float, float]:
    """Return the seconds that `task` reports and the peak memory in MiB of the fresh process that did it."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_with_peak, task, *arguments).result()


def _with_peak(task: Callable[..., float], *arguments: object) -> tuple[float, float]:
    seconds = task(*arguments)
    return seconds, _peak_mib()


def _peak_mib() -> float:
    # Not getrusage: a process that was started by a large one begins with that one's peak.
    with contextlib.suppress(FileNotFoundError):
        line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return psutil.Process().memory_info().rss / MIB  # of now: the best to be had elsewhere


# ---------------------------------------------------------------------------------------------------------------------
# Kernels


def starts(folder: Path, repeats: int, notebook: Path) -> Report:
    """Run a notebook in a cold and in a warm kernel; what is beyond the cells' own time is the price of the start.

    The cells' own time is what they take where the packages are imported already: in the warm kernel.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _execute(notebook, folder, kernelspec.NAME)  # starts the forking process, which a course or a sweep does once
    own: list[float] = []

    def run(kernel: str) -> float:
        seconds, cells = _execute(notebook, folder, kernel)
        own.extend([cells] if kernel == kernelspec.NAME else [])
        return seconds

    cases = {name: partial(run, name) for name in ("python3", kernelspec.NAME)}
    total = in_turn(cases, repeats, "kernels")
    beyond = {name: [s - c for s, c in zip(seconds, own, strict=True)] for name, seconds in total.items()}
    seconds = {
        "notebook 00, cold kernel": total["python3"],
        "notebook 00, warm kernel": total[kernelspec.NAME],
        "notebook 00, its cells": own,
    }
    finding = ratio("start of a run, warm / cold", beyond[kernelspec.NAME], beyond["python3"], "<= 0.25")
    return Report([finding], seconds)


def _execute(notebook: Path, folder: Path, kernel: str) -> tuple[float, float]:
    copy = folder / f"{kernel}.ipynb"
    start = time.perf_counter()
    error = execute_notebook(open_notebook(notebook), copy, {"out_dir": str(folder / kernel)}, kernel=kernel)
    seconds = time.perf_counter() - start
    if error:
        raise RuntimeError(f"{notebook.name} failed in {kernel}: {error}")
    return seconds, cells_seconds(copy)


def cells_seconds(executed: Path) -> float:
    """Return the seconds that the cells of a notebook took, as papermill has noted them."""
    node = nbformat.read(executed, as_version=4)
    return sum(cell.metadata.get("papermill", {}).get("duration") or 0.0 for cell in node.cells)


def fifty_kernels(folder: Path) -> Report:
    """Start and end 50 warm kernels in a row, then 100 with eight at once; look at what is left of them."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    os.environ[standin.FOLDER] = str(folder)
    try:
        kernelspec.start_kernels(1)
        [forking] = _processes(folder)
        before = forking.memory_info().rss
        seconds = kernelspec.start_kernels(50, code="import torch; torch.ones(3).sum()")
        growth = (forking.memory_info().rss - before) / MIB
        kernelspec.start_kernels(100, at_once=8)
        left = [process for process in _processes(folder) if process != forking]
    finally:
        del os.environ[standin.FOLDER]
    forking.terminate()
    findings = [
        plain("processes left by 50 and by 100 warm kernels", len(left), "<= 0"),
        plain("growth of the forking process, MiB", growth, "<= 5"),
    ]
    return Report(findings, {"warm kernel, to its first answer": seconds})


def _processes(folder: Path) -> list[psutil.Process]:
    """Return the processes that were started for the warm kernels of this folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(standin.FOLDER) == str(folder) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


# ---------------------------------------------------------------------------------------------------------------------
# Sweeps and the course


def two_at_once(folder: Path, repeats: int) -> Report:
    """Sweep 20 short runs, one and two at a time."""
    cases = {
        f"sweep of 20 short runs, -j {jobs}": partial(_sweep, folder / f"j{jobs}", 20, jobs, SHORT_RUN)
        for jobs in (1, 2)
    }
    seconds = in_turn(cases, repeats, "sweeps")
    one, two = seconds.values()
    return Report([ratio("sweep of 20 short runs, -j 2 / -j 1", two, one, "<= 0.6")], seconds)


def sweep_growth(folder: Path) -> Report:
    """Measure sweeps of 5, 20 and 80 runs that do next to nothing, each sweep in a process of its own."""
    report = Report()
    for count in tqdm((5, 20, 80), desc="runs", leave=False):
        name = f"sweep of {count} empty runs, -j 2"
        seconds, report.peak_mib[name] = _in_a_process(_sweep, folder / f"n{count}", count, 2, "pass")
        report.seconds[name] = [seconds]
    five, twenty, eighty = report.seconds.values()
    report.findings = [
        ratio("time of a sweep, 20 runs / 5", twenty, five, "<= 5.2"),
        ratio("time of a sweep, 80 runs / 20", eighty, twenty, "<= 5.2"),
    ]
    return report


def _sweep(folder: Path, count: int, jobs: int, code: str) -> float:
    folder.mkdir(parents=True, exist_ok=True)
    cells = [new_code_cell("n = 0", metadata={"tags": ["parameters"]}), new_code_cell(code)]
    nbformat.write(new_notebook(cells=cells), folder / "short.ipynb")
    start = time.perf_counter()
    rows = sweep(folder / "short.ipynb", {"n": range(count)}, folder / "runs", jobs=jobs, progress=False, again=True)
    seconds = time.perf_counter() - start
    if list(rows["status"]) != ["ok"] * count:
        raise RuntimeError(f"Of {count} runs, {(rows['status'] != 'ok').sum()} failed.")
    return seconds


def course(folder: Path, notebooks: Sequence[Path]) -> Report:
    """Run the whole course; what is beyond the cells' own time is counted per notebook."""
    start = time.perf_counter()
    runs = run_course(notebooks, folder, {})
    seconds = time.perf_counter() - start
    if failed := [run.error for run in runs if run.status != "ok"]:
        raise RuntimeError(f"The course failed: {failed[0]}")
    own = sum(cells_seconds(folder / notebook.name) for notebook in notebooks)
    finding = plain("course, seconds beyond its cells, a notebook", (seconds - own) / len(notebooks), "<= 2")
    return Report([finding], {"course": [seconds], "course, its cells": [own]})


# ---------------------------------------------------------------------------------------------------------------------
# The command itself


def commands(folder: Path, repeats: int, notebook: Path) -> Report:
    """Measure the processor time of commands that start no kernel."""
    cases = {name: partial(cpu_seconds, words) for name, words in light_commands(folder, notebook).items()}
    seconds = in_turn(cases, max(repeats, 3), "commands")
    findings = [
        Comparison(f"{name}, CPU seconds", statistics.median(spent), min(spent), max(spent), "<= 0.5")
        for name, spent in seconds.items()
    ]
    return Report(findings, seconds)


# ---------------------------------------------------------------------------------------------------------------------
# The report


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
        colour = COLOURS["blue" if finding.verdict == "holds" else "orange"]
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


PARTS = ("fits", "fit-growth", "starts", "fifty-kernels", "two-at-once", "sweep-growth", "commands", "course")


def measure(parts: Sequence[str], notebooks: Sequence[Path], folder: Path, repeats: int) -> Report:
    """Run the named parts one after the other and put what they found together."""
    todo: dict[str, Callable[[], Report]] = {
        "fits": lambda: fits(folder / "fits", repeats),
        "fit-growth": lambda: fit_growth(folder, repeats),
        "starts": lambda: starts(folder / "starts", repeats, notebooks[0]),
        "fifty-kernels": lambda: fifty_kernels(folder / "kernels"),
        "two-at-once": lambda: two_at_once(folder / "sweeps", repeats),
        "sweep-growth": lambda: sweep_growth(folder / "sweeps"),
        "commands": lambda: commands(folder / "commands", repeats, notebooks[0]),
        "course": lambda: course(folder / "course", notebooks),
    }
    whole = Report()
    for part in parts:
        print(f"--- {part}", flush=True)
        found = todo[part]()
        print("\n".join(filter(None, [timings(found), comparisons_table(found.findings)])), flush=True)
        whole.findings += found.findings
        whole.seconds |= found.seconds
        whole.peak_mib |= found.peak_mib
    return whole


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; return 1 if a target was missed."""
    parser = argparse.ArgumentParser(prog="python -m mldrl_lite.studies.bench", description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="+", type=Path, help="the course; the first one is timed cold and warm")
    parser.add_argument("-o", "--out", type=Path, default=Path("build/bench"), help="for the table and the figure")
    parser.add_argument("--repeats", type=int, default=3, help="turns of each comparison")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    notebooks = [path.resolve() for path in options.notebooks]
    with tempfile.TemporaryDirectory() as folder:
        report = measure(options.parts, notebooks, Path(folder).resolve(), options.repeats)
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.system()}
    text = f"\n{timings(report)}\n\n{comparisons_table(report.findings)}\n"
    print(text)
    (options.out / "bench.txt").write_text(text, encoding="utf-8")
    everything = json.dumps({"machine": machine, **asdict(report)}, indent=2)
    (options.out / "bench.json").write_text(everything, encoding="utf-8")
    draw_findings(report, options.out / "bench.png")
    print(f"written: {options.out / 'bench.txt'}, bench.json and bench.png")
    return int(any(finding.verdict == "missed" for finding in report.findings))


if __name__ == "__main__":
    sys.exit(main())
