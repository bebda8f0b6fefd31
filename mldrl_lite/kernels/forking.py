"""The process that imports the slow packages once and forks warm kernels, and what a kernel does after the fork."""

import contextlib
import errno
import json
import os
import select
import signal
import socket
import struct
import sys
import time
from typing import Any, NamedTuple

from mldrl_lite.kernels.standin import IDLE, PRELOAD, is_own, locked

MODULES = (
    "numpy pandas matplotlib.pyplot PIL.Image sklearn.datasets sklearn.feature_selection sklearn.linear_model "
    "sklearn.metrics sklearn.model_selection sklearn.pipeline sklearn.preprocessing ipywidgets tqdm.auto torch "
    "torch.utils.tensorboard tensorboard.backend.event_processing.event_accumulator torchmetrics pytorch_lightning "
    "pytorch_lightning.loggers"
)
_GPUS = ("/dev/nvidia-uvm", "/dev/kfd", "/dev/dxg")  # what CUDA, ROCm and either of them in WSL open


class Imported(NamedTuple):
    """What the imports left behind that a kernel, which exists before its first import, has to take over."""

    filters_before: list[Any]
    filters_added: list[Any]
    stream_handlers: list[Any]
    variables: dict[str, str]


class ForkingProcess:
    """Fork a kernel for every client; end when idle, or when what was imported has changed on disk."""

    def __init__(self, listener: socket.socket, folder: str, name: str) -> None:
        self.listener: socket.socket | None = listener
        self.folder, self.name = folder, name
        self.socket_file = os.stat(os.path.join(folder, name)).st_ino
        self.idle = float(os.environ.get(IDLE, 300))
        self.imported = import_all(os.environ.get(PRELOAD, MODULES).replace(",", " ").split())
        self.refusal = unfit_to_fork()
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
                with self.kernels.pop(ended[0]) as link, contextlib.suppress(OSError):
                    link.sendall(struct.pack("=i", ended[1]))

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


def _refuse(link: socket.socket, reason: str) -> None:
    with link, contextlib.suppress(OSError):
        link.sendall(json.dumps({"cold": reason}).encode())


def import_all(modules: list[str]) -> Imported:
    """Import the modules as they would be imported in a cell: with ipykernel there, and a prompt."""
    import importlib
    import warnings

    import ipykernel.kernelapp  # noqa: F401

    filters, variables = list(warnings.filters), dict(os.environ)
    sys.ps1 = "In : "  # by which Lightning recognises a notebook
    for module in modules:
        try:
            importlib.import_module(module)
        except Exception as error:
            print(f"{module} is not imported: {error!r}", file=sys.stderr, flush=True)
    return Imported(
        filters_before=filters,
        filters_added=[each for each in warnings.filters if each not in filters],
        stream_handlers=_stream_handlers(),
        variables={name: value for name, value in os.environ.items() if variables.get(name) != value},
    )


def _stream_handlers() -> list[Any]:
    import logging

    loggers = [logging.root, *logging.root.manager.loggerDict.values()]
    handlers = [handler for logger in loggers for handler in getattr(logger, "handlers", ())]
    return [each for each in handlers if getattr(each, "stream", None) in (sys.__stderr__, sys.__stdout__)]


