"""What runs for a copy, in order: of the page what its answers need, all that the learner wrote, and the checks.

The page's cells run as they were handed out, with the small profile, whatever the learner made of them: an answer
depends on the course, and not on what became of a cell further up.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from nbformat import NotebookNode

from mldrl_lite.teach.grade.exercises import Exercise
from mldrl_lite.teach.grade.matching import Match
from mldrl_lite.teach.grade.names import Names, names_in, needed, statements


@dataclass(frozen=True)
class Step:
    """One cell that runs, or one statement of a cell of the course."""

    kind: str
    """`page`: of the course. `own`: a learner's. `answer`: one for an exercise. `check`: what judges it."""
    source: str
    exercise: Exercise | None = None
    opening: bool = False
    """Whether it runs even if nobody asks for its names: the parameters, and what opens the page."""


def steps(match: Match) -> list[Step]:
    """Return what runs for a copy."""
    every = [*_all_steps(match)]
    names = [_names(step) for step in every]
    always = [place for place, step in enumerate(every) if step.kind != "page" or step.opening]
    return [every[place] for place in sorted(needed(names, always))]


def _names(step: Step) -> Names:
    return names_in(step.source)


def _all_steps(match: Match) -> Iterator[Step]:
    """Yield everything; a check waits until the learner's own cells after it have run: some answer there."""
    reference, waiting = match.reference, []
    answers = {one.cell: one for one in reference.exercises}
    checks = {one.check_cell: one for one in reference.exercises}
    yield from _own(match, -1)
    for position, cell in enumerate(reference.cells):
        handed_in = match.found.get(position)
        if cell.cell_type == "code" and position not in checks:
            yield from waiting
            waiting = []
        if position in answers:
            yield from [Step("answer", handed_in.source, answers[position])] if handed_in is not None else []
        elif position in checks:
            yield from [Step("own", handed_in.source)] if _edited(handed_in, cell) else []
            waiting = [Step("check", checks[position].source, checks[position])]
        elif cell.cell_type == "code":
            yield from _page_steps(match, position)
        yield from _own(match, position)
    yield from waiting


def _own(match: Match, position: int) -> Iterator[Step]:
    """Yield the learner's own cells behind one; where a cell only asks a check, that is done in any case."""
    asked = {one.check for one in match.reference.exercises}
    for source in (cell.source for cell in match.own.get(position, [])):
        names = names_in(source)
        if names.binds - names.imports or not asked & names.uses:
            yield Step("own", source)


def _edited(cell: NotebookNode | None, original: NotebookNode) -> bool:
    return cell is not None and cell.source != original.source


def _page_steps(match: Match, position: int) -> Iterator[Step]:
    cell, handed_in = match.reference.cells[position], match.found.get(position)
    parameters = "parameters" in cell.metadata.get("tags", [])
    for source in statements(cell.source):
        yield Step("page", source, opening=parameters or "open_page(" in source)
    if parameters:
        values = match.reference.small.items()
        yield Step("page", "\n".join(f"{name} = {value!r}" for name, value in values), opening=True)
    answers = {one.answer for one in match.reference.exercises}
    if _edited(handed_in, cell) and answers & names_in(handed_in.source).binds:  # an answer in a cell of the page
        yield Step("own", handed_in.source)
