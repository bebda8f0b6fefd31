"""Warm kernels behave as `python3` does, start anew when they must, and leave nothing behind."""

# ruff: noqa: F811 (a fixture is imported, and is an argument)

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import nbformat
import psutil
import pytest
from kernel_tools import Kernel, Runtime, course, course_kernel, is_gone, kernel, own_runtime, runtime  # noqa: F401 (fixtures)
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError
from waiting import PATIENCE, wait_until

from mldrl_lite.kernels.kernelspec import NAME, start_kernels

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="warm kernels need Linux")


# --- what a kernel is like ------------------------------------------------------------------------------------------

STATE = """
import json, logging, os, resource, signal, sys, threading, warnings
IMPORTS
state = {
    "arguments": [sys.executable, sys.argv[:-1], sys.orig_argv[:-1]],
    "environment": {name: value for name, value in os.environ.items() if name != "JPY_PARENT_PID"},
    "folder": os.getcwd(),
    "umask": [os.umask(0), os.umask(0o27)][0],
    "path": sys.path,
    "flags": str(sys.flags),
    "own session and group": os.getpid() == os.getsid(0) == os.getpgid(0),
    "no terminal, no extra thread": threading.main_thread() is threading.current_thread(),
    "signals": {str(s): str(signal.getsignal(s)).split(" at ")[0] for s in signal.valid_signals()},
    "blocked": list(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
    "limits": resource.getrlimit(resource.RLIMIT_NOFILE),
    "nice": os.nice(0),
    "warnings": [[f[0], str(f[1]), f[2].__name__, str(f[3]), f[4]] for f in warnings.filters],
    "handlers": {
        name: [type(getattr(handler, "stream", None)).__name__ for handler in logger.handlers]
        for name, logger in logging.root.manager.loggerDict.items() if getattr(logger, "handlers", [])
    },
    "shell": [type(get_ipython()).__name__, list(get_ipython().config), sys.ps1, sys.stdout.encoding],
    "callbacks": {e: [f.__qualname__ for f in fs] for e, fs in get_ipython().events.callbacks.items()},
    "streams": [type(sys.stdout).__name__, type(sys.stderr).__name__, sys.__stdout__.line_buffering],
}
EXTRA
print(json.dumps(state))
"""


def state(name: str, imports: str = "", extra: str = "", **launch: object) -> dict:
    own = Kernel(name, **launch)
    try:
        return json.loads(own.run(STATE.replace("IMPORTS", imports).replace("EXTRA", extra)))
    finally:
        own.stop()


def test_a_second_client_gets_its_own_folder_environment_and_umask(runtime: Runtime, tmp_path: Path) -> None:
    def look(name: str) -> dict:
        environment = {**os.environ, "COLOUR": "gr\udcfcn", "CUDA_VISIBLE_DEVICES": "1"}
        return state(name, env=environment, cwd=str(folder), umask=0o077)

    (folder := tmp_path / "elsewhere").mkdir()
    # The first one starts the forking process, in another folder, environment and umask.
    first = state(NAME, env={**os.environ, "ONLY_THE_FIRST": "1"})
    assert (first["folder"], "COLOUR" in first["environment"]) == (os.getcwd(), False)
    warm, forked_by = look(NAME), runtime.forking()
    assert warm == look("python3")
    assert (warm["folder"], warm["umask"], warm["environment"]["COLOUR"]) == (str(folder), 0o077, "gr\udcfcn")
    assert forked_by.cwd() == "/"
    assert list(folder.iterdir()) == []


def test_a_kernel_with_the_courses_imports_is_as_if_they_were_made_in_a_cell(course: Runtime) -> None:
    imports = """
import matplotlib.pyplot as plt, pandas, sklearn.datasets, sklearn.linear_model, ipywidgets
import torch, torch.utils.tensorboard, torchmetrics, pytorch_lightning, pytorch_lightning.loggers
from pytorch_lightning.callbacks.progress.tqdm_progress import Tqdm
from lightning_fabric.utilities import imports as fabric
import threadpoolctl
"""
    extra = """
state["bars"] = str(Tqdm.__mro__)
state["interactive"] = getattr(fabric, "_IS_INTERACTIVE", None)
state["backend"] = [plt.get_backend(), str(plt.rcParams["figure.dpi"]), plt.isinteractive()]
state["comms"] = sorted(get_ipython().kernel.comm_manager.targets)
state["columns"] = __import__("pandas").get_option("display.max_columns")
state["threads"] = [torch.get_num_threads(), sorted(p["num_threads"] for p in threadpoolctl.threadpool_info())]
state["start method"] = torch.multiprocessing.get_start_method()
"""
    assert state(NAME, imports, extra) == state("python3", imports, extra)


