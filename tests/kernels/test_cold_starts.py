"""Whatever fails before a warm kernel runs costs only the warmth: a plain kernel takes its place, and says why once."""

# ruff: noqa: F811 (a fixture is imported, and is an argument)

import contextlib
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import nbformat
import pytest
from jupyter_client.manager import KernelManager
from kernel_tools import Kernel, Runtime, cold_start, own_runtime, planted, runtime  # noqa: F401 (fixtures)
from waiting import PATIENCE, wait_until

from mldrl_lite.kernels import kernelspec
from mldrl_lite.kernels import standin as warm
from mldrl_lite.kernels.kernelspec import NAME, default_kernel, install
from mldrl_lite.runs import launch
from mldrl_lite.runs.process.kernel import _say_once

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="warm kernels need Linux")
Plant = Callable[[str], contextlib.AbstractContextManager[Runtime]]
APP = "import os, signal, sys, types; from ipykernel.kernelapp import IPKernelApp as App; "
FAULTS = {
    # what a module that is imported before the fork breaks, and what is said of it
    "right after the fork": (
        APP + "real = signal.set_wakeup_fd; signal.set_wakeup_fd = lambda fd, **o: sys.exit(4) if fd < 0 else real(fd)",
        "status 4",
    ),
    "before it has a session": (APP + "os.setsid = lambda: 1 / 0", "ZeroDivisionError"),
    "a torch that lacks what we use": (APP + "sys.modules['torch'] = types.ModuleType('torch')", "default_generator"),
    "an ipykernel that lacks it": (APP + "del App.init_poller", "has no init_poller"),
    "an exception in ipykernel": (APP + "App.init_heartbeat = lambda self: 1 / 0", "ZeroDivisionError"),
    "an exit": (APP + "App.init_kernel = lambda self: sys.exit(3)", "SystemExit(3)"),
    "a death with the ports in use": (APP + "App.init_extensions = lambda self: os._exit(5)", "exit status 5"),
    "a crash": (APP + "App.init_code = lambda self: os.kill(os.getpid(), signal.SIGSEGV)", "signal 11"),
    "as its loop begins": (APP + "App.start = lambda self: None", "exit status 0"),
    "in the forking process": ("import gc; gc.freeze = lambda: 1 / 0", "forks kernels failed: ZeroDivisionError"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_fails_before_a_kernel_runs_costs_only_the_warmth(
    fault: str, planted: Plant, cold_start: Callable[[], str]
) -> None:
    source, said = FAULTS[fault]
    with planted(source) as runtime:
        assert said in cold_start()
        assert len(runtime.processes()) == 1  # the forking process: no half-made kernel is left


def test_a_kernel_that_hangs_before_it_runs_is_given_up() -> None:
    ours, theirs = socket.socketpair()
    hung = subprocess.Popen(["sleep", "600"], start_new_session=True)
    before = {number: signal.getsignal(number) for number in signal.valid_signals()}
    try:
        stand_in = warm.StandIn(ours, hung.pid)
        with ours, theirs, pytest.raises(warm.ColdStartError, match="was not ready in"):
            stand_in.wait_until_ready(0.1)
        assert hung.wait(PATIENCE) == -signal.SIGKILL
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) is not handler:
                signal.signal(number, handler)


def test_a_kernel_that_is_told_to_end_before_it_runs_ends(planted: Plant, capfd: pytest.CaptureFixture[str]) -> None:
    with planted(APP + "import time; App.init_kernel = lambda self: time.sleep(600)") as runtime:
        manager = KernelManager(kernel_name=NAME, transport_encryption="auto")
        manager.start_kernel()
        wait_until(lambda: len(runtime.processes()) == 2)
        manager.provisioner.process.terminate()
        assert manager.provisioner.process.wait(timeout=PATIENCE) == -signal.SIGTERM
        wait_until(lambda: len(runtime.processes()) == 1)
        manager.cleanup_resources()
    assert warm.COLD not in capfd.readouterr().err


@pytest.mark.parametrize(
    "leaves",
    [
        "import threading, time; threading.Thread(target=time.sleep, args=(600,), daemon=True).start()",
        "import subprocess; subprocess.Popen(['sleep', '5'])",
    ],
)
def test_a_module_that_leaves_what_no_fork_may_share_is_left_out(leaves: str, planted: Plant) -> None:
    with planted(leaves) as runtime:
        kernel = Kernel()
        assert kernel.run("import sys; print('planted' in sys.modules, 'colorsys' in sys.modules)") == "False True"
        assert kernel.process().pid != kernel.manager.provisioner.pid
        [log] = runtime.folder.glob("*.log")
        assert "planted has started a" in log.read_text()
        kernel.stop()


@pytest.mark.skipif(not find_spec("pyarrow"), reason="PyArrow is not installed")
def test_pyarrow_is_shared_without_its_thread(tmp_path: Path) -> None:
    with own_runtime(tmp_path, MLDRL_LITE_KERNELS_PRELOAD="pandas") as runtime:
        kernel = Kernel()
        assert kernel.run("import sys; print('pyarrow' in sys.modules)") == "True"
        assert runtime.forking().num_threads() == 1
        assert kernel.run("import os; print('JE_ARROW_MALLOC_CONF' in os.environ)") == "False"
        kernel.stop()


def test_log_handlers_of_every_kind_write_into_the_notebook(planted: Plant) -> None:
    source = """
        import logging, sys

        class Holds(logging.Handler):
            stream = None

            def emit(self, record):
                self.stream.write(f"{type(self).__name__} {record.getMessage()}\\n")

        class Follows(Holds):  # as torch's own does from 2.14 on
            @property
            def stream(self):
                return sys.stderr

        holds = Holds()
        holds.stream = sys.stdout
        log = logging.getLogger("planted")
        log.handlers = [holds, Follows(), logging.StreamHandler()]
    """
    with planted(source):
        said = []
        for name in (NAME, "python3"):
            kernel = Kernel(name)
            said.append(kernel.run("import planted; planted.log.warning('was here')").splitlines())
            kernel.stop()
    assert sorted(said[0]) == sorted(said[1]) == ["Follows was here", "Holds was here", "was here"]


def test_a_forking_process_that_cannot_start_costs_only_the_warmth(
    planted: Plant, cold_start: Callable[[], str]
) -> None:
    with planted("import os; os._exit(1)"):
        assert "ended five times before it answered" in cold_start()


def test_a_folder_that_others_can_use_is_refused(runtime: Runtime, cold_start: Callable[[], str]) -> None:
    runtime.folder.mkdir(mode=0o755)
    runtime.folder.chmod(0o755)
    assert "is not yours alone" in cold_start()
    assert list(runtime.folder.iterdir()) == []


def test_a_matplotlibrc_in_the_folder_is_honoured(
    runtime: Runtime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cold_start: Callable[[], str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("matplotlibrc").touch()
    assert "matplotlibrc" in cold_start()


def test_a_missing_module_does_no_harm(tmp_path: Path) -> None:
    with own_runtime(tmp_path, MLDRL_LITE_KERNELS_PRELOAD="no_such_module, colorsys") as runtime:
        kernel = Kernel()
        assert kernel.run("import sys; print('colorsys' in sys.modules)") == "True"
        [log] = runtime.folder.glob("*.log")
        assert "no_such_module is not imported" in log.read_text()
        kernel.stop()


def test_default_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLDRL_LITE_KERNEL", raising=False)
    monkeypatch.setattr(kernelspec.sys, "prefix", str(tmp_path))
    assert default_kernel() == "python3"
    assert install() == tmp_path / "share" / "jupyter" / "kernels" / NAME
    assert default_kernel() == NAME
    monkeypatch.setenv("MLDRL_LITE_KERNEL", "python3")
    assert default_kernel() == "python3"


def test_whoever_runs_notebooks_hears_once_of_cold_starts(
    runtime: Runtime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("matplotlibrc").touch()
    _say_once.cache_clear()
    for _ in range(2):
        assert launch.execute_notebook(nbformat.v4.new_notebook(), tmp_path / "copy.ipynb", {}, kernel=NAME) == ""
    assert capsys.readouterr().err.count("this kernel starts cold, because Matplotlib reads") == 1


def test_a_relative_folder_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLDRL_LITE_KERNELS", "here")
    assert warm.runtime_folder() == str(tmp_path / "here")
