"""The verdicts on one copy. A cell that hangs, or ends its kernel, costs its own exercise; the others get a new one."""

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from nbformat import NotebookNode

from mldrl_lite.teach.grade.exercises import Exercise
from mldrl_lite.teach.grade.matching import Match
from mldrl_lite.teach.grade.plan import Step, steps
from mldrl_lite.teach.grade.session import Ended, Session, judge, session

VERDICTS = ("right", "wrong", "empty", "error", "timed out")
_PAGE_WITHIN = 600
"""Seconds for a cell of the course; in the small profile, none takes a minute."""
_MOST_KERNELS = 8
"""So many kernels for a copy, and then what is left is given up: a page may hold a hundred endless loops."""
_LEFT_BEHIND = (".*", "__pycache__", "runs", "lightning_logs", "venv")


@dataclass(frozen=True)
class Terms:
    """How copies are graded."""

    kernel: str
    seconds: float = 60.0
    """For each cell of a learner, and for each check."""
    memory: float = 4000.0
    """MB, for the kernel and what it has started."""
    guard: bool = True
    """Whether the kernel refuses its own sockets, because nothing else cuts it off."""


@dataclass(frozen=True)
class Verdict:
    """What became of one exercise in a copy."""

    exercise: int
    answer: str
    verdict: str
    """One of `VERDICTS`."""
    nudge: str
    """What the check said, or the error, in one line; "" when it is right."""
    tries: str
    """1, 2 or 3+: how often the learner was told Not yet, as the copy shows it; "" where it does not."""
    source: str
    """What the learner wrote, "" without a cell."""


def graded(
    match: Match, terms: Terms, beside: Path | None = None, stop: Event | None = None
) -> tuple[list[Verdict], list[str]]:
    """Run a copy and return its verdicts, and remarks on what had to be left out.

    Args:
        match: the copy.
        terms: how.
        beside: a folder whose files the copy may need; its cells run in a copy of it.
        stop: when it is set, no more kernels are started, and the verdicts are worth nothing.
    """
    run = _Run(match, terms)
    with tempfile.TemporaryDirectory(prefix="graded-", ignore_cleanup_errors=True) as place:
        folder = Path(place, "copy")
        if beside:
            shutil.copytree(beside, folder, symlinks=True, ignore=shutil.ignore_patterns(*_LEFT_BEHIND))
        folder.mkdir(exist_ok=True)
        for _ in range(_MOST_KERNELS):
            if run.finished_in(folder) or (stop and stop.is_set()):
                break
        run.give_up()
    return [run.verdict(one) for one in match.reference.exercises], run.remarks


class _Run:
    """The cells of a copy, and what is known of them after some kernels."""

    def __init__(self, match: Match, terms: Terms) -> None:
        self.match, self.terms, self.steps = match, terms, steps(match)
        self.left_out: set[int] = set()
        self.said: dict[int, dict[str, str]] = {}
        self.errors: dict[int, str] = {}
        self.remarks: list[str] = []

    def finished_in(self, folder: Path) -> bool:
        """Run in a new kernel what is not left out; False when it ended on the way."""
        place = -1
        try:
            with session(folder, self.terms.kernel, self.terms.memory, self.terms.guard) as running:
                for place, step in enumerate(self.steps):
                    if place not in self.left_out:
                        self._run(step, running)
            return True
        except Ended as end:
            self._note(place, end)
            return self._is_done()

    def _run(self, step: Step, running: Session) -> None:
        seconds, number = self.terms.seconds, step.exercise.number if step.exercise else 0
        if step.kind == "check":
            self.said[number] = self.said.get(number) or _judged(running, step, seconds)
            return
        error = running.run(step.source, _PAGE_WITHIN if step.kind == "page" else seconds)
        if error and step.kind == "answer":
            self.errors[number] = error

    def _note(self, place: int, end: Ended) -> None:
        """Leave out what ended the kernel. Where a cell of the course did, nothing more can be had of this copy."""
        step = self.steps[place] if place >= 0 else None
        if step is None or step.kind == "page":
            return self.give_up(f"the kernel ended in a cell of the course: {end}")
        self.left_out.add(place)
        if step.kind == "own":
            self.remarks.append(f"A cell that the learner added or changed was left out: {end}.")
        else:
            verdict = "timed out" if end.timed_out else "error"
            self.said[step.exercise.number] = {"verdict": verdict, "nudge": f"{end}."}

    def _is_done(self) -> bool:
        return len(self.said) == len(self.match.reference.exercises)

    def give_up(self, why: str = "too many cells of this copy hang or end their kernel") -> None:
        """Count as an error what has no verdict yet."""
        for one in self.match.reference.exercises:
            self.said.setdefault(one.number, {"verdict": "error", "nudge": f"{why}."})

    def verdict(self, one: Exercise) -> Verdict:
        said, error = self.said[one.number], self.errors.get(one.number)
        if error and said["verdict"] in ("wrong", "empty"):
            said = {"verdict": "error", "nudge": f"{error}."}
        cell = self.match.found.get(one.cell)
        check = self.match.found.get(one.check_cell)
        return Verdict(
            one.number, one.answer, said["verdict"], said["nudge"], tries(check), cell.source if cell else ""
        )


def _judged(running: Session, step: Step, seconds: float) -> dict[str, str]:
    try:
        return judge(running, step.source, step.exercise.answer, seconds)
    except ValueError as error:
        return {"verdict": "error", "nudge": f"the check could not be asked: {error}"}


def tries(check: NotebookNode | None) -> str:
    """Return how often a learner was told Not yet, as the stored output of the check shows it; "" where it does not."""
    outputs: Sequence[NotebookNode] = check.get("outputs", []) if check else []
    texts = ["".join(output.get("data", {}).get("text/plain", "")) for output in outputs]
    said = next((text for text in texts if text.startswith("Not yet")), "")
    if not said or "where the ... is" in said.partition("\n")[0]:  # the starter is no try
        return ""
    return "3+" if "The shape of the code:" in said else "2" if "Where to look:" in said else "1"
