"""What a class hands in becomes the right book, whatever one copy does, and nobody waits for another's mistake."""

import csv
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from threading import Event
from typing import Any

import nbformat
import pytest
from conftest import NOTEBOOKS, ROOT
from copies import STEM, hand_in, wanted
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from solved import solved

from mldrl_lite.__main__ import main
from mldrl_lite.kernels.kernelspec import default_kernel
from mldrl_lite.messages import InputError
from mldrl_lite.teach.grade import book as book_module
from mldrl_lite.teach.grade import grading, inside, nbgrader, network
from mldrl_lite.teach.grade.book import BOOK, Book, grade, write_csv
from mldrl_lite.teach.grade.exercises import reference, references
from mldrl_lite.teach.grade.grading import Terms, Verdict, graded
from mldrl_lite.teach.grade.handed_in import handed_in
from mldrl_lite.teach.grade.matching import recognised
from mldrl_lite.teach.grade.names import names_in, needed
from mldrl_lite.teach.grade.pages import write_pages
from mldrl_lite.teach.grade.plan import steps
from mldrl_lite.teach.grade.session import Ended
from mldrl_lite.teach.workshop import student_copy

TERMS = Terms("pretended")

# ---------------------------------------------------------------------------------------------------------------------
# A small course, and kernels that are pretended: its checks are real, its cells run here


class Pretended:
    """A kernel that is none: cells run in this process, and a text of it ends it."""

    started = 0

    def __init__(self) -> None:
        self.namespace: dict[str, Any] = {}
        Pretended.started += 1

    def run(self, source: str, seconds: float) -> str:
        if "hang()" in source:
            raise Ended(f"it took more than {seconds:g} seconds", timed_out=True)
        if "die()" in source:
            raise Ended("it ends the kernel: killed")
        try:
            with redirect_stdout(StringIO()):
                exec(source, self.namespace)  # noqa: S102
        except Exception as error:
            return inside.described(error)
        return ""


def judge(running: Pretended, source: str, answer: str, seconds: float) -> dict[str, str]:
    if callable(running.namespace.get(answer)):
        raise Ended(f"it took more than {seconds:g} seconds", timed_out=True)
    return json.loads(inside.judged(source, answer, running.namespace))


