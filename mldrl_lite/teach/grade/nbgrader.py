"""The course as assignments of nbgrader, for a school that has it: `python -m mldrl_lite.teach.grade.nbgrader`.

Each notebook becomes one assignment, in the layout and with the metadata of nbgrader 0.9 (schema version 3): the cell
of an exercise is an answer that nbgrader grades, the cell of a check is its test, worth one point, and fails where the
check does not say Right. https://nbgrader.readthedocs.io/en/stable/contributor_guide/metadata.html
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from mldrl_lite.messages import InputError
from mldrl_lite.teach.grade.exercises import Reference, references

_VERSION = 3
_CONFIG = """c = get_config()

c.CourseDirectory.course_id = "mldrl-lite"
# A cell that has not ended by then counts as wrong; the default waits for half a minute.
c.ExecutePreprocessor.timeout = 120
"""


def assignment(reference: Reference) -> NotebookNode:
    """Return a notebook as nbgrader wants it, in the small profile."""
    cells = [nbformat.from_dict(cell) for cell in reference.cells]
    for one in reference.exercises:
        name = f"{reference.stem}-{one.number}"
        cells[one.cell].metadata["nbgrader"] = _metadata(f"answer-{name}", solution=True, grade=False, locked=False)
        check = cells[one.check_cell]
        check.source = _test(check.source)
        check.metadata["nbgrader"] = _metadata(f"check-{name}", solution=False, grade=True, locked=True) | {"points": 1}
    for cell in cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    node = nbformat.v4.new_notebook(cells=cells)
    node.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return node


def _metadata(name: str, **roles: bool) -> dict[str, Any]:
    return {"grade_id": name, "schema_version": _VERSION, "task": False, "cell_type": "code", **roles}


def _test(source: str) -> str:
    """Return a check that shows what it says, and raises unless that is Right."""
    before, _, call = source.rpartition("check_")
    return f"{before}feedback = check_{call}\ndisplay(feedback)\nassert feedback.right, feedback.message"


def write_course(notebooks: Path, out: Path) -> list[Path]:
    """Write a course directory for nbgrader: `source/NAME/NAME.ipynb`, and `nbgrader_config.py`.

    Raises:
        InputError: `notebooks` holds none of the course, or `out` holds a course directory already.
    """
    if (out / "nbgrader_config.py").exists():
        raise InputError(f"{str(out)!r} is a course directory of nbgrader already: give --out a new folder.")
    written = []
    for reference in references(notebooks):
        path = out / "source" / reference.stem / f"{reference.stem}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(assignment(reference), path)
        written.append(path)
    (out / "nbgrader_config.py").write_text(_CONFIG, encoding="utf-8")
    return written


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the course directory, and say where it is; the exit status is 0, or 2 for input that cannot be used."""
    parser = argparse.ArgumentParser(prog="python -m mldrl_lite.teach.grade.nbgrader", description=__doc__)
    parser.add_argument("--notebooks", type=Path, default=Path("notebooks"), help="the course's notebooks (notebooks)")
    parser.add_argument("-o", "--out", type=Path, default=Path("build/nbgrader"), help="a new course directory")
    options = parser.parse_args(arguments)
    try:
        written = write_course(options.notebooks, options.out)
    except InputError as error:
        print(f"mldrl-lite: {error}", file=sys.stderr)
        return 2
    print(f"{len(written)} assignments in {options.out / 'source'}: go there, and run nbgrader generate_assignment")
    return 0


if __name__ == "__main__":
    sys.exit(main())
