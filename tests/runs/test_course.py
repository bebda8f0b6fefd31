"""Running notebooks from the command line: what ran, what failed and why, and nothing lost."""

import base64
import json
import signal
import subprocess
import sys
import threading
from pathlib import Path

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell, new_notebook, new_output
from waiting import PATIENCE, wait_until

from mldrl_lite.__main__ import main
from mldrl_lite.messages import InputError
from mldrl_lite.notebook import RESULT_TYPE
from mldrl_lite.runs import declared_parameters, launch, pictures, run_notebook
from mldrl_lite.runs.course import run_course
from mldrl_lite.runs.notebook.file import read_result
from mldrl_lite.runs.process import engine
from mldrl_lite.runs.storing import store

PIXEL = base64.b64encode(b"\x89PNG pretended").decode()
SHOW = f"""from IPython.display import display
from mldrl_lite.notebook import show_result
show_result(f"n is {{n}}", {{"n": n}})
display({{"image/png": "{PIXEL}"}}, raw=True)"""


def make(path: Path, *cells: str, parameters: str = "n = 1") -> Path:
    first = new_code_cell(parameters, metadata={"tags": ["parameters"]})
    node = new_notebook(cells=[first, *map(new_code_cell, cells)])
    node.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(node, path)
    return path


def test_course_shows_a_table_and_keeps_results_and_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    notebook = make(tmp_path / "a.ipynb", SHOW)
    assert main(["course", str(notebook), "-o", str(tmp_path / "runs"), "-p", "n", "5"]) == 0
    table = capsys.readouterr().out
    assert table.splitlines()[0].split() == ["notebook", "status", "seconds", "result", "weights", "pictures"]
    assert "n is 5" in table
    assert (tmp_path / "runs" / "a.ipynb").is_file()
    assert (tmp_path / "runs" / "a" / "pictures" / "1.png").read_bytes() == base64.b64decode(PIXEL)


def test_the_table_shows_the_fingerprint_of_the_ledger(tmp_path: Path):
    content = json.dumps({"fingerprint": "ab12" * 16})
    ledger = f"import pathlib; pathlib.Path(out_dir, 'ledger.json').write_text({content!r})"
    run = run_notebook(make(tmp_path / "a.ipynb", ledger, parameters="out_dir = 'x'"), tmp_path / "runs", {})
    assert run.fingerprint == "ab12ab12"
    without = run_notebook(make(tmp_path / "a.ipynb", parameters="out_dir = 'x'"), tmp_path / "runs", {})
    assert without.fingerprint == ""


def test_a_failure_names_the_cell_and_the_error_and_the_others_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    bad = make(tmp_path / "bad.ipynb", "x = 1", "1 / 0", "raise SystemError")
    good = make(tmp_path / "good.ipynb", SHOW)
    assert main(["course", str(bad), str(good), "-o", str(tmp_path / "runs")]) == 1
    printed = capsys.readouterr().out
    assert "bad failed: cell In [3]: ZeroDivisionError: division by zero" in printed
    assert "n is 1" in printed


def test_a_dead_kernel_is_a_failure_like_another(tmp_path: Path):
    run = run_notebook(make(tmp_path / "a.ipynb", "import os; os._exit(1)"), tmp_path / "runs", {})
    assert run.status == "failed"
    assert "kernel" in run.error.lower()


def test_the_copy_is_saved_now_and_then_and_not_at_every_cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    seen = "import pathlib\nprint('an output' * 2 in pathlib.Path(out_dir + '.ipynb').read_text())"
    notebook = make(tmp_path / "a.ipynb", "print('an output' * 2)", *["pass"] * 20, seen, parameters="out_dir = 'x'")

    def saved_midway() -> str:
        run_notebook(notebook, tmp_path / "runs", {})
        return nbformat.read(tmp_path / "runs" / "a.ipynb", as_version=4).cells[-1].outputs[0].text

    monkeypatch.setattr(engine, "_SAVE_EVERY", 600)
    assert saved_midway() == "False\n"
    monkeypatch.setattr(engine, "_SAVE_EVERY", 0)
    assert saved_midway() == "True\n"