@pytest.fixture
def _pretended(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def session(*_: object) -> Iterator[Pretended]:
        yield Pretended()

    monkeypatch.setattr(grading, "session", session)
    monkeypatch.setattr(grading, "judge", judge)
    monkeypatch.setattr(Pretended, "started", 0)


CELLS = {
    "parameters": ("n = 100  # a number", ["parameters"]),
    "helper": ("def four():\n    return n", []),
    "unneeded": ("raise SystemError('nobody asks for this cell')", []),
    "exercise-1": ("calls = ...", ["exercise"]),
    "check-1": ("from mldrl_lite.teach import check_call_counts\n\ncheck_call_counts(calls, n_processes=4)", ["check"]),
    "exercise-2": ("steps_taken = ...", ["exercise"]),
    "check-2": (
        "from mldrl_lite.teach import check_accumulated_steps\n\n"
        "check_accumulated_steps(steps_taken, n_batches=10, max_epochs=6, accumulate=4)",
        ["check"],
    ),
}
RIGHT = {"exercise-1": "calls = (1, four())", "exercise-2": "steps_taken = 18"}


def page(changes: dict[str, str | None] | None = None, behind: dict[str, str] | None = None) -> nbformat.NotebookNode:
    """The notebook of the small course with other sources of cells, None for one that is gone, and more behind some."""
    cells = [new_markdown_cell(f"Text {i}", id=f"text-{i}") for i in range(4)]
    cells[1].source = "## Exercises\n\n**1.** Give *two* numbers.\n\n**2.** Give one."
    for name, (source, labels) in CELLS.items():
        source = (changes or {}).get(name, source)
        if source is not None:
            cells.append(new_code_cell(source, id=name, metadata={"tags": labels, "small": {"n": 4}}))
        if name in (behind or {}):
            cells.append(new_code_cell(behind[name]))
    return new_notebook(cells=cells)


@pytest.fixture
def course(tmp_path: Path) -> Path:
    (tmp_path / "course").mkdir()
    nbformat.write(page(), tmp_path / "course" / "01_small.ipynb")
    return tmp_path / "course"


def verdicts(copy: nbformat.NotebookNode, course: Path) -> list[str]:
    match = recognised(copy, references(course))
    return [one.verdict for one in graded(match, TERMS)[0]]


# ---------------------------------------------------------------------------------------------------------------------
# One copy


@pytest.mark.usefixtures("_pretended")
@pytest.mark.parametrize(
    ("changes", "behind", "expected"),
    [
        ({}, {}, "empty empty"),
        (RIGHT, {}, "right right"),
        (RIGHT | {"exercise-1": "calls = (4, 1)"}, {}, "wrong right"),
        (RIGHT | {"exercise-1": None}, {}, "empty right"),
        (RIGHT | {"exercise-1": "print(1, 4)"}, {}, "empty right"),
        (RIGHT | {"exercise-1": "calls = ("}, {}, "error right"),
        (RIGHT | {"exercise-1": "calls = (1, 4)\n1 / 0"}, {}, "right right"),  # it was answered before
        (RIGHT | {"exercise-1": "hang()"}, {}, "timed out right"),
        (RIGHT | {"exercise-2": "die()"}, {}, "right error"),
        (RIGHT | {"exercise-1": "calls = print"}, {}, "timed out right"),  # in the check
        (RIGHT | {"exercise-1": None}, {"check-1": "calls = (1, 4)"}, "right right"),
        (RIGHT | {"exercise-1": None, "check-1": "calls = (1, 4)\ncheck_call_counts = 1"}, {}, "right right"),
        (RIGHT | {"exercise-1": "calls = (4, 1)", "check-1": "'Right'"}, {}, "wrong right"),
        (RIGHT | {"exercise-1": "calls = (4, 1)", "check-1": None, "check-2": None}, {}, "wrong right"),
        (RIGHT | {"helper": None, "parameters": "n = 'broken'", "unneeded": None}, {}, "right right"),
        (RIGHT | {"helper": "def four():\n    return 5"}, {}, "right right"),
        (RIGHT | {"helper": "calls = (1, 4)", "exercise-1": None}, {}, "right right"),  # answered in a cell of the page
        (RIGHT, {"helper": "die()", "exercise-1": "hang()"}, "right right"),
        (RIGHT | {"exercise-1": "calls = (1, mine())"}, {"helper": "def mine():\n    return 4"}, "right right"),
        ({"exercise-1": "die()", "exercise-2": "die()"}, {}, "error error"),
    ],
)
def test_an_exercise_gets_its_verdict_whatever_became_of_the_other_cells(
    changes: dict[str, str | None], behind: dict[str, str], expected: str, course: Path
):
    assert " ".join(verdicts(page(changes, behind), course)) == expected


@pytest.mark.usefixtures("_pretended")
def test_a_copy_without_end_is_given_up(course: Path):
    copy = page(RIGHT)
    copy.cells += [new_code_cell("die()") for _ in range(20)]
    assert verdicts(copy, course) == ["right", "error"]  # what is known is kept
    assert Pretended.started == grading._MOST_KERNELS
    copy.cells = [*copy.cells[-20:], *copy.cells[:-20]]
    assert verdicts(copy, course) == ["error", "error"]


def test_only_what_an_answer_needs_of_the_page_runs(course: Path):
    match = recognised(page(RIGHT), references(course))
    sources = [step.source for step in steps(match) if step.kind == "page"]
    assert sources == [CELLS["parameters"][0], "n = 4", CELLS["helper"][0]]


def test_a_cell_is_needed_that_makes_a_name_or_changes_what_stands_behind_it():
    cells = [
        "import m\nx = m.X()",
        "y = 1",
        "m.seed(1)",
        "x.go()",
        "run(x)",
        "print(x)",
        "x.a[0] = y",
        "len(x)",
        "ask(x)",
    ]
    assert sorted(needed([names_in(cell) for cell in cells], [8])) == [0, 1, 3, 4, 6, 8]
    cells = ["x = 1", "x = 2", "def f():\n    return y", "y = 3", "z = [x.go() for x in y]", "f() + x"]
    assert sorted(needed([names_in(cell) for cell in cells], [5])) == [1, 2, 3, 5]
    cells = ["x = []", "x = [*x, 1]", "y = x", "x = 2", "ask(y)"]
    assert sorted(needed([names_in(cell) for cell in cells], [4])) == [0, 1, 2, 4]
    assert names_in("def f(a):\n    b = a + c\n    return [d for d in e]").uses == {"c", "e"}
    inner = names_in("a = [b for b in c if [d for d in b]]\ne = {f: g for f, g in h}\ni = {j for j in k}")
    assert (inner.binds, inner.uses) == ({"a", "e", "i"}, {"c", "h", "k"})
    assert names_in("%matplotlib inline\nfiles = !ls").binds == {"files"}  # what Jupyter understands besides Python
    assert names_in("f(") == names_in("\0") == names_in("")


def test_a_copy_is_recognised_by_its_cells_and_not_by_its_name(course: Path):
    known = [*references(course), reference(ROOT / "notebooks" / "02_model.ipynb")]
    assert recognised(page(), known).reference.stem == "01_small"
    without = page(RIGHT)
    for cell in without.cells:
        del cell["id"]
    match = recognised(without, known)
    assert [match.found[at].source for at in range(len(without.cells))] == [cell.source for cell in without.cells]
    assert match.own == {}
    assert recognised(new_notebook(cells=[new_code_cell("1 + 1"), new_markdown_cell("Mine")]), known) is None


def test_a_copy_of_another_release_says_so_and_so_does_one_whose_check_was_changed(course: Path):
    other = page(RIGHT | {"check-2": "steps_taken"})
    assert recognised(other, references(course)).remarks == [
        "The check of exercise 2 was changed or removed; the course's own judged."
    ]
    for cell in other.cells[:4]:
        cell.source += " of old"
    remarks = " ".join(recognised(other, references(course)).remarks)
    assert "of another release: 4 of its 4 texts" in remarks


@pytest.mark.parametrize(
    ("said", "tries"),
    [
        ("", ""),
        ("Right: well done", ""),
        ("Not yet: put a number where the ... is, run that cell, and come back.", ""),
        ("Not yet: no", "1"),
        ("Not yet: no\nWhere to look: there", "2"),
        ("Not yet: no\nWhere to look: there\nThe shape of the code:\n    x = ...", "3+"),
    ],
)
def test_the_tries_are_those_that_the_copy_shows(said: str, tries: str):
    output = nbformat.v4.new_output("execute_result", {"text/plain": said})
    assert grading.tries(new_code_cell(outputs=[output])) == tries
    assert grading.tries(None) == ""


# ---------------------------------------------------------------------------------------------------------------------
# The folder and the book


def test_a_learner_is_a_folder_or_a_file_s_name(tmp_path: Path):
    names = [
        "ada/x.ipynb",
        "ada/deep/01_small.ipynb",
        "ben_01_small.ipynb",
        "01_small-cleo (2).ipynb",
        "dan-Copy1.ipynb",
    ]
    for name in [*names, "ada/runs/copy.ipynb", "ada/.ipynb_checkpoints/x.ipynb"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = {str(copy.path.relative_to(tmp_path)): copy.learner for copy in handed_in(tmp_path, ["01_small"])}
    assert found == dict(zip(names, ["ada", "ada", "ben", "cleo", "dan"], strict=True))


def fill(folder: Path, **answers: str) -> Path:
    """Hand in a copy for each learner, with this answer to the first exercise."""
    for learner, source in answers.items():
        (folder / learner).mkdir(parents=True, exist_ok=True)
        nbformat.write(page({"exercise-1": source}), folder / learner / "my copy.ipynb")
    return folder


def first_verdicts(book: Book) -> dict[str, str]:
    return {copy.learner: copy.verdicts[0].verdict for copy in book.copies if copy.verdicts}


@pytest.mark.usefixtures("_pretended")
def test_the_book_goes_on_where_it_stopped_and_grades_anew_what_has_changed(
    tmp_path: Path, course: Path, monkeypatch: pytest.MonkeyPatch
):
    folder = fill(tmp_path / "in", ada="calls = (1, 4)", ben="calls = (4, 1)", cleo="1 / 0")
    really, seen = book_module.graded, []

    def interrupted(match: Any, *rest: Any) -> Any:
        if len(seen) == 2:
            raise KeyboardInterrupt
        seen.append(match)
        return really(match, *rest)

    monkeypatch.setattr(book_module, "graded", interrupted)
    book = grade(folder, tmp_path / "out", course, TERMS)
    assert (len(book.copies), book.waiting) == (2, 1)
    assert "1 are waiting: the same command goes on" in book.summary()
    monkeypatch.setattr(book_module, "graded", really)
    monkeypatch.setattr(Pretended, "started", 0)
    assert first_verdicts(grade(folder, tmp_path / "out", course, TERMS)) == {
        "ada": "right",
        "ben": "wrong",
        "cleo": "error",
    }
    assert Pretended.started == 1
    fill(folder, ben="calls = (1, 4)")
    assert first_verdicts(grade(folder, tmp_path / "out", course, TERMS))["ben"] == "right"
    assert Pretended.started == 2
    (tmp_path / "out" / "copies" / next((tmp_path / "out" / "copies").iterdir()).name).write_text("{ half")
    grade(folder, tmp_path / "out", course, TERMS)
    assert Pretended.started == 3


@pytest.mark.usefixtures("_pretended")
def test_a_kernel_that_an_interrupt_has_ended_is_no_error_of_its_copy(
    tmp_path: Path, course: Path, monkeypatch: pytest.MonkeyPatch
):
    folder = fill(tmp_path / "in", ada="calls = (1, 4)", ben="calls = (4, 1)")
    really, at_work = book_module.graded, Event()

    def killed(match: Any, terms: Terms, beside: Path, stop: Event) -> Any:
        if "(4, 1)" in str(match.found):
            assert at_work.wait(60)
            raise KeyboardInterrupt
        at_work.set()
        assert stop.wait(60)
        return really(match, terms, beside, stop)

    monkeypatch.setattr(book_module, "graded", killed)
    book = grade(folder, tmp_path / "out", course, TERMS, jobs=2)
    assert (book.copies, book.waiting) == ([], 2)
    assert list((tmp_path / "out" / "copies").iterdir()) == []


@pytest.mark.usefixtures("_pretended")
def test_a_copy_finds_what_was_handed_in_beside_it(tmp_path: Path, course: Path, monkeypatch: pytest.MonkeyPatch):
    folder = fill(tmp_path / "in", ada="from pathlib import Path\ncalls = (1, int(Path('four.txt').read_text()))")
    (folder / "ada" / "four.txt").write_text("4")
    really = grading.session

    @contextmanager
    def there(place: Path, *rest: object) -> Iterator[Pretended]:
        monkeypatch.chdir(place)
        with really(place, *rest) as running:
            yield running
        monkeypatch.chdir(tmp_path)

    monkeypatch.setattr(grading, "session", there)
    assert first_verdicts(grade(folder, tmp_path / "out", course, TERMS)) == {"ada": "right"}


@pytest.mark.usefixtures("_pretended")
def test_what_cannot_be_graded_is_said_and_costs_nobody_else(
    tmp_path: Path, course: Path, monkeypatch: pytest.MonkeyPatch
):
    folder = fill(tmp_path / "in", ada="calls = (1, 4)", ben="calls = 'boom'")
    shutil.copy(folder / "ada" / "my copy.ipynb", folder / "ada" / "older.ipynb")
    (folder / "cleo.ipynb").write_text("{ half")
    nbformat.write(new_notebook(cells=[new_code_cell("1")]), folder / "dan.ipynb")
    really = book_module.graded

    def broken(match: Any, *rest: Any) -> Any:
        if "boom" in str(match.found):
            raise OSError("the disk is full")
        return really(match, *rest)

    monkeypatch.setattr(book_module, "graded", broken)
    book = grade(folder, tmp_path / "out", course, TERMS)
    remarks = {copy.copy: " ".join(copy.remarks) for copy in book.copies}
    assert first_verdicts(book) == {"ada": "right"}
    assert "changed another copy later" in remarks["ada/my copy.ipynb"] + remarks["ada/older.ipynb"]
    assert "the disk is full" in remarks["ben/my copy.ipynb"]
    assert "not a notebook" in remarks["cleo.ipynb"]
    assert "no" in remarks["dan.ipynb"]


def test_bad_input_is_one_sentence(tmp_path: Path, course: Path):
    folder = fill(tmp_path / "in", ada="calls = (1, 4)")
    (tmp_path / "bare").mkdir()
    for arguments, words in (
        ((tmp_path / "no", tmp_path / "out", course), "No folder"),
        ((tmp_path / "bare", tmp_path / "out", course), "No notebook in"),
        ((folder, folder, course), "another one"),
        ((folder, tmp_path / "out", tmp_path / "bare"), "give --notebooks"),
    ):
        with pytest.raises(InputError, match=words):
            grade(*arguments, TERMS)
    with pytest.raises(InputError, match="timeout"):
        grade(folder, tmp_path / "out", course, Terms("pretended", seconds=0))


# ---------------------------------------------------------------------------------------------------------------------
# What a teacher reads


def a_book(course: Path, *learners: str) -> Book:
    one = Verdict(1, "calls", "wrong", "would 4 processes <do> it?", "2", "calls = (4, 1)  # <secret>")
    two = Verdict(2, "steps_taken", "right", "", "", "steps_taken = 18")
    copies = [book_module.Graded(name, f"{name}.ipynb", "01_small", [one, two], ["Old."]) for name in learners]
    return Book(copies, {known.stem: known for known in references(course)})


def test_the_table_holds_a_row_for_each_exercise_and_no_formula(tmp_path: Path, course: Path):
    write_csv(a_book(course, "ada", "=cmd()"), tmp_path / BOOK)
    with (tmp_path / BOOK).open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["learner"], row["exercise"], row["verdict"]) for row in rows] == [
        ("ada", "1", "wrong"),
        ("ada", "2", "right"),
        ("'=cmd()", "1", "wrong"),
        ("'=cmd()", "2", "right"),
    ]
    assert list(rows[0]) == ["learner", "notebook", "exercise", "answer", "verdict", "tries", "nudge", "copy"]


