"""A part of `make bench`: a sweep of very many runs."""

import multiprocessing
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import nbformat
import numpy as np
import psutil
from nbformat.v4 import new_code_cell, new_notebook

from mldrl_lite.runs.results.table import collect
from mldrl_lite.runs.sweeps.sweep import sweep
from mldrl_lite.studies.measuring import MIB, Report, growth, plain


@dataclass(frozen=True)
class ManyRuns:
    """What a sweep of many runs cost."""

    seconds: float
    growth: float
    """Of the memory of the process that drives the kernels, in MiB, after a first sweep of 50 runs."""
    early: Sequence[float]
    late: Sequence[float]
    """Processor time of that process for a run, in seconds, in five parts of the first and of the last tenth."""
    collecting: float
    """Seconds that the table takes afterwards."""


def thousand_runs(folder: Path, count: int = 1000) -> Report:
    """Sweep 1,000 runs of one cell, two at once: neither memory nor the time for a run is to grow.

    That time is the processor's: what others do on this machine changes the hour, and not what a run costs.
    """
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        many = pool.submit(measure_runs, folder, count).result()
    findings = [
        plain(f"growth of a process that drives {count} runs, MiB", many.growth, "<= 20"),
        growth("CPU time for a run, the last tenth / the first", many.late, many.early, "<= 1.3"),
        plain(f"table of {count} runs, seconds", many.collecting, "<= 2"),
    ]
    return Report(findings, {f"sweep of {count} one-cell runs, -j 2": [many.seconds]})


def measure_runs(folder: Path, count: int, first: int = 50) -> ManyRuns:
    """Sweep `count` runs in this process, after `first` others that warm it up."""
    sweep_empty(folder / "first", first, 2)
    before = psutil.Process().memory_info().rss
    with _metered(folder / "many" / "runs") as seen:
        seconds = sweep_empty(folder / "many", count, 2)
    larger = (psutil.Process().memory_info().rss - before) / MIB
    start = time.perf_counter()
    collect(folder / "many" / "runs")
    collecting = time.perf_counter() - start
    early, late = _cost_of_a_run(seen, 0, count / 10), _cost_of_a_run(seen, 0.9 * count, count)
    return ManyRuns(seconds, larger, early, late, collecting)


_Seen = list[tuple[int, float]]
"""How many runs had ended, and the processor time by then, in seconds."""


@contextmanager
def _metered(folder: Path) -> Iterator[_Seen]:
    """Note, a few times a second, how many runs a folder holds and the processor time of this process."""
    seen, over = [(0, time.process_time())], threading.Event()

    def look() -> None:
        while not over.wait(0.5):
            note()

    def note() -> None:
        if (count := sum(1 for _ in folder.glob("n=*"))) > seen[-1][0]:
            seen.append((count, time.process_time()))

    meter = threading.Thread(target=look, daemon=True)
    meter.start()
    try:
        yield seen
    finally:
        over.set()
        meter.join()
        note()


def _cost_of_a_run(seen: _Seen, first: float, last: float, parts: int = 5) -> list[float]:
    edges = np.linspace(first, last, parts + 1)
    spent = np.interp(edges, *zip(*seen, strict=True))
    return list(np.diff(spent) / np.diff(edges))


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