def test_as_many_threads_as_asked_for(tmp_path: Path) -> None:
    code = """
        import numpy, threadpoolctl
        assert (numpy.ones((500, 500)) @ numpy.ones((500, 500)) == 500).all()
        print([pool["num_threads"] for pool in threadpoolctl.threadpool_info()])
    """
    with own_runtime(tmp_path, MLDRL_LITE_KERNELS_PRELOAD="numpy", OMP_NUM_THREADS="2") as runtime:
        warm, plain = Kernel(), Kernel("python3")
        assert warm.run(code) == plain.run(code)
        assert runtime.forking().num_threads() == 1
        warm.stop()
        plain.stop()


def test_pictures_logs_and_bars_reach_the_notebook(course: Runtime) -> None:
    code = """
        import logging, sys
        import matplotlib.pyplot as plt
        from pytorch_lightning.callbacks.progress.tqdm_progress import Tqdm
        plt.plot([1, 2]);
        logging.getLogger("pytorch_lightning").info("said by Lightning")
        bar = Tqdm(total=1)
    """
    found = []
    for name in (NAME, "python3"):
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(textwrap.dedent(code))])
        NotebookClient(notebook, timeout=PATIENCE, kernel_name=name).execute()
        found.append([(o.output_type, o.get("name"), sorted(o.get("data", {}))) for o in notebook.cells[0].outputs])
    assert sorted(map(str, found[0])) == sorted(map(str, found[1]))
    assert {"image/png", "application/vnd.jupyter.widget-view+json"} <= {kind for o in found[0] for kind in o[2]}


def test_each_kernel_has_randomness_of_its_own(course: Runtime) -> None:
    code = """
        import multiprocessing, random, numpy, torch
        key = multiprocessing.current_process().authkey.hex()
        print(random.random(), numpy.random.random(), torch.initial_seed(), key)
    """
    drawn = []
    for _ in range(2):
        drawn.append((own := Kernel()).run(code).split())
        own.stop()
    assert all(one != other for one, other in zip(*drawn, strict=True))


def test_the_forking_process_is_one_thread_without_a_gpu_and_says_nothing(
    course_kernel: Kernel, course: Runtime
) -> None:
    process = course.forking()
    assert process.num_threads() == 1
    assert not [file for file in os.listdir(f"/proc/{process.pid}/fd") if "nvidia" in file]
    assert [file.read_text() for file in course.folder.glob("*.log")] == [""] * len(list(course.folder.glob("*.log")))
    assert course_kernel.run("import sys; print('pytorch_lightning' in sys.modules, 'mldrl_lite' in sys.modules)") == (
        "True False"
    )


def test_workers_and_forked_ddp_work_inside(course: Runtime, tmp_path: Path, meeting_port: int) -> None:
    (tmp_path / "numbers_of_mine.py").write_text(
        "from torch.utils.data import Dataset\n"
        "class Numbers(Dataset):\n"
        "    def __len__(self): return 8\n"
        "    def __getitem__(self, i): return float(i)\n"
    )
    kernel = Kernel(cwd=str(tmp_path))
    printed = kernel.run("""
        import warnings
        warnings.simplefilter("ignore")
        from numbers_of_mine import Numbers
        import torch
        from torch import nn
        from torch.utils.data import DataLoader
        from pytorch_lightning import LightningModule, Trainer
        for method in ("fork", "forkserver", "spawn"):
            loader = DataLoader(Numbers(), 4, num_workers=2, multiprocessing_context=method)
            print(method, sum(batch.sum().item() for batch in loader))

        class Line(LightningModule):
            def __init__(self):
                super().__init__()
                self.layer = nn.Linear(1, 1)
            def training_step(self, batch):
                return self.layer(batch.float()[:, None]).mean()
            def configure_optimizers(self):
                return torch.optim.SGD(self.parameters(), 0.1)

        quiet = dict(logger=False, enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False)
        for strategy in ("ddp_fork", "ddp_notebook"):
            trainer = Trainer(accelerator="cpu", devices=2, strategy=strategy, max_epochs=1, **quiet)
            line = Line()
            before = line.layer.weight.item()
            trainer.fit(line, DataLoader(Numbers(), 2))
            met = trainer.strategy.cluster_environment.main_port
            print(strategy, trainer.world_size, line.layer.weight.item() != before, met)
    """)
    kernel.stop()
    fits = [f"{strategy} 2 True {meeting_port}" for strategy in ("ddp_fork", "ddp_notebook")]
    for line in ("fork 28.0", "forkserver 28.0", "spawn 28.0", *fits):
        assert line in printed


