"""What a forked process does to become a kernel, as if it had been started by Jupyter and had imported nothing yet."""

import errno
import json
import os
import select
import signal
import socket
import struct
import sys
import time
import traceback
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from mldrl_lite.kernels.standin import send


class Imported(NamedTuple):
    """What the imports left behind that a kernel, which exists before its first import, has to take over."""

    filters_before: tuple[Any, ...] = ()
    filters_added: tuple[Any, ...] = ()
    stream_handlers: tuple[Any, ...] = ()
    variables: Mapping[str, str] = MappingProxyType({})


def reason(error: BaseException) -> str:
    """Say what went wrong, and where."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{error!r} in {os.path.basename(place.filename)}, line {place.lineno}"


def be_kernel(link: socket.socket, imported: Imported) -> None:
    """Become the kernel that the client at the other end asks for, as if it had been started there; run it."""
    try:
        request = _settle(link, imported)
        _forget_the_fork()
        app = _new_app(link, request["arguments"], imported)
        app.start()
    except BaseException as error:
        if link.fileno() < 0:  # it has been closed: this is a running kernel
            raise
        send(link, cold=f"the forked kernel failed before it was ready: {reason(error)}")
        os._exit(1)  # without Jupyter's tidying up: the plain kernel needs the connection file


def _settle(link: socket.socket, imported: Imported) -> dict[str, Any]:
    """Take over the client's streams, folder and environment; return what it asks for."""
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
    sys.executable = request["executable"]
    send(link, pid=os.getpid())
    return request


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
    if (pandas := sys.modules.get("pandas")) and not pandas.get_option("display.max_columns"):
        pandas.set_option("display.max_columns", 20)  # what it sets where it is imported in a kernel: no terminal
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed()
    if torch := sys.modules.get("torch"):
        torch.default_generator.seed()
    if multiprocessing := sys.modules.get("multiprocessing.process"):
        multiprocessing.current_process().authkey = os.urandom(32)
        multiprocessing.ORIGINAL_DIR = os.getcwd()  # where spawned processes look for modules


def _new_app(link: socket.socket, arguments: list[str], imported: Imported) -> Any:
    """Return Jupyter's own application, initialised; it tells the stand-in when it runs."""
    import warnings

    import ipykernel_launcher
    from ipykernel import kernelapp
    from tornado.ioloop import IOLoop

    if missing := {"init_poller", "init_sockets", "init_io"} - set(dir(kernelapp.IPKernelApp)):
        raise AttributeError(f"ipykernel's application has no {' and no '.join(sorted(missing))}")

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
                handler.stream = sys.stdout if handler.stream is sys.__stdout__ else sys.stderr

        def start(self) -> None:
            IOLoop.current().add_callback(tell)  # the loop runs it first
            super().start()

    def tell() -> None:
        with link:
            send(link, ready=True)

    sys.argv = [ipykernel_launcher.__file__, *arguments]
    sys.orig_argv = [sys.executable, "-m", "ipykernel_launcher", *arguments]
    warnings.filters[:] = imported.filters_before
    app = IPKernelApp.instance(parent_handle=int(os.environ.get("JPY_PARENT_PID") or 0))
    app.initialize(arguments)
    warnings.filters[:0] = imported.filters_added
    if ipywidgets := sys.modules.get("ipywidgets"):
        ipywidgets.register_comm_target()
    return app


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
