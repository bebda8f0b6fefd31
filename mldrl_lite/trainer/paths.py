"""The files that a command of this room is given: Python files, notebooks, and folders of them."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from mldrl_lite.messages import InputError

SKIPPED = ("node_modules", "__pycache__", "site-packages", "venv", "build", "dist")
"""Folders that hold no sources of the user; hidden ones and virtual environments are left out too."""
_KINDS = (".py", ".ipynb")

Item = TypeVar("Item")


def sources_in(paths: Iterable[str | Path]) -> Iterator[Path]:
    """Yield the files, and the Python files and notebooks in the folders, each once, in the order of their names.

    Raises:
        InputError: there is no such file or folder, or a file is neither Python nor a notebook.
    """
    seen = set()
    for path in map(Path, paths):
        if not path.exists():
            raise InputError(f"{path} does not exist: give a Python file, a notebook or a folder.")
        if not path.is_dir() and (path.suffix not in (*_KINDS, ".pyi") or not path.is_file()):
            raise InputError(f"{path} is neither a Python file nor a notebook: give .py, .ipynb or a folder.")
        for file in _inside(path) if path.is_dir() else [path]:
            if (real := file.resolve()) not in seen:
                seen.add(real)
                yield file


def _inside(folder: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not _is_skipped(Path(root, name)))
        for name in sorted(names):
            file = Path(root, name)
            if file.suffix in _KINDS and file.is_file():
                yield file


def _is_skipped(folder: Path) -> bool:
    return folder.name in SKIPPED or folder.name.startswith(".") or (folder / "pyvenv.cfg").exists()


def watched(items: Iterable[Item], doing: str, delay: float = 2) -> Iterator[Item]:
    """Yield the items; on a terminal, what takes longer than `delay` seconds shows a bar on standard error."""
    from tqdm import tqdm

    return iter(tqdm(list(items), doing, unit="file", leave=False, delay=delay, disable=None))
