"""An end that is asked for, or forced: sweeps end soon, with their table, and leave no process behind."""

import os
import shlex
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from processes import at_work_in, started
from waiting import PATIENCE, wait_until

from mldrl_lite.kernels.kernelspec import default_kernel
from mldrl_lite.runs import sweep
from mldrl_lite.runs.process import limits
from mldrl_lite.runs.process.interrupts import heard_between_steps
from mldrl_lite.runs.process.kernel import Kernel

# The parent of a sweep whose runs are pretended: they say that they have begun, and take their time.
PRETENDED = """
import sys, time
from pathlib import Path
from types import SimpleNamespace
from mldrl_lite.__main__ import main
from mldrl_lite.runs import launch

def run(node, copy, parameters, **_):
    Path("begun").touch()
    time.sleep(0.05)
    return ""

launch.execute_notebook = run
sys.exit(main(sys.argv[1:]))
"""
ORPHAN = """
import subprocess, sys, os
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
if os.fork() == 0:
    os.setsid()
    import time
    time.sleep(600)
open("begun", "w").close()
"""


def make(folder: Path, *cells: str, parameters: str = "n = 1") -> Path:
    first = new_code_cell(parameters, metadata={"tags": ["parameters"]})
    nbformat.write(new_notebook(cells=[first, *map(new_code_cell, cells)]), folder / "page.ipynb")
    return folder / "page.ipynb"


@pytest.mark.parametrize(
    ("number", "last"), [(signal.SIGINT, (49, 49, 39)), (signal.SIGTERM, (9, 9, 9)), (signal.SIGHUP, (9, 9, 9))]
)
def test_a_hundred_thousand_points_or_a_thousand_end_with_their_table_when_asked_to(
    tmp_path: Path, number: int, last: tuple[int, int, int]
):
    make(tmp_path, "pass", parameters="n = 1\nm = 1\nk = 1")
    grid = [word for name, end in zip("nmk", last, strict=True) for word in ("-p", name, f"0..{end}")]
    with started(tmp_path, "-c", PRETENDED, "sweep", "page.ipynb", *grid, "-j", "2", "-o", "out") as process:
        wait_until(lambda: any((tmp_path / "out").glob("n=*")))
        process.send_signal(number)
        printed = process.communicate(timeout=PATIENCE)[0]
    assert process.returncode == 128 + number
    assert " ok in out" in printed
    assert (tmp_path / "out" / "results.csv").is_file()


CLOSED = """
import os, pty, sys, time
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.executable, [sys.executable, "-c", *sys.argv[1:]])
while not os.path.exists("begun"):
    time.sleep(0.02)
os.close(terminal)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="this system has no such terminals")
def test_a_terminal_that_is_closed_ends_a_sweep_as_its_signal_does(tmp_path: Path):
    make(tmp_path, "pass")
    sweep = ["sweep", "page.ipynb", "-p", "n", "0..999", "-o", "out"]
    closing = subprocess.run([sys.executable, "-c", CLOSED, PRETENDED, *sweep], cwd=tmp_path, timeout=120)
    assert closing.returncode == 128 + signal.SIGHUP
    assert (tmp_path / "out" / "results.csv").is_file()


@pytest.mark.parametrize("kernel", sorted({"python3", default_kernel()}))
def test_nothing_that_a_notebook_started_outlives_an_interrupt(tmp_path: Path, kernel: str):
    make(tmp_path, ORPHAN, "import time; time.sleep(600)")
    command = ["-m", "mldrl_lite", "sweep", "page.ipynb", "-o", "out", "--kernel", kernel]
    with started(tmp_path, *command) as process:
        wait_until((tmp_path / "begun").exists)
        assert len(at_work_in(tmp_path)) > 3
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=PATIENCE) == 143
    wait_until(lambda: at_work_in(tmp_path) == [])


@pytest.mark.parametrize("kernel", sorted({"python3", default_kernel()}))
def test_nothing_that_a_notebook_started_outlives_its_run(tmp_path: Path, kernel: str):
    rows = sweep(make(tmp_path, ORPHAN), {}, tmp_path / "out", kernel=kernel, progress=False)
    assert rows["status"].tolist() == ["ok"]
    wait_until(lambda: at_work_in(tmp_path) == [])


def test_a_signal_waits_for_the_end_of_a_step_and_then_reaches_its_own_handler():
    woken, seen = [], []
    before = signal.signal(signal.SIGTERM, lambda number, _: seen.append(number))
    try:
        with heard_between_steps(lambda: woken.append(1)) as interrupts:
            os.kill(os.getpid(), signal.SIGTERM)
            interrupts.number, held = 0, interrupts.number
            interrupts.check()
            interrupts.number = held
            assert (woken, seen) == ([1], [])
            with pytest.raises(KeyboardInterrupt):
                interrupts.check()
    finally:
        signal.signal(signal.SIGTERM, before)
    assert seen == [signal.SIGTERM]


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="this system has no groups of processes")
def test_the_number_of_a_kernel_that_has_ended_is_left_alone(monkeypatch: pytest.MonkeyPatch):
    ended = []
    monkeypatch.setattr(os, "killpg", lambda number, _: ended.append(number))
    kernel = Kernel(kernel_name="python3")
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        kernel.provisioner = SimpleNamespace(process=process)
        kernel.end()
    assert process.wait(timeout=PATIENCE) is not None
    kernel.end()
    assert ended == [process.pid]


# ---------------------------------------------------------------------------------------------------------------------
# Limits, and kernels that die


ENDINGS = {
    "import os; os.kill(os.getpid(), 9)": "killed by signal 9 (SIGKILL): usually the system was out of memory",
    "import os; os._exit(7)": "its process exited with status 7",
    "import ctypes; ctypes.string_at(0)": "killed by signal 11 (SIGSEGV): compiled code has crashed",
}


@pytest.mark.parametrize("code", ENDINGS)
def test_a_kernel_that_dies_says_how_and_in_which_cell(tmp_path: Path, code: str):
    rows = sweep(make(tmp_path, "pass", code, "pass"), {}, tmp_path / "out", progress=False)
    assert rows["error"][0].startswith(f"the kernel died in cell In [3]: {ENDINGS[code]}")


def test_a_run_that_takes_too_long_or_too_much_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    slow = make(tmp_path, "open('begun', 'w').close(); import time; time.sleep(600)")
    with monkeypatch.context() as patch:  # its time is up as soon as it is in that cell, however busy the machine
        patch.setattr(limits, "time", SimpleNamespace(monotonic=lambda: 4.0 * (tmp_path / "begun").exists()))
        rows = sweep(slow, {}, tmp_path / "out", timeout=3, retries=1, progress=False)
    assert rows["error"].tolist() == ["it took more than --timeout 3 seconds, in cell In [2]"]
    large = make(tmp_path, "held = bytearray(10**9)", "import time; time.sleep(600)")
    rows = sweep(large, {}, tmp_path / "out", memory=700, progress=False)
    assert "MB of memory, more than --memory 700, in cell In [" in rows["error"][0]


FORKS = """import os, time
held = b"x" * 200_000_000
if os.fork():
    print("ready", flush=True)
