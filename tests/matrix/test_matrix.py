"""`make matrix`: what each row is given, how a row runs, and that the README shows its last results."""

import json
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import matrix
import psutil
import pytest
from conftest import ROOT
from waiting import PATIENCE, wait_until

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_readme_shows_the_last_results():
    _, _, rest = README.partition(matrix.BEGIN)
    shown, end, _ = rest.partition(matrix.END)
    assert end
    assert shown == matrix.table(json.loads(matrix.RESULTS.read_text()))


def test_the_table_has_a_line_for_each_result_and_says_what_failed(tmp_path: Path):
    known = {"commit": "abc1234", "date": "2026-11-26", "system": "trixie"}
    results = {
        "torch-2.10": known | {"install": "failed"},
        "3.13": known | {"python": "3.13.5", "torch": "2.13.0", "lightning": "2.6.6", "run": "ok", "test": "9 passed"},
    }
    lines = matrix.table(results).splitlines()
    assert lines[2] == "| Python 3.13 | 3.13.5 | 2.13.0 | 2.6.6 | ok | 9 passed | 2026-11-26 |"
    assert lines[3] == "| oldest PyTorch |  |  |  | `make install` failed | not run | 2026-11-26 |"
    readme = tmp_path / "README.md"
    readme.write_text(f"above\n{matrix.BEGIN}old{matrix.END}below\n")
    matrix.write_table(readme, results)
    assert readme.read_text().splitlines() == ["above", matrix.BEGIN.strip(), *lines, matrix.END.strip(), "below"]


def test_the_lowest_versions_are_those_of_pyproject():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lowest = matrix.floors(project).splitlines()
    assert {"torch==2.10", "pytorch-lightning==2.6.6", "import-linter==2.3"} <= set(lowest)
    extras = project["optional-dependencies"].values()
    names = {re.match(r"[\w-]+", line).group() for lines in (project["dependencies"], *extras) for line in lines}
    assert {line.partition("==")[0] for line in lowest} == names - {"mldrl-lite"}


@pytest.mark.parametrize(
    ("step", "text", "failed", "result"),
    [
        ("install", "", False, "ok"),
        ("install", "ERROR: No matching distribution", True, "failed"),
        ("run", "00_quickstart  ok  12", False, "ok"),
        ("run", "06_x  failed\n06_x failed: In [3]\nA2_y failed: In [1]", True, "failed: 06_x, A2_y"),
        ("test", "= 5 passed, 1 skip in 3.0s =\n= 7 passed in 60.1s (0:01) =", False, "5 passed, 1 skip + 7 passed"),
        ("test", "=== 2 failed, 5 passed in 3.00s ===", True, "2 failed, 5 passed"),
        ("test", "make: *** ruff", True, " (stopped)"),
    ],
)  # fmt: skip
def test_results_are_read_from_what_is_printed(step: str, text: str, failed: bool, result: str):
    found = matrix.outcome(step, text, failed=failed)
    assert found == result
    assert matrix.is_good(found) != failed


def test_a_row_without_a_machine_says_why(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(matrix.os, "geteuid", lambda: 1000)
    assert not matrix.try_row("3.13", keep=False)
    assert capsys.readouterr().out == (
        "3.13: cannot be had here: no python3.13 on PATH, and Debian trixie needs root and debootstrap\n"
    )


def test_an_unknown_row_is_refused(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        matrix.main(["3.2"])
    assert "no row '3.2': give some of 3.11, 3.12" in capsys.readouterr().err


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose commands take no time; `make run` writes a line, and fails while a file `broken` is there."""
    (tmp_path / "pyproject.toml").write_text('[project]\ndependencies = ["torch>=2.10"]\noptional-dependencies = {}\n')
    (tmp_path / "Makefile").write_text(f"""
install:
\tmkdir -p .venv/bin
\tprintf '#!/bin/sh\\necho {{\\\\"python\\\\": \\\\"3.11.1\\\\"}}\\n' > .venv/bin/python
\tchmod +x .venv/bin/python
run:
\tcat build/matrix.txt
\techo run >> {shlex.quote(str(tmp_path / "done"))}
\ttest ! -e {shlex.quote(str(tmp_path / "broken"))}
test:
\techo '=== 3 passed in 1.00s ==='
""")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", "-C", str(tmp_path)]
    for words in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "all"]):
        subprocess.run([*git, *words], check=True)
    monkeypatch.setattr(matrix, "ROOT", tmp_path)
    monkeypatch.setattr(matrix, "RESULTS", tmp_path / "results.json")
    monkeypatch.setattr(matrix, "ROWS", {"lowest": matrix.Row("all", constraints=matrix.LOWEST)})
    monkeypatch.setattr(matrix.shutil, "which", lambda name, path=None: sys.executable)
    (tmp_path / "README.md").write_text(matrix.BEGIN + matrix.END)
    return tmp_path


def test_a_row_is_stored_and_what_failed_is_done_again(course: Path, capsys: pytest.CaptureFixture[str]):
    (course / "broken").touch()
    assert matrix.main(["lowest", "--keep"]) == 1
    found = json.loads((course / "results.json").read_text())["lowest"]
    assert (found["install"], found["run"], found["test"], found["python"]) == ("ok", "failed", "3 passed", "3.11.1")
    assert "torch==2.10" in (course / "build" / "matrix" / "lowest" / "run.log").read_text()
    assert "lowest: install ok, run failed, test 3 passed (logs in build/matrix/lowest)" in capsys.readouterr().out

    (course / "broken").unlink()
    assert matrix.main(["lowest"]) == 0
    assert "make install" not in capsys.readouterr().out
    assert "torch==2.10" in (course / "build" / "matrix" / "lowest" / "run.before.log").read_text()
    assert "| all | 3.11.1 |  |  | ok | 3 passed |" in (course / "README.md").read_text()
    assert not (course / "build" / "matrix" / "lowest" / "project").exists()

    assert matrix.main(["lowest"]) == 0  # nothing is left to do
    assert (course / "done").read_text() == "run\nrun\n"


def test_a_row_that_is_told_to_end_leaves_nothing_running(tmp_path: Path):
    number = tmp_path / "number"
    words = ["sh", "-c", f"echo $$ > {shlex.quote(str(number))}; sleep 600 & wait"]
    command = [sys.executable, "-c", f"import matrix; matrix.watch('a row', {words!r})"]
    with subprocess.Popen(
        command, cwd=ROOT / "tests" / "matrix", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout.readline() == "a row …\n"
        wait_until(lambda: number.is_file() and number.read_text().endswith("\n"))
        shell = psutil.Process(int(number.read_text()))
        wait_until(shell.children)
        started = [shell, *shell.children()]
        process.terminate()
        assert process.wait(PATIENCE)
    assert psutil.wait_procs(started, timeout=PATIENCE)[1] == []