def test_traffic_is_encrypted(kernel: Kernel) -> None:
    assert kernel.manager.get_connection_info()["curve_publickey"]
    assert kernel.run("print(get_ipython().parent.parent.curve_secretkey is not None)") == "True"


# --- life and death -------------------------------------------------------------------------------------------------


def test_interrupt_restart_and_shutdown(runtime: Runtime, tmp_path: Path) -> None:
    kernel = Kernel()
    sleep = "    time.sleep(600)\nexcept KeyboardInterrupt:\n    caught = True"
    asked = kernel.client.execute(f"import time\ntry:\n    open({str(tmp_path / 'asleep')!r}, 'w').close()\n{sleep}")
    wait_until((tmp_path / "asleep").exists)
    kernel.manager.interrupt_kernel()
    wait_until(lambda: kernel.client.get_shell_msg(timeout=PATIENCE)["parent_header"]["msg_id"] == asked)
    assert kernel.run("print(caught)") == "True"
    first = kernel.process()
    kernel.run(f"import atexit, pathlib; _ = atexit.register(pathlib.Path({str(tmp_path / 'bye')!r}).touch)")
    kernel.manager.restart_kernel()
    kernel.wait()
    second = kernel.process()
    assert (tmp_path / "bye").is_file()
    assert is_gone(first)
    assert second.pid != first.pid
    kernel.stop()
    assert is_gone(second)
    assert runtime.processes() == [runtime.forking()]


def test_a_kernel_that_is_stuck_is_replaced(kernel: Kernel, tmp_path: Path) -> None:
    stuck, begun = kernel.process(), tmp_path / "begun"
    # It holds Python's lock: no thread of the kernel can end it.
    kernel.client.execute(f"open({str(begun)!r}, 'w').close(); sum(range(10**12))")
    wait_until(begun.exists)
    kernel.manager.restart_kernel(now=True)
    kernel.wait()
    assert is_gone(stuck)


def test_a_restarted_kernel_waits_until_its_predecessor_has_left_the_ports(kernel: Kernel) -> None:
    port = kernel.manager.shell_port
    kernel.manager.shutdown_kernel(restart=True)
    with socket.create_server(("127.0.0.1", port)):
        kernel.manager.cache_ports = False
        kernel.manager.start_kernel()
        time.sleep(1.5)
        assert kernel.manager.is_alive()
    kernel.wait()
    assert kernel.manager.shell_port == port


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # nbclient leaves its sockets open
def test_a_killed_kernel_is_reported(runtime: Runtime) -> None:
    cell = nbformat.v4.new_code_cell("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    with pytest.raises(DeadKernelError):
        NotebookClient(nbformat.v4.new_notebook(cells=[cell]), timeout=PATIENCE, kernel_name=NAME).execute()
    kernel = Kernel()
    kernel.client.execute("import os; os._exit(3)")
    wait_until(lambda: not kernel.manager.is_alive())
    assert kernel.manager.provisioner.process.wait(timeout=PATIENCE) == 3
    kernel.stop()


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM])
def test_the_process_that_jupyter_knows_takes_the_kernel_with_it(kernel: Kernel, signum: int) -> None:
    child = kernel.run("""
        import subprocess, sys
        print(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]).pid)
    """)
    ours = [kernel.process(), psutil.Process(int(child))]
    kernel.manager.provisioner.process.send_signal(signum)
    wait_until(lambda: all(is_gone(process) for process in ours))
    assert kernel.manager.provisioner.process.wait(timeout=PATIENCE) == -signum


def test_a_kernel_dies_with_its_manager(runtime: Runtime) -> None:
    script = """
        import time
        from jupyter_client.manager import start_new_kernel
        manager, client = start_new_kernel(kernel_name="mldrl-lite")
        print("up", flush=True)
        time.sleep(600)
    """
    manager = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE)
    assert manager.stdout.readline() == b"up\n"
    manager.kill()
    manager.wait()
    manager.stdout.close()
    wait_until(lambda: len(runtime.processes()) == 1)


