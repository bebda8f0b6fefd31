"""Many runs of a notebook: what is refused, what is run, what a kill leaves, and the table and picture at the end."""

import json
import os
import pickle
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pandas as pd
import psutil
import pytest
from jupyter_client.connect import LocalPortCache
from nbformat.v4 import new_code_cell, new_notebook, new_output
from processes import at_work_in, started
from waiting import PATIENCE, wait_until

from mldrl_lite.__main__ import main
from mldrl_lite.kernels.kernelspec import default_kernel
from mldrl_lite.messages import InputError
from mldrl_lite.notebook import RESULT_TYPE
from mldrl_lite.runs import collect, launch, sweep
from mldrl_lite.runs.notebook.parameters import declared_in
from mldrl_lite.runs.process import engine
from mldrl_lite.runs.record import installed, origin, record
from mldrl_lite.runs.record.job import folder_name
from mldrl_lite.runs.record.record import read_record
from mldrl_lite.runs.sweeps import sweep as sweeps

PARAMETERS = """n = 1  # a whole number
rate = 0.1  # above 0
kind = "a"  # a name
cv: int | None = 0  # the fold
out_dir = "x"  # the folder"""

# Light on purpose: what show_result leaves, without the second that its import of pandas takes.
WORK = f"""import pathlib, time
from IPython.display import display
folder = pathlib.Path(out_dir)
(folder / "first").write_text(str(n))
time.sleep(0.2)
if n == 13:
    raise ValueError("unlucky")
(folder / "last").write_text(str(n))
values = {{"score": n * rate, "of": kind}}
display({{"text/plain": "", {RESULT_TYPE!r}: {{"headline": "h", "values": values}}}}, raw=True)"""


def make(path: Path, *cells: str, parameters: str = PARAMETERS) -> Path:
    first = new_code_cell(parameters, metadata={"tags": ["parameters"]})
    nbformat.write(new_notebook(cells=[first, *map(new_code_cell, cells or [WORK])]), path)
    return path


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    return make(tmp_path / "page.ipynb")


class Pretence:
    """Takes the place of the kernel where a test is about what surrounds it: counts runs, leaves what they would."""

    def __init__(self) -> None:
        self.parameters: list[dict[str, Any]] = []

    def __call__(self, node: nbformat.NotebookNode, copy: Path, parameters: dict[str, Any], **_: object) -> str:
        parameters = dict(parameters)
        Path(parameters.pop("out_dir"), "left").write_text("")
        self.parameters.append(parameters)
        n = parameters.get("n", 1)
        shown = {RESULT_TYPE: {"headline": "h", "values": {"score": n * parameters.get("rate", 0.1)}}}
        node.cells[-1].outputs = [] if n == 13 else [new_output("display_data", shown)]
        nbformat.write(node, copy)
        return "cell In [2]: ValueError: unlucky" if n == 13 else ""

    def runs(self, sweep_it: Callable[[], object]) -> int:
        before = len(self.parameters)
        sweep_it()
        return len(self.parameters) - before


@pytest.fixture
def pretence(monkeypatch: pytest.MonkeyPatch) -> Pretence:
    pretence = Pretence()
    monkeypatch.setattr(launch, "execute_notebook", pretence)
    return pretence


# ---------------------------------------------------------------------------------------------------------------------
# What is refused before anything starts


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["raet", "0.1"], "page takes no parameter 'raet' (did you mean 'rate'?): give n, rate, kind or cv."),
        (["n", "1.5"], "Parameter n = 1.5 cannot be used: give a whole number"),
        (["n", "1,two"], "Parameter n = 'two' cannot be used: give a whole number"),
        (["n", "None"], "Parameter n = None cannot be used"),
        (["n", "True"], "Parameter n = True cannot be used"),
        (["n", "9..0"], "give a range that goes up, such as 0..9"),
        (["rate", "fast"], "Parameter rate = 'fast' cannot be used: give a number."),
        (["out_dir", "y"], "out_dir cannot be swept"),
    ],
)
def test_a_parameter_that_does_not_fit_is_refused(notebook: Path, capsys, pretence, given: list[str], message: str):
    out = notebook.parent / "out"
    assert main(["sweep", str(notebook), "-p", "cv", "0", "-p", *given, "-o", str(out)]) == 2
    assert message in capsys.readouterr().err
    assert not out.exists()
    assert pretence.parameters == []


