"""Who has handed in what: a folder for each learner, or a file named after the learner."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mldrl_lite.messages import InputError

_LEFT_BEHIND = {"runs", "__pycache__", "venv"}
"""Folders in which notebooks are no answers: what runs have left, say."""
_COPY = re.compile(r"(-?\s*copy\s*\d*|\s*\(\d+\))+$", re.I)
"""What programs add to the name of a second copy."""


@dataclass(frozen=True)
class HandedIn:
    """One file, and whose it is."""

    learner: str
    path: Path
    beside: Path | None
    """The learner's folder, whose other files the notebook may need; None where files of several lie together."""


def handed_in(folder: Path, stems: Iterable[str]) -> list[HandedIn]:
    """Return the notebooks in a folder, by learner.

    In `folder/mia/…/anything.ipynb`, mia is the learner; in `folder/mia_01_datamodule.ipynb`, too.

    Args:
        folder: what the learners have handed in.
        stems: the names of the course's notebooks, which are no part of a learner's name.

    Raises:
        InputError: there is no notebook in it.
    """
    if not folder.is_dir():
        raise InputError(f"No folder {str(folder)!r}: give the folder that holds the learners' copies.")
    paths = sorted(path for path in folder.rglob("*.ipynb") if _is_answer(path.relative_to(folder)))
    if not paths:
        raise InputError(f"No notebook in {str(folder)!r}: give the folder that holds the learners' copies.")
    stems = list(stems)
    return [_of_a_folder(folder, path) or HandedIn(_named(path.stem, stems), path, None) for path in paths]


def _is_answer(path: Path) -> bool:
    return not any(part.startswith(".") or part in _LEFT_BEHIND for part in path.parts)


def _of_a_folder(folder: Path, path: Path) -> HandedIn | None:
    parts = path.relative_to(folder).parts
    return HandedIn(parts[0], path, folder / parts[0]) if len(parts) > 1 else None


def _named(stem: str, stems: Iterable[str]) -> str:
    name = _COPY.sub("", stem)
    for known in stems:
        name = name.replace(known, "")
    return name.strip(" _-.") or stem
