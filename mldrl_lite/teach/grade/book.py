"""A folder of copies becomes a book: graded one by one, kept as they come, and taken up where it stopped."""

import csv
import hashlib
import json
import warnings
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import as_completed
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from threading import Event
from typing import Any

from tqdm import tqdm

from mldrl_lite.messages import InputError, require
from mldrl_lite.runs.notebook.file import open_notebook
from mldrl_lite.runs.process.kernel import threads
from mldrl_lite.runs.process.limits import allow_files
from mldrl_lite.runs.progress import bar_options
from mldrl_lite.teach import exercises as checks
from mldrl_lite.teach.grade.exercises import Reference, references
from mldrl_lite.teach.grade.grading import VERDICTS, Terms, Verdict, graded
from mldrl_lite.teach.grade.handed_in import HandedIn, handed_in
from mldrl_lite.teach.grade.matching import Match, recognised

KEPT = "copies"
"""The folder of what is known of each copy, in the folder of the book."""
BOOK = "gradebook.csv"
_COLUMNS = ("learner", "notebook", "exercise", "answer", "verdict", "tries", "nudge", "copy")


@dataclass(frozen=True)
class Graded:
    """One copy, graded."""

    learner: str
    copy: str
    """Its file, from the folder that was handed in."""
    notebook: str = ""
    """The name of the course's notebook; "" where the copy is of none."""
    verdicts: list[Verdict] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Book:
    """All copies of a folder."""

    copies: list[Graded]
    references: dict[str, Reference]
    waiting: int = 0
    """Copies that are not graded yet, as the work was interrupted."""
    cut_off: bool = False
    """Whether the copies ran without a network, or only with a guard in their kernels."""

    def rows(self) -> Iterator[dict[str, str]]:
        """Yield a row for each exercise of each copy."""
        for copy in self.copies:
            about = {"learner": copy.learner, "notebook": copy.notebook, "copy": copy.copy}
            for one in copy.verdicts:
                told = {name: getattr(one, name) for name in ("answer", "verdict", "tries", "nudge")}
                yield about | told | {"exercise": str(one.exercise)}

    def summary(self) -> str:
        """Return in two lines how it went."""
        graded = [copy for copy in self.copies if copy.verdicts]
        found = counts(one for copy in graded for one in copy.verdicts)
        verdicts = ", ".join(f"{number} {verdict}" for verdict, number in found.items() if number)
        left = f" {self.waiting} are waiting: the same command goes on." if self.waiting else ""
        learners = len({copy.learner for copy in self.copies})
        way = "without a network" if self.cut_off else "with Python's connections to other machines refused"
        return f"{len(graded)} copies of {learners} learners, graded {way}: {verdicts or 'nothing'}.{left}"


@dataclass(frozen=True)
class _Task:
    """A copy to grade."""

    copy: HandedIn
    match: Match
    kept: Path
    digest: str


def grade(folder: Path, out: Path, notebooks: Path, terms: Terms, *, jobs: int = 1, cut_off: bool = False) -> Book:
    """Grade the copies in a folder, and keep what is known of each in `out`; an interrupt keeps what is done.

    Args:
        folder: a folder for each learner, or files named after them.
        out: gets `copies/`. A copy that is there, and has not changed since, is not graded again.
        notebooks: the course's own.
        terms: how.
        jobs: how many copies run at once.
        cut_off: whether this process has no network.

    Raises:
        InputError: no copies, no notebooks, or a limit that cannot be meant.
    """
    require("timeout", terms.seconds, float, above=0)
    require("memory", terms.memory, float, above=0)
    require("jobs", jobs, int, at_least=1)
    if out.resolve() == folder.resolve():
        raise InputError(f"{str(out)!r} is the folder of the copies: give --out another one.")
    allow_files(jobs)
    known = references(notebooks)
    (out / KEPT).mkdir(parents=True, exist_ok=True)
    done, tasks = _sorted_out(folder, out, known, terms)
    new = _all_graded(tasks, folder, terms, jobs, len(done))
    done += new
    done.sort(key=lambda copy: (copy.learner.lower(), copy.notebook, copy.copy))
    stems = {copy.notebook for copy in done}
    return Book(done, {one.stem: one for one in known if one.stem in stems}, len(tasks) - len(new), cut_off)


