"""Run a notebook many times with other parameters: nothing that is done is lost, nothing is run twice.

A sweep writes each run into a folder of its own, named from the run's parameters:

    runs/x/cv=3,lr=0.001/run.json             parameters, result, seconds, status, what it was run from
    runs/x/cv=3,lr=0.001/00_quickstart.ipynb  the executed notebook
    runs/x/cv=3,lr=0.001/…                    what the notebook wrote into out_dir, and its figures
    runs/x/results.csv, results.png           the table of all runs, and its picture

While it is under way, a run lives in a folder whose name begins with a dot; one rename makes it visible.
"""

import hashlib
import itertools
import json
import os
import sys
import uuid
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, wait
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import replace
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import nbformat
from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
from nbformat import NotebookNode
from tqdm.auto import tqdm

from mldrl_lite import launch, runs
from mldrl_lite.launch import declared, declared_parameters, open_notebook, pictures, run_notebook
from mldrl_lite.messages import InputError, did_you_mean, listing
from mldrl_lite.parameters import Declared, Scalar, require
from mldrl_lite.progress import STANDARD_ERROR, bar_options
from mldrl_lite.runs import Job, execute
from mldrl_lite.sources import DATA_VARIABLE, find_folder

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["collect", "declared_parameters", "execute", "pictures", "run_notebook", "sweep"]

TABLE = "results.csv"
FIGURE = "results.png"
SUMMARY = (TABLE, FIGURE)


def sweep(
    notebook: str | Path,
    grid: Mapping[str, Scalar | Iterable[Scalar]],
    out: str | Path,
    *,
    jobs: int = 1,
    executor: Executor | None = None,
    kernel: str | None = None,
    progress: bool = True,
    again: bool = False,
) -> "pd.DataFrame":
    """Run a notebook once for every combination of parameters; run only what `out` does not hold yet.

    A run counts as held when it ended well with the same parameters, the same code cells, the same files of data, the
    same code of this package and the same versions of PyTorch and Lightning. A run that fails is recorded, and the
    others go on. Interrupted at any moment, the same call does the rest.

    Args:
        notebook: an `.ipynb` file with a cell tagged `parameters`.
        grid: values, or one value, for parameters that the notebook declares.
        out: the folder of the runs; it may hold runs of the same notebook with other parameters.
        jobs: how many run at once, each in a kernel of its own with one thread, unless OMP_NUM_THREADS says otherwise.
        executor: takes the place of `jobs`. Runs are submitted to it as `execute(job)`, which can be pickled; its
            workers must see the folder `out` under the same path.
        kernel: the name of the Jupyter kernel.
        progress: show a bar with the time left and the failures so far.
        again: run everything, also what `out` holds.

    Returns:
        One row per run of this grid: parameters, the values of `show_result`, seconds, status (`ok` or `failed`),
        error, fingerprint (of the weights), run (its folder). `out/results.csv` and `results.png` show all runs in
        `out`.

    Raises:
        InputError: a parameter that the notebook does not declare, a value of another type, or a folder that cannot be
            used; nothing has been started then.
        KeyboardInterrupt: after this process's kernels have been ended and results.csv written. What an `executor`
            has under way in other processes goes on there, and is not kept.
    """
    require("jobs", jobs, int, at_least=1)
    plan = plan_jobs(notebook, grid, out, kernel if executor else _installed(notebook, kernel))
    folder = Path(plan[0].out)
    with _locked(folder) as lock:
        plan = [replace(job, token=lock.token) for job in plan]
        runs.clear_leftovers(folder)
        todo = [job for job in plan if again or not runs.is_done(job)]
        pool = launch.threads(min(jobs, len(todo) or 1)) if executor is None else nullcontext(executor)
        try:
            _run(todo, pool, lock, _bar(plan, todo, progress))
        except KeyboardInterrupt:
            _write_table(table_of_runs(folder), folder)
            raise
        finally:
            runs.clear_leftovers(folder)
    return _rows_of(collect(folder), plan)


def collect(out: str | Path) -> "pd.DataFrame":
    """Return a table of all runs in a folder, and write it there as `results.csv` and `results.png`.

    A run of an older version of the notebook or of this package than the newest run is marked `outdated`. Without
    numbers to draw there is no picture.

    Raises:
        InputError: the folder holds no run.
    """
    folder = Path(out)
    rows = table_of_runs(folder)
    if rows.empty:
        raise InputError(f"No run in {str(out)!r}: give the folder that a sweep has written.")
    _write_table(rows, folder)
    _draw(rows, folder)
    return rows


