"""Warm kernels: Jupyter kernels forked from a process that has imported the slow packages already.

Three processes take part. Jupyter starts the *stand-in* (`python -P -m mldrl_lite.kernels.standin`): it imports next to
nothing, hands its streams, folder and environment over a socket to the *forking process*, passes signals on and ends as
the kernel ends. The forking process (`forking.py`) is started when it is first needed, is one thread, and ends
when it has been idle for a while. The *kernel* is a fork of it, in a session of its own, and dies with its stand-in.

What a fork cannot change later (packages, limits, variables that are read at import) is part of the socket's name, so
each such setting has a forking process of its own. Until the kernel runs, anything may fail: then the stand-in becomes
a plain kernel and says why.
"""

import contextlib
import hashlib
import json
import os
import select
import signal
import socket
import struct
import sys
import time
from collections.abc import Iterator
from typing import Any

from mldrl_lite.kernels import COLD

FOLDER = "MLDRL_LITE_KERNELS"
IDLE = "MLDRL_LITE_KERNELS_IDLE"
PRELOAD = "MLDRL_LITE_KERNELS_PRELOAD"
"""Environment variables: the folder of the sockets, seconds until an idle forking process ends, modules to import."""

_READY_WITHIN = 40.0  # seconds; clients give a kernel 60 to start, and a plain start must still fit in
_READ_AT_IMPORT = """
    PYTHON LD_ LC_ LANG TZ HOME TMP TEMP XDG_ MALLOC_ MLDRL_LITE_KERNELS OMP_ GOMP_ KMP_ MKL_ OPENBLAS_ GOTO_ BLIS_ NPY_
    NUMEXPR_ SKLEARN_ SCIPY_ JOBLIB_ TORCH PYTORCH_ ATEN_ CUDA_ NVIDIA_ NCCL_ HIP_ TF_ GRPC_ PROTOCOL_BUFFERS_ MPL QT_
    SPYDER IPYTHON PYDEVD_ DEBUGPY_ PL_ LIGHTNING_ POSSIBLE_USER_WARNINGS RANK LOCAL_RANK WORLD_SIZE SLURM_ JSM_ JE_
    ARROW_
"""  # prefixes of environment variables
_ELSEWHERE = """
    CUDA_VISIBLE_DEVICES KMP_DUPLICATE_LIB_OK KMP_INIT_AT_FORK PYTORCH_NVML_BASED_CUDA_CHECK TORCHINDUCTOR_CACHE_DIR
    PYDEVD_USE_FRAME_EVAL PYDEVD_DISABLE_FILE_VALIDATION
"""  # not so: read when CUDA is initialised, which no forking process does; the rest packages set for themselves
# Started with "-c", Python has its flags as in a plain kernel; "" in the path would be the client's folder.
_FORKING = """
import sys
sys.path[:] = filter(None, sys.path)
import mldrl_lite.kernels.forking
mldrl_lite.kernels.forking.serve(*sys.argv[1:])
"""
_UNLESS_SET = {
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",  # which ipykernel sets too
    "JE_ARROW_MALLOC_CONF": "background_thread:false",  # pandas imports PyArrow, where there is one: it starts a thread
}


class ColdStartError(Exception):
    """Why there is no warm kernel: the end of a sentence."""


def main(arguments: list[str]) -> None:
    """Be a kernel for Jupyter: stand in for a forked one, or become a plain one."""
    deadline = time.monotonic() + _READY_WITHIN
    try:
        kernel = StandIn(*ask_for_kernel(arguments, deadline))
        kernel.wait_until_ready(max(5, deadline - time.monotonic()))
    except Exception as error:  # of whatever kind: a plain kernel can still be had
        why = error if isinstance(error, ColdStartError | OSError) else repr(error)
        with contextlib.suppress(Exception):
            print(f"{COLD}, because {why}.", file=sys.stderr, flush=True)
        _become_plain_kernel(arguments)
    _end_as(kernel.wait_until_ended())


