"""Judge a project by the tests that it was made with, whatever has become of its own copy of them."""

import ast
import os
import re
import subprocess
import sys
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

from tqdm import tqdm

from mldrl_lite.messages import InputError
from mldrl_lite.runs.progress import bar_options
from mldrl_lite.teach.project.making import has_own_readme, shipped
from mldrl_lite.teach.project.rubric import STATED, Rubric

_TESTS = "test_project.py"


def judge_project(folder: str | Path) -> Rubric:
    """Run the shipped tests on a project in a process of its own, and say which points of the rubric are met.

    The project may have changed its copy of them, so the judge brings its own; then those of the project run that
    differ. It takes a minute or two. A project that has not changed since is not tested again. A README that tells of
    other samples, those that the project was made with, states no result.

    Args:
        folder: a project that `mldrl-lite new` has begun.

    Raises:
        InputError: the folder has no test_project.py, or pytest does not even start.
    """
    folder = Path(folder).resolve()
    if not (folder / _TESTS).is_file():
        raise InputError(f"{str(folder)!r} has no {_TESTS}: give a folder that `mldrl-lite new` has made.")
    return _judged(folder, tuple(sorted(_state(folder).items())))


@lru_cache(maxsize=8)
def _judged(folder: Path, _state: tuple[tuple[str, int], ...]) -> Rubric:
    texts = shipped(folder)
    with TemporaryDirectory() as place:
        report = _run(folder, lay_out(texts, Path(place)), len(_functions(texts[_TESTS], "test_")))
    failed = {name: report.failed.get(name, report.stopped) for name in _functions(texts[_TESTS], "test_")}
    failed = {name: said for name, said in failed.items() if name not in report.passed}
    if not has_own_readme(folder):
        failed[STATED] = "README.md tells of the samples that the project was made with, or nothing"
    differing = tuple(_differing(folder, texts))
    return Rubric(failed, report.found, _own(folder, texts), differing)


def lay_out(texts: Mapping[str, str], place: Path) -> list[str]:
    """Write the shipped tests, and what they need, into a folder; return what pytest needs to run them on a project.

    The folder of a test file comes first where Python looks for modules. So it is the shipped `checks` that is
    imported, and from the project, where pytest is started, all the others.
    """
    for name, text in texts.items():
        (place / name).write_text(text, encoding="utf-8")
    return [str(place / _TESTS), "--noconftest", "-c", str(place / "pyproject.toml")]


def _own(folder: Path, texts: Mapping[str, str]) -> dict[str, str]:
    """Run the project's own tests, without those that are as they were shipped; return what those say that fail."""
    said = (folder / _TESTS).read_text(encoding="utf-8")
    try:
        own, known = _functions(said, "test_"), _functions(texts[_TESTS], "test_")
    except SyntaxError as error:
        return {_TESTS: f"SyntaxError: {error}"}
    alike = [name for name in own if own[name] == known.get(name)]
    if len(alike) == len(own):
        return {}
    report = _run(folder, [f"--deselect={_TESTS}::{name}" for name in alike], len(own) - len(alike))
    return report.failed | ({_TESTS: report.stopped} if report.stopped else {})


def _differing(folder: Path, texts: Mapping[str, str]) -> Iterator[str]:
    """Yield the names of the shipped tests and checks that the project has not, or has changed."""
    for file, prefix in ((_TESTS, "test_"), ("checks.py", "")):
        try:
            has = _functions((folder / file).read_text(encoding="utf-8"), prefix)
        except (OSError, SyntaxError):
            has = {}
        for name, code in _functions(texts[file], prefix).items():
            if has.get(name) != code:
                yield name if prefix else f"checks.{name}"


def _functions(text: str, prefix: str) -> dict[str, str]:
    """Return the code of each function at the top of a file whose name begins so; comments do not count."""
    nodes = [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
    return {node.name: ast.dump(node) for node in nodes if node.name.startswith(prefix)}


def _state(folder: Path) -> dict[str, int]:
    """Return when each file of the project has changed, data in subfolders too: if none has, it is not tested again."""
    files = {path.relative_to(folder): path for path in folder.rglob("*") if path.is_file()}
    left_out = ("__pycache__", "runs")  # what Python and a training leave
    return {
        str(name): path.stat().st_mtime_ns
        for name, path in files.items()
        if not any(part.startswith(".") or part in left_out for part in name.parts)
    }


# ---------------------------------------------------------------------------------------------------------------------
# Running pytest


@dataclass
class _Report:
    """What pytest has found, by the name of a test."""

    passed: set[str] = field(default_factory=set)
    failed: dict[str, str] = field(default_factory=dict)
    found: dict[str, str] = field(default_factory=dict)
    """What tests have recorded."""
    stopped: str = ""
    """Why no test has run at all."""


def _run(folder: Path, arguments: list[str], n: int) -> _Report:
    """Run about `n` tests in a folder, and show how far they are."""
    alone = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": "", "PYTHONDONTWRITEBYTECODE": "1"}
    with TemporaryDirectory() as place:
        report = Path(place, "report.xml")
        command = [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", f"--junitxml={report}", *arguments]
        last = _followed(command, folder, alone, n)
        if not report.is_file():
            raise InputError(f"The tests of {folder.name} do not start: {last}")
        return _read(report)


def _followed(command: list[str], folder: Path, environment: dict[str, str], n: int) -> str:
    """Run pytest with a bar that goes on with each test; return the last that it says."""
    piped = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "encoding": "utf-8", "errors": "replace"}
    last = deque(["they say nothing"], maxlen=1)
    with (
        subprocess.Popen(command, cwd=folder, env=environment, **piped) as process,  # noqa: S603
        tqdm(total=n, desc=f"judging {folder.name}", unit="test", leave=False, position=0, **bar_options()) as bar,
    ):
        try:
            for line in process.stdout:
                bar.update(bool(re.search(r"::\S+ (PASSED|FAILED|ERROR|SKIPPED)", line)))
                last.extend([line.strip()] if line.strip() else [])
        except BaseException:
            process.kill()
            raise
    _clear_page()
    return last[0]


def _clear_page() -> None:
    """Take the bar out of a notebook's page, where it would be stored."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if hasattr(shell, "kernel"):
        from IPython.display import clear_output

        clear_output()


def _read(report: Path) -> _Report:
    read = _Report()
    for case in ElementTree.parse(report).iter("testcase"):  # noqa: S314 - written by pytest, just now
        faults = [fault for kind in ("error", "failure") for fault in case.findall(kind)]
        name = case.get("name", "")
        read.found |= {found.get("name", ""): found.get("value", "") for found in case.iter("property")}
        if not faults:
            read.passed.add(name)
        elif faults[0].get("message") == "collection failure":
            read.stopped = _said(faults[0])
        else:
            read.failed[name] = _said(faults[0])
    return read


def _said(fault: ElementTree.Element) -> str:
    """Return the sentence of a fault: the first line of its error."""
    errors = re.findall(r"^E +(.+)", fault.text or "", re.M)
    said = errors[0] if errors else fault.get("message", "").partition("\n")[0]
    return said.removeprefix("AssertionError: ")[:300]
