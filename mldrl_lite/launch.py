"""Execute one notebook in a kernel of its own, through papermill; end kernels when asked to."""

import base64
import json
import logging
import os
import re
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Any

import nbformat
import papermill
from jupyter_client.kernelspec import NoSuchKernel
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import ensure_event_loop
from nbformat import NotebookNode
from papermill.engines import NBClientEngine, NotebookExecutionManager, papermill_engines
from papermill.exceptions import PapermillExecutionError
from tqdm import tqdm
from traitlets import Integer
from traitlets.config import Config

from mldrl_lite.kernels import default_kernel
from mldrl_lite.messages import InputError
from mldrl_lite.parameters import Declared, Scalar
from mldrl_lite.progress import STANDARD_ERROR, bar_options
from mldrl_lite.results import read_result
from mldrl_lite.sources import DATA_VARIABLE
from mldrl_lite.warm import COLD

# What goes wrong is in the run's error; papermill would print it a second time.
logging.getLogger("papermill").addHandler(logging.NullHandler())

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


# ---------------------------------------------------------------------------------------------------------------------
# What a notebook says about itself


def open_notebook(path: str | Path) -> NotebookNode:
    """Read a notebook.

    Raises:
        InputError: the file is not there, or is not a notebook.
    """
    if not Path(path).is_file():
        raise InputError(f"No notebook {str(path)!r}: give the path of an .ipynb file.")
    try:
        return nbformat.read(path, as_version=4)
    except nbformat.reader.NotJSONError:
        raise InputError(f"{str(path)!r} is not a notebook: its text is not JSON.") from None
    except (nbformat.ValidationError, AttributeError, KeyError, TypeError, UnicodeDecodeError):
        raise InputError(f"{str(path)!r} is not a notebook: open and save it in JupyterLab, and look.") from None


def declared_parameters(notebook: str | Path) -> list[str]:
    """Return the names in the notebook's `parameters` cell.

    Raises:
        InputError: the file is not there, or is not a notebook.
    """
    return list(declared(open_notebook(notebook)))


def declared(node: NotebookNode) -> dict[str, Declared]:
    """Return the parameters that the notebook's `parameters` cell declares, by name, in their order."""
    found = papermill.inspect_notebook(_with_language(node)).values()
    return {
        entry["name"]: Declared.from_source(
            entry["name"], entry["default"], entry["help"] or "", entry["inferred_type_name"] or ""
        )
        for entry in found
    }


def profile(node: NotebookNode, name: str) -> dict[str, Scalar]:
    """Return the values that the metadata of the `parameters` cell gives under `name`, such as `small`; may be {}."""
    cell = parameters_cell(node)
    return dict(cell.metadata.get(name, {})) if cell else {}


def parameters_cell(node: NotebookNode) -> NotebookNode | None:
    """Return the cell tagged `parameters`, if there is one."""
    return next((cell for cell in node.cells if "parameters" in cell.metadata.get("tags", [])), None)


def _with_language(node: NotebookNode) -> NotebookNode:
    # papermill refuses a notebook that does not say what language it is in; one made by a program may not.
    copy = nbformat.from_dict(node)
    copy.metadata.setdefault("kernelspec", {"name": "python3", "display_name": "Python 3"}).setdefault(
        "name", "python3"
    )
    copy.metadata.kernelspec.setdefault("language", "python")
    return copy


def kernel_for(node: NotebookNode, kernel: str | None = None) -> str:
    """Return `kernel`, or else the kernel that the notebook names, or else the default one."""
    named = node.metadata.get("kernelspec", {}).get("name", "python3")
    return kernel or (default_kernel() if named == "python3" else named)


# ---------------------------------------------------------------------------------------------------------------------
# Kernels


