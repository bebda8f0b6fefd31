"""Nothing good is ever destroyed: a failed run stands beside a good one, and publishing leaves no gap."""

import errno
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from mldrl_lite.__main__ import main
from mldrl_lite.notebook import RESULT_TYPE
from mldrl_lite.runs import collect, launch, sweep
from mldrl_lite.runs.record import publishing, record
from mldrl_lite.runs.sweeps.plan import plan_jobs

SHOWN = new_output("display_data", {RESULT_TYPE: {"headline": "h", "values": {"score": 1}}})


class Cells:
    """Takes the place of the kernel: leaves a checkpoint, and fails when told to."""

    def __init__(self) -> None:
        self.error, self.outputs, self.after = "", [SHOWN], lambda folder: None

    def __call__(self, node: nbformat.NotebookNode, copy: Path, parameters: dict[str, object], **_: object) -> str:
        Path(parameters["out_dir"], "model.ckpt").write_text("weights")
        node.cells[-1].outputs = list(self.outputs)
        copy.write_text(json.dumps(node), encoding="utf-8")
        self.after(copy.parent)
        return self.error


@pytest.fixture
def cells(monkeypatch: pytest.MonkeyPatch) -> Cells:
    cells = Cells()
    monkeypatch.setattr(launch, "execute_notebook", cells)
    return cells


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    first = new_code_cell("n = 1\nout_dir = ''", metadata={"tags": ["parameters"]})
    nbformat.write(new_notebook(cells=[first, new_code_cell("pass")]), tmp_path / "page.ipynb")
    return tmp_path / "page.ipynb"


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_failed_run_stands_beside_the_good_one_until_a_good_one_replaces_it(
    notebook: Path, cells: Cells, capsys: pytest.CaptureFixture[str]
):
    out = notebook.parent / "out"
    command = ["run", str(notebook), "-p", "n", "1", "-o", str(out)]
    assert main(command) == 0
    before = files(out / "n=1")
    cells.error = "cell In [2]: ValueError: unlucky"
    assert main([*command, "--again"]) == 1
    assert files(out / "n=1") == before
    assert (out / "n=1~failed" / "model.ckpt").is_file()
    assert "ValueError: unlucky (an earlier run that ended well is in n=1)" in capsys.readouterr().out
    assert collect(out).set_index("run")["status"].to_dict() == {"n=1": "ok", "n=1~failed": "failed"}
    cells.error = ""
    assert main([*command, "--again"]) == 0
    assert [path.name for path in out.iterdir() if path.is_dir()] == ["n=1"]
    assert files(out / "n=1") != before


def test_a_good_run_that_is_outdated_stays_while_its_successor_fails(notebook: Path, cells: Cells):
    out = notebook.parent / "out"
    sweep(notebook, {"n": 1}, out, progress=False)
    node = nbformat.read(notebook, as_version=4)
    node.cells[1].source = "other"
    nbformat.write(node, notebook)
    cells.error = "cell In [2]: ValueError: unlucky"
    rows = sweep(notebook, {"n": 1}, out, progress=False)
    assert rows["status"].tolist() == ["failed"]
    assert collect(out).set_index("run")["status"].to_dict() == {"n=1": "outdated", "n=1~failed": "failed"}


def test_a_run_that_an_earlier_version_kept_as_failed_is_replaced(notebook: Path, cells: Cells):
    out = notebook.parent / "out"
    cells.error = "cell In [2]: ValueError: unlucky"
    sweep(notebook, {"n": 1}, out, progress=False)
    (out / "n=1~failed").rename(out / "n=1")
    sweep(notebook, {"n": 1}, out, progress=False)
    assert [path.name for path in out.iterdir() if path.is_dir()] == ["n=1~failed"]


def test_a_picture_that_cannot_be_read_costs_only_itself(notebook: Path, cells: Cells):
    out = notebook.parent / "out"
    cells.outputs = [SHOWN, new_output("display_data", {"image/png": "not base64!"})]
    rows = sweep(notebook, {"n": 1}, out, progress=False)
    assert (rows["status"][0], rows["score"][0]) == ("ok", 1)
    [note] = record.read_record(out / "n=1")["notes"]
    assert "a picture could not be kept" in note


def test_an_error_after_the_cells_keeps_what_they_left(notebook: Path, cells: Cells):
    out = notebook.parent / "out"
    cells.after = lambda folder: (folder / "page.ipynb").write_bytes(b"\xff")
    rows = sweep(notebook, {"n": 1}, out, progress=False)
    assert rows["status"].tolist() == ["failed"]
    assert "the cells ran, but the copy of the notebook could not be completed: UnicodeDecodeError" in rows["error"][0]
    assert set(files(out / "n=1~failed")) == {"model.ckpt", "page.ipynb", "run.json"}


