"""Run a notebook many times with other parameters: nothing that is done is lost, nothing is run twice.

A sweep writes each run into a folder of its own, named from the run's parameters:

    runs/x/cv=3,lr=0.001/run.json             parameters, result, seconds, status, what it was run from
    runs/x/cv=3,lr=0.001/00_quickstart.ipynb  the executed notebook
    runs/x/cv=3,lr=0.001/…                    what the notebook wrote into out_dir, and its figures
    runs/x/cv=3,lr=0.001~failed/              the same of a run that failed, until it ends well
    runs/x/results.csv, results.png           the table of all runs, and its picture

While it is under way, a run lives in a folder whose name begins with a dot; one rename makes it visible.
"""

import os
import sys
from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import CancelledError, Executor, Future
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from tqdm.auto import tqdm

from mldrl_lite.messages import Scalar, require
from mldrl_lite.runs import launch  # noqa: F401 - its packages are missed now, and not in every run
from mldrl_lite.runs.notebook.places import cannot_write
from mldrl_lite.runs.process.interrupts import Interrupts, heard_between_steps
from mldrl_lite.runs.process.kernel import end_kernels
from mldrl_lite.runs.process.limits import Limits, allow_files
from mldrl_lite.runs.process.strays import end_all
from mldrl_lite.runs.progress import STANDARD_ERROR, bar_options
from mldrl_lite.runs.record.job import FAILED, Job
from mldrl_lite.runs.record.lock import Lock, sweep_lock
from mldrl_lite.runs.record.origin import look_anew
from mldrl_lite.runs.record.record import (
    LOCK,
    clear_leftovers,
    execute,
    held_by_sweep,
    is_done,
    keep,
    new_folder,
    read_record,
)
from mldrl_lite.runs.results.table import Table, summarise, table_of_runs, write_table
from mldrl_lite.runs.sweeps.engines import Engine, EngineLostError, Threads
from mldrl_lite.runs.sweeps.plan import installed_kernel, plan_jobs

if TYPE_CHECKING:
    import pandas as pd


class Interrupted(KeyboardInterrupt):
    """An interrupt that has ended a sweep.

    Attributes:
        table: the table of all runs in the folder; None where there are very many.
        why: what has ended it, if nobody has asked for it.
    """

    def __init__(self, table: Table | None, why: str = "") -> None:
        super().__init__(why)
        self.table, self.why = table, why


Grid = Mapping[str, Scalar | Iterable[Scalar]] | Sequence[Mapping[str, Scalar | Iterable[Scalar]]]