def _become_plain_kernel(arguments: list[str]) -> None:
    if os.name == "posix":
        os.execv(sys.executable, [sys.executable, "-m", "ipykernel_launcher", *arguments])  # noqa: S606
    import runpy

    runpy.run_module("ipykernel_launcher", run_name="__main__", alter_sys=True)
    sys.exit()


# --- the stand-in ---------------------------------------------------------------------------------------------------


def ask_for_kernel(arguments: list[str], deadline: float) -> tuple[socket.socket, int]:
    """Have a kernel forked with this process's streams, folder and environment.

    Args:
        arguments: the kernel's own.
        deadline: what `time.monotonic()` returns when it is too late.

    Returns:
        The connection on which more will be heard of the kernel, and its process id.

    Raises:
        ColdStartError, OSError: there is none to be had.
    """
    if sys.platform != "linux":
        raise ColdStartError("warm kernels need Linux")
    if os.path.exists("matplotlibrc"):
        raise ColdStartError("Matplotlib reads the file matplotlibrc of this folder when it is imported")
    folder, name = runtime_folder(), key()
    heard, _ = os.pipe()  # nothing is written: that this process closes it by ending is what the kernel dies of
    handed = [0, 1, 2, os.open(".", os.O_RDONLY | os.O_DIRECTORY), heard]
    os.umask(umask := os.umask(0o077))
    asked = {"arguments": arguments, "environment": dict(os.environ), "umask": umask, "executable": sys.executable}
    link, answer = _ask(folder, name, json.dumps(asked).encode(), handed, deadline)
    os.close(heard)
    if "pid" not in answer:
        raise ColdStartError(_why(answer))
    link.settimeout(None)
    return link, answer["pid"]


def _ask(
    folder: str, name: str, request: bytes, handed: list[int], deadline: float
) -> tuple[socket.socket, dict[str, Any]]:
    for _ in range(5):
        # A forking process may end (idle, outdated, killed) at any moment; then another one is asked.
        with contextlib.suppress(ConnectionError):
            link = _connect(folder, name, max(0.1, deadline - time.monotonic()))
            socket.send_fds(link, [struct.pack("=Q", len(request))], handed)
            link.sendall(request)
            if answer := _receive(link):
                return link, answer
            link.close()
    log = os.path.join(folder, f"{name}.log")
    raise ColdStartError(f"the process that forks kernels ended five times before it answered; see {log}")


def _receive(link: socket.socket) -> dict[str, Any]:
    """Return the next message, a line of JSON; {} when there will be none. What follows it is left to be polled for."""
    line = b""
    try:
        while not line.endswith(b"\n"):
            if not (byte := link.recv(1)):
                return {}
            line += byte
    except TimeoutError:
        raise ColdStartError(f"the process that forks kernels gave no answer in {_READY_WITHIN:.0f} s") from None
    except ConnectionError:
        return {}
    return json.loads(line)


def send(link: socket.socket, **message: Any) -> None:
    """Send a message to a stand-in, which may be gone."""
    with contextlib.suppress(OSError):
        link.sendall(json.dumps(message).encode() + b"\n")


def runtime_folder() -> str:
    """Return the folder of the sockets, which is this user's alone.

    Raises:
        ColdStartError: others may use it.
    """
    place = os.environ.get("XDG_RUNTIME_DIR", "")
    default = place if os.path.isdir(place) else os.environ.get("TMPDIR", "/tmp")  # noqa: S108
    folder = os.path.abspath(os.environ.get(FOLDER) or os.path.join(default, f"mldrl-lite-{os.getuid()}"))
    os.makedirs(folder, mode=0o700, exist_ok=True)
    found = os.lstat(folder)
    if found.st_uid != os.getuid() or found.st_mode & 0o170077 != 0o040000:
        raise ColdStartError(f"the folder {folder!r} is not yours alone (chmod 700 it)")
    return folder


