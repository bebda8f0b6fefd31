"""`make bench`: what the course says about speed, measured side by side in one run.

Each comparison runs its cases in turn, several times, and reports the median of the ratios within each turn: a machine
that is slow for a while slows both sides of a pair. A target is missed only where the whole interval lies beyond it, so
that noise turns no verdict. The load of the machine is printed before and after.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

import nbformat
import psutil
from tqdm import tqdm

from mldrl_lite.kernels import kernelspec, standin
from mldrl_lite.runs.course import run_course
from mldrl_lite.runs.launch import execute_notebook
from mldrl_lite.runs.notebook.file import open_notebook
from mldrl_lite.studies.bench_cluster import over_workers
from mldrl_lite.studies.bench_fits import fit_growth, fits
from mldrl_lite.studies.bench_runs import sweep_empty, thousand_runs
from mldrl_lite.studies.light import cpu_seconds, light_commands
from mldrl_lite.studies.measuring import (
    MIB,
    Comparison,
    Report,
    comparisons_table,
    draw_findings,
    growth,
    in_a_process,
    in_turn,
    interval_of_median,
    load,
    plain,
    ratio,
    timings,
)

# Short, and busy for all of it, as a small fit is.
SHORT_RUN = """
import time
until = time.process_time() + 1.5
while time.process_time() < until:
    sum(range(10_000))
"""


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
        f"sweep of 20 short runs, -j {jobs}": partial(sweep_empty, folder / f"j{jobs}", 20, jobs, SHORT_RUN)
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
        runs = [
            in_a_process(sweep_empty, folder / f"n{count}", count, 2, "pass") for _ in range(3 if count < 80 else 1)
        ]
        report.seconds[name] = [seconds for seconds, _ in runs]
        report.peak_mib[name] = max(peak for _, peak in runs)
    five, twenty, eighty = report.seconds.values()
    report.findings = [
        growth("time of a sweep, 20 runs / 5", twenty, five, "<= 5.2"),
        growth("time of a sweep, 80 runs / 20", eighty, twenty, "<= 5.2"),
    ]
    return report


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
        Comparison(f"{name}, CPU seconds", statistics.median(spent), *interval_of_median(spent), "<= 0.5")
        for name, spent in seconds.items()
    ]
    return Report(findings, seconds)


# ---------------------------------------------------------------------------------------------------------------------
# All parts


PARTS = (
    "fits",
    "fit-growth",
    "starts",
    "fifty-kernels",
    "two-at-once",
    "sweep-growth",
    "thousand-runs",
    "cluster",
    "commands",
    "course",
)


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
        "thousand-runs": lambda: thousand_runs(folder / "thousand"),
        "cluster": lambda: over_workers(folder / "cluster"),
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
    before = load()
    print(f"load before: {before}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        report = measure(options.parts, notebooks, Path(folder).resolve(), options.repeats)
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.system()}
    machine |= {"load before": before, "load after": load()}
    loads = f"load before: {before}, after: {machine['load after']}"
    text = f"\n{timings(report)}\n\n{comparisons_table(report.findings)}\n{loads}\n"
    print(text)
    (options.out / "bench.txt").write_text(text, encoding="utf-8")
    everything = json.dumps({"machine": machine, **asdict(report)}, indent=2)
    (options.out / "bench.json").write_text(everything, encoding="utf-8")
    draw_findings(report, options.out / "bench.png")
    print(f"written: {options.out / 'bench.txt'}, bench.json and bench.png")
    return int(any(finding.verdict == "missed" for finding in report.findings))


if __name__ == "__main__":
    sys.exit(main())