def test_other_inputs_that_cannot_be_used_get_a_sentence(notebook: Path, capsys: pytest.CaptureFixture[str]):
    folder = notebook.parent
    (folder / "file").write_text("")
    (folder / "full" / "n=1").mkdir(parents=True)
    cases = [
        (["sweep", str(notebook), "-o", str(folder / "file")], "Cannot write in"),
        (["sweep", str(notebook), "-j", "0"], "Parameter jobs = 0"),
        (["sweep", str(notebook), "--kernel", "python2"], "No kernel 'python2' (did you mean 'python3'?)"),
        (["sweep", str(notebook), "-p", "n", "1", "-p", "n", "2"], "n is given twice"),
        (["sweep", str(notebook), "-p", "n", "1", "-o", str(folder / "full")], "is there and is no run"),
        (["run", str(folder / "none.ipynb")], "No notebook"),
        (["collect", str(folder / "empty")], "No run in"),
    ]
    for arguments, message in cases:
        assert main(arguments) == 2
        assert message in capsys.readouterr().err


def test_texts_mean_what_the_notebook_declares():
    number, rate, text = declared_in("n: int | None = 1\nrate = 1e-3\ns: str = ''").values()
    assert number.read_several("0..3, 7,None") == [0, 1, 2, 3, 7, None]
    assert rate.read_several("1e-3,3e-3,1") == [0.001, 0.003, 1.0]
    assert all(type(value) is float for value in rate.read_several("1,2"))
    assert text.read_several("ROSMAP,WDBC") == ["ROSMAP", "WDBC"]
    assert text.read_several("""2024,0..9,"a,b",'c, d',../data,""") == ["2024", "0..9", "a,b", "c, d", "../data", ""]
    assert text.read("None") == "None"
    assert text.read("a,b") == "a,b"
    unknown = declared_in("x = None")["x"]
    assert unknown.read_several("1,None,a,0..2") == [1, None, "a", 0, 1, 2]


def test_values_of_numpy_and_paths_are_taken_and_strange_ones_refused(
    notebook: Path, pretence: Pretence, tmp_path: Path
):
    rows = sweep(notebook, {"n": np.arange(2), "kind": tmp_path, "rate": 1}, tmp_path / "out", progress=False)
    assert list(rows["n"]) == [0, 1]
    assert set(rows["kind"]) == {str(tmp_path)}
    assert [given["rate"] for given in pretence.parameters] == [1.0, 1.0]
    for value in (["3"], [[3]], [], [2024.5]):
        with pytest.raises(InputError, match="Parameter n"):
            sweep(notebook, {"n": value}, tmp_path / "out")


def test_names_of_folders_are_readable_and_safe_and_differ():
    assert folder_name({"cv": 3, "lr": 0.001, "kind": "ROSMAP", "fold": None}) == "cv=3,lr=0.001,kind=ROSMAP,fold=None"
    assert folder_name({}) == "defaults"
    texts = [
        "None",
        "3",
        "",
        ".",
        "..",
        "a/b",
        "a_b",
        "a\\b",
        "a:b",
        "é",
        "è",
        "x" * 300,
        "x" * 301,
        "a,b",
        "a=b",
        "a.",
    ]
    names = [folder_name({"kind": text}) for text in texts] + [folder_name({"kind": value}) for value in (None, 3)]
    assert len(set(names)) == len(names)
    for name in names:
        assert name.isascii()
        assert len(name) <= 100
        assert not set(name) & set('/\\:*?"<>|~ ')
        assert not name.endswith(".")


# ---------------------------------------------------------------------------------------------------------------------
# What is run


