"""One bad run costs one row; a disk or a reader that fails costs one sentence; and notebooks that people write."""

import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from mldrl_lite.__main__ import main
from mldrl_lite.messages import InputError
from mldrl_lite.notebook import RESULT_TYPE
from mldrl_lite.runs import collect, launch, run_notebook, storing, sweep
from mldrl_lite.runs.notebook.places import cannot_write
from mldrl_lite.runs.process.limits import Limits
from mldrl_lite.runs.record import lock
from mldrl_lite.runs.results import table


def make(path: Path, *cells: object, parameters: str = "n = 1\nout_dir = ''") -> Path:
    first = new_code_cell(parameters, metadata={"tags": ["parameters"]})
    rest = [new_code_cell(cell) if isinstance(cell, str) else cell for cell in cells or ["pass"]]
    nbformat.write(new_notebook(cells=[first, *rest]), path)
    return path


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    return make(tmp_path / "page.ipynb")


Does = dict[int, Callable[[Path], object]]


@pytest.fixture
def does(monkeypatch: pytest.MonkeyPatch) -> Does:
    """What the pretended run of each `n` does beside leaving its copy."""
    deeds: Does = {}

    def run(node: nbformat.NotebookNode, copy: Path, parameters: dict[str, object], **_: object) -> str:
        nbformat.write(node, copy)
        deeds.get(parameters["n"], lambda _: None)(copy.parent)
        return ""

    monkeypatch.setattr(launch, "execute_notebook", run)
    return deeds


def statuses(rows: object) -> dict[int, str]:
    return dict(zip(rows["n"], rows["status"], strict=True))


def test_a_run_whose_folder_vanishes_costs_its_row(notebook: Path, does: Does):
    out = notebook.parent / "out"
    does[2] = lambda folder: shutil.rmtree(out / "n=1")
    rows = sweep(notebook, {"n": [1, 2, 3]}, out, progress=False)
    assert statuses(rows) == {2: "ok", 3: "ok"}


def test_a_lock_that_is_deleted_lets_no_second_sweep_in(notebook: Path, does: Does):
    out, refused = notebook.parent / "out", []

    def second(_: Path) -> None:
        (out / ".sweep").unlink()
        with pytest.raises(InputError) as error, lock.sweep_lock(out):
            pass
        refused.append(str(error.value))

    does[1] = second
    rows = sweep(notebook, {"n": [1, 2, 3]}, out, progress=False)
    assert "Another sweep is writing into" in refused[0]
    assert statuses(rows) == {1: "ok", 2: "ok", 3: "ok"}


@pytest.mark.parametrize("shown", [7, {"values": [1]}, {"headline": 3, "values": {}}, {"values": {"x": 10**400}}])
def test_a_result_of_another_shape_costs_nothing_else(notebook: Path, tmp_path: Path, does: Does, shown: object):
    def show(folder: Path) -> None:
        node = nbformat.read(folder / "page.ipynb", as_version=4)
        output = nbformat.v4.new_output("display_data", {RESULT_TYPE: shown})
        node.cells[1].outputs = [output]
        nbformat.write(node, folder / "page.ipynb")

    does[2] = show
    assert statuses(sweep(notebook, {"n": [1, 2]}, tmp_path / "out", progress=False)) == {1: "ok", 2: "ok"}
    assert len(collect(tmp_path / "out")) == 2


def test_fail_fast_starts_no_more_runs(notebook: Path, tmp_path: Path, does: Does, capsys):
    does[2] = lambda _: 1 / 0
    command = ["sweep", str(notebook), "-p", "n", "1..50", "-o", str(tmp_path / "out"), "--fail-fast"]
    assert main(command) == 1
    assert len(collect(tmp_path / "out")) < 8
    assert "50" not in capsys.readouterr().out


def test_the_course_ends_with_its_table_whatever_is_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    paths = [make(tmp_path / f"{name}.ipynb") for name in "abc"]

    def fails(node: object, copy: Path, *_: object, **__: object) -> str:
        if copy.stem == "b":
            raise OSError(28, "No space left on device")
        return ""

    monkeypatch.setattr(launch, "execute_notebook", fails)
    assert main(["course", *map(str, paths), "-o", str(tmp_path / "runs")]) == 1
    printed = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in printed[1:4]] == [["a", "ok"], ["b", "failed"], ["c", "ok"]]
    assert "No space left on device" in printed[4]