def test_parameters_go_to_the_notebooks_that_take_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    takes = make(tmp_path / "takes.ipynb", SHOW)
    other = make(tmp_path / "other.ipynb", parameters="m = 1")
    assert main(["course", str(takes), str(other), "-o", str(tmp_path / "runs"), "-p", "n", "7"]) == 0
    printed = capsys.readouterr().out
    assert "n is 7" in printed
    assert "other skipped: takes no n" in printed


def test_a_parameter_that_no_notebook_takes_is_refused_before_anything_runs(tmp_path: Path, capsys):
    notebook = make(tmp_path / "a.ipynb", parameters="max_epochs = 1")
    assert main(["course", str(notebook), "-o", str(tmp_path / "runs"), "-p", "max_epoch", "7"]) == 2
    assert "No notebook takes max_epoch (did you mean 'max_epochs'?): give max_epochs." in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_a_missing_notebook_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match=r"No notebook .*none.ipynb"):
        declared_parameters(tmp_path / "none.ipynb")


def test_storing_twice_changes_nothing_and_leaves_nothing(tmp_path: Path):
    plot = "import matplotlib.pyplot as plt\nplt.plot([1, 2]);"
    noisy = "from tqdm.auto import tqdm\nfor _ in tqdm(range(3)):\n    print('line')\nopen('left.txt', 'w').close()"
    notebook = make(tmp_path / "a.ipynb", noisy, plot)
    store(notebook)
    first = notebook.read_bytes()
    store(notebook)
    assert notebook.read_bytes() == first
    assert [path.name for path in tmp_path.iterdir()] == ["a.ipynb"]
    [output] = nbformat.read(notebook, as_version=4).cells[1].outputs
    assert output.text == "line\nline\nline\n"
    [picture] = pictures(nbformat.read(notebook, as_version=4))
    assert picture.startswith(b"\x89PNG")


def test_a_notebook_that_fails_is_not_stored(tmp_path: Path):
    notebook = make(tmp_path / "a.ipynb", "1 / 0")
    before = notebook.read_bytes()
    with pytest.raises(CellExecutionError):
        store(notebook)
    assert notebook.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["a.ipynb"]


def test_an_interrupt_keeps_what_is_done_and_says_what_is_not(tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch):
    notebooks = [make(tmp_path / f"{name}.ipynb", SHOW) for name in ("a", "b", "c")]
    run = launch.run_notebook

    def interrupted(notebook: Path, *rest: object) -> launch.NotebookRun:
        if notebook.stem == "b":
            raise KeyboardInterrupt
        return run(notebook, *rest)

    monkeypatch.setattr(launch, "run_notebook", interrupted)
    assert main(["course", *map(str, notebooks), "-o", str(tmp_path / "runs")]) == 130
    rows = [line.split()[:2] for line in capsys.readouterr().out.splitlines()]
    assert rows[1:] == [["a", "ok"], ["b", "interrupted"], ["c", "interrupted"]]


def test_two_at_once_may_wait_for_each_other_and_keep_their_order_in_the_table(tmp_path: Path, capsys):
    wait = """import pathlib, time
pathlib.Path({here!r}).touch()
until = time.monotonic() + 60
while not pathlib.Path({there!r}).exists():
    assert time.monotonic() < until, "nobody else runs"
    time.sleep(0.05)"""
    a, b = (str(tmp_path / f"{name} has begun") for name in ("a", "b"))
    notebooks = [
        make(tmp_path / "b.ipynb", wait.format(here=b, there=a)),
        make(tmp_path / "a.ipynb", wait.format(here=a, there=b)),
        make(tmp_path / "c.ipynb", "1 / 0"),
    ]
    assert main(["course", *map(str, notebooks), "-o", str(tmp_path / "runs"), "-j", "2"]) == 1
    rows = [line.split()[:2] for line in capsys.readouterr().out.splitlines()]
    assert rows[1:4] == [["b", "ok"], ["a", "ok"], ["c", "failed"]]
    assert main(["course", str(notebooks[0]), "-j", "0"]) == 2
    assert "jobs" in capsys.readouterr().err