def _sorted_out(folder: Path, out: Path, known: Sequence[Reference], terms: Terms) -> tuple[list[Graded], list[_Task]]:
    """Return what is known of the copies already, and what is to be graded."""
    done: list[Graded] = []
    newest: dict[tuple[str, str], _Task] = {}
    for copy in handed_in(folder, [one.stem for one in known]):
        about = Graded(copy.learner, str(copy.path.relative_to(folder)))
        match = _match(copy, known)
        if isinstance(match, str):
            done.append(replace(about, remarks=[match]))
            continue
        task = _task(copy, match, about.copy, out, terms)
        key = copy.learner, match.reference.stem
        older, newest[key] = sorted([newest.get(key, task), task], key=_changed)
        if older is not newest[key]:
            left = str(older.copy.path.relative_to(folder))
            done.append(replace(about, copy=left, remarks=["Not graded: the learner has changed another copy later."]))
    kept = {key: _read(task) for key, task in newest.items()}
    done += [copy for copy in kept.values() if copy]
    return done, [task for key, task in newest.items() if not kept[key]]


def _match(copy: HandedIn, known: Sequence[Reference]) -> Match | str:
    """Return the copy beside its notebook, or why it cannot be graded."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of cells without identifiers, or with the same one
            match = recognised(open_notebook(copy.path), known)
    except InputError as error:
        return f"Not graded: {error}"
    return match or "Not graded: it shares hardly a cell with any notebook of the course."


def _changed(task: _Task) -> tuple[float, str]:
    return task.copy.path.stat().st_mtime, str(task.copy.path)


def _task(copy: HandedIn, match: Match, name: str, out: Path, terms: Terms) -> _Task:
    parts = [copy.path.read_bytes(), match.reference.digest.encode(), repr(terms).encode(), *_sources_of_checks()]
    digest = hashlib.sha256(b"\0".join(parts)).hexdigest()
    file = f"{hashlib.sha256(name.encode()).hexdigest()[:16]}.json"
    return _Task(copy, match, out / KEPT / file, digest)


def _sources_of_checks() -> list[bytes]:
    return [path.read_bytes() for path in sorted(Path(checks.__file__).parent.glob("*.py"))]


def _all_graded(tasks: Sequence[_Task], folder: Path, terms: Terms, jobs: int, before: int) -> list[Graded]:
    """Grade copies, several at once, and return those that are done, also after an interrupt."""
    done: list[Graded] = []
    stop = Event()
    bar = tqdm(total=before + len(tasks), initial=before, desc="copies", **bar_options())
    with suppress(KeyboardInterrupt), bar, threads(jobs) as pool:
        try:
            for result in as_completed([pool.submit(_graded, task, folder, terms, stop) for task in tasks]):
                done.append(result.result())
                bar.update()
        except BaseException:
            stop.set()  # before `threads` ends the kernels: theirs is no error of a copy
            raise
    return done


def _graded(task: _Task, folder: Path, terms: Terms, stop: Event) -> Graded:
    about = Graded(task.copy.learner, str(task.copy.path.relative_to(folder)), task.match.reference.stem)
    try:
        verdicts, remarks = graded(task.match, terms, task.copy.beside, stop)
    except Exception as error:  # of whatever kind: it costs this copy only, and the next call tries again
        return replace(about, remarks=[f"Not graded: {type(error).__name__}: {error}"])
    found = replace(about, verdicts=verdicts, remarks=[*task.match.remarks, *remarks])
    if not stop.is_set():
        new = task.kept.with_suffix(".new")
        new.write_text(json.dumps({"digest": task.digest, "graded": asdict(found)}), encoding="utf-8")
        new.replace(task.kept)
    return found


def _read(task: _Task) -> Graded | None:
    """Return what is known of a copy that has not changed since."""
    try:
        kept: dict[str, Any] = json.loads(task.kept.read_text(encoding="utf-8"))
        if kept["digest"] != task.digest:
            return None
        return Graded(**{**kept["graded"], "verdicts": [Verdict(**one) for one in kept["graded"]["verdicts"]]})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_csv(book: Book, path: Path) -> None:
    """Write the book as a table that a spreadsheet opens; what a learner wrote is no formula there."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        table = csv.DictWriter(file, _COLUMNS)
        table.writeheader()
        table.writerows({name: _plain(value) for name, value in row.items()} for row in book.rows())


def _plain(value: str) -> str:
    return f"'{value}" if value.startswith(("=", "+", "-", "@")) else value


def counts(verdicts: Iterable[Verdict]) -> dict[str, int]:
    """Return how many there are of each verdict."""
    found = [one.verdict for one in verdicts]
    return {verdict: found.count(verdict) for verdict in VERDICTS}