def test_the_pages_lead_to_each_learner_and_show_no_check(tmp_path: Path, course: Path):
    write_pages(a_book(course, "ada", "B / é"), tmp_path)
    pages = [tmp_path / "index.html", *sorted((tmp_path / "learners").iterdir())]
    assert len(pages) == 3
    for path in pages:
        text = path.read_text(encoding="utf-8")
        assert "<do>" not in text
        assert "n_processes" not in text  # of the check's call
        links = re.findall(r'href="([^"#]+\.(?:html|csv))(?:#([^"]+))?"', text)
        for target, anchor in links:
            file = path.parent / target
            assert target == BOOK or file.is_file()
            assert not anchor or f'id="{anchor}"' in file.read_text(encoding="utf-8")
    learner = (tmp_path / "learners" / "ada.html").read_text(encoding="utf-8")
    assert "Give two numbers." in learner
    assert "calls = (4, 1)  # &lt;secret&gt;" in learner
    assert "tries: 2" in learner
    write_pages(a_book(course, "ada"), tmp_path)
    assert [path.name for path in (tmp_path / "learners").iterdir()] == ["ada.html"]


def test_the_class_sees_which_exercise_fails_and_which_nudge_comes_most(tmp_path: Path, course: Path):
    book = a_book(course, "ada", "ben", "cleo")
    book.copies[1].verdicts[0] = Verdict(1, "calls", "wrong", "would 7 processes <do> it?", "", "")
    book.copies[2].verdicts[0] = Verdict(1, "calls", "empty", "put it where the ... is", "", "")
    write_pages(book, tmp_path)
    text = re.sub(r"\s+", " ", (tmp_path / "index.html").read_text(encoding="utf-8"))
    assert re.search(r'<td class="number">100%</td>.*<td class="number">0%</td>', text)
    assert re.search(r'<td class="number">2</td><td>01, 1</td><td>would 4 processes', text)
    assert text.count("would 4") + text.count("would 7") > 2


