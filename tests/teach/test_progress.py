"""What is solved is noted in a file of the learner's own, by pages alone; a wrong answer again gets more to go on."""

import re
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import pytest
from answers.quickstart import sample_count
from conftest import NOTEBOOKS
from links import broken_links
from solved import code_of, tags

from mldrl_lite import teach
from mldrl_lite.__main__ import main
from mldrl_lite.messages import InputError
from mldrl_lite.runs.process.kernel import environment
from mldrl_lite.teach import Feedback, not_yet, progress, record, right
from mldrl_lite.teach.contents import EXERCISES, Steps
from mldrl_lite.teach.exercises import feedback as module
from mldrl_lite.teach.exercises.feedback import in_steps

FIRST, SECOND, *_ = EXERCISES["00_quickstart"]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that the learner has named for the record."""
    path = tmp_path / "new folder" / "mine.jsonl"
    monkeypatch.setenv("MLDRL_LITE_PROGRESS", str(path))
    return path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home where nobody has named a file."""
    monkeypatch.delenv("MLDRL_LITE_PROGRESS")
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    for name in ("HOME", "XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path))
    return tmp_path


# ---------------------------------------------------------------------------------------------------------------------
# Steps


def test_the_contents_name_the_checks_of_each_notebook_in_their_order():
    found = {}
    for path in NOTEBOOKS:
        checks = [cell.source for cell in nbformat.read(path, as_version=4).cells if "check" in tags(cell)]
        found[path.stem] = [re.findall(r"^(check_\w+)\(", source, re.M)[-1] for source in checks]
    assert {stem: list(checks) for stem, checks in EXERCISES.items()} == found


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_each_second_step_links_to_a_section_and_each_third_has_gaps_where_the_solution_has_none(path: Path):
    solutions = [code_of(cell) for cell in nbformat.read(path, as_version=4).cells if "solution" in tags(cell)]
    for (name, (look, shape)), solution in zip(EXERCISES[path.stem].items(), solutions, strict=True):
        assert "](" in look, name
        assert list(broken_links(path, look)) == []
        assert "..." in shape, name
        told = {line.partition("#")[0].strip() for line in shape.splitlines()}
        assert [line for line in solution.splitlines() if line.strip() not in told], name


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch) -> Callable[[object], Feedback]:
    """A check in steps that takes 2 for right, in a kernel that has asked nothing yet."""
    monkeypatch.setitem(EXERCISES, "zz", {"check_two": Steps("see [Two](#Two) and `sum`.", "two = ...")})
    monkeypatch.setattr(module, "_tries", Counter())

    def check_two(answer: object) -> Feedback:
        if nudge := module.not_answered(answer, "a number"):
            return nudge
        return right("so it is.") if answer == 2 else not_yet(f"{answer} is another one.")

    return in_steps(check_two)


def test_a_wrong_answer_again_is_told_where_to_look_and_then_the_shape(check: Callable[[object], Feedback]):
    assert repr(check(1)) == "Not yet: 1 is another one."
    assert repr(check(3)) == "Not yet: 3 is another one.\nWhere to look: see Two and `sum`."
    third = check(4)
    assert repr(third).endswith("Where to look: see Two and `sum`.\nThe shape of the code:\n    two = ...")
    assert '<a href="#Two">Two</a> and <code>sum</code>' in third._repr_html_()
    assert "<pre>two = ...</pre>" in third._repr_html_()


def test_no_answer_is_no_try_and_a_right_one_begins_anew(check: Callable[[object], Feedback]):
    unanswered = [repr(check(...)) for _ in range(4)]
    assert set(unanswered) == {"Not yet: put a number where the ... is, run that cell, and come back."}
    assert check(1).look == ""
    assert check(...).look == ""
    assert check(1).look != ""
    assert repr(check(2)) == "Right: so it is."
    assert check(1).look == ""


# ---------------------------------------------------------------------------------------------------------------------
# The record


def test_a_right_answer_is_noted_once_and_a_wrong_one_is_not(file: Path):
    made = sample_count()
    for answer in (..., made.wrong[0][0], made.right[0], made.right[0]):
        getattr(teach, FIRST)(answer, **made.given)
    assert file.read_text() == f'{{"solved": "{FIRST}"}}\n'
    assert record.solved(file) == [FIRST]