def key() -> str:
    """Return a name for everything that a forked kernel inherits and cannot change."""
    import resource

    limits = [resource.getrlimit(getattr(resource, name)) for name in dir(resource) if name.startswith("RLIMIT_")]
    with open("/proc/self/cgroup", encoding="utf-8") as file:
        groups = file.read()
    spaces = [os.readlink(f"/proc/self/ns/{space}") for space in ("mnt", "pid", "net", "user", "ipc")]
    who = (os.getresuid(), os.getresgid(), os.getgroups(), os.nice(0), sorted(os.sched_getaffinity(0)))
    parts = (
        sys.version,
        os.path.realpath(sys.executable),
        sys.prefix,
        *_installed(),
        *_variables(),
        limits,
        groups,
        spaces,
        who,
    )
    return hashlib.sha256(ascii(parts).encode()).hexdigest()[:16]


def _installed() -> Iterator[tuple[str, int]]:
    """Yield what changes whenever a package is installed, upgraded or removed, or warm kernels are."""
    for name in ("standin.py", "forking.py", "forked.py"):
        yield name, os.stat(os.path.join(os.path.dirname(__file__), name)).st_mtime_ns
    for folder in filter(os.path.isdir, sys.path):
        with os.scandir(folder) as entries:
            marks = [entry for entry in entries if entry.name.endswith((".dist-info", ".egg-info", ".pth"))]
        yield from sorted((mark.path, mark.stat().st_mtime_ns) for mark in marks)


def _variables() -> Iterator[tuple[str, str]]:
    """Yield the environment variables that Python or a package reads once, at its import."""
    values = _UNLESS_SET | os.environ
    if "PYTHONPATH" in values:
        values["PYTHONPATH"] = ascii([os.path.abspath(folder) for folder in values["PYTHONPATH"].split(os.pathsep)])
    names = {name for name in values if name.startswith(tuple(_READ_AT_IMPORT.split()))}
    return ((name, values[name]) for name in sorted(names - set(_ELSEWHERE.split())))


def _connect(folder: str, name: str, patience: float) -> socket.socket:
    """Connect to the forking process of that name, for `patience` seconds; start it when there is none."""
    with contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
        return _dial(folder, name, patience)
    with locked(folder):
        with contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
            return _dial(folder, name, patience)
        _start_forking_process(folder, name)
        return _dial(folder, name, patience)


def _dial(folder: str, name: str, patience: float) -> socket.socket:
    link = socket.socket(socket.AF_UNIX)
    link.settimeout(patience)
    with _short_path(folder, name) as address:
        link.connect(address)
    if not is_own(link):
        raise ColdStartError(f"another user answers in {folder!r}")
    return link


@contextlib.contextmanager
def _short_path(folder: str, name: str) -> Iterator[str]:
    """Name a socket by its folder's descriptor: a socket's path may have 107 characters at most."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{name}"
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def locked(folder: str) -> Iterator[None]:
    """Let one process at a time start or retire a forking process."""
    import fcntl

    lock = os.open(os.path.join(folder, "lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def is_own(link: socket.socket) -> bool:
    """Tell whether this user is at the other end."""
    credentials = link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return struct.unpack("3i", credentials)[1] == os.getuid()


def _start_forking_process(folder: str, name: str) -> None:
    """Start it with a listening socket, so that clients can queue while it imports."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(os.path.join(folder, name))
    with socket.socket(socket.AF_UNIX) as listener:
        with _short_path(folder, name) as address:
            listener.bind(address)
        listener.listen(128)
        if (child := os.fork()) == 0:
            _exec_forking_process(listener, folder, name)
        os.waitpid(child, 0)


