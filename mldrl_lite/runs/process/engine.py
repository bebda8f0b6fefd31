"""papermill's engine as runs need it: it saves now and then, watches what is read, and says how the kernel ended."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, NotebookExecutionManager, papermill_engines
from papermill.log import logger

from mldrl_lite.runs.process import strays
from mldrl_lite.runs.process.limits import Limits, held_to

START_WITHIN = 60
"""Seconds in which a kernel has to answer; what papermill and nbclient wait, too."""
_SAVE_EVERY = 5.0  # seconds


@dataclass(frozen=True)
class Watch:
    """What is to be noted of a run; see `watch`."""

    journal: Path
    roots: Sequence[str]
    """Folders in which every file counts."""
    ignored: Sequence[str]
    """Folders in which none does."""

    def pid(self) -> int | None:
        """Return the kernel's process, once the journal tells it."""
        try:
            lines = self.journal.read_text(encoding="utf-8").splitlines()
            return next(about["pid"] for kind, about, *_ in map(json.loads, lines) if kind == "kernel")
        except (OSError, ValueError, StopIteration):
            return None

    def code(self) -> str:
        """Return a line that starts the watch in a kernel and leaves no name there."""
        arguments = ", ".join(json.dumps(part) for part in (str(self.journal), [*self.roots], [*self.ignored]))
        text = f"{_watch_source()}\nstart({arguments})\n"
        name = f"{__package__}.watch"
        return f"exec(compile({text!r}, {name!r}, 'exec'), {{'__name__': {name!r}}})"


@cache
def _watch_source() -> str:
    return Path(__file__).with_name("watch.py").read_text(encoding="utf-8")


class LeftError(Exception):
    """A cell has called `exit()` or `quit()` and others were to follow."""


class KernelEndedError(Exception):
    """The kernel's process has ended in a cell.

    Attributes:
        cell: the number of the cell, as in `In [3]`.
        code: the exit status; minus the number of the signal that ended it; None when it is not known.
    """

    def __init__(self, cell: int, code: int | None) -> None:
        super().__init__(cell, code)
        self.cell, self.code = cell, code


class SilentKernelError(Exception):
    """The kernel has started and does not answer."""


class LimitError(Exception):
    """The run took more than it may, and was ended."""


class Client(PapermillNotebookClient):
    """papermill's client, which also watches, and knows how the kernel ended and what it has started."""

    watch: Watch | None = None
    exit_code: int | None = None
    mark = ""
    started: Sequence[Any] = ()

    def start_new_kernel_client(self) -> Any:
        """Connect to the kernel; when it does not answer, start another one, once: no cell has run yet.

        A start that hangs is rare, and not the notebook's fault: https://github.com/nteract/papermill/issues/776

        Raises:
            SilentKernelError: the second one gave no answer either.
            RuntimeError: the kernel died.
        """
        for _ in range(2):
            if self.km is None:  # the first one is gone
                self.km = self.create_kernel_manager()
                self.start_new_kernel()
            try:
                return super().start_new_kernel_client()
            except RuntimeError as error:
                if "respond" not in str(error):
                    raise
        raise SilentKernelError(f"the kernel gave no answer in {self.startup_timeout} s, twice")

    def papermill_execute_cells(self) -> None:
        """Start to watch, then run the cells.

        Raises:
            KernelEndedError: its process ended.
            LeftError: a cell called `exit()` before the last.
        """
        self.on_cell_executed, self.mark = self._look_for_exit, self.km.mark
        try:
            self._start_watch()
            super().papermill_execute_cells()
        except DeadKernelError:
            raise KernelEndedError(self.code_cells_executed, self.exit_code) from None
        finally:
            self.started = strays.descendants(self.pid) if self.pid else ()

    def _start_watch(self) -> None:
        if self.watch and self.km.kernel_spec.language == "python":
            self.wait_for_reply(self.kc.execute(self.watch.code(), silent=True, store_history=False))
            self.km.inner_pid = self.watch.pid()

    @property
    def pid(self) -> int | None:
        """The process that runs the cells, as far as it is known."""
        return self.km.pid if self.km else None

    def end(self) -> None:
        """End the kernel."""
        if self.km:
            self.km.end()

    def _look_for_exit(self, cell: NotebookNode, cell_index: int, execute_reply: dict[str, Any]) -> None:
        sources = {part.get("source") for part in execute_reply["content"].get("payload") or ()}
        follow = any(other.cell_type == "code" and other.source.strip() for other in self.nb.cells[cell_index + 1 :])
        if "ask_exit" in sources and follow:
            number = execute_reply["content"].get("execution_count")
            raise LeftError(f"cell In [{number}] calls exit(): the cells after it did not run")

    async def _async_check_alive(self) -> None:
        provisioner = self.km.provisioner
        self.exit_code = await provisioner.poll() if provisioner else None
        await super()._async_check_alive()


class Engine(NBClientEngine):
    """papermill's engine, which saves the copy every few seconds and at the end, not twice a cell.

    Saving checks and writes the whole notebook, which took longer than many of the cells.
    """

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: NotebookExecutionManager,
        kernel_name: str,
        log_output: bool = False,
        watch: Watch | None = None,
        limits: Limits | None = None,
        **options: Any,
    ) -> None:
        """Run the cells, then end what they have started and left running.

        Raises:
            KernelEndedError, LeftError, SilentKernelError: see `Client`.
            LimitError: the run took too much.
        """
        nb_man.save = _now_and_then(nb_man)
        chosen = {name: value for name, value in options.items() if name not in _OF_PAPERMILL}
        client = Client(nb_man, kernel_name=kernel_name, startup_timeout=START_WITHIN, log=logger, **chosen)
        client.watch = watch
        try:
            with held_to(limits or Limits(), lambda: client.pid, client.end) as broken:
                client.execute()
        except KernelEndedError as ended:
            raise LimitError(f"{broken[0]}, in cell In [{ended.cell}]") if broken else ended from None
        finally:
            strays.end([*client.started, *(strays.marked(client.mark) if client.mark else ())])


_OF_PAPERMILL = ("input_path", "execution_timeout", "start_timeout", "stdout_file", "stderr_file")


def _now_and_then(nb_man: NotebookExecutionManager) -> Any:
    save = nb_man.save

    def save_now_and_then(**options: Any) -> None:
        if nb_man.end_time or (nb_man.now() - nb_man.last_save_time).total_seconds() > _SAVE_EVERY:
            try:
                save(**options)
            except UnicodeEncodeError:  # half a pair of surrogates is no text
                make_writable(nb_man.nb)
                save(**options)

    return save_now_and_then


def make_writable(node: Any) -> Any:
    """Put a question mark for each half of a surrogate pair in the texts of a notebook, in place."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in list(items):
        node[key] = make_writable(value)
    return node.encode("utf-8", "replace").decode() if isinstance(node, str) else node


papermill_engines.register(Engine.__name__, Engine)
