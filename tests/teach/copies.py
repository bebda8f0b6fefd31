"""Twenty copies of notebook 01 as learners hand them in, good and bad, and the verdicts that each should get."""

import json
from collections.abc import Callable
from pathlib import Path

import nbformat
from conftest import ROOT
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell
from solved import code_of, tags

from mldrl_lite.teach.workshop import student_copy

STEM = "01_datamodule"
SIGNS = {"R": "right", "W": "wrong", "-": "empty", "E": "error", "T": "timed out"}

WRONG = {
    1: "calls = (4, 1)",
    2: "def scale_view(view, train):\n    return (view - view.min(axis=0)) / (view.max(axis=0) - view.min(axis=0))",
    3: "MendedModule = ColleaguesModule",
    4: "class TableModule(LightningDataModule):\n    pass",
}


class Page:
    """A student's copy, and what a student does to it."""

    def __init__(self, stem: str = STEM) -> None:
        stored = nbformat.read(ROOT / "notebooks" / f"{stem}.ipynb", as_version=4)
        self.right = dict(enumerate((code_of(cell) for cell in stored.cells if "solution" in tags(cell)), 1))
        self.node = student_copy(stored)

    def cells(self, tag: str) -> list[NotebookNode]:
        return [cell for cell in self.node.cells if tag in tags(cell)]

    def exercise(self, number: int) -> NotebookNode:
        return self.cells("exercise")[number - 1]

    def check(self, number: int) -> NotebookNode:
        return self.cells("check")[number - 1]

    def answer(self, answers: dict[int, str]) -> "Page":
        for number, source in answers.items():
            self.exercise(number).source = source
        return self

    def solve(self, *numbers: int) -> "Page":
        return self.answer({number: self.right[number] for number in numbers or self.right})

    def remove(self, *cells: NotebookNode) -> "Page":
        self.node.cells = [cell for cell in self.node.cells if not any(cell is other for other in cells)]
        return self

    def insert_behind(self, cell: NotebookNode, source: str) -> "Page":
        place = next(place for place, other in enumerate(self.node.cells) if other is cell)
        self.node.cells.insert(place + 1, new_code_cell(source))
        return self

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.node), encoding="utf-8")


def printed_only(page: Page) -> Page:
    return page.answer({1: "print(1, 4)", 2: "def scale(view, train):\n    return view", 3: "# no idea", 4: "..."})


def edited_check(page: Page) -> Page:
    page.answer(WRONG)
    page.check(1).source = "from mldrl_lite.teach import right\ncheck_call_counts = lambda *a, **k: right('!')\n'Right'"
    page.check(2).source = "calls = (1, 4)\ncheck_scaling = print"
    return page.remove(page.check(4))


def other_release(page: Page) -> Page:
    for cell in [cell for cell in page.node.cells if cell.cell_type == "markdown"][2:12]:
        cell.source = f"In those days: {cell.source}"
    page.check(1).source = "check_calls(calls)"
    return page.solve(1, 2, 3).remove(page.exercise(4), page.check(4))


def elsewhere(page: Page) -> Page:
    """The answers stand in cells of the learner's own, one of them below its check; the exercises are gone."""
    page.insert_behind(page.check(1), page.right[1]).insert_behind(page.exercise(2), page.right[2])
    return page.solve(3, 4).remove(page.exercise(1), page.exercise(2))


def broken_page(page: Page) -> Page:
    code = [cell for cell in page.node.cells if cell.cell_type == "code" and not {"exercise", "check"} & {*tags(cell)}]
    for cell in code[:10]:
        cell.source = "raise SystemError('broken here') ("
    return page.solve().remove(*code[10:])


def without_identifiers(page: Page) -> Page:
    page.solve()
    for cell in page.node.cells:
        del cell["id"]
        cell.metadata = {}
    page.node.nbformat_minor = 4
    return page


def tried_thrice(page: Page) -> Page:
    said = "Not yet: the other way round?\nWhere to look: there\nThe shape of the code:\n    calls = ..."
    page.check(1).outputs = [nbformat.v4.new_output("display_data", {"text/plain": said})]
    return page.answer(WRONG)


_FLOOD = "for i in range(200):\n    print('x' * 1_000_000)\ndisplay('y' * 10_000_000)\n"
_HOG = "hog = []\nwhile True:\n    hog.append(bytearray(50_000_000))"
_LOOPS = "def scale_view(view, train):\n    while True:\n        pass"
_RAISES = "def scale_view(view, train):\n    return 1 / 0"
_DOWNLOADS = "import urllib.request\nurllib.request.urlopen('http://93.184.215.14/', timeout=5)\n"

COPIES: dict[str, tuple[Callable[[Page], Page], str]] = {
    "ada/01_datamodule.ipynb": (lambda page: page.solve(), "RRRR"),
    "ben/01_datamodule.ipynb": (tried_thrice, "WWWW"),
    "cleo/01_datamodule.ipynb": (lambda page: page, "----"),
    "dan/01_datamodule.ipynb": (lambda page: page.solve().answer({1: "while True:\n    pass"}), "TRRR"),
    "eve/01_datamodule.ipynb": (lambda page: page.solve().remove(page.exercise(2)), "R-RR"),
    "fay/final FINAL version.ipynb": (lambda page: page.solve(), "RRRR"),
    "gus/01_datamodule.ipynb": (lambda page: page.solve().answer({2: "exit()"}), "RERR"),
    "hal/01_datamodule.ipynb": (other_release, "RRR-"),
    "ida/01_datamodule.ipynb": (edited_check, "WWWW"),
    "jon/01_datamodule.ipynb": (lambda page: page.solve().answer({3: "import os\nos._exit(7)"}), "RRER"),
    "kim_01_datamodule (1).ipynb": (lambda page: page.solve().answer({1: f"{_FLOOD}{page.right[1]}"}), "RRRR"),
    "leo/01_datamodule.ipynb": (lambda page: page.solve().answer({3: "class MendedModule(:"}), "RRER"),
    "mia/01_datamodule.ipynb": (printed_only, "----"),
    "noa/01_datamodule.ipynb": (elsewhere, "RRRR"),
    "oli/01_datamodule.ipynb": (broken_page, "RRRR"),
    "pat/01_datamodule.ipynb": (without_identifiers, "RRRR"),
    "quin/01_datamodule.ipynb": (lambda page: page.solve().answer({4: f"{_DOWNLOADS}{page.right[4]}"}), "RRRE"),
    "rex/01_datamodule.ipynb": (lambda page: page.solve().answer({1: _HOG}), "ERRR"),
    "sam/01_datamodule.ipynb": (lambda page: page.solve().answer({2: _RAISES}), "RWRR"),
    "tom/01_datamodule.ipynb": (lambda page: page.solve().answer({2: _LOOPS}), "RTRR"),
}


def hand_in(folder: Path, names: list[str] | None = None) -> None:
    """Write the copies into a folder, and beside them two files that are none."""
    for name in names or COPIES:
        COPIES[name][0](Page()).write(folder / name)
    if not names:
        (folder / "una").mkdir()
        (folder / "una" / "01_datamodule.ipynb").write_text("{ half a noteb", encoding="utf-8")
        nbformat.write(nbformat.v4.new_notebook(cells=[new_code_cell("1 + 1")]), folder / "val.ipynb")


def wanted(names: list[str] | None = None) -> dict[str, list[str]]:
    """Return the verdicts of each copy, in the order of the exercises."""
    return {name: [SIGNS[sign] for sign in COPIES[name][1]] for name in names or COPIES}
