"""A part of `make bench`: sweeps of very many runs over workers, without kernels: what the engine itself takes."""

import multiprocessing
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import nbformat
import psutil
from nbformat.v4 import new_code_cell, new_notebook

from mldrl_lite.runs.cluster.cluster import Cluster
from mldrl_lite.runs.sweeps.sweep import sweep
from mldrl_lite.studies.measuring import Report, growth, peak_mib, plain

# A worker whose runs do nothing; all their files are written.
_WORKER = """
import sys, nbformat
from mldrl_lite.__main__ import main
from mldrl_lite.runs import launch

def run(node, copy, parameters, **_):
    nbformat.write(node, copy)
    return ""

launch.execute_notebook = run
sys.exit(main(sys.argv[1:]))
"""


@dataclass(frozen=True)
class Cost:
    """What a sweep over workers took."""

    seconds: float
    cpu: Mapping[str, float]
    """Processor time of client, scheduler and worker, in seconds."""
    client_mib: float
    scheduler_mib: float
    """Peaks of their memory; the scheduler's grows with all that it has done before."""


def over_workers(folder: Path, counts: Sequence[int] = (1000, 5000)) -> Report:
    """Sweep 1,000 and 5,000 empty runs through a scheduler and a worker: the price of a run is not to grow."""
    folder.mkdir(parents=True, exist_ok=True)
    with _cluster(folder) as (address, servers):
        costs = {count: _measure(folder, count, address, servers) for count in counts}
    few, many = (costs[count] for count in counts)
    report = Report(seconds={f"{count} empty runs over workers": [cost.seconds] for count, cost in costs.items()})
    report.peak_mib = {name: cost.client_mib for name, cost in zip(report.seconds, costs.values(), strict=True)}
    report.findings = [
        *(
            plain(f"{counts[1]} runs, CPU of the {name}, ms a run", 1000 * spent / counts[1])
            for name, spent in many.cpu.items()
        ),
        *(plain(f"{count} runs, peak of the scheduler, MiB", cost.scheduler_mib) for count, cost in costs.items()),
        growth(
            f"CPU time for a run over workers, {counts[1]} / {counts[0]}",
            [sum(many.cpu.values()) / counts[1]],
            [sum(few.cpu.values()) / counts[0]],
            "<= 1.2",
        ),
    ]
    return report


@contextmanager
def _cluster(folder: Path) -> Iterator[tuple[str, list[psutil.Process]]]:
    """Start a scheduler and a worker with two places; give the address, and both processes."""
    with _serving(folder / "scheduler", "-m", "mldrl_lite", "scheduler", "--port", "0") as scheduler:
        address = _said(folder / "scheduler", "scheduler is at ", scheduler).split()[-1]
        with _serving(folder / "worker", "-c", _WORKER, "worker", address, "-j", "2") as worker:
            yield address, [psutil.Process(process.pid) for process in (scheduler, worker)]


@contextmanager
def _serving(log: Path, *words: str) -> Iterator[subprocess.Popen]:
    with log.open("w") as file:
        process = subprocess.Popen([sys.executable, *words], stdout=file, stderr=file)  # noqa: S603 - our own words
        with process:
            try:
                yield process
            finally:
                process.terminate()


def _said(log: Path, words: str, process: subprocess.Popen) -> str:
    while words not in (text := log.read_text()):
        if process.poll() is not None:
            raise RuntimeError(f"The scheduler has ended: {text}")
        time.sleep(0.1)
    return next(line for line in text.splitlines() if words in line)


def _measure(folder: Path, count: int, address: str, servers: Sequence[psutil.Process]) -> Cost:
    before = [_cpu(server) for server in servers]
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        seconds, cpu, client = pool.submit(_sweep, folder / str(count), count, address).result()
    scheduler, worker = (_cpu(server) - spent for server, spent in zip(servers, before, strict=True))
    cpus = {"client": cpu, "scheduler": scheduler, "worker": worker}
    return Cost(seconds, cpus, client, peak_mib(servers[0].pid))


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _sweep(folder: Path, count: int, address: str) -> tuple[float, float, float]:
    """Sweep; return the seconds, this process's processor time for it, and its peak of memory in MiB.

    Raises:
        RuntimeError: a run failed.
    """
    folder.mkdir()
    cells = [new_code_cell("n = 0", metadata={"tags": ["parameters"]}), new_code_cell("pass")]
    nbformat.write(new_notebook(cells=cells), folder / "empty.ipynb")
    engine, start, spent = Cluster(address, wait_for=1), time.perf_counter(), time.process_time()
    chosen = {"executor": engine, "kernel": "python3", "progress": False}
    rows = sweep(folder / "empty.ipynb", {"n": range(count)}, folder / "runs", **chosen)
    seconds, cpu = time.perf_counter() - start, time.process_time() - spent
    if list(rows["status"]) != ["ok"] * count:
        raise RuntimeError(f"Of {count} runs, {(rows['status'] != 'ok').sum()} failed.")
    return seconds, cpu, peak_mib()
