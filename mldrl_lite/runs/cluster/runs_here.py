"""The runs that a worker has under way: told by a sweep, ended when nobody waits for them any more.

A run ends with its sweep: when its client is gone (the scheduler takes the task back), when the sweep's folder holds
another token, and when the worker leaves or has lost its scheduler. What is ended so is not kept.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from distributed import Worker, get_worker
from distributed.diagnostics.plugin import WorkerPlugin

from mldrl_lite.runs.cluster import machine
from mldrl_lite.runs.cluster.visit import Visit
from mldrl_lite.runs.process.kernel import end_kernels
from mldrl_lite.runs.record.job import Job
from mldrl_lite.runs.record.record import LOCK, RECORD, execute

NAME = "mldrl-lite"
UNVISITED = "unvisited"
"""The answer of a worker that has not been told of the sweep."""
_LOOK_EVERY, _KILL_EVERY = 1.0, 0.2  # seconds
_SWEEPS = 8
"""So many sweeps are remembered."""


@dataclass
class _UnderWay:
    job: Job
    thread: int
    over: threading.Event = field(default_factory=threading.Event)
    looks: int = 0
    """How often in a row the folder has held another token: a file that is being written may be empty for a moment."""


class RunsHere(WorkerPlugin):
    """What a worker knows of sweeps, and its runs under way, by the keys of their tasks."""

    name = NAME

    def __init__(self) -> None:
        self.about = machine.about()
        self.sweeps: dict[str, Job] = {}
        self.under_way: dict[str, _UnderWay] = {}
        self.closed = threading.Event()

    def setup(self, worker: Worker) -> None:
        """Begin to look after runs."""
        threading.Thread(target=self._look_after, daemon=True).start()

    def teardown(self, worker: Worker) -> None:
        """End all runs: the worker leaves, or its scheduler is lost."""
        self.closed.set()
        for key in list(self.under_way):
            self.end(key)

    def transition(self, key: str, start: str, finish: str, **_: Any) -> None:
        """End a run whose task is taken back, as it is when its client is gone."""
        if start in ("executing", "long-running", "cancelled") and finish in ("released", "cancelled", "forgotten"):
            self.end(key)

    def end(self, key: str) -> None:
        """End a run and its kernel, also one that is just about to start."""
        run = self.under_way.get(key)
        if run and not run.over.is_set():
            run.over.set()
            threading.Thread(target=self._kill, args=(key, run), daemon=True).start()

    def _kill(self, key: str, run: _UnderWay) -> None:
        pause = threading.Event()
        while self.under_way.get(key) is run:
            end_kernels(run.thread)
            pause.wait(_KILL_EVERY)

    def _look_after(self) -> None:
        while not self.closed.wait(_LOOK_EVERY):
            for key, run in list(self.under_way.items()):
                run.looks = run.looks + 1 if _is_over(run.job) else 0
                if run.looks > 1:
                    self.end(key)

    def visited(self, visit: Visit) -> list[str]:
        """Remember a sweep if everything is there for it, and return what is missing."""
        missing = visit.missing()
        if not missing:
            self.sweeps[visit.common.token] = visit.common
            for old in list(self.sweeps)[:-_SWEEPS]:
                del self.sweeps[old]
        return missing

    def run(self, key: str, token: str, own: Mapping[str, Any]) -> tuple[str, str]:
        """Run one run; return its status, and its record as text if there is one."""
        if token not in self.sweeps:
            return UNVISITED, ""
        job = replace(self.sweeps[token], machine=machine.for_record(self.about), **own)
        run = self.under_way[key] = _UnderWay(job, threading.get_ident())
        try:
            status = execute(job, lambda: not run.over.is_set())
        finally:
            del self.under_way[key]
        place = {"ok": job.place, "failed": job.failed_place}.get(status)
        return status, (place / RECORD).read_text(encoding="utf-8") if place else ""


def _is_over(job: Job) -> bool:
    """Say whether the folder holds another token; one that cannot be read says nothing."""
    try:
        return Path(job.out, LOCK).read_text(encoding="utf-8") != job.token
    except OSError:
        return False


# ---------------------------------------------------------------------------------------------------------------------
# What is called from afar


def visit_here(visit: Visit, dask_worker: Worker) -> list[str]:
    """Return what is missing on this machine for a sweep."""
    return dask_worker.plugins[NAME].visited(visit)


def run_here(token: str, own: Mapping[str, Any]) -> tuple[str, str]:
    """Run one run of a sweep as a task; see `RunsHere.run`.

    Args:
        token: of the sweep.
        own: what the run does not share with the others: name, given, data.
    """
    worker = get_worker()
    return worker.plugins[NAME].run(worker.get_current_task(), token, own)