class Kernel(AsyncKernelManager):
    """A kernel of one thread, unless the environment says otherwise, that `end_kernels` can end from outside."""

    _alive: "set[Kernel]" = set()  # noqa: RUF012 (shared by all on purpose)

    log_to = Integer(help="The descriptor of a file for what the kernel's process says beside its cells.").tag(
        config=True
    )

    async def _async_start_kernel(self, **options: Any) -> None:
        streams = {"stdout": self.log_to, "stderr": self.log_to} if self.log_to else {}
        await super()._async_start_kernel(**{"env": environment(), **streams, **options})
        self._alive.add(self)

    start_kernel = _async_start_kernel

    async def _async_cleanup_resources(self, restart: bool = False) -> None:
        self._alive.discard(self)
        await super()._async_cleanup_resources(restart)

    cleanup_resources = _async_cleanup_resources


def environment() -> dict[str, str]:
    """Return the environment of a kernel: ours, with one thread unless told otherwise, and data named absolutely.

    Models as small as those of the course gain nothing from several threads, and threads of processes that run at
    once wait for each other.
    """
    threads = os.environ.get(THREAD_VARIABLES[0], "1")
    env = dict.fromkeys(THREAD_VARIABLES, threads) | os.environ
    if env.get(DATA_VARIABLE):  # a kernel may run in another folder
        env[DATA_VARIABLE] = os.path.abspath(os.path.expanduser(env[DATA_VARIABLE]))
    return env


@contextmanager
def driving(words: IO[bytes]) -> Iterator[dict[str, Any]]:
    """Give the options with which nbclient and papermill drive a `Kernel` whose process writes into `words`.

    In a thread, the event loop that this opens is closed at the end: nobody else would, and it holds sockets.
    """
    # What travels between a kernel and us may be read by others on the same machine, unless it is encrypted.
    config = Config(KernelManager={"transport_encryption": "auto"}, Kernel={"log_to": words.fileno()})
    try:
        yield {"kernel_manager_class": Kernel, "config": config}
    finally:
        if threading.current_thread() is not threading.main_thread():
            loop = ensure_event_loop()
            if not loop.is_running():
                loop.close()
        if said := next((line for line in _lines(words) if line.startswith(COLD)), ""):
            _say_once(said)


@cache
def _say_once(line: str) -> None:
    tqdm.write(line, file=STANDARD_ERROR)


def _lines(words: IO[bytes]) -> list[str]:
    words.seek(0)
    return [line.strip() for line in words.read().decode(errors="replace").split("\n")]


def end_kernels() -> None:
    """Kill every kernel that this process drives; whoever waits for one gets an error within a second."""
    for kernel in list(Kernel._alive):
        process = getattr(kernel.provisioner, "process", None)
        with suppress(OSError):
            if process and hasattr(os, "killpg"):
                os.killpg(process.pid, signal.SIGKILL)  # its session: the kernel and what it has started
            elif process:
                process.kill()


@contextmanager
def threads(count: int) -> Iterator[ThreadPoolExecutor]:
    """Give `count` threads to drive kernels from; on an error in the block, Ctrl-C included, end the kernels.

    The main thread stays free to receive signals, and the kernels are processes anyway.
    """
    pool = ThreadPoolExecutor(count, thread_name_prefix="kernel")
    try:
        yield pool
    except BaseException:
        end = threading.Thread(target=pool.shutdown, kwargs={"cancel_futures": True}, daemon=True)
        end.start()
        while end.is_alive():  # a thread may be just about to start a kernel
            end_kernels()
            time.sleep(0.05)
        raise
    pool.shutdown()


# ---------------------------------------------------------------------------------------------------------------------
# Execute


class _Engine(NBClientEngine):
    """papermill's engine, which saves the copy every few seconds and at the end, not twice a cell.

    Saving checks and writes the whole notebook, which took longer than many of the cells.
    """

    @classmethod
    def execute_managed_notebook(cls, nb_man: NotebookExecutionManager, kernel_name: str, **options: Any) -> None:
        save = nb_man.save

        def save_now_and_then() -> None:
            if nb_man.end_time or (nb_man.now() - nb_man.last_save_time).total_seconds() > _SAVE_EVERY:
                save()

        nb_man.save = save_now_and_then
        super().execute_managed_notebook(nb_man, kernel_name, **options)