# ---------------------------------------------------------------------------------------------------------------------
# Without a network


def test_the_guard_refuses_what_leaves_the_machine():
    for event, *arguments in (
        ("socket.connect", None, ("93.184.215.14", 80)),
        ("socket.sendto", None, ("93.184.215.14", 53)),
        ("socket.getaddrinfo", "example.org", 80, 0, 0, 0),
        ("socket.gethostbyname", "example.org"),
    ):
        with pytest.raises(PermissionError):
            inside._refuse_network(event, tuple(arguments))
    for event, *arguments in (
        ("socket.connect", None, ("127.0.0.1", 80)),
        ("socket.connect", None, "a socket"),
        ("socket.getaddrinfo", "localhost", 80, 0, 0, 0),
        ("socket.getaddrinfo", None, 80, 0, 0, 0),
        ("open", "file", "r", 0),
    ):
        inside._refuse_network(event, tuple(arguments))


def test_the_command_begins_again_with_the_same_arguments(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    begun: list[list[str]] = []

    def begin(arguments: list[str]) -> None:
        begun.append(arguments)
        raise InputError("begun")

    monkeypatch.setattr(network, "begin_again_without_network", begin)
    given = ["grade", str(tmp_path), "-o", "book", "-j", "3", "--timeout", "1.5", "--kernel", "python3"]
    assert main(given) == 2
    monkeypatch.setenv("MLDRL_LITE_NO_NETWORK", "1")
    monkeypatch.setattr(network, "open_loopback", lambda: None)
    monkeypatch.setattr(grading, "session", None)
    seen: list[Any] = []
    monkeypatch.setattr(book_module, "grade", lambda *args, **options: seen.append((args, options)) or Book([], {}))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "book").mkdir()
    assert main(begun[0]) == main(given) == 0
    assert seen[0] == seen[1]
    assert seen[0][0][3] == Terms("python3", 1.5, guard=False)