time.sleep(600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell what processes share")
def test_memory_that_forked_processes_share_counts_once():
    with subprocess.Popen([sys.executable, "-c", FORKS], stdout=subprocess.PIPE, start_new_session=True) as process:
        try:
            process.stdout.readline()
            assert limits.memory_of(process.pid) > 400
            assert 200 < limits.memory_of(process.pid, once=True) < 300
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def test_only_a_run_whose_kernel_died_is_tried_again(tmp_path: Path):
    count = "with open('tries', 'a') as file:\n    file.write('x')\n"
    dies = make(tmp_path, textwrap.dedent(count) + "if len(open('tries').read()) < 3:\n    import os; os._exit(1)")
    rows = sweep(dies, {}, tmp_path / "out", retries=2, progress=False)
    assert rows["status"].tolist() == ["ok"]
    (tmp_path / "tries").unlink()
    rows = sweep(make(tmp_path, count + "1 / 0"), {}, tmp_path / "out", retries=2, progress=False)
    assert rows["status"].tolist() == ["failed"]
    assert (tmp_path / "tries").read_text() == "x"


def test_the_number_of_open_files_is_seen_to_before_anything_starts(monkeypatch: pytest.MonkeyPatch):
    resource = pytest.importorskip("resource")
    asked = []
    monkeypatch.setattr(resource, "setrlimit", lambda _, both: asked.append(both))
    monkeypatch.setattr(resource, "getrlimit", lambda _: (64, 100_000))
    limits.allow_files(4)
    [(soft, hard)] = asked
    assert 64 < soft <= hard == 100_000
    monkeypatch.setattr(resource, "getrlimit", lambda _: (64, 64))
    with pytest.raises(limits.InputError, match=r"-j 4 .* this system allows 64 \(ulimit -n\): give a smaller number"):
        limits.allow_files(4)
    with pytest.raises(limits.InputError, match=r"A run takes some \d+ open files, and this system allows 64"):
        limits.allow_files(1)


@pytest.mark.skipif(sys.platform == "win32", reason="this system does not limit the number of open files")
@pytest.mark.parametrize("command", ["run", "sweep", "course", "store", "search"])
def test_too_few_open_files_for_a_kernel_are_told_before_anything_starts(tmp_path: Path, command: str):
    pytest.importorskip("optuna")
    more = ["-p", "n", "1..9", "--maximize", "score"] if command == "search" else []
    words = [sys.executable, "-m", "mldrl_lite", command, str(make(tmp_path, "pass")), *more]
    limited = f"ulimit -n 64; exec {shlex.join(words)}"
    done = subprocess.run(["/bin/sh", "-c", limited], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert "this system allows 64 (ulimit -n): raise that limit." in done.stderr.splitlines()[-1]