def test_a_page_says_what_is_solved_in_it_and_where_to_go_on(file: Path):
    assert repr(progress("00")).startswith("Nothing is solved yet in this notebook; it has ")
    record.note(SECOND)
    assert repr(progress("00")).endswith(" exercises of this notebook are solved. Go on with exercise 1.")
    assert progress("00")._repr_html_().count("■") == 1
    for name in EXERCISES["00_quickstart"]:
        record.note(name)
    assert repr(progress("00")) == f"All {len(EXERCISES['00_quickstart'])} exercises of this notebook are solved."
    with pytest.raises(InputError, match="No notebook has the number 'none': give one of 00, 01"):
        progress("none")


def test_two_kernels_at_once_lose_nothing(file: Path):
    names = [f"check_{i}" for i in range(200)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(record.note, names))
    assert sorted(record.solved(file)) == sorted(names)


def test_lines_that_cannot_be_read_cost_themselves_alone(file: Path):
    record.note(FIRST)
    with file.open("ab") as stream:
        stream.write(b'{"solved": "che\n[]\n3\n\xff\n{"solved": []}\n')
    record.note(SECOND)
    assert record.solved(file) == [FIRST, SECOND]


def test_a_folder_that_cannot_be_written_costs_the_record_and_nothing_else(file: Path):
    file.parent.write_text("a file, where the folder should be")
    made = sample_count()
    assert getattr(teach, FIRST)(made.right[0], **made.given).right
    assert repr(progress("00")).startswith("Nothing is solved yet")


def test_a_page_where_nothing_is_recorded_says_so_and_why(home: Path, monkeypatch: pytest.MonkeyPatch):
    of_it = f"This notebook has {len(EXERCISES['00_quickstart'])} exercises."
    why = "Not recorded here: the page is not open in JupyterLab or VS Code."
    assert repr(progress("00")) == f"{why} {of_it}"  # as a plain kernel has it
    monkeypatch.setenv("MLDRL_LITE_PROGRESS", "")
    assert repr(progress("00")) == f"{why} {of_it}"  # a stored page is made so
    assert progress("00")._repr_html_() == f"<p>{why} {of_it}</p>"
    monkeypatch.setenv("JPY_SESSION_NAME", "/course/notebooks/00_quickstart.ipynb")
    assert repr(progress("00")) == f"Not recorded here: MLDRL_LITE_PROGRESS is empty. {of_it}"
    monkeypatch.delenv("MLDRL_LITE_PROGRESS")
    assert repr(progress("00")).startswith("Nothing is solved yet")


def test_only_a_page_that_somebody_works_in_is_noted_at_home(home: Path, monkeypatch: pytest.MonkeyPatch):
    record.note(FIRST)  # as under papermill
    assert list(home.iterdir()) == []
    monkeypatch.setenv("JPY_SESSION_NAME", "/course/notebooks/00_quickstart.ipynb")
    record.note(FIRST)
    [noted] = home.rglob("progress.jsonl")
    assert record.solved(noted) == [FIRST]
    assert any(progress("00").done)
    monkeypatch.delenv("JPY_SESSION_NAME")
    assert not any(progress("00").done)  # a stored page says what holds on every machine
    assert record.place() == noted  # and the command line finds it


def test_what_runs_notebooks_notes_nothing(file: Path):
    assert environment()["MLDRL_LITE_PROGRESS"] == ""


def lines(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    assert main(["progress", *arguments]) == 0
    return capsys.readouterr().out.splitlines()


def test_the_command_says_per_notebook_what_is_done_and_where_to_go_on(file: Path, capsys: pytest.CaptureFixture[str]):
    first = list(EXERCISES["00_quickstart"])
    assert lines(capsys)[-2:] == ["Go on with exercise 1 of 00_quickstart.", f"The record will be {file}"]
    for name in (first[0], first[2], next(iter(EXERCISES["02_model"]))):
        record.note(name)
    said = lines(capsys)
    assert f"00_quickstart               2 of {len(first)}   open: 2, 4" in said[0]
    assert said[-2] == "Go on with exercise 2 of 02_model."  # where the latest one was
    for checks in EXERCISES.values():
        for name in checks:
            record.note(name)
    assert lines(capsys)[-2] == "That is all of the course."


def test_the_record_can_be_removed_and_turned_off(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    record.note(FIRST)
    assert lines(capsys, "--forget") == [f"Removed {file}."]
    assert not file.exists()
    assert lines(capsys, "--forget") == [f"There is no record: {file} does not exist."]
    monkeypatch.setenv("MLDRL_LITE_PROGRESS", "")
    record.note(FIRST)
    assert lines(capsys) == ["Nothing is recorded: MLDRL_LITE_PROGRESS is empty."]