def sweep(
    notebook: str | Path,
    grid: Grid,
    out: str | Path,
    *,
    jobs: int = 1,
    executor: Executor | Engine | None = None,
    kernel: str | None = None,
    cwd: str | Path | None = None,
    progress: bool = True,
    again: bool = False,
    fail_fast: bool = False,
    retries: int = 0,
    timeout: float | None = None,
    memory: float | None = None,
) -> "pd.DataFrame":
    """Run a notebook once for every combination of parameters; run only what `out` does not hold yet.

    A run counts as held when it ended well with the same parameters, and nothing that it was made from has changed:
    code cells, files that its parameters name or that it opened, own modules, the packages that it imported; see
    `mldrl_lite.runs.record.origin`. A run that fails is recorded beside the good one, if there is one, and the others
    go on. Interrupted at any moment, the same call does the rest.

    Args:
        notebook: an `.ipynb` file with a cell tagged `parameters`.
        grid: values, or one value, for parameters that the notebook declares (for one that takes a list, a list of
            lists); several grids run one after the other.
        out: the folder of the runs; it may hold runs of the same notebook with other parameters.
        jobs: how many run at once, each in a kernel of its own with one thread, unless OMP_NUM_THREADS says otherwise.
        executor: takes the place of `jobs`: a `mldrl_lite.runs.Cluster`, or any executor. To that, runs
            are submitted as `execute(job)`, which can be pickled; its workers must see the folder `out` under the same
            path.
        kernel: the name of the Jupyter kernel.
        cwd: the folder that the notebook runs in; its own by default. Relative paths in `grid` are relative to the
            folder of the caller.
        progress: show a bar with the time left and the failures so far.
        again: run everything, also what `out` holds.
        fail_fast: start no more runs after one has failed.
        retries: how often a run is tried again when its kernel died; a cell that failed would fail again.
        timeout: seconds that a run may take.
        memory: MB of main memory that a run may take; looked at a few times a second.

    Returns:
        One row per run of this grid: parameters, the values of `show_result`, seconds, status (`ok` or `failed`),
        error, fingerprint (of the weights), run (its folder). `out/results.csv` and `results.png` show all runs in
        `out`.

    Raises:
        InputError: a parameter that the notebook does not declare, a value of another type, or a folder that cannot be
            used; nothing has been started then.
        Interrupted: after this process's kernels have been ended and results.csv written. What an `executor` has under
            way in other processes goes on there, and is not kept; a `Cluster` ends it.
    """
    engine = executor if isinstance(executor, Engine) else Engine(executor) if executor else None
    chosen = {"kernel": kernel, "cwd": cwd, "progress": progress, "again": again, "fail_fast": fail_fast}
    return sweep_table(notebook, grid, out, jobs, engine, Limits(timeout, memory, retries), **chosen).frame()


def sweep_table(
    notebook: str | Path,
    grid: Grid,
    out: str | Path,
    jobs: int,
    engine: Engine | None,
    limits: Limits,
    *,
    kernel: str | None = None,
    cwd: str | Path | None = None,
    progress: bool = True,
    again: bool = False,
    fail_fast: bool = False,
) -> Table:
    """Do what `sweep` does, and return its table without pandas."""
    require("jobs", jobs, int, at_least=1)
    limits.check()
    look_anew()
    plan = plan_jobs(notebook, grid, out, kernel if engine else installed_kernel(notebook, kernel), cwd)
    if engine is None:
        allow_files(min(jobs, len(plan)))
        engine = Threads(jobs)
    folder = Path(plan[0].out)
    with sweep_lock(folder) as lock:
        plan = [replace(job, token=lock.token, limits=limits) for job in plan]
        clear_leftovers(folder)
        todo = [job for job in plan if again or not is_done(job)]
        try:
            with engine.started(plan, todo, progress) as pool:
                _run(todo, engine, pool, lock, _bar(plan, todo, progress), fail_fast)
        except (KeyboardInterrupt, EngineLostError) as ended:
            raise Interrupted(_last_table(folder, engine), str(ended)) from None
        finally:
            end_all()
            clear_leftovers(folder)
    return _rows_of(summarise(folder, engine.told()), plan, {job.name for job in todo})


def _last_table(folder: Path, engine: Engine) -> Table | None:
    """Write and return the table of an interrupted sweep; None for more runs than can be read in a second or two."""
    if sum(1 for _ in os.scandir(folder)) > _MOST_ROWS:
        return None
    table = table_of_runs(folder, engine.told())
    with suppress(OSError):  # the disk may be full; the runs are there, and collect makes the table again
        write_table(table, folder)
    return table


_MOST_ROWS = 10_000


class _Flight:
    """The runs that are under way: few at a time, so that an end in their midst has little to undo."""

    def __init__(self, jobs: Sequence[Job], engine: Engine, executor: Executor) -> None:
        self.waiting, self.engine, self.executor = deque(jobs), engine, executor
        self.futures: dict[Future, Job] = {}
        self.events: SimpleQueue[Future | None] = SimpleQueue()

    def fill(self) -> None:
        """Submit runs until enough are under way."""
        while self.waiting and len(self.futures) < self.engine.at_once:
            job = self.waiting.popleft()
            future = self.executor.submit(execute, job)
            self.futures[future] = job
            future.add_done_callback(self.events.put)

    def next(self) -> tuple[Future, Job] | None:
        """Return a run that has ended, or None after a second, or when woken."""
        try:
            future = self.events.get(timeout=1)
        except Empty:
            return None
        return future and (future, self.futures.pop(future))


