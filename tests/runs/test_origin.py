"""What a run was made from: what is noted in a kernel, and what makes a run outdated."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from mldrl_lite.__main__ import main
from mldrl_lite.kernels.kernelspec import default_kernel
from mldrl_lite.runs import collect, sweep
from mldrl_lite.runs.process.watch import Watcher
from mldrl_lite.runs.record import installed, origin, record

READS = """import helper
%run script.py
print(open("relative.csv").read(), open("../shared.csv").read())
import yaml
with open("scratch.txt", "w") as file:
    file.write("mine")
open("scratch.txt").read()
import subprocess, sys
subprocess.run([sys.executable, "-c", "pass"])"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project" / "notebooks"
    folder.mkdir(parents=True)
    for name in ("helper.py", "script.py"):
        (folder / name).write_text("value = 1\n")
    for name in ("relative.csv", "named.csv", "untouched.csv", "../shared.csv"):
        (folder / name).write_text("1,2\n")
    first = new_code_cell("input_file = 'named.csv'\nn = 1", metadata={"tags": ["parameters"]})
    nbformat.write(new_notebook(cells=[first, new_code_cell(READS)]), folder / "page.ipynb")
    return folder


def origin_of(out: Path) -> dict[str, object]:
    [run] = out.glob("*/run.json")
    return json.loads(run.read_text())["origin"]


@pytest.mark.parametrize("kernel", sorted({"python3", default_kernel()}))
def test_what_a_notebook_reads_is_noted_and_a_change_of_it_is_told(
    project: Path,
    kernel: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    out = tmp_path / "out"
    monkeypatch.setenv("TMPDIR", str(tmp_path / "scratch"))  # what lies in the folder of temporary files is no input
    (tmp_path / "scratch").mkdir()

    def again() -> bool:
        before = {path: path.read_text() for path in out.glob("*/run.json")}
        assert main(["run", str(project / "page.ipynb"), "-p", "n", "1", "-o", str(out), "--kernel", kernel]) == 0
        return {path: path.read_text() for path in out.glob("*/run.json")} != before

    def why() -> list[str]:
        capsys.readouterr()
        assert main(["collect", "--why", str(out)]) == 0
        printed = capsys.readouterr().out
        return [line.removeprefix("n=1 outdated: ") for line in printed.splitlines() if line.startswith("n=1 outdated")]

    assert again()
    noted = origin_of(out)
    assert set(noted["files"]) == {"named.csv", "helper.py", "script.py", "relative.csv", "../shared.csv"}
    assert noted["watched"]
    assert noted["packages"]["pyyaml"] == installed.version_of("pyyaml", ())
    assert not {"torch", "pandas"} & set(noted["packages"])
    assert any("what the process python" in line for line in noted["unwatched"])
    assert not again()
    assert why() == []
    (project / "untouched.csv").write_text("9,9\n")
    (project / "named.csv").touch()
    assert why() == []
    (project / "helper.py").write_text("value = 2\n")
    (project.parent / "shared.csv").write_text("1,2,3\n")
    assert why() == [
        "helper.py has the same size but another content",
        "../shared.csv had 4 bytes, now 6",
    ]
    assert again()
    (project / "named.csv").unlink()
    assert why() == ["named.csv is gone"]


class Journal:
    """A watcher of this process's events, without a hook, which could not be taken away again."""

    def __init__(self, tmp_path: Path) -> None:
        self.folder, self.file = tmp_path / "work", tmp_path / "journal"
        (self.folder / ".git").mkdir(parents=True)
        self.file.touch()
        self.watch = Watcher(str(self.file), [str(self.folder)], [str(self.folder / "out")])

    def lines(self) -> list[list[object]]:
        return [json.loads(line)[:2] for line in self.file.read_text().splitlines()]

    def write(self, name: str) -> str:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text("x")
        return str(path)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path)


def test_files_of_the_run_itself_of_python_and_hidden_ones_are_not_noted(journal: Journal):
    made = (
        journal.write("out/model.ckpt"),
        journal.write(".git/index"),
        json.__file__,
        "/proc/self/stat",
        str(Path("/")),
    )
    for path in (*made, 3, journal.write("later.csv") + "gone"):
        journal.watch("open", (path, "r", 0))
    assert journal.lines() == []


def test_a_file_that_appears_during_the_run_is_told_apart(journal: Journal):
    late, code = journal.write("late.pt"), journal.write("late.py")
    for path in (late, code):
        journal.watch("open", (path, "rb", 0))
    assert journal.lines() == [["made", late], ["read", code]]


def test_what_is_written_first_is_not_read(journal: Journal):
    journal.watch.began *= 2
    files = [journal.write(name) for name in ("a", "b", "c", "d")]
    for path, mode, flags in zip(files, ("w", None, "a+", "r"), (0, 1, 0, 0), strict=True):
        journal.watch("open", (path, mode, flags))
        journal.watch("open", (path, "r", 0))
    journal.watch("os.rename", ("x", files[3] + "2", -1, -1))
    kinds = [kind for kind, _ in journal.lines()]
    assert kinds == ["written", "written", "written", "read", "written"]


def test_compiled_modules_count_as_their_source(journal: Journal):
    source = journal.write("mine.py")
    journal.watch("open", (journal.write("__pycache__/mine.cpython-311.pyc"), "rb", 0))
    journal.watch("open", (str(journal.folder / "__pycache__" / "mine.cpython-311.pyc.123"), None, 65))
    assert journal.lines() == [["read", source]]