@pytest.mark.parametrize(
    ("words", "tries", "statuses"),
    [
        ([], ["a", "b", "c"], ["ok", "failed", "ok"]),
        (["--fail-fast"], ["a", "b"], ["ok", "failed", "skipped"]),
        (["--retries", "2", "--timeout", "9"], ["a", "b", "b", "b", "c"], ["ok", "failed", "ok"]),
    ],
)
def test_the_limits_of_a_run_hold_in_a_course(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys, words: list[str], tries: list[str], statuses: list[str]
):
    given = []

    def dies(node: object, copy: Path, *_: object, limits: Limits, **__: object) -> str:
        given.append((copy.stem, limits.timeout))
        assert not (copy.with_suffix("") / "ledger.json").exists(), "of an earlier try"
        (copy.with_suffix("") / "ledger.json").write_text("{}")
        return "the kernel died in cell In [2]: killed" if copy.stem == "b" else ""

    monkeypatch.setattr(launch, "execute_notebook", dies)
    paths = [str(make(tmp_path / f"{name}.ipynb")) for name in "abc"]
    assert main(["course", *paths, "-o", str(tmp_path / "runs"), *words]) == 1
    assert given == [(name, 9 if "--timeout" in words else None) for name in tries]
    printed = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in printed[1:4]] == statuses
    assert ("c skipped: b has failed" in printed) == ("skipped" in statuses)


