"""CI calls what exists, and skips nothing in silence."""

import ast
import os
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import nbformat
import pytest
import yaml
from conftest import NOTEBOOKS, ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

TESTS = ROOT / "tests"

SOME_TESTS = """
import pytest

@pytest.mark.skipif(True, reason="no Chromium is installed")
def test_a_tool():
    pass

def test_data():
    pytest.skip("ROSMAP is not here: set MLDRL_LITE_DATA")

@pytest.mark.xfail
def test_known():
    assert False
"""


@pytest.mark.parametrize(
    ("variables", "counts", "status"),
    [({"CI": "true"}, "1 skipped, 1 xfailed, 2 errors", 1), ({}, "3 skipped, 1 xfailed", 0)],
)
def test_in_ci_a_skip_for_a_missing_tool_fails(tmp_path: Path, variables: dict[str, str], counts: str, status: int):
    (tmp_path / "test_some.py").write_text(SOME_TESTS)
    (tmp_path / "test_whole.py").write_text("import pytest\npytest.importorskip('no_such_tool')\n")
    environment = {name: value for name, value in os.environ.items() if name != "CI"}
    environment |= {"PYTHONPATH": str(ROOT / "tests"), **variables}
    command = [sys.executable, "-m", "pytest", "-p", "skips", "--continue-on-collection-errors", "-q", tmp_path]
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    assert run.stdout.splitlines()[-1].startswith(counts), run.stdout
    assert run.returncode == status
    assert ("does not run is a failure. Skipped: no Chromium is installed" in run.stdout) == bool(status)


@pytest.mark.parametrize("path", sorted((ROOT / ".github" / "workflows").glob("*")), ids=lambda path: path.name)
def test_a_workflow_calls_what_ci_runs_here_and_nothing_else(path: Path):
    workflow = yaml.safe_load(path.read_text())
    assert workflow[True]  # YAML reads the key `on` so
    commands = [step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step]
    assert commands == (["make site"] if path.name == "pages.yml" else [".ci/run"])
    assert all(job["timeout-minutes"] <= 90 for job in workflow["jobs"].values())
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_the_site_that_ci_has_tested_is_published_from_main_and_from_nowhere_else():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "pages.yml").read_text())
    assert workflow[True]["push"]["branches"] == ["main"]
    assert "pull_request" not in workflow[True]
    build, publish = workflow["jobs"].values()
    folder = build["steps"][-1]["with"]["path"]
    assert f"export SITE={folder}\n" in (ROOT / ".ci" / "run").read_text()
    assert workflow["permissions"] == {"contents": "read"}
    assert publish["permissions"] == {"pages": "write", "id-token": "write"}


def test_there_is_a_weekly_run_with_the_newest_versions():
    weekly = yaml.safe_load((ROOT / ".github" / "workflows" / "weekly.yml").read_text())
    [moment] = weekly[True]["schedule"]
    assert len(moment["cron"].split()) == 5
    [job] = weekly["jobs"].values()
    newest = Requirement((ROOT / job["env"]["CONSTRAINTS"]).read_text().splitlines()[-1])
    assert newest.name == "pytorch-lightning"
    assert newest.specifier.contains("99.0rc1"), "pre-releases are left out"
    assert newest.specifier.contains("99.0")
    assert "CONSTRAINTS ?=" in (ROOT / "Makefile").read_text()
    assert str(job["env"]["EVERY_PAGE"]) == "1"
    for file in ("browser/test_browser.py", "browser/test_site.py", "gpu/test_gpu.py"):
        assert '"EVERY_PAGE" in os.environ' in (TESTS / file).read_text()


def test_outputs_are_compared_on_the_kernel_that_learners_open():
    environment = {name: value for name, value in os.environ.items() if name != "KERNEL"}
    command = ["make", "--dry-run", "--old-file", "install", "test-notebooks"]
    planned = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300).stdout
    [kernel] = re.findall(r"--nbval-kernel-name (\S+)", planned)
    assert {nbformat.read(path, as_version=4).metadata.kernelspec.name for path in NOTEBOOKS} == {kernel}


# More than the queues of both sides keep (1,000 each), and longer than what the system holds between them.
MANY_MESSAGES = """from IPython.display import update_display
for turn in range(4_000):
    update_display({"text/plain": f"{turn} " * 1000}, display_id="bar", raw=True)"""