def _run(jobs: Sequence[Job], engine: Engine, pool: Executor, lock: Lock, bar: tqdm, fail_fast: bool) -> None:
    flight = _Flight(jobs, engine, pool)
    with heard_between_steps(partial(flight.events.put, None)) as interrupts, bar:
        try:
            _go_through(flight, interrupts, lock, bar, fail_fast)
        except BaseException:
            lock.drop()  # before the kernels are ended: what a dying one leaves is no failed run
            for future in flight.futures:
                future.cancel()
            end_kernels()
            raise


def _go_through(flight: _Flight, interrupts: Interrupts, lock: Lock, bar: tqdm, fail_fast: bool) -> None:
    failures = 0
    while True:
        if not (fail_fast and failures):
            flight.fill()
        if not flight.futures:
            return
        ended = flight.next()
        interrupts.check()
        lock.renew()
        if ended:
            failures += _settle(*ended, flight.engine, bar)
            bar.update()
        failed = f"{failures} failed" if failures else ""
        bar.set_postfix_str("; ".join(filter(None, (failed, flight.engine.remark()))), refresh=False)
        if sys.stderr and sys.stderr.isatty():
            bar.refresh()  # the clock goes on; a log file needs no line a second


def _settle(future: Future, job: Job, engine: Engine, bar: tqdm) -> bool:
    """Say whether a run failed, and record what its worker could not.

    Raises:
        EngineLostError: it has not run, nor will others.
    """
    error = _error_of(future, job)
    if error is None and future.result() == "ok":
        return False
    if error is None:
        held = read_record(job.failed_place) or engine.told().get(job.failed_place.name)
    elif (held := held_by_sweep(job)) is None:
        _record_loss(job, error)
        return _told(str(error), job, bar)
    if held and held["status"] == "ok":
        return False
    return _told(held["error"] if held else "its folder is gone", job, bar)


def _error_of(future: Future, job: Job) -> BaseException | None:
    try:
        error = future.exception()
    except CancelledError:
        raise EngineLostError("what was to run the runs has dropped them") from None
    if isinstance(error, EngineLostError):
        raise error
    if error is None and future.result() == "dropped":
        return RuntimeError(f"it does not see the file {LOCK} of this sweep in {job.out!r}")
    return error


def _told(error: str, job: Job, bar: tqdm) -> bool:
    if not bar.disable:
        bar.write(f"{job.name} failed: {error}", file=STANDARD_ERROR)
    return True


def _record_loss(job: Job, error: BaseException) -> None:
    try:
        keep(job, new_folder(job), f"the worker failed: {type(error).__name__}: {error}", 0.0)
    except OSError as failure:
        raise cannot_write(job.out, failure) from error


def _bar(plan: Sequence[Job], todo: Sequence[Job], progress: bool) -> tqdm:
    layout = "{desc} {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}, {remaining} left]{postfix}"
    done = len(plan) - len(todo)
    # smoothing=0: runs that end in pairs would make the time left jump.
    shape = {"total": len(plan), "initial": done, "bar_format": layout, "smoothing": 0}
    return tqdm(desc=plan[0].stem, disable=not progress, **shape, **bar_options())


def _rows_of(table: Table, plan: Sequence[Job], tried: Collection[str]) -> Table:
    """Return the rows of this plan, in its order: of a run that was tried and failed, the failure."""
    there = set(table.values("run"))
    failed = {job.name for job in plan if job.name in tried and job.name + FAILED in there}
    return table.only([job.name + FAILED if job.name in failed else job.name for job in plan])