# ---------------------------------------------------------------------------------------------------------------------
# Real kernels: each runs a page of the course


@pytest.mark.whole
def test_twenty_copies_give_the_right_book(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    hand_in(tmp_path / "in")
    arguments = ["--timeout", "20", "--memory", "3000", "--notebooks", str(ROOT / "notebooks"), "-j", "2"]
    command = [
        sys.executable,
        "-m",
        "mldrl_lite",
        "grade",
        str(tmp_path / "in"),
        "-o",
        str(tmp_path / "out"),
        *arguments,
    ]

    printed = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path).stdout
    assert "20 copies of 22 learners" in printed
    with (tmp_path / "out" / BOOK).open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    found: dict[str, list[str]] = {}
    for row in rows:
        assert row["notebook"] == STEM
        found.setdefault(row["copy"], []).append(row["verdict"])
    assert found == wanted()
    tries = {row["exercise"]: row["tries"] for row in rows if row["learner"] == "ben"}
    assert tries == {"1": "3+", "2": "", "3": "", "4": ""}
    nudges = {(row["learner"], row["exercise"]): row["nudge"] for row in rows}
    assert "exit()" in nudges["gus", "2"]
    assert "status 7" in nudges["jon", "3"]
    assert "MB of memory" in nudges["rex", "1"]
    assert "SyntaxError" in nudges["leo", "3"]
    assert "ZeroDivisionError" in nudges["sam", "2"]
    text = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert re.search(r"hal</a>, [^<]*: This copy is of another release: 10 of", text)
    assert "una" in text
    assert "shares hardly a cell" in text