def test_a_disk_that_is_full_at_the_record_keeps_what_is_there(
    notebook: Path, cells: Cells, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    out = notebook.parent / "out"
    command = ["run", str(notebook), "-p", "n", "1", "-o", str(out)]
    assert main(command) == 0
    before = files(out / "n=1")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(record, "_write_record", full)
        assert main([*command, "--again"]) == 2
    assert "Cannot write in" in (said := capsys.readouterr().err)
    assert "No space left on device" in said
    assert files(out / "n=1") == before
    assert set(files(out / "n=1~failed")) == {"model.ckpt", "page.ipynb"}
    assert main([*command, "--again"]) == 0
    assert not (out / "n=1~failed").exists()


def test_a_cell_that_deletes_its_folder_is_told_so(notebook: Path, cells: Cells):
    def delete(folder: Path) -> None:
        shutil.rmtree(folder)
        raise FileNotFoundError(str(folder))

    cells.after = delete
    rows = sweep(notebook, {"n": 1}, notebook.parent / "out", progress=False)
    assert rows[["status", "error"]].to_numpy().tolist() == [["failed", "a cell has deleted the folder of the run"]]


def test_what_a_kill_leaves_between_two_names_is_put_right(notebook: Path, cells: Cells):
    out = notebook.parent / "out"
    sweep(notebook, {"n": [1, 2, 3]}, out, progress=False)
    told = {n: (out / f"n={n}" / "run.json").read_text() for n in (1, 2, 3)}
    # Killed after the exchange: the older of two is left under the other name.
    shutil.copytree(out / "n=1", out / ".n=1~0123abcd")
    (out / ".n=1~0123abcd" / "run.json").write_text(json.dumps(json.loads(told[1]) | {"ended": 1.0, "seconds": 99}))
    # Killed before it: the newer one is.
    shutil.copytree(out / "n=2", out / ".n=2~0123abcd")
    (out / "n=2" / "run.json").write_text(json.dumps(json.loads(told[2]) | {"ended": 1.0, "seconds": 99}))
    # Killed where names cannot be exchanged: the old one was moved aside.
    (out / "n=3").rename(out / ".n=3~0123abcd~old")
    record.clear_leftovers(out)
    assert {n: (out / f"n={n}" / "run.json").read_text() for n in (1, 2, 3)} == told
    assert sorted(path.name for path in out.iterdir() if path.is_dir()) == ["n=1", "n=2", "n=3"]


RACE = """
import sys
from pathlib import Path
from mldrl_lite.runs.record import publishing
out, who, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
if sys.argv[4] == "moves":
    publishing.exchange = lambda *_: False
for i in range(count):
    folder = out / f".n=1~{who}{i:06d}"
    folder.mkdir()
    for name in ("notebook", "run.json"):
        (folder / name).write_text(f"{who}{i}")
    publishing.publish(folder, out / "n=1")
"""


def test_a_folder_that_was_in_the_way_and_has_been_moved_since_stops_nothing(tmp_path: Path, monkeypatch):
    def rename(folder: Path, place: Path) -> Path:
        if not taken:
            taken.append(place)
            raise OSError(errno.ENOTEMPTY, "Directory not empty", str(folder), None, str(place))
        return renamed(folder, place)

    taken: list[Path] = []
    renamed = Path.rename
    monkeypatch.setattr(Path, "rename", rename)
    (tmp_path / ".n=1~00000000").mkdir()
    publishing.publish(tmp_path / ".n=1~00000000", tmp_path / "n=1")
    assert taken == [tmp_path / "n=1"]
    assert [path.name for path in tmp_path.iterdir()] == ["n=1"]


@pytest.mark.parametrize("how", ["exchanges", "moves"])
def test_two_processes_publish_one_run_and_it_is_always_whole(tmp_path: Path, how: str):
    if how == "exchanges" and not can_exchange(tmp_path):
        pytest.skip("this disk cannot exchange two names")
    command = [sys.executable, "-c", RACE, str(tmp_path)]
    racing = [subprocess.Popen([*command, who, "300", how], stderr=subprocess.PIPE, text=True) for who in "ab"]
    torn = looked = 0
    while any(process.poll() is None for process in racing):
        if looked or (tmp_path / "n=1").exists():
            looked += 1
            torn += not is_whole(tmp_path / "n=1")
    assert [(process.returncode, process.communicate()[1]) for process in racing] == [(0, "")] * 2
    assert looked
    assert how == "moves" or torn == 0
    assert [path.name for path in tmp_path.iterdir()] == ["n=1"]
    assert is_whole(tmp_path / "n=1")


@pytest.mark.parametrize("errors", [["", "it failed"], ["it failed", ""], ["", ""]])
def test_two_machines_end_one_run_of_a_sweep_and_the_first_good_one_counts(notebook: Path, errors: list[str]):
    out = notebook.parent / "out"
    out.mkdir()
    (out / ".sweep").write_text(sweep_of_both := "0123abcd")
    job = replace(plan_jobs(notebook, {"n": 1}, out, "python3")[0], token=sweep_of_both)
    folders = [record.new_folder(job) for _ in errors]
    for folder in folders:
        shutil.copy(notebook, folder / "page.ipynb")
    statuses = [record.keep(job, *ended, 1.0) for ended in zip(folders, errors, strict=True)]
    assert statuses[-1] == "ok"
    assert [path.name for path in out.iterdir() if path.is_dir()] == ["n=1"]
    assert record.held_by_sweep(job)["status"] == "ok"


def can_exchange(folder: Path) -> bool:
    for name in "ab":
        (folder / name).mkdir()
    able = publishing.exchange(folder / "a", folder / "b")
    for name in "ab":
        (folder / name).rmdir()
    return able


def is_whole(place: Path) -> bool:
    """Read both files of one folder, whatever name it takes meanwhile."""
    try:
        descriptor = os.open(place, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        for _ in range(3):  # it may be removed under our eyes, when it has been replaced
            if {"notebook", "run.json"} <= set(os.listdir(descriptor)):
                return True
            if os.fstat(descriptor).st_ino != os.stat(place).st_ino:
                return True
    except FileNotFoundError:
        return True
    finally:
        os.close(descriptor)
    return False