def test_a_headline_that_is_no_text_costs_the_course_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    def show(node: nbformat.NotebookNode, copy: Path, *_: object, **__: object) -> str:
        shown = {RESULT_TYPE: {"headline": 3, "values": [1]}}
        node.cells[1].outputs = [nbformat.v4.new_output("display_data", shown)]
        nbformat.write(node, copy)
        return ""

    monkeypatch.setattr(launch, "execute_notebook", show)
    assert main(["course", str(make(tmp_path / "a.ipynb")), "-o", str(tmp_path / "runs")]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[3] == "3"


def test_collect_prints_what_it_cannot_write(notebook: Path, tmp_path: Path, does: Does, monkeypatch, capsys):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    sweep(notebook, {"n": [1, 2]}, tmp_path / "out", progress=False)
    monkeypatch.setattr(table, "write_table", full)
    with pytest.warns(UserWarning, match="results.csv and results.png cannot be written .*No space left"):
        assert main(["collect", str(tmp_path / "out")]) == 0
    assert "2 ok in" in capsys.readouterr().out


def test_a_disk_that_is_full_before_the_first_run_gets_a_sentence(notebook: Path, tmp_path: Path, monkeypatch, capsys):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(lock.Lock, "write", full)
    assert main(["sweep", str(notebook), "-o", str(tmp_path / "out")]) == 2
    assert "Cannot write in" in (said := capsys.readouterr().err)
    assert len(said.strip().splitlines()) == 1


def no_room(place: Path) -> None:
    """Put a link that leads nowhere, or a file, where a folder is to be made."""
    place.symlink_to("nowhere") if hasattr(os, "symlink") else place.touch()


@pytest.mark.parametrize("command", ["run", "sweep", "search", "course"])
def test_a_folder_that_cannot_be_made_gets_the_same_sentence(tmp_path: Path, capsys, command: str):
    pytest.importorskip("optuna")
    no_room(tmp_path / "out")
    more = ["-p", "n", "1..9", "--maximize", "score"] if command == "search" else []
    assert main([command, str(make(tmp_path / "page.ipynb")), *more, "-o", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err.endswith("(it is there and is no folder): give --out (out=) another name.\n")


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (
            errno.ENOSPC,
            "No space left on device): free some space there, or give --out (out=) a folder on another disk.",
        ),
        (errno.ENOENT, "it is gone): start again"),
        (errno.EROFS, "Read-only file system): give --out (out=) a folder of yours"),
    ],
)
def test_what_to_do_depends_on_why_a_folder_cannot_be_written(tmp_path: Path, number: int, told: str):
    assert f"({told}" in str(cannot_write(tmp_path, OSError(number, os.strerror(number))))


def test_a_notebook_that_could_not_be_stored_is_not_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    notebook = make(tmp_path / "page.ipynb", "open('begun', 'w').close()")

    def read_only(path: Path, *_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    monkeypatch.setattr(storing, "_execute_all", lambda *_: pytest.fail("it was executed"))
    monkeypatch.setattr(Path, "touch", read_only)
    assert main(["store", str(notebook)]) == 2
    assert "(Read-only file system): store a notebook in a folder of yours." in capsys.readouterr().err


def test_what_collect_warns_of_is_one_line_and_repeats_are_printed_all_the_same(
    notebook: Path, tmp_path: Path, does: Does, monkeypatch: pytest.MonkeyPatch
):
    sweep(notebook, {"n": [1, 2]}, tmp_path / "out", progress=False)
    script = (
        "import sys\nfrom mldrl_lite.runs.results import repeats, table\nfrom mldrl_lite.__main__ import main\n"
        "def full(*_): raise OSError(28, 'No space left on device')\n"
        "repeats.replacing = table.write_table = full\nsys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", script, "collect", str(tmp_path / "out"), "--by", "n"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    out = str(tmp_path / "out")
    assert done.stderr.splitlines() == [
        f"mldrl-lite: {names} cannot be written in {out!r} (No space left on device)."
        for names in ("results.csv and results.png", "repeats.csv and repeats.png")
    ]
    assert done.returncode == 0
    assert f"in {out}: nothing" in done.stdout


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a pipe is closed in another way here")
@pytest.mark.parametrize("words", [["collect", "out"], ["sweep", "page.ipynb", "-p", "n", "0..299", "-o", "out"]])
def test_nobody_reads_the_table(notebook: Path, tmp_path: Path, does: Does, monkeypatch, words: list[str]):
    monkeypatch.chdir(tmp_path)
    sweep(notebook, {"n": range(300)}, tmp_path / "out", progress=False)
    command = [sys.executable, "-m", "mldrl_lite", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.close()
        said = process.stderr.read()
        assert process.wait(timeout=120) == 141
    assert "Traceback" not in said
    assert said == "" or words[0] == "sweep"  # whose bar says how much is done


# ---------------------------------------------------------------------------------------------------------------------
# Notebooks that people write


def tagged(source: str) -> object:
    return new_code_cell(source, metadata={"tags": ["raises-exception"]})


WRITTEN = {
    "leaves": (["exit()", "print('after')"], "failed", "cell In [3] calls exit(): the cells after it did not run"),
    "leaves at the end": (["print('all')", "quit()"], "ok", ""),
    "expects an error": ([tagged("raise ValueError('wanted')"), "print('after')"], "ok", ""),
    "expects one and has another": (
        [tagged("raise ValueError('wanted')"), "1 / 0", "print('after')"],
        "failed",
        "cell In [4]: ZeroDivisionError: division by zero",
    ),
    "half a character": (["print('\\udc80')"], "ok", ""),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_notebooks_end_as_people_mean_it(tmp_path: Path, name: str):
    cells, status, error = WRITTEN[name]
    rows = sweep(make(tmp_path / "page.ipynb", *cells), {"n": 1}, tmp_path / "out", progress=False)
    assert rows[["status", "error"]].to_numpy().tolist() == [[status, error]]
    [copy] = (tmp_path / "out").glob("*/page.ipynb")
    texts = [json.dumps(cell.get("outputs", [])) for cell in nbformat.read(copy, as_version=4).cells]
    assert ("after" in "".join(texts)) == (name == "expects an error")
    assert "papermill-error-cell" not in copy.read_text() or status == "failed"


def test_what_lies_elsewhere_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in ("pages", "here", "there"):
        (tmp_path / name).mkdir()
    (tmp_path / "pages" / "beside.py").write_text("value = 1")
    (tmp_path / "here" / "table.csv").write_text("1")
    monkeypatch.chdir(tmp_path / "here")
    reads = make(tmp_path / "pages" / "reads.ipynb", "import beside; print(open('table.csv').read())")
    there = tmp_path / "there"
    rows = sweep(reads, {}, tmp_path / "out", cwd=there, progress=False)
    assert rows["error"][0].endswith(
        f"(beside.py lies beside the notebook, but the notebook ran in {str(there)!r}: "
        f"give --cwd {str(tmp_path / 'pages')!r})"
    )
    run = run_notebook(reads, Path("runs"), {})
    assert "(table.csv lies in the folder of the command, but the notebook ran in" in run.error
    assert (tmp_path / "here" / "runs" / "reads.ipynb").is_file()
