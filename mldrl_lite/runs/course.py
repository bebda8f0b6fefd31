"""The course as a whole: run its notebooks, one after the other or a few at once, with a table of results."""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from mldrl_lite.messages import InputError, did_you_mean, listing, require
from mldrl_lite.runs import launch
from mldrl_lite.runs.launch import NotebookRun
from mldrl_lite.runs.notebook.file import declared, open_notebook
from mldrl_lite.runs.notebook.file import profile as profile_of
from mldrl_lite.runs.notebook.parameters import PROFILES, Declared, without_default
from mldrl_lite.runs.process.kernel import threads
from mldrl_lite.runs.process.limits import Limits, allow_files


def run_course(
    notebooks: Iterable[Path],
    out_dir: Path,
    parameters: Mapping[str, Any],
    *,
    profile: str = "full",
    jobs: int = 1,
    kernel: str | None = None,
    cwd: str | Path | None = None,
    fail_fast: bool = False,
    retries: int = 0,
    timeout: float | None = None,
    memory: float | None = None,
) -> list[NotebookRun]:
    """Run notebooks, `jobs` at once; with `parameters`, those that declare all of them.

    An interrupt (Ctrl-C) ends the run and keeps what is done.

    Args:
        notebooks: the files.
        out_dir: the folder for everything that is written.
        parameters: for every notebook; a text is read as each notebook declares the parameter.
        profile: `small` runs each notebook with the values that its parameters cell names so, `full` with its defaults.
        jobs: how many run at once; what a notebook measures in seconds is then measured beside another.
        kernel: the name of the Jupyter kernel.
        cwd: the folder that the notebooks run in; their own by default.
        fail_fast: start no more notebooks after one has failed.
        retries: how often a notebook is tried again when its kernel died; a cell that failed would fail again.
        timeout: seconds that a notebook may take.
        memory: MB of main memory that a notebook may take; looked at a few times a second.

    Raises:
        InputError: no notebook declares these parameters, a value of another type, an unknown profile, two notebooks
            of the same name, or a folder that cannot be used; nothing has been started then.
    """
    require("jobs", jobs, int, at_least=1)
    limits = Limits(timeout, memory, retries)
    limits.check()
    allow_files(jobs)
    notebooks = [Path(notebook) for notebook in notebooks]
    _refuse_same_names(notebooks)
    chosen = _choices({path: open_notebook(path) for path in notebooks}, parameters, profile)
    for path in notebooks:
        launch.check_place(path, Path(out_dir))
    failed: list[str] = []

    def go(notebook: Path) -> NotebookRun:
        values = chosen[notebook]
        why_not = values if isinstance(values, str) else f"{failed[0]} has failed" if failed and fail_fast else ""
        if why_not:
            return NotebookRun(notebook.stem, "skipped", error=why_not)
        run = _run(notebook, Path(out_dir), values, kernel, cwd, limits)
        failed.extend([run.notebook] if run.status == "failed" else [])
        return run

    return _go_through(notebooks, go, jobs)


def _go_through(notebooks: Iterable[Path], go: Callable[[Path], NotebookRun], jobs: int) -> list[NotebookRun]:
    """Return how each notebook went; after an interrupt, what has not ended by then is a row that says so."""
    runs: dict[Path, Future[NotebookRun]] = {}
    ended: set[Path] = set()
    try:
        with threads(jobs) as pool:
            try:
                runs |= {notebook: pool.submit(go, notebook) for notebook in notebooks}
                for run in runs.values():
                    run.result()
            finally:  # before the kernels of the others are ended, which their runs would call a failure
                ended = {notebook for notebook, run in runs.items() if run.done() and not run.exception()}
    except KeyboardInterrupt:
        pass
    waiting = {notebook: NotebookRun(notebook.stem, "interrupted") for notebook in notebooks}
    return [runs[notebook].result() if notebook in ended else row for notebook, row in waiting.items()]


def _run(notebook: Path, *rest: Any) -> NotebookRun:
    """Run a notebook; whatever is raised is a row of the table."""
    try:
        return launch.run_notebook(notebook, *rest)
    except Exception as failure:
        words = " ".join(str(failure).split())
        error = words if isinstance(failure, InputError) else f"{type(failure).__name__}: {words}"
        return NotebookRun(notebook.stem, "failed", error=error)


def _refuse_same_names(notebooks: Iterable[Path]) -> None:
    stems = [notebook.stem for notebook in notebooks]
    if twice := {stem for stem in stems if stems.count(stem) > 1}:
        raise InputError(f"Two notebooks are named {min(twice)}: their copies would overwrite each other; rename one.")


def _choices(
    nodes: Mapping[Path, NotebookNode], parameters: Mapping[str, Any], profile: str
) -> dict[Path, dict[str, Any] | str]:
    """Return the values that each notebook runs with, or why it does not run."""
    if profile not in PROFILES:
        raise InputError(f"No profile {profile!r}{did_you_mean(profile, PROFILES)}: give {listing(PROFILES)}.")
    names = {path: declared(node) for path, node in nodes.items()}
    _refuse_unknown_parameters(parameters, names.values())
    chosen = {}
    for path, node in nodes.items():
        missing = [name for name in parameters if name not in names[path]]
        unset = [name for name in without_default(names[path]) if name not in parameters]
        base = profile_of(node, profile, path)
        if missing or unset:
            chosen[path] = f"takes no {listing(missing)}" if missing else f"needs {unset[0]}, which has no default"
        else:
            chosen[path] = base | _typed(parameters, names[path])
    return chosen


def _refuse_unknown_parameters(parameters: Mapping[str, Any], names: Iterable[Mapping[str, Declared]]) -> None:
    """Stop unless some notebook takes all the parameters."""
    known = sorted({name for declared in names for name in declared} - {"out_dir"})
    for name in parameters:
        if name == "out_dir":
            raise InputError("out_dir is a folder in --out for each notebook: give --out.")
        if not known:
            raise InputError(f"No notebook takes {name}, or any parameter: tag a first code cell 'parameters'.")
        if name not in known:
            raise InputError(f"No notebook takes {name}{did_you_mean(name, known)}: give {listing(known)}.")
    if not any(set(parameters) <= set(declared) for declared in names):
        raise InputError(f"No notebook takes all of {', '.join(parameters)}: give them in separate calls.")


def _typed(parameters: Mapping[str, Any], names: Mapping[str, Declared]) -> dict[str, Any]:
    return {
        name: names[name].read(value) if isinstance(value, str) else names[name].check(value)
        for name, value in parameters.items()
    }


def report(runs: Iterable[NotebookRun]) -> str:
    """Return the closing table: notebook, status, seconds, result, weights, figures; then the errors."""
    rows = [("notebook", "status", "seconds", "result", "weights", "pictures")]
    rows += [
        (run.notebook, run.status, f"{run.seconds:.0f}", run.headline, run.fingerprint, run.pictures) for run in runs
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines += [f"{run.notebook} {run.status}: {run.error}" for run in runs if run.error]
    return "\n".join(lines)