def unfit_to_fork() -> str:
    """Return why this process must not fork kernels, or ""."""
    import gc

    gc.collect()
    gc.freeze()
    # OpenBLAS ends its threads before a fork, and starts them again in whichever process calls it.
    if (child := os.fork()) == 0:
        os._exit(0)
    os.waitpid(child, 0)
    if (threads := len(os.listdir("/proc/self/task"))) > 1:
        return f"one of the modules that it would share has started a thread ({threads} are there)"
    with contextlib.suppress(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
        return "one of the modules that it would share has started a process"
    descriptors = [entry.path for entry in os.scandir("/proc/self/fd")]
    if any(os.path.lexists(each) and os.readlink(each).startswith(_GPUS) for each in descriptors):
        return "one of the modules that it would share has initialised the GPU"
    return ""


def imported_files() -> set[str]:
    """Return the files of the modules that are imported."""
    return {file for module in list(sys.modules.values()) if (file := getattr(module, "__file__", None))}


def _time(file: str) -> int:
    """Return when a file was changed last, in nanoseconds; 0 when it is gone."""
    try:
        return os.stat(file).st_mtime_ns
    except OSError:
        return 0


# --- the kernel -----------------------------------------------------------------------------------------------------


def be_kernel(link: socket.socket, imported: Imported) -> None:
    """Become the kernel that the client at the other end asks for, as if it had been started there; run it."""
    header, descriptors, *_ = socket.recv_fds(link, 8, 5, socket.MSG_CMSG_CLOEXEC)
    if not header:  # the client is gone
        os._exit(0)
    with link.makefile("rb") as file:
        request = json.loads(file.read(*struct.unpack("=Q", header)))
    *streams, folder, heard = descriptors
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.fchdir(folder)
    for descriptor in (*streams, folder):
        os.close(descriptor)
    sys.stdout.reconfigure(line_buffering=os.isatty(1))
    os.setsid()
    _die_with(heard)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.umask(request["umask"])
    os.environ.clear()
    os.environ.update({**imported.variables, **request["environment"]})
    with link:
        link.sendall(json.dumps({"pid": os.getpid()}).encode())
    sys.executable = request["executable"]
    _forget_the_fork()
    _run_kernel(request["arguments"], imported)


def _die_with(heard: int) -> None:
    """Have the system kill this process's group when the stand-in ends, even while Python's lock is held."""
    import fcntl

    fcntl.fcntl(heard, fcntl.F_SETOWN, -os.getpid())
    fcntl.fcntl(heard, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(heard, fcntl.F_SETFL, os.O_ASYNC)
    if select.select([heard], [], [], 0)[0]:
        os.killpg(0, signal.SIGKILL)


def _forget_the_fork() -> None:
    """Set what an import draws or looks up, and a kernel has of its own; `random` sees to itself after a fork."""
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed()
    if torch := sys.modules.get("torch"):
        torch.default_generator.seed()
    if multiprocessing := sys.modules.get("multiprocessing.process"):
        multiprocessing.current_process().authkey = os.urandom(32)
        multiprocessing.ORIGINAL_DIR = os.getcwd()  # where spawned processes look for modules


def _run_kernel(arguments: list[str], imported: Imported) -> None:
    import warnings

    import ipykernel_launcher
    from ipykernel import kernelapp

    class IPKernelApp(kernelapp.IPKernelApp):  # of the same name, which its settings go by
        def init_poller(self) -> None:
            """Watch no parent: the stand-in has Jupyter for a parent, and this kernel dies with it."""

        def init_sockets(self) -> None:
            if self.transport == "tcp":
                _await_ports(
                    self.ip, [self.shell_port, self.iopub_port, self.stdin_port, self.control_port, self.hb_port]
                )
            super().init_sockets()

        def init_io(self) -> None:
            super().init_io()
            for handler in imported.stream_handlers:
                handler.setStream(sys.stdout if handler.stream is sys.__stdout__ else sys.stderr)

    sys.argv = [ipykernel_launcher.__file__, *arguments]
    sys.orig_argv = [sys.executable, "-m", "ipykernel_launcher", *arguments]
    warnings.filters[:] = imported.filters_before
    app = IPKernelApp.instance(parent_handle=int(os.environ.get("JPY_PARENT_PID") or 0))
    app.initialize(arguments)
    warnings.filters[:0] = imported.filters_added
    if ipywidgets := sys.modules.get("ipywidgets"):
        ipywidgets.register_comm_target()
    app.start()


def _await_ports(ip: str, ports: list[int]) -> None:
    """Wait for the ports: a kernel that is restarted has those of its predecessor, which may still be dying."""
    deadline = time.monotonic() + 10
    for port in filter(None, ports):
        while time.monotonic() < deadline and not _is_free(ip, port):
            time.sleep(0.02)


def _is_free(ip: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ip, port))
        except OSError as error:
            return error.errno != errno.EADDRINUSE
        return True


def serve(descriptor: str, folder: str, name: str) -> None:
    """Fork kernels for the clients of a listening socket; return in each kernel, when it has ended."""
    for module in [name for name in sys.modules if name.split(".")[0] == "mldrl_lite"]:
        del sys.modules[module]  # the course's own package is imported by the notebooks, as it is then
    os.chdir("/")
    process = ForkingProcess(socket.socket(fileno=int(descriptor)), folder, name)
    be_kernel(process.serve(), process.imported)