def test_a_sweep_leaves_whole_runs_a_table_and_a_picture(notebook: Path, capsys: pytest.CaptureFixture[str]):
    out = notebook.parent / "out"
    assert main(["sweep", str(notebook), "-p", "n", "1,13,3", "-p", "kind", "2024", "-j", "2", "-o", str(out)]) == 1
    printed = capsys.readouterr()
    rows = pd.read_csv(out / "results.csv", dtype={"of": str})
    assert list(rows.columns) == ["n", "kind", "of", "score", "seconds", "status", "error", "fingerprint", "run"]
    assert list(rows["status"]) == ["ok", "ok", "failed"]
    assert list(rows["of"])[:2] == ["2024", "2024"]
    assert rows["score"].tolist()[:2] == pytest.approx([0.1, 0.3])
    assert rows["error"][2] == "cell In [3]: ValueError: unlucky"
    assert "failed: cell In [3]: ValueError: unlucky" in printed.err
    assert ", 1 failed" in printed.err
    assert "in all: kind = '2024'" in printed.out
    assert (out / "results.png").read_bytes().startswith(b"\x89PNG")
    for n, run in zip(rows["n"], rows["run"], strict=True):
        executed = nbformat.read(out / run / "page.ipynb", as_version=4)
        assert any("injected-parameters" in cell.metadata.tags for cell in executed.cells)
        assert str(out / run) in "".join(cell.source for cell in executed.cells)
        assert (out / run / "first").read_text() == str(n)
        assert (out / run / "last").is_file() == (n != 13)
    assert left_over(out) == []


def left_over(out: Path) -> list[str]:
    return [path.name for path in out.glob(".*") if path.name != ".sweep"]


def test_run_is_a_sweep_of_one(notebook: Path, capsys: pytest.CaptureFixture[str], pretence: Pretence):
    command = ["run", str(notebook), "-p", "kind", "a,b", "-p", "rate", "-1e-3", "-o", str(notebook.parent / "out")]
    assert main(command) == 0
    assert main(command) == 0
    assert pretence.parameters == [{"rate": -0.001, "kind": "a,b"}]
    assert main([*command, "--again"]) == 0
    assert len(pretence.parameters) == 2
    assert "1 ok in" in capsys.readouterr().out


def test_only_what_is_missing_failed_or_changed_is_run(notebook: Path, pretence: Pretence, monkeypatch):
    out = notebook.parent / "out"

    def again(n: object = (1, 13), **more: object) -> int:
        return pretence.runs(lambda: sweep(notebook, {"n": n, **more}, out, progress=False))

    assert again() == 2
    assert again() == 1  # the failed one
    assert again((1, 2, 13)) == 2
    assert again((2,), rate=0.5) == 1
    node = nbformat.read(notebook, as_version=4)
    node.cells.append(nbformat.v4.new_markdown_cell("Only words."))
    nbformat.write(node, notebook)
    assert again((1, 2)) == 0
    make(notebook, WORK + "\n# changed")
    assert again((1, 2)) == 2
    monkeypatch.setattr(installed, "version_of", lambda *_: "99")  # of PyTorch, say
    assert again((1,)) == 1
    assert list(collect(out).set_index("run").loc[["n=1", "n=2"], "status"]) == ["ok", "outdated"]


def test_a_record_of_a_clock_that_is_ahead_makes_no_other_run_outdated(notebook: Path, pretence: Pretence):
    out = notebook.parent / "out"
    sweep(notebook, {"n": [1, 2]}, out, progress=False)
    file = out / "n=2" / "run.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"ended": time.time() + 1e6}))
    assert pretence.runs(lambda: sweep(notebook, {"n": [1, 2, 3]}, out, progress=False)) == 1
    assert list(collect(out)["status"]) == ["ok"] * 3


def test_changed_code_of_the_package_is_noticed(tmp_path: Path, pretence: Pretence, monkeypatch: pytest.MonkeyPatch):
    package = tmp_path / "package"
    (package / "exercises").mkdir(parents=True)
    for name in ("model.py", "exercises/one.py"):
        (package / name).write_text("a = 1\n")
    monkeypatch.setattr(origin, "_PACKAGE", package)
    notebook = make(tmp_path / "page.ipynb")

    def again() -> int:
        return pretence.runs(lambda: sweep(notebook, {"n": 1}, tmp_path / "out", progress=False))

    assert [again(), again()] == [1, 0]
    (package / "exercises" / "one.py").write_text("a = 2\n")
    assert [again(), again()] == [1, 0]