# ---------------------------------------------------------------------------------------------------------------------
# The plan


def plan_jobs(notebook: str | Path, grid: Mapping[str, Any], out: str | Path, kernel: str | None = None) -> list[Job]:
    """Check a grid against the notebook and return its runs, in the grid's order; see `sweep`."""
    node = open_notebook(notebook)
    names = declared(node)
    out = Path(os.path.abspath(out))
    stem = Path(notebook).stem
    defaults = {name: entry.default for name, entry in names.items() if isinstance(entry.default, Scalar)}
    source = {"notebook": _code_sha(node), "package": _package_sha()}
    text = nbformat.writes(_without_outputs(node))
    data = cache(lambda data_type, data_dir: data_sha(data_type, data_dir, out))
    jobs = {}
    for given in _points(_checked(grid, names, stem), list(names)):
        every = defaults | given
        jobs[json.dumps(given)] = Job(
            name=runs.folder_name(given),
            out=str(out),
            stem=stem,
            notebook=text,
            given=given,
            every=every | ({"out_dir": None} if "out_dir" in names else {}),
            origin=source | {"data": data(every.get("data_type"), every.get("data_dir"))},
            kernel=launch.kernel_for(node, kernel),
            cwd=os.getcwd(),
        )
    _refuse_strangers(list(jobs.values()))
    return list(jobs.values())


def _checked(grid: Mapping[str, Any], names: Mapping[str, Declared], stem: str) -> dict[str, list[Scalar]]:
    checked = {}
    for name, values in grid.items():
        if name not in names:
            known = [known for known in names if known != "out_dir"]
            takes = f"give {listing(known)}" if known else "tag its first code cell 'parameters'"
            raise InputError(f"{stem} takes no parameter {name!r}{did_you_mean(name, known)}: {takes}.")
        if name in runs.OWN:
            raise InputError(f"Parameter {name} cannot be swept: the table has a column of that name; rename it.")
        if name == "out_dir":
            raise InputError("out_dir cannot be swept: each run gets a folder of its own in --out (out=).")
        several = isinstance(values, Iterable) and not isinstance(values, str)
        checked[name] = [names[name].check(value) for value in (values if several else [values])]
        if not checked[name]:
            raise InputError(f"Parameter {name} has no value: give one or more.")
    return checked


def _points(grid: Mapping[str, Sequence[Scalar]], order: Sequence[str]) -> Iterator[dict[str, Scalar]]:
    # In the grid's order of values, but in the notebook's order of names: the order of -p on a command line is chance.
    for values in itertools.product(*grid.values()):
        given = dict(zip(grid, values, strict=True))
        yield {name: given[name] for name in order if name in given}


def _package_sha() -> str:
    """Return the sha256 of this package's code and of the versions of what trains."""
    digest = hashlib.sha256()
    for name in ("torch", "pytorch-lightning"):
        with suppress(PackageNotFoundError):
            digest.update(f"{name} {version(name)}\n".encode())
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _code_sha(node: NotebookNode) -> str:
    sources = [cell.source for cell in node.cells if cell.cell_type == "code"]
    return hashlib.sha256(json.dumps(sources).encode()).hexdigest()


def _without_outputs(node: NotebookNode) -> NotebookNode:
    node = nbformat.from_dict(node)
    for cell in node.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return node


def data_sha(data_type: Scalar, data_dir: Scalar, out: Path) -> str:
    """Return the sha256 of the files that these parameters name; "" when they name none, or a built-in source.

    A folder that cannot be used is the notebook's to complain about.
    """
    if data_type in ("SIMULATED", "WDBC"):
        return ""
    folder = Path(data_dir).expanduser() if data_dir and isinstance(data_dir, str) else None
    if isinstance(data_type, str) and (folder or os.environ.get(DATA_VARIABLE)):
        with suppress(InputError):
            folder = find_folder(data_type, data_dir) or folder
    return _folder_sha(folder, out) if folder and folder.is_dir() else ""


def _folder_sha(folder: Path, out: Path) -> str:
    digest, out = hashlib.sha256(), out.resolve()
    try:
        for path in sorted(folder.rglob("[!.]*")):  # a file manager may leave hidden files
            if path.is_file() and out not in path.resolve().parents:
                with path.open("rb") as file:
                    content = hashlib.file_digest(file, "sha256").hexdigest()
                digest.update(json.dumps([path.relative_to(folder).as_posix(), content]).encode())
    except OSError as failure:
        raise InputError(f"Cannot read {str(failure.filename)!r} ({failure.strerror}): make it readable.") from None
    return digest.hexdigest()