def test_an_interrupt_keeps_a_later_notebook_that_is_done(tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch):
    notebooks = [make(tmp_path / f"{name}.ipynb") for name in ("a", "b", "c")]
    c_has_begun = threading.Event()  # in the thread that ran b, which is therefore done

    def interrupted(notebook: Path, *_: object) -> launch.NotebookRun:
        if notebook.stem == "a":
            assert c_has_begun.wait(PATIENCE)
            raise KeyboardInterrupt
        if notebook.stem == "c":
            c_has_begun.set()
        return launch.NotebookRun(notebook.stem, "ok")

    monkeypatch.setattr(launch, "run_notebook", interrupted)
    assert main(["course", *map(str, notebooks), "-o", str(tmp_path / "runs"), "-j", "2"]) == 130
    rows = [line.split()[:2] for line in capsys.readouterr().out.splitlines()]
    assert rows[1:3] == [["a", "interrupted"], ["b", "ok"]]


def test_a_copy_never_overwrites_its_source(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    notebook = make(tmp_path / "a.ipynb", SHOW)
    before = notebook.read_bytes()
    assert main(["course", str(notebook), "-o", str(tmp_path)]) == 2
    assert "would be overwritten by its own copy" in capsys.readouterr().err
    assert notebook.read_bytes() == before


def test_inputs_that_cannot_be_used_get_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    notebook = make(tmp_path / "a.ipynb")
    (tmp_path / "text.ipynb").write_text("hello")
    (tmp_path / "file").write_text("")
    (tmp_path / "d").mkdir()
    twin = make(tmp_path / "d" / "a.ipynb")
    cases = [
        (["course", str(tmp_path / "text.ipynb")], "is not a notebook"),
        (["course", str(notebook), "-o", str(tmp_path / "file")], "Cannot write in"),
        (["course", str(notebook), str(twin)], "Two notebooks are named a"),
        (["store", str(tmp_path / "none.ipynb")], "No notebook"),
    ]
    for arguments, message in cases:
        assert main(arguments) == 2
        assert message in capsys.readouterr().err


def test_an_unknown_kernel_is_a_failed_row(tmp_path: Path):
    notebook = make(tmp_path / "a.ipynb")
    node = nbformat.read(notebook, as_version=4)
    node.metadata["kernelspec"]["name"] = "none_such"
    nbformat.write(node, notebook)
    run = run_notebook(notebook, tmp_path / "runs", {})
    assert (run.status, "none_such" in run.error) == ("failed", True)


def test_pictures_of_an_earlier_run_do_not_stay(tmp_path: Path):
    run_notebook(make(tmp_path / "a.ipynb", SHOW, SHOW), tmp_path / "runs", {})
    run_notebook(make(tmp_path / "a.ipynb", SHOW), tmp_path / "runs", {})
    assert [path.name for path in (tmp_path / "runs" / "a" / "pictures").iterdir()] == ["1.png"]


def test_the_last_result_counts():
    cells = [
        new_code_cell(outputs=[new_output("display_data", {RESULT_TYPE: {"headline": h}})]) for h in ("one", "two")
    ]
    assert read_result(new_notebook(cells=cells))["headline"] == "two"
    assert read_result(new_notebook())["headline"] == ""


def test_each_notebook_reads_a_text_as_it_declares_the_parameter(tmp_path: Path):
    show = "from mldrl_lite.notebook import show_result\nshow_result(repr(n), {})"
    number = make(tmp_path / "number.ipynb", show)
    text = make(tmp_path / "text.ipynb", show, parameters="n = 'x'  # a name")
    runs = run_course([number, text], tmp_path / "runs", {"n": "2024"})
    assert [run.headline for run in runs] == ["2024", "'2024'"]


def with_profile(notebook: Path, **profiles: dict[str, object]) -> Path:
    node = nbformat.read(notebook, as_version=4)
    node.cells[0].metadata.update(profiles)
    nbformat.write(node, notebook)
    return notebook


def test_the_small_profile_takes_the_small_values_and_a_parameter_goes_before_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    show = "from mldrl_lite.notebook import show_result\nshow_result(f'{n} {m}', {})"
    notebook = make(tmp_path / "a.ipynb", show, parameters="n = 1\nm = 1")
    with_profile(notebook, small={"n": 7, "m": 8})
    command = ["course", str(notebook), "-o", str(tmp_path / "runs")]
    assert main([*command, "--profile", "small", "-p", "m", "9"]) == 0
    assert "7 9" in capsys.readouterr().out
    assert main([*command, "--profile", "full"]) == 0
    assert "1 1" in capsys.readouterr().out
    assert main([*command, "--profile", "smal"]) == 2
    assert "No profile 'smal' (did you mean 'small'?): give full or small." in capsys.readouterr().err


def test_what_the_course_cannot_do_is_said_before_anything_starts(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    first, second = make(tmp_path / "one" / "a.ipynb", SHOW), make(tmp_path / "two" / "b.ipynb", parameters="m = 1")
    bare = make(tmp_path / "bare.ipynb", SHOW)
    node = nbformat.read(bare, as_version=4)
    del node.cells[0]
    nbformat.write(node, bare)
    cases = [
        ([first, second, "-o", tmp_path / "two"], "would be overwritten by its own copy"),
        (
            [first, second, "-p", "n", "1", "-p", "m", "1"],
            "No notebook takes all of n, m: give them in separate calls.",
        ),
        ([first, "-p", "out_dir", "x"], "out_dir is a folder in --out for each notebook: give --out."),
        ([bare, "-p", "n", "1"], "No notebook takes n, or any parameter: tag a first code cell 'parameters'."),
    ]
    for arguments, message in cases:
        assert main(["course", "-o", str(tmp_path / "runs"), *map(str, arguments)]) == 2
        assert message in capsys.readouterr().err
    assert not list(tmp_path.rglob("a/*"))
    assert not (tmp_path / "runs" / "a.ipynb").exists()


def test_stored_values_are_used_and_not_seen_in_a_folder_that_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    count = "with open('times', 'a+') as file:\n    file.write('x')"
    notebook = make(tmp_path / "a.ipynb", count, "print(n, open('times').read())", parameters="n = 1  # how many")
    with_profile(notebook, stored={"n": 50})
    store(notebook)
    store(notebook)
    node = nbformat.read(notebook, as_version=4)
    assert node.cells[0].source == "n = 1  # how many"
    assert node.cells[2].outputs[0].text == "50 xx\n"
    assert [cell.execution_count for cell in node.cells] == [1, 2, 3]
    assert (tmp_path / "build" / "store" / "a" / "times").is_file()


def test_a_stored_value_that_does_not_fit_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    for values, message in (({"m": 1}, "which it does not declare"), ({"n": "one"}, "give a whole number")):
        notebook = with_profile(make(tmp_path / "a.ipynb"), stored=values)
        assert main(["store", str(notebook)]) == 2
        assert message in capsys.readouterr().err


@pytest.mark.parametrize(("command", "line"), [("course", 1), ("run", -1)])
def test_it_goes_on_when_nobody_reads_its_progress(tmp_path: Path, command: str, line: int):
    notebook = make(tmp_path / "a.ipynb", *["import time; time.sleep(0.2)"] * 5, SHOW)
    command = [sys.executable, "-m", "mldrl_lite", command, str(notebook)]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stderr.close()
        try:
            printed = process.communicate(timeout=PATIENCE)[0]
        finally:
            process.kill()
    assert "ok" in printed.splitlines()[line].split()[:2]


def test_sigterm_ends_the_course_with_its_table(tmp_path: Path):
    slow = make(tmp_path / "slow.ipynb", "open('started', 'w').close()", "import time; time.sleep(600)")
    command = [sys.executable, "-m", "mldrl_lite", "course", str(make(tmp_path / "a.ipynb", SHOW)), str(slow)]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            wait_until((tmp_path / "started").exists)
            process.send_signal(signal.SIGTERM)
            printed = process.communicate(timeout=PATIENCE)[0]
        finally:
            process.kill()
    assert process.returncode == 143
    assert [line.split()[:2] for line in printed.splitlines()][1:] == [["a", "ok"], ["slow", "interrupted"]]