def test_a_cell_that_sends_more_messages_than_zeromq_keeps_passes(tmp_path: Path):
    """Without the plugin nbval waited in vain for the message that says that the cell is done."""
    command = ["make", "--dry-run", "--old-file", "install", "test-notebooks"]
    planned = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300).stdout
    [plugin] = re.findall(r" -p (nbval\S+)", planned)
    [path] = re.findall(r"PYTHONPATH=(\S+)", planned)
    cell = nbformat.v4.new_code_cell(MANY_MESSAGES, execution_count=1)
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "many.ipynb")
    pytest_alone = [sys.executable, "-m", "pytest", "-c", "/dev/null", "--rootdir", "."]
    checked = subprocess.run(
        [*pytest_alone, "-p", plugin, "--nbval-lax", "--nbval-kernel-name", "python3", "many.ipynb"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path.strip('"')},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert "1 passed" in checked.stdout, checked.stdout


def test_each_test_of_something_whole_is_run_by_one_of_the_two_commands():
    marked = {path for path in (ROOT / "tests").rglob("test_*.py") if "pytest.mark." + "whole" in path.read_text()}
    command = ["make", "--dry-run", "--old-file", "install", "test-notebooks"]
    planned = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300).stdout
    folders = [ROOT / folder for folder in re.findall(r"-m whole (.*?) -n", planned)[0].split()]
    assert marked
    assert all(any(path.is_relative_to(folder) for folder in folders) for path in marked)


def program(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)


def provided(extra: str) -> set[str]:
    """The distributions that `pip install mldrl-lite[extra]` brings, with what they need themselves."""
    found, waiting = set(), [("mldrl-lite", frozenset([extra, ""]))]
    while waiting:
        name, extras = waiting.pop()
        for text in metadata.requires(name) or ():
            needed = Requirement(text)
            wanted = not needed.marker or any(needed.marker.evaluate({"extra": one}) for one in extras)
            one = canonicalize_name(needed.name), frozenset(needed.extras | {""})
            if wanted and one not in found:
                found.add(one)
                waiting.append(one)
    return {name for name, _ in found}


def imports_before_a_skip(path: Path) -> set[str]:
    """The packages that a module of tests needs to be read at all; an `importorskip` excuses what comes after it."""
    names = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Expr) and "importorskip" in ast.unparse(node):
            break
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module)
    return {name.partition(".")[0] for name in names}


def test_the_tests_of_make_test_need_only_what_make_installs():
    # .ci/run installs more before it runs them, and would not notice.
    own = {path.stem for path in TESTS.rglob("*")} | {"mldrl_lite"} | sys.stdlib_module_names
    brings, here = provided("test"), metadata.packages_distributions()
    files = [path for path in TESTS.rglob("*.py") if "browser" not in path.parts]
    missing = {
        (path.relative_to(TESTS).as_posix(), name)
        for path in files
        for name in imports_before_a_skip(path) - own
        if not brings & {canonicalize_name(distribution) for distribution in here.get(name, ())}
    }
    assert not missing


def run_ci(tmp_path: Path, broken: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `.ci/run` with a make that only says what it is asked for, and fails at one of its targets."""
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci")
    program(tmp_path / "bin" / "make", f'echo "made $*, CI=$CI"; [ "$1" != "{broken}" ]')
    program(tmp_path / "bin" / "apt-get", "exit 1")  # a machine whose package lists cannot be had
    for name in (".venv/bin/python", "build/repo2docker/bin/jupyter-repo2docker", "build/repo2docker/bin/pip"):
        program(tmp_path / name)
    environment = {"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin", "CHROMIUM": "/bin/true", **variables}
    command = ["bash", tmp_path / ".ci" / "run"]
    return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("broken", ["", "test", "site"])
def test_ci_says_how_long_each_step_took_and_stops_at_the_first_that_fails(tmp_path: Path, broken: str):
    run = run_ci(tmp_path, broken)
    steps = ["make install", "make run", "tools of some tests", "make test", "make test-notebooks"]
    steps += ["make test-hosts", "make site", "make test-browser"]
    done = steps[: steps.index(f"make {broken}")] if broken else steps
    timed = [line.split(" s  ")[1] for line in run.stdout.splitlines() if line.strip()[:1].isdigit()]
    assert timed == [*done, "in all"], run.stderr
    assert "made test, CI=true" in run.stdout
    assert ("made site" in run.stdout) == (broken != "test"), "what was begun beside a step is shown"
    assert run.returncode == bool(broken)


@pytest.mark.parametrize(("variables", "made"), [({}, "run JOBS=2 PROFILE=small"), ({"EVERY_PAGE": "1"}, "run JOBS=2")])
def test_once_a_week_the_course_runs_as_it_is_handed_out(tmp_path: Path, variables: dict[str, str], made: str):
    assert f"made {made}, CI=true" in run_ci(tmp_path, **variables).stdout