def _refuse_strangers(jobs: Sequence[Job]) -> None:
    """Stop when `out` holds something else under these names, or when two runs would share one on some file systems."""
    folder, remedy = Path(jobs[0].out), "give --out (out=) another folder"
    others = {record["stem"] for _, record in runs.records(folder)} - {jobs[0].stem}
    if others:
        raise InputError(f"{str(folder)!r} holds runs of {min(others)}: {remedy}.")
    names = {}
    for job in jobs:
        place = folder / job.name
        if place.exists() and not (place / runs.RECORD).is_file():
            raise InputError(f"{str(place)!r} is there and is no run: remove it, or {remedy}.")
        twins = [names.setdefault(job.name.casefold(), job.given), (runs.read_record(place) or {}).get("given")]
        if not all(given is None or runs.same(given, job.given) for given in twins):
            raise InputError(
                f"Two runs would be named {job.name}, up to upper and lower case: sweep them into two folders (--out)."
            )


def _installed(notebook: str | Path, kernel: str | None) -> str:
    name = launch.kernel_for(open_notebook(notebook), kernel)
    try:
        KernelSpecManager().get_kernel_spec(name)
    except NoSuchKernel:
        known = sorted(KernelSpecManager().find_kernel_specs())
        raise InputError(f"No kernel {name!r}{did_you_mean(name, known)}: give {listing(known)}.") from None
    return name


# ---------------------------------------------------------------------------------------------------------------------
# One sweep at a time in a folder


class _Lock:
    """The lock file of a sweep. Its text is a token: jobs that carry another one belong to a sweep that is over."""

    def __init__(self, file: IO[str]) -> None:
        self.file, self.token = file, uuid.uuid4().hex
        self.drop()
        file.write(self.token)
        file.flush()
        os.fsync(file.fileno())  # on a shared disk, the workers of a cluster are to see it

    def drop(self) -> None:
        """Take back the token: what is still under way in some executor will not be kept."""
        self.file.truncate(0)


