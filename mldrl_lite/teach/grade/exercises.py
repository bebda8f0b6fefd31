"""The exercises of a notebook of the course, as grading needs them: what is asked for, and the check that judges it."""

import ast
import hashlib
import re
import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from mldrl_lite.messages import InputError
from mldrl_lite.runs.notebook.file import open_notebook

_TASK = 110
"""Characters of a task in a table."""


def tags(cell: NotebookNode) -> list[str]:
    """Return the tags of a cell."""
    return cell.metadata.get("tags", [])


@dataclass(frozen=True)
class Exercise:
    """One exercise."""

    number: int
    answer: str
    """The name that the learner gives a value."""
    check: str
    """The function that judges it."""
    cell: int
    """The position of the cell to fill in."""
    check_cell: int
    source: str
    """The cell of the check, which imports what it calls."""
    task: str
    """What it asks for, in some words."""


@dataclass(frozen=True)
class Reference:
    """A notebook as it is handed out."""

    stem: str
    title: str
    cells: list[NotebookNode] = field(repr=False)
    exercises: list[Exercise]
    small: dict[str, Any]
    """The parameters of the small profile."""
    digest: str


def references(folder: Path) -> list[Reference]:
    """Read the notebooks that copies are compared with; copies for students serve as well as the stored ones.

    Raises:
        InputError: there are none, or one has no exercises that can be read.
    """
    paths = sorted(folder.glob("*.ipynb"))
    found = [reference(path) for path in paths]
    found = [one for one in found if one.exercises]
    if not found:
        raise InputError(
            f"No notebooks with exercises in {str(folder)!r}: give --notebooks the folder of the course's own."
        )
    return found


def reference(path: Path) -> Reference:
    """Read one notebook of the course."""
    cells = [cell for cell in open_notebook(path).cells if not {"solution", "about-solutions"} & {*tags(cell)}]
    checks = [position for position, cell in enumerate(cells) if "check" in tags(cell)]
    exercises = [_exercise(number, cells, position) for number, position in enumerate(checks, 1)]
    small = next((cell.metadata.get("small", {}) for cell in cells if "parameters" in tags(cell)), {})
    title = cells[0].source.partition("\n")[0].lstrip("# ") if cells else path.stem
    text = repr([(cell.cell_type, cell.source) for cell in cells]) + repr(small)
    return Reference(path.stem, title, cells, exercises, dict(small), hashlib.sha256(text.encode()).hexdigest())


def _exercise(number: int, cells: list[NotebookNode], check_cell: int) -> Exercise:
    """Read an exercise from its check, which ends with `check_something(answer, …)`.

    Raises:
        InputError: it does not.
    """
    source = cells[check_cell].source
    call = getattr(ast.parse(source).body[-1], "value", None)
    if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and isinstance(call.args[0], ast.Name)):
        raise InputError(
            f"A cell tagged 'check' ends with {source.splitlines()[-1]!r}: let it call check_…(answer, …)."
        )
    cell = max(position for position in range(check_cell) if "exercise" in tags(cells[position]))
    name = call.func.id
    whole = f"from mldrl_lite.teach import {name}\n{source}"
    return Exercise(number, call.args[0].id, name, cell, check_cell, whole, _task(cells[:cell], number))


def _task(cells: list[NotebookNode], number: int) -> str:
    """Return the beginning of the text that begins with `**number.**`, as plain words."""
    texts = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    found = re.search(rf"^\*\*{number}\.\*\*\s+(.+)$", texts, re.M)
    words = re.sub(r"\[([^]]+)\]\([^)]*\)", r"\1", found[1]).replace("*", "").replace("`", "") if found else ""
    return textwrap.shorten(words, _TASK, placeholder=" …")
