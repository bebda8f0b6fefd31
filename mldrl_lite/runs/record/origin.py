"""What a run was made from, and what of it has changed since.

An origin is plain values, for a run's record:

    cells     the first digits of the sha256 of each code cell
    notebook  the notebook's file, relative to the folder of the sweep; kernel, cwd, data: likewise by name
    files     by path relative to the notebook's folder: size, times of change in nanoseconds, sha256
    packages  name and version of what was imported; site: the folders in which they are installed
    watched   whether an audit hook saw what the notebook read; unwatched: what it could not see
"""

import hashlib
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from mldrl_lite.kernels.kernelspec import NAME as WARM
from mldrl_lite.messages import InputError
from mldrl_lite.runs.notebook.file import glance
from mldrl_lite.runs.notebook.places import place_of
from mldrl_lite.runs.record import installed

JOURNAL = ".watched"
"""The file in a run's folder into which its kernel notes what it reads; see `watch`."""
_PACKAGE = Path(__file__).parents[2]
_TRAINS = ("torch", "pytorch-lightning")
_MOST_FILES = 5_000
_TOO_FRESH = 2_000_000_000  # nanoseconds; a file changed again so soon after may show the same time
Stamp = tuple[int, int, int]
"""Size, time of change, time of change of its entry; as long as they stay, so does the content."""


# ---------------------------------------------------------------------------------------------------------------------
# Before and after a run


def of_notebook(node: Mapping[str, Any], notebook: str | Path, out: str, kernel: str, cwd: str) -> dict[str, Any]:
    """Return what is known of a run's origin before it runs."""
    folder = os.path.dirname(os.path.abspath(notebook))
    return {
        "cells": code_cells(node),
        "notebook": os.path.relpath(notebook, out),
        "kernel": "python3" if kernel == WARM else kernel,  # the warm one is the same Python
        "cwd": os.path.relpath(cwd, folder),
    }


def code_cells(node: Mapping[str, Any]) -> list[str]:
    """Return the first digits of the sha256 of each code cell."""
    return [hashlib.sha256(source.encode()).hexdigest()[:16] for source in _code(node)]


def _code(node: Mapping[str, Any]) -> list[str]:
    return [cell["source"] for cell in node["cells"] if cell["cell_type"] == "code"]


def named_files(values: Mapping[str, Any], cwd: str) -> list[str]:
    """Return the files that parameters name, seen from the folder `cwd`."""
    texts = [os.path.expanduser(text) for value in values.values() if (text := place_of(value))]
    return [os.path.abspath(path) for text in texts if os.path.isfile(path := os.path.join(cwd, text))]


def data_folder(data_type: str, data_dir: str, cwd: str) -> str:
    """Return the folder that these parameters name; "" when they name none, or a built-in source.

    A folder that cannot be used is the notebook's to complain about.
    """
    if data_type in ("SIMULATED", "WDBC"):
        return ""
    from mldrl_lite.sources import DATA_VARIABLE, find_folder  # here: it imports NumPy

    place = os.path.join(cwd, os.path.expanduser(data_dir)) if data_dir else ""
    found = Path(place) if place else None
    if data_type and (place or os.environ.get(DATA_VARIABLE)):
        with suppress(InputError):
            found = find_folder(data_type, place or None) or found
    return os.path.abspath(found) if found and found.is_dir() else ""


def files_below(folder: str, out: str) -> list[str]:
    """Return the files of a folder, without hidden ones and those of the sweep itself."""
    if not folder:
        return []
    own = Path(out).resolve()
    paths = sorted(Path(folder).rglob("[!.]*"))  # a file manager may leave hidden files
    return [str(path) for path in paths if path.is_file() and own not in path.resolve().parents]


def begin_journal(journal: Path, files: Iterable[str]) -> None:
    """Begin the journal of a run with the files that its parameters name."""
    lines = [json.dumps(["read", file, *stamp]) + "\n" for file in files if (stamp := stamp_of(file))]
    journal.write_text("".join(lines), encoding="utf-8")