def test_a_kernel_outlives_the_forking_process_and_the_next_start_makes_a_new_one(
    kernel: Kernel, runtime: Runtime
) -> None:
    (first := runtime.forking()).kill()
    wait_until(lambda: is_gone(first))
    start_kernels(1)
    assert kernel.run("print(6 * 7)") == "42"
    assert kernel.manager.is_alive()
    process = kernel.process()
    kernel.stop()
    wait_until(lambda: is_gone(process))
    assert runtime.forking().pid != first.pid


def test_eight_at_once_share_one_forking_process(runtime: Runtime) -> None:
    ask = """
        import sys, time
        from mldrl_lite.kernels import standin as warm
        folder, name = warm.runtime_folder(), warm.key()
        time.sleep(max(0, float(sys.argv[1]) - time.time()))
        warm._connect(folder, name, 300)
    """
    command = [sys.executable, "-P", "-c", textwrap.dedent(ask), str(time.time() + 2)]
    for client in [subprocess.Popen(command) for _ in range(8)]:
        assert client.wait(timeout=PATIENCE) == 0
    assert len(runtime.processes()) == 1
    start_kernels(8, at_once=8)
    assert runtime.processes() == [runtime.forking()]


def test_no_start_is_lost_when_forking_processes_are_killed(runtime: Runtime) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        starts = pool.submit(start_kernels, 12, 4)
        while not starts.done():
            for process in runtime.processes():
                # A kernel leads a session of its own. One whose forking process was killed goes on.
                with contextlib.suppress(psutil.Error, ProcessLookupError):
                    if os.getsid(process.pid) != process.pid:
                        process.kill()
            time.sleep(1.5)
        assert len(starts.result()) == 12
    wait_until(lambda: len(runtime.processes()) <= 1)


def test_starts_leave_no_process_no_descriptor_and_no_memory(runtime: Runtime) -> None:
    start_kernels(3)
    process = runtime.forking()
    before = process.num_fds(), process.memory_full_info().uss
    start_kernels(12, at_once=2)
    assert runtime.processes() == [process]
    assert process.num_fds() == before[0]
    assert process.memory_full_info().uss < before[1] + 1_000_000


# --- the forking process --------------------------------------------------------------------------------------------


def test_an_idle_forking_process_ends_and_takes_its_files(tmp_path: Path) -> None:
    with own_runtime(tmp_path, MLDRL_LITE_KERNELS_PRELOAD="", MLDRL_LITE_KERNELS_IDLE="0.5") as runtime:
        kernel = Kernel()
        time.sleep(1.5)
        assert len(runtime.processes()) == 2  # not idle: it has a kernel
        kernel.stop()
        wait_until(lambda: not runtime.processes())
        assert [file.name for file in runtime.folder.iterdir()] == ["lock"]
        start_kernels(1)


def test_a_changed_file_is_imported_anew(tmp_path: Path) -> None:
    module = tmp_path / "changing.py"
    module.write_text("value = 1")
    with own_runtime(tmp_path, MLDRL_LITE_KERNELS_PRELOAD="changing", PYTHONPATH=str(tmp_path)):
        kernel = Kernel()
        assert kernel.run("import changing; print(changing.value)") == "1"
        module.write_text("value = 22")
        other = Kernel()
        assert other.run("import changing; print(changing.value)") == "22"
        kernel.stop()
        other.stop()


def test_an_installed_package_asks_for_a_new_forking_process(runtime: Runtime, tmp_path: Path) -> None:
    (site := tmp_path / "site").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(site))
        start_kernels(2)
        assert len(runtime.processes()) == 1
        (site / "extra-1.0.dist-info").mkdir()
        start_kernels(1)
        assert len(runtime.processes()) == 2


@pytest.mark.parametrize(
    ("name", "value", "shared"),
    [
        ("CUDA_VISIBLE_DEVICES", "1", True),
        ("COLUMNS", "70", True),
        ("OMP_NUM_THREADS", "2", False),
        ("TZ", "UTC", False),
    ],
)
def test_variables_that_packages_read_at_import_need_a_forking_process_each(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch, name: str, value: str, shared: bool
) -> None:
    start_kernels(1)
    monkeypatch.setenv(name, value)
    start_kernels(1, code=f"import os; assert os.environ[{name!r}] == {value!r}")
    assert len(runtime.processes()) == (1 if shared else 2)
