"""The rubric of a final project: seven points that its own tests show, and three that a partner asks about."""

import os
import subprocess
import sys
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

from mldrl_lite.messages import InputError
from mldrl_lite.teach.project.making import has_own_readme

STATED = "test_the_readme_states_the_result"


@dataclass(frozen=True)
class Point:
    """One point: it is met when `tests` pass; where there are none, a partner asks `text` and decides."""

    text: str
    tests: tuple[str, ...] = ()


POINTS = (
    Point(
        "No sample is in two parts, each part has every class, and the split can be drawn again",
        (
            "test_no_sample_is_in_two_parts",
            "test_every_part_has_every_class",
            "test_the_split_is_the_same_each_time_and_another_seed_draws_another",
        ),
    ),
    Point("Before training, the loss is near ln C", ("test_a_model_that_knows_nothing_has_a_loss_near_ln_c",)),
    Point(
        "It learns one batch by heart, and judges a sample alike alone and among others",
        ("test_it_learns_one_batch_by_heart", "test_a_sample_is_judged_alike_alone_and_among_others"),
    ),
    Point(
        "One batch of everything runs from end to end, and writes nothing",
        ("test_it_runs_from_end_to_end_and_writes_nothing",),
    ),
    Point(
        "It reaches what its README states, and simple methods do not make it look silly",
        (
            "test_it_reaches_what_the_readme_states",
            STATED,
            "test_simple_methods_do_not_make_it_look_silly",
        ),
    ),
    Point(
        "What it predicts is what was scored, and a process without its code finds the same",
        (
            "test_the_predictions_are_those_that_were_scored",
            "test_another_process_finds_the_same_with_this_code_and_without",
        ),
    ),
    Point(
        "The same seed gives the same, and a run that was stopped goes on",
        ("test_the_same_seed_gives_the_same_and_a_run_goes_on_where_it_stopped",),
    ),
    Point("I had this folder and nothing else. Did I get your number without asking you?"),
    Point("Which rows chose the model, and how often had you looked at the test rows before?"),
    Point("Show me three samples that it gets wrong. Who should not use it, and why?"),
)


@dataclass(frozen=True)
class Rubric:
    """The ten points, as a page shows them and as a terminal does; with `passed`, whether a project has each."""

    passed: frozenset[str] | None = None
    """The names of the tests that pass; None where no project was judged."""

    @property
    def missing(self) -> list[Point]:
        """The points that its tests should show, and do not."""
        return [point for point in POINTS if point.tests and not self._has(point)]

    @property
    def shown(self) -> int:
        """How many points its tests show."""
        return sum(bool(point.tests) and self._has(point) for point in POINTS)

    def _has(self, point: Point) -> bool:
        return set(point.tests) <= (self.passed or set())

    def _sign(self, point: Point) -> str:
        if not point.tests:
            return "a partner asks"
        if self.passed is None:
            return "tests show"
        return "shown" if self._has(point) else "not yet"

    def __repr__(self) -> str:
        return "\n".join(f"{i:2} {self._sign(point):14} {point.text}" for i, point in enumerate(POINTS, 1))

    def _repr_html_(self) -> str:
        left = ' style="text-align: left"'
        rows = "".join(
            f"<tr><td>{i}</td><td{left}>{self._sign(point)}</td><td{left}>{escape(point.text)}</td></tr>"
            for i, point in enumerate(POINTS, 1)
        )
        return f"<table>{rows}</table>"


def rubric() -> Rubric:
    """Return the ten points of a final project; as the last value of a cell, they are displayed."""
    return Rubric()


def judge_project(folder: str | Path) -> Rubric:
    """Run the tests of a project in a process of its own, and say which points of the rubric are met.

    It takes as long as the tests: a minute or two. A project that has not changed since is not tested again. A README
    that tells of other samples, those that the project was made with, states no result.

    Args:
        folder: a project that `mldrl-lite new` has begun, or one whose tests have the same names.

    Raises:
        InputError: the folder has no test_project.py, or its tests do not even start.
    """
    folder = Path(folder).resolve()
    if not (folder / "test_project.py").is_file():
        raise InputError(f"{str(folder)!r} has no test_project.py: give a folder that `mldrl-lite new` has made.")
    passed = _passed(folder, tuple(sorted(_state(folder).items())))
    return Rubric(passed if has_own_readme(folder) else passed - {STATED})


def _state(folder: Path) -> dict[str, int]:
    """Return when each file of the project has changed, data in subfolders too: if none has, it is not tested again."""
    files = {path.relative_to(folder): path for path in folder.rglob("*") if path.is_file()}
    left_out = ("__pycache__", "runs")  # what Python and a training leave
    return {
        str(name): path.stat().st_mtime_ns
        for name, path in files.items()
        if not any(part.startswith(".") or part in left_out for part in name.parts)
    }


@lru_cache(maxsize=8)
def _passed(folder: Path, _state: tuple[tuple[str, int], ...]) -> frozenset[str]:
    """Return the names of the tests that pass."""
    alone = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""}
    with TemporaryDirectory() as place:
        report = Path(place, "report.xml")
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}"]
        done = subprocess.run(command, cwd=folder, env=alone, capture_output=True, text=True)  # noqa: S603
        if not report.is_file():
            raise InputError(f"The tests of {folder.name} do not start: {_last_line(done.stdout + done.stderr)}")
        cases = ElementTree.parse(report).iter("testcase")  # noqa: S314 - written by pytest, just now
        return frozenset(case.get("name", "") for case in cases if not _fell_short(case))


def _fell_short(case: ElementTree.Element) -> bool:
    return any(case.find(outcome) is not None for outcome in ("failure", "error", "skipped"))


def _last_line(said: str) -> str:
    return next((line for line in reversed(said.splitlines()) if line.strip()), "they say nothing")