def test_a_record_that_cannot_be_read_is_run_anew(notebook: Path, pretence: Pretence):
    out = notebook.parent / "out"

    def again() -> int:
        return pretence.runs(lambda: sweep(notebook, {"n": 1}, out, progress=False))

    assert again() == 1
    record = out / "n=1" / "run.json"
    edited = [json.dumps(json.loads(record.read_text()) | {key: None}) for key in ("values", "given", "ended")]
    for broken in ("", "{", '{"given": {}}', "[]", *edited):  # as a power cut may leave it, or somebody's editor
        record.write_text(broken)
        assert again() == 1
    assert again() == 0


def test_changed_data_are_noticed(tmp_path: Path, pretence: Pretence, monkeypatch: pytest.MonkeyPatch):
    notebook = make(tmp_path / "page.ipynb", parameters="data_type = 'SIMULATED'\ndata_dir = ''\nout_dir = ''")
    (tmp_path / "data" / "MINE").mkdir(parents=True)
    labels = tmp_path / "data" / "MINE" / "labels_tr.csv"
    labels.write_text("0\n1\n")
    monkeypatch.chdir(tmp_path)

    def again(**grid: object) -> int:
        return pretence.runs(lambda: sweep(notebook, grid, tmp_path / "out", progress=False))

    mine = {"data_type": "MINE", "data_dir": "data"}
    assert [again(), again(**mine), again(**mine), again()] == [1, 1, 0, 0]
    labels.write_text("0\n0\n")
    assert [again(**mine), again(**mine), again()] == [1, 0, 0]
    monkeypatch.setenv("MLDRL_LITE_DATA", str(tmp_path / "data"))
    assert [again(data_type="MINE"), again(data_type="MINE")] == [1, 0]
    labels.write_text("1\n0\n")
    assert again(data_type="MINE") == 1


def test_a_folder_holds_the_runs_of_one_notebook(notebook: Path, pretence: Pretence):
    sweep(notebook, {"n": 1}, notebook.parent / "out", progress=False)
    with pytest.raises(InputError, match="holds runs of page"):
        sweep(make(notebook.with_name("other.ipynb")), {"n": 1}, notebook.parent / "out", progress=False)


def test_the_table_has_what_was_asked_for_and_the_file_has_all(notebook: Path, pretence: Pretence):
    out = notebook.parent / "out"
    sweep(notebook, {"n": [10, 9]}, out, progress=False)
    rows = sweep(notebook, {"rate": [0.2, 0.1], "cv": [None, 1]}, out, progress=False)
    assert rows[["rate", "cv"]].to_numpy().tolist() == [[0.2, None], [0.2, 1], [0.1, None], [0.1, 1]]
    assert rows["n"].tolist() == [1, 1, 1, 1]  # the default, since other runs vary it
    everything = collect(out)
    assert everything["n"].tolist() == [1, 1, 1, 1, 9, 10]
    assert len(pd.read_csv(out / "results.csv")) == 6


def test_a_notebook_runs_in_its_folder_and_paths_given_are_those_of_the_caller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for name in ("pages", "here"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "value").write_text(f"found {name}")
    (tmp_path / "pages" / "beside.py").write_text("value = open('value').read()")
    read = "import os, beside\nprint(beside.value, open(kind).read(), os.environ['OMP_NUM_THREADS'])\n"
    read += "print(os.environ['MLDRL_LITE_DATA'])"
    make(tmp_path / "pages" / "page.ipynb", read)
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("MLDRL_LITE_DATA", "data")
    rows = sweep("../pages/page.ipynb", {"kind": "./value"}, "{out}/of braces", progress=False)
    assert list(rows["status"]) == ["ok"]
    assert list(rows["kind"]) == ["./value"]
    [run] = rows["run"]
    executed = nbformat.read(Path("{out}/of braces", run, "page.ipynb"), as_version=4)
    assert executed.cells[-1].outputs[0].text == f"found pages found here 1\n{tmp_path / 'here' / 'data'}\n"