@pytest.mark.whole
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_solution_of_the_course_is_graded_right(path: Path):
    known, stored = reference(path), nbformat.read(path, as_version=4)
    found, remarks = graded(recognised(student_copy(solved(stored)), [known]), Terms(default_kernel(), seconds=300))
    not_right = {one.exercise: one.nudge for one in found if one.verdict != "right"}
    if path.stem == "11_your_own_project":  # the folder of a project is handed in beside the notebook
        assert "there is no samples.py" in not_right.pop(3)
    assert (not_right, remarks) == ({}, [])


# ---------------------------------------------------------------------------------------------------------------------
# For nbgrader


def test_an_assignment_of_nbgrader_fails_until_the_check_says_right(tmp_path: Path, course: Path):
    assert nbgrader.main(["--notebooks", str(course), "-o", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / "nbgrader_config.py").is_file()
    node = nbformat.read(tmp_path / "out" / "source" / "01_small" / "01_small.ipynb", as_version=4)
    marked = {cell.id: cell.metadata.nbgrader for cell in node.cells if "nbgrader" in cell.metadata}
    assert {name: (about.solution, about.grade, about.locked) for name, about in marked.items()} == {
        "exercise-1": (True, False, False),
        "check-1": (False, True, True),
        "exercise-2": (True, False, False),
        "check-2": (False, True, True),
    }
    assert len({about.grade_id for about in marked.values()}) == 4
    assert [about.points for about in marked.values() if about.grade] == [1, 1]
    [test] = [cell.source for cell in node.cells if cell.id == "check-1"]
    shown: list[object] = []
    exec(test, {"calls": (1, 4), "display": shown.append})  # noqa: S102
    with pytest.raises(AssertionError, match="other way round"):
        exec(test, {"calls": (4, 1), "display": shown.append})  # noqa: S102
    assert [feedback.right for feedback in shown] == [True, False]
    assert nbgrader.main(["--notebooks", str(course), "-o", str(tmp_path / "out")]) == 2  # a teacher's work is kept


def test_every_notebook_becomes_an_assignment():
    for known in references(ROOT / "notebooks"):
        node = nbgrader.assignment(known)
        tests = [cell.source for cell in node.cells if cell.metadata.get("nbgrader", {}).get("grade")]
        assert len(tests) == len(known.exercises)
        for source in tests:
            compile(source, known.stem, "exec")
            assert "\nfeedback = check_" in f"\n{source}"
