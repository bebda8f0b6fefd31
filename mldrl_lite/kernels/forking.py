"""The process that imports the slow packages once and forks warm kernels.

A fork copies one thread, and no process that the parent has started, and the GPU's driver does not take part. So the
process looks for such things after each import, and starts anew without the module that left one behind.
"""

import contextlib
import gc
import os
import select
import signal
import socket
import sys
from typing import Any

from mldrl_lite.kernels.forked import Imported, be_kernel, reason
from mldrl_lite.kernels.standin import IDLE, PRELOAD, is_own, locked, send

MODULES = (
    "numpy pandas matplotlib.pyplot PIL.Image sklearn.datasets sklearn.feature_selection sklearn.linear_model "
    "sklearn.metrics sklearn.model_selection sklearn.pipeline sklearn.preprocessing ipywidgets tqdm.auto torch "
    "torch.utils.tensorboard tensorboard.backend.event_processing.event_accumulator torchmetrics pytorch_lightning "
    "pytorch_lightning.loggers"
)
_GPUS = ("/dev/nvidia-uvm", "/dev/kfd", "/dev/dxg")  # what CUDA, ROCm and either of them in WSL open


class ForkingProcess:
    """Fork a kernel for every client; end when idle, or when what was imported has changed on disk."""

    def __init__(self, listener: socket.socket, folder: str, name: str, modules: list[str]) -> None:
        self.listener: socket.socket | None = listener
        self.folder, self.name = folder, name
        self.socket_file = os.stat(os.path.join(folder, name)).st_ino
        self.idle = float(os.environ.get(IDLE, 300))
        self.imported, self.refusal = Imported(), ""
        try:
            self.imported = import_all(modules)
        except UnfitError as error:
            if error.module:
                raise
            self.refusal = str(error)
        except Exception as error:
            self.refusal = f"the process that forks kernels failed: {reason(error)}"
        self.files = {file: _time(file) for file in imported_files()}
        self.kernels: dict[int, socket.socket] = {}
        self.bell = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(self.bell[1], warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def serve(self) -> socket.socket:
        """Return the client's connection, in each kernel; never return in the forking process."""
        while self.listener or self.kernels:
            watched = [self.bell[0], *filter(None, [self.listener])]
            ready, _, _ = select.select(watched, [], [], None if self.kernels else self.idle)
            if self.bell[0] in ready:
                self._report_ended_kernels()
            if self.listener in ready and (link := self._answer()):
                return link
            if not ready:
                self._retire()
        os._exit(0)

    def _report_ended_kernels(self) -> None:
        os.read(self.bell[0], 4096)
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                with self.kernels.pop(ended[0]) as link:
                    send(link, status=ended[1])

    def _answer(self) -> socket.socket | None:
        link, _ = self.listener.accept()
        if not is_own(link):
            link.close()
        elif self.refusal:
            _refuse(link, self.refusal)
        elif any(_time(file) != changed for file, changed in self.files.items()):
            self._retire()
            link.close()  # without an answer, so the client asks again, and starts another forking process
        else:
            return self._fork(link)
        return None

    def _fork(self, link: socket.socket) -> socket.socket | None:
        try:
            pid = os.fork()
        except OSError as error:
            return _refuse(link, f"no process can be forked ({error})")
        if pid:
            self.kernels[pid] = link
            return None
        signal.set_wakeup_fd(-1)
        for other in (self.listener, *self.kernels.values()):
            other.close()
        for descriptor in self.bell:
            os.close(descriptor)
        return link

    def _retire(self) -> None:
        """Take no more clients. Those that wait already are turned away by the closing, and ask again."""
        with locked(self.folder), contextlib.suppress(FileNotFoundError):
            if os.stat(os.path.join(self.folder, self.name)).st_ino == self.socket_file:
                os.unlink(os.path.join(self.folder, self.name))
                os.unlink(os.path.join(self.folder, f"{self.name}.log"))
        self.listener.close()
        self.listener = None


def _refuse(link: socket.socket, why: str) -> None:
    with link:
        send(link, cold=why)


class UnfitError(Exception):
    """This process must not fork kernels any more."""

    def __init__(self, module: str, why: str) -> None:
        super().__init__(f"{module or 'ipykernel'} {why}")
        self.module = module


def import_all(modules: list[str]) -> Imported:
    """Import the modules as they would be imported in a cell: with ipykernel there, and a prompt.

    Raises:
        UnfitError: one of them has left behind what no fork may share.
    """
    import importlib
    import warnings

    import ipykernel.kernelapp  # noqa: F401

    filters, variables = list(warnings.filters), dict(os.environ)
    sys.ps1 = "In : "  # by which Lightning recognises a notebook
    for module in ("", *modules):
        try:
            module and importlib.import_module(module)
        except (Exception, SystemExit) as error:
            print(f"{module} is not imported: {error!r}", file=sys.stderr, flush=True)
        if why := unfit_to_fork():
            raise UnfitError(module, why)
    gc.collect()
    gc.freeze()
    return Imported(
        filters_before=tuple(filters),
        filters_added=tuple(each for each in warnings.filters if each not in filters),
        stream_handlers=_stream_handlers(),
        variables={name: value for name, value in os.environ.items() if variables.get(name) != value},
    )


def _stream_handlers() -> tuple[Any, ...]:
    """Return the log handlers that hold one of this process's streams; others ask for the stream of the moment."""
    import io
    import logging

    loggers = [logging.root, *logging.root.manager.loggerDict.values()]
    handlers = [handler for logger in loggers for handler in getattr(logger, "handlers", ())]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return tuple(each for each in handlers if getattr(each, "stream", None) in (sys.__stderr__, sys.__stdout__))


def unfit_to_fork() -> str:
    """Return why this process must not fork kernels, or ""."""
    if _threads() > 1:
        # OpenBLAS ends its threads before a fork, and starts them again in whichever process calls it.
        if (child := os.fork()) == 0:
            os._exit(0)
        os.waitpid(child, 0)
    if (threads := _threads()) > 1:
        return f"has started a thread ({threads} are there)"
    with contextlib.suppress(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
        return "has started a process"
    descriptors = [entry.path for entry in os.scandir("/proc/self/fd")]
    if any(os.path.lexists(each) and os.readlink(each).startswith(_GPUS) for each in descriptors):
        return "has initialised the GPU"
    return ""


def _threads() -> int:
    return len(os.listdir("/proc/self/task"))


def imported_files() -> set[str]:
    """Return the files of the modules that are imported."""
    return {file for module in list(sys.modules.values()) if (file := getattr(module, "__file__", None))}


def _time(file: str) -> int:
    """Return when a file was changed last, in nanoseconds; 0 when it is gone."""
    try:
        return os.stat(file).st_mtime_ns
    except OSError:
        return 0


def serve(descriptor: str, folder: str, name: str, *left_out: str) -> None:
    """Fork kernels for the clients of a listening socket; return in each kernel, when it has ended.

    A module that leaves behind what no fork may share is left out in a process that takes this one's place.
    """
    for module in [name for name in sys.modules if name.split(".")[0] == "mldrl_lite"]:
        del sys.modules[module]  # the course's own package is imported by the notebooks, as it is then
    os.chdir("/")
    environment = dict(os.environ)
    modules = os.environ.get(PRELOAD, MODULES).replace(",", " ").split()
    listener = socket.socket(fileno=int(descriptor))
    try:
        process = ForkingProcess(listener, folder, name, [each for each in modules if each not in left_out])
    except UnfitError as error:
        print(f"{error}, so it is left out", file=sys.stderr, flush=True)
        listener.set_inheritable(True)
        if os.fork():
            os._exit(0)  # so that the next one has no children
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:], error.module], environment)  # noqa: S606
    be_kernel(process.serve(), process.imported)