def of_run(journal: Path, node: Mapping[str, Any], folder: str, data: str) -> dict[str, Any]:
    """Return what a run has read, from its journal.

    Args:
        journal: the file; when it is not there, nothing was watched.
        node: the notebook.
        folder: the notebook's folder, which paths are relative to.
        data: the folder of data that its parameters name, or "".
    """
    noted = _noted(journal)
    about = next((line[0] for line in noted["kernel"]), None)
    written = {name for name, *_ in noted["written"]}
    read = {name: tuple(stamp) for name, *stamp in noted["read"] if name not in written}
    files = {_shown(name, folder): [*stamp, _content(name, stamp)] for name, stamp in list(read.items())[:_MOST_FILES]}
    more = {"data": _shown(data, folder) if data else "", "files": files, "at": time.time_ns()}
    unwatched = _unwatched(noted, len(read))
    if not about:
        versions = {name: found for name in _TRAINS if (found := installed.version_of(name, ()))}
        return more | {"watched": False, "packages": versions, "site": [], "package": package_sha(), "unwatched": []}
    sources = _code(node) + [_text(name) for name in read if name.endswith(".py")]
    imported = {name for name, *_ in noted["import"]}
    packages = installed.versions(imported, installed.import_names(sources), about["loaded"], tuple(about["site"]))
    return more | {"watched": True, "packages": packages, "site": about["site"], "unwatched": unwatched}


def _noted(journal: Path) -> dict[str, list[list[Any]]]:
    noted: dict[str, list[list[Any]]] = {
        kind: [] for kind in ("kernel", "read", "written", "made", "import", "process", "network", "full")
    }
    with suppress(OSError):
        for line in journal.read_text(encoding="utf-8", errors="replace").splitlines():
            with suppress(ValueError, LookupError, TypeError):  # the last line of a killed kernel
                kind, *rest = json.loads(line)
                noted[kind].append(rest)
    return noted


def _unwatched(noted: Mapping[str, list[list[Any]]], count: int) -> list[str]:
    kinds = {"process": "what the process {} read", "network": "what came from {}"}
    kinds |= {"made": "{}, which appeared while the run went on", "full": "files after the first {}"}
    lines = [words.format(name) for kind, words in kinds.items() for name, *_ in noted[kind][:20]]
    if count > _MOST_FILES:
        lines.append(f"{count - _MOST_FILES} files more than {_MOST_FILES}")
    return [*lines, "files that libraries in C open themselves, unless a parameter names them"]


def _content(name: str, stamp: Stamp) -> str:
    """Return the sha256 of a file that the run has read; "" when it has changed since it was read."""
    return sha_of(name, stamp) if stamp_of(name) == stamp else ""


def _text(name: str) -> str:
    try:
        return Path(name).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _shown(name: str, folder: str) -> str:
    """Return a path relative to the notebook's folder, so that a project can be moved; elsewhere, as it is."""
    project = os.path.dirname(folder).rstrip(os.sep) + os.sep
    inside = len(project) > 1 and name.startswith(project)
    return Path(os.path.relpath(name, folder)).as_posix() if inside else name


# ---------------------------------------------------------------------------------------------------------------------
# Files


def stamp_of(path: str) -> Stamp | None:
    """Return size and times of change of a file, or None when it is not there."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns


@lru_cache(maxsize=50_000)
def sha_of(path: str, stamp: Stamp) -> str:
    """Return the sha256 of a file; "" when it cannot be read. Each state of a file is read once."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