@contextmanager
def _locked(folder: Path) -> Iterator[_Lock]:
    """Hold the folder for this process; the lock dies with the process, however that ends."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / runs.LOCK).open("a+", encoding="utf-8")
    except OSError as failure:
        raise InputError(
            f"Cannot write in {str(folder)!r} ({failure.strerror}): give --out (out=) a folder of yours."
        ) from None
    with file:
        _take(file, folder)
        _held.add(file)
        lock = _Lock(file)
        try:
            yield lock
        finally:
            lock.drop()
            _held.discard(file)


_held: set[IO[str]] = set()


def _let_go() -> None:
    """In a process that this one has forked: let go of its locks, which would outlive this one there."""
    for file in _held:
        file.close()
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)


def _take(file: IO[str], folder: Path) -> None:
    try:
        import fcntl
    except ImportError:
        warnings.warn(f"This system has no file locks: run one sweep at a time into {str(folder)!r}.", stacklevel=5)
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise InputError(
            f"Another sweep is writing into {str(folder)!r}: wait for its end, or give --out (out=) another folder."
        ) from None


# ---------------------------------------------------------------------------------------------------------------------
# All runs


def _run(jobs: Sequence[Job], pool: AbstractContextManager[Executor], lock: _Lock, bar: tqdm) -> None:
    futures: dict[Future, Job] = {}
    with bar, pool as executor:
        try:
            futures |= ((executor.submit(execute, job), job) for job in jobs)
            _wait(futures, bar)
        except BaseException:
            lock.drop()  # before the kernels are ended: what a dying one leaves is no failed run
            for future in futures:
                future.cancel()
            launch.end_kernels()
            raise


def _wait(futures: Mapping[Future, Job], bar: tqdm) -> None:
    waiting, failures = set(futures), 0
    while waiting:
        done, waiting = wait(waiting, timeout=1, return_when=FIRST_COMPLETED)
        for future in done:
            failures += _settle(future, futures[future], bar)
            bar.set_postfix_str(f"{failures} failed" if failures else "", refresh=False)
            bar.update()
        if sys.stderr and sys.stderr.isatty():
            bar.refresh()  # the clock goes on; a log file needs no line a second


def _settle(future: Future, job: Job, bar: tqdm) -> bool:
    """Say whether a run failed, and record what its worker could not."""
    try:
        error = future.exception()
        if error is None and future.result() == "dropped":
            error = RuntimeError(f"it does not see the file {runs.LOCK} of this sweep in {job.out!r}")
    except CancelledError as cancelled:
        error = cancelled
    if error is not None:
        _record_loss(job, error)
    held = runs.read_record(Path(job.out, job.name)) or {"status": "failed", "error": "its folder is gone"}
    failed = held["status"] == "failed"
    if failed and not bar.disable:
        bar.write(f"{job.name} failed: {held['error']}", file=STANDARD_ERROR)
    return failed


def _record_loss(job: Job, error: BaseException) -> None:
    try:
        runs.keep(job, runs.new_folder(job), f"the worker failed: {type(error).__name__}: {error}", 0.0)
    except OSError as failure:
        raise InputError(
            f"Cannot write in {job.out!r} ({failure.strerror}): free some space and start again."
        ) from error


def _bar(plan: Sequence[Job], todo: Sequence[Job], progress: bool) -> tqdm:
    layout = "{desc} {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}, {remaining} left]{postfix}"
    done = len(plan) - len(todo)
    # smoothing=0: runs that end in pairs would make the time left jump.
    shape = {"total": len(plan), "initial": done, "bar_format": layout, "smoothing": 0}
    return tqdm(desc=plan[0].stem, disable=not progress, **shape, **bar_options())


# ---------------------------------------------------------------------------------------------------------------------
# The table and the picture


def table_of_runs(folder: str | Path) -> "pd.DataFrame":
    """Return the runs in a folder as they are, without writing anything; see `collect`."""
    import pandas as pd

    found = runs.records(Path(folder))
    records = [record for _, record in found]
    names = [name for record in records for name in record["given"]]
    order = [name for record in records for name in record["parameters"]]
    names = [name for name in dict.fromkeys(order) if name in names]
    newest = max(records, key=lambda record: record["ended"], default=None)
    rows = [_row(record, names, newest) | {"run": path.name} for path, record in found]
    metrics = dict.fromkeys(name for row in rows for name in row if name not in (*names, *runs.OWN))
    rows.sort(key=lambda row: [_sortable(row[name]) for name in names])
    columns = [*names, *metrics, *runs.OWN]
    # As objects first: of whole numbers and None, pandas would make floating-point numbers.
    frame = pd.DataFrame([[row.get(column) for column in columns] for row in rows], columns=columns, dtype=object)
    mixed = [name for name in names if frame[name].isna().any()]
    frame = frame.astype({name: frame[name].infer_objects().dtype for name in columns if name not in mixed})
    frame.attrs["parameters"], frame.attrs["metrics"] = names, list(metrics)
    return frame


def _row(record: Mapping[str, Any], names: Sequence[str], newest: Mapping[str, Any]) -> dict[str, Any]:
    values = dict(record["values"])
    fingerprint = record["fingerprint"] or values.get("fingerprint", "")
    values.pop("fingerprint", None)
    taken = {*record["parameters"], *runs.OWN}
    outdated = any(record["origin"][part] != newest["origin"][part] for part in ("notebook", "package"))
    return {
        **{name: record["parameters"].get(name) for name in names},
        **{f"result_{name}" if name in taken else name: value for name, value in values.items()},
        "seconds": record["seconds"],
        "status": "outdated" if outdated and record["status"] == "ok" else record["status"],
        "error": record["error"],
        "fingerprint": fingerprint,
    }


def _sortable(value: Scalar) -> tuple[bool, bool, float, str]:
    text = isinstance(value, str)
    return (value is not None, text, 0.0 if text or value is None else float(value), value if text else "")


def _rows_of(rows: "pd.DataFrame", plan: Sequence[Job]) -> "pd.DataFrame":
    """Return the rows of this plan, in its order."""
    place = {name: i for i, name in enumerate(rows["run"])}
    return rows.iloc[[place[job.name] for job in plan]].reset_index(drop=True)


def _write_table(rows: "pd.DataFrame", folder: Path) -> None:
    part = folder / f".{TABLE}.{uuid.uuid4().hex[:8]}"
    rows.to_csv(part, index=False)
    part.replace(folder / TABLE)


def _draw(rows: "pd.DataFrame", folder: Path) -> None:
    from mldrl_lite.sweep_figure import draw_sweep

    part = folder / f".{FIGURE}.{uuid.uuid4().hex[:8]}.png"
    try:
        drawn = draw_sweep(rows, rows.attrs["parameters"], part)
    except Exception as error:  # values that Matplotlib cannot place or write; the table matters more
        warnings.warn(f"There is no picture of these runs ({type(error).__name__}: {error}).", stacklevel=2)
        part.unlink(missing_ok=True)
        drawn = False
    if drawn:
        part.replace(folder / FIGURE)
    else:
        (folder / FIGURE).unlink(missing_ok=True)
