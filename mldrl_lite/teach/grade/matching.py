"""Which notebook a copy is of, and which of its cells is which: by the cells' identifiers, and else by their text.

A name says nothing: learners rename files. Some programs take the identifiers away: then the texts are left.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from nbformat import NotebookNode

from mldrl_lite.teach.grade.exercises import Exercise, Reference
from mldrl_lite.teach.grade.names import names_in

_FEW = 3
"""So many cells of a notebook make a copy; other pages share one or two short ones by chance."""
_OTHER_TEXTS = 3
"""So many texts that read otherwise come from another release: learners write into code."""


@dataclass(frozen=True)
class Match:
    """A copy's cells beside those of its notebook."""

    reference: Reference
    found: dict[int, NotebookNode]
    """The copy's cell for each position in the notebook where there is one."""
    own: dict[int, list[NotebookNode]]
    """The cells that the learner has added, by the position that they follow; -1 is the top."""

    @property
    def remarks(self) -> list[str]:
        """What a teacher should know of the copy before reading its verdicts."""
        cells, found = self.reference.cells, self.found
        texts = [position for position, cell in enumerate(cells) if cell.cell_type == "markdown" and position in found]
        other = sum(found[position].source != cells[position].source for position in texts)
        gone = [one for one in self.reference.exercises if one.cell not in found]
        edited = [
            one.number
            for one in self.reference.exercises
            if one.check_cell not in found or found[one.check_cell].source != cells[one.check_cell].source
        ]
        remarks = []
        if other >= _OTHER_TEXTS:
            remarks.append(
                f"This copy is of another release: {other} of its {len(texts)} texts read otherwise here. It is judged "
                "by the checks of this one."
            )
        if gone:
            remarks.append(f"No cell for exercise {_listed(one.number for one in gone)}.")
        if edited:
            remarks.append(f"The check of exercise {_listed(edited)} was changed or removed; the course's own judged.")
        return remarks


def _listed(numbers: Iterable[int]) -> str:
    *head, last = map(str, numbers)
    return f"{', '.join(head)} and {last}" if head else last


def recognised(copy: NotebookNode, references: Sequence[Reference]) -> Match | None:
    """Return the copy beside the notebook that it shares most cells with; None if it is of none of them."""
    best = max(references, key=lambda one: _shared(copy, one))
    return matched(copy, best) if _shared(copy, best) >= _FEW else None


def _shared(copy: NotebookNode, reference: Reference) -> int:
    same_id = {cell.get("id") for cell in copy.cells} & {cell.get("id") for cell in reference.cells}
    same_text = {cell.source for cell in copy.cells} & {cell.source for cell in reference.cells}
    return max(len(same_id - {None}), len(same_text))


def matched(copy: NotebookNode, reference: Reference) -> Match:
    """Find each cell of a notebook in a copy."""
    left, found = list(copy.cells), {}

    def take(positions: Iterable[int], fits: Callable[[int, NotebookNode], bool]) -> None:
        for position in positions:
            same = (cell for cell in left if position not in found and fits(position, cell))
            if (cell := next(same, None)) is not None:
                found[position] = cell
                left[:] = [other for other in left if other is not cell]

    cells = reference.cells
    take(range(len(cells)), lambda at, cell: _same_id(cell, cells[at]) and _same_type(cell, cells[at]))
    take(range(len(cells)), lambda at, cell: cell.source == cells[at].source and _same_type(cell, cells[at]))
    for one in reference.exercises:
        take([one.cell], lambda at, cell, one=one: _answers(cell, one))
        take([one.check_cell], lambda at, cell, one=one: f"{one.check}(" in cell.source and cell.cell_type == "code")
    return Match(reference, found, _placed(copy, found))


def _same_id(cell: NotebookNode, other: NotebookNode) -> bool:
    return "id" in cell and cell.id == other.get("id")


def _same_type(cell: NotebookNode, other: NotebookNode) -> bool:
    return cell.cell_type == other.cell_type


def _answers(cell: NotebookNode, exercise: Exercise) -> bool:
    return cell.cell_type == "code" and exercise.answer in names_in(cell.source).binds


def _placed(copy: NotebookNode, found: dict[int, NotebookNode]) -> dict[int, list[NotebookNode]]:
    """Return the code cells that are none of the notebook's, behind the cell that they follow in the copy."""
    positions = {id(cell): position for position, cell in found.items()}
    own: dict[int, list[NotebookNode]] = {}
    behind = -1
    for cell in copy.cells:
        behind = positions.get(id(cell), behind)
        if id(cell) not in positions and cell.cell_type == "code" and cell.source.strip():
            own.setdefault(behind, []).append(cell)
    return own