def test_nothing_that_happens_to_the_journal_reaches_the_notebook(journal: Journal):
    journal.file.unlink()
    journal.watch("open", (journal.write("a.py"), "r", 0))
    journal.watch("subprocess.Popen", (None, None))
    journal.watch("socket.getaddrinfo", (object(), 1))
    journal.watch("import", (None,))
    assert not journal.file.exists()


@pytest.fixture
def origin_made(project: Path, tmp_path: Path) -> Callable[..., dict[str, object]]:
    """Make the origin of a run from a journal."""

    def make(*lines: list[object]) -> dict[str, object]:
        node = nbformat.read(project / "page.ipynb", as_version=4)
        (tmp_path / "journal").write_text("".join(json.dumps(line) + "\n" for line in lines) + '["read", "cut of')
        first = origin.of_notebook(node, project / "page.ipynb", str(tmp_path / "out"), "python3", str(project))
        return first | origin.of_run(tmp_path / "journal", node, str(project), "")

    return make


KERNEL = {"pid": 1, "python": "3", "site": [], "loaded": ["numpy"]}


def test_a_file_that_changes_while_it_is_read_is_never_up_to_date(origin_made: Callable, project: Path, tmp_path: Path):
    made = origin_made(["kernel", KERNEL], ["read", str(project / "helper.py"), 1, 2, 3])
    assert origin.changes(made, str(tmp_path / "out")) == ["helper.py changed while the run read it"]


def test_another_version_of_a_package_is_told(origin_made: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    made = origin_made(["kernel", KERNEL], ["import", "yaml"])
    assert list(made["packages"]) == ["pyyaml"]
    now = made["packages"]["pyyaml"]
    monkeypatch.setattr(installed, "version_of", lambda *_: "99")
    assert origin.changes(made, str(tmp_path / "out")) == [f"pyyaml was {now}, now 99"]
    monkeypatch.setattr(installed, "version_of", lambda *_: "")
    assert origin.changes(made, str(tmp_path / "out")) == [f"pyyaml was {now}, and is no longer installed"]


def test_packages_of_a_machine_that_has_them_elsewhere_are_compared_with_ours(origin_made: Callable, tmp_path: Path):
    """Of one version there may be a build for the processor here, and another one for the GPU there."""
    made = origin_made(["kernel", KERNEL], ["import", "yaml"])
    ours, there = made["packages"]["pyyaml"], str(tmp_path / "no" / "site-packages")
    assert origin.changes(made | {"site": [there], "packages": {"pyyaml": f"{ours}+gpu"}}, str(tmp_path / "out")) == []
    older = made | {"site": [there], "packages": {"pyyaml": "1.0"}}
    assert origin.changes(older, str(tmp_path / "out")) == [f"pyyaml was 1.0, now {ours}"]


def test_a_warm_kernel_has_loaded_what_the_cells_name_before(origin_made: Callable, project: Path):
    node = nbformat.read(project / "page.ipynb", as_version=4)
    node.cells[1].source = "import numpy as np, json"
    nbformat.write(node, project / "page.ipynb")
    assert list(origin_made(["kernel", KERNEL])["packages"]) == ["numpy"]


def test_a_cell_another_kernel_and_another_folder_are_told(origin_made: Callable, project: Path, tmp_path: Path):
    made, out = origin_made(["kernel", KERNEL]), str(tmp_path / "out")
    wanted = {name: made[name] for name in ("cells", "notebook", "kernel", "cwd")}
    assert origin.differences(made, wanted, "", out) == []
    other = wanted | {"cells": [wanted["cells"][0], "0" * 16], "kernel": "r", "cwd": ".."}
    assert origin.differences(made, other, str(project / "data"), out) == [
        "the notebook's code changed: code cell 2",
        "the kernel was 'python3', now 'r'",
        "the working folder was '.', now '..'",
        "the folder of data was '', now 'data'",
    ]


def test_a_project_that_is_moved_keeps_its_runs_and_a_folder_alone_tells_nothing(project: Path, tmp_path: Path):
    sweep(project / "page.ipynb", {"n": 1}, project / "out", progress=False)
    moved = tmp_path / "moved"
    (tmp_path / "project").rename(moved)
    [(_, held)] = record.records(moved / "notebooks" / "out")
    assert record.outdated(held, moved / "notebooks" / "out") == []
    (moved / "notebooks" / "helper.py").write_text("value = 22\n")
    assert collect(moved / "notebooks" / "out")["status"].tolist() == ["outdated"]
    (moved / "notebooks" / "out").rename(tmp_path / "alone")
    assert collect(tmp_path / "alone")["status"].tolist() == ["ok"]


def test_records_of_earlier_versions_are_read_and_run_anew(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    out = tmp_path / "out"
    (out / "n=1").mkdir(parents=True)
    held = {"stem": "page", "given": {"n": 1}, "parameters": {"n": 1}, "ended": 1.0, "fingerprint": "", "status": "ok"}
    held |= {"origin": {"notebook": "0", "package": "0", "data": ""}, "error": "", "seconds": 1, "values": {"x": 3}}
    (out / "n=1" / "run.json").write_text(json.dumps(held))
    assert main(["collect", "--why", str(out)]) == 0
    assert "n=1 outdated: it was made before runs noted what they read" in capsys.readouterr().out
    assert sweep(project / "page.ipynb", {"n": 1}, out, progress=False)["status"].tolist() == ["ok"]


def test_a_kernel_of_another_language_is_not_watched(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    spec = tmp_path / "kernels" / "other"
    spec.mkdir(parents=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (spec / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "Other", "language": "other"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    rows = sweep(project / "page.ipynb", {"n": 1}, tmp_path / "out", kernel="other", progress=False)
    assert rows["status"].tolist() == ["ok"]
    assert not origin_of(tmp_path / "out")["watched"]
