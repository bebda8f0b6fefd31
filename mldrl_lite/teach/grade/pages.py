"""What a teacher reads: a page for the class, and one for each learner. Neither shows the source of a check."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader

from mldrl_lite.teach.contents import EXERCISES
from mldrl_lite.teach.grade.book import Book, counts
from mldrl_lite.teach.grade.exercises import Exercise, Reference
from mldrl_lite.teach.grade.grading import VERDICTS, Verdict
from mldrl_lite.teach.markup import as_text

CLASS, LEARNERS = "index.html", "learners"
SIGNS = dict(zip(VERDICTS, "✓✗–!∞", strict=True))
_MOST_NUDGES = 15


@dataclass(frozen=True)
class ExerciseOfClass:
    """One exercise in all copies of its notebook."""

    notebook: str
    exercise: Exercise
    counts: dict[str, int]
    """How many copies have each verdict."""
    nudge: str
    """What is said most often; "" where all is right."""

    @property
    def failed(self) -> float:
        """The share of the copies that have no right answer."""
        return 1 - self.counts["right"] / sum(self.counts.values())


def write_pages(book: Book, out: Path) -> None:
    """Write `index.html` and `learners/NAME.html`; the pages of learners who are gone go, too."""
    environment = Environment(
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=PackageLoader("mldrl_lite.teach.grade", "templates"),
    )
    environment.globals |= {"signs": SIGNS, "slug": slug, "verdicts": VERDICTS}
    folder = out / LEARNERS
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {folder / f"{slug(copy.learner)}.html" for copy in book.copies}
    for old in {*folder.glob("*.html")} - wanted:
        old.unlink()
    for learner in {copy.learner for copy in book.copies}:
        copies = [copy for copy in book.copies if copy.learner == learner]
        page = environment.get_template("learner.html").render(learner=learner, book=book, copies=copies, look=_look)
        (folder / f"{slug(learner)}.html").write_text(page, encoding="utf-8")
    page = environment.get_template("class.html").render(
        book=book,
        rows=_rows(book),
        exercises=sorted(exercises_of_class(book), key=lambda one: -one.failed),
        nudges=common_nudges(book),
        total=counts(one for copy in book.copies for one in copy.verdicts),
        remarked=[copy for copy in book.copies if copy.remarks],
    )
    (out / CLASS).write_text(page, encoding="utf-8")


def slug(learner: str) -> str:
    """Return a file's name for a learner, another one for each."""
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", learner).strip("-")
    return plain if plain == learner else f"{plain}-{hashlib.sha256(learner.encode()).hexdigest()[:6]}"


def _look(notebook: str, exercise: Exercise) -> str:
    """Return where to look, as the check says it at a second try."""
    return as_text(EXERCISES[notebook][exercise.check].look) if exercise.check in EXERCISES.get(notebook, {}) else ""


def _rows(book: Book) -> list[tuple[str, dict[tuple[str, int], Verdict]]]:
    """Return each learner with the verdicts by notebook and number."""
    rows: dict[str, dict[tuple[str, int], Verdict]] = {copy.learner: {} for copy in book.copies}
    for copy in book.copies:
        rows[copy.learner] |= {(copy.notebook, one.exercise): one for one in copy.verdicts}
    return list(rows.items())


def exercises_of_class(book: Book) -> Iterable[ExerciseOfClass]:
    """Yield each exercise that somebody has handed in, in the order of the course."""
    for stem, reference in book.references.items():
        copies = [copy for copy in book.copies if copy.notebook == stem and copy.verdicts]
        for exercise in reference.exercises if copies else ():
            found = [one for copy in copies for one in copy.verdicts if one.exercise == exercise.number]
            nudges = Counter(_kind(one.nudge) for one in found if one.nudge)
            most = nudges.most_common(1)
            example = next((one.nudge for one in found if most and _kind(one.nudge) == most[0][0]), "")
            yield ExerciseOfClass(stem, exercise, counts(found), example)


def common_nudges(book: Book) -> Sequence[tuple[int, str, Exercise, str]]:
    """Return the nudges that come most: how often, the notebook, the exercise and the words."""
    found: Counter[tuple[str, int, str]] = Counter()
    examples: dict[tuple[str, int, str], str] = {}
    for copy in book.copies:
        for one in copy.verdicts:
            key = copy.notebook, one.exercise, _kind(one.nudge)
            if one.nudge and one.verdict != "empty":
                found[key] += 1
                examples.setdefault(key, one.nudge)
    return [
        (times, key[0], _exercise(book.references[key[0]], key[1]), examples[key])
        for key, times in found.most_common(_MOST_NUDGES)
    ]


def _exercise(reference: Reference, number: int) -> Exercise:
    return reference.exercises[number - 1]


def _kind(nudge: str) -> str:
    """Return a nudge without its numbers: with others, it is the same one."""
    return re.sub(r"\d[\d.]*", "0", nudge)
