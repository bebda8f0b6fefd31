"""Execute one notebook in a kernel of its own, through papermill."""

import logging
import os
import re
import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

import nbformat
import papermill
from jupyter_client.kernelspec import NoSuchKernel
from nbformat import NotebookNode
from papermill.exceptions import PapermillExecutionError
from papermill.execute import remove_error_markers

from mldrl_lite.messages import InputError
from mldrl_lite.runs.notebook.file import (
    kernel_for,
    open_notebook,
    own_folder,
    read_fingerprint,
    read_result,
    save_pictures,
    with_language,
    with_parameters,
)
from mldrl_lite.runs.notebook.places import anchored, cannot_write, hint, working_folder
from mldrl_lite.runs.process.endings import DIED, ending
from mldrl_lite.runs.process.engine import Engine, KernelEndedError, LeftError, LimitError, SilentKernelError, Watch
from mldrl_lite.runs.process.kernel import driving, lines
from mldrl_lite.runs.process.limits import Limits, retried
from mldrl_lite.runs.progress import bar_options

# What goes wrong is in the run's error; papermill would print it a second time.
logging.getLogger("papermill").addHandler(logging.NullHandler())


def execute_notebook(
    node: NotebookNode,
    copy: Path,
    parameters: Mapping[str, Any],
    *,
    kernel: str,
    cwd: str | None = None,
    bar: str = "",
    watch: Watch | None = None,
    limits: Limits | None = None,
) -> str:
    """Execute a notebook with parameters into the file `copy`; safe in several threads at once.

    Args:
        node: the notebook; it is left as it is.
        copy: written every few seconds and at the end, also after an error.
        parameters: written into a cell of their own after the `parameters` cell.
        kernel: the name of the kernel.
        cwd: the working directory of the kernel; ours by default.
        bar: the name of a progress bar over the cells; none by default.
        watch: what is to be noted of the files that it reads.
        limits: what it may take.

    Returns:
        The cell and the error in one line; an empty text when all cells ran.
    """
    with tempfile.TemporaryFile() as words:
        try:
            with driving(words) as options:
                papermill.execute_notebook(
                    with_language(with_parameters(node, parameters)),
                    # papermill fills in "{name}" in paths; here, braces are only braces.
                    re.sub(r"([{}])", r"\1\1", str(copy)),
                    engine_name=Engine.__name__,
                    kernel_name=kernel,
                    progress_bar={"desc": bar, "leave": False, **bar_options()} if bar else False,
                    resources={"metadata": {"path": cwd or os.getcwd()}},
                    watch=watch,
                    limits=limits,
                    **options,
                )
        except PapermillExecutionError as failure:
            return _failed_cell(failure, copy)
        except (NoSuchKernel, LeftError, LimitError) as failure:
            return _one_line(str(failure))
        except SilentKernelError as failure:
            return _one_line(f"{failure} {_last(words)}")
        except KernelEndedError as failure:
            return _one_line(f"{DIED} in cell In [{failure.cell}]: {ending(failure.code)} {_last(words)}")
        except RuntimeError as failure:  # of nbclient, for a kernel that never starts
            return _one_line(f"{DIED}: {failure} {_last(words)}")
    return ""


def _failed_cell(failure: PapermillExecutionError, copy: Path) -> str:
    """Return the cell that stopped the run, and its error; "" when errors were expected in all cells that have one.

    papermill takes every error for a failure, also in cells with the tag `raises-exception`.
    """
    node = nbformat.read(copy, as_version=4)
    if any(cell.metadata.get("papermill", {}).get("exception") for cell in node.cells):
        stopped = next(cell for cell in node.cells if cell.metadata.get("papermill", {}).get("exception"))
        errors = [output for output in stopped.get("outputs", []) if output.output_type == "error"]
        name, value = (errors[0].ename, errors[0].evalue) if errors else (failure.ename, failure.evalue)
        return _one_line(f"cell In [{stopped.execution_count}]: {name}: {value}")
    nbformat.write(remove_error_markers(node), copy)
    return ""


def _last(words: IO[bytes]) -> str:
    """Return the last line that a kernel's process has written."""
    return next((f"({line})" for line in reversed(lines(words)) if line), "")


def _one_line(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= 400 else words[:400] + " …"


@dataclass(frozen=True)
class NotebookRun:
    """How one notebook went."""

    notebook: str
    status: str
    """`ok`, `failed`, `skipped` or `interrupted`."""
    seconds: float = 0.0
    headline: str = ""
    fingerprint: str = ""
    """The first digits of the fingerprint in the ledger that the notebook left, if it left one."""
    pictures: str = ""
    """The folder of its figures."""
    error: str = ""
    """The cell and the error of a failed run, or why it was skipped."""


def run_notebook(
    notebook: Path,
    out_dir: Path,
    parameters: Mapping[str, Any],
    kernel: str | None = None,
    cwd: str | Path | None = None,
    limits: Limits | None = None,
) -> NotebookRun:
    """Execute a notebook into `out_dir/NAME.ipynb`, its files into `out_dir/NAME/`, its figures into `…/pictures/`.

    It runs in its own folder, or in `cwd`; relative paths among the parameters are relative to the caller's. It may
    take as much as `limits` allow.

    An error in a cell is part of the returned `NotebookRun`; it does not stop the caller.

    Raises:
        InputError: the file is no notebook, or `out_dir` cannot be used.
    """
    node = open_notebook(notebook)
    folder, place = _emptied(notebook, out_dir), working_folder(notebook, cwd)
    copy = out_dir / notebook.name
    start = time.perf_counter()
    run = partial(
        execute_notebook,
        node,
        copy,
        own_folder(node, folder.absolute()) | anchored(parameters, os.getcwd(), place),
        kernel=kernel_for(node, kernel),
        cwd=place,
        bar=notebook.stem,
        limits=limits,
    )
    error = retried(run, limits or Limits(), lambda: _emptied(notebook, out_dir).is_dir())
    error += hint(error, str(notebook.absolute().parent), os.getcwd(), place)
    seconds = time.perf_counter() - start
    executed = nbformat.read(copy, as_version=4) if copy.is_file() else node
    return NotebookRun(
        notebook=notebook.stem,
        status="failed" if error else "ok",
        seconds=seconds,
        headline=read_result(executed)["headline"],
        fingerprint=read_fingerprint(folder / "ledger.json")[:8],
        pictures=save_pictures(executed, folder / "pictures"),
        error=error,
    )


def _emptied(notebook: Path, out_dir: Path) -> Path:
    """Return the notebook's folder in `out_dir`, without what an earlier run left and this one might not replace."""
    check_place(notebook, out_dir)
    folder = out_dir / notebook.stem
    folder.mkdir(exist_ok=True)
    (out_dir / notebook.name).unlink(missing_ok=True)
    shutil.rmtree(folder / "pictures", ignore_errors=True)
    (folder / "ledger.json").unlink(missing_ok=True)
    return folder


def check_place(notebook: Path, out_dir: Path) -> None:
    """Make `out_dir`, and see that the notebook's copy and its folder can be written there.

    Raises:
        InputError: they cannot, or the copy would be the notebook itself.
    """
    folder, copy = out_dir / notebook.stem, out_dir / notebook.name
    if copy.resolve() == notebook.resolve():
        raise InputError(f"{str(notebook)!r} would be overwritten by its own copy: give --out another folder.")
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder if folder.exists() else out_dir):
            pass
    except OSError as failure:
        raise cannot_write(out_dir, failure) from None
