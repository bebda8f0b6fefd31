"""A part of `make bench`: a sweep of very many runs."""

import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import nbformat
import psutil
from nbformat.v4 import new_code_cell, new_notebook

from mldrl_lite.runs.record.record import records
from mldrl_lite.runs.results.table import collect
from mldrl_lite.runs.sweeps.sweep import sweep
from mldrl_lite.studies.measuring import MIB, Report, growth, plain


@dataclass(frozen=True)
class ManyRuns:
    """What a sweep of many runs cost."""

    seconds: float
    growth: float
    """Of the memory of the process that drives the kernels, in MiB, after a first sweep of 50 runs."""
    early: float
    late: float
    """Seconds from the end of a run to that of the next, the mean of the first and of the last tenth."""
    collecting: float
    """Seconds that the table takes afterwards."""


def thousand_runs(folder: Path, count: int = 1000) -> Report:
    """Sweep 1,000 runs of one cell, two at once: neither memory nor the time for a run is to grow."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        many = pool.submit(measure_runs, folder, count).result()
    findings = [
        plain(f"growth of a process that drives {count} runs, MiB", many.growth, "<= 20"),
        growth("time for a run, the last tenth / the first", [many.late], [many.early], "<= 1.3"),
        plain(f"table of {count} runs, seconds", many.collecting, "<= 2"),
    ]
    return Report(findings, {f"sweep of {count} one-cell runs, -j 2": [many.seconds]})


def measure_runs(folder: Path, count: int, first: int = 50) -> ManyRuns:
    """Sweep `count` runs in this process, after `first` others that warm it up."""
    sweep_empty(folder / "first", first, 2)
    before = psutil.Process().memory_info().rss
    seconds = sweep_empty(folder / "many", count, 2)
    larger = (psutil.Process().memory_info().rss - before) / MIB
    start = time.perf_counter()
    collect(folder / "many" / "runs")
    collecting = time.perf_counter() - start
    ends = sorted(record["ended"] for _, record in records(folder / "many" / "runs"))
    tenth = max(count // 10, 1)
    early, late = (ends[tenth] - ends[0]) / tenth, (ends[-1] - ends[-1 - tenth]) / tenth
    return ManyRuns(seconds, larger, early, late, collecting)


def sweep_empty(folder: Path, count: int, jobs: int, code: str = "pass") -> float:
    """Sweep `count` runs of a notebook with one cell; return the seconds.

    Raises:
        RuntimeError: a run failed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    cells = [new_code_cell("n = 0", metadata={"tags": ["parameters"]}), new_code_cell(code)]
    nbformat.write(new_notebook(cells=cells), folder / "short.ipynb")
    start = time.perf_counter()
    rows = sweep(folder / "short.ipynb", {"n": range(count)}, folder / "runs", jobs=jobs, progress=False, again=True)
    seconds = time.perf_counter() - start
    if list(rows["status"]) != ["ok"] * count:
        raise RuntimeError(f"Of {count} runs, {(rows['status'] != 'ok').sum()} failed.")
    return seconds
