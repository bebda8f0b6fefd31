"""Which exercises a learner has solved: a small file in the learner's own folder, which nobody else gets to see.

Each line of it names a check that was passed. It is written where somebody works in a page, as in JupyterLab, and not
by papermill, nbval or a script. The environment variable MLDRL_LITE_PROGRESS names another file, and then it is always
written; an empty one turns the record off.
"""

import json
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from mldrl_lite.messages import InputError, did_you_mean, listing
from mldrl_lite.teach.contents import EXERCISES

VARIABLE = "MLDRL_LITE_PROGRESS"


def place() -> Path | None:
    """Return the file of the record, which may not be there; None where the record is turned off."""
    if VARIABLE in os.environ:
        given = os.environ[VARIABLE]
        return Path(given).expanduser() if given else None
    import platformdirs

    return platformdirs.user_data_path("mldrl-lite", appauthor=False) / "progress.jsonl"


def _place_of_this_page() -> Path | None:
    return None if _why_not_recorded() else place()


def _why_not_recorded() -> str:
    """Say why nothing is recorded in this page; "" where it is."""
    if os.environ.get(VARIABLE):
        return ""
    if not _somebody_works_here():
        return "the page is not open in JupyterLab or VS Code"
    return f"{VARIABLE} is empty" if VARIABLE in os.environ else ""


def _somebody_works_here() -> bool:
    """Say whether a front end has opened this kernel for a page; what runs notebooks unattended leaves no such mark."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    in_vs_code = "__vsc_ipynb_file__" in getattr(shell, "user_ns", ())
    return in_vs_code or "JPY_SESSION_NAME" in os.environ  # the second one is of Jupyter's server


def solved(file: Path | None) -> list[str]:
    """Return the names of the checks that a file records, in the order in which they were passed."""
    lines: list[str] = []
    with suppress(OSError):
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines() if file else []
    names: dict[str, None] = {}
    for line in lines:
        with suppress(ValueError, TypeError, KeyError):  # such as a line that a full disk has cut
            names[json.loads(line)["solved"]] = None
    return list(names)


def note(check: str) -> None:
    """Record that a check is passed. A folder that cannot be written costs the record and nothing else."""
    file = _place_of_this_page()
    if file is None or check in solved(file):
        return
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        # One write at the end of the file: two kernels at once lose nothing, and no line is half written.
        with file.open("ab", buffering=0) as stream:
            stream.write(json.dumps({"solved": check}).encode() + b"\n")


@dataclass(frozen=True)
class Progress:
    """What is solved in one notebook, as a page shows it and as a terminal does."""

    notebook: str
    done: tuple[bool, ...]
    """For each of its exercises in order."""
    not_recorded: str = ""
    """Why nothing is recorded where it is shown; "" where it is."""

    @property
    def open(self) -> list[int]:
        """The numbers of the exercises that are not solved."""
        return [number for number, is_done in enumerate(self.done, 1) if not is_done]

    def __repr__(self) -> str:
        if self.not_recorded:
            return f"Not recorded here: {self.not_recorded}. This notebook has {len(self.done)} exercises."
        if not any(self.done):
            return f"Nothing is solved yet in this notebook; it has {len(self.done)} exercises."
        if not self.open:
            return f"All {len(self.done)} exercises of this notebook are solved."
        more = f"Go on with exercise {self.open[0]}."
        return f"{sum(self.done)} of the {len(self.done)} exercises of this notebook are solved. {more}"

    def _repr_html_(self) -> str:
        if self.not_recorded:
            return f"<p>{self!r}</p>"
        boxes = "".join("■" if is_done else "□" for is_done in self.done)
        return f'<p><span aria-hidden="true">{boxes}</span> {self!r}</p>'


def progress(notebook: str) -> Progress:
    """Return what is solved in a notebook; as the last value of a cell, it is displayed.

    Args:
        notebook: the number that the name of the notebook begins with, such as "00" or "A1".

    Raises:
        InputError: no notebook has this number.
    """
    found = [item for item in course(_place_of_this_page()) if item.notebook.split("_")[0] == notebook]
    if not found:
        known = [stem.split("_")[0] for stem in EXERCISES]
        near = did_you_mean(notebook, known)
        raise InputError(f"No notebook has the number {notebook!r}{near}: give one of {listing(known)}.")
    return replace(found[0], not_recorded=_why_not_recorded())


def course(file: Path | None) -> list[Progress]:
    """Return what a file records of each notebook, in the course's order."""
    done = solved(file)
    return [Progress(stem, tuple(check in done for check in checks)) for stem, checks in EXERCISES.items()]


def next_notebook(items: Sequence[Progress], done: Sequence[str]) -> Progress | None:
    """Return where to go on: the notebook of the latest exercise, or else the first with one open; None: all done."""
    latest = next((item for item in items if done and done[-1] in EXERCISES[item.notebook]), None)
    return next((item for item in filter(None, (latest, *items)) if item.open), None)
