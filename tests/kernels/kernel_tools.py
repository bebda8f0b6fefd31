"""Kernels as a client sees them, and a folder of warm kernels of the tests' own, as fixtures."""

import contextlib
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from jupyter_client.manager import KernelManager
from waiting import PATIENCE, wait_until

from mldrl_lite.kernels import COLD
from mldrl_lite.kernels.kernelspec import NAME, install


class Runtime:
    """A folder of sockets of the tests' own, and the processes that belong to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def processes(self) -> list[psutil.Process]:
        """The forking processes and their kernels: a fork keeps the command line, which names the folder."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if str(self.folder) in process.cmdline():
                    found.append(process)
        return found

    def forking(self) -> psutil.Process:
        own = {process.pid for process in self.processes()}
        [process] = [process for process in self.processes() if process.ppid() not in own]
        return process

    def stop(self) -> None:
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(self.processes(), timeout=PATIENCE)


class Kernel:
    """A kernel as a client sees it."""

    def __init__(self, name: str = NAME, **launch: object) -> None:
        self.manager = KernelManager(kernel_name=name, transport_encryption="auto")
        self.manager.start_kernel(**launch)
        self.client = self.manager.client()
        self.client.start_channels()
        self.wait()

    def wait(self) -> None:
        self.client.wait_for_ready(timeout=PATIENCE)

    def run(self, code: str) -> str:
        """Run code; return what it prints, or raise what it raises."""
        printed = []

        def keep(message: dict) -> None:
            if message["msg_type"] == "stream":
                printed.append(message["content"]["text"])

        reply = self.client.execute_interactive(textwrap.dedent(code), output_hook=keep, timeout=PATIENCE)["content"]
        if reply["status"] != "ok":
            raise RuntimeError("\n".join(reply["traceback"]))
        return "".join(printed).strip()

    def process(self) -> psutil.Process:
        return psutil.Process(int(self.run("import os; print(os.getpid())")))

    def stop(self) -> None:
        self.client.stop_channels()
        if self.manager.has_kernel:
            self.manager.shutdown_kernel()


def is_gone(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@contextlib.contextmanager
def own_runtime(folder: Path, **variables: str) -> Iterator[Runtime]:
    runtime = Runtime(folder / "run")
    with pytest.MonkeyPatch.context() as patch:
        install(folder)
        patch.setenv("JUPYTER_PATH", str(folder / "share" / "jupyter"))
        patch.setenv("MLDRL_LITE_KERNELS", str(runtime.folder))
        patch.setenv("MLDRL_LITE_KERNELS_IDLE", "600")
        patch.setenv("OMP_NUM_THREADS", "1")
        for name, value in variables.items():
            patch.setenv(name, value)
        try:
            yield runtime
        finally:
            runtime.stop()


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    """A runtime whose forking process imports nothing but ipykernel."""
    with own_runtime(tmp_path, MLDRL_LITE_KERNELS_PRELOAD="") as own:
        yield own


@pytest.fixture
def kernel(runtime: Runtime) -> Iterator[Kernel]:
    own = Kernel()
    yield own
    own.stop()


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    """A runtime whose forking process imports what the course's notebooks import, and has done so.

    On a busy machine that may take so long that the first kernels start cold.
    """
    with own_runtime(tmp_path_factory.mktemp("course")) as own:
        wait_until(a_warm_kernel_starts)
        yield own


def a_warm_kernel_starts() -> bool:
    own = Kernel()
    try:
        return own.process().pid != own.manager.provisioner.pid
    finally:
        own.stop()


@pytest.fixture
def course_kernel(course: Runtime) -> Iterator[Kernel]:
    own = Kernel()
    yield own
    own.stop()


@pytest.fixture
def cold_start(capfd: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """Start a kernel, see that it is a plain one that works, and return what was said."""

    def start() -> str:
        capfd.readouterr()
        kernel = Kernel()
        try:
            assert kernel.run("print(6 * 7)") == "42"
            assert kernel.process().pid == kernel.manager.provisioner.pid
        finally:
            kernel.stop()
        [said] = [line for line in capfd.readouterr().err.splitlines() if line.startswith(COLD)]
        return said

    return start


@pytest.fixture
def planted(tmp_path: Path) -> Callable[[str], contextlib.AbstractContextManager[Runtime]]:
    """Give runtimes whose forking process imports a module `planted` of the given source, and `colorsys` after it."""

    def plant(source: str) -> contextlib.AbstractContextManager[Runtime]:
        (tmp_path / "planted.py").write_text(textwrap.dedent(source))
        return own_runtime(tmp_path, MLDRL_LITE_KERNELS_PRELOAD="planted, colorsys", PYTHONPATH=str(tmp_path))

    return plant
