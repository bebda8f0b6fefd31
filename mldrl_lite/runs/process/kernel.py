"""The kernels that runs start: with one thread, ended when asked to, and heard when they have something to say."""

import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cache
from typing import IO, Any

from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import ensure_event_loop
from tqdm import tqdm
from traitlets import Integer
from traitlets.config import Config

from mldrl_lite.kernels import COLD
from mldrl_lite.runs.process import strays
from mldrl_lite.runs.progress import STANDARD_ERROR
from mldrl_lite.sources import DATA_VARIABLE

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
_LONGEST_SOCKET = 100  # a path has 107 bytes at most on Linux, 103 on macOS, and "-5" is to follow


class Kernel(AsyncKernelManager):
    """A kernel of one thread, unless the environment says otherwise, that `end_kernels` can end from outside.

    It is spoken to over files where the system has such sockets. A port that was free when it was chosen may be taken
    when the kernel opens it: of several that start at once, one died.
    """

    _alive: "set[Kernel]" = set()  # noqa: RUF012 (shared by all on purpose)

    log_to = Integer(help="The descriptor of a file for what the kernel's process says beside its cells.").tag(
        config=True
    )

    mark = ""
    """By which the processes that it starts are known."""
    owner: int | None = None
    """The thread that drives it."""
    inner_pid: int | None = None
    """The process that runs the cells; of a warm kernel, it is another than the one that Jupyter has started."""
    _sockets = ""

    async def _async_start_kernel(self, **options: Any) -> None:
        if os.name == "posix" and not self._sockets and self.kernel_spec.language == "python":  # of others, not all can
            self._choose_sockets()
        streams = {"stdout": self.log_to, "stderr": self.log_to} if self.log_to else {}
        chosen = {"env": environment(), **streams, **options}
        self.mark, self.owner = chosen["env"].get(strays.MARK, ""), threading.get_ident()
        await super()._async_start_kernel(**chosen)
        self._alive.add(self)

    start_kernel = _async_start_kernel

    def _choose_sockets(self) -> None:
        self._sockets = tempfile.mkdtemp(prefix="kernel-")  # this user's alone
        if len(os.fsencode(self._sockets)) + 2 <= _LONGEST_SOCKET:
            self.transport, self.ip = "ipc", os.path.join(self._sockets, "s")

    async def _async_cleanup_resources(self, restart: bool = False) -> None:
        self._alive.discard(self)
        await super()._async_cleanup_resources(restart)
        if self._sockets and not restart:
            shutil.rmtree(self._sockets, ignore_errors=True)

    cleanup_resources = _async_cleanup_resources

    @property
    def pid(self) -> int | None:
        """The process that runs the cells, as far as it is known."""
        process = getattr(self.provisioner, "process", None)
        return self.inner_pid or (process.pid if process else None)

    def end(self) -> None:
        """Kill it and all that it has started; whoever waits for it gets an error within a second."""
        pid, process = self.pid, getattr(self.provisioner, "process", None)
        started = strays.descendants(pid) if pid else []
        with suppress(OSError):
            if process is None or process.poll() is not None:  # its number may be another's by now
                pass
            elif hasattr(os, "killpg"):
                os.killpg(process.pid, signal.SIGKILL)  # its session: the kernel and what it has started
            else:
                process.kill()
        strays.end(started)


def environment() -> dict[str, str]:
    """Return the environment of a kernel: ours, with one thread unless told otherwise, and data named absolutely.

    Models as small as those of the course gain nothing from several threads, and threads of processes that run at
    once wait for each other. What an unattended run solves is not recorded as the user's.
    """
    threads = os.environ.get(THREAD_VARIABLES[0], "1")
    env = dict.fromkeys(THREAD_VARIABLES, threads) | os.environ
    if env.get(DATA_VARIABLE):  # a kernel may run in another folder
        env[DATA_VARIABLE] = os.path.abspath(os.path.expanduser(env[DATA_VARIABLE]))
    env["MLDRL_LITE_PROGRESS"] = ""
    env[strays.MARK] = strays.new_mark()
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
        if said := next((line for line in lines(words) if line.startswith(COLD)), ""):
            _say_once(said)


@cache
def _say_once(line: str) -> None:
    tqdm.write(line, file=STANDARD_ERROR)


def end_kernels(owner: int | None = None) -> None:
    """Kill every kernel that this process drives; whoever waits for one gets an error within a second.

    Args:
        owner: only those that this thread drives.
    """
    for kernel in list(Kernel._alive):
        if owner in (None, kernel.owner):
            kernel.end()


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


def lines(words: IO[bytes]) -> list[str]:
    """Return what a kernel's process has written, line by line."""
    words.seek(0)
    return [line.strip() for line in words.read().decode(errors="replace").split("\n")]