def _exec_forking_process(listener: socket.socket, folder: str, name: str) -> None:
    """Leave the client's session, and its care: a second fork makes the forking process nobody's child."""
    try:
        os.setsid()
        if os.fork() == 0:
            log = os.open(os.path.join(folder, f"{name}.log"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            for number, source in enumerate((os.open(os.devnull, os.O_RDONLY), log, log)):
                os.dup2(source, number)
            os.set_inheritable(listener.fileno(), True)
            arguments = ["-c", _FORKING, str(listener.fileno()), folder, name]
            environment = _UNLESS_SET | os.environ
            os.execve(sys.executable, [sys.executable, *arguments], environment)  # noqa: S606
    finally:
        os._exit(0)


class StandIn:
    """What Jupyter takes for the kernel: passes signals on to the forked one, and ends as it ends."""

    def __init__(self, link: socket.socket, kernel: int) -> None:
        self.link, self.kernel = link, kernel
        self.told_to_end = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2):
            signal.signal(number, self._pass_on)
        self.ended, self.parent = _end_of(kernel), _parent()
        self.watched = select.poll()
        for descriptor in (link.fileno(), self.ended, self.parent):
            self.watched.register(descriptor, select.POLLIN)

    def _pass_on(self, number: int, _: Any) -> None:
        self.told_to_end |= number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.kernel, number)

    def wait_until_ready(self, patience: float) -> None:
        """Wait for `patience` seconds until the kernel runs; when told to end before, end as the kernel does.

        Raises:
            ColdStartError: the kernel failed, died or hung before it ran; it is gone then.
        """
        message = self._next_message(patience)
        if "ready" in message:
            return
        self._end_kernel()
        if self.told_to_end:
            _end_as(message.get("status", 1 << 8))
        raise ColdStartError(_why(message) if message else f"the forked kernel was not ready in {patience:.0f} s")

    def wait_until_ended(self) -> int:
        """Wait until the kernel ends and return its wait status; end this process when Jupyter's does."""
        return self._next_message()["status"]

    def _next_message(self, patience: float | None = None) -> dict[str, Any]:
        """Return what is heard next of the kernel; {} when that takes too long."""
        while events := {each for each, _ in self.watched.poll(patience and 1000 * patience)}:
            if self.parent in events:
                sys.exit(1)
            if self.link.fileno() in events:
                if message := _receive(self.link):
                    return message
                self.watched.unregister(self.link)  # the forking process is gone; the kernel goes on
            elif self.ended in events:
                return self._last_message()
        return {}

    def _last_message(self) -> dict[str, Any]:
        self.link.settimeout(5)
        with contextlib.suppress(OSError, ColdStartError):
            if message := _receive(self.link):
                return message
        return {"status": 1 << 8}  # whoever knows better is gone

    def _end_kernel(self) -> None:
        """Leave the kernel a second to end by itself, then see to it: a plain kernel needs its ports."""
        if not select.select([self.ended], [], [], 1)[0]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.kernel, signal.SIGKILL)
            select.select([self.ended], [], [], 5)


def _end_of(process: int) -> int:
    """Return a descriptor that becomes readable when that process ends."""
    try:
        return os.pidfd_open(process)
    except ProcessLookupError:
        return os.open(os.devnull, os.O_RDONLY)  # which is readable at once


def _why(message: dict[str, Any]) -> str:
    """Return the reason in a message that there will be no warm kernel."""
    if "cold" in message:
        return message["cold"]
    status = message["status"]
    if os.WIFSIGNALED(status):
        return f"the forked kernel was ended by signal {os.WTERMSIG(status)} before it was ready"
    return f"the forked kernel ended with exit status {os.waitstatus_to_exitcode(status)} before it was ready"


def _parent() -> int:
    """Return a descriptor that becomes readable when the process that started this kernel ends, as it asked for."""
    wanted = os.environ.get("JPY_PARENT_PID")
    if wanted is None:
        return os.pipe()[0]
    parent = os.pidfd_open(os.getppid())
    if os.getppid() == 1 and wanted != "1":
        sys.exit(1)
    return parent


def _end_as(status: int) -> None:
    """End this process as the kernel ended."""
    if os.WIFSIGNALED(status):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with contextlib.suppress(OSError):
            signal.signal(os.WTERMSIG(status), signal.SIG_DFL)
        os.kill(os.getpid(), os.WTERMSIG(status))
    sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main(sys.argv[1:])