_SAVE_EVERY = 5.0  # seconds
papermill_engines.register(_Engine.__name__, _Engine)


def execute_notebook(
    node: NotebookNode,
    copy: Path,
    parameters: Mapping[str, Scalar],
    *,
    kernel: str,
    cwd: str | None = None,
    bar: str = "",
) -> str:
    """Execute a notebook with parameters into the file `copy`; safe in several threads at once.

    Args:
        node: the notebook; it is left as it is.
        copy: written every few seconds and at the end, also after an error.
        parameters: written into a cell of their own after the `parameters` cell.
        kernel: the name of the kernel.
        cwd: the working directory of the kernel; ours by default.
        bar: the name of a progress bar over the cells; none by default.

    Returns:
        The cell and the error in one line; an empty text when all cells ran.
    """
    with tempfile.TemporaryFile() as words:
        try:
            with driving(words) as options:
                papermill.execute_notebook(
                    _with_language(node),
                    # papermill fills in "{name}" in paths; here, braces are only braces.
                    re.sub(r"([{}])", r"\1\1", str(copy)),
                    dict(parameters),
                    engine_name=_Engine.__name__,
                    kernel_name=kernel,
                    progress_bar={"desc": bar, "leave": False, **bar_options()} if bar else False,
                    resources={"metadata": {"path": cwd or os.getcwd()}},
                    **options,
                )
        except PapermillExecutionError as failure:
            return _one_line(f"cell In [{failure.exec_count}]: {failure.ename}: {failure.evalue}")
        except NoSuchKernel as failure:
            return _one_line(str(failure))
        except RuntimeError as failure:  # of nbclient, for a kernel that dies or never starts
            return _one_line(f"the kernel died: {failure} {_last(words)}")
    return ""


def _last(words: IO[bytes]) -> str:
    """Return the last line that a kernel's process has written."""
    return next((f"({line})" for line in reversed(_lines(words)) if line), "")


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
    notebook: Path, out_dir: Path, parameters: Mapping[str, Scalar], kernel: str | None = None
) -> NotebookRun:
    """Execute a notebook into `out_dir/NAME.ipynb`, its files into `out_dir/NAME/`, its figures into `…/pictures/`.

    An error in a cell is part of the returned `NotebookRun`; it does not stop the caller.

    Raises:
        InputError: the file is no notebook, or `out_dir` cannot be used.
    """
    node = open_notebook(notebook)
    folder = _emptied(notebook, out_dir)
    copy = out_dir / notebook.name
    own = {"out_dir": str(folder)} if "out_dir" in declared(node) else {}
    start = time.perf_counter()
    error = execute_notebook(node, copy, {**own, **parameters}, kernel=kernel_for(node, kernel), bar=notebook.stem)
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
        raise InputError(
            f"Cannot write in {str(folder)!r} ({failure.strerror}): give --out a folder of yours."
        ) from None


def read_fingerprint(ledger: Path) -> str:
    """Return the first digits of the weights' fingerprint in a ledger; "" without one."""
    # Read as plain JSON: `reproducibility.read_ledger` would import torch, which takes longer than the whole command.
    try:
        return str(json.loads(ledger.read_text(encoding="utf-8"))["fingerprint"])[:12]
    except (OSError, ValueError, KeyError, TypeError):
        return ""


# ---------------------------------------------------------------------------------------------------------------------
# Figures of an executed notebook


def pictures(notebook: NotebookNode) -> list[bytes]:
    """Return the figures of an executed notebook, in order, as PNG files."""
    return [
        base64.b64decode(output.data["image/png"])
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]


def save_pictures(notebook: NotebookNode, folder: Path) -> str:
    """Write the figures of an executed notebook as `1.png`, `2.png`, …; return the folder, or "" without figures."""
    images = pictures(notebook)
    for number, image in enumerate(images, start=1):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.png").write_bytes(image)
    return str(folder) if images else ""