@cache
def package_sha() -> str:
    """Return the sha256 of this package's code, for runs that were not watched."""
    digest = hashlib.sha256()
    for path in sorted(_PACKAGE.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


# ---------------------------------------------------------------------------------------------------------------------
# What has changed


def changes(held: Mapping[str, Any], out: str) -> list[str]:
    """Return what has changed since a run, one line each, as far as its origin tells by itself.

    Where the notebook is no longer at its place, the folder has been moved, and nothing can be told.
    """
    if not _is_complete(held):
        return ["it was made before runs noted what they read"]
    notebook = os.path.normpath(os.path.join(out, held["notebook"]))
    stamp = stamp_of(notebook)
    if stamp is None:
        return []
    return [*_changed_cells(held["cells"], _cells_of(notebook, stamp)), *_changed_reads(held, notebook, out)]


def differences(held: Mapping[str, Any], wanted: Mapping[str, Any], data: str, out: str) -> list[str]:
    """Return what separates a run from the one that is wanted now, one line each."""
    if not _is_complete(held):
        return ["it was made before runs noted what they read"]
    notebook = os.path.normpath(os.path.join(out, wanted["notebook"]))
    shown = {**wanted, "data": _shown(data, os.path.dirname(notebook)) if data else ""}
    named = {"kernel": "the kernel", "cwd": "the working folder", "data": "the folder of data"}
    lines = [f"{name} was {held[key]!r}, now {shown[key]!r}" for key, name in named.items() if held[key] != shown[key]]
    return [*_changed_cells(held["cells"], wanted["cells"]), *lines, *_changed_reads(held, notebook, out)]


def _is_complete(held: Mapping[str, Any]) -> bool:
    kinds = {"cells": list, "notebook": str, "kernel": str, "cwd": str, "data": str, "files": dict, "packages": dict}
    kinds |= {"site": list, "watched": bool, "at": int}
    return all(isinstance(held.get(key), kind) for key, kind in kinds.items())


@lru_cache(maxsize=256)
def _cells_of(notebook: str, stamp: Stamp) -> list[str] | None:
    try:
        return code_cells(glance(notebook))
    except Exception:  # whatever somebody has put there
        return None


def _changed_cells(held: Sequence[str], now: Sequence[str] | None) -> Iterator[str]:
    if now is None:
        yield "the notebook can no longer be read"
    elif len(held) != len(now):
        yield f"the notebook had {len(held)} code cells, now {len(now)}"
    elif differ := [str(i) for i, (then, cell) in enumerate(zip(held, now, strict=True), start=1) if then != cell]:
        yield f"the notebook's code changed: code cell {', '.join(differ)}"


def _changed_reads(held: Mapping[str, Any], notebook: str, out: str) -> Iterator[str]:
    folder = os.path.dirname(notebook)
    for name, entry in held["files"].items():
        yield from _changed_file(name, os.path.normpath(os.path.join(folder, name)), entry, held["at"])
    if held["data"]:
        yield from _new_files(held, folder, out)
    site = tuple(held["site"])
    elsewhere = bool(site) and not any(map(os.path.isdir, site))  # another machine's; its build may be another, too
    for name, then in held["packages"].items():
        now = installed.version_of(name, () if elsewhere else site)
        if now != then and not (elsewhere and installed.public(now) == installed.public(then)):
            yield f"{name} was {then}, " + (f"now {now}" if now else "and is no longer installed")
    if not held["watched"] and held.get("package") != package_sha():
        yield "the code of mldrl_lite changed"


def _changed_file(name: str, path: str, entry: Sequence[Any], at: int) -> Iterator[str]:
    size, *times, sha = entry
    stamp = stamp_of(path)
    if stamp is None:
        yield f"{name} is gone"
    elif not sha:
        yield f"{name} changed while the run read it"
    elif stamp[0] != size:
        yield f"{name} had {size} bytes, now {stamp[0]}"
    elif (list(stamp[1:]) != times or at - max(times) < _TOO_FRESH) and sha_of(path, stamp) != sha:
        yield f"{name} has the same size but another content"


def _new_files(held: Mapping[str, Any], folder: str, out: str) -> Iterator[str]:
    data = os.path.normpath(os.path.join(folder, held["data"]))
    for path in _files_below(data, out):
        name = _shown(path, folder)
        if name not in held["files"]:
            yield f"{name} is new"


_files_below = cache(files_below)


def look_anew() -> None:
    """Forget what this process knows of installed packages, this package's code and lists of files."""
    for known in (package_sha, _files_below, *installed.KNOWN):
        known.cache_clear()