# ---------------------------------------------------------------------------------------------------------------------
# Executors


class Recording(Executor):
    """Runs at once, what it was given after a trip through pickle, as a cluster's engine would."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def submit(self, function: Callable, /, *arguments: object, **named: object) -> Future:
        self.calls.append((function, *arguments))
        function, arguments = pickle.loads(pickle.dumps((function, arguments)))
        future: Future = Future()
        try:
            future.set_result(function(*arguments, **named))
        except BaseException as error:
            future.set_exception(error)
        return future


@pytest.mark.parametrize(
    "make_executor",
    [
        lambda: ThreadPoolExecutor(2),
        lambda: ProcessPoolExecutor(2, mp_context=get_context("spawn")),
        Recording,
    ],
    ids=["threads", "spawned processes", "recording"],
)
def test_any_executor_runs_it_and_stays_open(notebook: Path, make_executor: Callable[[], Executor]):
    with make_executor() as executor:
        rows = sweep(notebook, {"n": [2, 3]}, notebook.parent / "out", executor=executor, progress=False)
        assert rows["score"].tolist() == pytest.approx([0.2, 0.3])
        assert executor.submit(abs, -1).result() == 1


def install_kernel(folder: Path, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a kernel `broken` whose process runs that code."""
    spec = folder / "kernels" / "broken"
    spec.mkdir(parents=True)
    argv = [sys.executable, "-c", code, "-f", "{connection_file}"]
    (spec / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "broken", "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(folder))


def test_a_kernel_that_cannot_start_says_why(notebook: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    install_kernel(tmp_path, "raise SystemExit('no such module')", monkeypatch)
    rows = sweep(notebook, {}, tmp_path / "out", kernel="broken", progress=False)
    assert rows["status"][0] == "failed"
    assert "the kernel died" in rows["error"][0]
    assert "(no such module)" in rows["error"][0]


CONNECTION = """import pathlib
from ipykernel import get_connection_info
pathlib.Path(out_dir, "connection.json").write_text(get_connection_info())"""


@pytest.fixture
def temporary(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Path:
    """The folder for temporary files of what the test starts."""
    folder = tmp_path_factory.mktemp(getattr(request, "param", "temporary"))
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return folder


@pytest.mark.skipif(os.name != "posix", reason="this system has no sockets that are files")
@pytest.mark.parametrize("kernel", sorted({"python3", default_kernel()}))
def test_runs_do_not_die_of_a_port_that_another_program_has_taken(
    notebook: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch, kernel: str
):
    make(notebook, WORK, CONNECTION)
    out = notebook.parent / "out"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setattr(LocalPortCache, "find_available_port", lambda *_: taken.getsockname()[1])
        rows = sweep(notebook, {"n": [2, 3]}, out, jobs=2, kernel=kernel, progress=False)
    assert rows["status"].tolist() == ["ok", "ok"]
    assert json.loads((out / "n=2" / "connection.json").read_text())["transport"] == "ipc"
    assert list(temporary.glob("kernel-*")) == []


@pytest.mark.skipif(os.name != "posix", reason="this system has no sockets that are files")
@pytest.mark.parametrize("temporary", ["long" * 25], indirect=True)
def test_a_temporary_folder_with_a_long_name_is_no_hindrance(notebook: Path, temporary: Path):
    rows = sweep(notebook, {}, notebook.parent / "out", kernel="python3", progress=False)
    assert rows["status"].tolist() == ["ok"]
    assert list(temporary.glob("kernel-*")) == []


@pytest.mark.parametrize(("silent", "status"), [(1, "ok"), (9, "failed")])
def test_a_kernel_that_does_not_answer_is_started_once_more(
    notebook: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, silent: int, status: str
):
    starts = tmp_path / "starts"
    code = f"""
import os, pathlib, time
starts = pathlib.Path({str(starts)!r})
starts.mkdir(exist_ok=True)
(starts / str(os.getpid())).touch()
if len(list(starts.iterdir())) <= {silent}:
    time.sleep(600)
from ipykernel.kernelapp import launch_new_instance
launch_new_instance()
"""
    install_kernel(tmp_path, code, monkeypatch)
    monkeypatch.setattr(engine, "START_WITHIN", 10 if silent == 1 else 2)
    rows = sweep(notebook, {}, tmp_path / "out", kernel="broken", progress=False)
    assert (rows["status"][0], len(list(starts.iterdir()))) == (status, 2)
    assert ("the kernel gave no answer in 2 s, twice" in rows["error"].fillna("")[0]) == (status == "failed")
    assert not any(psutil.pid_exists(int(path.name)) for path in starts.iterdir())


def test_a_worker_that_breaks_is_a_failed_run(notebook: Path, monkeypatch: pytest.MonkeyPatch):
    def broken(*_: object, **__: object) -> str:
        raise MemoryError("no room")

    monkeypatch.setattr(launch, "execute_notebook", broken)
    rows = sweep(notebook, {"n": [2, 3]}, notebook.parent / "out", executor=Recording(), progress=False)
    assert list(rows["status"]) == ["failed", "failed"]
    assert "the worker failed: MemoryError: no room" in rows["error"][0]
    assert left_over(notebook.parent / "out") == []


def test_what_outlives_its_sweep_in_an_executor_is_not_kept(notebook: Path, pretence: Pretence):
    executor, out = Recording(), notebook.parent / "out"
    sweep(notebook, {"n": [2]}, out, executor=executor, progress=False)
    execute, job = executor.calls[0]
    before = (out / "n=2" / "run.json").read_bytes()
    assert execute(job) == "dropped"
    assert (out / "n=2" / "run.json").read_bytes() == before
    assert left_over(out) == []


def test_a_run_that_a_worker_drops_is_a_failed_one(notebook: Path, pretence: Pretence):
    class Blind(Recording):
        """Its workers see another folder under the path of the sweep's."""

        def submit(self, function: Callable, /, *arguments: object, **named: object) -> Future:
            future: Future = Future()
            future.set_result("dropped")
            return future

    out = notebook.parent / "out"
    sweep(notebook, {"n": [2]}, out, progress=False)
    make(notebook, WORK + "\n# changed")
    rows = sweep(notebook, {"n": [2]}, out, executor=Blind(), progress=False)
    assert list(rows["status"]) == ["failed"]
    assert "it does not see the file .sweep" in rows["error"][0]


def test_an_executor_that_drops_its_runs_interrupts_the_sweep(notebook: Path, pretence: Pretence):
    class Lost(Recording):
        """Such as a cluster's, when its scheduler is gone."""

        def submit(self, function: Callable, /, *arguments: object, **named: object) -> Future:
            if arguments[0].given["n"] == 2:
                return super().submit(function, *arguments, **named)
            future: Future = Future()
            future.cancel()
            future.set_running_or_notify_cancel()
            return future

    out = notebook.parent / "out"
    with pytest.raises(sweeps.Interrupted, match="has dropped them"):
        sweep(notebook, {"n": [2, 3, 4]}, out, executor=Lost(), progress=False)
    assert [path.name for path in out.glob("n=*")] == ["n=2"]
    assert left_over(out) == []


def test_interrupted_it_starts_no_more_in_an_executor(notebook: Path, pretence: Pretence, monkeypatch):
    free = threading.Event()

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sweeps._Flight, "next", interrupt)
    with ThreadPoolExecutor(1) as executor:
        executor.submit(free.wait, 60)
        with pytest.raises(KeyboardInterrupt):
            sweep(notebook, {"n": range(50)}, notebook.parent / "out", executor=executor, progress=False)
        free.set()
    assert pretence.parameters == []


def test_interrupted_on_a_full_disk_it_prints_the_table_that_it_cannot_write(
    notebook: Path, pretence, monkeypatch, capsys
):
    def interrupt(flight: sweeps._Flight) -> None:
        if not flight.waiting:
            raise KeyboardInterrupt
        return settled(flight)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    settled = sweeps._Flight.next
    monkeypatch.setattr(sweeps._Flight, "next", interrupt)
    monkeypatch.setattr(sweeps, "write_table", full)
    assert main(["sweep", str(notebook), "-p", "n", "1..5", "-o", str(notebook.parent / "out")]) == 130
    assert " ok in " in capsys.readouterr().out


def test_an_interrupt_reads_no_run_twice_and_very_many_not_at_all(notebook: Path, pretence, monkeypatch, capsys):
    def interrupt(flight: sweeps._Flight) -> None:
        if not flight.waiting:
            read.clear()
            raise KeyboardInterrupt
        return settled(flight)

    def counted(folder: Path) -> dict[str, Any] | None:
        if threading.current_thread() is threading.main_thread():  # a run under way looks at its own folder
            read.append(folder.name)
        return read_record(folder)

    read: list[str] = []
    settled = sweeps._Flight.next
    monkeypatch.setattr(sweeps._Flight, "next", interrupt)
    monkeypatch.setattr(record, "read_record", counted)
    command = ["sweep", str(notebook), "-p", "n", "1..9", "-o", str(notebook.parent / "out")]
    assert main(command) == 130
    assert " ok in " in capsys.readouterr().out
    assert read.count("n=1") == 1
    monkeypatch.setattr(sweeps, "_MOST_ROWS", 5)
    assert main([*command, "--again"]) == 130
    assert "out holds very many runs: mldrl-lite collect shows them" in capsys.readouterr().err
    assert read == []


FORKS = """
import os, sys, time
from pathlib import Path
from mldrl_lite.runs.record.lock import sweep_lock
folder, (there, here) = Path(sys.argv[1]), os.pipe()
with sweep_lock(folder):
    if os.fork() == 0:
        os.write(here, b"!")
        time.sleep(600)
        os._exit(0)
    os.read(there, 1)  # the fork has begun
with sweep_lock(folder):
    print("free")
os.killpg(0, 9)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_process_does_not_keep_the_lock(tmp_path: Path):
    command = [sys.executable, "-u", "-c", FORKS, str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, start_new_session=True)
    assert ended.stdout == "free\n", ended.stderr


# ---------------------------------------------------------------------------------------------------------------------
# Killed, interrupted, twice at once


SWEEP = ("-m", "mldrl_lite", "sweep", "page.ipynb")


def ended(out: Path) -> dict[str, float]:
    return {path.parent.name: json.loads(path.read_text())["ended"] for path in out.glob("n=*/run.json")}


@pytest.mark.slow
def test_killed_five_times_it_ends_in_the_same_table(notebook: Path):
    out, arguments = notebook.parent / "out", ["-p", "n", "1..5,13", "-j", "2", "-o", "out"]
    chance = random.Random(7)  # noqa: S311
    for _ in range(5):
        before = ended(out)
        with started(notebook.parent, *SWEEP, *arguments) as process:
            wait_until(lambda: psutil.Process(process.pid).children() or process.poll() is not None)
            time.sleep(chance.uniform(0, 2))
            process.send_signal(signal.SIGKILL)
        done = {name: when for name, when in before.items() if name != "n=13~failed"}
        assert {name: when for name, when in ended(out).items() if name in done} == done, "run twice"
        for path in out.glob("n=*"):
            assert (path / "page.ipynb").is_file()
            assert path.name == "n=13~failed" or (path / "last").is_file()
    wait_until(lambda: at_work_in(notebook.parent) == [])
    assert main(["sweep", str(notebook), *arguments[:-1], str(out)]) == 1
    undisturbed = sweep(notebook, {"n": [1, 2, 3, 4, 5, 13]}, notebook.parent / "calm", jobs=2, progress=False)
    rows = [pd.read_csv(folder / "results.csv").drop(columns="seconds") for folder in (out, notebook.parent / "calm")]
    pd.testing.assert_frame_equal(*rows)
    assert len(undisturbed) == 6
    assert left_over(out) == []
    for path in out.glob("n=*"):
        n = path.name.removeprefix("n=").removesuffix("~failed")
        assert (path / "first").read_text() == n
        assert n == "13" or (path / "last").read_text() == n


BEAT = """import pathlib, time
for beat in range(6000):
    pathlib.Path("beat").write_text(str(beat))
    time.sleep(0.1)"""


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_kernels_and_keeps_what_is_done(tmp_path: Path, number: int, status: int):
    notebook = make(tmp_path / "page.ipynb", WORK, f"if n > 1:\n    {BEAT.replace(chr(10), chr(10) + '    ')}")
    with started(notebook.parent, *SWEEP, "-p", "n", "1..4", "-o", "out") as process:
        wait_until((tmp_path / "beat").exists)
        process.send_signal(number)
        printed = process.communicate(timeout=PATIENCE)[0]
    assert process.returncode == status
    assert [line.split()[:2] for line in printed.splitlines()][1] == ["1", "a"]
    assert pd.read_csv(tmp_path / "out" / "results.csv")["run"].tolist() == ["n=1"]
    assert at_work_in(tmp_path) == []
    assert left_over(tmp_path / "out") == []


def test_two_sweeps_at_once_and_the_kernel_of_a_killed_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    notebook, out = make(tmp_path / "page.ipynb", BEAT), tmp_path / "out"
    with started(notebook.parent, *SWEEP, "-o", "out") as process:
        wait_until((tmp_path / "beat").exists)
        assert main(["sweep", str(notebook), "-o", str(out)]) == 2
        assert "Another sweep is writing into" in capsys.readouterr().err
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=PATIENCE)
    wait_until(lambda: at_work_in(tmp_path) == [])
    make(notebook, "pass")
    assert main(["sweep", str(notebook), "-o", str(out)]) == 0
    assert left_over(out) == []


def test_a_whole_run_that_was_not_yet_renamed_is_kept(notebook: Path, pretence: Pretence):
    out = notebook.parent / "out"
    sweep(notebook, {"n": [1, 2]}, out, progress=False)
    (out / "n=1").rename(out / ".n=1~0123abcd")
    (out / "n=2" / "run.json").unlink()
    (out / "n=2").rename(out / ".n=2~0123abcd")
    (out / ".mine~").mkdir()
    assert pretence.runs(lambda: sweep(notebook, {"n": [1, 2]}, out, progress=False)) == 1
    assert left_over(out) == [".mine~"]


def test_without_file_locks_it_says_so_and_goes_on(notebook: Path, pretence: Pretence, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "fcntl", None)
    with pytest.warns(UserWarning, match="no file locks: run one sweep at a time"):
        rows = sweep(notebook, {"n": [1]}, notebook.parent / "out", progress=False)
    assert list(rows["status"]) == ["ok"]


def test_a_picture_that_cannot_be_drawn_costs_only_the_picture(notebook: Path, pretence: Pretence):
    out = notebook.parent / "out"
    with pytest.warns(UserWarning, match="no picture of these runs"):
        rows = sweep(notebook, {"kind": ["cost $5^$", "b"]}, out, progress=False)
    assert list(rows["status"]) == ["ok", "ok"]
    assert (out / "results.csv").is_file()
    assert not list(out.glob("*.png"))
    sweep(notebook, {"kind": ["", "b"]}, notebook.parent / "empty", progress=False)
    assert (notebook.parent / "empty" / "results.png").is_file()


def test_a_parameter_with_the_name_of_a_column_is_refused(notebook: Path, pretence: Pretence):
    make(notebook, parameters="run = 0  # which repetition")
    with pytest.raises(InputError, match="Parameter run cannot be swept: the table has a column of that name"):
        sweep(notebook, {"run": [0, 1]}, notebook.parent / "out", progress=False)
    assert pretence.parameters == []


# ---------------------------------------------------------------------------------------------------------------------
# The command


def test_the_command_starts_without_torch():
    code = "import sys, mldrl_lite.__main__; sys.exit('torch' in sys.modules or 'matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=120).returncode == 0


@pytest.mark.parametrize(
    ("grid", "width"),
    [({"cv": [0, 1, 2]}, 1), ({"rate": [0.1, 0.2], "kind": ["a", "b"], "cv": [0, 1]}, 1), ({"n": 3}, 0)],
)
def test_there_is_a_picture_when_something_varies(notebook: Path, pretence: Pretence, grid: dict[str, Any], width: int):
    sweep(notebook, grid, notebook.parent / "out", progress=False)
    assert len(list((notebook.parent / "out").glob("results.png"))) == width
